//! The one thread that writes. It takes everything that waits, runs it in one transaction, each
//! job in a savepoint, commits, and only then answers (group commit: ARCHITECTURE.md, law 4). What needs no flush has a
//! transaction of its own before, so that nobody waits for the flush of others. It never waits
//! to gather more: while one batch is flushed the next one gathers by itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::{io, iter, mem};

use holdfast_model::{Durability, MetadataError, Outcome, WriteWork};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::error::{Fault, Lost, failed};
use super::log::Log;
use super::readers::Readers;
use super::session::{Session, step};

/// Writes that may wait; about a second's worth on a slow disk.
const QUEUE_LIMIT: usize = 4096;
/// Writes in one transaction; bounds how long the first of them waits for the last.
const BATCH_LIMIT: usize = 256;

/// What the writer has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Transactions.
    pub batches: u64,
    /// Transactions that were flushed to the disk before anybody was answered.
    pub durable_batches: u64,
    /// Writes, also failed ones; `writes / batches` is what group commit gains.
    pub writes: u64,
    /// Statements of reads and of writes; those that begin and end transactions are not counted, because writes share
    /// them.
    pub statements: u64,
    /// Writes that wait now.
    pub queue_depth: u64,
    /// Times the log was copied into the database.
    pub checkpoints: u64,
    /// Pages in the log after the last transaction.
    pub log_pages: u64,
}

/// Counters behind [`Stats`].
#[derive(Debug, Default)]
struct Counters {
    batches: AtomicU64,
    durable_batches: AtomicU64,
    writes: AtomicU64,
    statements: AtomicU64,
    queue_depth: AtomicU64,
    checkpoints: AtomicU64,
    log_pages: AtomicU64,
}

/// The writer's handle.
#[derive(Debug)]
pub(super) struct Writer {
    /// `None` once closed.
    queue: Mutex<Option<SyncSender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    counters: Arc<Counters>,
}

type Answer = oneshot::Sender<Result<(), MetadataError>>;

struct Job {
    durability: Durability,
    work: WriteWork,
    answer: Answer,
}

impl Writer {
    /// Starts the thread; it owns the connections, one to write and one to copy the log, and tells the readers of commits.
    pub(super) fn start(mut connection: Connection, copier: Connection, readers: Arc<Readers>) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE_LIMIT);
        let counters = Arc::new(Counters::default());
        let log = Log::watch(&mut connection, copier)?;
        // The connection was opened with synchronous = FULL.
        let worker = WriterThread {
            connection,
            log,
            readers,
            flushes: true,
            counters: Arc::clone(&counters),
        };
        let thread = thread::Builder::new()
            .name("metadata-writer".to_owned())
            .spawn(move || worker.serve(&receiver))?;
        Ok(Self {
            queue: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
            counters,
        })
    }

    /// Runs the work in a transaction and waits for its commit.
    pub(super) async fn run(&self, durability: Durability, work: WriteWork) -> Result<(), MetadataError> {
        let (answer, answered) = oneshot::channel();
        self.submit(Job {
            durability,
            work,
            answer,
        })?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }

    /// See [`Stats`].
    pub(super) fn stats(&self) -> Stats {
        let counters = &self.counters;
        Stats {
            batches: counters.batches.load(Relaxed),
            durable_batches: counters.durable_batches.load(Relaxed),
            writes: counters.writes.load(Relaxed),
            statements: counters.statements.load(Relaxed),
            queue_depth: counters.queue_depth.load(Relaxed),
            checkpoints: counters.checkpoints.load(Relaxed),
            log_pages: counters.log_pages.load(Relaxed),
        }
    }

    /// Lets the thread finish what waits and end.
    pub(super) async fn close(&self) {
        if let Some(thread) = self.hang_up() {
            // The join only fails for a panic, which the panic hook has reported.
            drop(tokio::task::spawn_blocking(move || thread.join()).await);
        }
    }

    fn submit(&self, job: Job) -> Result<(), MetadataError> {
        let queue = lock(&self.queue);
        let sender = queue.as_ref().ok_or_else(closed)?;
        // Before the send, so that the thread never counts below zero.
        self.counters.queue_depth.fetch_add(1, Relaxed);
        sender.try_send(job).map_err(|refused| {
            self.counters.queue_depth.fetch_sub(1, Relaxed);
            match refused {
                TrySendError::Full(_) => {
                    MetadataError::overloaded("queued a write", Fault::QueueFull { limit: QUEUE_LIMIT })
                }
                TrySendError::Disconnected(_) => closed(),
            }
        })
    }

    fn hang_up(&self) -> Option<JoinHandle<()>> {
        drop(lock(&self.queue).take());
        lock(&self.thread).take()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let Some(thread) = self.hang_up() else { return };
        // A job may hold the last handle; the thread cannot wait for itself.
        if thread.thread().id() != thread::current().id() {
            drop(thread.join());
        }
    }
}

/// What the thread works with.
struct WriterThread {
    connection: Connection,
    log: Log,
    readers: Arc<Readers>,
    /// Whether a commit flushes the log now.
    flushes: bool,
    counters: Arc<Counters>,
}

impl WriterThread {
    fn serve(mut self, queue: &Receiver<Job>) {
        // Ends when the handle has hung up and nothing waits any more.
        while let Some(first) = self.next_job(queue) {
            let waiting = queue.try_iter().take(BATCH_LIMIT - 1);
            let is_durable = |job: &Job| job.durability == Durability::Durable;
            let (mut durable, mut relaxed) = iter::once(first).chain(waiting).partition::<Vec<_>, _>(is_durable);
            self.take_out(durable.len() + relaxed.len());
            for (batch, is_durable) in [(&mut relaxed, false), (&mut durable, true)] {
                while !batch.is_empty() {
                    self.run_batch(batch, is_durable);
                }
            }
            let is_copied = self.log.settle(&self.connection, &self.readers);
            self.note_log(is_copied);
        }
        self.log.finish(&self.connection);
    }

    /// Waits for a job; looks after the log when none comes for a while.
    fn next_job(&mut self, queue: &Receiver<Job>) -> Option<Job> {
        while let Some(idle_after) = self.log.idle_after() {
            match queue.recv_timeout(idle_after) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    let is_copied = self.log.settle_idle(&self.connection, &self.readers);
                    self.note_log(is_copied);
                }
            }
        }
        queue.recv().ok()
    }

    fn note_log(&self, is_copied: bool) {
        self.counters.checkpoints.fetch_add(u64::from(is_copied), Relaxed);
        self.counters.log_pages.store(self.log.pages(), Relaxed);
    }

    /// Counts jobs out of the queue.
    fn take_out(&self, jobs: usize) {
        let jobs = u64::try_from(jobs).unwrap_or(u64::MAX);
        self.counters.writes.fetch_add(jobs, Relaxed);
        self.counters.queue_depth.fetch_sub(jobs, Relaxed);
    }

    /// Runs the jobs in one transaction and answers them. Those it did not come to, because SQLite
    /// gave up the transaction in the middle, stay in the batch.
    fn run_batch(&mut self, batch: &mut Vec<Job>, is_durable: bool) {
        self.counters.batches.fetch_add(1, Relaxed);
        let mut lost = self.begin(is_durable).err().map(Lost::from);
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
            None => self.commit().map_err(Lost::from),
            Some(lost) => Err(lost),
        };
        if is_durable && committed.is_ok() {
            self.counters.durable_batches.fetch_add(1, Relaxed);
        }
        for (answer, outcome) in outcomes {
            let outcome = match &committed {
                Ok(()) => outcome,
                Err(lost) => outcome.and_then(|()| Err(lost.to_error("committed a transaction"))),
            };
            // A caller that has gone away does not need the answer.
            drop(answer.send(outcome));
        }
    }

    fn begin(&mut self, is_durable: bool) -> rusqlite::Result<()> {
        if self.flushes != is_durable {
            // Not a cached statement: this pragma acts when it is prepared.
            let level = if is_durable { "full" } else { "normal" };
            self.connection.pragma_update(None, "synchronous", level)?;
            self.flushes = is_durable;
        }
        self.step("BEGIN IMMEDIATE")
    }

    fn commit(&self) -> rusqlite::Result<()> {
        let committed = self.step("COMMIT");
        // Also when it failed: nobody may have to think about what a failure left.
        self.readers.committed();
        committed.inspect_err(|_| {
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

    /// Runs one job so that its failure undoes only itself.
    fn run_job(&self, work: WriteWork) -> Result<(), MetadataError> {
        self.step("SAVEPOINT job").map_err(failed("began a write"))?;
        let mut session = Session::new(&self.connection, &self.counters.statements);
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut session)))
            .unwrap_or_else(|payload| Err(MetadataError::failed("ran a write", Fault::panicked(payload.as_ref()))));
        if self.connection.is_autocommit() {
            // SQLite gave up the whole transaction; there is no savepoint left.
            return Err(outcome.err().unwrap_or_else(|| session.over("ran a write")));
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

    fn step(&self, sql: &'static str) -> rusqlite::Result<()> {
        step(&self.connection, sql)
    }
}

fn closed() -> MetadataError {
    MetadataError::Closed {
        attempted: "ran a write",
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is inside is whole at every moment.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::AtomicBool;

    use futures_util::future::join_all;
    use holdfast_model::Timestamp;
    use holdfast_model::Tx;

    use super::super::open;
    use super::*;

    fn start(connection: Connection, path: &Path) -> Writer {
        let readers = Arc::new(Readers::open(path).unwrap());
        Writer::start(connection, open::copier(path).unwrap(), readers).unwrap()
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
        let mut connection = open::writer(&path).unwrap();
        let log = Log::watch(&mut connection, open::copier(&path).unwrap()).unwrap();
        let mut worker = WriterThread {
            connection,
            log,
            readers: Arc::new(Readers::open(&path).unwrap()),
            flushes: true,
            counters: Arc::default(),
        };
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
        worker.run_batch(&mut batch, true);
        assert_eq!(batch.len(), 1, "the third was not begun");
        worker.run_batch(&mut batch, true);
        let mut results = Vec::new();
        for answered in answers {
            results.push(answered.await.unwrap().is_ok());
        }
        assert_eq!(results, [false, false, true]);
        assert!(batch.is_empty() && worker.connection.is_autocommit());
        assert_eq!(count(&path), 1);
    }
}
