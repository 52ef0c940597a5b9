//! The one thread that writes. It takes everything that waits, runs it in one transaction, each
//! job in a savepoint, and commits (group commit: ARCHITECTURE.md, law 4). What needs no flush has a
//! transaction of its own before, so that nobody waits for the flush of others. It never waits
//! to gather more, nor for the disk: while one batch is flushed it runs the next (`flush`).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::{io, iter, mem};

use holdfast_model::{Durability, MetadataError, Outcome, Seen, WriteWork};
use rusqlite::Connection;

use super::error::{Fault, Lost, failed};
use super::flush::{Answer, Durable, Ended, FlushLog, Flushed, Flusher};
use super::log::Log;
use super::readers::Readers;
use super::session::{Session, step};
use super::stats::Counters;

/// Writes in one transaction; bounds how long the first of them waits for the last.
const BATCH_LIMIT: usize = 256;

/// Whom to tell of each write, and what.
type Outcomes = Vec<(Answer, Result<(), MetadataError>)>;

/// A write that waits.
pub(super) struct Job {
    pub(super) durability: Durability,
    pub(super) work: WriteWork,
    pub(super) answer: Answer,
}

/// What the thread works with.
pub(super) struct Batches {
    connection: Connection,
    log: Log,
    readers: Arc<Readers>,
    flusher: Flusher,
    flushed: Arc<Flushed>,
    counters: Arc<Counters>,
}

impl Batches {
    /// Works with one connection to write and one to copy the log, and tells the readers of commits.
    pub(super) fn new(
        mut connection: Connection,
        copier: Connection,
        flush: FlushLog,
        readers: Arc<Readers>,
        counters: Arc<Counters>,
    ) -> io::Result<Self> {
        let flushed = Arc::clone(readers.flushed());
        Ok(Self {
            log: Log::watch(&mut connection, copier, Arc::clone(&flushed))?,
            flusher: Flusher::start(flush, Arc::clone(&flushed), Arc::clone(&counters))?,
            connection,
            readers,
            flushed,
            counters,
        })
    }

    /// Runs what comes until nobody can send any more.
    pub(super) fn serve(mut self, queue: &Receiver<Job>) {
        // Ends when the handle has hung up and nothing waits any more.
        while let Some(first) = self.next_job(queue) {
            let waiting = queue.try_iter().take(BATCH_LIMIT - 1);
            let is_durable = |job: &Job| job.durability != Durability::Relaxed;
            let (mut durable, mut relaxed) = iter::once(first).chain(waiting).partition::<Vec<_>, _>(is_durable);
            self.counters.taken(durable.len() + relaxed.len());
            for batch in [&mut relaxed, &mut durable] {
                while !batch.is_empty() {
                    self.run_batch(batch);
                }
            }
            self.look_after_log(Log::settle);
        }
        // Everything is flushed and answered before the log is emptied.
        drop(self.flusher);
        match self.flushed.failure() {
            None => self.log.finish(&self.connection),
            Some(_) => self.log.leave(&self.connection),
        }
    }

    /// Waits for a job; looks after the log when none comes for a while.
    fn next_job(&mut self, queue: &Receiver<Job>) -> Option<Job> {
        while let Some(idle_after) = self.log.idle_after() {
            match queue.recv_timeout(idle_after) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.look_after_log(Log::settle_idle),
            }
        }
        queue.recv().ok()
    }

    fn look_after_log(&mut self, settle: fn(&mut Log, &Connection, &Readers) -> bool) {
        // After a failed flush the database must not get what the log may not hold.
        if self.flushed.failure().is_none() {
            let is_copied = settle(&mut self.log, &self.connection, &self.readers);
            self.counters.log(self.log.pages(), is_copied);
        }
    }

    /// Runs the jobs in one transaction and has them answered. Those it did not come to, because SQLite
    /// gave up the transaction in the middle, stay in the batch.
    fn run_batch(&mut self, batch: &mut Vec<Job>) {
        if let Some(failure) = self.flushed.failure() {
            for job in batch.drain(..) {
                drop(
                    job.answer
                        .send((Err(failure.to_error("began a write")), Seen::default())),
                );
            }
            return;
        }
        self.counters.began();
        let durability = strongest(batch);
        let (outcomes, committed) = match batch.len() {
            1 => self.run_alone(batch.remove(0), durability),
            _ => self.run_together(batch, durability),
        };
        let has_written = self.log.has_grown() || committed.is_err();
        let seen = self.flushed.newest();
        let ended = Ended { seen, outcomes };
        if durability == Durability::Relaxed {
            return ended.answer();
        }
        self.flusher.answer(Durable {
            ended,
            is_committed: committed.is_ok(),
            has_written,
        });
    }

    /// A job that is the whole transaction needs no savepoint: what undoes one undoes the other.
    fn run_alone(&self, job: Job, durability: Durability) -> (Outcomes, Result<(), Lost>) {
        if let Err(lost) = self.step("BEGIN IMMEDIATE").map_err(Lost::from) {
            let outcome = Err(lost.to_error("began a transaction"));
            return (vec![(job.answer, outcome)], Err(lost));
        }
        let outcome = self.run_work(job.work);
        let (outcome, committed) = if matches!(outcome, Ok(Outcome::Commit)) {
            let committed = self.commit(durability).map_err(Lost::from);
            let outcome = committed
                .as_ref()
                .map_err(|lost| lost.to_error("committed a transaction"));
            (outcome.copied(), committed)
        } else {
            self.roll_back();
            (outcome.map(drop), Ok(()))
        };
        (vec![(job.answer, outcome)], committed)
    }

    /// Runs the jobs in one transaction, each so that its failure undoes only itself.
    fn run_together(&self, batch: &mut Vec<Job>, durability: Durability) -> (Outcomes, Result<(), Lost>) {
        let mut lost = self.step("BEGIN IMMEDIATE").err().map(Lost::from);
        let has_begun = lost.is_none();
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut jobs = mem::take(batch).into_iter();
        for job in jobs.by_ref() {
            let outcome = match &lost {
                None => self.run_job(job.work),
                Some(lost) => Err(lost.to_error("began a transaction")),
            };
            let is_full = matches!(outcome, Err(MetadataError::Full { .. }));
            outcomes.push((job.answer, outcome));
            if has_begun && self.connection.is_autocommit() {
                lost = Some(Lost::Abandoned { full: is_full });
                break;
            }
        }
        batch.extend(jobs);
        let committed = match lost {
            None => self.commit(durability).map_err(Lost::from),
            Some(lost) => Err(lost),
        };
        if let Err(lost) = &committed {
            for (_, outcome) in outcomes.iter_mut().filter(|(_, outcome)| outcome.is_ok()) {
                *outcome = Err(lost.to_error("committed a transaction"));
            }
        }
        (outcomes, committed)
    }

    fn commit(&self, durability: Durability) -> rusqlite::Result<()> {
        if durability != Durability::Relaxed {
            // Before anybody can see it.
            self.flushed.announce(durability == Durability::Durable);
        }
        let committed = self.step("COMMIT");
        // Also when it failed: nobody may have to think about what a failure left.
        self.readers.committed();
        committed.inspect_err(|error| {
            self.flushed.note(error);
            // Some failures end the transaction, some leave it open.
            self.roll_back();
        })
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.step("ROLLBACK")
        {
            tracing::error!(error = %error, "could not roll back a failed metadata transaction");
        }
    }

    fn run_job(&self, work: WriteWork) -> Result<(), MetadataError> {
        self.step("SAVEPOINT job").map_err(failed("began a write"))?;
        let outcome = self.run_work(work);
        if self.connection.is_autocommit() {
            // There is no savepoint left.
            return outcome.map(drop);
        }
        let ended = match outcome {
            Ok(Outcome::Commit) => self.step("RELEASE job"),
            Ok(Outcome::Undo) | Err(_) => self.step("ROLLBACK TO job").and_then(|()| self.step("RELEASE job")),
        };
        ended.map_err(|source| {
            // Half a write may be left in the transaction: nothing of it may be committed.
            self.roll_back();
            failed("ended a write")(source)
        })?;
        outcome.map(drop)
    }

    /// Runs the work; an error when SQLite gave up the whole transaction meanwhile.
    fn run_work(&self, work: WriteWork) -> Result<Outcome, MetadataError> {
        let mut session = Session::new(&self.connection, self.counters.statements());
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut session)))
            .unwrap_or_else(|payload| Err(MetadataError::failed("ran a write", Fault::panicked(payload.as_ref()))));
        if self.connection.is_autocommit() {
            return Err(outcome.err().unwrap_or_else(|| session.over("ran a write")));
        }
        outcome
    }

    fn step(&self, sql: &'static str) -> rusqlite::Result<()> {
        step(&self.connection, sql)
    }
}

/// What all of them are promised who are committed together.
fn strongest(batch: &[Job]) -> Durability {
    let is_in = |durability| batch.iter().any(|job| job.durability == durability);
    [Durability::Durable, Durability::Pushed]
        .into_iter()
        .find(|durability| is_in(*durability))
        .unwrap_or(Durability::Relaxed)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use futures_util::future::join_all;
    use holdfast_model::Timestamp;
    use holdfast_model::Tx;

    use tokio::sync::oneshot;

    use super::super::writer::Writer;
    use super::super::{flush, open};
    use super::*;

    fn start(connection: Connection, path: &Path) -> Writer {
        let flush = flush::log_of(path).unwrap();
        let readers = Arc::new(Readers::open(path).unwrap());
        Writer::start(connection, open::copier(path).unwrap(), flush, readers).unwrap()
    }

    /// A batch of inserts of `sizes` bytes each, that waits until all of it is queued.
    async fn insert_together(writer: &Writer, sizes: &[usize]) -> Vec<Result<(), MetadataError>> {
        let (release, released) = std::sync::mpsc::channel::<()>();
        let released = Mutex::new(released);
        let wait = move |_: &mut dyn Tx| {
            released.lock().unwrap().recv().ok();
            Ok(Outcome::Commit)
        };
        let gate = writer.run(Durability::Durable, Box::new(wait));
        let inserts = sizes.iter().enumerate().map(|(n, size)| {
            let name = format!("{n}{}", "x".repeat(*size));
            let insert = move |tx: &mut dyn Tx| {
                tx.insert_storage_account(&name, "local", Timestamp(1))
                    .map(|_| Outcome::Commit)
            };
            writer.run(Durability::Durable, Box::new(insert))
        });
        let opening = async {
            // Polled after the inserts, so all of them wait by now.
            drop(release);
        };
        // The gate itself may be in the batch and share its fate.
        let (_, results, ()) = tokio::join!(gate, join_all(inserts), opening);
        results
    }

    fn count(path: &Path) -> i64 {
        let reader = open::reader(path).unwrap();
        reader
            .query_row("SELECT count(*) FROM storage_account", [], |row| row.get(0))
            .unwrap()
    }

    #[tokio::test]
    async fn a_full_disk_is_told_to_those_it_hit_and_nothing_of_theirs_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("full.sqlite");
        let connection = open::writer(&path).unwrap();
        let pages: i64 = connection
            .pragma_query_value(None, "page_count", |row| row.get(0))
            .unwrap();
        connection
            .pragma_update_and_check(None, "max_page_count", pages + 8, |_| Ok(()))
            .unwrap();
        let writer = start(connection, &path);

        let results = insert_together(&writer, &[10, 1 << 20, 20]).await;
        assert!(
            matches!(results[1], Err(MetadataError::Full { .. })),
            "{:?}",
            results[1]
        );
        for result in [&results[0], &results[2]] {
            assert!(matches!(result, Ok(()) | Err(MetadataError::Full { .. })), "{result:?}");
        }
        let kept = i64::try_from(results.iter().filter(|result| result.is_ok()).count()).unwrap();
        assert_eq!(count(&path), kept);
        let after = insert_together(&writer, &[30]).await;
        assert!(after[0].is_ok(), "the writer goes on: {:?}", after[0]);
        assert_eq!(count(&path), kept + 1);
    }

    #[tokio::test]
    async fn a_commit_that_fails_is_told_to_everybody_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("commit.sqlite");
        let mut connection = open::writer(&path).unwrap();
        let is_failing = Arc::new(AtomicBool::new(true));
        let hook = Arc::clone(&is_failing);
        connection.commit_hook(Some(move || hook.load(Relaxed))).unwrap();
        let writer = start(connection, &path);

        for result in insert_some(&writer, 5).await {
            assert!(matches!(result, Err(MetadataError::Failed { .. })), "{result:?}");
        }
        assert_eq!(count(&path), 0);
        is_failing.store(false, Relaxed);
        for result in insert_some(&writer, 5).await {
            result.unwrap();
        }
        assert_eq!(count(&path), 5);
    }

    async fn insert_some(writer: &Writer, rows: usize) -> Vec<Result<(), MetadataError>> {
        let inserts = (0..rows).map(|n| {
            let insert = move |tx: &mut dyn Tx| {
                tx.insert_storage_account(&format!("account{n}"), "local", Timestamp(1))
                    .map(|_| Outcome::Commit)
            };
            writer.run(Durability::Durable, Box::new(insert))
        });
        join_all(inserts).await
    }

    #[tokio::test]
    async fn a_transaction_that_sqlite_gives_up_fails_those_that_ran_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lost.sqlite");
        let connection = open::writer(&path).unwrap();
        let copier = open::copier(&path).unwrap();
        let flush = flush::log_of(&path).unwrap();
        let readers = Arc::new(Readers::open(&path).unwrap());
        let mut worker = Batches::new(connection, copier, flush, readers, Arc::default()).unwrap();
        let mut batch = Vec::new();
        let mut answers = Vec::new();
        for n in 0..3 {
            let (answer, answered) = oneshot::channel();
            let work = move |tx: &mut dyn Tx| {
                tx.insert_storage_account(&format!("account{n}"), "local", Timestamp(1))
                    .map(|_| Outcome::Commit)
            };
            batch.push(Job {
                durability: Durability::Durable,
                work: Box::new(work),
                answer,
            });
            answers.push(answered);
        }
        // The second job ends as SQLite ends one that it cannot undo by itself.
        let trigger = "CREATE TEMP TRIGGER given_up BEFORE INSERT ON storage_account \
            WHEN new.name = 'account1' BEGIN SELECT RAISE (ROLLBACK, 'given up'); END";
        worker.connection.execute_batch(trigger).unwrap();
        worker.run_batch(&mut batch);
        assert_eq!(batch.len(), 1, "the third was not begun");
        worker.run_batch(&mut batch);
        let mut results = Vec::new();
        for answered in answers {
            results.push(answered.await.unwrap().0.is_ok());
        }
        assert_eq!(results, [false, false, true]);
        assert!(batch.is_empty() && worker.connection.is_autocommit());
        assert_eq!(count(&path), 1);
    }
}
