//! Blobs and their links into repositories.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use holdfast_access::RegistryId;
use holdfast_oci::{Digest, RepositoryName};

use super::row::row_id;
use super::{GarbageObject, MetadataError, ObjectKey, RepositoryId, StorageAccountId};
use crate::{Attributes, Timestamp};

row_id!(
    /// A blob's row.
    BlobId
);

/// A blob: which object holds which digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobRecord {
    /// Row id.
    pub id: BlobId,
    /// The storage account its object lies in.
    pub storage_account: StorageAccountId,
    /// Digest of its bytes.
    pub digest: Digest,
    /// Its length.
    pub size_bytes: u64,
    /// The object that holds it.
    pub object_key: ObjectKey,
}

/// A blob that a repository may read, with the locks on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PulledBlob {
    /// The repository's row.
    pub repository: RepositoryId,
    /// The locks of the repository; without a manifest it has none.
    pub attributes: Option<Attributes>,
    /// The blob.
    pub blob: BlobRecord,
}

/// The object of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobObject {
    /// The blob.
    pub id: BlobId,
    /// See [`BlobRecord::storage_account`].
    pub storage_account: StorageAccountId,
    /// See [`BlobRecord::object_key`].
    pub object_key: ObjectKey,
    /// See [`BlobRecord::size_bytes`].
    pub size_bytes: u64,
}

impl From<BlobRecord> for GarbageObject {
    fn from(blob: BlobRecord) -> Self {
        Self {
            storage_account: blob.storage_account,
            object_key: blob.object_key,
            size_bytes: blob.size_bytes,
            unfinished: None,
        }
    }
}

impl From<BlobObject> for GarbageObject {
    fn from(blob: BlobObject) -> Self {
        Self {
            storage_account: blob.storage_account,
            object_key: blob.object_key,
            size_bytes: blob.size_bytes,
            unfinished: None,
        }
    }
}

/// What a new blob's row holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBlob {
    /// See [`BlobRecord::storage_account`].
    pub storage_account: StorageAccountId,
    /// See [`BlobRecord::digest`].
    pub digest: Digest,
    /// See [`BlobRecord::size_bytes`].
    pub size_bytes: u64,
    /// See [`BlobRecord::object_key`].
    pub object_key: ObjectKey,
    /// When its upload was finished.
    pub created_at: Timestamp,
}

/// Blobs and their links into repositories.
pub trait BlobRead {
    /// The blob, if the repository may read it.
    fn find_linked_blob(
        &mut self,
        repository: RepositoryId,
        digest: &Digest,
    ) -> Result<Option<BlobRecord>, MetadataError>;
    /// Those of the blobs that the repository may read, in no order.
    fn find_linked_blobs(
        &mut self,
        repository: RepositoryId,
        digests: &[Digest],
    ) -> Result<Vec<BlobRecord>, MetadataError>;
    /// The same by the names that a request has: the repository's id, its locks when it has manifests, and the blob.
    fn find_pulled_blob(
        &mut self,
        registry: RegistryId,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<PulledBlob>, MetadataError>;
    /// The blob in a storage account, linked anywhere or nowhere.
    fn find_blob(
        &mut self,
        storage_account: StorageAccountId,
        digest: &Digest,
    ) -> Result<Option<BlobRecord>, MetadataError>;
    /// Whether any repository links the blob.
    fn is_blob_linked(&mut self, id: BlobId) -> Result<bool, MetadataError>;
    /// Repositories of a registry that link the blob, at most `limit`.
    fn list_repositories_with_blob(
        &mut self,
        registry: RegistryId,
        digest: &Digest,
        limit: usize,
    ) -> Result<Vec<RepositoryName>, MetadataError>;
    /// Some blobs that a repository links, with what their objects are: all that a deletion needs to know.
    fn list_objects_of_repository(
        &mut self,
        repository: RepositoryId,
        limit: usize,
    ) -> Result<Vec<BlobObject>, MetadataError>;
    /// Every blob of the store after a row, for `holdfast check`.
    fn scan_blobs(&mut self, after: BlobId, limit: usize) -> Result<Vec<BlobRecord>, MetadataError>;
    /// The rows of that walk by id, for one of them that cannot be read.
    fn scan_blob_ids(&mut self, after: BlobId, limit: usize) -> Result<Vec<BlobId>, MetadataError>;
    /// How many blobs there are and how many bytes they hold.
    fn count_blobs(&mut self) -> Result<(u64, u64), MetadataError>;
    /// Whether a blob, an upload or a queued object names this key.
    fn is_object_known(
        &mut self,
        storage_account: StorageAccountId,
        object_key: &ObjectKey,
    ) -> Result<bool, MetadataError>;
}

/// Changes of the same.
pub trait BlobTx {
    /// Inserts a blob; the caller has looked that the digest is new in the storage account.
    fn insert_blob(&mut self, blob: &NewBlob) -> Result<BlobId, MetadataError>;
    /// Links the blob into the repository; says whether the link is new.
    fn link_blob(&mut self, repository: RepositoryId, blob: BlobId, now: Timestamp) -> Result<bool, MetadataError>;
    /// Removes the link; says whether it was there.
    fn unlink_blob(&mut self, repository: RepositoryId, blob: BlobId) -> Result<bool, MetadataError>;
    /// Removes the row; the caller has looked that nothing links it.
    fn remove_blob(&mut self, id: BlobId) -> Result<(), MetadataError>;
}
