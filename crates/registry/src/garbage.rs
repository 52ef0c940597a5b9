//! Online garbage collection. It looks only at candidates, never at the whole registry, so its cost
//! is that of the garbage; every removal is re-checked in its own transaction, and bytes go after
//! the rows that named them (design, law 1).

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use holdfast_oci::Digest;

use crate::{
    Error, Registry, Timestamp,
    limits::CANDIDATES_PER_TRANSACTION,
    manifest::remove_manifest_rows,
    ports::{
        BlobId, BlobRecord, Candidate, CandidateId, Durability, ManifestRecord, MetadataExt, ObjectKey,
        QueuedCandidate, Read, RegistryRecord, RepositoryId, RepositoryRecord, StorageAccountId, Tx,
    },
};

/// How to collect.
#[derive(Debug, Clone, Copy)]
pub struct CollectOptions {
    /// How long a candidate must have waited.
    pub grace: Duration,
    /// Whether to undo everything and only say what would go.
    pub dry_run: bool,
}

/// What a collection did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// Candidates that were looked at.
    pub examined: u64,
    /// Candidates whose grace period has not passed yet.
    pub waiting: u64,
    /// Candidates that something still needs.
    pub kept: u64,
    /// Manifests removed.
    pub manifests: u64,
    /// Blobs taken out of a repository.
    pub blob_links: u64,
    /// Objects deleted from the store.
    pub objects: u64,
    /// Bytes those objects held.
    pub freed_bytes: u64,
}

/// An object whose row is gone.
type Freed = (StorageAccountId, ObjectKey, u64);

/// What the pages before would have taken in a dry run: their transactions were undone, so the rows
/// are still there. Empty in a run that does it.
#[derive(Default)]
struct Undone {
    manifests: HashSet<(RepositoryId, Digest)>,
    /// Links of blobs that other repositories still had.
    links: HashMap<BlobId, Vec<RepositoryId>>,
    blobs: HashSet<BlobId>,
}

/// What became of one batch of candidates.
#[derive(Default)]
struct Step {
    collected: Collected,
    freed: Vec<Freed>,
    undone: Undone,
    last: Option<CandidateId>,
    is_full: bool,
}

impl Registry {
    /// Looks at every candidate whose grace period has passed and removes what nothing needs.
    /// Pushes and pulls go on meanwhile. What becomes a candidate during a run, also by the run
    /// itself, is left to the next one; so a dry run tells exactly what the next run removes.
    ///
    /// # Errors
    /// [`Error::Metadata`], [`Error::Full`], [`Error::Overloaded`]; what was collected before stays
    /// collected.
    pub async fn collect_garbage(&self, options: CollectOptions) -> Result<Collected, Error> {
        let now = self.clock.now();
        let mut total = Collected::default();
        let mut after = CandidateId(0);
        let mut undone = Undone::default();
        loop {
            let step = self.collect_step(options, now, after, undone).await?;
            total.add(&step.collected);
            undone = Undone::default();
            if options.dry_run {
                undone = step.undone;
            } else {
                for (account, key, size_bytes) in step.freed {
                    self.delete_object(account, &key, size_bytes).await;
                }
            }
            match step.last {
                Some(last) if step.is_full => after = last,
                _ => return Ok(total),
            }
        }
    }

    async fn collect_step(
        &self,
        options: CollectOptions,
        now: Timestamp,
        after: CandidateId,
        undone: Undone,
    ) -> Result<Step, Error> {
        let due = now.minus(options.grace);
        if options.dry_run {
            // The very same transaction, undone: what it says is what a run would do.
            let (sender, receiver) = std::sync::mpsc::sync_channel(1);
            let undone = self
                .metadata
                .transact(Durability::Relaxed, move |tx| {
                    drop(sender.send(review_batch(tx, now, due, after, undone)?));
                    Err::<(), _>(Error::Undone)
                })
                .await;
            return match undone {
                Err(Error::Undone) => receiver
                    .recv()
                    .map_err(|source| Error::metadata("ran a dry collection", source)),
                Err(error) => Err(error),
                Ok(()) => Err(Error::Undone),
            };
        }
        self.metadata
            .transact(Durability::Durable, move |tx| review_batch(tx, now, due, after, undone))
            .await
    }
}

impl Collected {
    /// Counts another collection, or another part of one, in.
    pub fn add(&mut self, step: &Self) {
        self.examined += step.examined;
        self.waiting += step.waiting;
        self.kept += step.kept;
        self.manifests += step.manifests;
        self.blob_links += step.blob_links;
        self.objects += step.objects;
        self.freed_bytes += step.freed_bytes;
    }
}

fn review_batch(
    tx: &mut dyn Tx,
    now: Timestamp,
    due: Timestamp,
    after: CandidateId,
    undone: Undone,
) -> Result<Step, Error> {
    let mut step = Step {
        undone,
        ..Step::default()
    };
    let before = now.minus(Duration::from_micros(1));
    let batch = tx.list_candidates(before, after, CANDIDATES_PER_TRANSACTION)?;
    step.is_full = batch.len() == CANDIDATES_PER_TRANSACTION;
    for queued in batch {
        step.last = Some(queued.id);
        // What the candidates before it set free waits anew.
        if tx.find_candidate(&queued.candidate)?.as_ref() != Some(&queued) {
            continue;
        }
        step.collected.examined += 1;
        review(tx, &queued, now, due, &mut step)?;
    }
    Ok(step)
}

fn review(
    tx: &mut dyn Tx,
    queued: &QueuedCandidate,
    now: Timestamp,
    due: Timestamp,
    step: &mut Step,
) -> Result<(), Error> {
    if let Candidate::Object {
        storage_account,
        object_key,
        size_bytes,
    } = &queued.candidate
    {
        // Nothing can come to need it; its row goes after its bytes.
        step.free(*storage_account, object_key.clone(), *size_bytes);
        return Ok(());
    }
    if queued.queued_at > due {
        step.collected.waiting += 1;
        return Ok(());
    }
    match &queued.candidate {
        Candidate::Object { .. } => {}
        Candidate::BlobLink { repository, digest } => review_blob(tx, *repository, digest, now, step)?,
        Candidate::UntaggedManifest { repository, digest } => {
            if !review_untagged(tx, *repository, digest, queued.queued_at, now, step)? {
                return Ok(());
            }
        }
        Candidate::OrphanedManifest { repository, digest } => {
            if !review_manifest(tx, *repository, digest, now, step)? {
                return Ok(());
            }
        }
    }
    tx.remove_candidate(queued.id)
}

/// The registry of a repository. `None` when either is gone, or on its way out: a deletion takes all that the
/// repository has by itself, and is never taken back.
fn find_open_registry(tx: &mut dyn Tx, repository: RepositoryId) -> Result<Option<RegistryRecord>, Error> {
    let Some((registry, _)) = tx.load_repository(repository)? else {
        return Ok(None);
    };
    Ok(tx.find_registry(registry)?.filter(|registry| !registry.is_deleting))
}

fn review_blob(
    tx: &mut dyn Tx,
    repository: RepositoryId,
    digest: &Digest,
    now: Timestamp,
    step: &mut Step,
) -> Result<(), Error> {
    let Some(registry) = find_open_registry(tx, repository)? else {
        return Ok(());
    };
    if tx.find_manifest_needing_blob(repository, digest)?.is_some() {
        step.collected.kept += 1;
        return Ok(());
    }
    let account = registry.storage_account;
    if let Some(blob) = tx.find_blob(account, digest)? {
        free_blob(tx, repository, account, blob, now, step)?;
    }
    tx.remove_repository_if_empty(repository)?;
    Ok(())
}

fn free_blob(
    tx: &mut dyn Tx,
    repository: RepositoryId,
    account: StorageAccountId,
    blob: BlobRecord,
    now: Timestamp,
    step: &mut Step,
) -> Result<(), Error> {
    if step.undone.blobs.contains(&blob.id) {
        return Ok(());
    }
    let mut unlinked = step.undone.links.remove(&blob.id).unwrap_or_default();
    for repository in &unlinked {
        tx.unlink_blob(*repository, blob.id)?;
    }
    if tx.unlink_blob(repository, blob.id)? {
        unlinked.push(repository);
        step.collected.blob_links += 1;
    }
    if tx.is_blob_linked(blob.id)? {
        step.undone.links.insert(blob.id, unlinked);
    } else {
        step.undone.blobs.insert(blob.id);
        tx.remove_blob(blob.id)?;
        let (object_key, size_bytes) = (blob.object_key, blob.size_bytes);
        step.free(account, object_key.clone(), size_bytes);
        tx.queue_candidate(
            &Candidate::Object {
                storage_account: account,
                object_key,
                size_bytes,
            },
            now,
        )?;
    }
    Ok(())
}

/// Says whether the candidate is settled: the retention days may be longer than the grace period.
fn review_untagged(
    tx: &mut dyn Tx,
    repository: RepositoryId,
    digest: &Digest,
    queued_at: Timestamp,
    now: Timestamp,
    step: &mut Step,
) -> Result<bool, Error> {
    let Some(registry) = find_open_registry(tx, repository)? else {
        return Ok(true);
    };
    let Some(days) = registry.retention_days else {
        step.collected.kept += 1;
        return Ok(true);
    };
    if queued_at.plus(Duration::from_secs(u64::from(days) * 86_400)) > now {
        step.collected.waiting += 1;
        return Ok(false);
    }
    review_manifest(tx, repository, digest, now, step)
}

/// Says whether the candidate is settled: what only a lock keeps goes when it is unlocked.
fn review_manifest(
    tx: &mut dyn Tx,
    repository: RepositoryId,
    digest: &Digest,
    now: Timestamp,
    step: &mut Step,
) -> Result<bool, Error> {
    let Some((_, repository)) = tx.load_repository(repository)? else {
        return Ok(true);
    };
    let Some(record) = tx.find_manifest(repository.id, digest)? else {
        return Ok(true);
    };
    if step.undone.manifests.contains(&(repository.id, *digest)) {
        return Ok(true);
    }
    let needed = needed_by(tx, &repository, &record)?.is_some();
    if needed || is_locked(&repository, &record) {
        step.collected.kept += 1;
        return Ok(needed);
    }
    remove_manifest_rows(tx, &repository, &record, now)?;
    step.undone.manifests.insert((repository.id, *digest));
    step.collected.manifests += 1;
    Ok(true)
}

/// Why a manifest must stay; `None` when nothing needs it.
pub(crate) fn needs(
    read: &mut (impl Read + ?Sized),
    repository: &RepositoryRecord,
    record: &ManifestRecord,
) -> Result<Option<String>, Error> {
    let needed = needed_by(read, repository, record)?;
    let locked = || is_locked(repository, record).then(|| "it is locked".to_owned());
    Ok(needed.or_else(locked))
}

fn is_locked(repository: &RepositoryRecord, record: &ManifestRecord) -> bool {
    !record.attributes.may_delete() || !repository.attributes.write_enabled
}

fn needed_by(
    read: &mut (impl Read + ?Sized),
    repository: &RepositoryRecord,
    record: &ManifestRecord,
) -> Result<Option<String>, Error> {
    if let Some(tag) = read.list_tags_of_manifest(record.id, 1)?.first() {
        return Ok(Some(format!("tag {} points to it", tag.name)));
    }
    if let Some(parent) = read.find_parent_of(repository.id, &record.digest)? {
        return Ok(Some(format!("index {parent} lists it")));
    }
    if let Some(subject) = &record.subject
        && read.find_manifest(repository.id, subject)?.is_some()
    {
        return Ok(Some(format!("it refers to manifest {subject}, which is there")));
    }
    Ok(None)
}

impl Step {
    fn free(&mut self, account: StorageAccountId, key: ObjectKey, size_bytes: u64) {
        self.collected.objects += 1;
        self.collected.freed_bytes += size_bytes;
        self.freed.push((account, key, size_bytes));
    }
}
