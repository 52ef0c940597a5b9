//! One writer, many callers: what is shared, what is kept apart, what an end does to what waits.

use std::future::Future;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use holdfast_metadata::SqliteStore;
use holdfast_model::{Durability, Metadata, MetadataError, MetadataExt, StorageAccount, Timestamp};
use tempfile::TempDir;

/// An error of the work's own, as the rules have.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the rule about {number} forbids it")]
    ByRule { number: usize },
    #[error(transparent)]
    Store(#[from] MetadataError),
}

fn open(folder: &TempDir) -> Arc<SqliteStore> {
    let path = folder.path().join("metadata.sqlite");
    Arc::new(SqliteStore::open(path).expect("the store opens"))
}

fn folder() -> TempDir {
    TempDir::new().expect("a folder can be made")
}

/// A write that inserts one row.
async fn insert(store: &SqliteStore, durability: Durability, name: String) -> Result<(), MetadataError> {
    let metadata: &dyn Metadata = store;
    metadata
        .transact(durability, move |tx| {
            tx.insert_storage_account(&name, "local", Timestamp(1)).map(drop)
        })
        .await
}

async fn names(store: &SqliteStore) -> Vec<String> {
    let metadata: &dyn Metadata = store;
    let accounts: Vec<StorageAccount> = metadata
        .query(|read| read.list_storage_accounts())
        .await
        .expect("the accounts are listed");
    accounts.into_iter().map(|account| account.name).collect()
}

/// Occupies the writer until the sender is dropped, so that what follows waits together.
async fn occupy(store: &Arc<SqliteStore>) -> Sender<()> {
    let (release, released) = channel::<()>();
    let (enter, mut entered) = tokio::sync::mpsc::unbounded_channel();
    let (store, released) = (Arc::clone(store), Mutex::new(released));
    tokio::spawn(async move {
        let metadata: &dyn Metadata = &*store;
        metadata
            .transact(Durability::Relaxed, move |_| {
                enter.send(()).ok();
                // An error when the sender is dropped, which is the sign.
                released.lock().expect("nobody panics with it").recv().ok();
                Ok::<_, MetadataError>(())
            })
            .await
    });
    entered.recv().await.expect("the writer is occupied");
    release
}

/// Starts futures (each up to its first wait) without waiting for them.
async fn start<F: Future + Unpin>(futures: &mut [F]) {
    std::future::poll_fn(|context| {
        for future in &mut *futures {
            assert!(std::pin::Pin::new(future).poll(context).is_pending());
        }
        Poll::Ready(())
    })
    .await;
}

#[tokio::test]
async fn writes_that_wait_together_share_one_flush() {
    let folder = folder();
    let store = open(&folder);
    let release = occupy(&store).await;
    let before = store.stats();
    let mut writes: Vec<_> = (0..200)
        .map(|n| Box::pin(insert(&store, Durability::Durable, format!("account{n}"))))
        .collect();
    start(&mut writes).await;
    assert_eq!(store.stats().queue_depth, 200);
    drop(release);
    for result in join_all(writes).await {
        result.unwrap();
    }
    let after = store.stats();
    assert_eq!(after.writes - before.writes, 200);
    assert_eq!(after.batches - before.batches, 1);
    assert_eq!(after.durable_batches - before.durable_batches, 1);
    assert_eq!(after.queue_depth, 0);
    assert_eq!(names(&store).await.len(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_durable_writes_take_far_fewer_flushes() {
    let folder = folder();
    let store = open(&folder);
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..50 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for n in 0..10 {
                insert(&store, Durability::Durable, format!("account{writer}-{n}"))
                    .await
                    .unwrap();
            }
        });
    }
    tasks.join_all().await;
    let stats = store.stats();
    assert_eq!(stats.writes, 500);
    assert!(stats.durable_batches <= 250, "{stats:?}");
}

#[tokio::test]
async fn a_durable_write_is_flushed_and_relaxed_ones_are_not() {
    let folder = folder();
    let store = open(&folder);
    for (durable, expected) in [(0, (0, 1)), (1, (1, 2)), (20, (1, 1))] {
        let release = occupy(&store).await;
        let before = store.stats();
        let mut writes: Vec<_> = (0..20)
            .map(|n| {
                let durability = if n < durable {
                    Durability::Durable
                } else {
                    Durability::Relaxed
                };
                Box::pin(insert(&store, durability, format!("account{durable}-{n}")))
            })
            .collect();
        start(&mut writes).await;
        drop(release);
        for result in join_all(writes).await {
            result.unwrap();
        }
        let after = store.stats();
        let batches = (
            after.durable_batches - before.durable_batches,
            after.batches - before.batches,
        );
        assert_eq!(batches, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relaxed_write_is_answered_before_the_durable_ones_that_waited_with_it() {
    const PATIENCE: Duration = Duration::from_secs(20);
    let folder = folder();
    let store = open(&folder);
    let release = occupy(&store).await;
    let (answer, answered) = channel();
    let answered = Mutex::new(answered);
    let metadata: &dyn Metadata = &*store;
    // It ends only when the other one, queued behind it, has its answer.
    let mut durable = [metadata.transact(Durability::Durable, move |_| {
        Ok::<_, MetadataError>(answered.lock().expect("nobody panics with it").recv_timeout(PATIENCE))
    })];
    start(&mut durable).await;
    let relaxed = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut write = Box::pin(insert(&store, Durability::Relaxed, "relaxed".to_owned()));
            start(std::slice::from_mut(&mut write)).await;
            drop(release);
            write.await.expect("the relaxed write succeeds");
            answer.send(()).ok();
        })
    };
    let [durable] = durable;
    let waited = durable.await.expect("the durable write succeeds");
    assert_eq!(waited, Ok(()));
    relaxed.await.expect("it did not panic");
}

#[tokio::test]
async fn a_failure_and_a_panic_harm_nobody_else_in_the_batch() {
    let folder = folder();
    let store = open(&folder);
    let metadata: &dyn Metadata = &*store;
    let release = occupy(&store).await;
    let mut writes: Vec<_> = (0..30)
        .map(|n| {
            metadata.transact(Durability::Durable, move |tx| {
                tx.insert_storage_account(&format!("account{n:02}"), "local", Timestamp(1))?;
                match n % 3 {
                    0 => Ok(()),
                    1 => Err(Refused::ByRule { number: n }),
                    _ => panic!("a panic on purpose"),
                }
            })
        })
        .collect();
    start(&mut writes).await;
    let batches = store.stats().batches;
    drop(release);
    for (n, result) in join_all(writes).await.into_iter().enumerate() {
        match (n % 3, result) {
            (0, Ok(())) => {}
            (1, Err(Refused::ByRule { number })) => assert_eq!(number, n),
            (2, Err(Refused::Store(MetadataError::Failed { source, .. }))) => {
                assert_eq!(source.to_string(), "the work panicked: a panic on purpose");
            }
            (_, other) => panic!("write {n} ended with {other:?}"),
        }
    }
    assert_eq!(store.stats().batches - batches, 1);
    let expected: Vec<_> = (0..30).step_by(3).map(|n| format!("account{n:02}")).collect();
    assert_eq!(names(&store).await, expected);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_recovers() {
    let folder = folder();
    let store = open(&folder);
    let release = occupy(&store).await;
    let metadata: &dyn Metadata = &*store;
    let mut waiting = Vec::new();
    let refused = loop {
        let mut write = metadata.transact(Durability::Relaxed, |tx| tx.find_directory());
        match std::future::poll_fn(|context| Poll::Ready(write.as_mut().poll(context))).await {
            Poll::Pending => waiting.push(write),
            Poll::Ready(result) => break result,
        }
        assert!(waiting.len() < 100_000, "the queue has a limit");
    };
    assert!(matches!(refused, Err(MetadataError::Overloaded { .. })), "{refused:?}");
    drop(release);
    for result in join_all(waiting).await {
        result.unwrap();
    }
    assert_eq!(store.stats().queue_depth, 0);
    insert(&store, Durability::Durable, "after".to_owned()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_store_finishes_what_waits() {
    let folder = folder();
    let store = open(&folder);
    let release = occupy(&store).await;
    let mut writes: Vec<_> = (0..50)
        .map(|n| Box::pin(insert(&store, Durability::Durable, format!("account{n}"))))
        .collect();
    start(&mut writes).await;
    // The callers go away; what they asked for is done.
    drop(writes);
    let releasing = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        drop(release);
    });
    tokio::task::block_in_place(|| drop(store));
    releasing.join().unwrap();
    // The task that occupied the writer may hold the last handle for a moment longer.
    assert_eq!(names(&open(&folder)).await.len(), 50);
}

#[tokio::test]
async fn closing_finishes_what_waits_and_refuses_what_comes() {
    let folder = folder();
    let store = open(&folder);
    let release = occupy(&store).await;
    let mut writes: Vec<_> = (0..50)
        .map(|n| Box::pin(insert(&store, Durability::Durable, format!("account{n}"))))
        .collect();
    start(&mut writes).await;
    let mut closing = [Box::pin(store.close())];
    start(&mut closing).await;
    let late = insert(&store, Durability::Durable, "late".to_owned()).await;
    assert!(matches!(late, Err(MetadataError::Closed { .. })), "{late:?}");
    drop(release);
    join_all(closing).await;
    for result in join_all(writes).await {
        result.unwrap();
    }
    let metadata: &dyn Metadata = &*store;
    assert!(metadata.query(|read| read.find_directory()).await.is_err());
    assert_eq!(names(&open(&folder)).await.len(), 50);
}

#[tokio::test]
async fn a_job_that_holds_the_last_handle_does_not_wait_for_itself() {
    let folder = folder();
    let store = open(&folder);
    let release = occupy(&store).await;
    let held = Arc::clone(&store);
    let mut write = [Box::pin(async move {
        let metadata: &dyn Metadata = &*store;
        let work = metadata.transact(Durability::Durable, move |tx| {
            tx.insert_storage_account("last", "local", Timestamp(1))?;
            let _held = &held;
            Ok::<_, MetadataError>(())
        });
        work.await
    })];
    start(&mut write).await;
    drop(write);
    drop(release);
    let reopened = open(&folder);
    for _ in 0..100 {
        if names(&reopened).await == ["last"] {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the write was not done");
}

#[tokio::test]
async fn the_log_starts_over_under_load_and_every_row_is_there() {
    let folder = folder();
    let store = open(&folder);
    let metadata: &dyn Metadata = &*store;
    // Each write fills a page or two of its own, beside those that all share.
    for step in 0..60 {
        metadata
            .transact(Durability::Relaxed, move |tx| {
                for n in 0..256 {
                    let name = format!("{step}-{n}-{}", "x".repeat(3_000));
                    tx.insert_storage_account(&name, "local", Timestamp(1))?;
                }
                Ok::<_, MetadataError>(())
            })
            .await
            .unwrap();
        // Who has read a moment ago does not keep the log from starting over.
        metadata.query(|read| read.find_directory()).await.unwrap();
    }
    let stats = store.stats();
    assert!(stats.checkpoints > 0, "{stats:?}");
    assert_eq!(names(&store).await.len(), 60 * 256);
    store.close().await;
    drop(store);
    assert_eq!(names(&open(&folder)).await.len(), 60 * 256);
}
