//! The runner: takes what is due, a few jobs at once, keeps each lease alive while its body works, and writes what came of
//! it. It refuses to know what a job does; its two tables say which type does which kind.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use holdfast_client::Outgoing;
use holdfast_directory::SignIn;
use holdfast_identity::Sealer;
use holdfast_model::{BusyJobs, Ids, JobKind, JobRecord};
use holdfast_operations::Operator;
use holdfast_resources::Attempt;
use tokio::task::{self, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::erase::{EraseGroup, EraseRegistry};
use crate::handler::{Handler, Limits, Stop, Work};
use crate::import::{ImportImage, Progress};

/// Jobs at work at once in one process.
const MAX_AT_ONCE: usize = 4;
/// How long a job is its holder's without a sign of life; what a process that was killed held is taken up after it.
const LEASE: Duration = Duration::from_secs(20);
/// How often a sign of life is given.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often the queue is looked at for what fell due; what is asked for in this process is begun at once.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The first pause after a failure; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// How long one attempt at an import may take: a registry that sends a byte now and then holds no slot for ever. The blobs
/// that came stay, so that the next attempt needs only the others.
pub const IMPORT_ATTEMPT_LIMIT: Duration = Duration::from_secs(2 * 3600);

/// What a runner is made of.
pub struct RunnerParts {
    /// The operations.
    pub operator: Operator,
    /// Opens the secrets of jobs.
    pub sealer: Arc<Sealer>,
    /// The way out.
    pub outgoing: Outgoing,
    /// The source of ids: the runner's own, and the spread of its pauses.
    pub ids: Arc<dyn Ids>,
    /// How long one attempt at an import may take: [`IMPORT_ATTEMPT_LIMIT`].
    pub import_attempt_limit: Duration,
}

/// Runs jobs.
pub struct Runner {
    pub(crate) resources: holdfast_resources::Operator,
    pub(crate) content: holdfast_content::Operator,
    pub(crate) sign_in: Arc<SignIn>,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) outgoing: Outgoing,
    pub(crate) import_attempt_limit: Duration,
    ids: Arc<dyn Ids>,
    owner: Uuid,
}

impl Runner {
    /// Puts the parts together. Each runner is a holder of leases of its own.
    #[must_use]
    pub fn new(parts: RunnerParts) -> Self {
        Self {
            resources: parts.operator.resources().clone(),
            content: parts.operator.content().clone(),
            sign_in: Arc::clone(parts.operator.sign_in()),
            sealer: parts.sealer,
            outgoing: parts.outgoing,
            owner: parts.ids.uuid(),
            ids: parts.ids,
            import_attempt_limit: parts.import_attempt_limit,
        }
    }

    /// Works until it is told to stop; then lets go of what it holds, for the next process to go on with.
    pub async fn run(self: Arc<Self>, stopping: CancellationToken) {
        let mut working = JoinSet::new();
        let mut at_work = HashMap::new();
        while !stopping.is_cancelled() {
            while working.len() < MAX_AT_ONCE {
                let Some(job) = self.take(busy(&at_work)).await else {
                    break;
                };
                let what = (job.kind, job.scope.clone());
                let task = working.spawn(Arc::clone(&self).attempt(job, stopping.clone()));
                at_work.insert(task.id(), what);
            }
            tokio::select! {
                () = stopping.cancelled() => {}
                () = self.resources.job_asked_for() => {}
                Some(ended) = working.join_next_with_id() => {
                    at_work.remove(&told(ended));
                }
                () = sleep(LOOK_EVERY) => {}
            }
        }
        while let Some(ended) = working.join_next_with_id().await {
            told(ended);
        }
    }

    /// Runs everything that is due now, one after the other, and says how many attempts that were.
    pub async fn run_due(self: &Arc<Self>) -> usize {
        let mut attempts = 0;
        while let Some(job) = self.take(BusyJobs::default()).await {
            Arc::clone(self).attempt(job, CancellationToken::new()).await;
            attempts += 1;
        }
        attempts
    }

    async fn take(&self, busy: BusyJobs) -> Option<JobRecord> {
        match self.resources.take_job(self.owner, LEASE, busy).await {
            Ok(job) => job,
            Err(error) => {
                tracing::error!(error = %error, "could not look for jobs; trying again");
                None
            }
        }
    }

    async fn attempt(self: Arc<Self>, job: JobRecord, stopping: CancellationToken) {
        let progress = Progress::default();
        let attempt = tokio::select! {
            biased;
            () = stopping.cancelled() => Attempt::Interrupted,
            () = self.keep(&job, &progress) => {
                tracing::warn!(job.id = %job.id.0, job.kind = %job.kind, "a job is somebody else's by now");
                return;
            }
            attempt = self.work(&job, &progress) => attempt,
        };
        match &attempt {
            Attempt::Succeeded => tracing::info!(job.id = %job.id.0, job.kind = %job.kind, "did a job"),
            Attempt::Interrupted => tracing::info!(job.id = %job.id.0, job.kind = %job.kind, "put a job back"),
            Attempt::Failed { error } => {
                tracing::warn!(job.id = %job.id.0, job.kind = %job.kind, error, "gave up a job");
            }
            Attempt::Retry { error, after } => {
                let after_secs = after.as_secs();
                tracing::warn!(job.id = %job.id.0, job.kind = %job.kind, error, after_secs, "a job must be tried again");
            }
        }
        if let Err(error) = self.resources.end_attempt(job.id, self.owner, attempt).await {
            // Its lease runs out, and it is done once more, which does no harm.
            tracing::error!(job.id = %job.id.0, error = %error, "could not write what came of a job");
        }
    }

    /// Ends when the lease was lost.
    async fn keep(&self, job: &JobRecord, progress: &Progress) {
        loop {
            sleep(HEARTBEAT).await;
            match self
                .resources
                .keep_job(job.id, self.owner, LEASE, progress.to_json())
                .await
            {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(job.id = %job.id.0, error = %error, "could not renew a lease"),
            }
        }
    }

    async fn work(&self, job: &JobRecord, progress: &Progress) -> Attempt {
        let runner = self;
        let work = Work { runner, job, progress };
        match job.kind {
            JobKind::ImportImage => attempt_at::<ImportImage>(work).await,
            JobKind::EraseRegistry => attempt_at::<EraseRegistry>(work).await,
            JobKind::EraseGroup => attempt_at::<EraseGroup>(work).await,
        }
    }

    /// Another attempt, later and later, spread so that many jobs do not come back at one moment.
    fn again(&self, job: &JobRecord, error: String) -> Attempt {
        let doublings = job.attempts.saturating_sub(1).min(16);
        let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(MAX_PAUSE);
        let [spread, ..] = self.ids.uuid().into_bytes();
        let after = pause + pause.mul_f32(f32::from(spread) / 1024.0);
        Attempt::Retry { error, after }
    }
}

/// The limits of a kind.
fn limits(kind: JobKind) -> Limits {
    match kind {
        JobKind::ImportImage => ImportImage::LIMITS,
        JobKind::EraseRegistry => EraseRegistry::LIMITS,
        JobKind::EraseGroup => EraseGroup::LIMITS,
    }
}

async fn attempt_at<H: Handler>(work: Work<'_>) -> Attempt {
    debug_assert_eq!(work.job.kind, H::KIND);
    let Work { runner, job, .. } = work;
    let is_too_old = || runner.resources.now().since(job.created_at) > H::LIMITS.age;
    // One whose body kills its process, or never ends, has nobody who writes that it failed.
    if job.attempts > 1 && (job.attempts > H::LIMITS.attempts || is_too_old()) {
        let unheard = || H::unheard(job.attempts.saturating_sub(1));
        return Attempt::Failed {
            error: job.last_error.clone().unwrap_or_else(unheard),
        };
    }
    match run::<H>(work).await {
        Ok(()) => Attempt::Succeeded,
        Err(Stop::Failed(error)) => Attempt::Failed { error },
        Err(Stop::Retry(error)) if job.attempts >= H::LIMITS.attempts || is_too_old() => Attempt::Failed { error },
        Err(Stop::Retry(error)) => runner.again(job, error),
    }
}

async fn run<H: Handler>(work: Work<'_>) -> Result<(), Stop> {
    let body = H::read(work.job)?.run(work);
    let Some(limit) = H::attempt_limit(work.runner) else {
        return body.await;
    };
    let done = timeout(limit, body).await;
    done.unwrap_or_else(|_elapsed| Err(Stop::Retry(H::took_too_long(limit))))
}

/// Kinds and scopes of which as many jobs run as may.
fn busy(at_work: &HashMap<task::Id, (JobKind, String)>) -> BusyJobs {
    let mut kinds: HashMap<JobKind, usize> = HashMap::new();
    let mut scopes: HashMap<(JobKind, &str), usize> = HashMap::new();
    for (kind, scope) in at_work.values() {
        *kinds.entry(*kind).or_default() += 1;
        *scopes.entry((*kind, scope)).or_default() += 1;
    }
    kinds.retain(|kind, count| *count >= limits(*kind).at_once);
    scopes.retain(|(kind, _), count| *count >= limits(*kind).at_once_per_scope);
    BusyJobs {
        kinds: kinds.into_keys().collect(),
        scopes: scopes
            .into_keys()
            .map(|(kind, scope)| (kind, scope.to_owned()))
            .collect(),
    }
}

fn told(ended: Result<(task::Id, ()), task::JoinError>) -> task::Id {
    match ended {
        Ok((id, ())) => id,
        Err(error) => {
            tracing::error!(error = %error, "a job ended unexpectedly; it is tried again when its lease runs out");
            error.id()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn imports_leave_a_slot_to_deletions_and_to_other_registries() {
        const IMPORTS: Limits = ImportImage::LIMITS;
        let mut tasks = JoinSet::new();
        let mut at_work = HashMap::new();
        let mut begin = |kind, scope: &str| {
            at_work.insert(tasks.spawn(async {}).id(), (kind, scope.to_owned()));
            busy(&at_work)
        };
        let (import, none) = (JobKind::ImportImage, BusyJobs::default());
        for _ in 0..2 {
            assert_eq!(begin(JobKind::EraseRegistry, "a"), none);
        }
        assert_eq!(begin(import, "a"), none);
        let full = begin(import, "a");
        assert_eq!((full.kinds, full.scopes), (Vec::new(), vec![(import, "a".to_owned())]));
        assert_eq!(begin(import, "b").kinds, [import]);
        const { assert!(IMPORTS.at_once < MAX_AT_ONCE && IMPORTS.at_once_per_scope < IMPORTS.at_once) };
    }
}
