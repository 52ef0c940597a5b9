//! The body of a response: nothing, bytes, stretches of a blob, or several of them with text in between. It refuses to
//! know what they mean.

use std::{
    collections::VecDeque,
    io,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use holdfast_model::{Content as Stored, hold};
use http_body::{Frame, SizeHint};

use crate::{
    reader::{Reader, Source},
    sendfile::Sendfile,
    sending::{Turn, Whole},
};

/// A response body. Its length is always known.
#[derive(Debug, Default)]
pub struct Body {
    parts: VecDeque<Part>,
    remaining: u64,
    content: Option<Content>,
}

#[derive(Debug)]
enum Part {
    Bytes(Bytes),
    /// A stretch of the content that is read as it is sent.
    Stretch(Range<u64>),
}

/// What stretches are taken of.
#[derive(Debug)]
enum Content {
    Bytes(Bytes),
    Read(Reader),
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

    /// A body for stretches of this content; it has none yet.
    #[must_use]
    pub fn of(content: Stored, turn: Turn) -> Self {
        let content = match content.as_bytes() {
            Some(bytes) => Content::Bytes(hold(bytes.clone(), turn)),
            None => Content::Read(Reader::new(Arc::new(Source::new(content, turn)))),
        };
        Self {
            content: Some(content),
            ..Self::default()
        }
    }

    /// How much of it is in memory already.
    #[must_use]
    pub fn whole_bytes(&self) -> u64 {
        match self.content {
            // That has its turn.
            Some(_) => 0,
            None => self.remaining,
        }
    }

    /// The same, which takes this memory until it is sent.
    #[must_use]
    pub fn in_memory(mut self, whole: Whole) -> Self {
        // What is whole is one part.
        if let (None, Some(Part::Bytes(bytes))) = (&self.content, self.parts.front_mut()) {
            *bytes = hold(std::mem::take(bytes), whole);
        }
        self
    }

    /// The same for this connection, which has the kernel send what it can: it comes as stand-ins.
    #[must_use]
    pub fn by(mut self, sendfile: Sendfile) -> Self {
        if let Some(Content::Read(reader)) = &mut self.content {
            reader.send_by(sendfile);
        }
        self
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

    /// These bytes after what is there.
    pub fn push_bytes(&mut self, bytes: Bytes) {
        self.remaining += bytes.len() as u64;
        if !bytes.is_empty() {
            self.parts.push_back(Part::Bytes(bytes));
        }
    }

    /// A stretch of its content after what is there.
    pub fn push_stretch(&mut self, stretch: Range<u64>) {
        match &self.content {
            Some(Content::Bytes(bytes)) => {
                // They fit into memory, so what lies inside them fits into usize.
                let at = |offset| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let bytes = bytes.slice(at(stretch.start)..at(stretch.end));
                self.push_bytes(bytes);
            }
            Some(Content::Read(_)) if !stretch.is_empty() => {
                self.remaining += stretch.end - stretch.start;
                self.parts.push_back(Part::Stretch(stretch));
            }
            Some(Content::Read(_)) | None => {}
        }
    }
}

impl Part {
    fn is_empty(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Stretch(stretch) => stretch.is_empty(),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        let bytes = match (this.parts.front_mut(), &mut this.content) {
            (Some(Part::Bytes(bytes)), _) => std::mem::take(bytes),
            (Some(Part::Stretch(stretch)), Some(Content::Read(reader))) => ready!(reader.poll_next(stretch, context))?,
            _ => return Poll::Ready(None),
        };
        if this.parts.front().is_some_and(Part::is_empty) {
            this.parts.pop_front();
        }
        this.remaining -= bytes.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}
