//! Work that is done later. A job is asked for in the transaction of the change that needs it, leased by whoever does it,
//! and tried again when that did not end well.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::MetadataError;
use crate::Timestamp;

/// A job's id: random, part of the URL at which its outcome is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JobId(pub Uuid);

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Copy an image into a registry.
    ImportImage,
    /// Remove what is left of a registry whose deletion began.
    EraseRegistry,
    /// Remove a resource group whose deletion began.
    EraseGroup,
}

impl JobKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::ImportImage, Self::EraseRegistry, Self::EraseGroup];

    /// Its name in rows and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ImportImage => "import-image",
            Self::EraseRegistry => "erase-registry",
            Self::EraseGroup => "erase-group",
        }
    }
}

/// The text names no kind of job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no kind of job that this build knows")]
pub struct UnknownJobKind {
    text: String,
}

impl FromStr for JobKind {
    type Err = UnknownJobKind;

    fn from_str(text: &str) -> Result<Self, UnknownJobKind> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| UnknownJobKind { text: text.to_owned() })
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Waiting for its turn, or at work under a lease.
    Open,
    /// Done.
    Succeeded,
    /// Given up.
    Failed,
}

/// Who does a job at the moment, and until when nobody else may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobLease {
    /// Random, new at each start of a process.
    pub owner: Uuid,
    /// When it ends unless it is renewed.
    pub until: Timestamp,
}

/// A job.
#[derive(Clone, PartialEq, Eq)]
pub struct JobRecord {
    /// Its id.
    pub id: JobId,
    /// What is to be done.
    pub kind: JobKind,
    /// What it is about: an id of ARM in lower case.
    pub scope: String,
    /// What its body needs to know, as JSON.
    pub payload: String,
    /// A secret that its body needs, sealed with the server's key; gone when the job ends.
    pub sealed: Option<Vec<u8>>,
    /// How it stands.
    pub state: JobState,
    /// How far it came, as JSON that its body wrote; empty before.
    pub progress: String,
    /// How often it was begun.
    pub attempts: u32,
    /// Not before.
    pub run_after: Timestamp,
    /// Who is at it.
    pub lease: Option<JobLease>,
    /// What went wrong at the last attempt, as JSON that its body wrote.
    pub last_error: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its row last changed.
    pub updated_at: Timestamp,
}

impl JobRecord {
    /// A job that nobody began.
    #[must_use]
    pub fn new(id: JobId, kind: JobKind, scope: String, payload: String, now: Timestamp) -> Self {
        Self {
            id,
            kind,
            scope,
            payload,
            sealed: None,
            state: JobState::Open,
            progress: String::new(),
            attempts: 0,
            run_after: now,
            lease: None,
            last_error: None,
            created_at: now,
            updated_at: now,
        }
    }
}

impl fmt::Debug for JobRecord {
    /// Without the secret, sealed as it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobRecord")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("scope", &self.scope)
            .field("payload", &self.payload)
            .field("state", &self.state)
            .field("progress", &self.progress)
            .field("attempts", &self.attempts)
            .field("run_after", &self.run_after)
            .field("lease", &self.lease)
            .field("last_error", &self.last_error)
            .finish_non_exhaustive()
    }
}

/// Kinds and scopes of which as many jobs run as may: their other jobs are passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BusyJobs {
    /// Every job of these kinds.
    pub kinds: Vec<JobKind>,
    /// Jobs of a kind about a scope.
    pub scopes: Vec<(JobKind, String)>,
}

/// A job by the moment of its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedJob {
    /// See [`JobRecord::updated_at`].
    pub updated_at: Timestamp,
    /// The job.
    pub id: JobId,
}

/// Jobs.
pub trait JobRead {
    /// The job's row.
    fn find_job(&mut self, id: JobId) -> Result<Option<JobRecord>, MetadataError>;
    /// Open jobs that nobody holds and whose time has come, without those of which enough is at work; the longest due
    /// first.
    fn list_due_jobs(&mut self, now: Timestamp, busy: &BusyJobs, limit: usize) -> Result<Vec<JobId>, MetadataError>;
    /// Open jobs of a kind about a scope, the first asked for first. By id: one that cannot be read hides no other.
    fn list_open_jobs(&mut self, kind: JobKind, scope: &str, limit: usize) -> Result<Vec<JobId>, MetadataError>;
    /// Jobs that ended before a moment, the first first, after one of them.
    fn list_ended_jobs(
        &mut self,
        before: Timestamp,
        after: Option<EndedJob>,
        limit: usize,
    ) -> Result<Vec<EndedJob>, MetadataError>;
}

/// Changes of the same.
pub trait JobTx {
    /// Inserts a job.
    fn insert_job(&mut self, job: &JobRecord) -> Result<(), MetadataError>;
    /// Writes what may change: state, progress, sealed, attempts, `run_after`, lease, `last_error`, `updated_at`.
    fn update_job(&mut self, job: &JobRecord) -> Result<(), MetadataError>;
    /// Lets an open job go until a moment without reading its row, which may be one that this build cannot read; writes
    /// what was wrong.
    fn postpone_job(&mut self, id: JobId, until: Timestamp, error: &str, now: Timestamp) -> Result<(), MetadataError>;
    /// Ends an open job as failed without reading its row, and forgets its secret.
    fn fail_job(&mut self, id: JobId, error: &str, now: Timestamp) -> Result<(), MetadataError>;
    /// Removes the row; says whether it was there.
    fn remove_job(&mut self, id: JobId) -> Result<bool, MetadataError>;
}
