//! Putting a manifest: everything it names is looked at, and it becomes visible with its tags, in one
//! transaction.

use std::collections::HashSet;

use bytes::Bytes;
use holdfast_access::{Grant, RegistryId, action};
use holdfast_oci::{Algorithm, Digest, Manifest, Reference, RepositoryName, Tag};
use serde::Deserialize;

use super::{Expectation, Pushed, PutManifest, ensure_tags_movable, queue_if_untagged};
use crate::{
    Error, Registry, Timestamp,
    limits::{MAX_CONFIG_BYTES, MAX_MISSING_TOLD, MAX_PLATFORM_BYTES, MAX_TAGS_PER_PUSH},
    ports::{Candidate, Durability, ManifestId, MetadataExt, NewManifest, RepositoryRecord, Tx},
    registry::load_registry,
    repository::ensure_writable,
};

impl Registry {
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
        let (declared, reference, bytes) = (put.media_type.clone(), put.reference.clone(), put.bytes.clone());
        let parse = move || {
            let manifest = Manifest::parse(declared.as_ref(), &bytes)?;
            Ok::<_, Error>((manifest, checked_digest(&reference, &bytes)?))
        };
        let (manifest, digest) = self.parsing.run(put.bytes.len(), parse).await??;
        let platform = self.image_platform(grant, &manifest).await?;
        let now = self.clock.now();
        let subject = manifest.subject().map(|subject| subject.digest);
        let row = new_row(&manifest, digest, put.bytes.clone(), platform, now);
        let push = Push {
            registry: grant.registry(),
            name: grant.repository().clone(),
            required: manifest.required_blobs().collect(),
            listed: manifest.listed().collect(),
            unsized_blobs: manifest.unsized_blobs().collect(),
            row,
            tags: all_tags(&put),
            expectation: put.expectation,
            now,
        };
        self.metadata
            .transact(Durability::Durable, move |tx| push.run(tx))
            .await?;
        self.manifest_cache.insert(digest, &put.bytes);
        Ok(Pushed {
            digest,
            subject,
            tags: put.tags,
        })
    }

    /// Architecture and os from the config of an image that was pushed before its manifest. They
    /// are for listings only: a config that is absent, large or unreadable gives none.
    async fn image_platform(&self, grant: &Grant<action::Push>, manifest: &Manifest) -> Result<Platform, Error> {
        let Some(config) = manifest.config() else {
            return Ok(Platform::default());
        };
        if config.size.is_some_and(|size| size > MAX_CONFIG_BYTES) || !is_image_config(&config.media_type) {
            return Ok(Platform::default());
        }
        let (registry, repository) = (grant.registry(), grant.repository());
        match self
            .read_whole_blob(registry, repository, &config.digest, MAX_CONFIG_BYTES)
            .await
        {
            Ok(Some(bytes)) => {
                let size_bytes = bytes.len();
                let parse = move || Platform::read(&bytes);
                self.parsing.run(size_bytes, parse).await
            }
            Ok(None) => Ok(Platform::default()),
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

impl Platform {
    fn read(config: &[u8]) -> Self {
        let mut found: Self = serde_json::from_slice(config).unwrap_or_default();
        for text in [&mut found.architecture, &mut found.os] {
            text.take_if(|text| text.len() > MAX_PLATFORM_BYTES);
        }
        found
    }
}

fn is_image_config(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json"
    )
}

fn checked_digest(reference: &Reference, bytes: &[u8]) -> Result<Digest, Error> {
    match reference {
        Reference::Tag(_) => Ok(Digest::of(Algorithm::Sha256, bytes)),
        Reference::Digest(expected) => {
            let actual = Digest::of(expected.algorithm(), bytes);
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

/// Whether the repository has a blob; an error when it is there with another size than the manifest says.
fn has_blob(
    tx: &mut dyn Tx,
    repository: &RepositoryRecord,
    digest: &Digest,
    declared: Option<u64>,
) -> Result<bool, Error> {
    match (tx.find_linked_blob(repository.id, digest)?, declared) {
        (Some(blob), Some(declared)) if blob.size_bytes != declared => Err(Error::SizeMismatch {
            digest: *digest,
            declared,
            actual: blob.size_bytes,
        }),
        (found, _) => Ok(found.is_some()),
    }
}

/// A push ready for its transaction.
struct Push {
    registry: RegistryId,
    name: RepositoryName,
    required: Vec<(Digest, Option<u64>)>,
    /// What an index lists, manifests or blobs, with their declared sizes.
    listed: Vec<(Digest, Option<u64>)>,
    /// Blobs whose size the manifest leaves out.
    unsized_blobs: Vec<Digest>,
    row: NewManifest,
    tags: Vec<Tag>,
    expectation: Option<Expectation>,
    now: Timestamp,
}

impl Push {
    fn run(mut self, tx: &mut dyn Tx) -> Result<(), Error> {
        let repository = ensure_writable(tx, self.registry, &self.name, self.now)?;
        self.check_condition(tx, &repository)?;
        let is_sparse = load_registry(tx, self.registry)?.accept_sparse_manifests;
        self.require_content(tx, &repository, is_sparse)?;
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

    /// Everything that the manifest names must be there. A registry that accepts sparse manifests asks only for that
    /// whose size it must learn.
    fn require_content(&self, tx: &mut dyn Tx, repository: &RepositoryRecord, is_sparse: bool) -> Result<(), Error> {
        let is_asked_for = |declared: &Option<u64>| !is_sparse || declared.is_none();
        let mut missing = Vec::new();
        for (digest, declared) in self.required.iter().filter(|(_, declared)| is_asked_for(declared)) {
            if !has_blob(tx, repository, digest, *declared)? {
                missing.push(*digest);
            }
        }
        for (digest, declared) in self.listed.iter().filter(|(_, declared)| is_asked_for(declared)) {
            if tx.find_manifest(repository.id, digest)?.is_none() && !has_blob(tx, repository, digest, *declared)? {
                missing.push(*digest);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let mut seen = HashSet::new();
        missing.retain(|digest| seen.insert(*digest));
        missing.truncate(MAX_MISSING_TOLD);
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
            let size_bytes = match tx.find_manifest(repository.id, child)? {
                Some(manifest) => manifest.image_size_bytes,
                None => tx
                    .find_linked_blob(repository.id, child)?
                    .map_or(0, |blob| blob.size_bytes),
            };
            self.row.image_size_bytes = self.row.image_size_bytes.saturating_add(size_bytes);
        }
        for digest in &self.unsized_blobs {
            if let Some(blob) = tx.find_linked_blob(repository.id, digest)? {
                self.row.image_size_bytes = self.row.image_size_bytes.saturating_add(blob.size_bytes);
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
