//! The store: a pool that reads, a pool that writes, and the port on top.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;

use async_trait::async_trait;
use holdfast_model::{Durability, Metadata, MetadataError, ReadWork, WriteWork};

use super::open;
use super::pool::{Pool, Work, said};
use super::settings::Settings;

/// Metadata in PostgreSQL, which any number of nodes share.
///
/// Dropping it finishes what waits and closes the connections; it blocks while it does. [`PostgresStore::close`] does the same
/// without blocking a runtime.
#[derive(Debug)]
pub struct PostgresStore {
    readers: Pool,
    writers: Pool,
    statements: Arc<AtomicU64>,
}

impl PostgresStore {
    /// Opens the database and brings its schema up to date. Blocks until PostgreSQL has answered.
    ///
    /// # Errors
    /// When it cannot be reached, is not ours to use, or is newer than this build.
    pub fn open(settings: Settings) -> Result<Self, open::Error> {
        let settings = Arc::new(settings);
        // On a thread of its own: the caller's may be one of a runtime, on which no other can run.
        let prepared = thread::scope(|scope| {
            let preparing = thread::Builder::new()
                .name("metadata-open".to_owned())
                .spawn_scoped(scope, || open::prepare(&settings));
            preparing
                .map_err(|source| open::Error::Thread { source })?
                .join()
                .expect("opening panics on nothing")
        });
        prepared?;
        let statements = Arc::new(AtomicU64::new(0));
        let start = |attempted, name, threads| {
            Pool::start(attempted, name, threads, &settings, &statements)
                .map_err(|source| open::Error::Thread { source })
        };
        Ok(Self {
            readers: start("began a read", "metadata-read", settings.readers())?,
            writers: start("queued a write", "metadata-write", settings.writers())?,
            statements,
        })
    }

    /// Statements of reads and of writes, those that were run again too; what begins and ends transactions is not counted.
    #[must_use]
    pub fn statements(&self) -> u64 {
        said(&self.statements)
    }

    /// Finishes what waits and closes the connections; later reads and writes are errors.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }
}

#[async_trait]
impl Metadata for PostgresStore {
    async fn read(&self, work: ReadWork) -> Result<(), MetadataError> {
        self.readers.run(Work::Read(work)).await
    }

    async fn write(&self, durability: Durability, work: WriteWork) -> Result<(), MetadataError> {
        self.writers.run(Work::Write(durability, work)).await
    }
}
