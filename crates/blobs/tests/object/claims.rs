//! What holds of each of the stores, and the contract cannot say.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use holdfast_model::{BlobWriter, Blobs, Checkpoint, StoreError};
use holdfast_testkit::{
    blobs::{fresh_key, list, pattern, read},
    fault_proxy::{Cuts, FaultProxy},
    object_server::{ObjectServer, ask, upload_memory},
};

const MIB: usize = 1 << 20;

/// As a client's body comes in.
async fn write(writer: &mut dyn BlobWriter, bytes: &Bytes) -> Result<(), StoreError> {
    for at in (0..bytes.len()).step_by(100_000) {
        writer.write(bytes.slice(at..bytes.len().min(at + 100_000))).await?;
    }
    Ok(())
}

async fn saved(store: &dyn Blobs, key: &holdfast_model::ObjectKey, bytes: &Bytes) -> Checkpoint {
    let mut writer = store.begin(key).await.unwrap();
    write(&mut *writer, bytes).await.unwrap();
    writer.save().await.unwrap()
}

pub(crate) async fn a_signed_url_reads_an_object_without_a_credential(server: &ObjectServer) {
    let url = a_signed_url_reads_an_object(server).await;
    let (bare, _) = url.split_once('?').unwrap();
    let bare = bare.to_owned();
    let (status, _) = tokio::task::spawn_blocking(move || ask("GET", &bare, []))
        .await
        .unwrap();
    assert!((400..500).contains(&status), "without its signature: {status}");
}

pub(crate) async fn a_signed_url_reads_an_object(server: &ObjectServer) -> String {
    let (store, key) = (server.fresh_store(), fresh_key());
    store.put(&key, pattern(70_000)).await.unwrap();
    let url = store.signed_url(&key, Duration::from_secs(60)).await.unwrap().unwrap();
    let asked = url.clone();
    let (status, body) = tokio::task::spawn_blocking(move || ask("GET", &asked, []))
        .await
        .unwrap();
    assert_eq!((status, Bytes::from(body)), (200, pattern(70_000)));
    url
}

pub(crate) async fn any_node_goes_on_with_an_upload(server: &ObjectServer) {
    let url = server.url(&server.make_bucket(), None);
    let nodes = [(); 3].map(|()| server.open(&url, &upload_memory()));
    let (key, bytes) = (fresh_key(), pattern(25 * MIB));
    let first = saved(&nodes[0], &key, &bytes.slice(..11 * MIB)).await;
    let mut second = nodes[1].resume(&key, &first).await.unwrap();
    write(&mut *second, &bytes.slice(11 * MIB..12 * MIB)).await.unwrap();
    let saved = second.save().await.unwrap();
    drop(second);
    let mut third = nodes[2].resume(&key, &saved).await.unwrap();
    write(&mut *third, &bytes.slice(12 * MIB..)).await.unwrap();
    third.complete().await.unwrap();
    assert_eq!(read(&nodes[0], &key, 0..bytes.len() as u64).await, bytes);
    assert_eq!(list(&nodes[1]).await.len(), 1);
    // The answer was lost, and somebody tries again.
    let again = nodes[0].resume(&key, &saved).await.unwrap().complete().await;
    assert!(matches!(again, Ok(()) | Err(StoreError::Exists { .. })), "{again:?}");
    assert_eq!(read(&nodes[0], &key, 0..bytes.len() as u64).await, bytes);
    nodes[0].delete(&key).await.unwrap();
    assert_eq!(list(&nodes[1]).await, []);
}

pub(crate) async fn two_who_go_on_from_one_checkpoint_never_mix(server: &ObjectServer) {
    let (store, key) = (server.fresh_store(), fresh_key());
    let first = pattern(6 * MIB);
    let saved = saved(&*store, &key, &first).await;
    let ends = [vec![1; 9 * MIB], vec![2; 9 * MIB]].map(Bytes::from);
    let mut writers = Vec::new();
    for end in &ends {
        let mut writer = store.resume(&key, &saved).await.unwrap();
        write(&mut *writer, end).await.unwrap();
        writers.push(writer);
    }
    let mut completed = Vec::new();
    for (writer, end) in writers.into_iter().zip(ends).rev() {
        match writer.complete().await {
            Ok(()) => completed.push(end),
            // What was begun is gone for who comes second, or is not what it prepared.
            Err(StoreError::Exists { .. } | StoreError::Missing { .. } | StoreError::Failed { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(completed.len(), 1, "one of them makes the object");
    let whole = [first, completed.remove(0)].concat();
    assert_eq!(read(&*store, &key, 0..whole.len() as u64).await, whole);
}

pub(crate) async fn a_store_that_fails_now_and_then_loses_nothing(server: &ObjectServer, cuts: Cuts) {
    let proxy = FaultProxy::start(server.address(), 10, cuts).await;
    let url = server.url(&server.make_bucket(), Some(proxy.address()));
    let store = Arc::new(server.open(&url, &upload_memory()));
    let mut kept = Vec::new();
    for size in [100, 70_000, 3 * MIB, 12 * MIB, 100, 9 * MIB, 70_000, 100] {
        let (key, bytes) = (fresh_key(), pattern(size));
        let half = saved(&*store, &key, &bytes.slice(..size / 2)).await;
        let mut writer = store.resume(&key, &half).await.unwrap();
        write(&mut *writer, &bytes.slice(size / 2..)).await.unwrap();
        match writer.complete().await {
            // Its answer was lost.
            Ok(()) | Err(StoreError::Exists { .. }) => kept.push((key, bytes)),
            Err(error) => panic!("{error:?}"),
        }
    }
    for round in 0..6 {
        for (key, bytes) in &kept {
            let found = read(&*store, key, 0..bytes.len() as u64).await;
            assert!(found == bytes, "round {round}: {} bytes are others", bytes.len());
        }
    }
    assert_eq!(list(&*store).await.len(), kept.len());
    let (refused, cut) = proxy.faults();
    assert!(refused > 2 && cut > 2, "{refused} were refused, {cut} cut off");
}
