//! Blobs and their links into repositories. The bytes of small ones are in a table of their own, those of others elsewhere.

use super::row::{self, Row};
use super::value::params;
use bytes::Bytes;
use holdfast_access::RegistryId;
use holdfast_model::{
    BlobId, BlobPlace, BlobRead, BlobRecord, BlobStub, BlobTx, MetadataError, NewBlob, NewBlobBytes, ObjectKey,
    PulledBlob, RepositoryId, StorageAccountId, Timestamp,
};
use holdfast_oci::{Digest, RepositoryName};
use uuid::Uuid;

use super::column;
use super::session::Session;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT blob.id, blob.storage_account_id, blob.digest, blob.size_bytes, blob.object_key FROM ",
            $rest
        )
    };
}

const FIND_LINKED: &str = select!(
    "blob_link CROSS JOIN blob ON blob.id = blob_link.blob_id \
     WHERE blob_link.repository_id = ?1 AND blob_link.digest = ?2"
);
const FIND_LINKED_SOME: &str = select!(
    "blob_link CROSS JOIN blob ON blob.id = blob_link.blob_id \
     WHERE blob_link.repository_id = ?1 AND blob_link.digest IN (SELECT unhex(value) FROM json_each(?2))"
);
const FIND_PULLED: &str = "SELECT blob.id, blob.storage_account_id, blob.digest, blob.size_bytes, blob.object_key, \
    repository.id, attributes, manifest_count, data_endpoint FROM repository \
    CROSS JOIN registry ON registry.id = repository.registry_id \
    CROSS JOIN blob_link ON blob_link.repository_id = repository.id AND blob_link.digest = ?3 \
    CROSS JOIN blob ON blob.id = blob_link.blob_id WHERE repository.registry_id = ?1 AND repository.name = ?2";
const FIND: &str = select!("blob WHERE storage_account_id = ?1 AND digest = ?2");
const IS_LINKED: &str = "SELECT 1 FROM blob_link WHERE blob_id = ?1 LIMIT 1";
const LIST_REPOSITORIES: &str = "SELECT repository.name FROM registry \
    CROSS JOIN blob ON blob.storage_account_id = registry.storage_account_id AND blob.digest = ?2 \
    CROSS JOIN blob_link ON blob_link.blob_id = blob.id AND blob_link.registry_id = ?1 \
    CROSS JOIN repository ON repository.id = blob_link.repository_id \
    WHERE registry.id = ?1 LIMIT ?3";
const FIND_BYTES: &str = "SELECT bytes FROM blob_content WHERE blob_id = ?1";
const LIST_STUBS: &str = "SELECT blob.id, blob.storage_account_id, blob.object_key, blob.size_bytes FROM blob_link \
    CROSS JOIN blob ON blob.id = blob_link.blob_id WHERE blob_link.repository_id = ?1 LIMIT ?2";
const SCAN: &str = select!("blob WHERE id > ?1 ORDER BY id LIMIT ?2");
const SCAN_IDS: &str = "SELECT id FROM blob WHERE id > ?1 ORDER BY id LIMIT ?2";
const TOTALS: &str = "SELECT (SELECT value FROM total WHERE name = 'blobs'), \
    (SELECT value FROM total WHERE name = 'blob_bytes')";
const IS_OBJECT_KNOWN: &str = "SELECT 1 WHERE \
    EXISTS (SELECT 1 FROM blob WHERE storage_account_id = ?1 AND object_key = ?2 \
        AND object_key <> x'00000000000000000000000000000000') \
    OR EXISTS (SELECT 1 FROM upload WHERE storage_account_id = ?1 AND object_key = ?2) \
    OR EXISTS (SELECT 1 FROM candidate WHERE kind = 4 AND owner_id = ?1 AND name = ?2)";

impl BlobRead for Session<'_> {
    fn find_linked_blob(
        &mut self,
        repository: RepositoryId,
        digest: &Digest,
    ) -> Result<Option<BlobRecord>, MetadataError> {
        self.find(
            "looked up a linked blob",
            FIND_LINKED,
            params![repository.0, digest.to_db()],
            blob_row,
        )
    }

    fn find_linked_blobs(
        &mut self,
        repository: RepositoryId,
        digests: &[Digest],
    ) -> Result<Vec<BlobRecord>, MetadataError> {
        let params = params![repository.0, column::digests_text(digests)];
        self.list("looked up linked blobs", FIND_LINKED_SOME, params, blob_row)
    }

    fn find_pulled_blob(
        &mut self,
        registry: RegistryId,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<PulledBlob>, MetadataError> {
        let params = params![registry.0, repository.as_str(), digest.to_db()];
        self.find("looked up a blob for a pull", FIND_PULLED, params, |row| {
            let has_manifests = column::unsigned(row, 7)? > 0;
            Ok(PulledBlob {
                repository: RepositoryId(row.get(5)?),
                attributes: has_manifests.then(|| column::attributes(row, 6)).transpose()?,
                by_url: row.get(8)?,
                blob: blob_row(row)?,
            })
        })
    }

    fn find_blob(
        &mut self,
        storage_account: StorageAccountId,
        digest: &Digest,
    ) -> Result<Option<BlobRecord>, MetadataError> {
        self.find(
            "looked up a blob",
            FIND,
            params![storage_account.0, digest.to_db()],
            blob_row,
        )
    }

    fn find_blob_bytes(&mut self, id: BlobId) -> Result<Option<Bytes>, MetadataError> {
        let bytes = self.find("read a blob", FIND_BYTES, params![id.0], |row| row.get::<Vec<u8>>(0))?;
        Ok(bytes.map(Bytes::from))
    }

    fn is_blob_linked(&mut self, id: BlobId) -> Result<bool, MetadataError> {
        self.exists("looked for a blob's links", IS_LINKED, params![id.0])
    }

    fn list_repositories_with_blob(
        &mut self,
        registry: RegistryId,
        digest: &Digest,
        limit: usize,
    ) -> Result<Vec<RepositoryName>, MetadataError> {
        let params = params![registry.0, digest.to_db(), column::limit(limit)];
        self.list("listed repositories with a blob", LIST_REPOSITORIES, params, |row| {
            column::word(row, 0)
        })
    }

    fn list_blobs_of_repository(
        &mut self,
        repository: RepositoryId,
        limit: usize,
    ) -> Result<Vec<BlobStub>, MetadataError> {
        let params = params![repository.0, column::limit(limit)];
        self.list("listed a repository's blobs", LIST_STUBS, params, |row| {
            Ok(BlobStub {
                id: BlobId(row.get(0)?),
                storage_account: StorageAccountId(row.get(1)?),
                place: place(row, 2)?,
                size_bytes: column::unsigned(row, 3)?,
            })
        })
    }

    fn scan_blobs(&mut self, after: BlobId, limit: usize) -> Result<Vec<BlobRecord>, MetadataError> {
        self.list(
            "walked over blobs",
            SCAN,
            params![after.0, column::limit(limit)],
            blob_row,
        )
    }

    fn scan_blob_ids(&mut self, after: BlobId, limit: usize) -> Result<Vec<BlobId>, MetadataError> {
        let params = params![after.0, column::limit(limit)];
        self.list("walked over blobs", SCAN_IDS, params, |row| row.get(0).map(BlobId))
    }

    fn count_blobs(&mut self) -> Result<(u64, u64), MetadataError> {
        let totals = self.find("counted blobs", TOTALS, params![], |row| {
            Ok((column::unsigned(row, 0)?, column::unsigned(row, 1)?))
        })?;
        Ok(totals.unwrap_or_default())
    }

    fn is_object_known(
        &mut self,
        storage_account: StorageAccountId,
        object_key: &ObjectKey,
    ) -> Result<bool, MetadataError> {
        let params = params![storage_account.0, object_key.uuid().into_bytes()];
        self.exists("looked for an object's row", IS_OBJECT_KNOWN, params)
    }
}

const INSERT: &str = "INSERT INTO blob (storage_account_id, digest, size_bytes, object_key, created_at) \
    VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id";
const INSERT_BYTES: &str = "INSERT INTO blob_content (blob_id, bytes) VALUES (?1, ?2)";
const LINK: &str = "INSERT INTO blob_link (repository_id, digest, blob_id, registry_id, created_at) \
    VALUES (?1, (SELECT digest FROM blob WHERE id = ?2), ?2, (SELECT registry_id FROM repository WHERE id = ?1), ?3) \
    ON CONFLICT (repository_id, digest) DO NOTHING";
const UNLINK: &str = "DELETE FROM blob_link \
    WHERE repository_id = ?1 AND digest = (SELECT digest FROM blob WHERE id = ?2) AND blob_id = ?2";
const REMOVE: &str = "DELETE FROM blob WHERE id = ?1";

impl BlobTx for Session<'_> {
    fn insert_blob(&mut self, blob: &NewBlob) -> Result<BlobId, MetadataError> {
        let key = match &blob.bytes {
            NewBlobBytes::Row(_) => NO_OBJECT,
            NewBlobBytes::Object { key, .. } => key.uuid(),
        };
        let params = params![
            blob.storage_account.0,
            blob.digest.to_db(),
            column::integer(blob.bytes.size_bytes()),
            key.into_bytes(),
            blob.created_at.0,
        ];
        let id = self.insert("inserted a blob", INSERT, params)?;
        if let NewBlobBytes::Row(bytes) = &blob.bytes {
            self.change("inserted a blob's bytes", INSERT_BYTES, params![id, bytes.as_ref()])?;
        }
        Ok(BlobId(id))
    }

    fn link_blob(&mut self, repository: RepositoryId, blob: BlobId, now: Timestamp) -> Result<bool, MetadataError> {
        Ok(self.change("linked a blob", LINK, params![repository.0, blob.0, now.0])? > 0)
    }

    fn unlink_blob(&mut self, repository: RepositoryId, blob: BlobId) -> Result<bool, MetadataError> {
        Ok(self.change("unlinked a blob", UNLINK, params![repository.0, blob.0])? > 0)
    }

    fn remove_blob(&mut self, id: BlobId) -> Result<(), MetadataError> {
        self.change("removed a blob", REMOVE, params![id.0]).map(drop)
    }
}

/// Stands in the column for the key of an object where there is none.
const NO_OBJECT: Uuid = Uuid::nil();

fn place(row: &Row<'_>, index: usize) -> row::Result<BlobPlace> {
    let key = column::object_key(row, index)?;
    Ok(if key.uuid() == NO_OBJECT {
        BlobPlace::Row
    } else {
        BlobPlace::Object(key)
    })
}

fn blob_row(row: &Row<'_>) -> row::Result<BlobRecord> {
    Ok(BlobRecord {
        id: BlobId(row.get(0)?),
        storage_account: StorageAccountId(row.get(1)?),
        digest: column::digest(row, 2)?,
        size_bytes: column::unsigned(row, 3)?,
        place: place(row, 4)?,
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[
    FIND_LINKED,
    FIND_LINKED_SOME,
    FIND_PULLED,
    FIND,
    IS_LINKED,
    LIST_REPOSITORIES,
    FIND_BYTES,
    LIST_STUBS,
    SCAN,
    SCAN_IDS,
    TOTALS,
    IS_OBJECT_KNOWN,
    INSERT,
    INSERT_BYTES,
    LINK,
    UNLINK,
    REMOVE,
];
