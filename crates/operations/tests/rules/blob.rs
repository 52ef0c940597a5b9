//! Blobs: who may read them, mounts, deletes, and readers that meet the collector.

use holdfast_access::action;
use holdfast_content::{Error, Limits};
use holdfast_model::{Blobs as _, StorageError};
use holdfast_testkit::registry::{Document, Gate, TestRegistry, name, pattern, read_all};

use crate::claims::{assert_refused, freed_blobs, object_of, sha256};

#[tokio::test]
async fn a_blob_is_read_only_where_it_was_pushed_or_mounted() {
    let world = TestRegistry::start().await;
    for bytes in [pattern(1, 100), pattern(1, 20_000), pattern(1, 100_000)] {
        let digest = world.push_blob("private", bytes.clone()).await;
        assert_refused!(world.read_blob("other", &digest).await, Error::BlobUnknown { .. });
        let stat = world.stat_blob(&world.grant("other"), &digest).await;
        assert_refused!(stat, Error::BlobUnknown { .. });
        let deleted = world.delete_blob(&world.grant("other"), &digest).await;
        assert_refused!(deleted, Error::BlobUnknown { .. });
        let mounted = world
            .mount_blob(&world.grant("other"), &world.grant("private"), &digest)
            .await;
        assert_eq!(mounted.unwrap().unwrap().size_bytes, bytes.len() as u64);
        assert_eq!(world.read_blob("other", &digest).await.unwrap(), bytes);
    }
    assert_eq!(world.count_objects().await, 2);
}

#[tokio::test]
async fn a_mount_of_what_the_source_does_not_have_is_an_upload_instead() {
    let world = TestRegistry::start().await;
    world.push_blob("third", "bytes").await;
    world.push("source", Some("v1"), &Document::image(&["layer"])).await;
    for source in ["source", "nowhere"] {
        let mounted = world
            .mount_blob(&world.grant("target"), &world.grant(source), &sha256(b"bytes"))
            .await;
        assert_eq!(mounted.unwrap(), None);
    }
    let sources = world
        .find_mount_sources(&world.grant("target"), &sha256(b"bytes"))
        .await;
    assert_eq!(sources.unwrap(), [name("third")]);
    assert_refused!(
        world.read_blob("target", &sha256(b"bytes")).await,
        Error::BlobUnknown { .. }
    );
}

#[tokio::test]
async fn a_blob_in_use_is_not_deleted() {
    let world = TestRegistry::start().await;
    let image = Document::image(&["layer"]);
    world.push("app", Some("v1"), &image).await;
    world.push("other", Some("v1"), &image).await;
    match world.delete_blob(&world.grant("app"), &sha256(b"layer")).await {
        Err(Error::BlobInUse { digest, manifest }) => {
            assert_eq!((digest, manifest), (sha256(b"layer"), image.digest()));
        }
        other => panic!("{other:?}"),
    }
    world
        .delete_manifest(&world.grant("app"), &image.digest())
        .await
        .unwrap();
    world.delete_blob(&world.grant("app"), &sha256(b"layer")).await.unwrap();
    assert_refused!(
        world.read_blob("app", &sha256(b"layer")).await,
        Error::BlobUnknown { .. }
    );
    world.pass_grace();
    world.collect().await;
    assert_eq!(world.read_blob("other", &sha256(b"layer")).await.unwrap(), "layer");
}

#[tokio::test]
async fn a_deleted_blob_can_be_pushed_again_before_and_after_its_collection() {
    let world = TestRegistry::start().await;
    for bytes in [pattern(1, 100), pattern(1, 20_000), pattern(1, 100_000)] {
        let digest = world.push_blob("app", bytes.clone()).await;
        world.delete_blob(&world.grant("app"), &digest).await.unwrap();
        world.push_blob("app", bytes.clone()).await;
        assert_eq!(world.read_blob("app", &digest).await.unwrap(), bytes);
        world.delete_blob(&world.grant("app"), &digest).await.unwrap();
        world.pass_grace();
        world.collect().await;
        world.push_blob("app", bytes.clone()).await;
        assert_eq!(world.read_blob("app", &digest).await.unwrap(), bytes);
    }
}

#[tokio::test]
async fn a_deleted_blob_is_freed_even_when_its_repository_goes_first() {
    let world = TestRegistry::start().await;
    world.push_blob("app", "first").await;
    world.advance(world.limits().grace / 2);
    world.push_blob("app", "second").await;
    world
        .delete_blob(&world.grant("app"), &sha256(b"second"))
        .await
        .unwrap();
    for _ in 0..3 {
        world.advance(world.limits().grace * 2 / 3);
        world.collect().await;
    }
    crate::claims::assert_nothing_left(&world).await;
}

#[tokio::test]
async fn ranges_of_small_and_large_blobs_are_read_exactly() {
    let mut world = TestRegistry::start().await;
    for bytes in [pattern(1, 1_000), pattern(1, 20_000), pattern(1, 200_000)] {
        let digest = world.push_blob("app", bytes.clone()).await;
        let length = bytes.len();
        for _ in 0..2 {
            for (start, end) in [(0, length), (0, 1), (length - 1, length), (10, 10), (7, 900)] {
                let grant = world.grant::<action::Pull>("app");
                let blob = world.load_blob(&grant, &digest).await.unwrap();
                let range = start as u64..end as u64;
                let content = world.open_blob(&grant, &blob, range).await.unwrap();
                assert_eq!(read_all(content).await, bytes.slice(start..end));
            }
            world.reopen().await;
        }
    }
}

#[tokio::test]
async fn a_reader_that_meets_the_collector_gets_the_new_object_or_a_clear_no() {
    for length in [100, 20_000, 100_000] {
        let mut world = TestRegistry::start().await;
        let bytes = pattern(1, length);
        let digest = world.push_blob("app", bytes.clone()).await;
        let grant = world.grant::<action::Pull>("app");
        let seen = world.load_blob(&grant, &digest).await.unwrap();
        world.pass_grace();
        assert_eq!(freed_blobs(&world.collect().await), 1);
        // What was read is forgotten with the process that had it in its cache.
        world.reopen().await;
        let opened = world.open_blob(&grant, &seen, 0..seen.size_bytes).await;
        assert_refused!(opened, Error::BlobUnknown { .. });
        world.push_blob("app", bytes.clone()).await;
        world.reopen().await;
        let opened = world.open_blob(&grant, &seen, 0..seen.size_bytes).await.unwrap();
        assert_eq!(read_all(opened).await, bytes);
    }
}

#[tokio::test]
async fn a_lost_object_is_an_error_of_the_store_and_not_an_absent_blob() {
    for length in [20_000, 100_000] {
        let mut world = TestRegistry::start().await;
        let digest = world.push_blob("app", pattern(1, length)).await;
        world.reopen().await;
        let grant = world.grant::<action::Pull>("app");
        let blob = world.load_blob(&grant, &digest).await.unwrap();
        world.blobs().delete(&object_of(&blob)).await.unwrap();
        assert_refused!(
            world.read_blob("app", &digest).await,
            Error::Storage(StorageError::Blobs { .. })
        );
    }
}

#[tokio::test]
async fn a_config_that_is_collected_under_a_push_is_missing_and_not_a_failure() {
    let (gate, decorator) = Gate::new();
    let mut world = TestRegistry::start_with(Limits::default(), Some(decorator)).await;
    let image = Document::image(&["layer"]);
    for blob in image.blobs() {
        world.push_blob("app", blob.clone()).await;
    }
    world.reopen().await;
    world.pass_grace();
    let stopped = gate.close();
    let (registry, grant) = (world.operator().clone(), world.grant("app"));
    let put = image.put(image.digest().into());
    let push = tokio::spawn(async move { registry.content().put_manifest(&grant, put).await });
    stopped.reached.await.unwrap();
    assert_eq!(freed_blobs(&world.collect().await), 2);
    stopped.go_on.send(()).unwrap();
    assert_refused!(push.await.unwrap(), Error::ManifestBlobsMissing { .. });
}
