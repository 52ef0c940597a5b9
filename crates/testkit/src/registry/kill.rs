//! `kill -9` at a chosen step: a process that asks its stores for nothing any more, and hears of nothing any more; and a
//! power cut, which takes what was not flushed of the rows too. It refuses to guess with sleeps, and to let anything that
//! cleans up run.

use std::{
    fs,
    future::{Future, pending},
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use holdfast_model::{
    BlobWriter, Blobs, Checkpoint, Content, Durability, Metadata, MetadataError, ObjectInfo, ObjectKey, ReadWork,
    StoreError, Timestamp, WriteWork,
};
use tokio::sync::Notify;

/// On which side of its step a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The store never heard of the step.
    Before,
    /// The step is done, and nobody was told.
    After,
}

/// When a process dies. Steps are what it asks of its stores, of rows and of bytes.
#[derive(Debug, Clone, Default)]
pub struct Kill(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Steps until the process dies, on either side of the last one; below one it lives on.
    before: AtomicI64,
    after: AtomicI64,
    died: Notify,
    /// How many processes have died: what belongs to one of those is dead.
    dead: AtomicU64,
    flushed: Mutex<Option<Flushed>>,
}

/// The files of a database as they were flushed last, beside them.
#[derive(Debug, Clone)]
struct Flushed {
    database: PathBuf,
}

/// What one process has of its stores.
#[derive(Clone)]
struct Life {
    kill: Kill,
    number: u64,
}

/// A store of rows that a process may die over.
struct MortalRows {
    inner: Arc<dyn Metadata>,
    life: Life,
}

/// The same of bytes.
struct MortalStore {
    inner: Arc<dyn Blobs>,
    life: Life,
}

struct MortalWriter {
    inner: Box<dyn BlobWriter>,
    life: Life,
}

impl Kill {
    /// The process dies over the `nth` step from now; 1 is the next one.
    pub fn at(&self, nth: i64, moment: Moment) {
        let countdown = match moment {
            Moment::Before => &self.0.before,
            Moment::After => &self.0.after,
        };
        countdown.store(nth, Ordering::SeqCst);
    }

    /// Lets the process live.
    pub fn spare(&self) {
        self.0.before.store(0, Ordering::SeqCst);
        self.0.after.store(0, Ordering::SeqCst);
    }

    /// Resolves when the process has died.
    pub async fn died(&self) {
        self.0.died.notified().await;
    }

    /// From now on a copy is kept of what of the rows is flushed, for [`Kill::cut_power`]. What there is counts as flushed.
    pub(super) fn keep_what_is_flushed(&self, database: &Path) {
        let database = database.to_owned();
        let mut flushed = self.0.flushed.lock().unwrap_or_else(PoisonError::into_inner);
        flushed.insert(Flushed { database }).keep();
    }

    /// Takes from a closed database what was not flushed.
    pub(super) fn cut_power(&self) {
        let flushed = self.0.flushed.lock().unwrap_or_else(PoisonError::into_inner).take();
        flushed.expect("what is flushed was kept").bring_back();
    }

    /// Puts it before the store of rows of a process that begins.
    #[must_use]
    pub fn before_rows(&self, inner: Arc<dyn Metadata>) -> Arc<dyn Metadata> {
        let life = self.life();
        Arc::new(MortalRows { inner, life })
    }

    /// Puts it before a store of bytes of a process that begins.
    #[must_use]
    pub fn before_bytes(&self, inner: Arc<dyn Blobs>) -> Arc<dyn Blobs> {
        let life = self.life();
        Arc::new(MortalStore { inner, life })
    }

    fn life(&self) -> Life {
        Life {
            kill: self.clone(),
            number: self.0.dead.load(Ordering::SeqCst),
        }
    }
}

impl Flushed {
    const FILES: [&str; 2] = ["", "-wal"];

    fn file(&self, suffix: &str, is_copy: bool) -> PathBuf {
        let mut file = self.database.clone().into_os_string();
        file.push(suffix);
        file.push(if is_copy { ".flushed" } else { "" });
        file.into()
    }

    /// Nobody else writes while a test waits for its one write.
    fn keep(&self) {
        for suffix in Self::FILES {
            replace(&self.file(suffix, false), &self.file(suffix, true));
        }
    }

    fn bring_back(&self) {
        for suffix in Self::FILES {
            replace(&self.file(suffix, true), &self.file(suffix, false));
        }
    }
}

/// Copies a file over another; one that is not there is not there afterwards either. Another process does it: this one
/// would give up the database's locks on the file when it closes it.
fn replace(from: &Path, to: &Path) {
    if from.exists() {
        let copied = Command::new("cp").arg("--").args([from, to]).status();
        assert!(copied.expect("cp starts").success(), "{} is copied", from.display());
    } else if to.exists() {
        fs::remove_file(to).expect("the test's folder is writable");
    }
}

impl Life {
    async fn step<T>(&self, work: impl Future<Output = T>) -> T {
        self.may_end(&self.kill.0.before).await;
        let done = work.await;
        self.may_end(&self.kill.0.after).await;
        done
    }

    /// What is dead never goes on.
    async fn may_end(&self, countdown: &AtomicI64) {
        let state = &self.kill.0;
        let is_alive = state.dead.load(Ordering::SeqCst) == self.number;
        if is_alive && countdown.fetch_sub(1, Ordering::SeqCst) != 1 {
            return;
        }
        if is_alive {
            state.dead.fetch_add(1, Ordering::SeqCst);
            state.died.notify_one();
        }
        pending().await
    }

    fn wrap(&self, inner: Box<dyn BlobWriter>) -> Box<dyn BlobWriter> {
        let life = self.clone();
        Box::new(MortalWriter { inner, life })
    }
}

#[async_trait]
impl Metadata for MortalRows {
    async fn read(&self, work: ReadWork) -> Result<(), MetadataError> {
        self.life.step(self.inner.read(work)).await
    }

    async fn write(&self, durability: Durability, work: WriteWork) -> Result<(), MetadataError> {
        let written = async {
            let written = self.inner.write(durability, work).await;
            let flushed = self.life.kill.0.flushed.lock().unwrap_or_else(PoisonError::into_inner);
            if let (Durability::Durable | Durability::Pushed, Some(flushed)) = (durability, &*flushed) {
                flushed.keep();
            }
            written
        };
        self.life.step(written).await
    }

    async fn settle(&self, commit: u64) -> Result<(), MetadataError> {
        self.inner.settle(commit).await
    }

    fn commits(&self) -> Option<u64> {
        self.inner.commits()
    }
}

#[async_trait]
impl Blobs for MortalStore {
    async fn begin(&self, key: &ObjectKey) -> Result<Box<dyn BlobWriter>, StoreError> {
        let begun = self.life.step(self.inner.begin(key)).await?;
        Ok(self.life.wrap(begun))
    }

    async fn resume(&self, key: &ObjectKey, saved: &Checkpoint) -> Result<Box<dyn BlobWriter>, StoreError> {
        let resumed = self.life.step(self.inner.resume(key, saved)).await?;
        Ok(self.life.wrap(resumed))
    }

    async fn abandon(&self, key: &ObjectKey, state: &[u8]) -> Result<(), StoreError> {
        self.life.step(self.inner.abandon(key, state)).await
    }

    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), StoreError> {
        self.life.step(self.inner.put(key, bytes)).await
    }

    async fn open(&self, key: &ObjectKey, range: Range<u64>) -> Result<Content, StoreError> {
        self.life.step(self.inner.open(key, range)).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        self.life.step(self.inner.delete(key)).await
    }

    fn list(&self) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        let asked = self.life.step(async { self.inner.list() });
        stream::once(asked).flatten().boxed()
    }

    async fn written_at(&self, key: &ObjectKey) -> Result<Timestamp, StoreError> {
        self.life.step(self.inner.written_at(key)).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.life.step(self.inner.probe()).await
    }

    async fn probe_reading(&self) -> Result<(), StoreError> {
        self.life.step(self.inner.probe_reading()).await
    }

    async fn signed_url(&self, key: &ObjectKey, lasts: Duration) -> Result<Option<String>, StoreError> {
        self.life.step(self.inner.signed_url(key, lasts)).await
    }

    fn data_host(&self) -> Option<&str> {
        self.inner.data_host()
    }
}

#[async_trait]
impl BlobWriter for MortalWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.life.step(self.inner.write(bytes)).await
    }

    async fn save(&mut self) -> Result<Checkpoint, StoreError> {
        self.life.step(self.inner.save()).await
    }

    async fn complete(self: Box<Self>) -> Result<(), StoreError> {
        let Self { inner, life } = *self;
        life.step(inner.complete()).await
    }

    fn vouches(&self) -> bool {
        self.inner.vouches()
    }
}
