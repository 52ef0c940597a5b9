//! Threads that each own a connection and run one closure after the other, and the queue before them. Reads and writes have
//! threads of their own, so that no read waits for writes that wait for each other.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use holdfast_model::{Durability, MetadataError, ReadWork, WriteWork};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

use super::settings::Settings;
use super::worker::{Crowd, Worker};
use crate::sql::error::Fault;

/// What a thread is given to do.
pub(super) enum Work {
    /// In one snapshot.
    Read(ReadWork),
    /// In one transaction.
    Write(Durability, WriteWork),
}

/// Work, and who waits for it.
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) answer: oneshot::Sender<Result<(), MetadataError>>,
}

/// The end of the queue that the threads share.
pub(super) type Queue = Arc<AsyncMutex<mpsc::Receiver<Job>>>;

/// Some threads and their queue.
#[derive(Debug)]
pub(super) struct Pool {
    attempted: &'static str,
    limit: usize,
    /// `None` once closed.
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Pool {
    /// Starts the threads. They connect when they have something to do.
    pub(super) fn start(
        attempted: &'static str,
        name: &str,
        threads: usize,
        settings: &Arc<Settings>,
        statements: &Arc<AtomicU64>,
    ) -> io::Result<Self> {
        let limit = settings.queue_limit();
        let (queue, waiting) = mpsc::channel(limit);
        let waiting = Arc::new(AsyncMutex::new(waiting));
        let crowd = Crowd::default();
        let start = |number| {
            let worker = Worker::new(Arc::clone(settings), Arc::clone(statements), crowd.clone());
            let waiting = Arc::clone(&waiting);
            thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || worker.serve(&waiting))
        };
        Ok(Self {
            attempted,
            limit,
            queue: Mutex::new(Some(queue)),
            threads: Mutex::new((0..threads).map(start).collect::<io::Result<_>>()?),
        })
    }

    /// Has the work done, and waits for it.
    pub(super) async fn run(&self, work: Work) -> Result<(), MetadataError> {
        let (answer, answered) = oneshot::channel();
        self.submit(Job { work, answer })?;
        answered.await.unwrap_or_else(|_| Err(self.closed()))
    }

    /// Lets the threads finish what waits and end.
    pub(super) async fn close(&self) {
        let threads = self.hang_up();
        // A join only fails for a panic, which the panic hook has reported.
        drop(tokio::task::spawn_blocking(move || join(threads)).await);
    }

    fn submit(&self, job: Job) -> Result<(), MetadataError> {
        let queue = lock(&self.queue);
        let queue = queue.as_ref().ok_or_else(|| self.closed())?;
        queue.try_send(job).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => {
                MetadataError::overloaded(self.attempted, Fault::QueueFull { limit: self.limit })
            }
            mpsc::error::TrySendError::Closed(_) => self.closed(),
        })
    }

    fn closed(&self) -> MetadataError {
        MetadataError::Closed {
            attempted: self.attempted,
        }
    }

    fn hang_up(&self) -> Vec<JoinHandle<()>> {
        drop(lock(&self.queue).take());
        std::mem::take(&mut *lock(&self.threads))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        join(self.hang_up());
    }
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        // Work may hold the last handle; a thread cannot wait for itself.
        if thread.thread().id() != thread::current().id() {
            drop(thread.join());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is inside is whole at every moment.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the threads have said to PostgreSQL.
pub(super) fn said(statements: &AtomicU64) -> u64 {
    statements.load(Relaxed)
}
