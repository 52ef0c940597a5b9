//! Blobs: stat, open, mount and delete. Uploading is `upload`'s.

use std::ops::Range;

use bytes::Bytes;
use holdfast_access::{Grant, RegistryId, action};
use holdfast_oci::{Digest, RepositoryName};

use crate::{
    Error, Repositories,
    current::Current,
    limits::{BLOB_URL_LASTS, MAX_MOUNT_SOURCES, SMALL_BLOB_BYTES},
    registry::load_registry,
    repository::ensure_writable,
};
use holdfast_model::{
    BlobPlace, BlobRecord, Candidate, Content, Durability, MetadataError, MetadataExt, ObjectKey, PulledBlob, Read,
    StorageError, StoreError,
};

/// Rows of what was pulled, by registry, repository and digest.
pub(crate) type BlobPulls = Current<(RegistryId, RepositoryName, Digest), BlobPull>;

/// A blob that is pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobPull {
    /// The blob.
    pub blob: BlobRecord,
    /// Whether its registry lets it be read straight from the store.
    by_url: bool,
}

impl Repositories {
    /// A blob's size. Asking keeps a blob that waits for the collector: the caller may be about to
    /// push a manifest that needs it.
    ///
    /// # Errors
    /// [`Error::BlobUnknown`], [`Error::Locked`], [`Error::Storage`].
    pub async fn stat_blob(&self, grant: &Grant<action::Pull>, digest: &Digest) -> Result<BlobRecord, Error> {
        let (registry, name, wanted) = (grant.registry(), grant.repository().clone(), *digest);
        let stale = self.clock.now().minus(self.limits.grace / 2);
        let (blob, candidate) = self
            .metadata
            .query(move |read| {
                let PulledBlob { repository, blob, .. } = load(read, registry, &name, &wanted)?;
                let candidate = Candidate::BlobLink {
                    repository,
                    digest: wanted,
                };
                let queued = read.find_candidate(&candidate)?;
                Ok::<_, Error>((
                    blob,
                    queued.filter(|queued| queued.queued_at < stale).map(|_| candidate),
                ))
            })
            .await?;
        if let Some(candidate) = candidate {
            let now = self.clock.now();
            self.metadata
                .transact(Durability::Relaxed, move |tx| tx.queue_candidate(&candidate, now))
                .await?;
        }
        Ok(blob)
    }

    /// A blob's size and place.
    ///
    /// # Errors
    /// [`Error::BlobUnknown`], [`Error::Locked`], [`Error::Storage`].
    pub async fn load_blob(&self, grant: &Grant<action::Pull>, digest: &Digest) -> Result<BlobRecord, Error> {
        Ok(self.load_blob_pull(grant, digest).await?.blob)
    }

    /// A blob's size and place, for a pull. Bytes that lie in the rows are read with it.
    ///
    /// # Errors
    /// [`Error::BlobUnknown`], [`Error::Locked`], [`Error::Storage`].
    pub async fn load_blob_pull(&self, grant: &Grant<action::Pull>, digest: &Digest) -> Result<BlobPull, Error> {
        let key = (grant.registry(), grant.repository().clone(), *digest);
        let commits = self.metadata.commits();
        if let Some(pull) = self.blob_pulls.get(&key, commits) {
            return Ok(pull);
        }
        let is_cached = self.blob_cache.get(digest).is_some();
        let found = self.metadata.query(move |read| {
            let PulledBlob { blob, by_url, .. } = load(read, key.0, &key.1, &key.2)?;
            let bytes = match &blob.place {
                BlobPlace::Row if !is_cached => read.find_blob_bytes(blob.id)?,
                BlobPlace::Row | BlobPlace::Object(_) => None,
            };
            Ok::<_, Error>((BlobPull { blob, by_url }, bytes, key))
        });
        let (pull, bytes, key) = found.await?;
        if let Some(bytes) = bytes {
            self.blob_cache.insert(pull.blob.digest, &bytes);
        }
        self.blob_pulls.insert(key, commits, pull.clone());
        Ok(pull)
    }

    /// A URL by which the blob can be read straight from its store for [`BLOB_URL_LASTS`]: a secret. `None` where the
    /// registry does not have it so, the blob is small enough for the cache, or the store cannot sign.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn sign_blob_url(&self, _grant: &Grant<action::Pull>, pull: &BlobPull) -> Result<Option<String>, Error> {
        match &pull.blob.place {
            BlobPlace::Object(key) if pull.by_url && pull.blob.size_bytes > SMALL_BLOB_BYTES => {
                let store = self.store(pull.blob.storage_account).await?;
                Ok(store.signed_url(key, BLOB_URL_LASTS).await?)
            }
            BlobPlace::Object(_) | BlobPlace::Row => Ok(None),
        }
    }

    /// Opens a range of a blob, which lies inside it.
    ///
    /// # Errors
    /// [`Error::BlobUnknown`] when it was collected meanwhile, [`Error::Storage`].
    pub async fn open_blob(
        &self,
        grant: &Grant<action::Pull>,
        blob: &BlobRecord,
        range: Range<u64>,
    ) -> Result<Content, Error> {
        if let Some(content) = self.open_place(blob, range.clone()).await? {
            return Ok(content);
        }
        // Collected and pushed again since the row was read: the new row names a new place.
        let blob = self.load_blob(grant, &blob.digest).await?;
        self.open_place(&blob, range).await?.ok_or_else(|| lost(&blob))
    }

    /// `None` when the bytes are not where the row says.
    async fn open_place(&self, blob: &BlobRecord, range: Range<u64>) -> Result<Option<Content>, Error> {
        match &blob.place {
            BlobPlace::Object(key) if blob.size_bytes > SMALL_BLOB_BYTES => {
                found(self.store(blob.storage_account).await?.open(key, range).await)
            }
            BlobPlace::Object(_) | BlobPlace::Row => {
                let whole = self.whole_blob(blob).await?;
                Ok(whole.map(|whole| Content::in_memory(slice(&whole, range))))
            }
        }
    }

    /// Lets a repository read a blob that another one has, in its own registry or another one with the same storage
    /// account. `None` when the source does not have it there: the caller then uploads it.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Storage`].
    pub async fn mount_blob(
        &self,
        target: &Grant<action::Push>,
        source: &Grant<action::Pull>,
        digest: &Digest,
    ) -> Result<Option<BlobRecord>, Error> {
        let (registry, from, digest) = (target.registry(), source.registry(), *digest);
        let (target, source) = (target.repository().clone(), source.repository().clone());
        let now = self.clock.now();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let blob = match load(tx, from, &source, &digest) {
                    Err(Error::BlobUnknown { .. } | Error::Locked { .. }) => return Ok(None),
                    found => found?.blob,
                };
                // Before a repository is made for it.
                if load_registry(tx, registry)?.storage_account != blob.storage_account {
                    return Ok(None);
                }
                let repository = ensure_writable(tx, registry, &target, now)?.repository.id;
                tx.link_blob(repository, blob.id, now)?;
                tx.queue_candidate(&Candidate::BlobLink { repository, digest }, now)?;
                Ok(Some(blob))
            })
            .await
    }

    /// Repositories that have a blob, for a mount that names no source (dist-spec 1.1: may be
    /// honoured). The caller asks `decide` for each before using it; none is shown to anybody.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn find_mount_sources(
        &self,
        target: &Grant<action::Push>,
        digest: &Digest,
    ) -> Result<Vec<RepositoryName>, StorageError> {
        let (registry, digest) = (target.registry(), *digest);
        Ok(self
            .metadata
            .query(move |read| read.list_repositories_with_blob(registry, &digest, MAX_MOUNT_SOURCES))
            .await?)
    }

    /// Takes a blob out of a repository.
    ///
    /// # Errors
    /// [`Error::BlobUnknown`], [`Error::BlobInUse`] when a manifest of the repository needs it,
    /// [`Error::Locked`], [`Error::Storage`].
    pub async fn delete_blob(&self, grant: &Grant<action::Delete>, digest: &Digest) -> Result<(), Error> {
        let (registry, name, digest) = (grant.registry(), grant.repository().clone(), *digest);
        let now = self.clock.now();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let PulledBlob {
                    repository,
                    attributes,
                    blob,
                    ..
                } = load_link(tx, registry, &name, &digest)?;
                if attributes.is_some_and(|attributes| !attributes.write_enabled) {
                    return Err(Error::Locked {
                        what: format!("repository {name}"),
                    });
                }
                if let Some(manifest) = tx.find_manifest_needing_blob(repository, &digest)? {
                    return Err(Error::BlobInUse { digest, manifest });
                }
                tx.unlink_blob(repository, blob.id)?;
                if tx.is_blob_linked(blob.id)? {
                    return Ok(());
                }
                // Every blob has a link, or the collector would not find it.
                tx.remove_blob(blob.id)?;
                if let Some(object) = blob.garbage() {
                    tx.queue_candidate(&Candidate::Object(object), now)?;
                }
                Ok(())
            })
            .await
    }

    /// A blob whole, through the cache; for the rules' own use, so read locks do not count. `None` when it has more
    /// than `limit` bytes: its row says how many it has, a descriptor only claims it.
    ///
    /// # Errors
    /// [`Error::BlobUnknown`], [`Error::Storage`].
    pub(crate) async fn read_whole_blob(
        &self,
        registry: RegistryId,
        name: &RepositoryName,
        digest: &Digest,
        limit: u64,
    ) -> Result<Option<Bytes>, Error> {
        let load = || {
            let (name, digest) = (name.clone(), *digest);
            self.metadata
                .query(move |read| Ok::<_, Error>(load_link(read, registry, &name, &digest)?.blob))
        };
        let blob = load().await?;
        if blob.size_bytes > limit {
            return Ok(None);
        }
        if let Some(bytes) = self.whole_blob(&blob).await? {
            return Ok(Some(bytes));
        }
        // As in `open_blob`; equal digests have equal sizes.
        let blob = load().await?;
        let bytes = self.whole_blob(&blob).await?.ok_or_else(|| lost(&blob))?;
        Ok(Some(bytes))
    }

    /// The caller has checked `size_bytes` against a limit of its own. `None` when the bytes are not where the row says.
    async fn whole_blob(&self, blob: &BlobRecord) -> Result<Option<Bytes>, Error> {
        if let Some(bytes) = self.blob_cache.get(&blob.digest) {
            return Ok(Some(bytes));
        }
        let bytes = match &blob.place {
            BlobPlace::Row => {
                let id = blob.id;
                self.metadata.query(move |read| read.find_blob_bytes(id)).await?
            }
            BlobPlace::Object(key) => self.read_object(blob, key).await?,
        };
        if let Some(bytes) = &bytes
            && blob.size_bytes <= SMALL_BLOB_BYTES
        {
            self.blob_cache.insert(blob.digest, bytes);
        }
        Ok(bytes)
    }

    async fn read_object(&self, blob: &BlobRecord, key: &ObjectKey) -> Result<Option<Bytes>, Error> {
        let opened = self
            .store(blob.storage_account)
            .await?
            .open(key, 0..blob.size_bytes)
            .await;
        let Some(content) = found(opened)? else {
            return Ok(None);
        };
        let bytes = content.read_whole().await.map_err(|source| StoreError::Failed {
            attempted: format!("read object {key}"),
            source: Box::new(source),
        })?;
        Ok(Some(bytes))
    }
}

/// An object that is not there is not an error yet: the blob's row may have changed since it was read.
fn found(opened: Result<Content, StoreError>) -> Result<Option<Content>, Error> {
    match opened {
        Ok(content) => Ok(Some(content)),
        Err(StoreError::Missing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A blob that has a row, and its bytes are gone.
fn lost(blob: &BlobRecord) -> Error {
    match &blob.place {
        BlobPlace::Row => MetadataError::failed("read a blob", BytesGone { digest: blob.digest }).into(),
        BlobPlace::Object(key) => StoreError::Missing { key: key.clone() }.into(),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the bytes of blob {digest} are not in the database")]
struct BytesGone {
    digest: Digest,
}

fn slice(bytes: &Bytes, range: Range<u64>) -> Bytes {
    // Small blobs fit into memory, so their ranges fit into usize.
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
    bytes.slice(at(range.start)..at(range.end))
}

/// The blob for a reader: a repository that is locked for reading gives none.
fn load(
    read: &mut dyn Read,
    registry: RegistryId,
    name: &RepositoryName,
    digest: &Digest,
) -> Result<PulledBlob, Error> {
    let found = load_link(read, registry, name, digest)?;
    if found.attributes.is_some_and(|attributes| !attributes.read_enabled) {
        return Err(Error::Locked {
            what: format!("repository {name}"),
        });
    }
    Ok(found)
}

fn load_link(
    read: &mut dyn Read,
    registry: RegistryId,
    name: &RepositoryName,
    digest: &Digest,
) -> Result<PulledBlob, Error> {
    let found = read.find_pulled_blob(registry, name, digest)?;
    found.ok_or_else(|| Error::BlobUnknown {
        repository: name.clone(),
        digest: *digest,
    })
}
