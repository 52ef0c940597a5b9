//! The body of a request: taken whole up to a limit and within the budget, or streamed. Its limits are on silence and on
//! a least rate, not on the whole time, so that slow links work and hung ones do not stay. It refuses to know what it
//! means.

use std::{
    ops::Deref,
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
use futures_util::StreamExt as _;
use holdfast_model::ReceiveError;
use http::{HeaderValue, Response, header, request::Parts};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep},
};

use crate::{
    budget::{Asker, Budget},
    window::Window,
};

/// How much of a body nobody wants is read, so that the client sees the answer and the connection
/// can be used again. The Azure SDK for Python sends chunks of 4 MiB before it signs in.
pub const MAX_DRAINED_BYTES: u64 = 16 << 20;
/// How much of a longer one is read while its response goes out already; also of what follows a response that no face made.
pub const MAX_LINGERED_BYTES: u64 = 256 << 20;
/// How long it is read.
const LINGER: Duration = Duration::from_secs(30);
/// A body that is kept in memory comes at this rate at least, after a first `stall`; one that trickles in would hold
/// its part of the budget for ever.
const LEAST_BYTES_PER_SECOND: u64 = 4 << 10;

/// Why a body was not taken whole.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is larger than the endpoint takes.
    #[error("the request's body is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// Too many other bodies are being received.
    #[error("too many requests with bodies at once; try again in a moment")]
    Busy,
    /// It did not come.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
}

/// A whole body. It counts against the budget until it is dropped.
#[derive(Debug)]
pub struct Held {
    bytes: Bytes,
    _taken: Option<OwnedSemaphorePermit>,
}

impl Held {
    /// The bytes, in memory of their own. What outlives this is not in the budget: the caller has a limit for it.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl Deref for Held {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A request's body. What the handler leaves is drained before the response goes out.
pub struct Received<B> {
    incoming: Arc<Mutex<B>>,
    /// Nothing more can be expected: the client hung or hung up.
    is_broken: Arc<AtomicBool>,
    length: Option<u64>,
    /// What it may take while it is not read.
    window: Option<Window>,
    /// The client waits for `100 Continue` before it sends; not reading spares it the sending.
    expects_continue: bool,
    stall: Duration,
    budget: Budget,
}

impl<B> Received<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// A body that may be silent for `stall`, and be kept in memory as far as the budget goes.
    pub fn new(head: &Parts, incoming: B, stall: Duration, budget: &Budget) -> Self {
        Self {
            length: incoming.size_hint().exact(),
            incoming: Arc::new(Mutex::new(incoming)),
            is_broken: Arc::default(),
            window: head.extensions.get().cloned(),
            expects_continue: head.headers.contains_key(header::EXPECT),
            stall,
            budget: budget.clone(),
        }
    }

    /// `Content-Length`, when declared.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The body as it comes in; an error ends it.
    pub fn stream(&self) -> impl Stream<Item = Result<Bytes, ReceiveError>> + Send + use<B> {
        Chunks {
            keeps_window: true,
            ..self.chunks()
        }
    }

    /// The whole body, at most `limit_bytes`, in memory of its own: what came from the connection is copied, for a slice
    /// of it would keep its buffer.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn whole(&self, asker: Asker, limit_bytes: usize) -> Result<Held, Error> {
        if self.length.is_some_and(|length| length > limit_bytes as u64) {
            return Err(Error::TooLarge { limit_bytes });
        }
        self.release_window();
        let (mut chunks, started) = (self.chunks(), Instant::now());
        let (mut bytes, mut taken) = (BytesMut::new(), None::<OwnedSemaphorePermit>);
        loop {
            let allowed = self.stall + Duration::from_secs(bytes.len() as u64 / LEAST_BYTES_PER_SECOND);
            let Ok(next) = tokio::time::timeout_at(started + allowed, chunks.next()).await else {
                self.is_broken.store(true, Ordering::Relaxed);
                return Err(chunks.stalled().into());
            };
            let Some(chunk) = next.transpose()? else {
                let bytes = bytes.freeze();
                return Ok(Held { bytes, _taken: taken });
            };
            if asker == Asker::Stranger && self.is_wasteful() {
                self.is_broken.store(true, Ordering::Relaxed);
                return Err(Error::Busy);
            }
            if bytes.len() + chunk.len() > limit_bytes {
                return Err(Error::TooLarge { limit_bytes });
            }
            let more = self.budget.take(asker, chunk.len()).ok_or(Error::Busy)?;
            match &mut taken {
                Some(taken) => taken.merge(more),
                None => taken = Some(more),
            }
            bytes.extend_from_slice(&chunk);
        }
    }

    /// Waits for something that has nothing to do with the body, and reads and drops what comes of it meanwhile: over
    /// HTTP/2 it comes whether it is read or not.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when so much came that the wait is not worth it.
    pub async fn throw_away_during<T>(&self, wait: impl Future<Output = T>) -> Result<T, Error> {
        if self.is_over() {
            return Ok(wait.await);
        }
        self.release_window();
        let thrown_away = async {
            if self.read_rest(MAX_DRAINED_BYTES).await != Rest::More {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            done = wait => Ok(done),
            () = thrown_away => Err(Error::TooLarge { limit_bytes: MAX_DRAINED_BYTES as usize }),
        }
    }

    /// Ends a request: what is left of its body is read before the response goes out, so that the client is done sending
    /// and reads it. The connection ends where it cannot be used again.
    pub async fn finish<R>(self, response: &mut Response<R>) {
        if !self.drain().await {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
    }

    /// Reads what is left, within limits; says whether the connection can be used again. Here silence
    /// and slowness count together: a body nobody wants may not keep us long, whoever sends it.
    ///
    /// What is too long to wait for is read on while the response goes out: a connection that is closed under a client that
    /// still sends loses the response (RFC 9112 section 9.6).
    async fn drain(self) -> bool {
        self.release_window();
        if self.is_over() {
            return !self.is_broken.load(Ordering::Relaxed);
        }
        if self.expects_continue {
            return false;
        }
        if self.length.is_none_or(|length| length <= MAX_DRAINED_BYTES) {
            let limit = self.stall * 2;
            let read = tokio::time::timeout(limit, self.read_rest(MAX_DRAINED_BYTES)).await;
            if read != Ok(Rest::More) {
                return read == Ok(Rest::Nothing);
            }
        }
        self.leave()
    }

    /// Waits for nothing that is left: it is read on while the response goes out, as far as others leave a turn for it. Says
    /// whether the connection can be used again.
    pub fn leave(self) -> bool {
        self.release_window();
        if self.is_over() {
            return !self.is_broken.load(Ordering::Relaxed);
        }
        if self.expects_continue {
            return false;
        }
        if let Some(turn) = self.budget.linger() {
            // It ends with the connection, or soon.
            tokio::spawn(async move {
                let _turn = turn;
                tokio::time::timeout(LINGER, self.read_rest(MAX_LINGERED_BYTES)).await
            });
        }
        false
    }

    fn release_window(&self) {
        if let Some(window) = &self.window {
            window.release();
        }
    }

    fn is_wasteful(&self) -> bool {
        self.window.as_ref().is_some_and(Window::is_wasteful)
    }

    /// Whether nothing of it is left to read, or to be had.
    fn is_over(&self) -> bool {
        let incoming = self.incoming.lock().unwrap_or_else(PoisonError::into_inner);
        incoming.is_end_stream() || self.is_broken.load(Ordering::Relaxed)
    }

    /// Reads and drops so many bytes at most.
    async fn read_rest(&self, limit_bytes: u64) -> Rest {
        let (mut chunks, mut read) = (self.chunks(), 0);
        while let Some(chunk) = chunks.next().await {
            let Ok(chunk) = chunk else { return Rest::Broken };
            read += chunk.len() as u64;
            if self.is_wasteful() {
                self.is_broken.store(true, Ordering::Relaxed);
                return Rest::Broken;
            }
            if read > limit_bytes {
                return Rest::More;
            }
        }
        Rest::Nothing
    }

    fn chunks(&self) -> Chunks<B> {
        Chunks {
            incoming: Arc::clone(&self.incoming),
            is_broken: Arc::clone(&self.is_broken),
            window: self.window.clone(),
            keeps_window: false,
            stall: self.stall,
            silence: None,
        }
    }
}

/// What is left of a body that was read and dropped.
#[derive(Debug, PartialEq, Eq)]
enum Rest {
    Nothing,
    More,
    Broken,
}

struct Chunks<B> {
    incoming: Arc<Mutex<B>>,
    is_broken: Arc<AtomicBool>,
    window: Option<Window>,
    /// Whether what came and is not read yet counts; otherwise the body is read as it comes.
    keeps_window: bool,
    stall: Duration,
    /// Armed while nothing comes.
    silence: Option<Pin<Box<Sleep>>>,
}

impl<B> Stream for Chunks<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
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
                    return Poll::Ready(Some(Err(ReceiveError::Disconnected { source: source.into() })));
                }
                Poll::Ready(Some(Ok(frame))) => {
                    self.silence = None;
                    // Trailers carry nothing for us.
                    let Ok(data) = frame.into_data() else { continue };
                    if let Some(window) = &self.window {
                        window.received(data.len());
                        if self.keeps_window {
                            window.take_again();
                        }
                    }
                    return Poll::Ready(Some(Ok(data)));
                }
                Poll::Pending => {
                    if let Some(window) = &self.window {
                        window.release();
                    }
                    return self.wait(context);
                }
            }
        }
    }
}

impl<B> Chunks<B> {
    fn stalled(&self) -> ReceiveError {
        ReceiveError::Stalled {
            seconds: self.stall.as_secs(),
        }
    }

    fn wait(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, ReceiveError>>> {
        let stall = self.stall;
        let silence = self
            .silence
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + stall)));
        match std::future::Future::poll(silence.as_mut(), context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                self.is_broken.store(true, Ordering::Relaxed);
                Poll::Ready(Some(Err(self.stalled())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http_body_util::Full;

    use super::*;

    async fn wait_with_a_body(bytes: usize) -> Result<(), Error> {
        let ((head, ()), body) = (Request::new(()).into_parts(), vec![7; bytes]);
        let stall = Duration::from_secs(1);
        let received = Received::new(&head, Full::new(Bytes::from(body)), stall, &Budget::default());
        let wait = tokio::time::sleep(Duration::from_millis(1));
        let done = received.throw_away_during(wait).await;
        assert!(received.is_over());
        done
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_nobody_wants_is_gone_after_a_wait_and_too_much_of_it_ends_the_wait() {
        assert!(wait_with_a_body(1 << 20).await.is_ok());
        assert!(matches!(
            wait_with_a_body(MAX_DRAINED_BYTES as usize + 1).await,
            Err(Error::TooLarge { .. })
        ));
    }
}
