//! The pool of reading connections. A read runs on the caller's thread: it takes microseconds,
//! less than handing it to another thread would.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use holdfast_registry::Error;
use holdfast_registry::ports::ReadWork;
use rusqlite::Connection;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::{Fault, failed};
use super::open;
use super::session::Session;

/// Connections for each core, and a few more: a thread needs one only while it reads, and there
/// are about as many threads as cores.
const PER_CORE: usize = 2;
const SPARE: usize = 2;
/// How long a read waits for a connection; long walks may hold all of them.
const WAIT: Duration = Duration::from_secs(10);

/// The pool.
#[derive(Debug)]
pub(super) struct Readers {
    /// As many permits as idle connections.
    permits: Semaphore,
    /// The last one back is the first one out: its cache is warm.
    idle: Mutex<Vec<Connection>>,
    statements: AtomicU64,
}

impl Readers {
    /// Opens the connections.
    pub(super) fn open(path: &Path) -> Result<Self, open::Error> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let count = cores * PER_CORE + SPARE;
        let idle = (0..count).map(|_| open::reader(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            permits: Semaphore::new(count),
            idle: Mutex::new(idle),
            statements: AtomicU64::new(0),
        })
    }

    /// Runs the work in a snapshot.
    pub(super) async fn run(&self, work: ReadWork) -> Result<(), Error> {
        let permit = match self.permits.try_acquire() {
            Ok(permit) => permit,
            Err(_) => self.wait().await?,
        };
        Lent::take(self, permit)?.run(work)
    }

    /// Statements that reads have run.
    pub(super) fn statements(&self) -> u64 {
        self.statements.load(Relaxed)
    }

    /// Refuses further reads and closes what is idle; reads under way end by themselves.
    pub(super) fn close(&self) {
        self.permits.close();
        self.lock().clear();
    }

    async fn wait(&self) -> Result<SemaphorePermit<'_>, Error> {
        match tokio::time::timeout(WAIT, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_closed)) => Err(Error::metadata("began a read", Fault::Closed)),
            Err(_elapsed) => Err(Error::Overloaded),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // Nothing can panic between a push and a pop.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection out of the pool; dropping it gives it back without a transaction.
struct Lent<'p> {
    readers: &'p Readers,
    connection: Option<Connection>,
    // Dropped after the connection is back.
    _permit: SemaphorePermit<'p>,
}

impl<'p> Lent<'p> {
    fn take(readers: &'p Readers, permit: SemaphorePermit<'p>) -> Result<Self, Error> {
        let connection = readers.lock().pop();
        if connection.is_none() {
            // Only after `close`: there are as many connections as permits.
            return Err(Error::metadata("began a read", Fault::Closed));
        }
        Ok(Self {
            readers,
            connection,
            _permit: permit,
        })
    }

    fn run(self, work: ReadWork) -> Result<(), Error> {
        let connection = self.connection.as_ref().expect("it is given back only by drop");
        let step = |sql| connection.prepare_cached(sql)?.execute([]);
        step("BEGIN").map_err(failed("began a read"))?;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            work(&mut Session::new(connection, &self.readers.statements))
        }));
        step("COMMIT").map_err(failed("ended a read"))?;
        outcome.unwrap_or_else(|payload| Err(Error::metadata("ran a read", Fault::panicked(payload.as_ref()))))
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if !connection.is_autocommit() && connection.execute_batch("ROLLBACK").is_err() {
            tracing::error!("a reading connection could not end its transaction");
        }
        if !self.readers.permits.is_closed() {
            self.readers.lock().push(connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_who_was_let_in_before_the_pool_closed_finds_no_connection() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metadata.db");
        Connection::open(&path).unwrap();
        let readers = Readers::open(&path).unwrap();
        let permit = readers.permits.try_acquire().unwrap();
        readers.close();
        assert!(Lent::take(&readers, permit).is_err());
    }
}
