//! [`Repositories`]: the ports, caches and limits that the operations on content share.

use std::sync::Arc;

use holdfast_access::{RepositoryAction, action};
use holdfast_model::{Blobs, Clock, Ids, Metadata, StorageAccountId, StorageError};

use crate::{
    Current, Limits, Stores,
    blob::BlobPulls,
    cache::ContentCache,
    limits::{BLOB_CACHE_BYTES, MANIFEST_CACHE_BYTES, PULLS_KEPT},
    manifest::ManifestPulls,
    parsing::Parsing,
    rehash::Rehashing,
    upload::Holds,
};

/// What [`Repositories`] are made of.
pub struct Parts {
    /// Where the rows lie.
    pub metadata: Arc<dyn Metadata>,
    /// Where the bytes lie.
    pub stores: Arc<Stores>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of ids.
    pub ids: Arc<dyn Ids>,
    /// The limits.
    pub limits: Limits,
}

/// The operations on content that a face calls: each takes a grant. Whoever has them has no transaction: the rules alone do.
///
/// ```compile_fail,E0616
/// fn rows(repositories: &holdfast_content::Repositories) {
///     let _ = &repositories.metadata;
/// }
/// ```
///
/// Nor an operation without its grant:
///
/// ```compile_fail,E0061
/// fn delete(repositories: &holdfast_content::Repositories, digest: &holdfast_oci::Digest) {
///     drop(repositories.delete_blob(digest));
/// }
/// ```
///
/// Nor with the grant of another action:
///
/// ```compile_fail,E0308
/// use holdfast_access::{Grant, action};
/// use holdfast_content::Repositories;
/// fn delete(repositories: &Repositories, digest: &holdfast_oci::Digest, pull: &Grant<action::Pull>) {
///     drop(repositories.delete_blob(pull, digest));
/// }
/// ```
///
/// Nor one that is the [operator's](crate::Operator):
///
/// ```compile_fail,E0599
/// fn collect(repositories: &holdfast_content::Repositories) {
///     drop(repositories.collect_garbage_at_once());
/// }
/// ```
pub struct Repositories {
    pub(crate) metadata: Arc<dyn Metadata>,
    pub(crate) stores: Arc<Stores>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) limits: Limits,
    /// Manifest bytes by digest: immutable, so never stale (ARCHITECTURE.md, law 6).
    pub(crate) manifest_cache: ContentCache,
    /// Small blobs by digest: immutable too. Whether a caller may read one is asked each time.
    pub(crate) blob_cache: ContentCache,
    pub(crate) manifest_pulls: ManifestPulls,
    pub(crate) blob_pulls: BlobPulls,
    pub(crate) parsing: Parsing,
    /// Turns at hashing what is stored.
    pub(crate) rehashing: Rehashing,
    pub(crate) holds: Holds,
}

/// A right that allows listing a repository's tags and manifests: `/v2` asks for pull or `metadata_read`, `/acr/v1`
/// for `metadata_read` (ACR).
pub trait Listable: RepositoryAction {}
impl Listable for action::TagsList {}
impl Listable for action::MetadataRead {}

impl Repositories {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            metadata: parts.metadata,
            stores: parts.stores,
            clock: parts.clock,
            ids: parts.ids,
            limits: parts.limits,
            manifest_cache: ContentCache::new(MANIFEST_CACHE_BYTES),
            blob_cache: ContentCache::new(BLOB_CACHE_BYTES),
            manifest_pulls: Current::new(PULLS_KEPT),
            blob_pulls: Current::new(PULLS_KEPT),
            parsing: Parsing::default(),
            rehashing: Rehashing::default(),
            holds: Holds::default(),
        }
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Where a storage account's bytes lie.
    pub(crate) async fn store(&self, account: StorageAccountId) -> Result<Arc<dyn Blobs>, StorageError> {
        self.stores.load(&*self.metadata, account).await
    }
}
