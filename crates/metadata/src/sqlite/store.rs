//! The store: one writer, a pool of readers, and the port on top.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use holdfast_model::{Durability, Metadata, MetadataError, ReadWork, WriteWork};

use super::flush::FlushLog;
use super::readers::Readers;
use super::stats::Stats;
use super::writer::Writer;
use super::{flush, open};

/// Metadata in one SQLite file.
///
/// Dropping it finishes the writes that wait, puts the log into the file and closes both; it blocks
/// while it does. [`SqliteStore::close`] does the same without blocking a runtime.
#[derive(Debug)]
pub struct SqliteStore {
    readers: Arc<Readers>,
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
        Self::open_with(path.as_ref(), |flush| flush)
    }

    /// The same with another way to flush the log, made of the real one.
    pub(super) fn open_with(path: &Path, flushing: impl FnOnce(FlushLog) -> FlushLog) -> Result<Self, open::Error> {
        let connection = open::writer(path)?;
        let flush = flush::log_of(path).map_err(|source| open::Error::Make {
            path: path.to_owned(),
            source,
        })?;
        let readers = Arc::new(Readers::open(path)?);
        let writer = Writer::start(connection, open::copier(path)?, flushing(flush), Arc::clone(&readers));
        let writer = writer.map_err(|source| open::Error::Thread { source })?;
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

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // Before the writer ends: the last connection to close is the one that empties the log.
        self.readers.close();
    }
}

#[async_trait]
impl Metadata for SqliteStore {
    async fn read(&self, work: ReadWork) -> Result<(), MetadataError> {
        self.readers.run(work).await
    }

    async fn write(&self, durability: Durability, work: WriteWork) -> Result<(), MetadataError> {
        self.writer.run(durability, work).await
    }

    async fn settle(&self, commit: u64) -> Result<(), MetadataError> {
        let reached = self.readers.flushed().reached(commit).await;
        reached.map_err(|failure| failure.to_error("showed what it has"))
    }

    /// None while something is not on the disk: what a request keeps that is ahead of the disk is found by nobody before.
    fn commits(&self) -> Option<u64> {
        let commits = self.readers.commits();
        self.readers.flushed().has_all().then_some(commits)
    }
}

#[cfg(test)]
mod tests {
    use holdfast_model::Timestamp;
    use holdfast_model::{MetadataExt as _, Read};

    use super::*;

    fn open() -> (tempfile::TempDir, Arc<SqliteStore>) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("metadata.db")).unwrap();
        (folder, Arc::new(store))
    }

    async fn insert(store: &SqliteStore, name: &'static str) {
        let metadata: &dyn Metadata = store;
        let work = move |tx: &mut dyn holdfast_model::Tx| {
            tx.insert_storage_account(name, "local", Timestamp(1))?;
            Ok::<_, MetadataError>(())
        };
        metadata.transact(Durability::Relaxed, work).await.unwrap();
    }

    fn count(read: &mut dyn Read) -> usize {
        read.list_storage_accounts().unwrap().len()
    }

    async fn counted(store: &SqliteStore) -> usize {
        let metadata: &dyn Metadata = store;
        metadata
            .query(|read| Ok::<_, MetadataError>(count(read)))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_snapshot_is_kept_until_the_next_commit_and_no_longer() {
        let (_folder, store) = open();
        assert_eq!((counted(&store).await, store.readers.kept()), (0, 1));
        assert_eq!((counted(&store).await, store.readers.kept()), (0, 1));
        insert(&store, "one").await;
        assert_eq!(store.readers.kept(), 0);
        assert_eq!((counted(&store).await, store.readers.kept()), (1, 1));
        store.readers.without_snapshots(|| assert_eq!(store.readers.kept(), 0));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_read_that_a_commit_overtakes_sees_one_state_and_keeps_nothing() {
        let (_folder, store) = open();
        let metadata: &dyn Metadata = &*store;
        let (writing, runtime) = (Arc::clone(&store), tokio::runtime::Handle::current());
        let seen = metadata
            .query(move |read| {
                let before = count(read);
                let overtaking = std::thread::spawn(move || runtime.block_on(insert(&writing, "one")));
                overtaking.join().unwrap();
                Ok::<_, MetadataError>((before, count(read)))
            })
            .await;
        assert_eq!((seen.unwrap(), store.readers.kept()), ((0, 0), 0));
        assert_eq!(counted(&store).await, 1);
    }

    #[tokio::test]
    async fn work_that_fails_or_panics_keeps_nothing_and_the_next_reads() {
        let (_folder, store) = open();
        let metadata: &dyn Metadata = &*store;
        let failed = metadata.read(Box::new(|read| {
            count(read);
            Err(MetadataError::failed("tried", "broken"))
        }));
        assert!(failed.await.is_err());
        assert_eq!(store.readers.kept(), 0);
        let panicked = metadata.query(|read| -> Result<(), MetadataError> { panic!("{}", count(read)) });
        assert!(panicked.await.is_err());
        assert_eq!((store.readers.kept(), counted(&store).await), (0, 0));
    }
}
