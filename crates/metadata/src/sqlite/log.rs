//! When the write-ahead log is copied into the database. Done by the writer after it has answered,
//! so nobody waits for it but the next batch; it refuses to wait for readers (`PASSIVE`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rusqlite::Connection;
use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;

/// Pages in the log from which it is copied when nothing else waits (4 MiB).
const WHEN_IDLE_PAGES: u64 = 1024;
/// Pages in the log from which it is copied whatever waits (64 MiB): readers search a longer log
/// more slowly, and a start after a crash reads all of it.
const AT_LATEST_PAGES: u64 = 16 * 1024;

/// The log of one writing connection.
#[derive(Debug)]
pub(super) struct Log {
    /// Pages in it after the last commit.
    pages: Arc<AtomicU64>,
    /// How many of them the last attempt saw; a reader with an old snapshot may have kept it from
    /// copying them all, and trying again after each batch would be for nothing.
    tried_pages: u64,
}

impl Log {
    /// Listens to the commits of `connection`.
    pub(super) fn watch(connection: &mut Connection) -> rusqlite::Result<Self> {
        let pages = Arc::new(AtomicU64::new(0));
        let noted = Arc::clone(&pages);
        connection.wal_hook(Some(move |_: &mut Wal, count| {
            noted.store(u64::try_from(count).unwrap_or(0), Relaxed);
            Ok(())
        }))?;
        Ok(Self { pages, tried_pages: 0 })
    }

    /// Pages in the log after the last commit.
    pub(super) fn pages(&self) -> u64 {
        self.pages.load(Relaxed)
    }

    /// Copies the log if it is time; says whether it did.
    pub(super) fn settle(&mut self, connection: &Connection, is_idle: bool) -> bool {
        let pages = self.pages();
        if pages < self.tried_pages {
            // Written from the start again: everything had been copied.
            self.tried_pages = 0;
        }
        let due = if is_idle { WHEN_IDLE_PAGES } else { AT_LATEST_PAGES };
        if pages < self.tried_pages + due {
            return false;
        }
        self.tried_pages = pages;
        checkpoint(connection, CheckpointMode::PASSIVE)
    }
}

/// Copies all of the log and empties it; for a clean end.
pub(super) fn empty(connection: &Connection) -> bool {
    checkpoint(connection, CheckpointMode::TRUNCATE)
}

fn checkpoint(connection: &Connection, mode: CheckpointMode) -> bool {
    let name: Option<&str> = None;
    match connection.wal_checkpoint_v2(name, mode) {
        Ok(_) => true,
        Err(error) => {
            // Nothing is lost: the log keeps what it has, and grows.
            tracing::warn!(error = %error, "could not copy the metadata log into the database");
            false
        }
    }
}
