//! How many blobs are written at once: each has a file open for as long as its client takes to send it. It refuses to know
//! what is written.

use std::{net::IpAddr, sync::Arc};

use crate::shares::{Share, Shares, TooManyBlobs};

/// Blobs that may be written at once where the system allows many open files.
pub const MAX_WRITTEN_BLOBS: usize = 4096;

/// The turns; clones share them.
#[derive(Debug, Clone)]
pub struct Writing(Arc<Shares>);

/// The right of a request to write to a blob, until it is dropped.
#[derive(Debug)]
pub struct WriteTurn(#[expect(dead_code, reason = "it is held, not read")] Share);

impl Default for Writing {
    fn default() -> Self {
        Self::new(MAX_WRITTEN_BLOBS)
    }
}

impl Writing {
    /// So many at once.
    #[must_use]
    pub fn new(blobs: usize) -> Self {
        Self(Arc::new(Shares::new(blobs)))
    }

    /// Waits for the right to write to a blob.
    ///
    /// # Errors
    /// [`TooManyBlobs`] when it takes too long.
    pub async fn turn(&self, peer: IpAddr) -> Result<WriteTurn, TooManyBlobs> {
        self.0.wait(peer).await.map(WriteTurn)
    }
}
