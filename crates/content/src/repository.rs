//! Repositories: catalog, attributes, deletion. A repository is there as long as it has a manifest.

use holdfast_access::{Grant, RegistryGrant, RegistryId, action};
use holdfast_oci::{Digest, RepositoryName, Tag};

use crate::{
    Error, Repositories,
    limits::MANIFESTS_PER_TRANSACTION,
    manifest::{removable_tags, remove_manifest_rows},
    registry::unknown_registry,
};
use holdfast_model::{
    Attributes, AttributesPatch, Durability, ListOrder, MetadataError, MetadataExt, Page, Position, Read,
    RepositoryRecord, StorageError, TargetRepository, Timestamp, Tx, Visibility,
};

/// A repository as `/acr/v1` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryView {
    /// Its name.
    pub name: RepositoryName,
    /// Its locks.
    pub attributes: Attributes,
    /// Manifests in it.
    pub manifest_count: u64,
    /// Tags in it.
    pub tag_count: u64,
    /// When its first manifest came.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl From<RepositoryRecord> for RepositoryView {
    fn from(record: RepositoryRecord) -> Self {
        Self {
            name: record.name,
            attributes: record.attributes,
            manifest_count: record.manifest_count,
            tag_count: record.tag_count,
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

/// What went with a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeletedRepository {
    /// Digests of its manifests.
    pub manifests: Vec<Digest>,
    /// Its tags.
    pub tags: Vec<Tag>,
}

impl Repositories {
    /// A page of the catalog, ascending bytewise.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_repositories(
        &self,
        grant: &RegistryGrant<action::CatalogRead>,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<RepositoryName>, StorageError> {
        let registry = grant.registry();
        Ok(self
            .metadata
            .query(move |read| read.list_repositories(registry, after.as_deref(), limit))
            .await?)
    }

    /// A repository's counts, times and locks.
    ///
    /// # Errors
    /// [`Error::RepositoryUnknown`], [`Error::Storage`].
    pub async fn load_repository(&self, grant: &Grant<action::MetadataRead>) -> Result<RepositoryView, Error> {
        let (registry, name) = (grant.registry(), grant.repository().clone());
        self.metadata
            .query(move |read| Ok(load_visible(read, registry, &name)?.into()))
            .await
    }

    /// Changes a repository's locks.
    ///
    /// # Errors
    /// [`Error::RepositoryUnknown`], [`Error::Storage`].
    pub async fn patch_repository(
        &self,
        grant: &Grant<action::MetadataWrite>,
        patch: AttributesPatch,
    ) -> Result<RepositoryView, Error> {
        let (registry, name) = (grant.registry(), grant.repository().clone());
        let now = self.clock.now();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let record = load_visible(tx, registry, &name)?;
                if let Some(changed) = patch.change(record.attributes) {
                    tx.set_repository_attributes(record.id, changed, now)?;
                }
                Ok(load_visible(tx, registry, &name)?.into())
            })
            .await
    }

    /// Deletes every manifest and tag of a repository, or none when something in it is locked. Large
    /// repositories go in several transactions; what is pushed or locked meanwhile stays.
    ///
    /// # Errors
    /// [`Error::RepositoryUnknown`], [`Error::Locked`] when the repository, or a manifest or tag in
    /// it, is locked, [`Error::Storage`].
    pub async fn delete_repository(&self, grant: &Grant<action::Delete>) -> Result<DeletedRepository, Error> {
        self.ensure_deletable(grant).await?;
        let started = self.clock.now();
        let mut deleted = DeletedRepository::default();
        loop {
            let (registry, name) = (grant.registry(), grant.repository().clone());
            let first = deleted.manifests.is_empty();
            let now = self.clock.now();
            let step = self
                .metadata
                .transact(Durability::Durable, move |tx| {
                    delete_some(tx, registry, &name, started, now, first)
                })
                .await?;
            let done = step.manifests.len() < MANIFESTS_PER_TRANSACTION;
            deleted.manifests.extend(step.manifests);
            deleted.tags.extend(step.tags);
            if done {
                return Ok(deleted);
            }
        }
    }

    /// Looks for locks before the first transaction, so that a lock in the last one does not leave
    /// half a repository. Each transaction looks again.
    async fn ensure_deletable(&self, grant: &Grant<action::Delete>) -> Result<(), Error> {
        let mut after = None;
        loop {
            let (registry, name) = (grant.registry(), grant.repository().clone());
            let page = Page {
                after,
                limit: MANIFESTS_PER_TRANSACTION,
                order: ListOrder::Name,
            };
            after = self
                .metadata
                .query(move |read| {
                    let repository = load_visible(read, registry, &name)?;
                    let manifests = read.list_manifests(repository.id, Visibility::Every, &page)?;
                    for manifest in &manifests {
                        removable_tags(read, &repository, manifest)?;
                    }
                    let next = manifests.last().filter(|_| manifests.len() == page.limit);
                    Ok::<_, Error>(next.map(|manifest| Position::of(manifest.digest)))
                })
                .await?;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

fn delete_some(
    tx: &mut dyn Tx,
    registry: RegistryId,
    name: &RepositoryName,
    started: Timestamp,
    now: Timestamp,
    first: bool,
) -> Result<DeletedRepository, Error> {
    let mut deleted = DeletedRepository::default();
    let repository = match load_visible(tx, registry, name) {
        Err(Error::RepositoryUnknown { .. }) if !first => return Ok(deleted),
        other => other?,
    };
    if !repository.attributes.may_delete() {
        return Err(Error::Locked {
            what: format!("repository {name}"),
        });
    }
    // Oldest first, so that a page never hides old manifests behind ones pushed meanwhile.
    let page = Page {
        after: None,
        limit: MANIFESTS_PER_TRANSACTION,
        order: ListOrder::TimeAscending,
    };
    for manifest in tx.list_manifests(repository.id, Visibility::Every, &page)? {
        if manifest.created_at > started {
            continue;
        }
        let tags = remove_manifest_rows(tx, &repository, &manifest, now)?;
        deleted.manifests.push(manifest.digest);
        deleted.tags.extend(tags);
    }
    Ok(deleted)
}

/// The repository's row if it has manifests; otherwise it does not exist for anybody.
pub(crate) fn find_visible(
    read: &mut dyn Read,
    registry: RegistryId,
    name: &RepositoryName,
) -> Result<Option<RepositoryRecord>, MetadataError> {
    let found = read.find_repository(registry, name)?;
    Ok(found.filter(|record| record.manifest_count > 0))
}

/// The same, where its absence is the caller's answer.
pub(crate) fn load_visible(
    read: &mut dyn Read,
    registry: RegistryId,
    name: &RepositoryName,
) -> Result<RepositoryRecord, Error> {
    find_visible(read, registry, name)?.ok_or_else(|| Error::RepositoryUnknown { name: name.clone() })
}

/// The row to write into, made if need be. A frozen repository takes nothing.
pub(crate) fn ensure_writable(
    tx: &mut dyn Tx,
    registry: RegistryId,
    name: &RepositoryName,
    now: Timestamp,
) -> Result<TargetRepository, Error> {
    let target = tx.ensure_repository(registry, name, now)?;
    writable(target, registry)
}

/// The same for a manifest that comes.
pub(crate) fn ensure_writable_for_manifest(
    tx: &mut dyn Tx,
    registry: RegistryId,
    name: &RepositoryName,
    now: Timestamp,
) -> Result<TargetRepository, Error> {
    let target = tx.ensure_touched_repository(registry, name, now)?;
    writable(target, registry)
}

fn writable(target: Option<TargetRepository>, registry: RegistryId) -> Result<TargetRepository, Error> {
    let target = target.ok_or_else(|| unknown_registry(registry))?;
    let repository = &target.repository;
    // Locks end with the last manifest: an empty repository has none.
    if repository.manifest_count > 0 && !repository.attributes.write_enabled {
        return Err(Error::Locked {
            what: format!("repository {}", repository.name),
        });
    }
    Ok(target)
}
