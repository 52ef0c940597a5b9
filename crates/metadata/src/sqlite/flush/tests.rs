//! Who waits for a flush, and what a failed one does.

use std::pin::{Pin, pin};
use std::sync::mpsc::{Sender, channel};
use std::task::Poll;

use futures_util::future::join_all;
use holdfast_model::{
    Durability, Metadata, MetadataExt as _, Timestamp, ahead_of_disk, settle, tell_only_of_a_session,
};

use super::super::{SqliteStore, open};
use super::*;

type Ending<'s> = Pin<Box<dyn Future<Output = Result<(), MetadataError>> + Send + 's>>;

/// A store whose flushes wait until they are let go, one by one.
struct Held {
    folder: tempfile::TempDir,
    store: SqliteStore,
    /// Sends the rows that are committed, as each flush begins.
    begun: Receiver<usize>,
    letting_go: Sender<io::Result<()>>,
}

impl Held {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metadata.db");
        let looked_at = path.clone();
        let (beginning, begun) = channel();
        let (letting_go, let_go) = channel::<io::Result<()>>();
        let store = SqliteStore::open_with(&path, |mut flush| {
            Box::new(move || {
                beginning.send(count(&looked_at)).unwrap();
                let_go.recv().unwrap_or(Ok(()))?;
                flush()
            })
        });
        Self {
            store: store.unwrap(),
            folder,
            begun,
            letting_go,
        }
    }

    fn insert(&self, durability: Durability, name: &'static str) -> Ending<'_> {
        let metadata: &dyn Metadata = &self.store;
        metadata.transact(durability, move |tx| {
            tx.insert_storage_account(name, "local", Timestamp(1)).map(drop)
        })
    }

    /// A durable write whose flush is held.
    async fn insert_held(&self, name: &'static str) -> Ending<'_> {
        self.write_held(Durability::Durable, name).await
    }

    async fn write_held(&self, durability: Durability, name: &'static str) -> Ending<'_> {
        let mut write = self.insert(durability, name);
        assert!(!is_ready(&mut write).await);
        self.begun.recv().unwrap();
        write
    }

    fn read(&self) -> Pin<Box<dyn Future<Output = Result<usize, MetadataError>> + Send + '_>> {
        let metadata: &dyn Metadata = &self.store;
        metadata.query(|read| Ok(read.list_storage_accounts()?.len()))
    }

    /// Waits until the writer has taken everything that waits.
    fn wait_until_taken(&self) {
        while self.store.stats().queue_depth > 0 {
            thread::yield_now();
        }
    }

    fn let_go(&self) {
        self.letting_go.send(Ok(())).unwrap();
    }

    fn break_disk(&self) {
        self.letting_go
            .send(Err(io::Error::other("the disk is broken")))
            .unwrap();
    }
}

fn count(path: &Path) -> usize {
    let reader = open::reader(path).unwrap();
    let count = reader.query_row("SELECT count(*) FROM storage_account", [], |row| row.get::<_, i64>(0));
    usize::try_from(count.unwrap()).unwrap()
}

/// Whether it ends when it is asked once more.
async fn is_ready<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context).is_ready())).await
}

fn told<T>(result: Result<T, MetadataError>) -> String {
    let Err(MetadataError::Failed { source, .. }) = result else {
        panic!("it did not fail");
    };
    source.to_string()
}

#[tokio::test]
async fn a_durable_write_is_answered_after_a_flush_that_began_after_its_commit() {
    let held = Held::open();
    let mut write = held.insert(Durability::Durable, "one");
    assert!(!is_ready(&mut write).await);
    assert_eq!(held.begun.recv().unwrap(), 1, "committed before the flush begins");
    assert!(!is_ready(&mut write).await);
    let mut late = held.insert(Durability::Durable, "two");
    assert!(!is_ready(&mut late).await);
    held.let_go();
    write.await.unwrap();
    assert_eq!(held.begun.recv().unwrap(), 2);
    assert!(!is_ready(&mut late).await, "the flush before may not have had it");
    held.let_go();
    late.await.unwrap();
    assert_eq!(held.store.stats().flushes, 2);
}

#[tokio::test]
async fn a_read_waits_for_the_flush_of_what_it_saw_and_for_no_other() {
    let held = Held::open();
    assert_eq!(held.read().await.unwrap(), 0);
    let write = held.insert_held("one").await;
    // The second one finds a snapshot that is kept.
    let (mut first, mut second) = (held.read(), held.read());
    assert!(!is_ready(&mut first).await && !is_ready(&mut second).await);
    held.let_go();
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (1, 1));
    write.await.unwrap();
    let mut after = pin!(held.read());
    assert!(is_ready(&mut after).await, "all that it saw is on the disk");
}

#[tokio::test]
async fn a_connection_that_looked_at_nothing_keeps_no_snapshot() {
    let held = Held::open();
    let metadata: &dyn Metadata = &held.store;
    metadata.query(|_| Ok::<_, MetadataError>(())).await.unwrap();
    let write = held.insert_held("one").await;
    let mut read = held.read();
    assert!(!is_ready(&mut read).await);
    held.let_go();
    assert_eq!(read.await.unwrap(), 1);
    write.await.unwrap();
}

#[tokio::test]
async fn a_relaxed_write_waits_only_for_durable_ones_before_it() {
    let held = Held::open();
    held.insert(Durability::Relaxed, "zero").await.unwrap();
    assert_eq!(held.store.stats().flushes, 0);
    let write = held.insert_held("one").await;
    let mut relaxed = held.insert(Durability::Relaxed, "two");
    let mut refused = held.insert(Durability::Relaxed, "one");
    assert!(!is_ready(&mut relaxed).await && !is_ready(&mut refused).await);
    held.wait_until_taken();
    assert!(!is_ready(&mut relaxed).await && !is_ready(&mut refused).await);
    held.let_go();
    write.await.unwrap();
    relaxed.await.unwrap();
    assert!(refused.await.is_err());
    assert_eq!(held.store.stats().flushes, 1);
}

#[tokio::test]
async fn a_durable_write_that_changes_nothing_asks_for_no_flush() {
    let held = Held::open();
    let metadata: &dyn Metadata = &held.store;
    let nothing = metadata.transact(Durability::Durable, |_| Ok::<_, MetadataError>(()));
    nothing.await.unwrap();
    assert_eq!(held.store.stats().flushes, 0);
}

#[tokio::test]
async fn transactions_that_end_during_a_flush_share_the_next_one() {
    let held = Held::open();
    let first = held.insert_held("first").await;
    let mut writes = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let mut write = held.insert(Durability::Durable, name);
        assert!(!is_ready(&mut write).await);
        held.wait_until_taken();
        writes.push(write);
    }
    while count(&held.folder.path().join("metadata.db")) < 5 {
        thread::yield_now();
    }
    for _ in 0..5 {
        held.let_go();
    }
    first.await.unwrap();
    for result in join_all(writes).await {
        result.unwrap();
    }
    let stats = held.store.stats();
    assert_eq!((stats.durable_batches, stats.batches), (5, 5));
    // The last may not have been handed on when the first flush ended.
    assert!(stats.flushes <= 3, "{stats:?}");
}

#[tokio::test]
async fn the_writer_is_so_far_ahead_of_the_disk_and_no_further() {
    let held = Held::open();
    let mut writes = vec![held.insert_held("first").await];
    // One is with the disk, and the writer holds one more that it cannot hand on.
    for n in 0..=AHEAD_LIMIT {
        let mut write = held.insert(Durability::Durable, format!("account{n}").leak());
        assert!(!is_ready(&mut write).await);
        held.wait_until_taken();
        writes.push(write);
    }
    let mut further = held.insert(Durability::Durable, "further");
    assert!(!is_ready(&mut further).await);
    for _ in 0..1000 {
        thread::yield_now();
    }
    assert_eq!(held.store.stats().queue_depth, 1);
    for _ in 0..AHEAD_LIMIT + 3 {
        held.let_go();
    }
    for result in join_all(writes).await {
        result.unwrap();
    }
    further.await.unwrap();
}

#[tokio::test]
async fn a_failed_flush_is_told_to_everybody_and_ends_all_writing() {
    let held = Held::open();
    let write = held.insert_held("one").await;
    let (mut read, mut relaxed) = (held.read(), held.insert(Durability::Relaxed, "two"));
    let mut durable = held.insert(Durability::Durable, "three");
    assert!(!is_ready(&mut read).await && !is_ready(&mut relaxed).await && !is_ready(&mut durable).await);
    held.wait_until_taken();
    held.break_disk();
    let told = [
        told(write.await),
        told(read.await),
        told(relaxed.await),
        told(durable.await),
        told(held.insert(Durability::Durable, "four").await),
        told(held.insert(Durability::Relaxed, "five").await),
        told(held.read().await),
    ];
    for told in told {
        assert!(
            told.contains("could not be flushed") && told.contains("restart"),
            "{told}"
        );
    }
    held.store.close().await;
    let begun = held.begun.try_iter().count();
    assert_eq!((held.store.stats().flushes, begun), (1, 0), "no flush is tried again");
    let log = held.folder.path().join("metadata.db-wal");
    assert!(log.metadata().unwrap().len() > 0, "the log stays where it is");
}

#[tokio::test]
async fn what_is_on_the_disk_is_read_after_a_failed_flush() {
    let held = Held::open();
    held.read().await.unwrap();
    let mut refused = held.insert(Durability::Durable, "one");
    held.break_disk();
    told(refused.as_mut().await);
    drop(refused);
    let Held { folder, store, .. } = held;
    drop(store);
    let path = folder.path().join("metadata.db");
    let reopened = SqliteStore::open(&path).unwrap();
    let metadata: &dyn Metadata = &reopened;
    // Whether it is there is for the disk to say; it goes on from there.
    let insert = metadata.transact(Durability::Durable, |tx| {
        tx.insert_storage_account("two", "local", Timestamp(1)).map(drop)
    });
    insert.await.unwrap();
    assert!(count(&path) >= 1);
}

#[tokio::test]
async fn a_flush_that_panics_fails_those_who_wait() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metadata.db");
    let store = SqliteStore::open_with(&path, |_| Box::new(|| panic!("a panic on purpose"))).unwrap();
    let metadata: &dyn Metadata = &store;
    let insert = metadata.transact(Durability::Durable, |tx| {
        tx.insert_storage_account("one", "local", Timestamp(1)).map(drop)
    });
    assert!(insert.await.is_err());
    let read = metadata.query(|read| Ok::<_, MetadataError>(read.list_storage_accounts()?.len()));
    told(read.await);
}

#[tokio::test]
async fn closing_flushes_and_answers_what_waits() {
    let held = Held::open();
    let write = held.insert_held("one").await;
    let mut late = held.insert(Durability::Durable, "two");
    assert!(!is_ready(&mut late).await);
    let mut closing = pin!(held.store.close());
    assert!(!is_ready(&mut closing).await);
    held.let_go();
    held.let_go();
    closing.await;
    write.await.unwrap();
    late.await.unwrap();
    assert_eq!(count(&held.folder.path().join("metadata.db")), 2);
}

#[test]
fn a_flush_of_sqlites_own_that_fails_counts_as_one_of_ours() {
    let error = |code| rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
    let flushed = Flushed::default();
    flushed.note(&error(rusqlite::ffi::SQLITE_IOERR_WRITE));
    assert!(flushed.failure().is_none());
    flushed.note(&error(rusqlite::ffi::SQLITE_IOERR_FSYNC));
    assert!(flushed.failure().is_some());
}

#[tokio::test]
async fn a_request_goes_on_ahead_of_the_disk_and_its_answer_waits() {
    let held = Held::open();
    let metadata: &dyn Metadata = &held.store;
    let write = held.insert_held("one").await;
    let (seeing, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let settling = tokio::sync::Notify::new();
    let mut request = Box::pin(ahead_of_disk(metadata, async {
        seeing.send(held.read().await.unwrap()).unwrap();
        held.insert(Durability::Relaxed, "two").await.unwrap();
        seeing.send(held.read().await.unwrap()).unwrap();
        settling.notified().await;
        settle(metadata).await.unwrap();
        seeing.send(0).unwrap();
    }));
    while seen.len() < 2 {
        assert!(!is_ready(&mut request).await);
    }
    assert_eq!((seen.recv().await, seen.recv().await), (Some(1), Some(2)));
    assert_eq!(metadata.commits(), None, "nothing is kept of what may be lost");
    settling.notify_one();
    assert!(
        !is_ready(&mut request).await && seen.is_empty(),
        "bytes are not destroyed"
    );
    held.let_go();
    request.await.unwrap();
    assert_eq!(seen.recv().await, Some(0));
    assert!(metadata.commits().is_some());
    write.await.unwrap();
}

#[tokio::test]
async fn a_request_that_destroys_nothing_is_answered_after_what_it_saw_is_safe() {
    let held = Held::open();
    let metadata: &dyn Metadata = &held.store;
    let write = held.insert_held("one").await;
    let mut request = Box::pin(ahead_of_disk(metadata, held.read()));
    assert!(!is_ready(&mut request).await);
    held.break_disk();
    told(request.await.map(drop));
    told(write.await);
}

#[tokio::test]
async fn who_hears_only_of_a_session_waits_for_no_push_and_for_all_else() {
    let held = Held::open();
    let metadata: &dyn Metadata = &held.store;
    let session = || {
        Box::pin(ahead_of_disk(metadata, async {
            held.read().await.unwrap();
            tell_only_of_a_session();
        }))
    };
    let push = held.write_held(Durability::Pushed, "one").await;
    assert!(!is_ready(&mut held.read()).await, "what is read is shown");
    assert!(is_ready(&mut session()).await);
    let mut decision = held.insert(Durability::Durable, "two");
    assert!(!is_ready(&mut decision).await);
    while count(&held.folder.path().join("metadata.db")) < 2 {
        thread::yield_now();
    }
    let mut waiting = session();
    assert!(!is_ready(&mut waiting).await);
    held.let_go();
    held.let_go();
    push.await.unwrap();
    decision.await.unwrap();
    waiting.await.unwrap();
}
