//! The contract of [`Blobs`], as claims that any adapter is run against. A change of the port starts here.
//!
//! An adapter's test calls [`contract`] with a way to make an empty store; each claim gets a fresh one.

mod unfinished;

use std::{ops::Range, os::unix::fs::FileExt as _, sync::Arc};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use holdfast_model::{BlobWriter, Blobs, Checkpoint, Content, ObjectInfo, ObjectKey, StoreError};
use uuid::Uuid;

/// Runs every claim, each against a store that `empty_store` makes.
///
/// # Panics
/// When a claim does not hold.
pub async fn contract(mut empty_store: impl FnMut() -> Arc<dyn Blobs>) {
    put_is_read_back_whole_and_by_range(&*empty_store()).await;
    what_was_finished_is_read_back_whole_and_by_range(&*empty_store()).await;
    an_empty_object_is_an_object(&*empty_store()).await;
    a_range_outside_the_object_is_an_error(&*empty_store()).await;
    what_a_file_is_offered_for_lies_there(&*empty_store()).await;
    chunks_of_all_sizes_arrive_in_order(&*empty_store()).await;
    unfinished::what_came_after_a_checkpoint_is_not_part_of_the_object(&*empty_store()).await;
    unfinished::an_object_that_is_begun_again_starts_anew(&*empty_store()).await;
    unfinished::a_checkpoint_that_claims_more_than_was_saved_is_refused(&*empty_store()).await;
    unfinished::what_was_abandoned_is_gone_and_cannot_be_gone_on_with(&*empty_store()).await;
    unfinished::saved_bytes_outlive_a_dropped_writer(&*empty_store()).await;
    unfinished::an_object_is_written_in_many_small_turns(&*empty_store()).await;
    unfinished::a_dropped_writer_never_writes_into_its_successor(&*empty_store()).await;
    unfinished::a_repeated_completion_changes_nothing(&*empty_store()).await;
    unfinished::a_state_is_short(&*empty_store()).await;
    put_never_writes_over_an_object(&*empty_store()).await;
    a_missing_object_is_missing(&*empty_store()).await;
    delete_is_idempotent_and_spares_open_readers(&*empty_store()).await;
    a_key_can_be_used_again_after_delete(&*empty_store()).await;
    list_shows_every_object_with_its_size(&*empty_store()).await;
    many_writers_at_once_keep_their_bytes_apart(empty_store()).await;
    probe_succeeds_and_leaves_nothing(&*empty_store()).await;
}

/// A key that no other claim uses.
#[must_use]
pub fn fresh_key() -> ObjectKey {
    ObjectKey::new(Uuid::new_v4())
}

/// Bytes that repeat only after a long while, so that a shifted copy is noticed.
#[must_use]
pub fn pattern(length: usize) -> Bytes {
    (0..length)
        .map(|at| {
            let mixed = (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
            u8::try_from(mixed).expect("eight bits are left")
        })
        .collect()
}

/// Reads a range of an object into memory.
///
/// # Panics
/// When the store can't open it, or hands out fewer bytes than the range has.
pub async fn read(store: &dyn Blobs, key: &ObjectKey, range: Range<u64>) -> Bytes {
    let content = store.open(key, range).await.expect("the object opens");
    read_all(&content).await
}

async fn read_all(content: &Content) -> Bytes {
    content.read_whole().await.expect("the content holds its range")
}

/// Every object of a store.
///
/// # Panics
/// When it cannot be listed.
pub async fn list(store: &dyn Blobs) -> Vec<ObjectInfo> {
    store.list().try_collect().await.expect("the store can be listed")
}

/// The length of an object by the listing; `None` when it is not there.
async fn length(store: &dyn Blobs, key: &ObjectKey) -> Option<u64> {
    let listed = list(store).await;
    let found = listed.into_iter().find(|object| object.key == *key);
    found.map(|object| object.size_bytes)
}

async fn write_all(writer: &mut dyn BlobWriter, chunks: &[Bytes]) {
    for chunk in chunks {
        writer.write(chunk.clone()).await.expect("write takes bytes");
    }
}

/// Begins an object and completes it with these bytes.
async fn store_all(store: &dyn Blobs, key: &ObjectKey, chunks: &[Bytes]) {
    let mut writer = store.begin(key).await.expect("it begins");
    write_all(&mut *writer, chunks).await;
    writer.complete().await.expect("it is completed");
}

/// Begins an object and saves it with these bytes.
async fn save_all(store: &dyn Blobs, key: &ObjectKey, chunks: &[Bytes]) -> Checkpoint {
    let mut writer = store.begin(key).await.expect("it begins");
    write_all(&mut *writer, chunks).await;
    writer.save().await.expect("it is saved")
}

/// Goes on with an object and completes it with these bytes.
async fn complete_from(store: &dyn Blobs, key: &ObjectKey, saved: &Checkpoint, chunks: &[Bytes]) {
    let mut writer = store.resume(key, saved).await.expect("it goes on");
    write_all(&mut *writer, chunks).await;
    writer.complete().await.expect("it is completed");
}

/// Goes on with an object and saves it with these bytes.
async fn save_from(store: &dyn Blobs, key: &ObjectKey, saved: &Checkpoint, chunks: &[Bytes]) -> Checkpoint {
    let mut writer = store.resume(key, saved).await.expect("it goes on");
    assert!(writer.vouches(), "what this process wrote is surely there");
    write_all(&mut *writer, chunks).await;
    writer.save().await.expect("it is saved")
}

async fn check_whole_and_ranges(store: &dyn Blobs, key: &ObjectKey, want: &Bytes) {
    let length = want.len() as u64;
    let ranges = [
        0..length,
        0..1,
        length - 1..length,
        length / 3..length / 2,
        5..5,
        length..length,
    ];
    for range in ranges {
        let start = usize::try_from(range.start).expect("fits");
        let end = usize::try_from(range.end).expect("fits");
        assert_eq!(
            read(store, key, range.clone()).await,
            want.slice(start..end),
            "{range:?}"
        );
    }
}

async fn put_is_read_back_whole_and_by_range(store: &dyn Blobs) {
    for length in [100, 70_000, 3_000_000] {
        let (key, bytes) = (fresh_key(), pattern(length));
        store.put(&key, bytes.clone()).await.expect("put succeeds");
        check_whole_and_ranges(store, &key, &bytes).await;
    }
}

async fn what_was_finished_is_read_back_whole_and_by_range(store: &dyn Blobs) {
    let (key, bytes) = (fresh_key(), pattern(10_000_000));
    let chunks: Vec<_> = (0..bytes.len())
        .step_by(65_536)
        .map(|at| bytes.slice(at..bytes.len().min(at + 65_536)))
        .collect();
    store_all(store, &key, &chunks).await;
    check_whole_and_ranges(store, &key, &bytes).await;
}

async fn an_empty_object_is_an_object(store: &dyn Blobs) {
    let (put, appended) = (fresh_key(), fresh_key());
    store.put(&put, Bytes::new()).await.expect("put succeeds");
    store_all(store, &appended, &[]).await;
    for key in [put, appended] {
        assert_eq!(read(store, &key, 0..0).await, Bytes::new());
        assert_eq!(length(store, &key).await, Some(0));
    }
}

async fn a_range_outside_the_object_is_an_error(store: &dyn Blobs) {
    for length in [1_000, 200_000] {
        let key = fresh_key();
        store.put(&key, pattern(length)).await.expect("put succeeds");
        let length = length as u64;
        let backwards = Range { start: 2, end: 1 };
        for range in [
            0..length + 1,
            length..length + 1,
            length + 1..length + 2,
            0..u64::MAX,
            backwards,
        ] {
            let opened = store.open(&key, range.clone()).await;
            assert!(
                matches!(opened, Err(StoreError::Failed { .. })),
                "{range:?}: {opened:?}"
            );
        }
    }
}

/// A store need not have files, and the kernel need not have them in memory.
async fn what_a_file_is_offered_for_lies_there(store: &dyn Blobs) {
    let (key, whole) = (fresh_key(), pattern(600_000));
    store.put(&key, whole.clone()).await.expect("the object is stored");
    for range in [0..600_000, 7..500_001, 599_990..600_000] {
        let content = store.open(&key, range.clone()).await.expect("the object opens");
        for stretch in [0..content.len(), 0..1, content.len() / 2..content.len() - 1] {
            let Some(offered) = content.in_page_cache(&stretch) else {
                continue;
            };
            assert_eq!(offered.range.end - offered.range.start, stretch.end - stretch.start);
            let at = |offset| usize::try_from(range.start + offset).expect("it is short");
            let want = &whole[at(stretch.start)..at(stretch.end)];
            let mut read = vec![0; want.len()];
            let file = &offered.file;
            file.read_exact_at(&mut read, offered.range.start).expect("it is there");
            assert!(read == want, "{range:?}, {stretch:?}: other bytes lie there");
        }
    }
}

async fn chunks_of_all_sizes_arrive_in_order(store: &dyn Blobs) {
    let bytes = pattern(6_000_000);
    let mut chunks = Vec::new();
    let mut rest = bytes.clone();
    // Runs of single bytes, of odd sizes, and chunks larger than any queue.
    for size in [1, 0, 7, 4_096, 1, 65_537, 2_500_000, 3, 300_000].into_iter().cycle() {
        for _ in 0..if size < 8 { 700 } else { 1 } {
            chunks.push(rest.split_to(rest.len().min(size)));
        }
        if rest.is_empty() {
            break;
        }
    }
    let key = fresh_key();
    store_all(store, &key, &chunks).await;
    assert_eq!(read(store, &key, 0..bytes.len() as u64).await, bytes);
    assert_eq!(length(store, &key).await, Some(bytes.len() as u64));
}

async fn put_never_writes_over_an_object(store: &dyn Blobs) {
    let (put, completed) = (fresh_key(), fresh_key());
    store
        .put(&put, Bytes::from_static(b"first"))
        .await
        .expect("put succeeds");
    store_all(store, &completed, &[Bytes::from_static(b"first")]).await;
    for key in [put, completed] {
        let again = store.put(&key, Bytes::from_static(b"other")).await;
        assert!(
            matches!(&again, Err(StoreError::Exists { key: told }) if *told == key),
            "{again:?}"
        );
        assert_eq!(read(store, &key, 0..5).await, "first");
    }
}

async fn a_missing_object_is_missing(store: &dyn Blobs) {
    let key = fresh_key();
    assert_missing(&key, store.open(&key, 0..1).await);
    assert_missing(&key, store.open(&key, 0..1_000_000).await);
    assert_missing(&key, store.written_at(&key).await);
}

async fn delete_is_idempotent_and_spares_open_readers(store: &dyn Blobs) {
    let (key, bytes) = (fresh_key(), pattern(200_000));
    store.put(&key, bytes.clone()).await.expect("put succeeds");
    let content = store.open(&key, 0..200_000).await.expect("the object opens");
    store.delete(&key).await.expect("delete succeeds");
    store.delete(&key).await.expect("delete succeeds again");
    store.delete(&fresh_key()).await.expect("delete of nothing succeeds");
    assert_missing(&key, store.open(&key, 0..1).await);
    assert_eq!(read_all(&content).await, bytes);
}

async fn a_key_can_be_used_again_after_delete(store: &dyn Blobs) {
    let key = fresh_key();
    let mut writer = store.begin(&key).await.expect("it begins");
    writer.write(pattern(900_000)).await.expect("write takes bytes");
    store
        .abandon(&key, &[])
        .await
        .expect("it is abandoned under its writer");
    drop(writer);
    assert_missing(&key, store.open(&key, 0..1).await);
    assert_missing(&key, store.written_at(&key).await);
    store
        .put(&key, Bytes::from_static(b"again"))
        .await
        .expect("put succeeds");
    assert_eq!(read(store, &key, 0..5).await, "again");
}

async fn list_shows_every_object_with_its_size(store: &dyn Blobs) {
    assert_eq!(list(store).await, []);
    let mut want = Vec::new();
    for size in 0..100_usize {
        let key = fresh_key();
        store.put(&key, pattern(size)).await.expect("put succeeds");
        want.push(ObjectInfo {
            key,
            size_bytes: size as u64,
        });
    }
    let key = fresh_key();
    store_all(store, &key, &[pattern(1_000)]).await;
    want.push(ObjectInfo { key, size_bytes: 1_000 });
    let gone = want.swap_remove(50);
    store.delete(&gone.key).await.expect("delete succeeds");

    let mut listed = list(store).await;
    listed.sort_by(|a, b| a.key.cmp(&b.key));
    want.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(listed, want);

    // One that was begun is listed too, and can be removed by that.
    let begun = fresh_key();
    save_all(store, &begun, &[pattern(300_000)]).await;
    let listed = list(store).await;
    assert_eq!(listed.len(), want.len() + 1);
    assert!(listed.iter().any(|object| object.key == begun), "it is listed");
    store.written_at(&begun).await.expect("it got bytes at some moment");
    store.delete(&begun).await.expect("it can be deleted");
    assert_eq!(list(store).await.len(), want.len());
}

async fn many_writers_at_once_keep_their_bytes_apart(store: Arc<dyn Blobs>) {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..32_u8 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let key = fresh_key();
            let bytes = Bytes::from(vec![number; 400_000 + usize::from(number)]);
            let chunks: Vec<_> = (0..bytes.len())
                .step_by(9_999)
                .map(|at| bytes.slice(at..bytes.len().min(at + 9_999)))
                .collect();
            store_all(&*store, &key, &chunks).await;
            assert_eq!(read(&*store, &key, 0..bytes.len() as u64).await, bytes);
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("the writer's bytes are its own");
    }
}

async fn probe_succeeds_and_leaves_nothing(store: &dyn Blobs) {
    let probed = tokio::join!(store.probe(), store.probe(), store.probe());
    for probed in [probed.0, probed.1, probed.2] {
        probed.expect("the store can be written and read");
    }
    let probed = tokio::join!(store.probe_reading(), store.probe(), store.probe_reading());
    for probed in [probed.0, probed.1, probed.2] {
        probed.expect("the store can be read");
    }
    assert_eq!(list(store).await, []);
}

fn assert_missing<T: std::fmt::Debug>(wanted: &ObjectKey, answer: Result<T, StoreError>) {
    match answer {
        Err(StoreError::Missing { key }) => assert_eq!(&key, wanted),
        other => panic!("object {wanted} is not missing: {other:?}"),
    }
}
