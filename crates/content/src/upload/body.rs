//! The body of a request as it comes in, and how much of it is there before an object is begun for it.

use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_util::{StreamExt as _, stream};

use holdfast_model::ReceiveError;

use crate::limits::{ROW_BLOB_BYTES, SMALL_BLOB_BYTES};

/// The body of a request, as it comes in.
pub struct Body {
    /// `Content-Length`, when declared.
    pub length: Option<u64>,
    /// The bytes; an error ends them.
    pub chunks: Pin<Box<dyn Stream<Item = Result<Bytes, ReceiveError>> + Send>>,
}

/// What came of a body that might be small.
pub(super) enum Gathered {
    /// All of it.
    Whole(Bytes),
    /// What came before an error ended it.
    Cut(Bytes, ReceiveError),
    /// It is longer: so many bytes came, with which it begins again.
    More(u64, Body),
}

impl Body {
    /// A body without bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            length: Some(0),
            chunks: Box::pin(stream::empty()),
        }
    }

    /// A body that is in memory already.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Self {
        let length = Some(bytes.len() as u64);
        Self {
            length,
            chunks: Box::pin(stream::once(async { Ok(bytes) })),
        }
    }

    pub(super) fn is_small(&self) -> bool {
        self.length.is_some_and(|length| length <= SMALL_BLOB_BYTES)
    }

    /// Takes the body into memory as long as a row may hold it after the bytes that it holds already. Of one that declares
    /// to be longer nothing is taken.
    pub(super) async fn gather(mut self, held_bytes: usize) -> Gathered {
        let room = ROW_BLOB_BYTES.saturating_sub(held_bytes);
        if self.length.is_some_and(|length| length > room as u64) {
            return Gathered::More(0, self);
        }
        let mut gathered = BytesMut::new();
        while let Some(chunk) = self.chunks.next().await {
            match chunk {
                Ok(chunk) if gathered.len() + chunk.len() > room => {
                    let came = (gathered.len() + chunk.len()) as u64;
                    let before = stream::iter([Ok(gathered.freeze()), Ok(chunk)]);
                    self.chunks = Box::pin(before.chain(self.chunks));
                    return Gathered::More(came, self);
                }
                Ok(chunk) => gathered.extend_from_slice(&chunk),
                Err(error) => return Gathered::Cut(gathered.freeze(), error),
            }
        }
        Gathered::Whole(gathered.freeze())
    }
}
