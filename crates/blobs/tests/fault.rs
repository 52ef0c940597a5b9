//! The store that fails on purpose fails as planned, and otherwise keeps the contract of the store inside.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

use std::{sync::Arc, time::Duration};

use holdfast_blobs::{
    FilesystemStore,
    fault::{Fault, FaultyStore, Operation},
};
use holdfast_model::{Blobs, StoreError};
use holdfast_testkit::blobs::{contract, fresh_key, list, pattern, read};
use tempfile::TempDir;

fn store() -> (TempDir, FaultyStore) {
    let folder = TempDir::new().unwrap();
    let inner = FilesystemStore::open(folder.path()).unwrap();
    (folder, FaultyStore::new(Arc::new(inner)))
}

#[tokio::test]
async fn without_faults_it_keeps_the_contract() {
    let mut folders = Vec::new();
    contract(|| {
        let (folder, store) = store();
        folders.push(folder);
        Arc::new(store)
    })
    .await;
}

#[tokio::test]
async fn the_nth_operation_fails_and_only_that() {
    let (_folder, store) = store();
    store.put(&fresh_key(), pattern(1)).await.unwrap();
    store.fail_nth(Operation::Put, 2, Fault::Full);
    store.put(&fresh_key(), pattern(1)).await.unwrap();
    let failed = store.put(&fresh_key(), pattern(1)).await;
    assert!(matches!(failed, Err(StoreError::Full { .. })), "{failed:?}");
    store.put(&fresh_key(), pattern(1)).await.unwrap();
    assert_eq!(store.count(Operation::Put), 4);
    assert_eq!(list(&store).await.len(), 3);
}

#[tokio::test]
async fn a_writer_of_any_clone_follows_the_plan_until_it_is_healed() {
    let (_folder, store) = store();
    let key = fresh_key();
    store.clone().fail_always(Operation::Complete, Fault::Failed);
    for _ in 0..3 {
        let writer = store.begin(&key).await.unwrap();
        let failed = writer.complete().await;
        assert!(matches!(failed, Err(StoreError::Failed { .. })), "{failed:?}");
    }
    store.heal();
    store.begin(&key).await.unwrap().complete().await.unwrap();
}

#[tokio::test]
async fn a_write_is_cut_short() {
    let (_folder, store) = store();
    let (key, bytes) = (fresh_key(), pattern(1_000));
    store.fail_nth(Operation::Write, 2, Fault::CutShort { kept_bytes: 100 });
    let mut writer = store.begin(&key).await.unwrap();
    writer.write(bytes.slice(..500)).await.unwrap();
    let failed = writer.write(bytes.slice(500..)).await;
    assert!(matches!(failed, Err(StoreError::Full { .. })), "{failed:?}");
    drop(writer);
    assert_eq!(list(&store).await[0].size_bytes, 600);
    assert_eq!(read(&store, &key, 0..600).await, bytes.slice(..600));
}

#[tokio::test(start_paused = true)]
async fn a_delayed_operation_is_done_later() {
    let (_folder, store) = store();
    store.fail_nth(Operation::Probe, 1, Fault::Delayed(Duration::from_secs(60)));
    let begun = tokio::time::Instant::now();
    store.probe().await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(60));
}
