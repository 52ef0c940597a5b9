//! Small blobs are rows: how they come, what that costs, what is left of sessions that became larger, and that no store is
//! asked for them.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use futures_util::StreamExt as _;
use holdfast_access::action;
use holdfast_blobs::fault::{Fault, Operation};
use holdfast_content::{Body, Error, Limits, limits::ROW_BLOB_BYTES};
use holdfast_model::{
    BlobPlace, Blobs as _, Durability, Metadata, MetadataError, MetadataExt as _, ReadWork, ReceiveError, WriteWork,
};
use holdfast_testkit::registry::{Gate, TestRegistry, pattern};

use crate::claims::{
    append, assert_nothing_left, assert_refused, cut_off, finish, offset, sha256, streamed, upload_of,
};

const OPERATIONS: [Operation; 9] = [
    Operation::Begin,
    Operation::Resume,
    Operation::Put,
    Operation::Write,
    Operation::Save,
    Operation::Complete,
    Operation::Open,
    Operation::Delete,
    Operation::Abandon,
];

/// How the bytes of a blob come.
#[derive(Debug, Clone, Copy)]
enum Way {
    Whole,
    WholeOfUnknownLength,
    AtTheEnd,
    AtTheEndOfUnknownLength,
    InOneChunk,
    InChunks,
    InChunksOfUnknownLength,
}

const WAYS: [Way; 7] = [
    Way::Whole,
    Way::WholeOfUnknownLength,
    Way::AtTheEnd,
    Way::AtTheEndOfUnknownLength,
    Way::InOneChunk,
    Way::InChunks,
    Way::InChunksOfUnknownLength,
];

fn in_pieces(bytes: &Bytes) -> Body {
    streamed(bytes.chunks(1_000).map(Bytes::copy_from_slice).collect())
}

async fn push(world: &TestRegistry, way: Way, bytes: &Bytes) -> Result<(), Error> {
    let (grant, digest) = (world.grant::<action::Push>("app"), sha256(bytes));
    let whole = |bytes: &Bytes| Body::whole(bytes.clone());
    match way {
        Way::Whole => return world.upload_whole(&grant, &digest, whole(bytes)).await,
        Way::WholeOfUnknownLength => return world.upload_whole(&grant, &digest, in_pieces(bytes)).await,
        _ => {}
    }
    let id = world.start_upload(&grant, None).await?.id;
    let half = bytes.len() / 2;
    let last = match way {
        Way::AtTheEnd => whole(bytes),
        Way::AtTheEndOfUnknownLength => in_pieces(bytes),
        Way::InOneChunk => {
            world.append_upload(&grant, id, None, whole(bytes)).await?;
            Body::empty()
        }
        Way::InChunks => {
            world
                .append_upload(&grant, id, None, whole(&bytes.slice(..half)))
                .await?;
            whole(&bytes.slice(half..))
        }
        _ => {
            world
                .append_upload(&grant, id, None, in_pieces(&bytes.slice(..half)))
                .await?;
            world
                .append_upload(&grant, id, None, in_pieces(&bytes.slice(half..)))
                .await?;
            streamed(Vec::new())
        }
    };
    world.finish_upload(&grant, id, &digest, None, last).await
}

#[tokio::test]
async fn a_blob_is_a_row_up_to_the_limit_and_an_object_beyond_it_however_it_comes() {
    for way in WAYS {
        for length in [0, 1, ROW_BLOB_BYTES - 1, ROW_BLOB_BYTES, ROW_BLOB_BYTES + 1] {
            let mut world = TestRegistry::start().await;
            let bytes = pattern(1, length);
            let is_row = length <= ROW_BLOB_BYTES;
            push(&world, way, &bytes).await.unwrap();
            let asked: u64 = OPERATIONS.iter().map(|operation| world.blobs().count(*operation)).sum();
            assert_eq!(
                asked == 0,
                is_row,
                "{way:?} {length}: the store was asked {asked} times"
            );
            assert_eq!(world.count_objects().await, usize::from(!is_row), "{way:?} {length}");
            let grant = world.grant::<action::Pull>("app");
            let blob = world.load_blob(&grant, &sha256(&bytes)).await.unwrap();
            assert_eq!((blob.place == BlobPlace::Row, blob.size_bytes), (is_row, length as u64));
            world.reopen().await;
            assert_eq!(
                world.read_blob("app", &sha256(&bytes)).await.unwrap(),
                bytes,
                "{way:?} {length}"
            );
            world.pass_grace();
            let collected = world.collect().await;
            assert_eq!(
                (collected.row_blobs, collected.objects, collected.freed_bytes),
                (u64::from(is_row), u64::from(!is_row), length as u64)
            );
            assert_nothing_left(&world).await;
        }
    }
}

#[tokio::test]
async fn a_row_is_read_while_no_store_can_be() {
    let mut world = TestRegistry::start().await;
    let bytes = pattern(2, ROW_BLOB_BYTES);
    let digest = world.push_blob("app", bytes.clone()).await;
    world.reopen().await;
    for operation in OPERATIONS {
        world.blobs().fail_always(operation, Fault::Failed);
    }
    assert_eq!(world.read_blob("app", &digest).await.unwrap(), bytes);
    let other = world.push_blob("app", pattern(3, ROW_BLOB_BYTES)).await;
    assert_eq!(
        world.read_blob("app", &other).await.unwrap(),
        pattern(3, ROW_BLOB_BYTES)
    );
}

/// Counts transactions.
#[derive(Default)]
struct Counts {
    reads: AtomicU64,
    relaxed: AtomicU64,
    durable: AtomicU64,
}

struct Counted {
    inner: Arc<dyn Metadata>,
    counts: Arc<Counts>,
}

#[async_trait::async_trait]
impl Metadata for Counted {
    async fn read(&self, work: ReadWork) -> Result<(), MetadataError> {
        self.counts.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.read(work).await
    }

    async fn write(&self, durability: Durability, work: WriteWork) -> Result<(), MetadataError> {
        let count = match durability {
            Durability::Durable | Durability::Pushed => &self.counts.durable,
            Durability::Relaxed => &self.counts.relaxed,
        };
        count.fetch_add(1, Ordering::SeqCst);
        self.inner.write(durability, work).await
    }
}

#[tokio::test]
async fn a_small_push_waits_for_one_flush_and_a_start_for_none() {
    let counts = Arc::new(Counts::default());
    let counted = Arc::clone(&counts);
    let decorator = Box::new(move |inner| -> Arc<dyn Metadata> {
        let counts = Arc::clone(&counted);
        Arc::new(Counted { inner, counts })
    });
    let world = TestRegistry::start_with(Limits::default(), Some(decorator)).await;
    let spent = || {
        let all = [&counts.reads, &counts.relaxed, &counts.durable];
        all.map(|count| count.swap(0, Ordering::SeqCst))
    };
    spent();
    let (one, two) = (pattern(1, 100), pattern(2, 100));
    world.push_blob("app", one).await;
    assert_eq!(spent(), [0, 0, 1], "in one request");
    let id = upload_of(&world, "app", &Bytes::new()).await;
    assert_eq!(spent(), [0, 1, 0], "a start");
    finish(&world, "app", id, &sha256(&two), &two).await.unwrap();
    assert_eq!(spent(), [1, 0, 1], "all at the end");
    let id = upload_of(&world, "app", &Bytes::new()).await;
    spent();
    append(&world, "app", id, &two).await.unwrap();
    assert_eq!(spent(), [1, 1, 0], "a chunk");
    finish(&world, "app", id, &sha256(&two), &Bytes::new()).await.unwrap();
    assert_eq!(spent(), [1, 0, 1], "nothing at the end");
}

/// Appends more than a row may hold, and drops the request when its object was begun.
async fn begin_object(world: &TestRegistry, id: holdfast_model::UploadId) {
    let more = futures_util::stream::iter([Ok::<_, ReceiveError>(pattern(9, 70_000))]);
    let body = Body {
        length: None,
        chunks: Box::pin(more.chain(futures_util::stream::pending())),
    };
    let grant = world.grant("app");
    let mut hanging = Box::pin(world.append_upload(&grant, id, None, body));
    while world.blobs().count(Operation::Write) == 0 {
        let step = std::time::Duration::from_millis(1);
        assert!(
            tokio::time::timeout(step, &mut hanging).await.is_err(),
            "the client hangs"
        );
    }
}

#[tokio::test]
async fn what_a_row_held_outlives_a_request_that_began_its_object() {
    for held in [0, 100, ROW_BLOB_BYTES] {
        for rest in [0, 10, 100_000] {
            let mut world = TestRegistry::start().await;
            let bytes = pattern(4, held + rest);
            let id = upload_of(&world, "app", &bytes.slice(..held)).await;
            begin_object(&world, id).await;
            world.reopen().await;
            assert_eq!(offset(&world, "app", id).await.unwrap(), held as u64);
            finish(&world, "app", id, &sha256(&bytes), &bytes.slice(held..))
                .await
                .unwrap();
            world.reopen().await;
            assert_eq!(world.read_blob("app", &sha256(&bytes)).await.unwrap(), bytes);
            world.pass_grace();
            world.collect().await;
            assert_nothing_left(&world).await;
        }
    }
}

#[tokio::test]
async fn a_session_leaves_no_object_behind_that_a_lost_request_began() {
    for ending in ["abandoned", "purged", "refused"] {
        let mut world = TestRegistry::start().await;
        let held = pattern(4, 100);
        let id = upload_of(&world, "app", &held).await;
        begin_object(&world, id).await;
        world.reopen().await;
        match ending {
            "abandoned" => world.abandon_upload(&world.grant("app"), id).await.unwrap(),
            "purged" => {
                world.advance(world.limits().upload_idle * 2);
                assert_eq!(world.purge_uploads().await.unwrap().uploads, 1);
            }
            _ => {
                let refused = finish(&world, "app", id, &sha256(b"other"), &Bytes::new()).await;
                assert_refused!(refused, Error::DigestMismatch { .. });
            }
        }
        assert_nothing_left(&world).await;
    }
}

#[tokio::test]
async fn an_object_that_another_node_began_goes_when_the_session_ends_as_a_row() {
    let (gate, decorator) = Gate::new();
    let world = TestRegistry::start_with(Limits::default(), Some(decorator)).await;
    let bytes = pattern(5, 200);
    let id = upload_of(&world, "app", &bytes.slice(..100)).await;
    let (registry, grant) = (world.operator().clone(), world.grant::<action::Push>("app"));
    let (digest, rest) = (sha256(&bytes), Body::whole(bytes.slice(100..)));
    let stopped = gate.close();
    let finishing =
        tokio::spawn(async move { registry.content().finish_upload(&grant, id, &digest, None, rest).await });
    stopped.reached.await.unwrap();
    let began = world.rows().transact(Durability::Relaxed, move |tx| {
        let upload = tx.find_upload(id)?;
        tx.begin_upload_object(id, 100)?;
        Ok::<_, MetadataError>(upload.expect("the session is open").object_key)
    });
    let key = began.await.unwrap();
    let mut writer = world.blobs().begin(&key).await.unwrap();
    writer.write(pattern(6, 70_000)).await.unwrap();
    writer.save().await.unwrap();
    drop(writer);
    assert_eq!(world.count_objects().await, 1);
    stopped.go_on.send(()).unwrap();
    finishing.await.unwrap().unwrap();
    assert_eq!(world.count_objects().await, 0);
    assert_eq!(world.read_blob("app", &digest).await.unwrap(), bytes);
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_no_blob_and_what_came_of_a_chunk_is_kept() {
    let world = TestRegistry::start().await;
    let bytes = pattern(7, 1_000);
    let grant = world.grant::<action::Push>("app");
    let cut = || cut_off(1_000, bytes.slice(..400));
    let whole = world.upload_whole(&grant, &sha256(&bytes), cut()).await;
    assert_refused!(whole, Error::Receive(_));
    let id = upload_of(&world, "app", &Bytes::new()).await;
    let closing = world.finish_upload(&grant, id, &sha256(&bytes), None, cut()).await;
    assert_refused!(closing, Error::Receive(_));
    assert_eq!(offset(&world, "app", id).await.unwrap(), 0);
    let chunk = world.append_upload(&grant, id, None, cut()).await;
    assert_refused!(chunk, Error::Receive(_));
    assert_eq!(offset(&world, "app", id).await.unwrap(), 400);
    assert_eq!((world.count_blobs().await, world.count_objects().await), (0, 0));
    finish(&world, "app", id, &sha256(&bytes), &bytes.slice(400..))
        .await
        .unwrap();
    assert_eq!(world.read_blob("app", &sha256(&bytes)).await.unwrap(), bytes);
}

/// What waits costs no memory, and the rows no more than the sessions a caller may have.
#[tokio::test]
async fn a_thousand_forgotten_sessions_hold_their_bytes_in_rows_until_they_are_purged() {
    let world = TestRegistry::start().await;
    let bytes = pattern(8, ROW_BLOB_BYTES);
    for _ in 0..world.limits().max_uploads_per_caller {
        upload_of(&world, "app", &bytes).await;
    }
    let more = world.start_upload(&world.grant("app"), None).await;
    assert_refused!(more, Error::TooManyUploads { .. });
    assert_eq!(world.count_objects().await, 0);
    world.advance(world.limits().upload_idle * 2);
    assert_eq!(world.purge_uploads().await.unwrap().uploads, 1_000);
    assert_nothing_left(&world).await;
}
