//! Repositories.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use holdfast_access::RegistryId;
use holdfast_oci::RepositoryName;

use super::row::row_id;
use super::{MetadataError, StorageAccountId};
use crate::{Attributes, Timestamp};

row_id!(
    /// A repository's row.
    RepositoryId
);

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryRecord {
    /// Row id.
    pub id: RepositoryId,
    /// Its name inside the registry.
    pub name: RepositoryName,
    /// Its locks.
    pub attributes: Attributes,
    /// Manifests in it; a repository without any is not visible to anybody.
    pub manifest_count: u64,
    /// Tags in it.
    pub tag_count: u64,
    /// When its first manifest came.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A repository to write into, and what its registry says of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetRepository {
    /// The repository.
    pub repository: RepositoryRecord,
    /// See [`RegistryRecord::accept_sparse_manifests`](super::RegistryRecord).
    pub accept_sparse_manifests: bool,
    /// See [`RegistryRecord::retention_days`](super::RegistryRecord).
    pub retention_days: Option<u32>,
    /// See [`RegistryRecord::storage_account`](super::RegistryRecord).
    pub storage_account: StorageAccountId,
}

/// Repositories.
pub trait RepositoryRead {
    /// The row, whether it has manifests or not.
    fn find_repository(
        &mut self,
        registry: RegistryId,
        name: &RepositoryName,
    ) -> Result<Option<RepositoryRecord>, MetadataError>;
    /// The row by id.
    fn find_repository_by_id(
        &mut self,
        id: RepositoryId,
    ) -> Result<Option<(RegistryId, RepositoryRecord)>, MetadataError>;
    /// Names of repositories that have manifests and are listed (`list_enabled`), ascending bytewise.
    fn list_repositories(
        &mut self,
        registry: RegistryId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<RepositoryName>, MetadataError>;
    /// Some repositories of a registry, hidden and empty ones too, by id: all that a deletion needs to know.
    fn list_every_repository(&mut self, registry: RegistryId, limit: usize)
    -> Result<Vec<RepositoryId>, MetadataError>;
    /// Every repository of the store after a row, by id, for `holdfast check`.
    fn scan_repository_ids(&mut self, after: RepositoryId, limit: usize) -> Result<Vec<RepositoryId>, MetadataError>;
}

/// Changes of the same.
pub trait RepositoryTx {
    /// Finds the row or makes it (no locks, no manifests). `None` when the registry is not there or being deleted.
    fn ensure_repository(
        &mut self,
        registry: RegistryId,
        name: &RepositoryName,
        now: Timestamp,
    ) -> Result<Option<TargetRepository>, MetadataError>;
    /// The same for a manifest that comes: sets `updated_at`, and starts the repository's life anew when this is its
    /// first one (no locks, `created_at` now).
    fn ensure_touched_repository(
        &mut self,
        registry: RegistryId,
        name: &RepositoryName,
        now: Timestamp,
    ) -> Result<Option<TargetRepository>, MetadataError>;
    /// Sets the locks and `updated_at`.
    fn set_repository_attributes(
        &mut self,
        id: RepositoryId,
        attributes: Attributes,
        now: Timestamp,
    ) -> Result<(), MetadataError>;
    /// Sets `updated_at`.
    fn touch_repository(&mut self, id: RepositoryId, now: Timestamp) -> Result<(), MetadataError>;
    /// Removes the row if it has no manifests, blob links or uploads any more; says whether it did.
    fn remove_repository_if_empty(&mut self, id: RepositoryId) -> Result<bool, MetadataError>;
}
