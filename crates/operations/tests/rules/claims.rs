//! What the claims share: assertions on errors and pieces of a push.

use bytes::Bytes;
use futures_util::stream;
use holdfast_access::action;
use holdfast_content::{Body, Collected, Error};
use holdfast_model::{BlobPlace, BlobRecord, ObjectKey, ReceiveError, UploadId};
use holdfast_oci::{Algorithm, ContentRange, Digest};
use holdfast_testkit::registry::TestRegistry;

/// Asserts that a result is an error of a variant.
macro_rules! assert_refused {
    ($result:expr, $variant:pat) => {
        match $result {
            Err($variant) => {}
            other => panic!("expected {}, got {other:?}", stringify!($variant)),
        }
    };
}
pub(crate) use assert_refused;

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}

pub(crate) fn range(first: u64, last: u64) -> Option<ContentRange> {
    Some(format!("{first}-{last}").parse().unwrap())
}

/// A body of unknown length that comes in pieces.
pub(crate) fn streamed(pieces: Vec<Bytes>) -> Body {
    Body {
        length: None,
        chunks: Box::pin(stream::iter(pieces.into_iter().map(Ok))),
    }
}

/// A body whose client goes away after these bytes.
pub(crate) fn cut_off(length: u64, bytes: Bytes) -> Body {
    let gone = || ReceiveError::Disconnected {
        source: "connection reset".into(),
    };
    Body {
        length: Some(length),
        chunks: Box::pin(stream::iter([Ok(bytes), Err(gone())])),
    }
}

/// Starts an upload and appends `bytes` in one chunk, if there are any.
pub(crate) async fn upload_of(world: &TestRegistry, repository: &str, bytes: &Bytes) -> UploadId {
    let grant = world.grant::<action::Push>(repository);
    let started = world.start_upload(&grant, None).await.unwrap();
    if !bytes.is_empty() {
        append(world, repository, started.id, bytes).await.unwrap();
    }
    started.id
}

pub(crate) async fn append(world: &TestRegistry, repository: &str, id: UploadId, bytes: &Bytes) -> Result<u64, Error> {
    let progress = world
        .append_upload(&world.grant(repository), id, None, Body::whole(bytes.clone()))
        .await?;
    Ok(progress.offset)
}

pub(crate) async fn finish(
    world: &TestRegistry,
    repository: &str,
    id: UploadId,
    digest: &Digest,
    rest: &Bytes,
) -> Result<(), Error> {
    world
        .finish_upload(&world.grant(repository), id, digest, None, Body::whole(rest.clone()))
        .await
}

pub(crate) async fn offset(world: &TestRegistry, repository: &str, id: UploadId) -> Result<u64, Error> {
    let progress = world.load_upload_progress(&world.grant(repository), id).await?;
    Ok(progress.offset)
}

/// Blobs that a collection removed, whether they were rows or objects.
pub(crate) fn freed_blobs(collected: &Collected) -> u64 {
    collected.row_blobs + collected.objects
}

/// The object a blob lies in.
pub(crate) fn object_of(blob: &BlobRecord) -> ObjectKey {
    match &blob.place {
        BlobPlace::Object(key) => key.clone(),
        BlobPlace::Row => panic!("{blob:?} has no object"),
    }
}

/// Nothing of an upload or a blob is left, neither row nor object nor anything queued.
pub(crate) async fn assert_nothing_left(world: &TestRegistry) {
    use holdfast_model::MetadataExt as _;
    let queued = world.rows().query(|read| read.count_candidates()).await.unwrap();
    assert_eq!(
        (world.count_objects().await, world.count_blobs().await, queued),
        (0, 0, 0),
        "objects, blobs, candidates"
    );
}
