//! The body of a request: taken whole up to a limit, or streamed; with a limit on silence, not on
//! the whole time, so that slow links work and hung ones do not stay.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use holdfast_registry::ReceiveError;
use http::{HeaderMap, header};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use crate::error::Error;

/// How much of a body nobody wants is read, so that the client sees the answer and the connection
/// can be used again. The Azure SDK for Python sends chunks of 4 MiB before it signs in.
pub const MAX_DRAINED_BYTES: u64 = 16 << 20;

/// A request's body. What the handler leaves is drained before the answer goes out.
pub(crate) struct Received {
    incoming: Arc<Mutex<Incoming>>,
    /// Nothing more can be expected: the client hung or hung up.
    is_broken: Arc<AtomicBool>,
    length: Option<u64>,
    /// The client waits for `100 Continue` before it sends; not reading spares it the sending.
    expects_continue: bool,
    stall: Duration,
}

impl Received {
    pub(crate) fn new(incoming: Incoming, headers: &HeaderMap, stall: Duration) -> Self {
        let length = incoming.size_hint().exact();
        let expects_continue = headers.contains_key(header::EXPECT);
        Self {
            incoming: Arc::new(Mutex::new(incoming)),
            is_broken: Arc::default(),
            length,
            expects_continue,
            stall,
        }
    }

    /// The body as the rules take it.
    pub(crate) fn stream(&self) -> holdfast_registry::Body {
        holdfast_registry::Body {
            length: self.length,
            chunks: Box::pin(self.chunks()),
        }
    }

    /// The whole body, at most `limit` bytes.
    pub(crate) async fn whole(&self, limit: usize) -> Result<Bytes, Error> {
        use futures_util::StreamExt as _;
        let too_large = || Error::BodyTooLarge { limit_bytes: limit };
        if self.length.is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let mut chunks = self.chunks();
        let Some(first) = chunks
            .next()
            .await
            .transpose()
            .map_err(holdfast_registry::Error::from)?
        else {
            return Ok(Bytes::new());
        };
        if self.length == Some(first.len() as u64) {
            return Ok(first);
        }
        let mut bytes = BytesMut::from(first);
        while bytes.len() <= limit {
            match chunks
                .next()
                .await
                .transpose()
                .map_err(holdfast_registry::Error::from)?
            {
                Some(chunk) => bytes.extend_from_slice(&chunk),
                None => return Ok(bytes.freeze()),
            }
        }
        Err(too_large())
    }

    /// Reads what is left, within limits; says whether the connection can be used again. Here silence
    /// and slowness count together: a body nobody wants may not keep us long, whoever sends it.
    pub(crate) async fn drain(self) -> bool {
        let limit = self.stall * 2;
        tokio::time::timeout(limit, self.read_rest()).await.unwrap_or(false)
    }

    async fn read_rest(self) -> bool {
        use futures_util::StreamExt as _;
        if self.is_broken.load(Ordering::Relaxed) {
            return false;
        }
        let is_unread = !self
            .incoming
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_end_stream();
        if !is_unread {
            return true;
        }
        if self.expects_continue || self.length.is_some_and(|length| length > MAX_DRAINED_BYTES) {
            return false;
        }
        let (mut chunks, mut drained) = (self.chunks(), 0);
        while let Some(chunk) = chunks.next().await {
            let Ok(chunk) = chunk else { return false };
            drained += chunk.len() as u64;
            if drained > MAX_DRAINED_BYTES {
                return false;
            }
        }
        true
    }

    fn chunks(&self) -> Chunks {
        Chunks {
            incoming: Arc::clone(&self.incoming),
            is_broken: Arc::clone(&self.is_broken),
            stall: self.stall,
            silence: None,
        }
    }
}

struct Chunks {
    incoming: Arc<Mutex<Incoming>>,
    is_broken: Arc<AtomicBool>,
    stall: Duration,
    /// Armed while nothing comes.
    silence: Option<Pin<Box<Sleep>>>,
}

impl Stream for Chunks {
    type Item = Result<Bytes, ReceiveError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let polled = {
                let mut incoming = self.incoming.lock().unwrap_or_else(PoisonError::into_inner);
                Pin::new(&mut *incoming).poll_frame(context)
            };
            match polled {
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Err(source))) => {
                    self.is_broken.store(true, Ordering::Relaxed);
                    return Poll::Ready(Some(Err(ReceiveError::Disconnected {
                        source: Box::new(source),
                    })));
                }
                Poll::Ready(Some(Ok(frame))) => {
                    self.silence = None;
                    // Trailers carry nothing for us.
                    let Ok(data) = frame.into_data() else { continue };
                    return Poll::Ready(Some(Ok(data)));
                }
                Poll::Pending => return self.wait(context),
            }
        }
    }
}

impl Chunks {
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, ReceiveError>>> {
        let stall = self.stall;
        let silence = self
            .silence
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + stall)));
        match std::future::Future::poll(silence.as_mut(), context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                self.is_broken.store(true, Ordering::Relaxed);
                Poll::Ready(Some(Err(ReceiveError::Stalled {
                    seconds: stall.as_secs(),
                })))
            }
        }
    }
}
