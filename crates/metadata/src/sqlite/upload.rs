//! Upload sessions.

use holdfast_access::RegistryId;
use holdfast_model::{
    Checkpoint, MetadataError, StaleUpload, StorageAccountId, Timestamp, UploadId, UploadObject, UploadRead,
    UploadRecord, UploadTx,
};
use rusqlite::{Row, params};

use super::column;
use super::session::Session;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, registry_id, repository, actor, storage_account_id, object_key, algorithm, \
             offset_bytes, hash_state, store_state, started_at, updated_at FROM upload ",
            $rest
        )
    };
}

const FIND: &str = select!("WHERE id = ?1");
const LIST_STALE: &str = "SELECT updated_at, id FROM upload INDEXED BY upload_by_time \
    WHERE updated_at < ?1 AND (updated_at, id) > (?2, ?3) ORDER BY updated_at, id LIMIT ?4";
const LIST_OBJECTS: &str =
    "SELECT id, storage_account_id, object_key, offset_bytes, store_state FROM upload WHERE registry_id = ?1 LIMIT ?2";
const LIST_OF_CALLER: &str = "SELECT updated_at, id FROM upload INDEXED BY upload_by_actor \
    WHERE registry_id = ?1 AND actor = ?2 ORDER BY updated_at, id LIMIT ?3";
const COUNT: &str = "SELECT count(*) FROM upload WHERE registry_id = ?1 AND actor = ?2";

impl UploadRead for Session<'_> {
    fn find_upload(&mut self, id: UploadId) -> Result<Option<UploadRecord>, MetadataError> {
        self.find("looked up an upload", FIND, [id.0.as_bytes()], upload_row)
    }

    fn list_stale_uploads(
        &mut self,
        before: Timestamp,
        after: Option<StaleUpload>,
        limit: usize,
    ) -> Result<Vec<StaleUpload>, MetadataError> {
        // Nothing sorts before the empty id.
        let (moment, id) = after.map_or((i64::MIN, Vec::new()), |after| {
            (after.updated_at.0, after.id.0.as_bytes().to_vec())
        });
        let params = params![before.0, moment, id, column::limit(limit)];
        self.list("listed stale uploads", LIST_STALE, params, stale_row)
    }

    fn list_objects_of_uploads(
        &mut self,
        registry: RegistryId,
        limit: usize,
    ) -> Result<Vec<UploadObject>, MetadataError> {
        let params = params![registry.0, column::limit(limit)];
        self.list("listed a registry's uploads", LIST_OBJECTS, params, |row| {
            Ok(UploadObject {
                id: UploadId(column::uuid(row, 0)?),
                storage_account: StorageAccountId(row.get(1)?),
                object_key: column::object_key(row, 2)?,
                offset: column::unsigned(row, 3)?,
                store_state: row.get(4)?,
            })
        })
    }

    fn count_uploads(&mut self, registry: RegistryId, actor: &str) -> Result<u64, MetadataError> {
        let count = self.find("counted uploads", COUNT, params![registry.0, actor], |row| {
            column::unsigned(row, 0)
        })?;
        Ok(count.unwrap_or_default())
    }

    fn list_uploads_of_caller(
        &mut self,
        registry: RegistryId,
        actor: &str,
        limit: usize,
    ) -> Result<Vec<StaleUpload>, MetadataError> {
        let params = params![registry.0, actor, column::limit(limit)];
        self.list("listed a caller's uploads", LIST_OF_CALLER, params, stale_row)
    }
}

const INSERT: &str = "INSERT INTO upload (id, registry_id, repository, actor, storage_account_id, \
    object_key, algorithm, offset_bytes, hash_state, store_state, started_at, updated_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
const SAVE: &str = "UPDATE upload SET offset_bytes = ?3, hash_state = ?4, store_state = ?5, updated_at = ?6 \
    WHERE id = ?1 AND offset_bytes = ?2";
const REMOVE: &str = "DELETE FROM upload WHERE id = ?1";

impl UploadTx for Session<'_> {
    fn insert_upload(&mut self, upload: &UploadRecord) -> Result<(), MetadataError> {
        let params = params![
            upload.id.0.as_bytes(),
            upload.registry.0,
            upload.repository.as_str(),
            upload.actor,
            upload.storage_account.0,
            upload.object_key.uuid().into_bytes(),
            upload.algorithm.as_str(),
            column::integer(upload.offset),
            upload.hash_state,
            upload.store_state,
            upload.started_at.0,
            upload.updated_at.0,
        ];
        self.change("inserted an upload", INSERT, params).map(drop)
    }

    fn save_upload(
        &mut self,
        id: UploadId,
        expected_offset: u64,
        saved: &Checkpoint,
        hash_state: &[u8],
        now: Timestamp,
    ) -> Result<bool, MetadataError> {
        let params = params![
            id.0.as_bytes(),
            column::integer(expected_offset),
            column::integer(saved.offset),
            hash_state,
            saved.state,
            now.0,
        ];
        Ok(self.change("saved an upload's progress", SAVE, params)? > 0)
    }

    fn remove_upload(&mut self, id: UploadId) -> Result<bool, MetadataError> {
        Ok(self.change("removed an upload", REMOVE, [id.0.as_bytes()])? > 0)
    }
}

fn stale_row(row: &Row<'_>) -> rusqlite::Result<StaleUpload> {
    Ok(StaleUpload {
        updated_at: column::timestamp(row, 0)?,
        id: UploadId(column::uuid(row, 1)?),
    })
}

fn upload_row(row: &Row<'_>) -> rusqlite::Result<UploadRecord> {
    Ok(UploadRecord {
        id: UploadId(column::uuid(row, 0)?),
        registry: RegistryId(row.get(1)?),
        repository: column::word(row, 2)?,
        actor: row.get(3)?,
        storage_account: StorageAccountId(row.get(4)?),
        object_key: column::object_key(row, 5)?,
        algorithm: column::word(row, 6)?,
        offset: column::unsigned(row, 7)?,
        hash_state: row.get(8)?,
        store_state: row.get(9)?,
        started_at: column::timestamp(row, 10)?,
        updated_at: column::timestamp(row, 11)?,
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[
    FIND,
    LIST_STALE,
    LIST_OBJECTS,
    LIST_OF_CALLER,
    COUNT,
    INSERT,
    SAVE,
    REMOVE,
];
