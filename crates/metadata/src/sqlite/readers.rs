//! The pool of reading connections. A read runs on the caller's thread: it takes microseconds,
//! less than handing it to another thread would.
//!
//! A connection that nobody uses keeps its snapshot as long as that is the newest: the next read on it then neither begins
//! nor ends a transaction, each of which locks and unlocks files. Nothing but this process's writer commits, and it says so
//! before anybody hears of it, so that every read sees what was committed before it began.
//!
//! A read that may have seen a durable commit is answered when that is on the disk (`flush`): nobody is shown what a power
//! cut can still take.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use holdfast_model::{MetadataError, ReadWork, Seen};
use rusqlite::{Connection, MAIN_DB, TransactionState};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::{Fault, failed};
use super::flush::Flushed;
use super::open;
use super::session::{Session, step};

/// Connections for each core, and a few more: a thread needs one only while it reads, and there
/// are about as many threads as cores.
const PER_CORE: usize = 2;
const SPARE: usize = 2;
/// How long a read waits for a connection; long walks may hold all of them.
const WAIT: Duration = Duration::from_secs(10);
/// What a read is told after [`Readers::close`].
const CLOSED: MetadataError = MetadataError::Closed {
    attempted: "began a read",
};

/// The pool.
#[derive(Debug)]
pub(super) struct Readers {
    /// As many permits as idle connections.
    permits: Semaphore,
    /// The last one back is the first one out: its cache is warm.
    idle: Mutex<Vec<Idle>>,
    /// Commits of the writer. Told after each, and before who asked for it.
    commits: AtomicU64,
    /// Whether snapshots are let go at once: one that is kept would keep the log from starting over.
    lets_go: AtomicBool,
    flushed: Arc<Flushed>,
    statements: AtomicU64,
}

/// A connection that nobody uses.
#[derive(Debug)]
struct Idle {
    connection: Connection,
    snapshot: Option<Snapshot>,
}

/// What a connection looks at.
#[derive(Debug, Clone, Copy)]
struct Snapshot {
    /// How many commits it holds at least.
    commits: u64,
    /// The newest durable commits that it may hold.
    seen: Seen,
}

impl Readers {
    /// Opens the connections.
    pub(super) fn open(path: &Path) -> Result<Self, open::Error> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let count = cores * PER_CORE + SPARE;
        let open = |_| {
            let connection = open::reader(path)?;
            let snapshot = None;
            Ok(Idle { connection, snapshot })
        };
        let idle = (0..count).map(open).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            permits: Semaphore::new(count),
            idle: Mutex::new(idle),
            commits: AtomicU64::new(0),
            lets_go: AtomicBool::new(false),
            flushed: Arc::default(),
            statements: AtomicU64::new(0),
        })
    }

    /// Runs the work in a snapshot.
    pub(super) async fn run(&self, work: ReadWork) -> Result<(), MetadataError> {
        let permit = match self.permits.try_acquire() {
            Ok(permit) => permit,
            Err(_) => self.wait().await?,
        };
        let (outcome, seen) = Lent::take(self, permit)?.run(work);
        self.flushed
            .seen(seen)
            .await
            .map_err(|failure| failure.to_error("ended a read"))?;
        outcome
    }

    /// How far what they show is on the disk.
    pub(super) fn flushed(&self) -> &Arc<Flushed> {
        &self.flushed
    }

    /// Commits of the writer that somebody may have heard of, and perhaps one more.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(SeqCst)
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

    /// Notes that the writer has committed. What was kept is old now.
    pub(super) fn committed(&self) {
        self.commits.fetch_add(1, SeqCst);
        self.let_go();
    }

    /// Runs what needs that no snapshot is kept; reads go on meanwhile.
    pub(super) fn without_snapshots<T>(&self, run: impl FnOnce() -> T) -> T {
        self.lets_go.store(true, SeqCst);
        self.let_go();
        let done = run();
        self.lets_go.store(false, SeqCst);
        done
    }

    fn let_go(&self) {
        for idle in &mut *self.lock() {
            if idle.snapshot.take().is_some() {
                end(&idle.connection);
            }
        }
    }

    async fn wait(&self) -> Result<SemaphorePermit<'_>, MetadataError> {
        match tokio::time::timeout(WAIT, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_closed)) => Err(CLOSED),
            Err(_elapsed) => {
                let fault = Fault::NoConnection { waited: WAIT };
                Err(MetadataError::overloaded("began a read", fault))
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        // Nothing can panic between a push and a pop.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection out of the pool; dropping it gives it back.
struct Lent<'p> {
    readers: &'p Readers,
    idle: Option<Idle>,
    // Dropped after the connection is back.
    _permit: SemaphorePermit<'p>,
}

impl<'p> Lent<'p> {
    fn take(readers: &'p Readers, permit: SemaphorePermit<'p>) -> Result<Self, MetadataError> {
        let idle = readers.lock().pop();
        if idle.is_none() {
            // Only after `close`: there are as many connections as permits.
            return Err(CLOSED);
        }
        Ok(Self {
            readers,
            idle,
            _permit: permit,
        })
    }

    /// What came of the work, and the newest durable commits that it may have seen.
    fn run(mut self, work: ReadWork) -> (Result<(), MetadataError>, Seen) {
        // Before the snapshot is taken, so that it holds at least these.
        let commits = self.readers.commits.load(SeqCst);
        let Idle { connection, snapshot } = self.idle.as_mut().expect("it is given back only by drop");
        let kept = snapshot.take_if(|kept| kept.commits == commits);
        if kept.is_none()
            && let Err(error) = begin(connection, snapshot.take().is_some())
        {
            return (Err(error), Seen::default());
        }
        let mut session = Session::new(connection, &self.readers.statements);
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut session)));
        // After the snapshot was taken: a commit is announced before it can be seen.
        let seen = kept.map_or_else(|| self.readers.flushed.newest(), |kept| kept.seen);
        // What went wrong may have ended it, or be of the snapshot. Work may have made another error of it.
        let is_good = matches!(outcome, Ok(Ok(()))) && !session.has_failed();
        // A transaction takes its snapshot with its first statement.
        let has_one = matches!(connection.transaction_state(Some(MAIN_DB)), Ok(TransactionState::Read));
        *snapshot = (is_good && has_one).then_some(Snapshot { commits, seen });
        let outcome = outcome
            .unwrap_or_else(|payload| Err(MetadataError::failed("ran a read", Fault::panicked(payload.as_ref()))));
        (outcome, seen)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let Some(mut idle) = self.idle.take() else {
            return;
        };
        if self.readers.permits.is_closed() {
            return;
        }
        let mut pool = self.readers.lock();
        // With the pool locked: either the writer's news is seen here, or it comes after and finds the connection there.
        let commits = self.readers.commits.load(SeqCst);
        let is_newest = idle.snapshot.is_some_and(|snapshot| snapshot.commits == commits);
        if !is_newest || self.readers.lets_go.load(SeqCst) {
            idle.snapshot = None;
            end(&idle.connection);
        }
        pool.push(idle);
    }
}

/// Begins the transaction of a connection, after the one that it may be in.
fn begin(connection: &Connection, is_in_one: bool) -> Result<(), MetadataError> {
    if is_in_one {
        step(connection, "COMMIT").map_err(failed("ended a read"))?;
    }
    step(connection, "BEGIN").map_err(failed("began a read"))
}

/// Ends the transaction of a connection, if it is in one.
fn end(connection: &Connection) {
    if !connection.is_autocommit() && step(connection, "ROLLBACK").is_err() {
        tracing::error!("a reading connection could not end its transaction");
    }
}

#[cfg(test)]
impl Readers {
    /// Snapshots that are kept.
    pub(super) fn kept(&self) -> usize {
        self.lock().iter().filter(|idle| idle.snapshot.is_some()).count()
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
