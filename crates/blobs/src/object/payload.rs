//! The body of a request, which can be sent more than once: pieces in memory, or a stretch of a file of this machine that
//! has no name. It refuses to be read back by anybody else.

use std::{fs::File, io, ops::Range, os::unix::fs::FileExt as _, sync::Arc};

use aws_lc_rs::digest::{self, Digest, SHA256};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};

use super::way_out::Body;

/// What is read of a file at a time.
const READ_BYTES: u64 = 64 << 10;

/// Bytes to be sent.
#[derive(Debug, Clone)]
pub(super) enum Payload {
    Memory(Arc<[Bytes]>),
    /// A stretch of a file.
    Spooled(Arc<File>, Range<u64>),
}

impl Payload {
    pub(super) fn empty() -> Self {
        Self::Memory(Arc::default())
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Memory(pieces) => pieces.iter().map(|piece| piece.len() as u64).sum(),
            Self::Spooled(_, stretch) => stretch.end - stretch.start,
        }
    }

    /// The same without its first bytes; empty where it has no more.
    pub(super) fn behind(&self, start: u64) -> Self {
        match self {
            Self::Memory(pieces) => {
                let mut left = start;
                let rest = pieces.iter().map(|piece| {
                    let cut = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
                    left -= cut as u64;
                    piece.slice(cut..)
                });
                Self::Memory(rest.collect())
            }
            Self::Spooled(file, stretch) => {
                let start = stretch.end.min(stretch.start + start);
                Self::Spooled(Arc::clone(file), start..stretch.end)
            }
        }
    }

    /// A body of these bytes.
    pub(super) fn body(&self) -> Body {
        StreamBody::new(self.pieces().map_ok(Frame::data).map_err(Into::into)).boxed_unsync()
    }

    pub(super) async fn sha256(&self) -> io::Result<Digest> {
        let mut hash = digest::Context::new(&SHA256);
        let mut pieces = self.pieces();
        while let Some(piece) = pieces.try_next().await? {
            hash.update(&piece);
        }
        Ok(hash.finish())
    }

    fn pieces(&self) -> stream::BoxStream<'static, io::Result<Bytes>> {
        match self.clone() {
            Self::Memory(pieces) => {
                let pieces = (0..pieces.len()).map(move |at| Ok(pieces[at].clone()));
                stream::iter(pieces).boxed()
            }
            Self::Spooled(file, stretch) => stream::try_unfold(stretch.start, move |at| {
                let file = Arc::clone(&file);
                async move {
                    let end = stretch.end.min(at + READ_BYTES);
                    if at == end {
                        return Ok(None);
                    }
                    let piece = tokio::task::spawn_blocking(move || read(&file, at, end)).await;
                    Ok(Some((piece.map_err(io::Error::other)??, end)))
                }
            })
            .boxed(),
        }
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self::Memory(Arc::new([bytes]))
    }
}

pub(super) fn read(file: &File, at: u64, end: u64) -> io::Result<Bytes> {
    let length = usize::try_from(end - at).map_err(io::Error::other)?;
    let mut piece = vec![0; length];
    file.read_exact_at(&mut piece, at)?;
    Ok(piece.into())
}
