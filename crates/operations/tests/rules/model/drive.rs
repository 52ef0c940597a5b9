//! Applies operations to the registry and to the model, and compares what they say.

mod upload;

use std::{sync::LazyLock, time::Duration};

use bytes::Bytes;
use holdfast_access::action;
use holdfast_content::{CollectOptions, Collected, Error, Limits};
use holdfast_model::{Attributes, AttributesPatch, MetadataExt as _, UploadId};
use holdfast_oci::{Digest, Reference};
use holdfast_testkit::registry::{Document, TestRegistry, pattern, tag};
use proptest::sample::Index;

use super::{
    expected::{Expected, Freed, Known, Refusal, Upload},
    operation::{LAYER_BYTES, Operation, REPOSITORIES, TAGS},
};
use crate::claims::{append, cut_off, finish, sha256};

/// The clock moves by this before every operation, so that no two happen at once.
const STEP: Duration = Duration::from_millis(1);

pub(crate) struct Driver {
    pub(crate) world: TestRegistry,
    pub(crate) expected: Expected,
    /// What happened so far.
    pub(crate) tally: Tally,
    sessions: Vec<UploadId>,
}

/// How often something happened that the test is about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) manifests_put: u64,
    pub(crate) pushes_refused: u64,
    pub(crate) uploads_finished: u64,
    /// Before the end of the case, when all goes anyway.
    pub(crate) freed: Freed,
}

/// Made once: the checks ask for them all the time.
static LAYERS: LazyLock<Vec<(Bytes, Digest)>> = LazyLock::new(|| {
    let layers = LAYER_BYTES.iter().enumerate().map(|(number, length)| {
        let bytes = pattern(number as u64, *length);
        let digest = sha256(&bytes);
        (bytes, digest)
    });
    layers.collect()
});

pub(crate) fn layer_bytes(layer: usize) -> Bytes {
    LAYERS[layer].0.clone()
}

pub(crate) fn layer_digest(layer: usize) -> Digest {
    LAYERS[layer].1
}

impl Driver {
    pub(crate) async fn start() -> Self {
        Self {
            world: TestRegistry::start().await,
            expected: Expected::default(),
            tally: Tally::default(),
            sessions: Vec::new(),
        }
    }

    /// Does it, and compares what is visible afterwards.
    pub(crate) async fn apply(&mut self, operation: &Operation) -> Result<(), String> {
        self.advance(STEP);
        self.perform(operation).await?;
        if matches!(operation, Operation::Collect { .. } | Operation::Reopen) {
            self.inspect().await
        } else {
            self.inspect_views().await
        }
    }

    fn advance(&mut self, duration: Duration) {
        self.world.advance(duration);
        self.expected.now += duration;
    }

    async fn perform(&mut self, operation: &Operation) -> Result<(), String> {
        use Operation as O;
        match operation {
            O::PushBlob { repository, layer } => self.push_blob(*repository, layer_bytes(*layer)).await,
            O::StatBlob { repository, layer } => {
                let grant = self.world.grant(REPOSITORIES[*repository]);
                let said = self.world.stat_blob(&grant, &layer_digest(*layer)).await;
                agree(said, self.expected.stat(*repository, layer_digest(*layer)))
            }
            O::Mount { from, to, layer } => self.mount(*from, *to, layer_digest(*layer)).await,
            O::DeleteBlob { repository, layer } => {
                let grant = self.world.grant(REPOSITORIES[*repository]);
                let said = self.world.delete_blob(&grant, &layer_digest(*layer)).await;
                agree(said, self.expected.delete_blob(*repository, layer_digest(*layer)))
            }
            O::StartUpload { repository, layer } => self.start_upload(*repository, *layer).await,
            O::Append {
                upload,
                part,
                is_cut_off,
            } => self.append(upload, *part, *is_cut_off).await,
            O::Finish {
                upload,
                is_digest_right,
            } => self.finish(upload, *is_digest_right).await,
            O::Abandon { upload } => self.abandon(upload).await,
            O::PutImage {
                repository,
                layers,
                subject,
                tag,
                with_blobs,
            } => {
                self.put_image(*repository, layers, subject.as_ref(), *tag, *with_blobs)
                    .await
            }
            O::PutCache {
                repository,
                layers,
                tag,
                with_blobs,
            } => self.put_cache(*repository, layers, *tag, *with_blobs).await,
            O::PutIndex {
                repository,
                children,
                subject,
                tag,
            } => self.put_index(*repository, children, subject.as_ref(), *tag).await,
            O::PutAgain {
                repository,
                manifest,
                tag,
            } => match self.pick_known(manifest) {
                Some(known) => self.put(*repository, &known, *tag).await,
                None => Ok(()),
            },
            other => self.perform_more(other).await,
        }
    }

    async fn perform_more(&mut self, operation: &Operation) -> Result<(), String> {
        use Operation as O;
        match operation {
            O::DeleteTag { repository, tag } => {
                let grant = self.world.grant(REPOSITORIES[*repository]);
                let said = self.world.delete_tag(&grant, &self::tag(TAGS[*tag])).await;
                agree(said, self.expected.delete_tag(*repository, *tag))
            }
            O::DeleteManifest { repository, manifest } => {
                let Some(digest) = self.pick_manifest(*repository, manifest) else {
                    return Ok(());
                };
                let grant = self.world.grant(REPOSITORIES[*repository]);
                let said = self.world.delete_manifest(&grant, &digest).await;
                agree(said, self.expected.delete_manifest(*repository, digest))
            }
            O::DeleteRepository { repository } => self.delete_repository(*repository).await,
            O::LockRepository { repository, bits } => self.lock_repository(*repository, *bits).await,
            O::LockTag { repository, tag, bits } => self.lock_tag(*repository, *tag, *bits).await,
            O::LockManifest {
                repository,
                manifest,
                bits,
            } => match self.pick_manifest(*repository, manifest) {
                Some(digest) => self.lock_manifest(*repository, digest, *bits).await,
                None => Ok(()),
            },
            O::Retention(days) => {
                let days = *days;
                self.world.switch(move |registry| registry.retention_days = days).await;
                self.expected.retention = days;
                Ok(())
            }
            O::Sparse(is_sparse) => {
                let is_sparse = *is_sparse;
                self.world
                    .switch(move |registry| registry.accept_sparse_manifests = is_sparse)
                    .await;
                self.expected.is_sparse = is_sparse;
                self.expected.was_sparse |= is_sparse;
                Ok(())
            }
            O::Advance(duration) => {
                self.advance(*duration);
                Ok(())
            }
            O::Collect { with_grace } => {
                let grace = if *with_grace {
                    Limits::default().grace
                } else {
                    Duration::ZERO
                };
                self.collect(grace).await
            }
            O::PurgeUploads => self.purge_uploads().await,
            O::Reopen => {
                self.world.reopen().await;
                Ok(())
            }
            other => unreachable!("{other:?} is performed above"),
        }
    }

    fn pick_known(&self, pick: &Index) -> Option<Known> {
        let known = &self.expected.known;
        (!known.is_empty()).then(|| known[pick.index(known.len())].clone())
    }

    fn pick_manifest(&self, repository: usize, pick: &Index) -> Option<Digest> {
        let manifests = &self.expected.repositories.get(&repository)?.manifests;
        (!manifests.is_empty()).then(|| *manifests.keys().nth(pick.index(manifests.len())).unwrap())
    }

    fn learn(&mut self, known: Known) -> Known {
        let digest = known.document.digest();
        if !self
            .expected
            .known
            .iter()
            .any(|other| other.document.digest() == digest)
        {
            self.expected.known.push(known.clone());
        }
        known
    }

    async fn put_image(
        &mut self,
        repository: usize,
        layers: &[usize],
        subject: Option<&Index>,
        tag: Option<usize>,
        with_blobs: bool,
    ) -> Result<(), String> {
        let layers: Vec<_> = layers.iter().map(|layer| layer_bytes(*layer)).collect();
        let subject = subject.and_then(|pick| self.pick_known(pick));
        let mut document = Document::image(&layers);
        if let Some(subject) = &subject {
            document = document.referring_to(&subject.document);
        }
        let known = self.learn(Known {
            blobs: document.blobs().iter().map(|blob| sha256(blob)).collect(),
            children: Default::default(),
            subject: subject.map(|subject| subject.document.digest()),
            document,
        });
        self.put_with(repository, &known, tag, with_blobs).await
    }

    async fn put_cache(
        &mut self,
        repository: usize,
        layers: &[usize],
        tag: Option<usize>,
        with_blobs: bool,
    ) -> Result<(), String> {
        let layers: Vec<_> = layers.iter().map(|layer| layer_bytes(*layer)).collect();
        let document = Document::cache(&layers);
        let known = self.learn(Known {
            blobs: Default::default(),
            children: document.blobs().iter().map(|blob| sha256(blob)).collect(),
            subject: None,
            document,
        });
        self.put_with(repository, &known, tag, with_blobs).await
    }

    async fn put_with(
        &mut self,
        repository: usize,
        known: &Known,
        tag: Option<usize>,
        with_blobs: bool,
    ) -> Result<(), String> {
        if with_blobs {
            for blob in known.document.blobs().to_vec() {
                self.push_blob(repository, blob).await?;
            }
        }
        self.put(repository, known, tag).await
    }

    async fn put_index(
        &mut self,
        repository: usize,
        children: &[Index],
        subject: Option<&Index>,
        tag: Option<usize>,
    ) -> Result<(), String> {
        // Mostly of what is there, or no index would be taken.
        let mut picked = Vec::new();
        for pick in children {
            if let Some(digest) = self.pick_manifest(repository, pick) {
                picked.push(self.expected.find(&digest).document.clone());
            } else if let Some(known) = self.pick_known(pick) {
                picked.push(known.document);
            }
        }
        let subject = subject.and_then(|pick| self.pick_known(pick));
        let mut document = Document::index(&picked.iter().collect::<Vec<_>>());
        if let Some(subject) = &subject {
            document = document.referring_to(&subject.document);
        }
        let known = self.learn(Known {
            blobs: Default::default(),
            children: picked.iter().map(Document::digest).collect(),
            subject: subject.map(|subject| subject.document.digest()),
            document,
        });
        self.put(repository, &known, tag).await
    }

    async fn put(&mut self, repository: usize, known: &Known, tag: Option<usize>) -> Result<(), String> {
        let digest = known.document.digest();
        let reference = tag.map_or_else(|| digest.into(), |number| Reference::Tag(self::tag(TAGS[number])));
        let grant = self.world.grant(REPOSITORIES[repository]);
        let said = self.world.put_manifest(&grant, known.document.put(reference)).await;
        match said {
            Ok(_) => self.tally.manifests_put += 1,
            Err(_) => self.tally.pushes_refused += 1,
        }
        agree(said, self.expected.put(repository, digest, tag))
    }

    async fn delete_repository(&mut self, repository: usize) -> Result<(), String> {
        let grant = self.world.grant(REPOSITORIES[repository]);
        let said = self.world.delete_repository(&grant).await;
        agree(said, self.expected.delete_repository(repository))
    }

    async fn lock_repository(&mut self, repository: usize, bits: u8) -> Result<(), String> {
        let grant = self.world.grant(REPOSITORIES[repository]);
        let said = self.world.patch_repository(&grant, patch(bits)).await;
        let state = self.expected.repository(repository);
        if !state.is_visible() {
            return agree(said, Err("RepositoryUnknown"));
        }
        state.attributes = Attributes::from_bits(bits);
        agree(said, Ok(()))
    }

    async fn lock_tag(&mut self, repository: usize, number: usize, bits: u8) -> Result<(), String> {
        let grant = self.world.grant(REPOSITORIES[repository]);
        let said = self.world.patch_tag(&grant, &tag(TAGS[number]), patch(bits)).await;
        let state = self.expected.repository(repository);
        if !state.is_visible() {
            return agree(said, Err("RepositoryUnknown"));
        }
        let Some((_, attributes)) = state.tags.get_mut(&number) else {
            return agree(said, Err("TagUnknown"));
        };
        *attributes = Attributes::from_bits(bits);
        agree(said, Ok(()))
    }

    async fn lock_manifest(&mut self, repository: usize, digest: Digest, bits: u8) -> Result<(), String> {
        let grant = self.world.grant(REPOSITORIES[repository]);
        let said = self.world.patch_manifest(&grant, &digest, patch(bits)).await;
        let state = self.expected.repository(repository);
        state.manifests.insert(digest, Attributes::from_bits(bits));
        agree(said, Ok(()))
    }

    /// Dry first, twice; then really.
    async fn collect(&mut self, grace: Duration) -> Result<(), String> {
        let run = |dry_run| self.world.collect_garbage(CollectOptions { grace, dry_run });
        let mut dry = Vec::new();
        for _ in 0..2 {
            dry.push(freed(&run(true).await.map_err(|error| error.to_string())?));
        }
        // Nothing may have changed: the model has not moved yet.
        self.inspect_views().await?;
        let real = freed(&run(false).await.map_err(|error| error.to_string())?);
        let expected = self.expected.collect(grace);
        if dry != [expected, expected] || real != expected {
            return Err(format!(
                "dry runs freed {dry:?}, the run {real:?}, the model {expected:?}"
            ));
        }
        self.tally.freed.add(&real);
        Ok(())
    }

    /// Unlocks and deletes all there is, waits, collects: nothing may be left.
    pub(crate) async fn delete_everything(&mut self) -> Result<(), String> {
        for repository in 0..REPOSITORIES.len() {
            self.advance(STEP);
            let Some(state) = self.expected.repositories.get(&repository) else {
                continue;
            };
            if !state.is_visible() {
                continue;
            }
            let tags: Vec<_> = state.tags.keys().copied().collect();
            let manifests: Vec<_> = state.manifests.keys().copied().collect();
            self.lock_repository(repository, 15).await?;
            for number in tags {
                self.lock_tag(repository, number, 15).await?;
            }
            for digest in manifests {
                self.lock_manifest(repository, digest, 15).await?;
            }
            self.delete_repository(repository).await?;
        }
        self.advance(Limits::default().upload_idle * 2);
        self.purge_uploads().await?;
        let tally = self.tally;
        self.collect(Limits::default().grace).await?;
        self.tally = tally;
        self.inspect().await?;
        let world = &self.world;
        let candidates = world.rows().query(|read| read.count_candidates()).await;
        let left = (
            world.count_objects().await,
            world.count_blobs().await,
            candidates.map_err(|error| error.to_string())?,
        );
        if left == (0, 0, 0) {
            Ok(())
        } else {
            Err(format!("objects, blobs and candidates are left: {left:?}"))
        }
    }
}

fn patch(bits: u8) -> AttributesPatch {
    let attributes = Attributes::from_bits(bits);
    AttributesPatch {
        delete_enabled: Some(attributes.delete_enabled),
        write_enabled: Some(attributes.write_enabled),
        read_enabled: Some(attributes.read_enabled),
        list_enabled: Some(attributes.list_enabled),
    }
}

fn freed(collected: &Collected) -> Freed {
    Freed {
        manifests: collected.manifests,
        blob_links: collected.blob_links,
        row_blobs: collected.row_blobs,
        objects: collected.objects,
        bytes: collected.freed_bytes,
    }
}

/// Compares what the registry said with what it should have said.
pub(crate) fn agree<T: std::fmt::Debug>(said: Result<T, Error>, expected: Result<(), Refusal>) -> Result<(), String> {
    let agrees = match (&said, expected) {
        (Ok(_), Ok(())) => true,
        (Err(error), Err(refusal)) => variant(error) == refusal,
        _ => false,
    };
    if agrees {
        Ok(())
    } else {
        Err(format!("the registry said {said:?}, the model {expected:?}"))
    }
}

fn variant(error: &Error) -> Refusal {
    match error {
        Error::Locked { .. } => "Locked",
        Error::BlobUnknown { .. } => "BlobUnknown",
        Error::BlobInUse { .. } => "BlobInUse",
        Error::DigestMismatch { .. } => "DigestMismatch",
        Error::ManifestBlobsMissing { .. } => "ManifestBlobsMissing",
        Error::ManifestUnknown { .. } => "ManifestUnknown",
        Error::ManifestTagUnknown { .. } => "ManifestTagUnknown",
        Error::RepositoryUnknown { .. } => "RepositoryUnknown",
        Error::TagUnknown { .. } => "TagUnknown",
        _ => "another error",
    }
}

/// A grant to read one of the repositories.
pub(crate) fn reader(world: &TestRegistry, repository: usize) -> holdfast_access::Grant<action::Pull> {
    world.grant(REPOSITORIES[repository])
}
