//! The port to the metadata store. Work is a plain closure over a transaction, so nothing can wait
//! for the network or for bytes while a transaction is open, and the rules are written once for
//! every database. Adapters only translate rows.

use async_trait::async_trait;
use bytes::Bytes;
use holdfast_access::RegistryId;
use holdfast_oci::{Digest, RepositoryName, Tag};
use uuid::Uuid;

use super::{
    AdminPassword, BlobId, BlobRecord, Candidate, CandidateId, Directory, ManifestId, ManifestRecord, NewBlob,
    NewManifest, NewRegistry, ObjectKey, Page, PrincipalRecord, PrincipalSecret, QueuedCandidate, RegistryRecord,
    RepositoryId, RepositoryRecord, ResourceGroup, RoleAssignment, StorageAccount, StorageAccountId, Subscription,
    TagRecord, UploadId, UploadRecord,
};
use crate::{Attributes, Error, Timestamp};

/// Work inside one read snapshot.
pub type ReadWork = Box<dyn FnOnce(&mut dyn Read) -> Result<(), Error> + Send>;
/// Work inside one write transaction.
pub type WriteWork = Box<dyn FnOnce(&mut dyn Tx) -> Result<(), Error> + Send>;

/// What must be true before [`Metadata::write`] answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The change survives a power cut (design, law 3).
    Durable,
    /// The change survives the end of this process; for progress that a client can repeat.
    Relaxed,
}

/// A metadata store.
#[async_trait]
pub trait Metadata: Send + Sync {
    /// Runs `work` in one snapshot.
    ///
    /// # Errors
    /// Whatever `work` returns, or [`Error::Metadata`].
    async fn read(&self, work: ReadWork) -> Result<(), Error>;

    /// Runs `work` in one transaction, alone. `Err` from `work` undoes all it did and is returned;
    /// `Ok` is returned only after the commit.
    ///
    /// # Errors
    /// Whatever `work` returns, [`Error::Metadata`], or [`Error::Overloaded`] when too many writes
    /// wait.
    async fn write(&self, durability: Durability, work: WriteWork) -> Result<(), Error>;
}

/// [`Metadata`] with results; for every implementation.
#[async_trait]
pub trait MetadataExt {
    /// [`Metadata::read`] returning what `work` returns.
    async fn query<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Read) -> Result<T, Error> + Send + 'static;

    /// [`Metadata::write`] returning what `work` returns.
    async fn transact<T, F>(&self, durability: Durability, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Tx) -> Result<T, Error> + Send + 'static;
}

#[async_trait]
impl MetadataExt for dyn Metadata + '_ {
    async fn query<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Read) -> Result<T, Error> + Send + 'static,
    {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.read(Box::new(move |read| {
            let value = work(read)?;
            // The receiver is held until the work is done; a failed send has nobody to tell.
            drop(sender.send(value));
            Ok(())
        }))
        .await?;
        receiver.recv().map_err(|_| Error::metadata("ran a read", NoResult))
    }

    async fn transact<T, F>(&self, durability: Durability, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Tx) -> Result<T, Error> + Send + 'static,
    {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.write(
            durability,
            Box::new(move |tx| {
                let value = work(tx)?;
                // As above: the caller may have gone away, the transaction stands.
                drop(sender.send(value));
                Ok(())
            }),
        )
        .await?;
        receiver.recv().map_err(|_| Error::metadata("ran a write", NoResult))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the store said done without running the work")]
struct NoResult;

/// Everything that can be read.
pub trait Read:
    DirectoryRead
    + PrincipalRead
    + RegistryRead
    + RepositoryRead
    + ManifestRead
    + TagRead
    + BlobRead
    + UploadRead
    + GarbageRead
{
}
impl<T> Read for T where
    T: DirectoryRead
        + PrincipalRead
        + RegistryRead
        + RepositoryRead
        + ManifestRead
        + TagRead
        + BlobRead
        + UploadRead
        + GarbageRead
{
}

/// Everything that can be changed.
pub trait Tx:
    Read + DirectoryTx + PrincipalTx + RegistryTx + RepositoryTx + ManifestTx + TagTx + BlobTx + UploadTx + GarbageTx
{
}
impl<T> Tx for T where
    T: Read
        + DirectoryTx
        + PrincipalTx
        + RegistryTx
        + RepositoryTx
        + ManifestTx
        + TagTx
        + BlobTx
        + UploadTx
        + GarbageTx
{
}

/// Directories, subscriptions, resource groups and storage accounts.
#[expect(missing_docs, reason = "find gives Option, list gives a page, names say the rest")]
pub trait DirectoryRead {
    fn find_directory(&mut self) -> Result<Option<Directory>, Error>;
    fn list_subscriptions(&mut self) -> Result<Vec<Subscription>, Error>;
    fn list_resource_groups(&mut self, subscription: Uuid) -> Result<Vec<ResourceGroup>, Error>;
    /// Without regard to case.
    fn find_resource_group(&mut self, subscription: Uuid, name: &str) -> Result<Option<ResourceGroup>, Error>;
    fn list_storage_accounts(&mut self) -> Result<Vec<StorageAccount>, Error>;
}

/// Changes of the same.
#[expect(missing_docs, reason = "each inserts, updates or removes the row it is named after")]
pub trait DirectoryTx {
    fn insert_directory(&mut self, directory: &Directory) -> Result<(), Error>;
    fn insert_subscription(&mut self, subscription: &Subscription) -> Result<(), Error>;
    fn insert_resource_group(&mut self, group: &ResourceGroup) -> Result<(), Error>;
    fn insert_storage_account(&mut self, name: &str, location: &str, now: Timestamp)
    -> Result<StorageAccountId, Error>;
    /// Writes the tags.
    fn update_resource_group(&mut self, group: &ResourceGroup) -> Result<(), Error>;
    /// The caller has looked that no registry is in it; says whether it was there.
    fn remove_resource_group(&mut self, subscription: Uuid, name: &str) -> Result<bool, Error>;
}

/// Principals of the directory, their secrets and their roles.
pub trait PrincipalRead {
    /// By object id.
    fn find_principal(&mut self, id: Uuid) -> Result<Option<PrincipalRecord>, Error>;
    /// By application id.
    fn find_principal_by_app(&mut self, app_id: Uuid) -> Result<Option<PrincipalRecord>, Error>;
    /// A principal's secrets, oldest first, those that have expired too.
    fn list_principal_secrets(&mut self, principal: Uuid) -> Result<Vec<PrincipalSecret>, Error>;
    /// A principal's roles, wherever they are.
    fn list_role_assignments(&mut self, principal: Uuid) -> Result<Vec<RoleAssignment>, Error>;
}

/// Changes of the same.
#[expect(missing_docs, reason = "each inserts the row it is named after")]
pub trait PrincipalTx {
    fn insert_principal(&mut self, principal: &PrincipalRecord) -> Result<(), Error>;
    fn insert_principal_secret(&mut self, secret: &PrincipalSecret) -> Result<(), Error>;
    /// A principal has a role at a scope once.
    fn insert_role_assignment(&mut self, assignment: &RoleAssignment) -> Result<(), Error>;
}

/// Registries and their admin passwords.
#[expect(missing_docs, reason = "find gives Option, list gives a page, names say the rest")]
pub trait RegistryRead {
    fn find_registry(&mut self, id: RegistryId) -> Result<Option<RegistryRecord>, Error>;
    /// Without regard to case.
    fn find_registry_by_name(&mut self, name: &str) -> Result<Option<RegistryRecord>, Error>;
    /// By id; the first one made comes first.
    fn list_registries(&mut self) -> Result<Vec<RegistryRecord>, Error>;
    /// Those of a resource group, the first one made first.
    fn list_registries_of_group(&mut self, subscription: Uuid, group: &str) -> Result<Vec<RegistryRecord>, Error>;
    /// Bytes of the blobs that some repository of the registry links, each blob once.
    fn measure_registry(&mut self, registry: RegistryId) -> Result<u64, Error>;
    /// By slot.
    fn list_admin_passwords(&mut self, registry: RegistryId) -> Result<Vec<AdminPassword>, Error>;
    /// The generation of one password, for each request that carries a token made from it.
    fn find_admin_generation(&mut self, registry: RegistryId, slot: u8) -> Result<Option<i64>, Error>;
}

/// Changes of the same.
pub trait RegistryTx {
    /// Inserts a registry; the caller has looked that the name is free.
    fn insert_registry(&mut self, registry: &NewRegistry) -> Result<RegistryId, Error>;
    /// Writes the changeable fields: sku, `admin_enabled`, `anonymous_pull`,
    /// `accept_sparse_manifests`, `retention_days`, `updated_at`, `tags`, `is_deleting`.
    fn update_registry(&mut self, registry: &RegistryRecord) -> Result<(), Error>;
    /// Removes the row and its passwords; the caller has looked that nothing is in it.
    fn remove_registry(&mut self, registry: RegistryId) -> Result<(), Error>;
    /// Sets a password; its generation becomes one more than before (1 for the first).
    fn put_admin_password(
        &mut self,
        registry: RegistryId,
        slot: u8,
        sealed: &[u8],
        verifier: &[u8; 32],
        now: Timestamp,
    ) -> Result<(), Error>;
}

/// Repositories.
pub trait RepositoryRead {
    /// The row, whether it has manifests or not.
    fn find_repository(
        &mut self,
        registry: RegistryId,
        name: &RepositoryName,
    ) -> Result<Option<RepositoryRecord>, Error>;
    /// The row by id.
    fn load_repository(&mut self, id: RepositoryId) -> Result<Option<(RegistryId, RepositoryRecord)>, Error>;
    /// Names of repositories that have manifests and are listed (`list_enabled`), ascending bytewise.
    fn list_repositories(
        &mut self,
        registry: RegistryId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<RepositoryName>, Error>;
    /// Some repositories of a registry, hidden and empty ones too.
    fn list_every_repository(&mut self, registry: RegistryId, limit: usize) -> Result<Vec<RepositoryRecord>, Error>;
}

/// Changes of the same.
pub trait RepositoryTx {
    /// Finds the row or makes it (no locks, no manifests).
    fn ensure_repository(
        &mut self,
        registry: RegistryId,
        name: &RepositoryName,
        now: Timestamp,
    ) -> Result<RepositoryRecord, Error>;
    /// Sets the locks and `updated_at`.
    fn set_repository_attributes(
        &mut self,
        id: RepositoryId,
        attributes: Attributes,
        now: Timestamp,
    ) -> Result<(), Error>;
    /// Starts the repository's life anew when its first manifest comes: no locks, `created_at` now.
    fn revive_repository(&mut self, id: RepositoryId, now: Timestamp) -> Result<(), Error>;
    /// Sets `updated_at`.
    fn touch_repository(&mut self, id: RepositoryId, now: Timestamp) -> Result<(), Error>;
    /// Removes the row if it has no manifests, blob links or uploads any more; says whether it did.
    fn remove_repository_if_empty(&mut self, id: RepositoryId) -> Result<bool, Error>;
}

/// Manifests.
pub trait ManifestRead {
    /// The row of a digest in a repository.
    fn find_manifest(&mut self, repository: RepositoryId, digest: &Digest) -> Result<Option<ManifestRecord>, Error>;
    /// The exact bytes.
    fn load_manifest_bytes(&mut self, id: ManifestId) -> Result<Bytes, Error>;
    /// A page of manifests; `ListOrder::Name` is by digest.
    fn list_manifests(&mut self, repository: RepositoryId, page: &Page<Digest>) -> Result<Vec<ManifestRecord>, Error>;
    /// Blobs a manifest needs.
    fn list_manifest_blobs(&mut self, id: ManifestId) -> Result<Vec<Digest>, Error>;
    /// Manifests an index lists.
    fn list_manifest_children(&mut self, id: ManifestId) -> Result<Vec<Digest>, Error>;
    /// Some manifest of the repository that needs the blob.
    fn find_manifest_needing_blob(&mut self, repository: RepositoryId, blob: &Digest) -> Result<Option<Digest>, Error>;
    /// Some index of the repository that lists the manifest.
    fn find_parent_of(&mut self, repository: RepositoryId, child: &Digest) -> Result<Option<Digest>, Error>;
    /// Manifests whose subject is `subject`, by digest, at most `limit` after `after`.
    fn list_referrers(
        &mut self,
        repository: RepositoryId,
        subject: &Digest,
        artifact_type: Option<&str>,
        after: Option<&Digest>,
        limit: usize,
    ) -> Result<Vec<ManifestRecord>, Error>;
    /// Every manifest of the store after a row, for `holdfast check`.
    fn scan_manifests(&mut self, after: ManifestId, limit: usize)
    -> Result<Vec<(RepositoryId, ManifestRecord)>, Error>;
}

/// Changes of the same.
pub trait ManifestTx {
    /// Inserts a manifest with its blobs and children and counts it in its repository; the caller
    /// has looked that the digest is new there.
    fn insert_manifest(&mut self, repository: RepositoryId, manifest: &NewManifest) -> Result<ManifestId, Error>;
    /// Sets `updated_at`.
    fn touch_manifest(&mut self, id: ManifestId, now: Timestamp) -> Result<(), Error>;
    /// Sets the locks and `updated_at`.
    fn set_manifest_attributes(&mut self, id: ManifestId, attributes: Attributes, now: Timestamp) -> Result<(), Error>;
    /// Removes the row, its blob and child rows and the tags on it, and counts all of them out of
    /// the repository.
    fn remove_manifest(&mut self, id: ManifestId) -> Result<(), Error>;
}

/// Tags.
pub trait TagRead {
    /// The row of a tag.
    fn find_tag(&mut self, repository: RepositoryId, tag: &Tag) -> Result<Option<TagRecord>, Error>;
    /// A page of tags, ascending bytewise unless the page says otherwise; only those on `digest`
    /// when it is given; those with `list_enabled` off are left out.
    fn list_tags(
        &mut self,
        repository: RepositoryId,
        digest: Option<&Digest>,
        page: &Page<Tag>,
    ) -> Result<Vec<TagRecord>, Error>;
    /// Every tag on a manifest, ascending.
    fn list_tags_of_manifest(&mut self, id: ManifestId) -> Result<Vec<TagRecord>, Error>;
}

/// Changes of the same.
pub trait TagTx {
    /// Points the tag to the manifest, making it if need be (then counted in the repository).
    /// Locks and `created_at` of an existing tag stay.
    fn put_tag(
        &mut self,
        repository: RepositoryId,
        tag: &Tag,
        manifest: ManifestId,
        now: Timestamp,
    ) -> Result<(), Error>;
    /// Sets the locks and `updated_at`.
    fn set_tag_attributes(
        &mut self,
        repository: RepositoryId,
        tag: &Tag,
        attributes: Attributes,
        now: Timestamp,
    ) -> Result<(), Error>;
    /// Removes the tag and counts it out of the repository; says whether it was there.
    fn remove_tag(&mut self, repository: RepositoryId, tag: &Tag) -> Result<bool, Error>;
}

/// Blobs and their links into repositories.
pub trait BlobRead {
    /// The blob, if the repository may read it.
    fn find_linked_blob(&mut self, repository: RepositoryId, digest: &Digest) -> Result<Option<BlobRecord>, Error>;
    /// The blob in a storage account, linked anywhere or nowhere.
    fn find_blob(&mut self, storage_account: StorageAccountId, digest: &Digest) -> Result<Option<BlobRecord>, Error>;
    /// Whether any repository links the blob.
    fn is_blob_linked(&mut self, id: BlobId) -> Result<bool, Error>;
    /// Repositories of a registry that link the blob, at most `limit`.
    fn list_repositories_with_blob(
        &mut self,
        registry: RegistryId,
        digest: &Digest,
        limit: usize,
    ) -> Result<Vec<RepositoryName>, Error>;
    /// Some blobs that a repository links.
    fn list_blobs_of_repository(&mut self, repository: RepositoryId, limit: usize) -> Result<Vec<BlobRecord>, Error>;
    /// Every blob of the store after a row, for `holdfast check`.
    fn scan_blobs(&mut self, after: BlobId, limit: usize) -> Result<Vec<BlobRecord>, Error>;
    /// How many blobs there are and how many bytes they hold.
    fn count_blobs(&mut self) -> Result<(u64, u64), Error>;
    /// Whether a blob, an upload or a queued object names this key.
    fn is_object_known(&mut self, storage_account: StorageAccountId, object_key: &ObjectKey) -> Result<bool, Error>;
}

/// Changes of the same.
pub trait BlobTx {
    /// Inserts a blob; the caller has looked that the digest is new in the storage account.
    fn insert_blob(&mut self, blob: &NewBlob) -> Result<BlobId, Error>;
    /// Links the blob into the repository; says whether the link is new.
    fn link_blob(&mut self, repository: RepositoryId, blob: BlobId, now: Timestamp) -> Result<bool, Error>;
    /// Removes the link; says whether it was there.
    fn unlink_blob(&mut self, repository: RepositoryId, blob: BlobId) -> Result<bool, Error>;
    /// Removes the row; the caller has looked that nothing links it.
    fn remove_blob(&mut self, id: BlobId) -> Result<(), Error>;
}

/// Upload sessions.
pub trait UploadRead {
    /// The session's row.
    fn find_upload(&mut self, id: UploadId) -> Result<Option<UploadRecord>, Error>;
    /// Sessions without progress since `before`, oldest first.
    fn list_stale_uploads(&mut self, before: Timestamp, limit: usize) -> Result<Vec<UploadRecord>, Error>;
    /// Some sessions of a registry.
    fn list_uploads_of_registry(&mut self, registry: RegistryId, limit: usize) -> Result<Vec<UploadRecord>, Error>;
    /// Sessions a caller has open in a registry.
    fn count_uploads(&mut self, registry: RegistryId, actor: &str) -> Result<u64, Error>;
}

/// Changes of the same.
pub trait UploadTx {
    /// Inserts a session.
    fn insert_upload(&mut self, upload: &UploadRecord) -> Result<(), Error>;
    /// Saves progress if the session still stands at `expected_offset`; says whether it did.
    fn save_upload(
        &mut self,
        id: UploadId,
        expected_offset: u64,
        offset: u64,
        hash_state: &[u8],
        now: Timestamp,
    ) -> Result<bool, Error>;
    /// Removes the session; says whether it was there.
    fn remove_upload(&mut self, id: UploadId) -> Result<bool, Error>;
}

/// The queue of what may be garbage.
pub trait GarbageRead {
    /// Candidates queued at or before `queued_before`, oldest first, after a row.
    fn list_candidates(
        &mut self,
        queued_before: Timestamp,
        after: CandidateId,
        limit: usize,
    ) -> Result<Vec<QueuedCandidate>, Error>;
    /// Whether, and since when, this very thing is queued.
    fn find_candidate(&mut self, candidate: &Candidate) -> Result<Option<QueuedCandidate>, Error>;
    /// Candidates in the queue.
    fn count_candidates(&mut self) -> Result<u64, Error>;
}

/// Changes of the same.
pub trait GarbageTx {
    /// Queues a candidate; one that is queued already gets the new time.
    fn queue_candidate(&mut self, candidate: &Candidate, now: Timestamp) -> Result<(), Error>;
    /// Takes a candidate out of the queue.
    fn remove_candidate(&mut self, id: CandidateId) -> Result<(), Error>;
}
