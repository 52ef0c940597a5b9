//! Blobs and their links into repositories.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use bytes::Bytes;
use holdfast_access::RegistryId;
use holdfast_oci::{Digest, RepositoryName};

use super::row::row_id;
use super::{GarbageObject, MetadataError, ObjectKey, RepositoryId, StorageAccountId};
use crate::{Attributes, Timestamp};

row_id!(
    /// A blob's row.
    BlobId
);

/// Where a blob's bytes lie.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BlobPlace {
    /// In the metadata, beside its row: those of small blobs.
    Row,
    /// In an object of its storage account.
    Object(ObjectKey),
}

/// A blob: where the bytes of which digest lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobRecord {
    /// Row id.
    pub id: BlobId,
    /// The storage account it belongs to, in which equal blobs are stored once.
    pub storage_account: StorageAccountId,
    /// Digest of its bytes.
    pub digest: Digest,
    /// Its length.
    pub size_bytes: u64,
    /// Where its bytes lie.
    pub place: BlobPlace,
}

/// A blob that a repository may read, with the locks on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PulledBlob {
    /// The repository's row.
    pub repository: RepositoryId,
    /// The locks of the repository; without a manifest it has none.
    pub attributes: Option<Attributes>,
    /// See [`RegistryRecord::data_endpoint`](crate::RegistryRecord::data_endpoint).
    pub by_url: bool,
    /// The blob.
    pub blob: BlobRecord,
}

/// A blob without its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobStub {
    /// The blob.
    pub id: BlobId,
    /// See [`BlobRecord::storage_account`].
    pub storage_account: StorageAccountId,
    /// See [`BlobRecord::size_bytes`].
    pub size_bytes: u64,
    /// See [`BlobRecord::place`].
    pub place: BlobPlace,
}

impl BlobRecord {
    /// Its object, once its row is gone; `None` when its bytes went with the row.
    #[must_use]
    pub fn garbage(self) -> Option<GarbageObject> {
        garbage(self.storage_account, self.size_bytes, self.place)
    }
}

impl BlobStub {
    /// See [`BlobRecord::garbage`].
    #[must_use]
    pub fn garbage(self) -> Option<GarbageObject> {
        garbage(self.storage_account, self.size_bytes, self.place)
    }
}

fn garbage(storage_account: StorageAccountId, size_bytes: u64, place: BlobPlace) -> Option<GarbageObject> {
    match place {
        BlobPlace::Row => None,
        BlobPlace::Object(object_key) => Some(GarbageObject {
            storage_account,
            object_key,
            size_bytes,
            unfinished: None,
        }),
    }
}

/// The bytes of a new blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewBlobBytes {
    /// These, which the metadata keeps.
    Row(Bytes),
    /// An object has them.
    Object {
        /// The object.
        key: ObjectKey,
        /// Its length.
        size_bytes: u64,
    },
}

impl NewBlobBytes {
    /// How many there are.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Row(bytes) => bytes.len() as u64,
            Self::Object { size_bytes, .. } => *size_bytes,
        }
    }

    /// Where they lie.
    #[must_use]
    pub fn place(&self) -> BlobPlace {
        match self {
            Self::Row(_) => BlobPlace::Row,
            Self::Object { key, .. } => BlobPlace::Object(key.clone()),
        }
    }
}

/// What a new blob's rows hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBlob {
    /// See [`BlobRecord::storage_account`].
    pub storage_account: StorageAccountId,
    /// See [`BlobRecord::digest`].
    pub digest: Digest,
    /// Its bytes.
    pub bytes: NewBlobBytes,
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
    /// The bytes of a blob that lie in the metadata; `None` when there are none, as once it is removed.
    fn find_blob_bytes(&mut self, id: BlobId) -> Result<Option<Bytes>, MetadataError>;
    /// Whether any repository links the blob.
    fn is_blob_linked(&mut self, id: BlobId) -> Result<bool, MetadataError>;
    /// Repositories of a registry that link the blob, at most `limit`.
    fn list_repositories_with_blob(
        &mut self,
        registry: RegistryId,
        digest: &Digest,
        limit: usize,
    ) -> Result<Vec<RepositoryName>, MetadataError>;
    /// Some blobs that a repository links: all that a deletion needs to know of them.
    fn list_blobs_of_repository(
        &mut self,
        repository: RepositoryId,
        limit: usize,
    ) -> Result<Vec<BlobStub>, MetadataError>;
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
    /// Inserts a blob, and its bytes when the metadata is to keep them; the caller has looked that the digest is new in the storage account.
    fn insert_blob(&mut self, blob: &NewBlob) -> Result<BlobId, MetadataError>;
    /// Links the blob into the repository; says whether the link is new.
    fn link_blob(&mut self, repository: RepositoryId, blob: BlobId, now: Timestamp) -> Result<bool, MetadataError>;
    /// Removes the link; says whether it was there.
    fn unlink_blob(&mut self, repository: RepositoryId, blob: BlobId) -> Result<bool, MetadataError>;
    /// Removes the row, and its bytes with it; the caller has looked that nothing links it.
    fn remove_blob(&mut self, id: BlobId) -> Result<(), MetadataError>;
}
