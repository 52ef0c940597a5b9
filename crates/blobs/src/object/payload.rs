//! The body of a request, which can be sent more than once: pieces in memory, or a stretch of a file of this machine that
//! has no name. It refuses to be read back by anybody else.

use std::{fs::File, io, os::unix::fs::FileExt as _, sync::Arc};

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
    Spooled(Arc<File>, u64),
}

impl Payload {
    pub(super) fn empty() -> Self {
        Self::Memory(Arc::default())
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Memory(pieces) => pieces.iter().map(|piece| piece.len() as u64).sum(),
            Self::Spooled(_, length) => *length,
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
            Self::Spooled(file, length) => stream::try_unfold(0, move |at| {
                let file = Arc::clone(&file);
                async move {
                    let end = length.min(at + READ_BYTES);
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
