//! The body of a response: nothing, bytes, a stretch of a file, or several of them with text in
//! between. Files are read ahead in large steps off the async threads.

use std::{
    collections::VecDeque,
    fs::File,
    future::Future,
    io::{self, Read as _, Seek as _, SeekFrom},
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use holdfast_registry::ports::Readable;
use http_body::{Frame, SizeHint};
use tokio::task::JoinHandle;

/// Bytes read from a file in one step: large enough that the hop to a blocking thread does not
/// count, small enough that many slow readers together stay cheap.
const STEP_BYTES: u64 = 512 << 10;

/// A response body. Its length is always known.
#[derive(Debug, Default)]
pub struct Body {
    parts: VecDeque<Part>,
    remaining: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

#[derive(Debug)]
enum Part {
    Bytes(Bytes),
    File { file: Arc<File>, range: Range<u64> },
}

impl Body {
    /// No bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// These bytes.
    #[must_use]
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        let mut body = Self::default();
        body.push_bytes(bytes.into());
        body
    }

    /// An object's bytes.
    #[must_use]
    pub fn readable(content: Readable) -> Self {
        let mut body = Self::default();
        body.push_readable(content);
        body
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.remaining
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remaining == 0
    }

    pub(crate) fn push_bytes(&mut self, bytes: Bytes) {
        self.remaining += bytes.len() as u64;
        if !bytes.is_empty() {
            self.parts.push_back(Part::Bytes(bytes));
        }
    }

    pub(crate) fn push_readable(&mut self, content: Readable) {
        match content {
            Readable::Bytes(bytes) => self.push_bytes(bytes),
            Readable::File { file, range } => {
                self.remaining += range.end - range.start;
                if !range.is_empty() {
                    self.parts.push_back(Part::File {
                        file: Arc::new(file),
                        range,
                    });
                }
            }
        }
    }

    /// Starts reading the next step of the file in front, if there is one.
    fn read_ahead(&mut self) {
        let Some(Part::File { file, range }) = self.parts.front_mut() else {
            return;
        };
        let file = Arc::clone(file);
        let step = range.start..range.end.min(range.start + STEP_BYTES);
        range.start = step.end;
        if range.is_empty() {
            self.parts.pop_front();
        }
        self.reading = Some(tokio::task::spawn_blocking(move || read(&file, step)));
    }
}

/// Reads into fresh memory without clearing it first. A body has its file to itself and reads one
/// step at a time, so the file's own position can be moved.
fn read(mut file: &File, range: Range<u64>) -> io::Result<Bytes> {
    let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(length);
    file.seek(SeekFrom::Start(range.start))?;
    if file.take(length as u64).read_to_end(&mut bytes)? == length {
        Ok(bytes.into())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.reading.is_none() {
            match self.parts.front() {
                None => return Poll::Ready(None),
                Some(Part::File { .. }) => self.read_ahead(),
                Some(Part::Bytes(_)) => {
                    let Some(Part::Bytes(bytes)) = self.parts.pop_front() else {
                        return Poll::Ready(None);
                    };
                    self.remaining -= bytes.len() as u64;
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
            }
        }
        let Some(reading) = self.reading.as_mut() else {
            return Poll::Ready(None);
        };
        let read = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        let bytes = read.map_err(io::Error::other)??;
        self.remaining -= bytes.len() as u64;
        self.read_ahead();
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}
