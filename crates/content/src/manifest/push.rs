//! Putting a manifest: everything it names is looked at, and it becomes visible with its tags, in one
//! transaction.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use holdfast_access::{Grant, RegistryId, action};
use holdfast_oci::{Algorithm, Digest, Manifest, Reference, RepositoryName, Tag};
use serde::Deserialize;

use super::{Precondition, Pushed, PutManifest, queue_if_untagged};
use crate::{
    Error, Repositories,
    limits::{MAX_CONFIG_BYTES, MAX_MISSING_TOLD, MAX_PLATFORM_BYTES, MAX_TAGS_PER_PUSH},
    repository::ensure_writable_for_manifest,
};
use holdfast_model::{
    Candidate, Durability, ManifestId, MetadataExt, NewManifest, RepositoryId, TargetRepository, Timestamp, Tx,
};

impl Repositories {
    /// Stores a manifest and points tags to it, all in one transaction.
    ///
    /// # Errors
    /// [`Error::ManifestInvalid`], [`Error::DigestMismatch`], [`Error::ManifestBlobsMissing`],
    /// [`Error::SizeMismatch`], [`Error::TooManyTags`], [`Error::Locked`],
    /// [`Error::PreconditionFailed`], [`Error::Storage`].
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
            precondition: put.precondition,
            now,
        };
        self.metadata
            .transact(Durability::Pushed, move |tx| push.run(tx))
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
            // PostgreSQL keeps no text with NUL in it.
            text.take_if(|text| text.len() > MAX_PLATFORM_BYTES || text.contains('\0'));
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
    precondition: Option<Precondition>,
    now: Timestamp,
}

/// What of a manifest is in its repository: sizes by digest.
#[derive(Default)]
struct Present {
    blobs: HashMap<Digest, u64>,
    /// With all that they name.
    manifests: HashMap<Digest, u64>,
}

impl Present {
    /// Whether the repository has a blob; an error when it is there with another size than the manifest says.
    fn has_blob(&self, digest: &Digest, declared: Option<u64>) -> Result<bool, Error> {
        match (self.blobs.get(digest), declared) {
            (Some(actual), Some(declared)) if *actual != declared => Err(Error::SizeMismatch {
                digest: *digest,
                declared,
                actual: *actual,
            }),
            (found, _) => Ok(found.is_some()),
        }
    }

    fn size_of(&self, digest: &Digest) -> u64 {
        let found = self.manifests.get(digest).or_else(|| self.blobs.get(digest));
        found.copied().unwrap_or(0)
    }
}

impl Push {
    fn run(&self, tx: &mut dyn Tx) -> Result<(), Error> {
        let target = ensure_writable_for_manifest(tx, self.registry, &self.name, self.now)?;
        let repository = target.repository.id;
        self.check_condition(tx, repository)?;
        let present = self.find_present(tx, repository)?;
        self.require_content(&present, target.accept_sparse_manifests)?;
        let id = self.put(tx, repository, &present)?;
        self.point_tags(tx, &target, id)
    }

    fn check_condition(&self, tx: &mut dyn Tx, repository: RepositoryId) -> Result<(), Error> {
        let Some(precondition) = &self.precondition else {
            return Ok(());
        };
        let mut found = Vec::new();
        if self.tags.is_empty() {
            let digest = tx
                .find_manifest(repository, &self.row.digest)?
                .map(|record| record.digest);
            found.push((self.row.digest.to_string(), digest));
        } else {
            let records = tx.find_tags(repository, &self.tags)?;
            for tag in &self.tags {
                let record = records.iter().find(|record| record.name == *tag);
                found.push((tag.to_string(), record.map(|record| record.digest)));
            }
        }
        for (reference, found) in found {
            let holds = match (precondition, &found) {
                (Precondition::Absent, found) => found.is_none(),
                (Precondition::Present, found) => found.is_some(),
                (Precondition::OneOf(digests), found) => found.as_ref().is_some_and(|found| digests.contains(found)),
            };
            if !holds {
                return Err(Error::PreconditionFailed { reference, found });
            }
        }
        Ok(())
    }

    /// Looks everything up at once, however much the manifest names.
    fn find_present(&self, tx: &mut dyn Tx, repository: RepositoryId) -> Result<Present, Error> {
        let mut present = Present::default();
        let listed: Vec<Digest> = self.listed.iter().map(|(digest, _)| *digest).collect();
        if !listed.is_empty() {
            let found = tx.find_manifests(repository, &listed)?;
            let sizes = found.into_iter().map(|record| (record.digest, record.image_size_bytes));
            present.manifests = sizes.collect();
        }
        let required = self.required.iter().map(|(digest, _)| *digest);
        let others = listed.iter().filter(|digest| !present.manifests.contains_key(digest));
        let blobs: Vec<Digest> = required.chain(others.copied()).collect();
        if !blobs.is_empty() {
            let found = tx.find_linked_blobs(repository, &blobs)?;
            present.blobs = found.into_iter().map(|blob| (blob.digest, blob.size_bytes)).collect();
        }
        Ok(present)
    }

    /// Everything that the manifest names must be there. A registry that accepts sparse manifests asks only for that
    /// whose size it must learn.
    fn require_content(&self, present: &Present, is_sparse: bool) -> Result<(), Error> {
        let is_asked_for = |declared: &Option<u64>| !is_sparse || declared.is_none();
        let mut missing = Vec::new();
        for (digest, declared) in self.required.iter().filter(|(_, declared)| is_asked_for(declared)) {
            if !present.has_blob(digest, *declared)? {
                missing.push(*digest);
            }
        }
        for (digest, declared) in self.listed.iter().filter(|(_, declared)| is_asked_for(declared)) {
            if !present.manifests.contains_key(digest) && !present.has_blob(digest, *declared)? {
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

    fn put(&self, tx: &mut dyn Tx, repository: RepositoryId, present: &Present) -> Result<ManifestId, Error> {
        let named = self.row.children.iter().chain(&self.unsized_blobs);
        let sizes = named.map(|digest| present.size_of(digest));
        let named_bytes = sizes.fold(0, u64::saturating_add);
        let stored = tx.put_manifest(repository, &self.row, named_bytes)?;
        if stored.is_new {
            return Ok(stored.id);
        }
        if !stored.attributes.write_enabled && !self.tags.is_empty() {
            return Err(self.locked_manifest(&self.row.digest));
        }
        self.renew_wait(tx, repository)?;
        Ok(stored.id)
    }

    /// A manifest that is pushed again while it waits for the collector is as safe as a new one;
    /// one that gets a tag has no lost tag to wait for.
    fn renew_wait(&self, tx: &mut dyn Tx, repository: RepositoryId) -> Result<(), Error> {
        for queued in tx.list_waits_of_manifest(repository, &self.row.digest)? {
            let is_untagged = matches!(queued.candidate, Candidate::UntaggedManifest { .. });
            if is_untagged && !self.tags.is_empty() {
                tx.remove_candidate(queued.id)?;
            } else {
                tx.queue_candidate(&queued.candidate, self.now)?;
            }
        }
        Ok(())
    }

    /// Points the tags; what the locks forbid undoes the whole push.
    fn point_tags(&self, tx: &mut dyn Tx, target: &TargetRepository, id: ManifestId) -> Result<(), Error> {
        if self.tags.is_empty() {
            return Ok(());
        }
        for put in tx.put_tags(target.repository.id, &self.tags, id, self.now)? {
            if !put.attributes.write_enabled {
                return Err(Error::Locked {
                    what: format!("tag {} of {}", put.name, self.name),
                });
            }
            let Some(left) = put.left else { continue };
            // As `ensure_tags_movable`.
            if !left.attributes.write_enabled {
                return Err(self.locked_manifest(&left.digest));
            }
            let is_retained = target.retention_days.is_some();
            queue_if_untagged(tx, is_retained, target.repository.id, left.id, &left.digest, self.now)?;
        }
        Ok(())
    }

    fn locked_manifest(&self, digest: &Digest) -> Error {
        Error::Locked {
            what: format!("manifest {digest} of {}", self.name),
        }
    }
}
