//! A thread with its connection: runs closures as transactions, and runs one again that another was in the way of.
//!
//! Transactions are optimistic at first. One that has to run again waits in a lane, with those that changed the same first,
//! and after some more tries in the lane of all. While one of this node has to, new ones take a share of the lane of all
//! first, so that whoever has it alone gets through. The locks are held by the session and not by the transaction: one that is
//! taken inside a transaction is granted after the snapshot was taken, which is then too old already.

use std::hash::{BuildHasher as _, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use holdfast_model::{Durability, MetadataError, Outcome, ReadWork, WriteWork};

use super::connection::{Connection, Ended};
use super::error::failed;
use super::pool::{Job, Queue, Work};
use super::settings::Settings;
use crate::sql::error::Fault;
use crate::sql::session::Session;

/// How often a transaction is run before its caller hears that there is too much to do.
const ATTEMPTS: u32 = 20;
/// The attempts from which on it waits in the lane of all.
const LANE_OF_ALL_FROM: u32 = 4;
/// Pauses between attempts grow to this.
const LONGEST_PAUSE: Duration = Duration::from_millis(64);
/// The class of our advisory locks: "Hold" in ASCII, as SQLite's application id.
pub(super) const LOCK_CLASS: i32 = 0x486f_6c64;

const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const BEGIN_DURABLE: &str = "BEGIN ISOLATION LEVEL SERIALIZABLE";
const BEGIN_RELAXED: &str = "BEGIN ISOLATION LEVEL SERIALIZABLE; SET LOCAL synchronous_commit = off";

/// A thread's own.
pub(super) struct Worker {
    settings: Arc<Settings>,
    statements: Arc<AtomicU64>,
    crowd: Crowd,
}

/// How many transactions of this node run again now.
#[derive(Debug, Clone, Default)]
pub(super) struct Crowd(Arc<AtomicU32>);

impl Crowd {
    /// One more, until what is returned is dropped.
    fn enter(&self) -> InCrowd<'_> {
        self.0.fetch_add(1, SeqCst);
        InCrowd(&self.0)
    }

    fn is_there(&self) -> bool {
        self.0.load(SeqCst) > 0
    }
}

struct InCrowd<'c>(&'c AtomicU32);

impl Drop for InCrowd<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// What one run of a write came to.
enum Ran {
    Over(Result<(), MetadataError>),
    Conflict(Option<i32>),
    Lost(Result<Outcome, MetadataError>),
}

impl Worker {
    pub(super) fn new(settings: Arc<Settings>, statements: Arc<AtomicU64>, crowd: Crowd) -> Self {
        Self {
            settings,
            statements,
            crowd,
        }
    }

    /// Does what comes until the queue is closed and empty.
    pub(super) fn serve(self, queue: &Queue) {
        let mut connection = None;
        while let Some(Job { work, answer }) = next(connection.as_ref(), queue) {
            let done = match work {
                Work::Read(work) => self.read(&mut connection, work),
                Work::Write(durability, work) => self.write(&mut connection, durability, &work),
            };
            // A caller that has gone away does not need the answer.
            drop(answer.send(done));
            if let Some(connection) = &connection {
                // A read has nothing to keep; nobody needs to wait for its end.
                connection.roll_back();
            }
        }
    }

    fn read(&self, connection: &mut Option<Connection>, work: ReadWork) -> Result<(), MetadataError> {
        let connection = self.connected(connection, "began a read")?;
        connection.announce(BEGIN_READ);
        let mut session = Session::postgres(connection, &self.statements);
        catch_unwind(AssertUnwindSafe(|| work(&mut session)))
            .unwrap_or_else(|payload| Err(MetadataError::failed("ran a read", Fault::panicked(payload.as_ref()))))
    }

    fn write(
        &self,
        kept: &mut Option<Connection>,
        durability: Durability,
        work: &WriteWork,
    ) -> Result<(), MetadataError> {
        let begin = match durability {
            Durability::Durable | Durability::Pushed => BEGIN_DURABLE,
            Durability::Relaxed => BEGIN_RELAXED,
        };
        let mut lane = None;
        let mut was_lost = false;
        let mut in_crowd = None;
        for attempt in 0..ATTEMPTS {
            let connection = self.connected(kept, "began a write")?;
            let holds = attempt > 0 || self.crowd.is_there();
            if holds && let Err(error) = hold(connection, attempt, lane) {
                // It may hold one of two locks.
                *kept = None;
                return Err(failed("waited for another write")(error));
            }
            let ran = self.run(connection, begin, work);
            if holds && connection.say("SELECT pg_advisory_unlock_all()").is_err() {
                // The locks end with the connection.
                *kept = None;
            }
            match ran {
                Ran::Over(result) => return result,
                Ran::Conflict(of) => {
                    lane = of;
                    in_crowd.get_or_insert_with(|| self.crowd.enter());
                    thread::sleep(pause(attempt));
                }
                // Nothing was committed. A database that restarts breaks every connection once.
                Ran::Lost(_) if !was_lost => was_lost = true,
                Ran::Lost(outcome) => return outcome.and(Err(lost("ran a write"))),
            }
        }
        Err(MetadataError::overloaded(
            "ran a write",
            Fault::Conflicts { attempts: ATTEMPTS },
        ))
    }

    /// Runs the work once.
    fn run(&self, connection: &Connection, begin: &'static str, work: &WriteWork) -> Ran {
        connection.announce(begin);
        let mut session = Session::postgres(connection, &self.statements);
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut session)))
            .unwrap_or_else(|payload| Err(MetadataError::failed("ran a write", Fault::panicked(payload.as_ref()))));
        let ended = match outcome {
            Ok(Outcome::Commit) => connection.commit(),
            Ok(Outcome::Undo) | Err(_) => connection.roll_back(),
        };
        match ended {
            Ended::Done => Ran::Over(outcome.map(drop)),
            Ended::Conflict => Ran::Conflict(connection.lane()),
            Ended::Lost => Ran::Lost(outcome),
            Ended::Unknown(source) => {
                let fault = Fault::OutcomeUnknown {
                    source: super::error::plain(source),
                };
                Ran::Over(Err(MetadataError::unavailable("committed a transaction", fault)))
            }
            Ended::Failed(Some(source)) => Ran::Over(Err(failed("committed a transaction")(source))),
            // A refusal stands, for nothing was to be kept; what was to be is not.
            Ended::Failed(None) => Ran::Over(match outcome {
                Ok(Outcome::Commit) => Err(session.over("committed a transaction")),
                other => other.map(drop),
            }),
        }
    }

    /// The connection, made anew when there is none that works.
    fn connected<'c>(
        &self,
        kept: &'c mut Option<Connection>,
        attempted: &'static str,
    ) -> Result<&'c Connection, MetadataError> {
        if kept.as_ref().is_some_and(Connection::is_gone) {
            *kept = None;
        }
        match kept {
            Some(connection) => Ok(connection),
            none => {
                let made = Connection::open(&self.settings);
                let made = made.map_err(|source| MetadataError::unavailable(attempted, source))?;
                Ok(none.insert(made))
            }
        }
    }
}

/// Waits for something to do; meanwhile a connection that ends is noticed.
fn next(connection: Option<&Connection>, queue: &Queue) -> Option<Job> {
    match connection {
        Some(connection) => connection.wait(async { queue.lock().await.recv().await }),
        None => queue.blocking_lock().blocking_recv(),
    }
}

fn lost(attempted: &'static str) -> MetadataError {
    MetadataError::unavailable(attempted, Fault::ConnectionLost)
}

/// Waits in the lane of an attempt. Everybody in a lane holds a share of that of all.
fn hold(connection: &Connection, attempt: u32, lane: Option<i32>) -> Result<(), tokio_postgres::Error> {
    match lane {
        _ if attempt == 0 => connection.say(&format!("SELECT pg_advisory_lock_shared({LOCK_CLASS}, 0)")),
        Some(lane) if attempt < LANE_OF_ALL_FROM => connection.say(&format!(
            "SELECT pg_advisory_lock_shared({LOCK_CLASS}, 0); SELECT pg_advisory_lock({LOCK_CLASS}, {lane})"
        )),
        _ => connection.say(&format!("SELECT pg_advisory_lock({LOCK_CLASS}, 0)")),
    }
}

/// A part by chance of a time that doubles.
fn pause(attempt: u32) -> Duration {
    let longest = Duration::from_millis(1 << attempt.min(10)).min(LONGEST_PAUSE);
    let part = RandomState::new().hash_one(attempt) % 1000;
    longest.mul_f64(f64::from(u32::try_from(part).unwrap_or(0)) / 1000.0)
}
