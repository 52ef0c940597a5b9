//! Online garbage collection. It looks only at candidates, never at the whole registry, so its cost
//! is that of the garbage; every removal is re-checked in its own transaction, and bytes go after
//! the rows that named them (ARCHITECTURE.md, law 1).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use holdfast_model::{
    BlobId, BlobRecord, Candidate, CandidateId, Durability, GarbageObject, ManifestRecord, MetadataError, MetadataExt,
    QueuedCandidate, Read, RegistryRecord, RepositoryId, RepositoryRecord, Timestamp, Tx,
};
use holdfast_oci::Digest;

use crate::{
    Error, Operator,
    failure::{Batches, Failures},
    limits::{CANDIDATES_PER_TRANSACTION, MAX_COLLECTION_LEVELS},
    manifest::remove_manifest_rows,
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
    /// Small blobs removed from the rows.
    pub row_blobs: u64,
    /// Bytes of both.
    pub freed_bytes: u64,
    /// What was passed over until the next run.
    pub failures: Failures,
}

/// What the transactions before would have taken in a dry run: they were undone, so the rows are still there. Empty in a
/// run that does it.
#[derive(Default, Clone)]
struct Undone {
    manifests: HashSet<(RepositoryId, Digest)>,
    /// Links of blobs that other repositories still had.
    links: HashMap<BlobId, Vec<RepositoryId>>,
    blobs: HashSet<BlobId>,
}

/// One look at the queue, from its beginning or from where the look before ended.
#[derive(Debug, Clone, Copy)]
struct Pass {
    options: CollectOptions,
    now: Timestamp,
    due: Timestamp,
    /// In a later pass of a run: when it began. Objects queued since were tried by it already, or are for the next run.
    began: Option<Timestamp>,
}

/// What became of some candidates.
#[derive(Default)]
struct Step {
    collected: Collected,
    freed: Vec<GarbageObject>,
    before: Arc<Undone>,
    undone: Undone,
}

impl Operator {
    /// Looks at every candidate whose grace period has passed and removes what nothing needs.
    /// Pushes and pulls go on meanwhile. What becomes a candidate during a run, also by the run
    /// itself, is left to the next one; so a dry run tells exactly what the next run removes. A candidate that cannot be
    /// handled is passed over until then.
    ///
    /// # Errors
    /// [`Error::Storage`]; what was collected before stays
    /// collected.
    pub async fn collect_garbage(&self, options: CollectOptions) -> Result<Collected, Error> {
        let pass = Pass::new(options, self.clock.now(), None);
        let (collected, _) = self.collect_pass(pass, CandidateId(0)).await?;
        Ok(collected)
    }

    /// The same without a grace period, which what a run lets go (an index its children, they their blobs) has no time to
    /// wait for either.
    ///
    /// # Errors
    /// As [`Operator::collect_garbage`].
    pub async fn collect_garbage_at_once(&self) -> Result<Collected, Error> {
        let began = self.clock.now();
        let options = CollectOptions {
            grace: Duration::ZERO,
            dry_run: false,
        };
        let (mut total, mut last) = self
            .collect_pass(Pass::new(options, began, None), CandidateId(0))
            .await?;
        for _ in 0..MAX_COLLECTION_LEVELS {
            let pass = Pass::new(options, self.clock.now(), Some(began));
            // Whatever was passed over lies before.
            let (next, end) = self.collect_pass(pass, last).await?;
            total.add(&next);
            last = end;
            if next.manifests + next.blob_links + next.objects == 0 {
                break;
            }
        }
        Ok(total)
    }

    /// Gives the last candidate that it looked at, too.
    async fn collect_pass(&self, pass: Pass, after: CandidateId) -> Result<(Collected, CandidateId), Error> {
        let before = pass.now.minus(Duration::from_micros(1));
        let (mut total, mut last) = (Collected::default(), after);
        let mut undone: Arc<Undone> = Arc::default();
        loop {
            let page = self
                .metadata
                .query(move |read| read.list_candidates(before, last, CANDIDATES_PER_TRANSACTION))
                .await?;
            let Some(end) = page.last().copied() else {
                return Ok((total, last));
            };
            last = end;
            let mut batches = Batches::of(page);
            while let Some(batch) = batches.next_batch() {
                match self.collect_batch(pass, batch.clone(), Arc::clone(&undone)).await {
                    Ok(step) => {
                        total.add(&step.collected);
                        self.delete_freed(pass, step.freed, &mut total).await?;
                        drop(step.before);
                        if pass.options.dry_run {
                            Arc::make_mut(&mut undone).add(step.undone);
                        }
                    }
                    Err(error) => {
                        if let Some((id, error)) = batches.failed(batch, error)? {
                            total.failures.add(self.name_candidate(id).await, &error);
                        }
                    }
                }
            }
        }
    }

    async fn collect_batch(&self, pass: Pass, batch: Vec<CandidateId>, undone: Arc<Undone>) -> Result<Step, Error> {
        let review = move |tx: &mut dyn Tx| review_batch(tx, pass, &batch, Arc::clone(&undone));
        if pass.options.dry_run {
            // The very same transaction, undone: what it says is what a run would do.
            return self.metadata.rehearse(review).await;
        }
        self.metadata.transact(Durability::Durable, review).await
    }

    /// Deletes objects whose rows are gone; one that its store does not let go stays in the queue.
    async fn delete_freed(&self, pass: Pass, freed: Vec<GarbageObject>, total: &mut Collected) -> Result<(), Error> {
        let gone = if pass.options.dry_run {
            freed
        } else {
            let deleted = self.try_delete_objects(freed).await?;
            for (object, error) in &deleted.kept {
                total.failures.add(self.name_object(object).await, error);
            }
            deleted.gone
        };
        total.objects += gone.len() as u64;
        total.freed_bytes += gone.iter().map(|object| object.size_bytes).sum::<u64>();
        Ok(())
    }

    async fn name_object(&self, object: &GarbageObject) -> String {
        let account = object.storage_account;
        let named = self
            .metadata
            .query(move |read| read.find_storage_account(account))
            .await;
        let account = match named {
            Ok(Some(named)) => named.name,
            _ => format!("#{}", account.0),
        };
        format!("object {} of storage account {account}", object.object_key)
    }

    /// What a candidate is, for people.
    async fn name_candidate(&self, id: CandidateId) -> String {
        let named = self.metadata.query(move |read| {
            let found = read.find_candidate_by_id(id)?;
            found.map(|queued| name(read, &queued.candidate)).transpose()
        });
        match named.await {
            Ok(Some(name)) => name,
            _ => format!("candidate row {}", id.0),
        }
    }
}

impl Pass {
    fn new(options: CollectOptions, now: Timestamp, began: Option<Timestamp>) -> Self {
        Self {
            options,
            now,
            due: now.minus(options.grace),
            began,
        }
    }
}

impl Undone {
    fn add(&mut self, more: Self) {
        self.manifests.extend(more.manifests);
        self.links.extend(more.links);
        self.blobs.extend(more.blobs);
    }
}

fn name(read: &mut dyn Read, candidate: &Candidate) -> Result<String, MetadataError> {
    let (kind, digest, repository) = match candidate {
        Candidate::BlobLink { repository, digest } => ("blob", digest, *repository),
        Candidate::UntaggedManifest { repository, digest } | Candidate::OrphanedManifest { repository, digest } => {
            ("manifest", digest, *repository)
        }
        Candidate::Object(object) => return Ok(format!("object {}", object.object_key)),
    };
    let found = read.find_repository_by_id(repository)?;
    Ok(match found {
        Some((_, found)) => format!("{kind} {digest} in {}", found.name),
        None => format!("{kind} {digest} in repository #{}", repository.0),
    })
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
        self.row_blobs += step.row_blobs;
        self.freed_bytes += step.freed_bytes;
        self.failures.extend(&step.failures);
    }
}

fn review_batch(tx: &mut dyn Tx, pass: Pass, batch: &[CandidateId], before: Arc<Undone>) -> Result<Step, Error> {
    let mut step = Step {
        before,
        ..Step::default()
    };
    for id in batch {
        // What the candidates before it set free waits anew, in another row.
        if let Some(queued) = tx.find_candidate_by_id(*id)? {
            review(tx, &queued, pass, &mut step)?;
        }
    }
    Ok(step)
}

fn review(tx: &mut dyn Tx, queued: &QueuedCandidate, pass: Pass, step: &mut Step) -> Result<(), Error> {
    let now = pass.now;
    if let Candidate::Object(object) = &queued.candidate {
        if pass.began.is_none_or(|began| queued.queued_at < began) {
            step.collected.examined += 1;
            // Nothing can come to need it; its row goes after its bytes.
            step.freed.push(object.clone());
        }
        return Ok(());
    }
    step.collected.examined += 1;
    if queued.queued_at > pass.due {
        step.collected.waiting += 1;
        return Ok(());
    }
    match &queued.candidate {
        Candidate::Object(_) => {}
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
    Ok(tx.remove_candidate(queued.id)?)
}

/// The registry of a repository. `None` when either is gone, or on its way out: a deletion takes all that the
/// repository has by itself, and is never taken back.
fn find_open_registry(tx: &mut dyn Tx, repository: RepositoryId) -> Result<Option<RegistryRecord>, MetadataError> {
    let Some((registry, _)) = tx.find_repository_by_id(repository)? else {
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
) -> Result<(), MetadataError> {
    let Some(registry) = find_open_registry(tx, repository)? else {
        return Ok(());
    };
    if tx.find_manifest_needing_blob(repository, digest)?.is_some() {
        step.collected.kept += 1;
        return Ok(());
    }
    let account = registry.storage_account;
    if let Some(blob) = tx.find_blob(account, digest)? {
        free_blob(tx, repository, blob, now, step)?;
    }
    tx.remove_repository_if_empty(repository)?;
    Ok(())
}

fn free_blob(
    tx: &mut dyn Tx,
    repository: RepositoryId,
    blob: BlobRecord,
    now: Timestamp,
    step: &mut Step,
) -> Result<(), MetadataError> {
    if step.undone.blobs.contains(&blob.id) || step.before.blobs.contains(&blob.id) {
        return Ok(());
    }
    let before = step
        .undone
        .links
        .get(&blob.id)
        .or_else(|| step.before.links.get(&blob.id));
    let mut unlinked = before.cloned().unwrap_or_default();
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
        let size_bytes = blob.size_bytes;
        if let Some(object) = blob.garbage() {
            step.freed.push(object.clone());
            tx.queue_candidate(&Candidate::Object(object), now)?;
        } else {
            step.collected.row_blobs += 1;
            step.collected.freed_bytes += size_bytes;
        }
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
    let Some((_, repository)) = tx.find_repository_by_id(repository)? else {
        return Ok(true);
    };
    let Some(record) = tx.find_manifest(repository.id, digest)? else {
        return Ok(true);
    };
    let this = (repository.id, *digest);
    if step.undone.manifests.contains(&this) || step.before.manifests.contains(&this) {
        return Ok(true);
    }
    let needed = needed_by(tx, &repository, &record)?.is_some();
    if needed || is_locked(&repository, &record) {
        step.collected.kept += 1;
        return Ok(needed);
    }
    remove_manifest_rows(tx, &repository, &record, now)?;
    step.undone.manifests.insert(this);
    step.collected.manifests += 1;
    Ok(true)
}

/// Why a manifest must stay; `None` when nothing needs it.
pub(crate) fn needs(
    read: &mut dyn Read,
    repository: &RepositoryRecord,
    record: &ManifestRecord,
) -> Result<Option<String>, MetadataError> {
    let needed = needed_by(read, repository, record)?;
    let locked = || is_locked(repository, record).then(|| "it is locked".to_owned());
    Ok(needed.or_else(locked))
}

fn is_locked(repository: &RepositoryRecord, record: &ManifestRecord) -> bool {
    !record.attributes.may_delete() || !repository.attributes.write_enabled
}

fn needed_by(
    read: &mut dyn Read,
    repository: &RepositoryRecord,
    record: &ManifestRecord,
) -> Result<Option<String>, MetadataError> {
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
