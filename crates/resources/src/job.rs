//! Jobs: taken under a lease, kept by renewing it, ended or put back. Whoever lost the lease changes nothing any more. It
//! refuses to know what a job does; its body is idempotent and lives where the job's kind is known.

use holdfast_content::limits::ROWS_PER_STEP;
use std::time::Duration;

use uuid::Uuid;

use crate::{
    Operator,
    limits::{JOBS_LOOKED_AT, UNREADABLE_JOB_PAUSE},
};
use holdfast_content::{Batches, Failures};
use holdfast_model::{
    BusyJobs, Durability, JobId, JobLease, JobRecord, JobState, MetadataError, MetadataExt, StorageError, Timestamp, Tx,
};

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// It is done.
    Succeeded,
    /// It cannot be done; the error is JSON for whoever asks.
    Failed {
        /// See [`JobRecord::last_error`].
        error: String,
    },
    /// It is worth another attempt.
    Retry {
        /// See [`JobRecord::last_error`].
        error: String,
        /// How long to wait.
        after: Duration,
    },
    /// It was interrupted, which does not count; whoever comes next goes on.
    Interrupted,
}

impl Operator {
    /// Waits until a job was asked for in this process. Jobs of other nodes, and those that fall due, are for a timer.
    pub async fn job_asked_for(&self) {
        self.jobs.notified().await;
    }

    /// Takes the job that is due longest, if there is one, passing over that of which enough is at work. A row that cannot
    /// be read, of a newer build for one, or not be written is put back for a while, so that the jobs behind it have their
    /// turn.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn take_job(
        &self,
        owner: Uuid,
        lease: Duration,
        busy: BusyJobs,
    ) -> Result<Option<JobRecord>, StorageError> {
        let now = self.clock.now();
        // Mostly there is none, and a look disturbs no writer.
        let passed_over = busy.clone();
        let due = self
            .metadata
            .query(move |read| read.list_due_jobs(now, &passed_over, 1))
            .await?;
        if due.is_empty() {
            return Ok(None);
        }
        let until = now.plus(lease);
        let lease = JobLease { owner, until };
        let passed_over = busy.clone();
        let taken = self
            .metadata
            .transact(Durability::Relaxed, move |tx| {
                let job = first_readable(tx, now, &passed_over)?;
                let taken = job.map(|job| take(tx, job, lease, now)).transpose()?;
                Ok::<_, StorageError>(taken)
            })
            .await;
        match taken {
            Err(error) if !error.is_general() => self.take_job_by_row(lease, busy, now).await,
            taken => Ok(taken?),
        }
    }

    /// The same when some row could not be written: each in a transaction of its own.
    async fn take_job_by_row(
        &self,
        lease: JobLease,
        busy: BusyJobs,
        now: Timestamp,
    ) -> Result<Option<JobRecord>, StorageError> {
        let due = self
            .metadata
            .query(move |read| read.list_due_jobs(now, &busy, JOBS_LOOKED_AT))
            .await?;
        for id in due {
            let taken = self.metadata.transact(Durability::Relaxed, move |tx| {
                let job = tx.find_job(id)?;
                job.map(|job| take(tx, job, lease, now)).transpose()
            });
            match taken.await {
                Ok(None) => {}
                Ok(taken) => return Ok(taken),
                Err(error) => {
                    let postponed = self
                        .metadata
                        .transact(Durability::Relaxed, move |tx| postpone(tx, id, &error, now));
                    postponed.await?;
                }
            }
        }
        Ok(None)
    }

    /// Renews the lease and writes how far the job came; says whether it is still the owner's.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn keep_job(
        &self,
        id: JobId,
        owner: Uuid,
        lease: Duration,
        progress: Option<String>,
    ) -> Result<bool, StorageError> {
        let now = self.clock.now();
        self.metadata
            .transact(Durability::Relaxed, move |tx| {
                let Some(mut job) = owned(tx, id, owner)? else {
                    return Ok(false);
                };
                let until = now.plus(lease);
                job.lease = Some(JobLease { owner, until });
                job.progress = progress.clone().unwrap_or(job.progress);
                job.updated_at = now;
                tx.update_job(&job)?;
                Ok(true)
            })
            .await
    }

    /// Writes what came of an attempt and lets the job go; says whether it was still the owner's.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn end_attempt(&self, id: JobId, owner: Uuid, attempt: Attempt) -> Result<bool, StorageError> {
        let now = self.clock.now();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let Some(job) = owned(tx, id, owner)? else {
                    return Ok(false);
                };
                tx.update_job(&after(job, attempt.clone(), now))?;
                Ok(true)
            })
            .await
    }

    /// Forgets the jobs that ended before a moment; says how many, and which could not be forgotten.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn forget_ended_jobs(&self, before: Timestamp) -> Result<(usize, Failures), StorageError> {
        let (mut forgotten, mut failures) = (0, Failures::default());
        let mut after = None;
        loop {
            let page = self
                .metadata
                .query(move |read| read.list_ended_jobs(before, after, ROWS_PER_STEP));
            let page = page.await?;
            let Some(last) = page.last().copied() else {
                return Ok((forgotten, failures));
            };
            after = Some(last);
            let mut batches = Batches::of(page);
            while let Some(ended) = batches.next_batch() {
                let (count, ids) = (ended.len(), ended.clone());
                let removed = self.metadata.transact(Durability::Relaxed, move |tx| {
                    ids.iter().try_for_each(|job| tx.remove_job(job.id).map(drop))
                });
                match removed.await {
                    Ok(()) => forgotten += count,
                    Err(error) => {
                        if let Some((job, error)) = batches.failed(ended, StorageError::from(error))? {
                            failures.add(format_args!("job {}", job.id.0), &error);
                        }
                    }
                }
            }
        }
    }
}

fn first_readable(tx: &mut dyn Tx, now: Timestamp, busy: &BusyJobs) -> Result<Option<JobRecord>, StorageError> {
    for id in tx.list_due_jobs(now, busy, JOBS_LOOKED_AT)? {
        match tx.find_job(id) {
            Ok(None) => {}
            Ok(found) => return Ok(found),
            Err(error) => postpone(tx, id, &error, now)?,
        }
    }
    Ok(None)
}

fn postpone(tx: &mut dyn Tx, id: JobId, error: &dyn std::error::Error, now: Timestamp) -> Result<(), MetadataError> {
    tracing::error!(job.id = %id.0, error = %error, "could not take a job; it is let be for a while");
    tx.postpone_job(id, now.plus(UNREADABLE_JOB_PAUSE), &error.to_string(), now)
}

fn take(tx: &mut dyn Tx, mut job: JobRecord, lease: JobLease, now: Timestamp) -> Result<JobRecord, MetadataError> {
    job.lease = Some(lease);
    job.attempts = job.attempts.saturating_add(1);
    job.updated_at = now;
    tx.update_job(&job)?;
    Ok(job)
}

fn owned(tx: &mut dyn Tx, id: JobId, owner: Uuid) -> Result<Option<JobRecord>, MetadataError> {
    let found = tx.find_job(id)?.filter(|job| job.state == JobState::Open);
    Ok(found.filter(|job| job.lease.is_some_and(|lease| lease.owner == owner)))
}

fn after(mut job: JobRecord, attempt: Attempt, now: Timestamp) -> JobRecord {
    job.lease = None;
    job.updated_at = now;
    match attempt {
        Attempt::Succeeded => (job.state, job.last_error) = (JobState::Succeeded, None),
        Attempt::Failed { error } => (job.state, job.last_error) = (JobState::Failed, Some(error)),
        Attempt::Retry { error, after } => {
            job.run_after = now.plus(after);
            job.last_error = Some(error);
        }
        Attempt::Interrupted => job.attempts = job.attempts.saturating_sub(1),
    }
    if job.state != JobState::Open {
        job.sealed = None;
    }
    job
}
