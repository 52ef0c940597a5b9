//! Upload sessions.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use holdfast_access::RegistryId;
use holdfast_oci::{Algorithm, RepositoryName};
use uuid::Uuid;

use super::{Checkpoint, GarbageObject, MetadataError, ObjectKey, StorageAccountId};
use crate::Timestamp;

/// An upload session's id: random, part of its URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UploadId(pub Uuid);

/// An upload session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRecord {
    /// Its id, part of its URL.
    pub id: UploadId,
    /// The registry it is in.
    pub registry: RegistryId,
    /// The repository it was started for; no other may use it.
    pub repository: RepositoryName,
    /// Who started it ([`holdfast_access::Actor::key`]); nobody else may use it.
    pub actor: String,
    /// Where the object lies.
    pub storage_account: StorageAccountId,
    /// The object the bytes go to.
    pub object_key: ObjectKey,
    /// The algorithm of the running hash.
    pub algorithm: Algorithm,
    /// Bytes received so far.
    pub offset: u64,
    /// Saved state of the hash after `offset` bytes; empty at 0.
    pub hash_state: Vec<u8>,
    /// What the store needs to go on after them ([`Checkpoint::state`]).
    pub store_state: Vec<u8>,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it last made progress.
    pub updated_at: Timestamp,
}

/// A session by the moment of its last progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaleUpload {
    /// See [`UploadRecord::updated_at`].
    pub updated_at: Timestamp,
    /// The session.
    pub id: UploadId,
}

/// The object of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadObject {
    /// The session.
    pub id: UploadId,
    /// See [`UploadRecord::storage_account`].
    pub storage_account: StorageAccountId,
    /// See [`UploadRecord::object_key`].
    pub object_key: ObjectKey,
    /// See [`UploadRecord::offset`].
    pub offset: u64,
    /// See [`UploadRecord::store_state`].
    pub store_state: Vec<u8>,
}

impl UploadRecord {
    /// From where its store goes on.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            offset: self.offset,
            state: self.store_state.clone(),
        }
    }

    /// Its object, once the session is gone and no blob has it.
    #[must_use]
    pub fn garbage(&self) -> GarbageObject {
        GarbageObject {
            storage_account: self.storage_account,
            object_key: self.object_key.clone(),
            size_bytes: self.offset,
            unfinished: Some(self.store_state.clone()),
        }
    }
}

impl From<UploadObject> for GarbageObject {
    fn from(upload: UploadObject) -> Self {
        Self {
            storage_account: upload.storage_account,
            object_key: upload.object_key,
            size_bytes: upload.offset,
            unfinished: Some(upload.store_state),
        }
    }
}

/// Upload sessions.
pub trait UploadRead {
    /// The session's row.
    fn find_upload(&mut self, id: UploadId) -> Result<Option<UploadRecord>, MetadataError>;
    /// Sessions without progress since `before`, oldest first, after one of them. By id: one that cannot be read hides no
    /// other.
    fn list_stale_uploads(
        &mut self,
        before: Timestamp,
        after: Option<StaleUpload>,
        limit: usize,
    ) -> Result<Vec<StaleUpload>, MetadataError>;
    /// Some sessions of a registry, with what their objects are: all that a deletion needs to know.
    fn list_objects_of_uploads(
        &mut self,
        registry: RegistryId,
        limit: usize,
    ) -> Result<Vec<UploadObject>, MetadataError>;
    /// Sessions a caller has open in a registry.
    fn count_uploads(&mut self, registry: RegistryId, actor: &str) -> Result<u64, MetadataError>;
    /// Some of them, those first that made no progress for longest.
    fn list_uploads_of_caller(
        &mut self,
        registry: RegistryId,
        actor: &str,
        limit: usize,
    ) -> Result<Vec<StaleUpload>, MetadataError>;
}

/// Changes of the same.
pub trait UploadTx {
    /// Inserts a session.
    fn insert_upload(&mut self, upload: &UploadRecord) -> Result<(), MetadataError>;
    /// Saves progress if the session still stands at `expected_offset`; says whether it did.
    fn save_upload(
        &mut self,
        id: UploadId,
        expected_offset: u64,
        saved: &Checkpoint,
        hash_state: &[u8],
        now: Timestamp,
    ) -> Result<bool, MetadataError>;
    /// Removes the session; says whether it was there.
    fn remove_upload(&mut self, id: UploadId) -> Result<bool, MetadataError>;
}
