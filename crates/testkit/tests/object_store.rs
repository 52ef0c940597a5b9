//! The store in memory that behaves as S3 does keeps the contract, and is as unlike a folder as it should be.

use std::sync::Arc;

use holdfast_model::{Blobs as _, StoreError};
use holdfast_testkit::{
    blobs::{contract, fresh_key, list, pattern, read},
    object_store::ObjectStore,
};

/// No chunk of the contract is as long.
const PART_BYTES: usize = 40_001;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_the_contract() {
    contract(|| Arc::new(ObjectStore::new(PART_BYTES))).await;
}

#[tokio::test]
async fn it_keeps_the_contract_with_small_parts() {
    contract(|| Arc::new(ObjectStore::new(10_000))).await;
}

#[tokio::test]
async fn nothing_can_be_read_before_it_is_complete() {
    for size in [10, 100_000] {
        let (store, key) = (ObjectStore::new(PART_BYTES), fresh_key());
        let mut writer = store.begin(&key).await.unwrap();
        writer.write(pattern(size)).await.unwrap();
        let saved = writer.save().await.unwrap();
        drop(writer);
        let opened = store.open(&key, 0..1).await;
        assert!(matches!(opened, Err(StoreError::Missing { .. })), "{opened:?}");
        store.resume(&key, &saved).await.unwrap().complete().await.unwrap();
        assert_eq!(read(&store, &key, 0..size as u64).await, pattern(size));
    }
}

#[tokio::test]
async fn what_is_complete_never_changes() {
    let (store, key) = (ObjectStore::new(PART_BYTES), fresh_key());
    let mut writer = store.begin(&key).await.unwrap();
    writer.write(pattern(100_000)).await.unwrap();
    let saved = writer.save().await.unwrap();
    writer.complete().await.unwrap();
    for size in [0, 10, 100_000] {
        let mut others = vec![store.begin(&key).await.unwrap()];
        others.extend(store.resume(&key, &saved).await);
        for mut other in others {
            let written = other.write(vec![0xff; size].into()).await;
            let completed = match written {
                Ok(()) => other.complete().await,
                failed => failed,
            };
            assert!(matches!(completed, Err(StoreError::Exists { .. })), "{completed:?}");
        }
    }
    assert_eq!(read(&store, &key, 0..100_000).await, pattern(100_000));
}

#[tokio::test]
async fn a_writer_that_is_dropped_before_it_was_saved_leaves_nothing() {
    let (store, key) = (ObjectStore::new(PART_BYTES), fresh_key());
    let mut writer = store.begin(&key).await.unwrap();
    writer.write(pattern(100_000)).await.unwrap();
    assert_eq!(list(&store).await.len(), 1);
    drop(writer);
    assert_eq!(list(&store).await, []);
}

#[tokio::test]
async fn a_part_that_another_writer_replaced_is_noticed() {
    let (store, key) = (ObjectStore::new(PART_BYTES), fresh_key());
    let mut writer = store.begin(&key).await.unwrap();
    writer.write(pattern(50_000)).await.unwrap();
    let saved = writer.save().await.unwrap();
    drop(writer);
    let mut mine = store.resume(&key, &saved).await.unwrap();
    let mut other = store.resume(&key, &saved).await.unwrap();
    mine.write(pattern(50_000)).await.unwrap();
    other.write(vec![0xff; 50_000].into()).await.unwrap();
    let completed = mine.complete().await;
    assert!(matches!(completed, Err(StoreError::Failed { .. })), "{completed:?}");
}
