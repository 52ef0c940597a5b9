//! The store: one writer, a pool of readers, and the port on top.

use std::path::Path;

use async_trait::async_trait;
use holdfast_registry::Error;
use holdfast_registry::ports::{Durability, Metadata, ReadWork, WriteWork};

use super::open;
use super::readers::Readers;
use super::writer::{Stats, Writer};

/// Metadata in one SQLite file.
///
/// Dropping it finishes the writes that wait, puts the log into the file and closes both; it blocks
/// while it does. [`SqliteStore::close`] does the same without blocking a runtime.
#[derive(Debug)]
pub struct SqliteStore {
    // Before the writer: the last connection to close is the one that empties the log.
    readers: Readers,
    writer: Writer,
}

impl SqliteStore {
    /// Opens the database at `path`, making it, readable only by its owner, when it is not there.
    /// Its folder must exist. Blocks for some milliseconds, or longer when a log is left from a
    /// crash.
    ///
    /// # Errors
    /// When the file cannot be made or opened, is not ours, or is newer than this build.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, open::Error> {
        let path = path.as_ref();
        let connection = open::writer(path)?;
        let readers = Readers::open(path)?;
        let writer = Writer::start(connection, open::copier(path)?).map_err(|source| open::Error::Thread { source })?;
        Ok(Self { readers, writer })
    }

    /// What the store has done and what waits for it.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let stats = self.writer.stats();
        Stats {
            statements: stats.statements + self.readers.statements(),
            ..stats
        }
    }

    /// Finishes the writes that wait and closes the database; later reads and writes are errors.
    pub async fn close(&self) {
        self.readers.close();
        self.writer.close().await;
    }
}

#[async_trait]
impl Metadata for SqliteStore {
    async fn read(&self, work: ReadWork) -> Result<(), Error> {
        self.readers.run(work).await
    }

    async fn write(&self, durability: Durability, work: WriteWork) -> Result<(), Error> {
        self.writer.run(durability, work).await
    }
}
