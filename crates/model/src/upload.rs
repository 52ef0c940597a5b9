//! Upload sessions.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use bytes::Bytes;
use holdfast_access::RegistryId;
use holdfast_oci::{Algorithm, RepositoryName};
use uuid::Uuid;

use super::{Checkpoint, GarbageObject, MetadataError, ObjectKey, StorageAccountId};
use crate::{Attributes, Timestamp};

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
    /// The storage account the blob will belong to.
    pub storage_account: StorageAccountId,
    /// The object the bytes go to when they are too many to lie in rows.
    pub object_key: ObjectKey,
    /// The algorithm of the running hash.
    pub algorithm: Algorithm,
    /// Bytes received so far.
    pub offset: u64,
    /// Saved state of the hash after `offset` bytes; empty at 0.
    pub hash_state: Vec<u8>,
    /// Where those bytes are.
    pub bytes: UploadBytes,
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

/// Where the bytes are that a session has received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadBytes {
    /// In its row, all of them. No store was asked for anything.
    Row(Bytes),
    /// In its object, or on their way there.
    Object {
        /// What its row keeps of them: all, while nothing of the object is saved, and none after that.
        held: Bytes,
        /// What the store needs to go on ([`Checkpoint::state`]).
        state: Vec<u8>,
    },
}

/// How far a session is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadProgress {
    /// See [`UploadRecord::offset`].
    pub offset: u64,
    /// See [`UploadRecord::hash_state`].
    pub hash_state: Vec<u8>,
    /// See [`UploadRecord::bytes`].
    pub bytes: UploadBytes,
}

/// A session that was removed, or is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadStub {
    /// The session.
    pub id: UploadId,
    /// Its object, when one was begun: no blob has it.
    pub garbage: Option<GarbageObject>,
}

/// Where a new session is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadTarget {
    /// See [`UploadRecord::storage_account`].
    pub storage_account: StorageAccountId,
    /// The locks of the repository; without a manifest it has none.
    pub attributes: Option<Attributes>,
    /// Sessions that the caller has open in the registry.
    pub open_uploads: u64,
}

impl UploadRecord {
    /// From where its store goes on; `None` where nothing of an object is saved.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        match &self.bytes {
            UploadBytes::Object { held, state } if (held.len() as u64) < self.offset => Some(Checkpoint {
                offset: self.offset,
                state: state.clone(),
            }),
            UploadBytes::Object { .. } | UploadBytes::Row(_) => None,
        }
    }

    /// Its object, once the session is gone and no blob has it; `None` when none was begun.
    #[must_use]
    pub fn garbage(&self) -> Option<GarbageObject> {
        match &self.bytes {
            UploadBytes::Row(_) => None,
            UploadBytes::Object { state, .. } => Some(GarbageObject {
                storage_account: self.storage_account,
                object_key: self.object_key.clone(),
                size_bytes: self.offset,
                unfinished: Some(state.clone()),
            }),
        }
    }
}

/// Upload sessions.
pub trait UploadRead {
    /// Where a new session of the caller is to be; `None` when the registry is not there or on its way out.
    fn find_upload_target(
        &mut self,
        registry: RegistryId,
        repository: &RepositoryName,
        actor: &str,
    ) -> Result<Option<UploadTarget>, MetadataError>;
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
    /// Some sessions of a registry, with their objects: all that a deletion needs to know.
    fn list_uploads_of_registry(
        &mut self,
        registry: RegistryId,
        limit: usize,
    ) -> Result<Vec<UploadStub>, MetadataError>;
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
        saved: &UploadProgress,
        now: Timestamp,
    ) -> Result<bool, MetadataError>;
    /// Says in the row that an object may be there from now on, if the session still stands at `expected_offset`; says
    /// whether it did. Nothing takes it back.
    fn begin_upload_object(&mut self, id: UploadId, expected_offset: u64) -> Result<bool, MetadataError>;
    /// Removes the session; tells what it leaves, if it was there.
    fn remove_upload(&mut self, id: UploadId) -> Result<Option<UploadStub>, MetadataError>;
}
