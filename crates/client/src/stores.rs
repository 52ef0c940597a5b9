//! The way to object stores: to the origins that an adapter names, and to no other. No redirect is followed; connecting,
//! each step of sending and each step of reading have limits; no proxy is taken from the environment. It refuses to know
//! what is asked for, and shows no URL: those may be signed.

use std::fmt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use holdfast_blobs::object::{Body, BodyError, Exchange, ExchangeError, WayOut};
use http::{Request, Response, Uri, header};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tokio::time::{Sleep, sleep, timeout};

use crate::allow::Allowed;
use crate::connect::{Connector, Resolve, SystemResolver, authority};
use crate::outgoing::{MAX_HEADER_BYTES, MAX_HEADERS, USER_AGENT, of_connection};
use crate::{Destinations, Error, SetupError, trust};

/// Idle connections kept for one store, and how long: stores close theirs after a minute or less.
const IDLE_PER_HOST: usize = 64;
const IDLE: Duration = Duration::from_secs(20);

/// How long each step may take.
#[derive(Debug, Clone, Copy)]
pub struct StoreLimits {
    /// To resolve, connect and shake hands.
    pub connect: Duration,
    /// To take the next piece of a request, to begin to answer after the last one, and to bring the next piece of a body.
    pub stall: Duration,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            stall: Duration::from_secs(30),
        }
    }
}

/// Makes ways to stores.
#[derive(Clone)]
pub struct StoreWay {
    tls: Arc<ClientConfig>,
    resolver: Arc<dyn Resolve>,
    limits: StoreLimits,
    /// `None` when whoever names a store is the operator, who may name any.
    destinations: Option<Destinations>,
}

impl StoreWay {
    /// A way to stores that the operator names, wherever they are. `extra_roots` is a PEM file of CAs that are trusted
    /// beside those of this machine.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn of_operator(extra_roots: Option<&Path>, limits: StoreLimits) -> Result<Self, SetupError> {
        Ok(Self {
            tls: trust::config(extra_roots)?,
            resolver: Arc::new(SystemResolver),
            limits,
            destinations: None,
        })
    }

    /// The same for stores that somebody else names: those that may be reached at all.
    #[must_use]
    pub fn within(self, destinations: Destinations) -> Self {
        Self {
            destinations: Some(destinations),
            ..self
        }
    }
}

impl fmt::Debug for StoreWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreWay")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl WayOut for StoreWay {
    fn to(&self, origins: &[Uri]) -> Arc<dyn Exchange> {
        let origins: Vec<Origin> = origins.iter().filter_map(|uri| Origin::of(uri).ok()).collect();
        let named = || Destinations::new(origins.iter().map(Origin::allowed).collect());
        let connector = Connector {
            destinations: Arc::new(self.destinations.clone().unwrap_or_else(named)),
            resolver: Arc::clone(&self.resolver),
            tls: Arc::clone(&self.tls),
            connect_timeout: self.limits.connect,
        };
        let client = Client::builder(TokioExecutor::new())
            .http1_max_headers(MAX_HEADERS)
            .http1_max_buf_size(MAX_HEADER_BYTES)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Arc::new(StoreExchange {
            origins,
            client,
            stall: self.limits.stall,
        })
    }
}

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    is_plain: bool,
    host: String,
    port: u16,
}

impl Origin {
    fn of(uri: &Uri) -> Result<Self, Error> {
        let (host, port) = authority(uri)?;
        Ok(Self {
            is_plain: uri.scheme() == Some(&http::uri::Scheme::HTTP),
            host: host.to_ascii_lowercase(),
            port,
        })
    }

    fn allowed(&self) -> Allowed {
        let (host, port) = (self.host.clone(), self.port);
        if self.is_plain {
            Allowed::PlainHttp { host, port }
        } else {
            Allowed::Host(host)
        }
    }
}

/// A way to some origins.
struct StoreExchange {
    origins: Vec<Origin>,
    client: Client<Connector, Watched>,
    stall: Duration,
}

/// Somebody asked for what the adapter did not name.
#[derive(Debug, thiserror::Error)]
#[error("{host} is not the store that was named")]
struct Elsewhere {
    host: String,
}

#[async_trait]
impl Exchange for StoreExchange {
    async fn exchange(&self, request: Request<Body>) -> Result<Response<Body>, ExchangeError> {
        let origin = Origin::of(request.uri()).map_err(|error| ExchangeError::refused(error.into()))?;
        let host = origin.host.clone();
        if !self.origins.contains(&origin) {
            return Err(ExchangeError::refused(Elsewhere { host }.into()));
        }
        let (mut parts, body) = request.into_parts();
        parts.headers.insert(header::USER_AGENT, USER_AGENT);
        let steps = Arc::new(AtomicU64::new(0));
        let body = Watched {
            body,
            steps: Arc::clone(&steps),
        };
        let answer = self.client.request(Request::from_parts(parts, body));
        tokio::pin!(answer);
        let mut seen = 0;
        loop {
            match timeout(self.stall, &mut answer).await {
                Ok(Ok(response)) => return Ok(response.map(|body| self.watch(host, body))),
                Ok(Err(error)) => return Err(of_error(error)),
                Err(_) => {
                    let now = steps.load(Ordering::Relaxed);
                    if std::mem::replace(&mut seen, now) == now {
                        return Err(ExchangeError::broken(self.timed_out(host).into()));
                    }
                }
            }
        }
    }
}

impl StoreExchange {
    fn watch(&self, host: String, body: hyper::body::Incoming) -> Body {
        Stalling {
            body,
            host,
            stall: self.stall,
            waiting: None,
        }
        .boxed_unsync()
    }

    fn timed_out(&self, host: String) -> Error {
        Error::TimedOut {
            host,
            after: self.stall,
        }
    }
}

impl fmt::Debug for StoreExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreExchange")
            .field("origins", &self.origins)
            .finish_non_exhaustive()
    }
}

fn of_error(error: hyper_util::client::legacy::Error) -> ExchangeError {
    match of_connection(&error) {
        Some(error) if !error.is_transient() => ExchangeError::refused(error.into()),
        Some(error) => ExchangeError::broken(error.into()),
        None => ExchangeError::broken(error.into()),
    }
}

/// A request's body that says how far it was taken.
struct Watched {
    body: Body,
    steps: Arc<AtomicU64>,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.steps.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response's body that is not waited for without end.
struct Stalling {
    body: hyper::body::Incoming,
    host: String,
    stall: Duration,
    /// Since when the next piece is waited for.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl hyper::body::Body for Stalling {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.waiting = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let stall = self.stall;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(stall)));
        ready!(waiting.as_mut().poll(context));
        let host = self.host.clone();
        Poll::Ready(Some(Err(Error::TimedOut { host, after: stall }.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
