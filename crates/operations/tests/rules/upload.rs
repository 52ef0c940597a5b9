//! Uploads: sessions, resumption, digests, limits.

mod session;

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use holdfast_access::{Actor, action};
use holdfast_blobs::fault::Operation;
use holdfast_content::{Body, Error, Limits};
use holdfast_model::{Blobs as _, Durability, MetadataExt as _};
use holdfast_oci::{Algorithm, Digest};
use holdfast_testkit::{
    blobs::list,
    registry::{Document, Gate, TestRegistry, pattern},
};

use crate::claims::{
    append, assert_nothing_left, assert_refused, cut_off, finish, offset, range, sha256, streamed, upload_of,
};

#[tokio::test]
async fn an_upload_goes_on_after_a_restart_at_any_offset() {
    let mut world = TestRegistry::start().await;
    // Around the hash's block of 64 bytes, the limits of rows and of small blobs, and the writer's burst.
    for at in [
        1, 63, 64, 65, 1_000, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 262_144, 299_999,
    ] {
        let bytes = pattern(at as u64, 300_000);
        let id = upload_of(&world, "app", &bytes.slice(..at)).await;
        world.reopen().await;
        assert_eq!(offset(&world, "app", id).await.unwrap(), at as u64);
        finish(&world, "app", id, &sha256(&bytes), &bytes.slice(at..))
            .await
            .unwrap();
        world.reopen().await;
        assert_eq!(world.read_blob("app", &sha256(&bytes)).await.unwrap(), bytes);
    }
}

#[tokio::test]
async fn an_upload_in_many_chunks_with_a_restart_before_each_is_the_same_blob() {
    let mut world = TestRegistry::start().await;
    let bytes = pattern(1, 200_000);
    let id = upload_of(&world, "app", &Bytes::new()).await;
    let mut at = 0;
    for step in [1, 62, 64, 1, 70_000, 0, 129_000] {
        if step > 0 {
            append(&world, "app", id, &bytes.slice(at..at + step)).await.unwrap();
        }
        at += step;
        world.reopen().await;
        assert_eq!(offset(&world, "app", id).await.unwrap(), at as u64);
    }
    append(&world, "app", id, &bytes.slice(at..)).await.unwrap();
    finish(&world, "app", id, &sha256(&bytes), &Bytes::new()).await.unwrap();
    assert_eq!(world.read_blob("app", &sha256(&bytes)).await.unwrap(), bytes);
}

#[tokio::test]
async fn bytes_that_a_power_cut_lost_are_noticed_at_the_finish() {
    // A flushed chunk is with the operating system only: its place may read as zeros afterwards,
    // while the saved hash still knows the bytes.
    for (before, last) in [(100_000, 0), (100_000, 10), (70_000, 100_000)] {
        let mut world = TestRegistry::start().await;
        let bytes = pattern(3, before + last);
        let id = upload_of(&world, "app", &bytes.slice(..before)).await;
        world.reopen().await;
        let key = world
            .rows()
            .query(move |read| read.find_upload(id))
            .await
            .unwrap()
            .unwrap()
            .object_key;
        // Other stores keep what they took.
        let Some(file) = world.bytes().file(&key) else { return };
        std::fs::write(file, vec![0; before]).unwrap();
        let finished = finish(&world, "app", id, &sha256(&bytes), &bytes.slice(before..)).await;
        assert_refused!(finished, Error::DigestMismatch { .. });
        assert_nothing_left(&world).await;
    }
}

#[tokio::test]
async fn a_finish_with_the_wrong_digest_leaves_nothing() {
    let world = TestRegistry::start().await;
    let wrong = sha256(b"something else");
    for (sent_before, sent_last) in [
        (0, 10),
        (0, 20_000),
        (0, 100_000),
        (10, 0),
        (10, 10),
        (10, 20_000),
        (100_000, 100_000),
        (0, 0),
    ] {
        let bytes = pattern(7, sent_before + sent_last);
        let id = upload_of(&world, "app", &bytes.slice(..sent_before)).await;
        let finished = finish(&world, "app", id, &wrong, &bytes.slice(sent_before..)).await;
        assert_refused!(finished, Error::DigestMismatch { .. });
        assert_refused!(offset(&world, "app", id).await, Error::UploadUnknown { .. });
        assert_nothing_left(&world).await;
    }
    let bytes = pattern(8, 100_000);
    for body in [
        Body::whole(bytes.slice(..10)),
        streamed(vec![bytes.slice(..10)]),
        Body::whole(bytes.slice(..20_000)),
        Body::whole(bytes.clone()),
        streamed(vec![bytes]),
    ] {
        let pushed = world.upload_whole(&world.grant("app"), &wrong, body).await;
        assert_refused!(pushed, Error::DigestMismatch { .. });
        assert_nothing_left(&world).await;
    }
}

#[tokio::test]
async fn the_empty_blob_can_be_pushed_in_every_way() {
    let world = TestRegistry::start().await;
    let empty = sha256(b"");
    let id = upload_of(&world, "a", &Bytes::new()).await;
    finish(&world, "a", id, &empty, &Bytes::new()).await.unwrap();
    world
        .upload_whole(&world.grant("b"), &empty, Body::empty())
        .await
        .unwrap();
    world
        .upload_whole(&world.grant("c"), &empty, streamed(Vec::new()))
        .await
        .unwrap();
    let id = upload_of(&world, "d", &Bytes::new()).await;
    world
        .append_upload(&world.grant("d"), id, None, Body::empty())
        .await
        .unwrap();
    finish(&world, "d", id, &empty, &Bytes::new()).await.unwrap();
    for repository in ["a", "b", "c", "d"] {
        assert_eq!(world.read_blob(repository, &empty).await.unwrap(), "");
    }
    assert_eq!((world.count_blobs().await, world.count_objects().await), (1, 0));
}

#[tokio::test]
async fn the_same_bytes_are_stored_once() {
    let world = TestRegistry::start().await;
    for length in [100, 20_000, 100_000] {
        let bytes = pattern(3, length);
        world.push_blob("app", bytes.clone()).await;
        world.push_blob("app", bytes.clone()).await;
        world.push_blob("other", bytes.clone()).await;
        let id = upload_of(&world, "third", &bytes).await;
        finish(&world, "third", id, &sha256(&bytes), &Bytes::new())
            .await
            .unwrap();
    }
    assert_eq!((world.count_blobs().await, world.count_objects().await), (3, 2));
}

#[tokio::test]
async fn a_client_that_cuts_the_connection_keeps_what_came_and_resumes() {
    let mut world = TestRegistry::start().await;
    let bytes = pattern(2, 400_000);
    let id = upload_of(&world, "app", &bytes.slice(..1_000)).await;
    let cut = world
        .append_upload(
            &world.grant("app"),
            id,
            None,
            cut_off(399_000, bytes.slice(1_000..250_000)),
        )
        .await;
    assert_refused!(cut, Error::Receive(_));
    assert_eq!(offset(&world, "app", id).await.unwrap(), 250_000);
    world.reopen().await;
    let cut = world
        .finish_upload(
            &world.grant("app"),
            id,
            &sha256(&bytes),
            None,
            cut_off(150_000, bytes.slice(250_000..300_000)),
        )
        .await;
    assert_refused!(cut, Error::Receive(_));
    let reached = usize::try_from(offset(&world, "app", id).await.unwrap()).unwrap();
    assert!(reached >= 250_000, "a cut finish loses nothing: {reached}");
    finish(&world, "app", id, &sha256(&bytes), &bytes.slice(reached..))
        .await
        .unwrap();
    assert_eq!(world.read_blob("app", &sha256(&bytes)).await.unwrap(), bytes);
}

#[tokio::test]
async fn a_request_that_is_dropped_half_way_loses_nothing_before_it() {
    let world = TestRegistry::start().await;
    let bytes = pattern(2, 900_000);
    let id = upload_of(&world, "app", &bytes.slice(..1_000)).await;
    let hangs = futures_util::stream::iter([Ok(bytes.slice(1_000..600_000))]).chain(futures_util::stream::pending());
    let body = Body {
        length: Some(899_000),
        chunks: Box::pin(hangs),
    };
    let grant = world.grant("app");
    let hanging = world.append_upload(&grant, id, None, body);
    let dropped = tokio::time::timeout(Duration::from_millis(50), hanging).await;
    assert!(dropped.is_err(), "the client hangs");
    assert_eq!(offset(&world, "app", id).await.unwrap(), 1_000);
    finish(&world, "app", id, &sha256(&bytes), &bytes.slice(1_000..))
        .await
        .unwrap();
    assert_eq!(world.read_blob("app", &sha256(&bytes)).await.unwrap(), bytes);
}

#[tokio::test]
async fn chunks_must_start_where_the_session_ends_and_be_as_long_as_they_say() {
    let world = TestRegistry::start().await;
    let bytes = pattern(4, 300);
    let id = upload_of(&world, "app", &bytes.slice(..100)).await;
    let grant = world.grant("app");
    for (first, last) in [(0, 99), (99, 198), (101, 200), (u64::MAX >> 2, u64::MAX >> 2)] {
        let body = Body::whole(bytes.slice(..100));
        let refused = world.append_upload(&grant, id, range(first, last), body).await;
        assert_refused!(refused, Error::ChunkOutOfOrder { offset: 100, .. });
    }
    let shorter = world
        .append_upload(&grant, id, range(100, 299), Body::whole(bytes.slice(100..200)))
        .await;
    assert_refused!(
        shorter,
        Error::ChunkLength {
            declared: 200,
            received: 100
        }
    );
    // Without a declared length it is found out only at the end; the chunk counts as not sent.
    let longer = world
        .append_upload(&grant, id, range(100, 150), streamed(vec![bytes.slice(100..)]))
        .await;
    assert_refused!(longer, Error::ChunkLength { declared: 51, .. });
    assert_eq!(offset(&world, "app", id).await.unwrap(), 100);
    let right = world
        .append_upload(&grant, id, range(100, 299), Body::whole(bytes.slice(100..)))
        .await;
    assert_eq!(right.unwrap().offset, 300);
    finish(&world, "app", id, &sha256(&bytes), &Bytes::new()).await.unwrap();
}

#[tokio::test]
async fn bytes_of_a_refused_chunk_are_not_part_of_the_blob() {
    for (length, in_objects) in [(100, vec![]), (20_000, vec![20_000])] {
        let world = TestRegistry::start().await;
        let bytes = pattern(4, length);
        let id = upload_of(&world, "app", &bytes).await;
        // What would come after the first byte too many is not waited for.
        let junk = Body {
            length: None,
            ..cut_off(70_000, pattern(5, 70_000))
        };
        let at = length as u64;
        let refused = world
            .append_upload(&world.grant("app"), id, range(at, at + 10), junk)
            .await;
        assert_refused!(refused, Error::ChunkLength { .. });
        finish(&world, "app", id, &sha256(&bytes), &Bytes::new()).await.unwrap();
        assert_eq!(world.read_blob("app", &sha256(&bytes)).await.unwrap(), bytes);
        let objects = list(world.blobs()).await;
        assert_eq!(
            objects.iter().map(|object| object.size_bytes).collect::<Vec<_>>(),
            in_objects
        );
    }
}

#[tokio::test]
async fn sha512_works_announced_and_unannounced() {
    let mut world = TestRegistry::start().await;
    for length in [0_usize, 100, 100_000] {
        let bytes = pattern(length as u64 + 50, length);
        let digest = Digest::of(Algorithm::Sha512, &bytes);
        for announced in [Some(Algorithm::Sha512), None] {
            for half in [0, length / 2, length] {
                let repository = format!("r{length}/{half}/{}", announced.is_some());
                let grant = world.grant::<action::Push>(&repository);
                let id = world.start_upload(&grant, announced).await.unwrap().id;
                if half > 0 {
                    append(&world, &repository, id, &bytes.slice(..half)).await.unwrap();
                    world.reopen().await;
                }
                finish(&world, &repository, id, &digest, &bytes.slice(half..))
                    .await
                    .unwrap();
                assert_eq!(world.read_blob(&repository, &digest).await.unwrap(), bytes);
            }
        }
        let whole = format!("whole{length}");
        world
            .upload_whole(&world.grant(&whole), &digest, Body::whole(bytes.clone()))
            .await
            .unwrap();
        assert_eq!(world.read_blob(&whole, &digest).await.unwrap(), bytes);
    }
}

#[tokio::test]
async fn an_unannounced_sha512_that_is_wrong_leaves_nothing() {
    let world = TestRegistry::start().await;
    let wrong = Digest::of(Algorithm::Sha512, b"something else");
    for (sent_before, sent_last) in [(100, 0), (100, 100), (100_000, 0), (70_000, 70_000)] {
        let bytes = pattern(3, sent_before + sent_last);
        let id = upload_of(&world, "app", &bytes.slice(..sent_before)).await;
        let finished = finish(&world, "app", id, &wrong, &bytes.slice(sent_before..)).await;
        assert_refused!(finished, Error::DigestMismatch { .. });
        assert_nothing_left(&world).await;
    }
}

#[tokio::test]
async fn a_blob_over_the_limit_is_refused_and_leaves_nothing() {
    let limits = Limits {
        max_blob_bytes: 100_000,
        ..Limits::default()
    };
    let world = TestRegistry::start_with(limits, None).await;
    let (fits, large) = (pattern(1, 100_000), pattern(1, 100_001));
    let id = upload_of(&world, "app", &large.slice(..60_000)).await;
    let refused = append(&world, "app", id, &large.slice(60_000..)).await;
    assert_refused!(refused, Error::BlobTooLarge { limit_bytes: 100_000 });
    assert_nothing_left(&world).await;
    let id = upload_of(&world, "app", &large.slice(..60_000)).await;
    let refused = finish(&world, "app", id, &sha256(&large), &large.slice(60_000..)).await;
    assert_refused!(refused, Error::BlobTooLarge { .. });
    let refused = world.try_push_blob("app", large).await;
    assert_refused!(refused, Error::BlobTooLarge { .. });
    assert_nothing_left(&world).await;
    world.push_blob("app", fits).await;
}

#[tokio::test]
async fn a_finish_that_was_refused_by_a_lock_can_be_repeated() {
    let world = TestRegistry::start().await;
    world.push("app", Some("v1"), &Document::image(&["layer"])).await;
    for (seed, before, last) in [
        (1, 0, 100),
        (2, 0, 100_000),
        (6, 0, 20_000),
        (3, 100, 0),
        (7, 100, 20_000),
        (4, 70_000, 0),
        (5, 70_000, 30_000),
    ] {
        let bytes = pattern(seed, before + last);
        let id = upload_of(&world, "app", &bytes.slice(..before)).await;
        let rest = bytes.slice(before..);
        crate::lock::set_repository(&world, "app", |patch| patch.write_enabled = Some(false)).await;
        let locked = finish(&world, "app", id, &sha256(&bytes), &rest).await;
        assert_refused!(locked, Error::Locked { .. });
        crate::lock::set_repository(&world, "app", |patch| patch.write_enabled = Some(true)).await;
        finish(&world, "app", id, &sha256(&bytes), &rest).await.unwrap();
        assert_eq!(world.read_blob("app", &sha256(&bytes)).await.unwrap(), bytes);
    }
}

#[tokio::test]
async fn finishing_an_upload_is_one_request_to_the_store_whatever_its_size() {
    let world = TestRegistry::start().await;
    let spent = || {
        let counted = [
            Operation::Put,
            Operation::Write,
            Operation::Save,
            Operation::Open,
            Operation::Complete,
        ];
        counted.map(|operation| world.blobs().count(operation))
    };
    for (length, completed) in [(1, 0), (16_384, 0), (16_385, 1), (70_000, 1), (3_000_000, 1)] {
        let bytes = pattern(31, length);
        let id = upload_of(&world, "app", &bytes).await;
        let before = spent();
        let (grant, digest) = (world.grant("app"), sha256(&bytes));
        let finished = world.finish_upload(&grant, id, &digest, None, Body::empty()).await;
        finished.unwrap();
        let after = spent();
        assert_eq!(
            [0, 1, 2, 3, 4].map(|at| after[at] - before[at]),
            [0, 0, 0, 0, completed],
            "{length}"
        );
    }
}

#[tokio::test]
async fn a_finish_that_is_repeated_with_other_bytes_never_makes_a_blob_of_the_wrong_ones() {
    let world = TestRegistry::start().await;
    world.push("app", Some("v1"), &Document::image(&["layer"])).await;
    for (before, last) in [(0, 100), (0, 20_000), (0, 100_000), (100, 30_000), (70_000, 30_000)] {
        let first = pattern(21, before + last);
        let id = upload_of(&world, "app", &first.slice(..before)).await;
        crate::lock::set_repository(&world, "app", |patch| patch.write_enabled = Some(false)).await;
        let locked = finish(&world, "app", id, &sha256(&first), &first.slice(before..)).await;
        assert_refused!(locked, Error::Locked { .. });
        crate::lock::set_repository(&world, "app", |patch| patch.write_enabled = Some(true)).await;
        // As long, longer, shorter.
        let other = pattern(22, last + 1);
        for rest in [
            other.slice(..last),
            other.clone(),
            first.slice(before..before + last - 1),
        ] {
            let whole = Bytes::from([&first[..before], &rest[..]].concat());
            let digest = sha256(&whole);
            match finish(&world, "app", id, &digest, &rest).await {
                Ok(()) => assert_eq!(world.read_blob("app", &digest).await.unwrap(), whole),
                Err(_) => assert_refused!(world.read_blob("app", &digest).await, Error::BlobUnknown { .. }),
            }
        }
    }
}
