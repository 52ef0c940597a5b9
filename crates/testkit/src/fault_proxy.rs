//! Stands in front of a server that speaks HTTP and makes some requests fail: an answer of 503 instead of the server's, or a
//! body that is cut off half-way. Which ones is counted, not drawn, so a test fails again as it failed. It refuses to know
//! what is asked for.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header, uri::Authority};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::{net::TcpListener, task::JoinHandle};

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// The proxy; it ends with this.
pub struct FaultProxy {
    address: SocketAddr,
    faults: Arc<Faults>,
    serving: JoinHandle<()>,
}

/// What is made to fail: one of so many, and how many did.
struct Faults {
    upstream: Authority,
    every: u64,
    cuts: Cuts,
    asked: AtomicU64,
    refused: AtomicU64,
    cut: AtomicU64,
}

/// Whose answers are cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cuts {
    /// Any request's.
    All,
    /// Those of requests that read: for a server that does twice what it is asked twice.
    Reads,
}

impl FaultProxy {
    /// In front of a server, of whose requests one of `every` is refused, and another one's answer cut off.
    ///
    /// # Panics
    /// It cannot listen.
    pub async fn start(upstream: SocketAddr, every: u64, cuts: Cuts) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("there is a free port");
        let address = listener.local_addr().expect("it has an address");
        let faults = Arc::new(Faults {
            upstream: upstream.to_string().parse().expect("an address is an authority"),
            every,
            cuts,
            asked: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            cut: AtomicU64::new(0),
        });
        let serving = tokio::spawn(serve(listener, Arc::clone(&faults)));
        Self {
            address,
            faults,
            serving,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests were refused, and how many answers cut off.
    #[must_use]
    pub fn faults(&self) -> (u64, u64) {
        let Faults { refused, cut, .. } = &*self.faults;
        (refused.load(Ordering::Relaxed), cut.load(Ordering::Relaxed))
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, faults: Arc<Faults>) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (faults, client) = (Arc::clone(&faults), client.clone());
        connections.spawn(async move {
            let answer = service_fn(|request| answer(&faults, &client, request));
            // A connection that ends early is what the client sees.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

async fn answer(
    faults: &Faults,
    client: &Client<HttpConnector, Incoming>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let number = faults.asked.fetch_add(1, Ordering::Relaxed) % faults.every;
    if number == faults.every / 2 {
        faults.refused.fetch_add(1, Ordering::Relaxed);
        return Ok(refusal());
    }
    let may_be_cut = faults.cuts == Cuts::All || request.method() == Method::GET;
    let (mut parts, body) = request.into_parts();
    let mut uri = parts.uri.into_parts();
    uri.scheme = Some(http::uri::Scheme::HTTP);
    uri.authority = Some(faults.upstream.clone());
    parts.uri = http::Uri::from_parts(uri).expect("it has a path");
    let Ok(answer) = client.request(Request::from_parts(parts, body)).await else {
        return Ok(refusal());
    };
    let length = answer
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    let length: u64 = length.and_then(|length| length.parse().ok()).unwrap_or_default();
    if number + 1 < faults.every || length < 2 || !may_be_cut {
        return Ok(answer.map(|body| body.map_err(std::io::Error::other).boxed_unsync()));
    }
    faults.cut.fetch_add(1, Ordering::Relaxed);
    Ok(answer.map(|body| cut(body, length / 2)))
}

fn refusal() -> Response<Body> {
    let text = Bytes::from_static(b"<Error><Code>SlowDown</Code><Message>please</Message></Error>");
    let mut refusal = Response::new(Full::new(text).map_err(|never| match never {}).boxed_unsync());
    *refusal.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    refusal
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from_static("0"));
    // The rest of the request is not read.
    refusal
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    refusal
}

/// So many bytes of a body, and no more.
fn cut(body: Incoming, length: u64) -> Body {
    let left = usize::try_from(length).unwrap_or(usize::MAX);
    let frames = futures_util::stream::unfold(Some((body, left)), |state| async move {
        let (mut body, left) = state?;
        let early = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let piece = body.frame().await.and_then(|frame| frame.ok()?.into_data().ok());
        Some(match piece {
            Some(mut piece) if left > 0 => {
                piece.truncate(left);
                let rest = left - piece.len();
                (Ok(Frame::data(piece)), Some((body, rest)))
            }
            _ => (Err(early()), None),
        })
    });
    StreamBody::new(Box::pin(frames)).boxed_unsync()
}
