//! Upload sessions.

use super::row::{self, Row};
use super::value::params;
use holdfast_access::RegistryId;
use holdfast_model::{
    GarbageObject, MetadataError, StaleUpload, StorageAccountId, Timestamp, UploadBytes, UploadId, UploadProgress,
    UploadRead, UploadRecord, UploadStub, UploadTarget, UploadTx,
};
use holdfast_oci::RepositoryName;

use super::column;
use super::session::Session;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, registry_id, repository, actor, storage_account_id, object_key, algorithm, \
             offset_bytes, hash_state, store_state, started_at, updated_at, held, is_begun FROM upload ",
            $rest
        )
    };
}

const FIND_TARGET: &str = "SELECT storage_account_id, attributes, manifest_count, \
    (SELECT count(*) FROM upload WHERE upload.registry_id = ?1 AND actor = ?3) \
    FROM registry LEFT JOIN repository ON repository.registry_id = registry.id AND repository.name = ?2 \
    WHERE registry.id = ?1 AND is_deleting = 0";
const FIND: &str = select!("WHERE id = ?1");
const LIST_STALE: &str = "SELECT updated_at, id FROM upload INDEXED BY upload_by_time \
    WHERE updated_at < ?1 AND (updated_at, id) > (?2, ?3) ORDER BY updated_at, id LIMIT ?4";
const LIST_STUBS: &str = "SELECT id, is_begun, storage_account_id, object_key, offset_bytes, store_state FROM upload \
    WHERE registry_id = ?1 LIMIT ?2";
const LIST_OF_CALLER: &str = "SELECT updated_at, id FROM upload INDEXED BY upload_by_actor \
    WHERE registry_id = ?1 AND actor = ?2 ORDER BY updated_at, id LIMIT ?3";
const COUNT: &str = "SELECT count(*) FROM upload WHERE registry_id = ?1 AND actor = ?2";

impl UploadRead for Session<'_> {
    fn find_upload_target(
        &mut self,
        registry: RegistryId,
        repository: &RepositoryName,
        actor: &str,
    ) -> Result<Option<UploadTarget>, MetadataError> {
        let params = params![registry.0, repository.as_str(), actor];
        self.find("looked where an upload is to be", FIND_TARGET, params, |row| {
            let manifests: Option<i64> = row.get(2)?;
            let has_manifests = manifests.is_some_and(|count| count > 0);
            Ok(UploadTarget {
                storage_account: StorageAccountId(row.get(0)?),
                attributes: has_manifests.then(|| column::attributes(row, 1)).transpose()?,
                open_uploads: column::unsigned(row, 3)?,
            })
        })
    }

    fn find_upload(&mut self, id: UploadId) -> Result<Option<UploadRecord>, MetadataError> {
        self.find("looked up an upload", FIND, params![id.0.as_bytes()], upload_row)
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

    fn list_uploads_of_registry(
        &mut self,
        registry: RegistryId,
        limit: usize,
    ) -> Result<Vec<UploadStub>, MetadataError> {
        let params = params![registry.0, column::limit(limit)];
        self.list("listed a registry's uploads", LIST_STUBS, params, stub_row)
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
    object_key, algorithm, offset_bytes, hash_state, store_state, started_at, updated_at, held, is_begun) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
// Another node may have begun the object since this one looked.
const SAVE: &str = "UPDATE upload SET offset_bytes = ?3, hash_state = ?4, store_state = ?5, updated_at = ?6, held = ?7, \
    is_begun = is_begun | ?8 WHERE id = ?1 AND offset_bytes = ?2";
const BEGIN_OBJECT: &str = "UPDATE upload SET is_begun = 1 WHERE id = ?1 AND offset_bytes = ?2";
const REMOVE: &str = "DELETE FROM upload WHERE id = ?1 \
    RETURNING id, is_begun, storage_account_id, object_key, offset_bytes, store_state";

impl UploadTx for Session<'_> {
    fn insert_upload(&mut self, upload: &UploadRecord) -> Result<(), MetadataError> {
        let (held, state, is_begun) = byte_columns(&upload.bytes);
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
            state,
            upload.started_at.0,
            upload.updated_at.0,
            held,
            is_begun,
        ];
        self.change("inserted an upload", INSERT, params).map(drop)
    }

    fn save_upload(
        &mut self,
        id: UploadId,
        expected_offset: u64,
        saved: &UploadProgress,
        now: Timestamp,
    ) -> Result<bool, MetadataError> {
        let (held, state, is_begun) = byte_columns(&saved.bytes);
        let params = params![
            id.0.as_bytes(),
            column::integer(expected_offset),
            column::integer(saved.offset),
            saved.hash_state,
            state,
            now.0,
            held,
            is_begun,
        ];
        Ok(self.change("saved an upload's progress", SAVE, params)? > 0)
    }

    fn begin_upload_object(&mut self, id: UploadId, expected_offset: u64) -> Result<bool, MetadataError> {
        let params = params![id.0.as_bytes(), column::integer(expected_offset)];
        Ok(self.change("said that an upload has an object", BEGIN_OBJECT, params)? > 0)
    }

    fn remove_upload(&mut self, id: UploadId) -> Result<Option<UploadStub>, MetadataError> {
        let removed = self.put("removed an upload", REMOVE, params![id.0.as_bytes()], stub_row)?;
        Ok(removed.into_iter().next())
    }
}

/// The columns `held`, `store_state` and `is_begun`.
fn byte_columns(bytes: &UploadBytes) -> (&[u8], &[u8], bool) {
    match bytes {
        UploadBytes::Row(held) => (held, &[], false),
        UploadBytes::Object { held, state } => (held, state, true),
    }
}

/// The columns of [`LIST_STUBS`].
fn stub_row(row: &Row<'_>) -> row::Result<UploadStub> {
    let garbage = || {
        Ok::<_, row::Misread>(GarbageObject {
            storage_account: StorageAccountId(row.get(2)?),
            object_key: column::object_key(row, 3)?,
            size_bytes: column::unsigned(row, 4)?,
            unfinished: Some(row.get(5)?),
        })
    };
    let is_begun: bool = row.get(1)?;
    Ok(UploadStub {
        id: UploadId(column::uuid(row, 0)?),
        garbage: is_begun.then(garbage).transpose()?,
    })
}

fn stale_row(row: &Row<'_>) -> row::Result<StaleUpload> {
    Ok(StaleUpload {
        updated_at: column::timestamp(row, 0)?,
        id: UploadId(column::uuid(row, 1)?),
    })
}

fn upload_row(row: &Row<'_>) -> row::Result<UploadRecord> {
    let held = row.get::<Vec<u8>>(12)?.into();
    let bytes = if row.get(13)? {
        let state = row.get(9)?;
        UploadBytes::Object { held, state }
    } else {
        UploadBytes::Row(held)
    };
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
        bytes,
        started_at: column::timestamp(row, 10)?,
        updated_at: column::timestamp(row, 11)?,
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[
    FIND_TARGET,
    FIND,
    LIST_STALE,
    LIST_STUBS,
    LIST_OF_CALLER,
    COUNT,
    INSERT,
    SAVE,
    BEGIN_OBJECT,
    REMOVE,
];
