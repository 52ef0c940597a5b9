//! What a kind of job is: what its body needs to know, how much of it may be done at once and how often it is tried, and
//! the body. A new kind is a type that implements [`Handler`], and its line in the runner's tables.

use std::time::Duration;

use holdfast_model::{JobKind, JobRecord};

use crate::{Runner, import::Progress};

/// A kind of job, with the payload of one of it.
pub(crate) trait Handler: Sized + Send {
    /// Its name in rows.
    const KIND: JobKind;
    /// How much of it there may be.
    const LIMITS: Limits;

    /// Reads the payload of a job.
    fn read(job: &JobRecord) -> Result<Self, Stop>;

    /// The body. It may run twice, and goes on where an earlier one ended, whichever process that was.
    fn run(self, work: Work<'_>) -> impl Future<Output = Result<(), Stop>> + Send;

    /// How long one attempt may take; for ever where it depends on this server alone.
    fn attempt_limit(_runner: &Runner) -> Option<Duration> {
        None
    }

    /// What is told of an attempt that took longer.
    fn took_too_long(limit: Duration) -> String {
        format!("it was not done within {} seconds", limit.as_secs())
    }

    /// What is told of a job that was begun so often, each time by a process that did not live to say what came of it.
    fn unheard(attempts: u32) -> String {
        format!("it was begun {attempts} times and did not come to an end")
    }
}

/// How much of a kind there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Jobs at work at once in one process.
    pub(crate) at_once: usize,
    /// The same about one scope.
    pub(crate) at_once_per_scope: usize,
    /// Attempts before one is given up.
    pub(crate) attempts: u32,
    /// How long one may take, pauses included.
    pub(crate) age: Duration,
}

impl Limits {
    /// None: what must be done at last, and waits for nobody.
    pub(crate) const NONE: Self = Self {
        at_once: usize::MAX,
        at_once_per_scope: usize::MAX,
        attempts: u32::MAX,
        age: Duration::MAX,
    };
}

/// A job at work.
#[derive(Clone, Copy)]
pub(crate) struct Work<'a> {
    pub(crate) runner: &'a Runner,
    pub(crate) job: &'a JobRecord,
    pub(crate) progress: &'a Progress,
}

/// Why a body stopped, in the text that the job's row keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It cannot be done.
    Failed(String),
    /// It is worth another attempt.
    Retry(String),
}
