//! When the write-ahead log is copied into the database (a checkpoint). A thread of its own copies
//! while the writer goes on; the writer then copies the few pages that came meanwhile, which lets
//! the log start over. Copying everything in the writer would halve the rate of pushes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;

use super::flush::Flushed;
use super::readers::Readers;

/// Pages in the log from which it is copied (32 MiB). Many pages are written again and again and
/// copied once; but readers search a long log more slowly, and a start after a crash reads it all.
const COPY_FROM_PAGES: u64 = 8 * 1024;
/// How long nothing is written before a shorter log is copied as well.
const IDLE: Duration = Duration::from_secs(2);
/// How long the writer waits for readers that still look at the log. They take microseconds; after
/// a longer one the log goes on and is copied again later.
const READERS_WAIT: Duration = Duration::from_millis(20);

/// The log of one writing connection.
#[derive(Debug)]
pub(super) struct Log {
    copier: Copier,
    flushed: Arc<Flushed>,
    /// Pages in it after the last commit.
    pages: Arc<AtomicU64>,
    /// Whether a commit has written to it.
    has_grown: Arc<AtomicBool>,
    /// Pages in it when it was last copied; 0 after it started over.
    copied_pages: u64,
    is_copying: bool,
}

impl Log {
    /// Watches the commits of `writer`; copies with `copier`, another connection; tells `flushed` of a flush that failed.
    pub(super) fn watch(writer: &mut Connection, copier: Connection, flushed: Arc<Flushed>) -> io::Result<Self> {
        let pages = Arc::new(AtomicU64::new(0));
        let has_grown = Arc::new(AtomicBool::new(false));
        let (noted_pages, noted_growth) = (Arc::clone(&pages), Arc::clone(&has_grown));
        writer
            .wal_hook(Some(move |_: &mut Wal, count| {
                noted_pages.store(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
                noted_growth.store(true, Ordering::Relaxed);
                Ok(())
            }))
            .map_err(io::Error::other)?;
        Ok(Self {
            copier: Copier::start(copier, Arc::clone(&flushed))?,
            flushed,
            pages,
            has_grown,
            copied_pages: 0,
            is_copying: false,
        })
    }

    /// Pages in the log after the last commit.
    pub(super) fn pages(&self) -> u64 {
        self.pages.load(Ordering::Relaxed)
    }

    /// Whether a commit has written to it since this was asked.
    pub(super) fn has_grown(&self) -> bool {
        self.has_grown.swap(false, Ordering::Relaxed)
    }

    /// How long to wait for the next write before [`Log::settle_idle`]; `None` when there is nothing
    /// to settle.
    pub(super) fn idle_after(&self) -> Option<Duration> {
        (self.is_copying || self.pages() != self.copied_pages).then_some(IDLE)
    }

    /// After a commit: copies when the log is long. Says whether a copy was completed.
    pub(super) fn settle(&mut self, writer: &Connection, readers: &Readers) -> bool {
        if self.pages() < self.copied_pages {
            self.copied_pages = 0;
        }
        if self.is_copying {
            return self.copier.is_done() && self.complete(writer, readers);
        }
        if self.pages() >= self.copied_pages + COPY_FROM_PAGES {
            self.is_copying = self.copier.wake();
        }
        false
    }

    /// After a while without commits: copies what there is.
    pub(super) fn settle_idle(&mut self, writer: &Connection, readers: &Readers) -> bool {
        (!self.is_copying || self.copier.is_done()) && self.complete(writer, readers)
    }

    /// Copies all of the log and empties it; for a clean end.
    pub(super) fn finish(self, writer: &Connection) {
        self.copier.stop();
        checkpoint(writer, CheckpointMode::TRUNCATE, &self.flushed);
    }

    /// Leaves all of the log where it is; for an end after a flush has failed.
    pub(super) fn leave(self, writer: &Connection) {
        self.copier.stop();
        // Otherwise the last connection copies it when it is closed.
        if let Err(error) = writer.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true) {
            tracing::error!(error = %error, "could not keep SQLite from copying the metadata log");
        }
    }

    fn complete(&mut self, writer: &Connection, readers: &Readers) -> bool {
        self.is_copying = false;
        self.copied_pages = self.pages();
        // `RESTART` does what `PASSIVE` does and then waits until no reader needs the log.
        let is_waiting = writer.busy_timeout(READERS_WAIT).is_ok();
        let is_done = readers.without_snapshots(|| checkpoint(writer, CheckpointMode::RESTART, &self.flushed));
        if is_waiting && let Err(error) = writer.busy_timeout(super::open::LOCK_WAIT) {
            tracing::error!(error = %error, "could not set how long a metadata write waits for its lock");
        }
        is_done
    }
}

/// The thread that copies.
#[derive(Debug)]
struct Copier {
    wake: SyncSender<()>,
    is_done: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Copier {
    fn start(connection: Connection, flushed: Arc<Flushed>) -> io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let is_done = Arc::new(AtomicBool::new(true));
        let done = Arc::clone(&is_done);
        let thread = thread::Builder::new()
            .name("metadata-log".to_owned())
            .spawn(move || copy_when_woken(&connection, &woken, &done, &flushed))?;
        Ok(Self { wake, is_done, thread })
    }

    /// Starts a copy; says whether one runs now.
    fn wake(&self) -> bool {
        self.is_done.store(false, Ordering::Release);
        // It fails only when the thread has panicked; the log is then copied when nothing is written.
        self.wake.try_send(()).is_ok()
    }

    fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Acquire) || self.thread.is_finished()
    }

    fn stop(self) {
        drop(self.wake);
        // The join only fails for a panic, which the panic hook has reported.
        drop(self.thread.join());
    }
}

fn copy_when_woken(connection: &Connection, woken: &Receiver<()>, done: &AtomicBool, flushed: &Flushed) {
    while woken.recv().is_ok() {
        checkpoint(connection, CheckpointMode::PASSIVE, flushed);
        done.store(true, Ordering::Release);
    }
}

/// Says whether the log can start over. SQLite flushes the log before it copies, and the database before the log may start
/// over, also with `synchronous = NORMAL`.
fn checkpoint(connection: &Connection, mode: CheckpointMode, flushed: &Flushed) -> bool {
    let every_database: Option<&str> = None;
    match connection.wal_checkpoint_v2(every_database, mode) {
        Ok((pages, copied)) => pages == copied,
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => false,
        Err(error) => {
            flushed.note(&error);
            // Nothing is lost: the log keeps what it has, and grows.
            tracing::warn!(error = %error, "could not copy the metadata log into the database");
            false
        }
    }
}
