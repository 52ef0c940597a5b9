//! The memory that all uploads to object stores share: parts are gathered in segments of it, and what finds no segment goes
//! into a file without a name. Nobody waits for memory, so a client that stalls with a part half sent holds up no other.

use std::{
    fs::File,
    io::{self, Write as _},
    mem,
    path::PathBuf,
    sync::Arc,
};

use bytes::Bytes;
use holdfast_model::hold;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::payload::{Payload, read};

/// Parts of all uploads that are kept in memory, and on their way.
pub const UPLOAD_MEMORY_BYTES: usize = 64 << 20;
/// Memory is taken in such pieces. Each upload that goes into a file has one of its own besides.
const SEGMENT_BYTES: usize = 256 << 10;

/// The memory of a process's uploads; clones share it.
#[derive(Debug, Clone)]
pub struct UploadMemory {
    segments: Arc<Semaphore>,
    /// Where files without a name are made.
    spool: PathBuf,
}

/// Bytes that are gathered for a part.
#[derive(Debug)]
pub(super) struct Gather {
    memory: UploadMemory,
    held: Vec<Segment>,
    /// Once there was no memory: what came before.
    spooled: Option<Arc<File>>,
    length: u64,
}

#[derive(Debug)]
struct Segment {
    bytes: Vec<u8>,
    /// `None` of the one that fills up before it goes into a file.
    permit: Option<OwnedSemaphorePermit>,
}

impl UploadMemory {
    /// So many bytes, and the folder for what does not fit.
    #[must_use]
    pub fn new(bytes: usize, spool: PathBuf) -> Self {
        Self {
            segments: Arc::new(Semaphore::new(bytes / SEGMENT_BYTES)),
            spool,
        }
    }

    pub(super) fn gather(&self) -> Gather {
        Gather {
            memory: self.clone(),
            held: Vec::new(),
            spooled: None,
            length: 0,
        }
    }

    fn segment(&self) -> Option<Segment> {
        let permit = Arc::clone(&self.segments).try_acquire_owned().ok()?;
        Some(Segment {
            bytes: Vec::with_capacity(SEGMENT_BYTES),
            permit: Some(permit),
        })
    }
}

impl Gather {
    pub(super) fn len(&self) -> u64 {
        self.length
    }

    /// Copies bytes, so that what they were received in is free at once.
    pub(super) async fn push(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = self.room().await?;
            let (now, later) = bytes.split_at(bytes.len().min(room.capacity() - room.len()));
            room.extend_from_slice(now);
            self.length += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    /// The first so many bytes as a payload; what is left is gathered on.
    pub(super) async fn cut(&mut self, length: u64) -> io::Result<Payload> {
        let whole = mem::take(&mut self.length);
        let payload = if self.spooled.is_some() {
            self.spill().await?;
            self.held.clear();
            let file = self
                .spooled
                .take()
                .ok_or_else(|| io::Error::other("what was spooled is gone"))?;
            if length < whole {
                let rest = Arc::clone(&file);
                let rest = blocking(move || read(&rest, length, whole)).await?;
                self.push(&rest).await?;
            }
            Payload::Spooled(file, 0..length)
        } else {
            let mut pieces: Vec<Bytes> = mem::take(&mut self.held).into_iter().map(Segment::freeze).collect();
            let rest = split_off(&mut pieces, length);
            for piece in rest {
                self.push(&piece).await?;
            }
            Payload::Memory(pieces.into())
        };
        Ok(payload)
    }

    /// A segment with room in it.
    async fn room(&mut self) -> io::Result<&mut Vec<u8>> {
        let is_full = self
            .held
            .last()
            .is_none_or(|last| last.bytes.len() == last.bytes.capacity());
        if is_full {
            let fresh = if self.spooled.is_some() {
                None
            } else {
                self.memory.segment()
            };
            match fresh {
                Some(segment) => self.held.push(segment),
                None => {
                    self.spill().await?;
                    self.held.push(Segment {
                        bytes: Vec::with_capacity(SEGMENT_BYTES),
                        permit: None,
                    });
                }
            }
        }
        let last = self
            .held
            .last_mut()
            .ok_or_else(|| io::Error::other("there is a segment"))?;
        Ok(&mut last.bytes)
    }

    /// Writes what is in memory to the file, which is made when there is none.
    async fn spill(&mut self) -> io::Result<()> {
        let held = mem::take(&mut self.held);
        let spool = self.memory.spool.clone();
        let made = self.spooled.clone();
        let file = blocking(move || {
            let file = match made {
                Some(file) => file,
                None => Arc::new(tempfile::tempfile_in(spool)?),
            };
            for segment in held {
                (&*file).write_all(&segment.bytes)?;
            }
            Ok(file)
        })
        .await?;
        self.spooled = Some(file);
        Ok(())
    }
}

impl Segment {
    /// As bytes that hold their memory until they are let go.
    fn freeze(self) -> Bytes {
        hold(self.bytes, self.permit)
    }
}

/// Cuts pieces to a length; what is behind it.
fn split_off(pieces: &mut Vec<Bytes>, length: u64) -> Vec<Bytes> {
    let mut rest = Vec::new();
    let mut left = length;
    for piece in pieces.iter_mut() {
        let keep = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        left -= keep as u64;
        rest.push(piece.split_off(keep));
    }
    pieces.retain(|piece| !piece.is_empty());
    rest.retain(|piece| !piece.is_empty());
    rest
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_back(payload: &Payload) -> Vec<u8> {
        use http_body_util::BodyExt as _;
        payload.body().collect().await.unwrap().to_bytes().to_vec()
    }

    fn pattern(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at % 251) as u8).collect()
    }

    #[tokio::test]
    async fn bytes_are_the_same_in_memory_and_in_a_file() {
        let bytes = pattern(3 * SEGMENT_BYTES + 5);
        for segments in [0, 1, 2, 100] {
            let memory = UploadMemory::new(segments * SEGMENT_BYTES, std::env::temp_dir());
            let mut gather = memory.gather();
            for piece in bytes.chunks(70_001) {
                gather.push(piece).await.unwrap();
            }
            assert_eq!(gather.len(), bytes.len() as u64);
            let first = gather.cut(SEGMENT_BYTES as u64 + 1).await.unwrap();
            assert_eq!(read_back(&first).await, bytes[..SEGMENT_BYTES + 1], "{segments}");
            for start in [1, 100_000, SEGMENT_BYTES, SEGMENT_BYTES + 1] {
                let behind = first.behind(start as u64);
                assert_eq!(behind.len(), (SEGMENT_BYTES + 1 - start) as u64, "{segments}");
                assert_eq!(read_back(&behind).await, bytes[start..SEGMENT_BYTES + 1], "{segments}");
            }
            gather.push(b"more").await.unwrap();
            let rest = gather.cut(gather.len()).await.unwrap();
            assert_eq!(
                read_back(&rest).await,
                [&bytes[SEGMENT_BYTES + 1..], b"more"].concat(),
                "{segments}"
            );
            assert_eq!((gather.len(), rest.len()), (0, 2 * SEGMENT_BYTES as u64 + 8));
        }
    }

    #[tokio::test]
    async fn memory_comes_back_when_the_bytes_are_sent() {
        let memory = UploadMemory::new(2 * SEGMENT_BYTES, std::env::temp_dir());
        let mut gather = memory.gather();
        gather.push(&pattern(2 * SEGMENT_BYTES)).await.unwrap();
        let payload = gather.cut(gather.len()).await.unwrap();
        assert!(matches!(payload, Payload::Memory(_)), "{payload:?}");
        assert_eq!(memory.segments.available_permits(), 0);
        let mut other = memory.gather();
        other.push(b"waits for nobody").await.unwrap();
        assert!(matches!(other.cut(16).await.unwrap(), Payload::Spooled(..)));
        drop(payload);
        assert_eq!(memory.segments.available_permits(), 2);
        other.push(b"in memory again").await.unwrap();
        assert!(matches!(other.cut(15).await.unwrap(), Payload::Memory(_)));
    }
}
