//! Jobs.

use holdfast_model::{
    BusyJobs, EndedJob, JobId, JobKind, JobLease, JobRead, JobRecord, JobState, JobTx, MetadataError, Timestamp,
};

use super::row::{self, Row};
use super::value::params;
use uuid::Uuid;

use super::column;
use super::session::Session;

/// Values of the column `state`.
const OPEN: i64 = 0;
const SUCCEEDED: i64 = 1;
const FAILED: i64 = 2;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, scope, payload, sealed, state, progress, attempts, run_after, lease_owner, \
             lease_until, last_error, created_at, updated_at FROM job ",
            $rest
        )
    };
}

const FIND: &str = select!("WHERE id = ?1");
/// What is passed over comes as lines of text, which needs no statement for each count of them.
const LIST_DUE: &str = "SELECT id FROM job WHERE due_at IS NOT NULL AND due_at <= ?1 \
    AND instr(?2, char(10) || kind || char(10)) = 0 AND instr(?3, char(10) || kind || ' ' || scope || char(10)) = 0 \
    ORDER BY due_at, id LIMIT ?4";
const LIST_OPEN: &str =
    "SELECT id FROM job WHERE due_at IS NOT NULL AND kind = ?1 AND scope = ?2 ORDER BY created_at, id LIMIT ?3";
const LIST_ENDED: &str = "SELECT updated_at, id FROM job WHERE due_at IS NULL AND updated_at < ?1 \
    AND (updated_at, id) > (?2, ?3) ORDER BY updated_at, id LIMIT ?4";

impl JobRead for Session<'_> {
    fn find_job(&mut self, id: JobId) -> Result<Option<JobRecord>, MetadataError> {
        self.find("looked up a job", FIND, params![id.0.as_bytes()], job_row)
    }

    fn list_due_jobs(&mut self, now: Timestamp, busy: &BusyJobs, limit: usize) -> Result<Vec<JobId>, MetadataError> {
        let kinds = lines(busy.kinds.iter().map(ToString::to_string));
        let scopes = lines(busy.scopes.iter().map(|(kind, scope)| format!("{kind} {scope}")));
        let params = params![now.0, kinds, scopes, column::limit(limit)];
        self.list("listed due jobs", LIST_DUE, params, |row| {
            column::uuid(row, 0).map(JobId)
        })
    }

    fn list_open_jobs(&mut self, kind: JobKind, scope: &str, limit: usize) -> Result<Vec<JobId>, MetadataError> {
        let params = params![kind.as_str(), scope, column::limit(limit)];
        self.list("listed open jobs", LIST_OPEN, params, |row| {
            column::uuid(row, 0).map(JobId)
        })
    }

    fn list_ended_jobs(
        &mut self,
        before: Timestamp,
        after: Option<EndedJob>,
        limit: usize,
    ) -> Result<Vec<EndedJob>, MetadataError> {
        // Nothing sorts before the empty id.
        let (moment, id) = after.map_or((i64::MIN, Vec::new()), |after| {
            (after.updated_at.0, after.id.0.as_bytes().to_vec())
        });
        let params = params![before.0, moment, id, column::limit(limit)];
        self.list("listed ended jobs", LIST_ENDED, params, |row| {
            Ok(EndedJob {
                updated_at: column::timestamp(row, 0)?,
                id: JobId(column::uuid(row, 1)?),
            })
        })
    }
}

const INSERT: &str = "INSERT INTO job (id, kind, scope, payload, sealed, state, progress, attempts, run_after, \
    lease_owner, lease_until, last_error, created_at, updated_at, due_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
const UPDATE: &str = "UPDATE job SET sealed = ?2, state = ?3, progress = ?4, attempts = ?5, run_after = ?6, \
    lease_owner = ?7, lease_until = ?8, last_error = ?9, updated_at = ?10, due_at = ?11 WHERE id = ?1";
const POSTPONE: &str = "UPDATE job SET run_after = ?2, lease_owner = NULL, lease_until = NULL, last_error = ?3, \
    updated_at = ?4, due_at = ?2 WHERE id = ?1 AND due_at IS NOT NULL";
const FAIL: &str = "UPDATE job SET state = ?2, sealed = NULL, lease_owner = NULL, lease_until = NULL, \
    last_error = ?3, updated_at = ?4, due_at = NULL WHERE id = ?1 AND due_at IS NOT NULL";
const REMOVE: &str = "DELETE FROM job WHERE id = ?1";

impl JobTx for Session<'_> {
    fn insert_job(&mut self, job: &JobRecord) -> Result<(), MetadataError> {
        let params = params![
            job.id.0.as_bytes(),
            job.kind.as_str(),
            job.scope,
            job.payload,
            job.sealed,
            state_number(job.state),
            job.progress,
            job.attempts,
            job.run_after.0,
            job.lease.map(|lease| lease.owner.into_bytes()),
            job.lease.map(|lease| lease.until.0),
            job.last_error,
            job.created_at.0,
            job.updated_at.0,
            due_at(job),
        ];
        self.change("inserted a job", INSERT, params).map(drop)
    }

    fn update_job(&mut self, job: &JobRecord) -> Result<(), MetadataError> {
        let params = params![
            job.id.0.as_bytes(),
            job.sealed,
            state_number(job.state),
            job.progress,
            job.attempts,
            job.run_after.0,
            job.lease.map(|lease| lease.owner.into_bytes()),
            job.lease.map(|lease| lease.until.0),
            job.last_error,
            job.updated_at.0,
            due_at(job),
        ];
        self.change("updated a job", UPDATE, params).map(drop)
    }

    fn postpone_job(&mut self, id: JobId, until: Timestamp, error: &str, now: Timestamp) -> Result<(), MetadataError> {
        let params = params![id.0.as_bytes(), until.0, error, now.0];
        self.change("postponed a job", POSTPONE, params).map(drop)
    }

    fn fail_job(&mut self, id: JobId, error: &str, now: Timestamp) -> Result<(), MetadataError> {
        let params = params![id.0.as_bytes(), FAILED, error, now.0];
        self.change("ended a job", FAIL, params).map(drop)
    }

    fn remove_job(&mut self, id: JobId) -> Result<bool, MetadataError> {
        Ok(self.change("removed a job", REMOVE, params![id.0.as_bytes()])? > 0)
    }
}

/// Each between two line feeds, which neither a kind nor a scope has.
fn lines(words: impl Iterator<Item = String>) -> String {
    words.fold("\n".to_owned(), |lines, word| lines + &word + "\n")
}

fn state_number(state: JobState) -> i64 {
    match state {
        JobState::Open => OPEN,
        JobState::Succeeded => SUCCEEDED,
        JobState::Failed => FAILED,
    }
}

fn due_at(job: &JobRecord) -> Option<i64> {
    let held_until = job.lease.map_or(i64::MIN, |lease| lease.until.0);
    (job.state == JobState::Open).then_some(job.run_after.0.max(held_until))
}

fn job_row(row: &Row<'_>) -> row::Result<JobRecord> {
    let owner: Option<[u8; 16]> = row.get(9)?;
    let until: Option<i64> = row.get(10)?;
    let lease = owner.zip(until).map(|(owner, until)| JobLease {
        owner: Uuid::from_bytes(owner),
        until: Timestamp(until),
    });
    let state = match row.get::<i64>(5)? {
        OPEN => JobState::Open,
        SUCCEEDED => JobState::Succeeded,
        FAILED => JobState::Failed,
        other => {
            let problem = format!("{other} is no state of a job");
            return Err(column::misread(5, problem));
        }
    };
    Ok(JobRecord {
        id: JobId(column::uuid(row, 0)?),
        kind: column::word(row, 1)?,
        scope: row.get(2)?,
        payload: row.get(3)?,
        sealed: row.get(4)?,
        state,
        progress: row.get(6)?,
        attempts: row.get(7)?,
        run_after: column::timestamp(row, 8)?,
        lease,
        last_error: row.get(11)?,
        created_at: column::timestamp(row, 12)?,
        updated_at: column::timestamp(row, 13)?,
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[
    FIND, LIST_DUE, LIST_OPEN, LIST_ENDED, INSERT, UPDATE, POSTPONE, FAIL, REMOVE,
];
