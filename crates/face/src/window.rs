//! What bodies may take that come over HTTP/2 while nobody reads them, or faster than they are read: a peer sends as much
//! of each as its stream's window lets it, whether it is wanted or not. All connections together have one budget; who
//! finds too little left is refused, for a request that waited would keep what it has. HTTP/1 reads only what is wanted.
//! It refuses to know what a body is for.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::{Request, Version};

use crate::{
    heads::{Own, TooManyRequests},
    shares::{Share, Shares},
};

/// Bytes of one body that may be on their way to us.
pub const STREAM_WINDOW_BYTES: u32 = 512 << 10;
/// What all bodies may take.
const ALL_BYTES: usize = 128 << 20;
/// What a frame takes that waits to be read, whatever it holds; the connection keeps it for the next ones until it ends.
const FRAME_BYTES: usize = 256;
/// What the frames of one body may take beyond their bytes, before its connection is to end.
const MAX_WASTED_BYTES: usize = 64 << 10;

/// The budget; clones share it.
#[derive(Debug, Clone)]
pub struct Windows(Arc<Shares>);

/// Room for the body of a request, until it is released or its last clone is dropped.
#[derive(Debug, Clone)]
pub struct Window {
    shares: Arc<Shares>,
    peer: IpAddr,
    bytes: u32,
    share: Arc<Mutex<Option<Share>>>,
    own: Own,
    wasted: Arc<AtomicUsize>,
}

impl Default for Windows {
    fn default() -> Self {
        Self(Arc::new(Shares::new(ALL_BYTES)))
    }
}

impl Windows {
    /// Room for the body of a request of the connection that `own` belongs to; `None` when it takes none.
    ///
    /// # Errors
    /// [`TooManyRequests`] when there is none.
    pub fn take<B: http_body::Body>(
        &self,
        own: &Own,
        peer: IpAddr,
        request: &Request<B>,
    ) -> Result<Option<Window>, TooManyRequests> {
        let body = request.body();
        if request.version() < Version::HTTP_2 || body.is_end_stream() {
            return Ok(None);
        }
        let length = body.size_hint().exact().and_then(|length| u32::try_from(length).ok());
        let bytes = length.map_or(STREAM_WINDOW_BYTES, |length| length.min(STREAM_WINDOW_BYTES));
        let share = self.0.try_take(peer, bytes).map_err(|_| TooManyRequests)?;
        Ok(Some(Window {
            shares: Arc::clone(&self.0),
            peer,
            bytes,
            share: Arc::new(Mutex::new(Some(share))),
            own: own.clone(),
            wasted: Arc::default(),
        }))
    }
}

impl Window {
    /// Nothing waits to be read: all that came was, and what is kept of it is counted elsewhere.
    pub(crate) fn release(&self) {
        self.lock().take();
    }

    /// Something came that may have more behind it. A body that is under way goes on also when no room is left: a peer
    /// that sends a byte now and then would keep it from others.
    pub(crate) fn take_again(&self) {
        let mut share = self.lock();
        if share.is_none() {
            *share = self.shares.try_take(self.peer, self.bytes).ok();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Share>> {
        self.share.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a frame that was read.
    pub(crate) fn received(&self, bytes: usize) {
        let wasted = FRAME_BYTES.saturating_sub(bytes);
        if wasted > 0 && self.wasted.fetch_add(wasted, Ordering::Relaxed) + wasted > MAX_WASTED_BYTES {
            self.own.end();
        }
    }

    /// Whether the body came in so many small frames that nobody has to wait for the rest.
    pub(crate) fn is_wasteful(&self) -> bool {
        self.wasted.load(Ordering::Relaxed) > MAX_WASTED_BYTES
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    /// A body of so many bytes, or of nobody knows how many.
    struct Sent(Option<u64>);

    impl http_body::Body for Sent {
        type Data = bytes::Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
            std::task::Poll::Pending
        }

        fn size_hint(&self) -> http_body::SizeHint {
            self.0
                .map_or_else(http_body::SizeHint::default, http_body::SizeHint::with_exact)
        }
    }

    fn request(version: Version, length: Option<u64>) -> Request<Sent> {
        Request::patch("/").version(version).body(Sent(length)).unwrap()
    }

    fn upload(length: Option<u64>) -> Request<Sent> {
        request(Version::HTTP_2, length)
    }

    #[test]
    fn one_address_leaves_half_to_others_and_gives_its_own_back() {
        let windows = Windows::default();
        let own = Own::default();
        let mine: Vec<_> = (0..1000)
            .map_while(|_| windows.take(&own, PEER, &upload(None)).ok())
            .collect();
        assert_eq!(mine.len(), ALL_BYTES / 2 / STREAM_WINDOW_BYTES as usize);
        assert!(windows.take(&own, PEER, &upload(Some(1))).is_err());
        assert!(windows.take(&own, OTHER, &upload(Some(1 << 40))).is_ok());
        mine[0].as_ref().unwrap().release();
        assert!(windows.take(&own, PEER, &upload(None)).is_ok());
    }

    #[test]
    fn a_body_takes_what_it_may_send_and_one_of_http1_nothing() {
        let windows = Windows::default();
        let fits = |length: u64| {
            let held: Vec<_> = (0..1 << 20)
                .map_while(|_| windows.take(&Own::default(), PEER, &upload(Some(length))).ok())
                .collect();
            held.len()
        };
        assert_eq!(fits(1 << 20), 128);
        assert_eq!(fits(1 << 16), 1024);
        let http1 = windows.take(&Own::default(), PEER, &request(Version::HTTP_11, None));
        assert!(http1.unwrap().is_none());
    }

    #[test]
    fn a_body_that_waits_for_its_client_takes_nothing_and_goes_on_whatever_others_take() {
        let (windows, own) = (Windows::default(), Own::default());
        let all = || -> Vec<_> { std::iter::from_fn(|| windows.take(&own, PEER, &upload(None)).ok()).collect() };
        let mine = windows.take(&own, PEER, &upload(None)).unwrap().unwrap();
        mine.release();
        let others = all();
        assert_eq!(others.len(), ALL_BYTES / 2 / STREAM_WINDOW_BYTES as usize);
        mine.take_again();
        drop(others);
        mine.take_again();
        assert_eq!(all().len(), ALL_BYTES / 2 / STREAM_WINDOW_BYTES as usize - 1);
    }

    #[tokio::test]
    async fn a_body_of_single_bytes_ends_its_connection_and_one_of_a_writer_of_small_pieces_does_not() {
        let (windows, own) = (Windows::default(), Own::default());
        let window = windows.take(&own, PEER, &upload(None)).unwrap().unwrap();
        (0..4000).for_each(|_| window.received(240));
        assert!(!window.is_wasteful() && own.ending().now_or_never().is_none());
        (0..MAX_WASTED_BYTES / FRAME_BYTES).for_each(|_| window.received(1));
        assert!(window.is_wasteful() && own.ending().now_or_never().is_some());
    }
}
