//! A full or broken store, of bytes or of rows: nothing half done is visible, what was promised is
//! kept, and the service goes on.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use bytes::Bytes;
use holdfast_access::action;
use holdfast_blobs::fault::{Fault, Operation};
use holdfast_content::{Body, Error, Limits};
use holdfast_model::{Durability, Metadata, MetadataError, ReadWork, StorageError, UploadId, WriteWork};
use holdfast_oci::{Algorithm, Digest};
use holdfast_testkit::registry::{Document, TestRegistry, pattern, tag};

use crate::claims::{append, assert_nothing_left, finish, offset, sha256, streamed, upload_of};

/// The ways to upload a blob.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    RowInOneRequest,
    RowAtTheEnd,
    RowInChunks,
    RowAndMore,
    SmallInOneRequest,
    LargeInOneRequest,
    SmallAtTheEnd,
    LargeAtTheEnd,
    InChunks,
    InChunksWithNothingAtTheEnd,
    WithAnotherAlgorithmAtTheEnd,
}

const WAYS: [Way; 11] = [
    Way::RowInOneRequest,
    Way::RowAtTheEnd,
    Way::RowInChunks,
    Way::RowAndMore,
    Way::SmallInOneRequest,
    Way::LargeInOneRequest,
    Way::SmallAtTheEnd,
    Way::LargeAtTheEnd,
    Way::InChunks,
    Way::InChunksWithNothingAtTheEnd,
    Way::WithAnotherAlgorithmAtTheEnd,
];

impl Way {
    fn bytes(self) -> Bytes {
        match self {
            Self::RowInOneRequest | Self::RowAtTheEnd | Self::RowInChunks => pattern(1, 16_384),
            Self::SmallInOneRequest | Self::SmallAtTheEnd => pattern(1, 16_385),
            _ => pattern(1, 300_000),
        }
    }

    fn digest(self) -> Digest {
        let algorithm = match self {
            Self::WithAnotherAlgorithmAtTheEnd => Algorithm::Sha512,
            _ => Algorithm::Sha256,
        };
        Digest::of(algorithm, &self.bytes())
    }

    /// Where the chunks end that come before the last request.
    fn chunks(self) -> &'static [usize] {
        match self {
            Self::RowAtTheEnd | Self::SmallAtTheEnd | Self::LargeAtTheEnd => &[],
            Self::RowInChunks => &[1, 16_000],
            Self::RowAndMore => &[16_384, 16_385],
            Self::InChunks | Self::WithAnotherAlgorithmAtTheEnd => &[100_000, 200_000],
            Self::InChunksWithNothingAtTheEnd => &[100_000, 300_000],
            Self::RowInOneRequest | Self::SmallInOneRequest | Self::LargeInOneRequest => {
                unreachable!("there are no sessions")
            }
        }
    }

    /// Uploads; on failure with the session that was open.
    async fn run(self, world: &TestRegistry) -> Result<(), (Option<UploadId>, Error)> {
        let (bytes, digest) = (self.bytes(), self.digest());
        if matches!(
            self,
            Self::RowInOneRequest | Self::SmallInOneRequest | Self::LargeInOneRequest
        ) {
            let grant = world.grant("app");
            let pushed = world.upload_whole(&grant, &digest, Body::whole(bytes)).await;
            return pushed.map_err(|error| (None, error));
        }
        let grant = world.grant::<action::Push>("app");
        let started = world.start_upload(&grant, None).await;
        let id = started.map_err(|error| (None, error))?.id;
        let failed = |error| (Some(id), error);
        let mut at = 0;
        for end in self.chunks() {
            append(world, "app", id, &bytes.slice(at..*end)).await.map_err(failed)?;
            at = *end;
        }
        finish(world, "app", id, &digest, &bytes.slice(at..))
            .await
            .map_err(failed)
    }

    /// Goes on with a session from where it stands.
    async fn resume(self, world: &TestRegistry, id: UploadId) -> Result<(), Error> {
        let at = usize::try_from(offset(world, "app", id).await?).unwrap();
        finish(world, "app", id, &self.digest(), &self.bytes().slice(at..)).await
    }
}

#[tokio::test]
async fn a_full_store_refuses_leaves_nothing_and_the_service_goes_on() {
    let mut met = 0;
    for way in WAYS {
        for operation in [
            Operation::Begin,
            Operation::Resume,
            Operation::Put,
            Operation::Write,
            Operation::Save,
            Operation::Complete,
        ] {
            let cut_short = matches!(operation, Operation::Put | Operation::Write);
            for fault in [Fault::Full, Fault::CutShort { kept_bytes: 500 }] {
                if fault != Fault::Full && !cut_short {
                    continue;
                }
                let world = TestRegistry::start().await;
                for nth in 1.. {
                    world.blobs().fail_nth(operation, nth, fault);
                    let Err((_, error)) = way.run(&world).await else {
                        break;
                    };
                    met += 1;
                    assert!(
                        matches!(error, Error::Storage(StorageError::Full { .. })),
                        "{way:?} {operation:?} {nth}: {error:?}"
                    );
                    assert_nothing_left(&world).await;
                    world.blobs().heal();
                }
                world.blobs().heal();
                way.run(&world).await.unwrap();
                assert_eq!(world.read_blob("app", &way.digest()).await.unwrap(), way.bytes());
            }
        }
    }
    assert!(met > 30, "the faults were met {met} times");
}

#[tokio::test]
async fn a_failing_store_costs_the_request_and_not_the_upload() {
    let mut met = 0;
    for way in WAYS {
        for operation in [
            Operation::Begin,
            Operation::Resume,
            Operation::Put,
            Operation::Write,
            Operation::Save,
            Operation::Complete,
            Operation::Open,
        ] {
            for nth in 1.. {
                let world = TestRegistry::start().await;
                world.blobs().fail_nth(operation, nth, Fault::Failed);
                let Err((session, error)) = way.run(&world).await else {
                    break;
                };
                met += 1;
                assert!(
                    matches!(error, Error::Storage(StorageError::Blobs { .. })),
                    "{way:?} {operation:?}: {error:?}"
                );
                match session {
                    Some(id) => way.resume(&world, id).await.unwrap(),
                    None => {
                        assert_nothing_left(&world).await;
                        way.run(&world).await.unwrap();
                    }
                }
                assert_eq!(world.read_blob("app", &way.digest()).await.unwrap(), way.bytes());
                assert_eq!(world.count_objects().await, 1);
            }
        }
    }
    assert!(met > 10, "the faults were met {met} times");
}

#[tokio::test]
async fn a_put_that_fails_is_not_taken_for_one_that_found_the_object() {
    let world = TestRegistry::start().await;
    world.blobs().fail_nth(Operation::Put, 1, Fault::Failed);
    let failed = Way::SmallInOneRequest.run(&world).await;
    assert!(
        matches!(failed, Err((None, Error::Storage(StorageError::Blobs { .. })))),
        "{failed:?}"
    );
    assert_eq!(world.blobs().count(Operation::Begin), 0, "nothing was written over");
}

#[tokio::test]
async fn a_store_that_fails_while_a_chunk_streams_does_not_move_the_session() {
    let world = TestRegistry::start().await;
    let bytes = pattern(1, 900_000);
    let id = upload_of(&world, "app", &bytes.slice(..100_000)).await;
    world.blobs().fail_nth(Operation::Write, 3, Fault::Failed);
    let pieces = (1..9).map(|at| bytes.slice(at * 100_000..(at + 1) * 100_000)).collect();
    let failed = world
        .append_upload(&world.grant("app"), id, None, streamed(pieces))
        .await;
    assert!(
        matches!(failed, Err(Error::Storage(StorageError::Blobs { .. }))),
        "{failed:?}"
    );
    assert_eq!(offset(&world, "app", id).await.unwrap(), 100_000);
    finish(&world, "app", id, &sha256(&bytes), &bytes.slice(100_000..))
        .await
        .unwrap();
    assert_eq!(world.read_blob("app", &sha256(&bytes)).await.unwrap(), bytes);
}

#[tokio::test]
async fn an_object_that_cannot_be_deleted_is_deleted_by_the_next_run() {
    let world = TestRegistry::start().await;
    world.push_blob("app", pattern(1, 20_000)).await;
    world.push_blob("app", pattern(1, 100_000)).await;
    world.blobs().fail_always(Operation::Delete, Fault::Failed);
    world.pass_grace();
    let collected = world.collect().await;
    assert_eq!(
        (collected.blob_links, collected.objects, collected.freed_bytes),
        (2, 0, 0)
    );
    assert_eq!(collected.failures.count, 2);
    assert_eq!((world.count_blobs().await, world.count_objects().await), (0, 2));
    world.push_blob("app", pattern(1, 20_000)).await;
    world.blobs().heal();
    world.advance(std::time::Duration::from_secs(1));
    assert_eq!(world.collect_dry().await.freed_bytes, 120_000);
    assert_eq!(world.collect().await.freed_bytes, 120_000);
    assert_eq!((world.count_blobs().await, world.count_objects().await), (1, 1));
    assert_eq!(
        world.read_blob("app", &sha256(&pattern(1, 20_000))).await.unwrap(),
        pattern(1, 20_000)
    );
}

/// Refuses one write of the rows, as a full disk or a long queue does.
#[derive(Default)]
struct RowFault {
    /// Writes until the one that fails.
    left: AtomicI64,
}

impl RowFault {
    fn fail_nth(&self, nth: i64) {
        self.left.store(nth, Ordering::SeqCst);
    }

    fn is_due(&self) -> bool {
        self.left.fetch_sub(1, Ordering::SeqCst) == 1
    }

    fn was_met(&self) -> bool {
        self.left.load(Ordering::SeqCst) <= 0
    }
}

struct FailingRows {
    inner: Arc<dyn Metadata>,
    fault: Arc<RowFault>,
    error: fn() -> MetadataError,
}

#[async_trait::async_trait]
impl Metadata for FailingRows {
    async fn read(&self, work: ReadWork) -> Result<(), MetadataError> {
        self.inner.read(work).await
    }

    async fn write(&self, durability: Durability, work: WriteWork) -> Result<(), MetadataError> {
        if self.fault.is_due() {
            return Err((self.error)());
        }
        self.inner.write(durability, work).await
    }
}

fn full() -> MetadataError {
    MetadataError::full("wrote rows", "no room for rows")
}

fn overloaded() -> MetadataError {
    MetadataError::overloaded("wrote rows", "too many wait")
}

async fn world_with(fault: &Arc<RowFault>, error: fn() -> MetadataError) -> TestRegistry {
    let fault = Arc::clone(fault);
    let decorator = Box::new(move |inner| -> Arc<dyn Metadata> {
        Arc::new(FailingRows {
            inner,
            fault: Arc::clone(&fault),
            error,
        })
    });
    TestRegistry::start_with(Limits::default(), Some(decorator)).await
}

#[tokio::test]
async fn whatever_row_is_not_written_the_upload_can_be_repeated_and_all_is_freed_in_the_end() {
    for error in [full as fn() -> MetadataError, overloaded] {
        for way in WAYS {
            for nth in 1.. {
                let fault = Arc::new(RowFault::default());
                let world = world_with(&fault, error).await;
                fault.fail_nth(nth);
                let done = way.run(&world).await;
                if !fault.was_met() {
                    break;
                }
                if done.is_err() {
                    // The bytes come back under the same session or a new one.
                    let resumed = match &done {
                        Err((Some(id), _)) => way.resume(&world, *id).await.is_ok(),
                        _ => false,
                    };
                    if !resumed {
                        way.run(&world).await.unwrap();
                    }
                }
                assert_eq!(world.read_blob("app", &way.digest()).await.unwrap(), way.bytes());
                world.advance(world.limits().upload_idle * 2);
                world.purge_uploads().await.unwrap();
                world.pass_grace();
                world.collect().await;
                world.pass_grace();
                world.collect().await;
                assert_nothing_left(&world).await;
            }
        }
    }
}

#[tokio::test]
async fn a_manifest_whose_row_is_not_written_is_not_there_at_all() {
    let fault = Arc::new(RowFault::default());
    let world = world_with(&fault, full).await;
    let image = Document::image(&["layer"]);
    for blob in image.blobs() {
        world.push_blob("app", blob.clone()).await;
    }
    fault.fail_nth(1);
    let refused = world
        .put_manifest(&world.grant("app"), image.put(tag("v1").into()))
        .await;
    assert!(
        matches!(refused, Err(Error::Storage(StorageError::Full { .. }))),
        "{refused:?}"
    );
    assert!(world.catalog().await.is_empty());
    let by_digest = world.pull("app", &image.digest().to_string()).await;
    assert!(matches!(by_digest, Err(Error::ManifestUnknown { .. })), "{by_digest:?}");
    world.push("app", Some("v1"), &image).await;
    assert_eq!(world.pull("app", "v1").await.unwrap().bytes, image.bytes());
}
