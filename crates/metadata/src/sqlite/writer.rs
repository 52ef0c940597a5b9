//! The one thread that writes. It takes everything that waits, runs it in one transaction, each
//! job in a savepoint, commits, and only then answers (group commit: design, law 4). It never waits
//! to gather more: while one batch is flushed the next one gathers by itself.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use holdfast_registry::Error;
use holdfast_registry::ports::{Durability, WriteWork};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::error::{Fault, Lost, failed};
use super::log::Log;
use super::session::Session;

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

type Answer = oneshot::Sender<Result<(), Error>>;

struct Job {
    durability: Durability,
    work: WriteWork,
    answer: Answer,
}

impl Writer {
    /// Starts the thread; it owns the connections, one to write and one to copy the log.
    pub(super) fn start(mut connection: Connection, copier: Connection) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE_LIMIT);
        let counters = Arc::new(Counters::default());
        let log = Log::watch(&mut connection, copier)?;
        // The connection was opened with synchronous = FULL.
        let desk = Desk {
            connection,
            log,
            flushes: true,
            counters: Arc::clone(&counters),
        };
        let thread = thread::Builder::new()
            .name("metadata-writer".to_owned())
            .spawn(move || desk.serve(&receiver))?;
        Ok(Self {
            queue: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
            counters,
        })
    }

    /// Runs the work in a transaction and waits for its commit.
    pub(super) async fn run(&self, durability: Durability, work: WriteWork) -> Result<(), Error> {
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

    fn submit(&self, job: Job) -> Result<(), Error> {
        let queue = lock(&self.queue);
        let sender = queue.as_ref().ok_or_else(closed)?;
        // Before the send, so that the thread never counts below zero.
        self.counters.queue_depth.fetch_add(1, Relaxed);
        sender.try_send(job).map_err(|refused| {
            self.counters.queue_depth.fetch_sub(1, Relaxed);
            match refused {
                TrySendError::Full(_) => Error::Overloaded,
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
struct Desk {
    connection: Connection,
    log: Log,
    /// Whether a commit flushes the log now.
    flushes: bool,
    counters: Arc<Counters>,
}

impl Desk {
    fn serve(mut self, queue: &Receiver<Job>) {
        let mut batch = Vec::with_capacity(BATCH_LIMIT);
        // Ends when the handle has hung up and nothing waits any more.
        while let Some(first) = self.next_job(queue) {
            batch.push(first);
            batch.extend(queue.try_iter().take(BATCH_LIMIT - 1));
            self.take_out(batch.len());
            self.run_batch(&mut batch);
            let is_copied = self.log.settle(&self.connection);
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
                    let is_copied = self.log.settle_idle(&self.connection);
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
        self.counters.batches.fetch_add(1, Relaxed);
        self.counters.queue_depth.fetch_sub(jobs, Relaxed);
    }

    /// Runs the jobs in one transaction and answers all of them.
    fn run_batch(&mut self, batch: &mut Vec<Job>) {
        let is_durable = batch.iter().any(|job| job.durability == Durability::Durable);
        let mut lost = self.begin(is_durable).err().map(Lost::from);
        let mut outcomes = Vec::with_capacity(batch.len());
        for job in batch.drain(..) {
            let outcome = match &lost {
                None => self.run_job(job.work),
                Some(lost) => Err(lost.to_error("began a transaction")),
            };
            if lost.is_none() && self.connection.is_autocommit() {
                lost = Some(Lost::Abandoned {
                    full: matches!(outcome, Err(Error::Full { .. })),
                });
            }
            outcomes.push((job.answer, outcome));
        }
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
        self.step("COMMIT").inspect_err(|_| {
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
    fn run_job(&self, work: WriteWork) -> Result<(), Error> {
        self.step("SAVEPOINT job").map_err(failed("began a write"))?;
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut Session::new(&self.connection))))
            .unwrap_or_else(|payload| Err(Error::metadata("ran a write", Fault::panicked(payload.as_ref()))));
        if self.connection.is_autocommit() {
            // SQLite gave up the whole transaction; there is no savepoint left.
            return outcome.and(Err(Error::metadata("ran a write", Fault::TransactionOver)));
        }
        let ended = match outcome {
            Ok(()) => self.step("RELEASE job"),
            Err(_) => self.step("ROLLBACK TO job").and_then(|()| self.step("RELEASE job")),
        };
        ended.map_err(|source| {
            // Half a write may be left in the transaction: nothing of it may be committed.
            self.roll_back();
            failed("ended a write")(source)
        })?;
        outcome
    }

    fn step(&self, sql: &'static str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }
}

fn closed() -> Error {
    Error::metadata("waited for a write", Fault::Closed)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is inside is whole at every moment.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
