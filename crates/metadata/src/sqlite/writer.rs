//! The one writer's handle: a queue to its thread (`batch`).

use std::io;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use holdfast_model::{Durability, MetadataError, WriteWork};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::batch::{Batches, Job};
use super::error::Fault;
use super::flush::{FlushLog, Flushed};
use super::readers::Readers;
use super::stats::{Counters, Stats};

/// Writes that may wait; about a second's worth on a slow disk.
const QUEUE_LIMIT: usize = 4096;

/// The writer's handle.
#[derive(Debug)]
pub(super) struct Writer {
    /// `None` once closed.
    queue: Mutex<Option<SyncSender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    flushed: Arc<Flushed>,
    counters: Arc<Counters>,
}

impl Writer {
    /// Starts the thread; it owns the connections, one to write and one to copy the log, and tells the readers of commits.
    pub(super) fn start(
        connection: Connection,
        copier: Connection,
        flush: FlushLog,
        readers: Arc<Readers>,
    ) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE_LIMIT);
        let counters = Arc::new(Counters::default());
        let flushed = Arc::clone(readers.flushed());
        let batches = Batches::new(connection, copier, flush, readers, Arc::clone(&counters))?;
        let thread = thread::Builder::new()
            .name("metadata-writer".to_owned())
            .spawn(move || batches.serve(&receiver))?;
        Ok(Self {
            queue: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
            flushed,
            counters,
        })
    }

    /// Runs the work in a transaction and waits for its end, and for what it has seen.
    pub(super) async fn run(&self, durability: Durability, work: WriteWork) -> Result<(), MetadataError> {
        let (answer, answered) = oneshot::channel();
        self.submit(Job {
            durability,
            work,
            answer,
        })?;
        let (outcome, seen) = answered.await.map_err(|_| closed())?;
        self.flushed
            .seen(seen)
            .await
            .map_err(|failure| failure.to_error("ended a write"))?;
        outcome
    }

    /// See [`Stats`].
    pub(super) fn stats(&self) -> Stats {
        self.counters.stats()
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
        self.counters.queued();
        sender.try_send(job).map_err(|refused| {
            self.counters.turned_away();
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

fn closed() -> MetadataError {
    MetadataError::Closed {
        attempted: "ran a write",
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is inside is whole at every moment.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
