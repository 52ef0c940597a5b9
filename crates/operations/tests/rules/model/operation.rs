//! What can happen to a registry.

use std::time::Duration;

use holdfast_content::limits::ROW_BLOB_BYTES;
use proptest::{option, prelude::*, sample::Index};

/// Repositories the operations are about.
pub(crate) const REPOSITORIES: [&str; 3] = ["app", "app/web", "base"];
/// Tags the operations are about.
pub(crate) const TAGS: [&str; 2] = ["v1", "latest"];
/// Bytes of the layers: some are rows, one is stored in one step, one is streamed.
pub(crate) const LAYER_BYTES: [usize; 7] = [0, 10, 1_000, 3_000, ROW_BLOB_BYTES, ROW_BLOB_BYTES + 1, 70_000];

/// One step; numbers are places in the lists above, an [`Index`] picks from what there is.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    PushBlob {
        repository: usize,
        layer: usize,
    },
    StatBlob {
        repository: usize,
        layer: usize,
    },
    Mount {
        from: usize,
        to: usize,
        layer: usize,
    },
    DeleteBlob {
        repository: usize,
        layer: usize,
    },
    StartUpload {
        repository: usize,
        layer: usize,
    },
    /// Sends the next part of an upload's bytes, in 256ths of what is left.
    Append {
        upload: Index,
        part: u8,
        is_cut_off: bool,
    },
    Finish {
        upload: Index,
        is_digest_right: bool,
    },
    Abandon {
        upload: Index,
    },
    PutImage {
        repository: usize,
        layers: Vec<usize>,
        subject: Option<Index>,
        tag: Option<usize>,
        /// Push the blobs first, as a client does.
        with_blobs: bool,
    },
    PutIndex {
        repository: usize,
        children: Vec<Index>,
        subject: Option<Index>,
        tag: Option<usize>,
    },
    /// Pushes an index that lists blobs, as BuildKit's registry cache does.
    PutCache {
        repository: usize,
        layers: Vec<usize>,
        tag: Option<usize>,
        with_blobs: bool,
    },
    /// Pushes a manifest that was pushed somewhere before.
    PutAgain {
        repository: usize,
        manifest: Index,
        tag: Option<usize>,
    },
    DeleteTag {
        repository: usize,
        tag: usize,
    },
    DeleteManifest {
        repository: usize,
        manifest: Index,
    },
    DeleteRepository {
        repository: usize,
    },
    LockRepository {
        repository: usize,
        bits: u8,
    },
    LockTag {
        repository: usize,
        tag: usize,
        bits: u8,
    },
    LockManifest {
        repository: usize,
        manifest: Index,
        bits: u8,
    },
    Retention(Option<u32>),
    Sparse(bool),
    Advance(Duration),
    Collect {
        with_grace: bool,
    },
    PurgeUploads,
    Reopen,
}

/// Mostly unlocked, or a case would soon be stuck.
fn bits() -> impl Strategy<Value = u8> {
    prop_oneof![3 => Just(15_u8), 1 => Just(14), 1 => Just(13), 1 => Just(11), 1 => Just(7), 1 => 0..16_u8]
}

fn tag() -> impl Strategy<Value = Option<usize>> {
    option::weighted(0.7, 0..TAGS.len())
}

fn hours(hours: u64) -> Just<Operation> {
    Just(Operation::Advance(Duration::from_secs(hours * 3_600)))
}

pub(crate) fn any_operation() -> impl Strategy<Value = Operation> {
    use Operation as O;
    let repository = || 0..REPOSITORIES.len();
    let layer = || 0..LAYER_BYTES.len();
    let subject = || option::weighted(0.3, any::<Index>());
    let pushes = prop_oneof![
        2 => (repository(), layer()).prop_map(|(repository, layer)| O::PushBlob { repository, layer }),
        1 => (repository(), layer()).prop_map(|(repository, layer)| O::StatBlob { repository, layer }),
        2 => (repository(), repository(), layer()).prop_map(|(from, to, layer)| O::Mount { from, to, layer }),
        2 => (repository(), layer()).prop_map(|(repository, layer)| O::StartUpload { repository, layer }),
        2 => (any::<Index>(), any::<u8>(), prop::bool::weighted(0.3))
            .prop_map(|(upload, part, is_cut_off)| O::Append { upload, part, is_cut_off }),
        2 => (any::<Index>(), prop::bool::weighted(0.8))
            .prop_map(|(upload, is_digest_right)| O::Finish { upload, is_digest_right }),
        8 => (repository(), prop::collection::vec(layer(), 0..3), subject(), tag(), prop::bool::weighted(0.8))
            .prop_map(|(repository, layers, subject, tag, with_blobs)| O::PutImage {
                repository, layers, subject, tag, with_blobs,
            }),
        3 => (repository(), prop::collection::vec(any::<Index>(), 0..3), subject(), tag())
            .prop_map(|(repository, children, subject, tag)| O::PutIndex { repository, children, subject, tag }),
        3 => (repository(), prop::collection::vec(layer(), 0..3), tag(), prop::bool::weighted(0.8))
            .prop_map(|(repository, layers, tag, with_blobs)| O::PutCache { repository, layers, tag, with_blobs }),
        3 => (repository(), any::<Index>(), tag())
            .prop_map(|(repository, manifest, tag)| O::PutAgain { repository, manifest, tag }),
    ];
    let deletes = prop_oneof![
        1 => (repository(), layer()).prop_map(|(repository, layer)| O::DeleteBlob { repository, layer }),
        1 => any::<Index>().prop_map(|upload| O::Abandon { upload }),
        6 => (repository(), 0..TAGS.len()).prop_map(|(repository, tag)| O::DeleteTag { repository, tag }),
        4 => (repository(), any::<Index>())
            .prop_map(|(repository, manifest)| O::DeleteManifest { repository, manifest }),
        1 => repository().prop_map(|repository| O::DeleteRepository { repository }),
    ];
    let switches = prop_oneof![
        1 => (repository(), bits()).prop_map(|(repository, bits)| O::LockRepository { repository, bits }),
        1 => (repository(), 0..TAGS.len(), bits()).prop_map(|(repository, tag, bits)| O::LockTag {
            repository, tag, bits,
        }),
        1 => (repository(), any::<Index>(), bits())
            .prop_map(|(repository, manifest, bits)| O::LockManifest { repository, manifest, bits }),
        6 => prop_oneof![1 => Just(None), 3 => Just(Some(0)), 1 => Just(Some(3))].prop_map(O::Retention),
        1 => prop::bool::weighted(0.3).prop_map(O::Sparse),
    ];
    let time = prop_oneof![
        3 => prop_oneof![hours(1), hours(13), hours(25), hours(80)],
        6 => any::<bool>().prop_map(|with_grace| O::Collect { with_grace }),
        1 => Just(O::PurgeUploads),
        1 => Just(O::Reopen),
    ];
    prop_oneof![20 => pushes, 8 => deletes, 6 => switches, 12 => time]
}
