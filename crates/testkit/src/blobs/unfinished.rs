//! Claims about objects that are not complete: checkpoints, writers that go on, what is given up.

use bytes::Bytes;

use super::{assert_missing, complete_from, fresh_key, length, list, pattern, read, save_all, save_from, store_all};
use holdfast_model::{Blobs, Checkpoint, MAX_STATE_BYTES, StoreError};

pub(super) async fn what_came_after_a_checkpoint_is_not_part_of_the_object(store: &dyn Blobs) {
    let (key, bytes) = (fresh_key(), pattern(100_000));
    let wrong = Bytes::from(vec![0xff; 50_000]);
    let early = save_all(store, &key, &[bytes.slice(..10)]).await;
    assert_eq!(early.offset, 10);
    let saved = save_from(store, &key, &early, &[bytes.slice(10..60_000)]).await;
    assert_eq!(saved.offset, 60_000);
    save_from(store, &key, &saved, std::slice::from_ref(&wrong)).await;
    complete_from(store, &key, &saved, &[bytes.slice(60_000..)]).await;
    assert_eq!(length(store, &key).await, Some(100_000));
    assert_eq!(read(store, &key, 0..100_000).await, bytes);

    let other = fresh_key();
    let early = save_all(store, &other, &[bytes.slice(..10)]).await;
    save_from(store, &other, &early, &[wrong]).await;
    complete_from(store, &other, &early, &[]).await;
    assert_eq!(length(store, &other).await, Some(10));
    assert_eq!(read(store, &other, 0..10).await, bytes.slice(..10));
}

pub(super) async fn an_object_that_is_begun_again_starts_anew(store: &dyn Blobs) {
    let key = fresh_key();
    save_all(store, &key, &[pattern(5_000)]).await;
    store_all(store, &key, &[Bytes::from_static(b"anew")]).await;
    assert_eq!(length(store, &key).await, Some(4));
    assert_eq!(read(store, &key, 0..4).await, "anew");

    // One that is complete is begun again by a request that is repeated: it is one or the other, whole.
    let mut writer = store.begin(&key).await.expect("it begins");
    writer
        .write(Bytes::from_static(b"again"))
        .await
        .expect("write takes bytes");
    let want = match writer.complete().await {
        Ok(()) => "again",
        Err(StoreError::Exists { key: told }) if told == key => "anew",
        Err(error) => panic!("{error:?}"),
    };
    assert_eq!(length(store, &key).await, Some(want.len() as u64));
    assert_eq!(read(store, &key, 0..want.len() as u64).await, want);
}

pub(super) async fn a_checkpoint_that_claims_more_than_was_saved_is_refused(store: &dyn Blobs) {
    let (key, bytes) = (fresh_key(), pattern(5_000));
    let saved = save_all(store, &key, std::slice::from_ref(&bytes)).await;
    let more = Checkpoint {
        offset: 5_001,
        ..saved.clone()
    };
    let opened = store.resume(&key, &more).await.map(drop);
    assert!(matches!(opened, Err(StoreError::Failed { .. })), "{opened:?}");
    complete_from(store, &key, &saved, &[]).await;
    assert_eq!(length(store, &key).await, Some(5_000));
    assert_eq!(read(store, &key, 0..5_000).await, bytes);
}

pub(super) async fn what_was_abandoned_is_gone_and_cannot_be_gone_on_with(store: &dyn Blobs) {
    for length in [1, 5_000, 900_000] {
        let [saved_last, saved_before, unsaved, complete] = [(); 4].map(|()| fresh_key());
        let last = save_all(store, &saved_last, &[pattern(length)]).await;
        let before = save_all(store, &saved_before, &[pattern(length)]).await;
        save_from(store, &saved_before, &before, &[pattern(length)]).await;
        let mut writer = store.begin(&unsaved).await.expect("it begins");
        writer.write(pattern(length)).await.expect("write takes bytes");
        store_all(store, &complete, &[pattern(length)]).await;
        for (key, state) in [
            (&saved_last, &last.state[..]),
            (&saved_before, &before.state),
            (&unsaved, &[]),
            (&complete, &[]),
        ] {
            for _ in 0..2 {
                store.abandon(key, state).await.expect("it is abandoned");
            }
            assert_missing(key, store.open(key, 0..1).await);
        }
        drop(writer);
        for (key, saved) in [(&saved_last, &last), (&saved_before, &before)] {
            let completed = match store.resume(key, saved).await {
                Ok(writer) => writer.complete().await,
                Err(error) => Err(error),
            };
            assert_missing(key, completed);
        }
        assert_eq!(list(store).await, []);
    }
}

pub(super) async fn saved_bytes_outlive_a_dropped_writer(store: &dyn Blobs) {
    let (key, bytes) = (fresh_key(), pattern(1_500_000));
    let mut writer = store.begin(&key).await.expect("it begins");
    writer.write(bytes.clone()).await.expect("write takes bytes");
    let saved = writer.save().await.expect("it is saved");
    drop(writer);
    assert_eq!(saved.offset, 1_500_000);
    complete_from(store, &key, &saved, &[Bytes::from_static(b"end")]).await;
    assert_eq!(read(store, &key, 0..1_500_000).await, bytes);
    assert_eq!(read(store, &key, 1_500_000..1_500_003).await, "end");
}

/// As a client does that sends small chunks, each to another node.
pub(super) async fn an_object_is_written_in_many_small_turns(store: &dyn Blobs) {
    let (key, bytes) = (fresh_key(), pattern(400_000));
    let mut saved = save_all(store, &key, &[]).await;
    assert_eq!(saved.offset, 0);
    let mut at = 0;
    for size in [1, 0, 700, 4_096, 65_537, 3, 200_000, 9_999].into_iter().cycle() {
        let end = bytes.len().min(at + size);
        let turn = bytes.slice(at..end);
        saved = match at {
            0 => save_all(store, &key, &[turn]).await,
            _ => save_from(store, &key, &saved, &[turn]).await,
        };
        assert_eq!(saved.offset, end as u64);
        at = end;
        if at == bytes.len() {
            break;
        }
    }
    complete_from(store, &key, &saved, &[]).await;
    assert_eq!(read(store, &key, 0..400_000).await, bytes);
    assert_eq!(list(store).await.len(), 1);
}

pub(super) async fn a_dropped_writer_never_writes_into_its_successor(store: &dyn Blobs) {
    let noise = Bytes::from(vec![0xff; 900_000]);
    for round in 0..30 {
        let key = fresh_key();
        let mut first = store.begin(&key).await.expect("it begins");
        first.write(noise.clone()).await.expect("write takes bytes");
        if round % 2 == 0 {
            // Taken over while it is still there: it may fail from now on, and must not write.
            store_all(store, &key, &[Bytes::from_static(b"mine")]).await;
            let _ = first.write(noise.clone()).await;
            let _ = first.complete().await;
        } else {
            drop(first);
            store_all(store, &key, &[Bytes::from_static(b"mine")]).await;
        }
        assert_eq!(length(store, &key).await, Some(4), "round {round}");
        assert_eq!(read(store, &key, 0..4).await, "mine", "round {round}");
    }
}

/// By a client that did not get the answer, or whose finish was refused after its bytes were stored.
pub(super) async fn a_repeated_completion_changes_nothing(store: &dyn Blobs) {
    for size in [123, 400_000] {
        let (key, bytes) = (fresh_key(), pattern(size));
        let saved = save_all(store, &key, std::slice::from_ref(&bytes)).await;
        complete_from(store, &key, &saved, &[]).await;
        for _ in 0..2 {
            let completed = match store.resume(&key, &saved).await {
                Ok(writer) => writer.complete().await,
                Err(error) => Err(error),
            };
            assert!(
                matches!(completed, Ok(()) | Err(StoreError::Exists { .. })),
                "{completed:?}"
            );
            assert_eq!(length(store, &key).await, Some(size as u64));
            assert_eq!(read(store, &key, 0..size as u64).await, bytes);
        }
    }
}

pub(super) async fn a_state_is_short(store: &dyn Blobs) {
    let key = fresh_key();
    let saved = save_all(store, &key, &vec![pattern(65_536); 160]).await;
    assert!(saved.state.len() <= MAX_STATE_BYTES / 20, "{}", saved.state.len());
    store.abandon(&key, &saved.state).await.expect("it is abandoned");
}
