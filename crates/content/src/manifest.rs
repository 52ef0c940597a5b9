//! Manifests: get, put, delete, list and lock. The exact bytes are kept; nothing here re-encodes.

mod push;
mod remove;

use std::{cell::Cell, sync::Arc};

use bytes::Bytes;
use holdfast_access::{Grant, RegistryId, action};
use holdfast_oci::{Digest, Manifest, MediaType, Reference, RepositoryName, Tag};

use crate::{
    Error, Operator, Repositories,
    current::Current,
    limits::{MAX_TAGS_SHOWN, PAGE_BYTES},
    repository::{find_visible, load_visible},
};
use holdfast_model::{
    AttributesPatch, Durability, ManifestContent, ManifestRecord, MetadataError, MetadataExt, Page, Position,
    PulledManifest, Read, RepositoryRecord, Visibility,
};
pub(crate) use remove::{ensure_tags_movable, queue_if_untagged, removable_tags, remove_manifest_rows};

/// A manifest as listings show it.
#[derive(Debug, Clone)]
pub struct ManifestView {
    /// Its row.
    pub record: ManifestRecord,
    /// Tags on it, ascending, at most 10,000.
    pub tags: Vec<Tag>,
    /// Manifests it lists, with architecture and os when they are in the repository.
    pub references: Vec<(Digest, Option<String>, Option<String>)>,
}

/// A page of manifests.
#[derive(Debug, Clone)]
pub struct ManifestPage {
    /// Those with listing switched on; fewer than the page's limit where many tags fill it.
    pub manifests: Vec<ManifestView>,
    /// Where the next page goes on from, when there is one.
    pub next: Option<Position<Digest>>,
}

/// What must hold for the reference that a push writes (RFC 9110 §13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// `If-None-Match: *`: nothing is there yet.
    Absent,
    /// `If-Match: *`: something is there.
    Present,
    /// `If-Match`: one of these is there.
    OneOf(Vec<Digest>),
}

/// A push of a manifest.
#[derive(Debug, Clone)]
pub struct PutManifest {
    /// Tag or digest of the path.
    pub reference: Reference,
    /// More tags to set with it (dist-spec main, end-7b).
    pub tags: Vec<Tag>,
    /// `Content-Type`, when given.
    pub media_type: Option<MediaType>,
    /// The body.
    pub bytes: Bytes,
    /// Condition on every tag written.
    pub precondition: Option<Precondition>,
}

/// A pushed manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Its digest.
    pub digest: Digest,
    /// Its subject, when it has one.
    pub subject: Option<Digest>,
    /// Tags of the query that were set.
    pub tags: Vec<Tag>,
}

/// Digest and media type of what was pulled, by registry, repository and reference.
pub(crate) type ManifestPulls = Current<(RegistryId, RepositoryName, Reference), (Digest, Arc<str>)>;

impl Repositories {
    /// The manifest a tag or digest names. A repository that is not there has none: clients tell by the code whether
    /// an image is missing, and that it was the last one changes nothing.
    ///
    /// # Errors
    /// [`Error::ManifestUnknown`], [`Error::ManifestTagUnknown`],
    /// [`Error::Locked`] when reading is switched off, [`Error::Storage`].
    pub async fn load_manifest(
        &self,
        grant: &Grant<action::Pull>,
        reference: &Reference,
    ) -> Result<ManifestContent, Error> {
        let commits = self.metadata.commits();
        let key = (grant.registry(), grant.repository().clone(), reference.clone());
        if let Some((digest, media_type)) = self.manifest_pulls.get(&key, commits)
            && let Some(bytes) = self.manifest_cache.get(&digest)
        {
            let media_type = media_type.to_string();
            return Ok(ManifestContent {
                digest,
                media_type,
                bytes,
            });
        }
        let (content, key) = self.find_manifest_content(key).await?;
        let pulled = (content.digest, content.media_type.as_str().into());
        self.manifest_pulls.insert(key, commits, pulled);
        Ok(content)
    }

    async fn find_manifest_content(
        &self,
        (registry, name, reference): (RegistryId, RepositoryName, Reference),
    ) -> Result<(ManifestContent, (RegistryId, RepositoryName, Reference)), Error> {
        let cache = self.manifest_cache.clone();
        self.metadata
            .query(move |read| {
                let is_cached = Cell::new(false);
                let known = |digest: &Digest| {
                    let bytes = cache.get(digest);
                    is_cached.set(bytes.is_some());
                    bytes
                };
                let found = read.find_pulled_manifest(registry, &name, &reference, &known)?;
                let found = found.ok_or_else(|| unknown(&name, &reference))?;
                let content = readable(found, &name, &reference)?;
                if !is_cached.get() {
                    cache.insert(content.digest, &content.bytes);
                }
                Ok((content, (registry, name, reference)))
            })
            .await
    }

    /// Deletes a manifest and the tags on it.
    ///
    /// # Errors
    /// [`Error::ManifestUnknown`], [`Error::Locked`], [`Error::Storage`].
    pub async fn delete_manifest(&self, grant: &Grant<action::Delete>, digest: &Digest) -> Result<(), Error> {
        let (registry, name, digest) = (grant.registry(), grant.repository().clone(), *digest);
        let now = self.clock.now();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let repository =
                    find_visible(tx, registry, &name)?.ok_or_else(|| unknown(&name, &Reference::Digest(digest)))?;
                let record = load_record(tx, &repository, &digest)?;
                if !repository.attributes.write_enabled {
                    return Err(Error::Locked {
                        what: format!("repository {name}"),
                    });
                }
                remove_manifest_rows(tx, &repository, &record, now)?;
                Ok(())
            })
            .await
    }

    /// A page of manifests; those with listing switched off are left out.
    ///
    /// # Errors
    /// [`Error::RepositoryUnknown`], [`Error::Storage`].
    pub async fn list_manifests(
        &self,
        grant: &Grant<action::MetadataRead>,
        mut page: Page<Digest>,
    ) -> Result<ManifestPage, Error> {
        let (registry, name) = (grant.registry(), grant.repository().clone());
        let limit = page.limit;
        page.limit = limit.saturating_add(1);
        self.metadata
            .query(move |read| {
                let repository = load_visible(read, registry, &name)?;
                let records = read.list_manifests(repository.id, Visibility::Listed, &page)?;
                let count = records.len();
                let (mut manifests, mut bytes) = (Vec::new(), 0);
                for record in records.into_iter().take(limit) {
                    let shown = view(read, record, Vec::new())?;
                    bytes += shown.tags.iter().map(|tag| tag.as_str().len()).sum::<usize>();
                    manifests.push(shown);
                    if bytes >= PAGE_BYTES {
                        break;
                    }
                }
                let last = manifests.last().filter(|_| count > manifests.len());
                let next = last.map(|last| Position::at(last.record.updated_at, last.record.digest));
                Ok(ManifestPage { manifests, next })
            })
            .await
    }

    /// One manifest's attributes.
    ///
    /// # Errors
    /// [`Error::RepositoryUnknown`], [`Error::ManifestUnknown`], [`Error::Storage`].
    pub async fn load_manifest_view(
        &self,
        grant: &Grant<action::MetadataRead>,
        digest: &Digest,
    ) -> Result<ManifestView, Error> {
        let (registry, name, digest) = (grant.registry(), grant.repository().clone(), *digest);
        self.metadata
            .query(move |read| {
                let repository = load_visible(read, registry, &name)?;
                full_view(read, &repository, &digest)
            })
            .await
    }

    /// Changes one manifest's locks.
    ///
    /// # Errors
    /// [`Error::RepositoryUnknown`], [`Error::ManifestUnknown`], [`Error::Storage`].
    pub async fn patch_manifest(
        &self,
        grant: &Grant<action::MetadataWrite>,
        digest: &Digest,
        patch: AttributesPatch,
    ) -> Result<ManifestView, Error> {
        let (registry, name, digest) = (grant.registry(), grant.repository().clone(), *digest);
        let now = self.clock.now();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let repository = load_visible(tx, registry, &name)?;
                let record = load_record(tx, &repository, &digest)?;
                if let Some(changed) = patch.change(record.attributes) {
                    tx.set_manifest_attributes(record.id, changed, now)?;
                }
                full_view(tx, &repository, &digest)
            })
            .await
    }
}

impl Operator {
    /// Reads a manifest; a large one keeps no async thread busy.
    ///
    /// # Errors
    /// [`Error::ManifestInvalid`], [`Error::Stopping`].
    pub async fn parse_manifest(&self, declared: Option<MediaType>, bytes: Bytes) -> Result<Manifest, Error> {
        let size_bytes = bytes.len();
        let parse = move || Manifest::parse(declared.as_ref(), &bytes);
        Ok(self.parsing.run(size_bytes, parse).await??)
    }
}

/// The manifest, unless something on the way to it is locked for reading.
fn readable(found: PulledManifest, name: &RepositoryName, reference: &Reference) -> Result<ManifestContent, Error> {
    let locked = |what: String| Err(Error::Locked { what });
    if !found.repository.read_enabled {
        return locked(format!("repository {name}"));
    }
    if let (Reference::Tag(tag), Some(attributes)) = (reference, &found.tag)
        && !attributes.read_enabled
    {
        return locked(format!("tag {tag} of {name}"));
    }
    let (content, attributes) = found.manifest.ok_or_else(|| unknown(name, reference))?;
    if !attributes.read_enabled {
        return locked(format!("manifest {} of {name}", content.digest));
    }
    Ok(content)
}

fn load_record(read: &mut dyn Read, repository: &RepositoryRecord, digest: &Digest) -> Result<ManifestRecord, Error> {
    read.find_manifest(repository.id, digest)?
        .ok_or_else(|| unknown(&repository.name, &Reference::Digest(*digest)))
}

fn unknown(repository: &RepositoryName, reference: &Reference) -> Error {
    match reference {
        Reference::Tag(tag) => Error::ManifestTagUnknown { tag: tag.clone() },
        Reference::Digest(digest) => Error::ManifestUnknown {
            repository: repository.clone(),
            digest: *digest,
        },
    }
}

fn full_view(read: &mut dyn Read, repository: &RepositoryRecord, digest: &Digest) -> Result<ManifestView, Error> {
    let record = load_record(read, repository, digest)?;
    let mut references = Vec::new();
    for child in read.list_manifest_children(record.id)? {
        let platform = read.find_manifest(repository.id, &child)?;
        let (architecture, os) = platform.map_or((None, None), |record| (record.architecture, record.os));
        references.push((child, architecture, os));
    }
    Ok(view(read, record, references)?)
}

fn view(
    read: &mut dyn Read,
    record: ManifestRecord,
    references: Vec<(Digest, Option<String>, Option<String>)>,
) -> Result<ManifestView, MetadataError> {
    let tags = read
        .list_tags_of_manifest(record.id, MAX_TAGS_SHOWN)?
        .into_iter()
        .map(|tag| tag.name)
        .collect();
    Ok(ManifestView {
        record,
        tags,
        references,
    })
}
