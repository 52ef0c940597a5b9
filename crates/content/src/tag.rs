//! Tags: list, show, lock and untag. Pointing a tag is part of a push (`manifest`).

use holdfast_access::{Grant, action};
use holdfast_oci::{Digest, RepositoryName, Tag};

use crate::{
    Error, Listable, Repositories,
    manifest::{ensure_tags_movable, queue_if_untagged},
    registry::load_registry,
    repository::{find_visible, load_visible},
};
use holdfast_model::{AttributesPatch, Durability, MetadataExt, Page, Read, RepositoryRecord, TagRecord};

impl Repositories {
    /// A page of tags, only those on `digest` when it is given; those with listing switched off are
    /// left out.
    ///
    /// # Errors
    /// [`Error::RepositoryUnknown`], [`Error::Storage`].
    pub async fn list_tags<A: Listable>(
        &self,
        grant: &Grant<A>,
        digest: Option<Digest>,
        page: Page<Tag>,
    ) -> Result<Vec<TagRecord>, Error> {
        let (registry, name) = (grant.registry(), grant.repository().clone());
        self.metadata
            .query(move |read| {
                let repository = load_visible(read, registry, &name)?;
                Ok(read.list_tags(repository.id, digest.as_ref(), &page)?)
            })
            .await
    }

    /// One tag.
    ///
    /// # Errors
    /// [`Error::RepositoryUnknown`], [`Error::TagUnknown`], [`Error::Storage`].
    pub async fn load_tag(&self, grant: &Grant<action::MetadataRead>, tag: &Tag) -> Result<TagRecord, Error> {
        let (registry, name, tag) = (grant.registry(), grant.repository().clone(), tag.clone());
        self.metadata
            .query(move |read| {
                let repository = load_visible(read, registry, &name)?;
                load_record(read, &repository, &tag)
            })
            .await
    }

    /// Changes one tag's locks.
    ///
    /// # Errors
    /// [`Error::RepositoryUnknown`], [`Error::TagUnknown`], [`Error::Storage`].
    pub async fn patch_tag(
        &self,
        grant: &Grant<action::MetadataWrite>,
        tag: &Tag,
        patch: AttributesPatch,
    ) -> Result<TagRecord, Error> {
        let (registry, name, tag) = (grant.registry(), grant.repository().clone(), tag.clone());
        let now = self.clock.now();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let repository = load_visible(tx, registry, &name)?;
                let record = load_record(tx, &repository, &tag)?;
                if let Some(changed) = patch.change(record.attributes) {
                    tx.set_tag_attributes(repository.id, &tag, changed, now)?;
                }
                load_record(tx, &repository, &tag)
            })
            .await
    }

    /// Removes a tag; the manifest stays (dist-spec 1.1.1 §Deleting tags, ACR: untag).
    ///
    /// # Errors
    /// [`Error::TagUnknown`] (also when the repository is missing, as ACR says), [`Error::Locked`],
    /// [`Error::Storage`].
    pub async fn delete_tag(&self, grant: &Grant<action::Delete>, tag: &Tag) -> Result<(), Error> {
        let (registry, name, tag) = (grant.registry(), grant.repository().clone(), tag.clone());
        let now = self.clock.now();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let repository = find_visible(tx, registry, &name)?.ok_or_else(|| unknown(&name, &tag))?;
                let record = load_record(tx, &repository, &tag)?;
                if !repository.attributes.write_enabled {
                    return Err(Error::Locked {
                        what: format!("repository {name}"),
                    });
                }
                if !record.attributes.may_delete() {
                    return Err(Error::Locked {
                        what: format!("tag {tag} of {name}"),
                    });
                }
                ensure_tags_movable(tx, &repository, &record.digest)?;
                tx.remove_tag(repository.id, &tag)?;
                tx.touch_repository(repository.id, now)?;
                let is_retained = load_registry(tx, registry)?.retention_days.is_some();
                Ok(queue_if_untagged(
                    tx,
                    is_retained,
                    repository.id,
                    record.manifest,
                    &record.digest,
                    now,
                )?)
            })
            .await
    }
}

fn load_record(read: &mut dyn Read, repository: &RepositoryRecord, tag: &Tag) -> Result<TagRecord, Error> {
    read.find_tag(repository.id, tag)?
        .ok_or_else(|| unknown(&repository.name, tag))
}

fn unknown(repository: &RepositoryName, tag: &Tag) -> Error {
    Error::TagUnknown {
        repository: repository.clone(),
        tag: tag.clone(),
    }
}
