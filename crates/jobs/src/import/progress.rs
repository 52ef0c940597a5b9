//! How far an import came, for its row and for whoever asks. It refuses to be exact: bytes that are fetched anew count
//! anew.

use std::sync::atomic::{AtomicU64, Ordering};

use holdfast_oci::Digest;
use serde_json::json;

/// Counts what is done.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    blobs: AtomicU64,
    blobs_done: AtomicU64,
    size_bytes: AtomicU64,
    bytes_done: AtomicU64,
}

impl Progress {
    /// More blobs are needed, whether they are there already or not. One of unknown size counts no bytes.
    pub(super) fn expect(&self, needed: &[(Digest, Option<u64>)]) {
        let sizes = needed.iter().filter_map(|(_, size)| *size);
        let bytes = sizes.fold(0, u64::saturating_add);
        self.blobs.fetch_add(needed.len() as u64, Ordering::Relaxed);
        self.size_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Another blob is there.
    pub(super) fn has_blob(&self) {
        self.blobs_done.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes came in.
    pub(super) fn came(&self, bytes: usize) {
        self.bytes_done.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// As a job's row holds it; `None` before anything is known.
    pub(crate) fn to_json(&self) -> Option<String> {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let blobs = read(&self.blobs);
        let shown = json!({
            "blobs": blobs,
            "blobsDone": read(&self.blobs_done),
            "sizeBytes": read(&self.size_bytes),
            "bytesDone": read(&self.bytes_done),
        });
        (blobs > 0).then(|| shown.to_string())
    }
}
