//! Manifests: get, put, delete, list and lock. The exact bytes are kept; nothing here re-encodes.

use std::collections::HashSet;

use bytes::Bytes;
use holdfast_access::{Grant, RegistryId, action};
use holdfast_oci::{Algorithm, Digest, Manifest, MediaType, Reference, RepositoryName, Tag};
use serde::Deserialize;

use crate::{
    AttributesPatch, Error, Registry, Timestamp,
    limits::{MAX_CONFIG_BYTES, MAX_MISSING_NAMED, MAX_TAGS_PER_PUSH, ROWS_PER_STEP},
    ports::{
        Candidate, Durability, ManifestId, ManifestRecord, MetadataExt, NewManifest, Page, Read, RepositoryId,
        RepositoryRecord, TagRecord, Tx,
    },
    registry::load_registry,
    repository::{ensure_writable, load_visible},
};

/// A manifest as it was pushed.
#[derive(Debug, Clone)]
pub struct ManifestContent {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// The exact bytes.
    pub bytes: Bytes,
}

/// A manifest as listings show it.
#[derive(Debug, Clone)]
pub struct ManifestView {
    /// Its row.
    pub record: ManifestRecord,
    /// Tags on it, ascending.
    pub tags: Vec<Tag>,
    /// Manifests it lists, with architecture and os when they are in the repository.
    pub references: Vec<(Digest, Option<String>, Option<String>)>,
}

/// A page of manifests.
#[derive(Debug, Clone)]
pub struct ManifestPage {
    /// Those with listing switched on; may be fewer than the page's limit.
    pub manifests: Vec<ManifestView>,
    /// The marker of the next page, when there is one.
    pub next: Option<Digest>,
}

/// What a conditional push expects of the reference it writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expectation {
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
    pub expectation: Option<Expectation>,
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

impl Registry {
    /// The manifest a tag or digest names.
    ///
    /// # Errors
    /// [`Error::RepositoryUnknown`], [`Error::ManifestUnknown`], [`Error::ManifestTagUnknown`],
    /// [`Error::Locked`] when reading is switched off, [`Error::Metadata`].
    pub async fn load_manifest(
        &self,
        grant: &Grant<action::Pull>,
        reference: &Reference,
    ) -> Result<ManifestContent, Error> {
        let (registry, name, reference) = (grant.registry(), grant.repository().clone(), reference.clone());
        let cache = self.manifest_cache.clone();
        self.metadata
            .query(move |read| {
                let repository = load_visible(read, registry, &name)?;
                let record = resolve(read, &repository, &reference)?;
                let bytes = match cache.get(&record.digest) {
                    Some(bytes) => bytes,
                    None => {
                        let bytes = read.load_manifest_bytes(record.id)?;
                        cache.insert(record.digest, bytes.clone());
                        bytes
                    }
                };
                Ok(ManifestContent {
                    digest: record.digest,
                    media_type: record.media_type,
                    bytes,
                })
            })
            .await
    }

    /// Stores a manifest and points tags to it, all in one transaction.
    ///
    /// # Errors
    /// [`Error::ManifestInvalid`], [`Error::DigestMismatch`], [`Error::ManifestBlobsMissing`],
    /// [`Error::SizeMismatch`], [`Error::TooManyTags`], [`Error::Locked`],
    /// [`Error::PreconditionFailed`], [`Error::Full`], [`Error::Overloaded`], [`Error::Metadata`].
    pub async fn put_manifest(&self, grant: &Grant<action::Push>, put: PutManifest) -> Result<Pushed, Error> {
        if put.tags.len() > MAX_TAGS_PER_PUSH {
            return Err(Error::TooManyTags {
                count: put.tags.len(),
                limit: MAX_TAGS_PER_PUSH,
            });
        }
        let manifest = Manifest::parse(put.media_type.as_ref(), &put.bytes)?;
        let digest = checked_digest(&put)?;
        let platform = self.image_platform(grant, &manifest).await?;
        let now = self.clock.now();
        let subject = manifest.subject().map(|subject| subject.digest);
        let row = new_row(&manifest, digest, put.bytes.clone(), platform, now);
        let push = Push {
            registry: grant.registry(),
            name: grant.repository().clone(),
            required: manifest.required_blobs().collect(),
            row,
            tags: all_tags(&put),
            expectation: put.expectation,
            now,
        };
        self.metadata
            .transact(Durability::Durable, move |tx| push.run(tx))
            .await?;
        self.manifest_cache.insert(digest, put.bytes);
        Ok(Pushed {
            digest,
            subject,
            tags: put.tags,
        })
    }

    /// Deletes a manifest and the tags on it.
    ///
    /// # Errors
    /// [`Error::RepositoryUnknown`], [`Error::ManifestUnknown`], [`Error::Locked`],
    /// [`Error::Full`], [`Error::Metadata`].
    pub async fn delete_manifest(&self, grant: &Grant<action::Delete>, digest: &Digest) -> Result<(), Error> {
        let (registry, name, digest) = (grant.registry(), grant.repository().clone(), *digest);
        let now = self.clock.now();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let repository = load_visible(tx, registry, &name)?;
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
    /// [`Error::RepositoryUnknown`], [`Error::Metadata`].
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
                let mut records = read.list_manifests(repository.id, &page)?;
                // What is left out counts for the page, or a page of hidden ones would look like the last.
                let has_more = records.len() > limit;
                records.truncate(limit);
                let last = records.last().map(|record| record.digest);
                let manifests = records
                    .into_iter()
                    .filter(|record| record.attributes.list_enabled)
                    .map(|record| view(read, record, Vec::new()))
                    .collect::<Result<_, _>>()?;
                Ok(ManifestPage {
                    manifests,
                    next: last.filter(|_| has_more),
                })
            })
            .await
    }

    /// One manifest's attributes.
    ///
    /// # Errors
    /// [`Error::RepositoryUnknown`], [`Error::ManifestUnknown`], [`Error::Metadata`].
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
    /// [`Error::RepositoryUnknown`], [`Error::ManifestUnknown`], [`Error::Metadata`], [`Error::Full`].
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
                tx.set_manifest_attributes(record.id, patch.apply(record.attributes), now)?;
                full_view(tx, &repository, &digest)
            })
            .await
    }

    /// Architecture and os from the config of an image that was pushed before its manifest. They
    /// are for listings only: a config that is absent, large or unreadable gives none.
    async fn image_platform(&self, grant: &Grant<action::Push>, manifest: &Manifest) -> Result<Platform, Error> {
        let Some(config) = manifest.config() else {
            return Ok(Platform::default());
        };
        if config.size > MAX_CONFIG_BYTES || !is_image_config(&config.media_type) {
            return Ok(Platform::default());
        }
        match self
            .read_small_blob(grant.registry(), grant.repository(), &config.digest)
            .await
        {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(Error::BlobUnknown { .. } | Error::RepositoryUnknown { .. }) => Ok(Platform::default()),
            Err(error) => Err(error),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
struct Platform {
    architecture: Option<String>,
    os: Option<String>,
}

fn is_image_config(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json"
    )
}

fn checked_digest(put: &PutManifest) -> Result<Digest, Error> {
    match &put.reference {
        Reference::Tag(_) => Ok(Digest::of(Algorithm::Sha256, &put.bytes)),
        Reference::Digest(expected) => {
            let actual = Digest::of(expected.algorithm(), &put.bytes);
            if actual == *expected {
                Ok(actual)
            } else {
                Err(Error::DigestMismatch {
                    expected: *expected,
                    actual,
                })
            }
        }
    }
}

fn all_tags(put: &PutManifest) -> Vec<Tag> {
    let mut tags = put.tags.clone();
    if let Reference::Tag(tag) = &put.reference
        && !tags.contains(tag)
    {
        tags.push(tag.clone());
    }
    tags
}

fn new_row(manifest: &Manifest, digest: Digest, bytes: Bytes, platform: Platform, now: Timestamp) -> NewManifest {
    let mut seen = HashSet::new();
    NewManifest {
        digest,
        media_type: manifest.media_type().to_string(),
        bytes,
        subject: manifest.subject().map(|subject| subject.digest),
        artifact_type: manifest.artifact_type().map(str::to_owned),
        config_media_type: manifest.config().map(|config| config.media_type.clone()),
        annotations: manifest.annotations().map(|raw| raw.get().to_owned()),
        architecture: platform.architecture,
        os: platform.os,
        image_size_bytes: manifest.image_size(),
        blobs: manifest.required_blobs().map(|(digest, _)| digest).collect(),
        children: manifest
            .children()
            .iter()
            .map(|child| child.digest)
            .filter(|child| seen.insert(*child))
            .collect(),
        created_at: now,
    }
}

/// A push ready for its transaction.
struct Push {
    registry: RegistryId,
    name: RepositoryName,
    required: Vec<(Digest, u64)>,
    row: NewManifest,
    tags: Vec<Tag>,
    expectation: Option<Expectation>,
    now: Timestamp,
}

impl Push {
    fn run(mut self, tx: &mut dyn Tx) -> Result<(), Error> {
        let repository = ensure_writable(tx, self.registry, &self.name, self.now)?;
        self.check_condition(tx, &repository)?;
        if !load_registry(tx, self.registry)?.accept_sparse_manifests {
            self.require_content(tx, &repository)?;
        }
        let id = self.insert(tx, &repository)?;
        for tag in &self.tags {
            self.point_tag(tx, &repository, tag, id)?;
        }
        tx.touch_repository(repository.id, self.now)
    }

    fn check_condition(&self, tx: &mut dyn Tx, repository: &RepositoryRecord) -> Result<(), Error> {
        let Some(expectation) = &self.expectation else {
            return Ok(());
        };
        let mut found = Vec::new();
        for tag in &self.tags {
            found.push((tag.to_string(), tx.find_tag(repository.id, tag)?.map(|tag| tag.digest)));
        }
        if self.tags.is_empty() {
            let digest = tx
                .find_manifest(repository.id, &self.row.digest)?
                .map(|record| record.digest);
            found.push((self.row.digest.to_string(), digest));
        }
        for (reference, found) in found {
            let holds = match (expectation, &found) {
                (Expectation::Absent, found) => found.is_none(),
                (Expectation::Present, found) => found.is_some(),
                (Expectation::OneOf(digests), found) => found.as_ref().is_some_and(|found| digests.contains(found)),
            };
            if !holds {
                return Err(Error::PreconditionFailed { reference, found });
            }
        }
        Ok(())
    }

    fn require_content(&self, tx: &mut dyn Tx, repository: &RepositoryRecord) -> Result<(), Error> {
        let mut missing = Vec::new();
        for (digest, declared) in &self.required {
            match tx.find_linked_blob(repository.id, digest)? {
                Some(blob) if blob.size_bytes == *declared => {}
                Some(blob) => {
                    return Err(Error::SizeMismatch {
                        digest: *digest,
                        declared: *declared,
                        actual: blob.size_bytes,
                    });
                }
                None => missing.push(*digest),
            }
        }
        for child in &self.row.children {
            if tx.find_manifest(repository.id, child)?.is_none() {
                missing.push(*child);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        missing.truncate(MAX_MISSING_NAMED);
        Err(Error::ManifestBlobsMissing {
            repository: self.name.clone(),
            digests: missing,
        })
    }

    fn insert(&mut self, tx: &mut dyn Tx, repository: &RepositoryRecord) -> Result<ManifestId, Error> {
        if let Some(record) = tx.find_manifest(repository.id, &self.row.digest)? {
            if !record.attributes.write_enabled && !self.tags.is_empty() {
                return Err(Error::Locked {
                    what: format!("manifest {} of {}", record.digest, self.name),
                });
            }
            tx.touch_manifest(record.id, self.now)?;
            self.renew_wait(tx, repository)?;
            return Ok(record.id);
        }
        if repository.manifest_count == 0 {
            tx.revive_repository(repository.id, self.now)?;
        }
        for child in &self.row.children {
            if let Some(child) = tx.find_manifest(repository.id, child)? {
                self.row.image_size_bytes = self.row.image_size_bytes.saturating_add(child.image_size_bytes);
            }
        }
        tx.insert_manifest(repository.id, &self.row)
    }

    /// A manifest that is pushed again while it waits for the collector is as safe as a new one;
    /// one that gets a tag has no lost tag to wait for.
    fn renew_wait(&self, tx: &mut dyn Tx, repository: &RepositoryRecord) -> Result<(), Error> {
        let (repository, digest) = (repository.id, self.row.digest);
        let orphaned = Candidate::OrphanedManifest { repository, digest };
        if tx.find_candidate(&orphaned)?.is_some() {
            tx.queue_candidate(&orphaned, self.now)?;
        }
        let untagged = Candidate::UntaggedManifest { repository, digest };
        match tx.find_candidate(&untagged)? {
            Some(queued) if !self.tags.is_empty() => tx.remove_candidate(queued.id),
            Some(_) => tx.queue_candidate(&untagged, self.now),
            None => Ok(()),
        }
    }

    fn point_tag(
        &self,
        tx: &mut dyn Tx,
        repository: &RepositoryRecord,
        tag: &Tag,
        id: ManifestId,
    ) -> Result<(), Error> {
        let before = tx.find_tag(repository.id, tag)?;
        if before.as_ref().is_some_and(|tag| !tag.attributes.write_enabled) {
            return Err(Error::Locked {
                what: format!("tag {tag} of {}", self.name),
            });
        }
        let moved_from = before.filter(|before| before.manifest != id);
        if let Some(before) = &moved_from {
            ensure_tags_movable(tx, repository, &before.digest)?;
        }
        tx.put_tag(repository.id, tag, id, self.now)?;
        match moved_from {
            Some(before) => queue_if_untagged(
                tx,
                self.registry,
                repository.id,
                before.manifest,
                &before.digest,
                self.now,
            ),
            None => Ok(()),
        }
    }
}

/// A manifest that is locked for writing keeps its tags where they are (ACR: to protect all tags of
/// an image, the manifest is locked).
pub(crate) fn ensure_tags_movable(
    read: &mut (impl Read + ?Sized),
    repository: &RepositoryRecord,
    digest: &Digest,
) -> Result<(), Error> {
    match read.find_manifest(repository.id, digest)? {
        Some(record) if !record.attributes.write_enabled => Err(Error::Locked {
            what: format!("manifest {digest} of {}", repository.name),
        }),
        _ => Ok(()),
    }
}

/// Queues a manifest that has no tag left, if the registry collects those (ACR: retention acts only
/// on manifests that lose their tag while the policy is on).
pub(crate) fn queue_if_untagged(
    tx: &mut dyn Tx,
    registry: RegistryId,
    repository: RepositoryId,
    manifest: ManifestId,
    digest: &Digest,
    now: Timestamp,
) -> Result<(), Error> {
    if load_registry(tx, registry)?.retention_days.is_none() || !tx.list_tags_of_manifest(manifest)?.is_empty() {
        return Ok(());
    }
    tx.queue_candidate(
        &Candidate::UntaggedManifest {
            repository,
            digest: *digest,
        },
        now,
    )
}

/// Removes a manifest and its tags, and queues what may have become garbage by it.
pub(crate) fn remove_manifest_rows(
    tx: &mut dyn Tx,
    repository: &RepositoryRecord,
    record: &ManifestRecord,
    now: Timestamp,
) -> Result<Vec<Tag>, Error> {
    let tags = removable_tags(tx, repository, record)?;
    let blobs = tx.list_manifest_blobs(record.id)?;
    let children = tx.list_manifest_children(record.id)?;
    tx.remove_manifest(record.id)?;
    forget_waits(tx, repository.id, &record.digest)?;
    for digest in blobs {
        tx.queue_candidate(
            &Candidate::BlobLink {
                repository: repository.id,
                digest,
            },
            now,
        )?;
    }
    for digest in children {
        if tx.find_manifest(repository.id, &digest)?.is_some() {
            queue_orphan(tx, repository.id, digest, now)?;
        }
    }
    let mut after = None;
    loop {
        let referrers = tx.list_referrers(repository.id, &record.digest, None, after.as_ref(), ROWS_PER_STEP)?;
        for referrer in &referrers {
            queue_orphan(tx, repository.id, referrer.digest, now)?;
        }
        match referrers.last() {
            Some(last) if referrers.len() == ROWS_PER_STEP => after = Some(last.digest),
            _ => break,
        }
    }
    tx.touch_repository(repository.id, now)?;
    // Mostly its blobs are still linked, and the collector removes it after the last of them.
    tx.remove_repository_if_empty(repository.id)?;
    Ok(tags.into_iter().map(|tag| tag.name).collect())
}

/// The tags that go with a manifest; an error when it or one of them is locked.
pub(crate) fn removable_tags(
    read: &mut (impl Read + ?Sized),
    repository: &RepositoryRecord,
    record: &ManifestRecord,
) -> Result<Vec<TagRecord>, Error> {
    let locked = |what: String| Err(Error::Locked { what });
    if !record.attributes.may_delete() {
        return locked(format!("manifest {} of {}", record.digest, repository.name));
    }
    let tags = read.list_tags_of_manifest(record.id)?;
    match tags.iter().find(|tag| !tag.attributes.may_delete()) {
        Some(tag) => locked(format!("tag {} of {}", tag.name, repository.name)),
        None => Ok(tags),
    }
}

/// What waited for a manifest that is gone must not be held against the same one pushed again.
fn forget_waits(tx: &mut dyn Tx, repository: RepositoryId, digest: &Digest) -> Result<(), Error> {
    let digest = *digest;
    for candidate in [
        Candidate::UntaggedManifest { repository, digest },
        Candidate::OrphanedManifest { repository, digest },
    ] {
        if let Some(queued) = tx.find_candidate(&candidate)? {
            tx.remove_candidate(queued.id)?;
        }
    }
    Ok(())
}

fn queue_orphan(tx: &mut dyn Tx, repository: RepositoryId, digest: Digest, now: Timestamp) -> Result<(), Error> {
    tx.queue_candidate(&Candidate::OrphanedManifest { repository, digest }, now)
}

fn resolve(
    read: &mut (impl Read + ?Sized),
    repository: &RepositoryRecord,
    reference: &Reference,
) -> Result<ManifestRecord, Error> {
    let locked = |what: String| Err(Error::Locked { what });
    if !repository.attributes.read_enabled {
        return locked(format!("repository {}", repository.name));
    }
    let digest = match reference {
        Reference::Digest(digest) => *digest,
        Reference::Tag(name) => {
            let tag = read
                .find_tag(repository.id, name)?
                .ok_or_else(|| Error::ManifestTagUnknown { tag: name.clone() })?;
            if !tag.attributes.read_enabled {
                return locked(format!("tag {name} of {}", repository.name));
            }
            tag.digest
        }
    };
    let record = load_record(read, repository, &digest)?;
    if !record.attributes.read_enabled {
        return locked(format!("manifest {digest} of {}", repository.name));
    }
    Ok(record)
}

fn load_record(
    read: &mut (impl Read + ?Sized),
    repository: &RepositoryRecord,
    digest: &Digest,
) -> Result<ManifestRecord, Error> {
    read.find_manifest(repository.id, digest)?
        .ok_or_else(|| Error::ManifestUnknown {
            repository: repository.name.clone(),
            digest: *digest,
        })
}

fn full_view(
    read: &mut (impl Read + ?Sized),
    repository: &RepositoryRecord,
    digest: &Digest,
) -> Result<ManifestView, Error> {
    let record = load_record(read, repository, digest)?;
    let mut references = Vec::new();
    for child in read.list_manifest_children(record.id)? {
        let platform = read.find_manifest(repository.id, &child)?;
        let (architecture, os) = platform.map_or((None, None), |record| (record.architecture, record.os));
        references.push((child, architecture, os));
    }
    view(read, record, references)
}

fn view(
    read: &mut (impl Read + ?Sized),
    record: ManifestRecord,
    references: Vec<(Digest, Option<String>, Option<String>)>,
) -> Result<ManifestView, Error> {
    let tags = read
        .list_tags_of_manifest(record.id)?
        .into_iter()
        .map(|tag| tag.name)
        .collect();
    Ok(ManifestView {
        record,
        tags,
        references,
    })
}
