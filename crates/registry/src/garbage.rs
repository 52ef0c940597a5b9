//! Online garbage collection. It looks only at candidates, never at the whole registry, so its cost
//! is that of the garbage; every removal is re-checked in its own transaction, and bytes go after
//! the rows that named them (design, law 1).

use std::time::Duration;

use holdfast_oci::Digest;

use crate::{
    Error, Registry, Timestamp,
    limits::CANDIDATES_PER_TRANSACTION,
    manifest::remove_manifest_rows,
    ports::{
        Candidate, CandidateId, Durability, ManifestRecord, MetadataExt, ObjectKey, QueuedCandidate, Read,
        RegistryRecord, RepositoryId, RepositoryRecord, StorageAccountId, Tx,
    },
    registry::load_registry,
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

/// What became of one batch of candidates.
#[derive(Default)]
struct Step {
    collected: Collected,
    freed: Vec<Freed>,
    last: Option<CandidateId>,
    is_full: bool,
}

impl Registry {
    /// Looks at every candidate whose grace period has passed and removes what nothing needs.
    /// Pushes and pulls go on meanwhile.
    ///
    /// # Errors
    /// [`Error::Metadata`], [`Error::Full`], [`Error::Overloaded`]; what was collected before stays
    /// collected.
    pub async fn collect_garbage(&self, options: CollectOptions) -> Result<Collected, Error> {
        let now = self.clock.now();
        let mut total = Collected::default();
        let mut after = CandidateId(0);
        loop {
            let step = self.collect_step(options, now, after).await?;
            total.add(&step.collected);
            if !options.dry_run {
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

    async fn collect_step(&self, options: CollectOptions, now: Timestamp, after: CandidateId) -> Result<Step, Error> {
        let due = now.minus(options.grace);
        if options.dry_run {
            // The very same transaction, undone: what it says is what a run would do.
            let (sender, receiver) = std::sync::mpsc::sync_channel(1);
            let undone = self
                .metadata
                .transact(Durability::Relaxed, move |tx| {
                    drop(sender.send(review_batch(tx, now, due, after)?));
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
            .transact(Durability::Durable, move |tx| review_batch(tx, now, due, after))
            .await
    }
}

impl Collected {
    fn add(&mut self, step: &Self) {
        self.examined += step.examined;
        self.waiting += step.waiting;
        self.kept += step.kept;
        self.manifests += step.manifests;
        self.blob_links += step.blob_links;
        self.objects += step.objects;
        self.freed_bytes += step.freed_bytes;
    }
}

fn review_batch(tx: &mut dyn Tx, now: Timestamp, due: Timestamp, after: CandidateId) -> Result<Step, Error> {
    let mut step = Step::default();
    let batch = tx.list_candidates(now, after, CANDIDATES_PER_TRANSACTION)?;
    step.is_full = batch.len() == CANDIDATES_PER_TRANSACTION;
    for queued in batch {
        step.last = Some(queued.id);
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
            review_manifest(tx, *repository, digest, now, step)?;
        }
    }
    tx.remove_candidate(queued.id)
}

fn review_blob(
    tx: &mut dyn Tx,
    repository: RepositoryId,
    digest: &Digest,
    now: Timestamp,
    step: &mut Step,
) -> Result<(), Error> {
    let Some((registry, _)) = tx.load_repository(repository)? else {
        return Ok(());
    };
    if tx.find_manifest_needing_blob(repository, digest)?.is_some() {
        step.collected.kept += 1;
        return Ok(());
    }
    let account = load_registry(tx, registry)?.storage_account;
    let Some(blob) = tx.find_blob(account, digest)? else {
        return Ok(());
    };
    if tx.unlink_blob(repository, blob.id)? {
        step.collected.blob_links += 1;
    }
    if !tx.is_blob_linked(blob.id)? {
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
    tx.remove_repository_if_empty(repository)?;
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
    let Some((registry, _)) = tx.load_repository(repository)? else {
        return Ok(true);
    };
    let RegistryRecord { retention_days, .. } = load_registry(tx, registry)?;
    let Some(days) = retention_days else {
        step.collected.kept += 1;
        return Ok(true);
    };
    if queued_at.plus(Duration::from_secs(u64::from(days) * 86_400)) > now {
        step.collected.waiting += 1;
        return Ok(false);
    }
    review_manifest(tx, repository, digest, now, step)?;
    Ok(true)
}

fn review_manifest(
    tx: &mut dyn Tx,
    repository: RepositoryId,
    digest: &Digest,
    now: Timestamp,
    step: &mut Step,
) -> Result<(), Error> {
    let Some((_, repository)) = tx.load_repository(repository)? else {
        return Ok(());
    };
    let Some(record) = tx.find_manifest(repository.id, digest)? else {
        return Ok(());
    };
    if needs(tx, &repository, &record)?.is_some() {
        step.collected.kept += 1;
        return Ok(());
    }
    remove_manifest_rows(tx, &repository, &record, now)?;
    step.collected.manifests += 1;
    Ok(())
}

/// Why a manifest must stay; `None` when nothing needs it.
pub(crate) fn needs(
    read: &mut (impl Read + ?Sized),
    repository: &RepositoryRecord,
    record: &ManifestRecord,
) -> Result<Option<String>, Error> {
    if !record.attributes.may_delete() || !repository.attributes.write_enabled {
        return Ok(Some("it is locked".to_owned()));
    }
    if let Some(tag) = read.list_tags_of_manifest(record.id)?.first() {
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
