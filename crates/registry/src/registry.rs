//! [`Registry`]: the ports, caches and limits that all operations share, and the operations on
//! registries themselves.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use holdfast_access::{RegistryId, RepositoryAction, action};
use tokio::sync::Notify;

use crate::{
    Limits, Operator,
    blob::BlobPulls,
    cache::ContentCache,
    current::Current,
    front::Fronts,
    limits::{BLOB_CACHE_BYTES, FRONTS_KEPT, MANIFEST_CACHE_BYTES, PULLS_KEPT},
    manifest::ManifestPulls,
    parsing::Parsing,
    registry_resource,
    rehash::Rehashing,
    resources::Error,
    upload::Leases,
};
use holdfast_model::{
    AdminPassword, Author, Blobs, Clock, Durability, Ids, Metadata, MetadataError, MetadataExt, Places, Read,
    RegistryRecord, StorageAccountId, StorageError, Timestamp,
};

type Stores = HashMap<StorageAccountId, Arc<dyn Blobs>>;

/// What a [`Registry`] is made of.
pub struct RegistryParts {
    /// Where the rows lie.
    pub metadata: Arc<dyn Metadata>,
    /// Where the bytes lie, by storage account: those that have a row.
    pub stores: HashMap<StorageAccountId, Arc<dyn Blobs>>,
    /// Where the stores of further storage accounts are made.
    pub places: Arc<dyn Places>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of ids.
    pub ids: Arc<dyn Ids>,
    /// The limits.
    pub limits: Limits,
}

/// The operations that a face calls: each takes a grant, but for those by which a caller becomes known and those that tell
/// what anybody may know. Whoever has them has no transaction: the rules alone do.
///
/// ```compile_fail,E0616
/// fn rows(registry: &holdfast_registry::Registry) {
///     let _ = &registry.metadata;
/// }
/// ```
///
/// Nor an operation without its grant:
///
/// ```compile_fail,E0061
/// fn delete(registry: &holdfast_registry::Registry, digest: &holdfast_oci::Digest) {
///     drop(registry.delete_blob(digest));
/// }
/// ```
///
/// Nor with the grant of another action:
///
/// ```compile_fail,E0308
/// use holdfast_access::{Grant, action};
/// fn delete(registry: &holdfast_registry::Registry, digest: &holdfast_oci::Digest, pull: &Grant<action::Pull>) {
///     drop(registry.delete_blob(pull, digest));
/// }
/// ```
///
/// Nor one that is the [operator's](crate::Operator):
///
/// ```compile_fail,E0599
/// fn collect(registry: &holdfast_registry::Registry) {
///     drop(registry.collect_garbage_at_once());
/// }
/// ```
pub struct Registry {
    pub(crate) metadata: Arc<dyn Metadata>,
    stores: RwLock<Stores>,
    pub(crate) places: Arc<dyn Places>,
    /// Held while a storage account is made or removed: a row and a folder change together.
    pub(crate) storage_changes: tokio::sync::Mutex<()>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) limits: Limits,
    /// Manifest bytes by digest: immutable, so never stale (ARCHITECTURE.md, law 6).
    pub(crate) manifest_cache: ContentCache,
    /// Small blobs by digest: immutable too. Whether a caller may read one is asked each time.
    pub(crate) blob_cache: ContentCache,
    pub(crate) fronts: Fronts,
    pub(crate) manifest_pulls: ManifestPulls,
    pub(crate) blob_pulls: BlobPulls,
    pub(crate) parsing: Parsing,
    /// Turns at hashing what is stored.
    pub(crate) rehashing: Rehashing,
    pub(crate) leases: Leases,
    /// Told when a job was asked for.
    pub(crate) jobs: Notify,
}

/// A right that allows listing a repository's tags and manifests: `/v2` asks for pull or `metadata_read`, `/acr/v1`
/// for `metadata_read` (ACR).
pub trait Listable: RepositoryAction {}
impl Listable for action::TagsList {}
impl Listable for action::MetadataRead {}

impl Registry {
    /// Puts the parts together.
    pub(crate) fn new(parts: RegistryParts) -> Self {
        Self {
            metadata: parts.metadata,
            stores: RwLock::new(parts.stores),
            places: parts.places,
            storage_changes: tokio::sync::Mutex::default(),
            clock: parts.clock,
            ids: parts.ids,
            limits: parts.limits,
            manifest_cache: ContentCache::new(MANIFEST_CACHE_BYTES),
            blob_cache: ContentCache::new(BLOB_CACHE_BYTES),
            fronts: Current::new(FRONTS_KEPT),
            manifest_pulls: Current::new(PULLS_KEPT),
            blob_pulls: Current::new(PULLS_KEPT),
            parsing: Parsing::default(),
            rehashing: Rehashing::default(),
            leases: Leases::default(),
            jobs: Notify::new(),
        }
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The present moment by the registry's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Where a storage account's bytes lie.
    pub(crate) fn store(&self, account: StorageAccountId) -> Result<Arc<dyn Blobs>, StorageError> {
        let stores = self.stores.read().unwrap_or_else(PoisonError::into_inner);
        let found = stores.get(&account).map(Arc::clone);
        found.ok_or_else(|| StorageError::AccountClosed { account })
    }

    /// Every open store.
    pub(crate) fn open_stores(&self) -> Vec<(StorageAccountId, Arc<dyn Blobs>)> {
        let stores = self.stores.read().unwrap_or_else(PoisonError::into_inner);
        stores.iter().map(|(id, store)| (*id, Arc::clone(store))).collect()
    }

    pub(crate) fn open_store(&self, account: StorageAccountId, store: Arc<dyn Blobs>) {
        let mut stores = self.stores.write().unwrap_or_else(PoisonError::into_inner);
        stores.insert(account, store);
    }

    pub(crate) fn close_store(&self, account: StorageAccountId) {
        let mut stores = self.stores.write().unwrap_or_else(PoisonError::into_inner);
        stores.remove(&account);
    }

    /// The registry of that name, without regard to case.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn find_registry(&self, name: &str) -> Result<Option<RegistryRecord>, StorageError> {
        let name = name.to_owned();
        Ok(self.metadata.query(move |read| find_open(read, &name)).await?)
    }
}

impl Operator {
    /// All registries, the first one made first.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_registries(&self) -> Result<Vec<RegistryRecord>, StorageError> {
        Ok(self.metadata.query(|read| read.list_registries()).await?)
    }

    /// The two passwords of the admin account, by slot.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_admin_passwords(&self, id: RegistryId) -> Result<Vec<AdminPassword>, StorageError> {
        Ok(self.metadata.query(move |read| read.list_admin_passwords(id)).await?)
    }

    /// Replaces one admin password. Tokens made from the old one are refused from now on.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn renew_admin_password(
        &self,
        id: RegistryId,
        slot: u8,
        sealed: Vec<u8>,
        verifier: [u8; 32],
    ) -> Result<(), Error> {
        let now = self.clock.now();
        Ok(self
            .metadata
            .transact(Durability::Durable, move |tx| {
                tx.put_admin_password(id, slot, &sealed, &verifier, now)
            })
            .await?)
    }

    /// Changes the switches of a registry for its operator in one step and returns it as it is then. What its tier does
    /// not have is refused as in ARM, which could not change anything of it any more.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::SkuLacks`], [`Error::SkuTooSmall`], [`Error::QuotaExceeded`],
    /// [`Error::SettingsContradict`], [`Error::Storage`].
    pub async fn update_registry<F>(&self, name: &str, change: F) -> Result<RegistryRecord, Error>
    where
        F: Fn(&mut RegistryRecord) + Send + Sync + 'static,
    {
        let name = name.to_owned();
        let now = self.clock.now();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let mut registry = tx
                    .find_registry_by_name(&name)?
                    .ok_or_else(|| Error::RegistryUnknown { name: name.clone() })?;
                let before = registry.clone();
                change(&mut registry);
                registry_resource::check(&before, &registry)?;
                registry.updated_at = now;
                registry.updated_by = Some(Author::operator());
                registry.revision += 1;
                tx.update_registry(&registry)?;
                Ok(registry)
            })
            .await
    }
}

/// The registry of a name, unless it is being deleted.
pub(crate) fn find_open(read: &mut dyn Read, name: &str) -> Result<Option<RegistryRecord>, MetadataError> {
    Ok(read
        .find_registry_by_name(name)?
        .filter(|registry| !registry.is_deleting))
}

/// The registry of a row id, unless it is being deleted.
pub(crate) fn find_open_by_id(read: &mut dyn Read, id: RegistryId) -> Result<Option<RegistryRecord>, MetadataError> {
    Ok(read.find_registry(id)?.filter(|registry| !registry.is_deleting))
}
