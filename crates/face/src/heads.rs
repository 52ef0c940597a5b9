//! What requests may take while they are answered, before anything is known of them: their heads, and what handling one
//! costs. A peer sends as many as its connections take and holds their bodies back, so this is counted, all connections
//! together. Each connection has one ordinary request whatever others take; the rest comes out of one budget, and who
//! finds too little left is refused, for a request that waited would keep what it has. It refuses to know what is asked.

use std::{net::IpAddr, sync::Arc};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Uri, Version};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::{
    shares::{Share, Shares},
    tables::{Table, Tables},
};

/// What answering a request takes beside its head: its task, what it has called, and its stream.
const REQUEST_BYTES: usize = 16 << 10;
/// What the table of headers takes for each beside its text.
const HEADER_BYTES: usize = 128;
/// What one request of a connection may take, whatever others take: one with a head as most have it.
const OWN_BYTES: usize = REQUEST_BYTES + (8 << 10);
/// What all requests may take beyond that.
const ALL_BYTES: usize = 64 << 20;

/// As many requests are answered as may be.
#[derive(Debug, thiserror::Error)]
#[error("too many requests at once, by all or from your address; try again in a moment")]
pub struct TooManyRequests;

/// The budget; clones share it.
#[derive(Debug, Clone)]
pub struct Heads {
    shares: Arc<Shares>,
    tables: Tables,
}

/// What belongs to one connection: the one request that it has for itself, and what it keeps; clones share it.
#[derive(Debug, Clone)]
pub struct Own {
    request: Arc<Semaphore>,
    table: Table,
    ending: Arc<Notify>,
}

/// Room for a request, until this is dropped.
#[derive(Debug)]
pub struct HeadRoom {
    _own: Option<OwnedSemaphorePermit>,
    _share: Option<Share>,
}

impl Default for Heads {
    fn default() -> Self {
        Self::new(ALL_BYTES)
    }
}

impl Default for Own {
    fn default() -> Self {
        Self {
            request: Arc::new(Semaphore::new(1)),
            table: Table::default(),
            ending: Arc::default(),
        }
    }
}

impl Own {
    /// Waits until the connection is to end when its requests are answered: it keeps more than is left for it.
    pub async fn ending(&self) {
        self.ending.notified().await;
    }

    pub(crate) fn end(&self) {
        self.ending.notify_one();
    }
}

impl Heads {
    fn new(bytes: usize) -> Self {
        Self {
            shares: Arc::new(Shares::new(bytes)),
            tables: Tables::default(),
        }
    }

    /// Room for a request that came on the connection that `own` belongs to.
    ///
    /// # Errors
    /// [`TooManyRequests`] when there is none.
    pub fn take<B>(&self, own: &Own, peer: IpAddr, request: &Request<B>) -> Result<HeadRoom, TooManyRequests> {
        if request.version() == Version::HTTP_2 && !self.tables.count(&own.table, peer) {
            own.end();
        }
        let own = Arc::clone(&own.request).try_acquire_owned().ok();
        let free = if own.is_some() { OWN_BYTES } else { 0 };
        let share = match cost(request).saturating_sub(free) {
            0 => None,
            bytes => {
                let bytes = u32::try_from(bytes).map_err(|_| TooManyRequests)?;
                let share = self.shares.try_take(peer, bytes).map_err(|_| TooManyRequests)?;
                Some(share)
            }
        };
        Ok(HeadRoom {
            _own: own,
            _share: share,
        })
    }
}

/// What a request takes. Its texts count twice: once as they came, once for what is made of them (the path in the access
/// log, a credential decoded).
fn cost<B>(request: &Request<B>) -> usize {
    let uri = request.uri();
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
    let headers = request.headers();
    let texts = headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    let texts = texts.sum::<usize>() + target + authority;
    REQUEST_BYTES + headers.len() * HEADER_BYTES + 2 * texts
}

/// Gives a request's head memory of its own: as it came from the connection it is slices, and the least of them keeps the
/// buffer that it lies in.
pub fn detach<B>(request: &mut Request<B>) {
    detach_headers(request.headers_mut());
    let uri = request.uri().to_string();
    if let Ok(uri) = Uri::from_maybe_shared(Bytes::from(uri)) {
        *request.uri_mut() = uri;
    }
}

fn detach_headers(headers: &mut HeaderMap) {
    let mut buffer = BytesMut::with_capacity(headers.values().map(HeaderValue::len).sum());
    for value in headers.values_mut() {
        buffer.extend_from_slice(value.as_bytes());
        let copy = HeaderValue::from_maybe_shared(buffer.split().freeze());
        *value = copy.expect("the bytes of a value are one");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn request(header_bytes: usize) -> Request<()> {
        let request = Request::post("/oauth2/token").header("x", "a".repeat(header_bytes));
        request.body(()).unwrap()
    }

    #[test]
    fn one_address_leaves_room_for_others_and_gives_its_own_back() {
        let (heads, own) = (Heads::new(16 * REQUEST_BYTES), Own::default());
        let mine: Vec<_> = (0..16)
            .filter_map(|_| heads.take(&own, PEER, &request(16)).ok())
            .collect();
        assert_eq!(mine.len(), 1 + 7);
        assert!(heads.take(&own, OTHER, &request(16)).is_ok());
        drop(mine);
        assert!(heads.take(&own, PEER, &request(16)).is_ok());
    }

    #[test]
    fn a_connection_has_one_ordinary_request_whatever_others_take() {
        let heads = Heads::new(0);
        let (one, other) = (Own::default(), Own::default());
        let held = heads.take(&one, PEER, &request(1000)).unwrap();
        assert!(heads.take(&one, PEER, &request(0)).is_err(), "a second");
        assert!(heads.take(&other, PEER, &request(1000)).is_ok());
        assert!(heads.take(&other, PEER, &request(20_000)).is_err(), "a large one");
        drop(held);
        assert!(heads.take(&one, PEER, &request(1000)).is_ok());
    }

    #[test]
    fn a_head_is_charged_for_its_texts_and_its_headers() {
        let plain = cost(&request(0));
        assert_eq!(cost(&request(3000)), plain + 6000);
        let mut many = request(0);
        for _ in 0..10 {
            many.headers_mut().append("y", HeaderValue::from_static(""));
        }
        assert_eq!(cost(&many), plain + 10 * (HEADER_BYTES + 2));
    }

    #[test]
    fn a_detached_head_says_the_same_and_keeps_no_buffer() {
        let buffer = Bytes::from(b"/v2/a%20b/tags/list?n=1#localhost:5000#secret".to_vec());
        let at = |text: &str| {
            let start = std::str::from_utf8(&buffer).unwrap().find(text).unwrap();
            buffer.slice(start..start + text.len())
        };
        let mut request = Request::new(());
        *request.uri_mut() = Uri::from_maybe_shared(at("/v2/a%20b/tags/list?n=1")).unwrap();
        for (name, text) in [("host", "localhost:5000"), ("x", "secret"), ("x", "n=1")] {
            let value = HeaderValue::from_maybe_shared(at(text)).unwrap();
            request.headers_mut().append(name, value);
        }
        let before = format!("{:?}", (request.uri(), request.headers()));
        assert!(!buffer.is_unique());
        detach(&mut request);
        assert_eq!(format!("{:?}", (request.uri(), request.headers())), before);
        assert!(buffer.is_unique());
    }

    #[test]
    fn every_form_of_a_target_is_detached_as_it_is() {
        for target in [
            "*",
            "/",
            "localhost:443",
            "http://localhost/",
            "https://a.example:5000/v2/?x=%2F&y=/?",
        ] {
            let mut request = Request::builder().uri(target).body(()).unwrap();
            let before = request.uri().clone();
            detach(&mut request);
            assert_eq!(*request.uri(), before, "{target}");
        }
    }
}
