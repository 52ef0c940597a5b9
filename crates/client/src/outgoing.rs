//! [`Outgoing`]: the one way out. Every hop of a request is checked again; credentials go to the origin they were given
//! for and nowhere else; nothing is waited for or read without a limit; no proxy is taken from the environment.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use crate::connect::{Connector, Resolve, SystemResolver, authority};
use crate::redirect;
use crate::response::Response;
use crate::trust;
use crate::{Destinations, Error, SetupError};

/// Who asks.
pub(crate) const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("holdfast/", env!("CARGO_PKG_VERSION")));
/// Headers of one answer.
pub(crate) const MAX_HEADERS: usize = 100;
/// Bytes of one answer's headers.
pub(crate) const MAX_HEADER_BYTES: usize = 64 << 10;
/// Idle connections kept for one host, and how long.
const IDLE_PER_HOST: usize = 4;
const IDLE: Duration = Duration::from_secs(30);

/// How long each part of a request may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// To resolve, connect and shake hands.
    pub connect: Duration,
    /// To answer with headers, after connecting included.
    pub response: Duration,
    /// To bring the next piece of a body.
    pub stall: Duration,
    /// Redirects followed for one request.
    pub redirects: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            response: Duration::from_secs(60),
            stall: Duration::from_secs(60),
            redirects: 5,
        }
    }
}

/// What the way out is made of.
pub struct Options {
    /// What may be reached.
    pub destinations: Destinations,
    /// A PEM file of CAs that are trusted beside those of this machine.
    pub extra_roots: Option<PathBuf>,
    /// How long things may take.
    pub limits: Limits,
    /// How names are resolved.
    pub resolver: Arc<dyn Resolve>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            destinations: Destinations::default(),
            extra_roots: None,
            limits: Limits::default(),
            resolver: Arc::new(SystemResolver),
        }
    }
}

/// How far a request may go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// Wherever [`Destinations`] let it, also by redirects.
    #[default]
    Allowed,
    /// The URL's own origin: a redirect that leaves it is an error.
    Origin,
    /// The URL's own origin, and that only on the open internet, whatever the operator allows: for a URL that somebody
    /// else chose.
    OpenOrigin,
}

/// A request to be sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method. `GET` and `HEAD` follow redirects, others do not: what they carry is meant for one host.
    pub method: Method,
    /// The URL: https, or http where the operator allows it.
    pub url: Uri,
    /// Further headers; never credentials.
    pub headers: HeaderMap,
    /// The `Authorization` header, for the URL's own origin only.
    pub authorization: Option<HeaderValue>,
    /// The body; empty for none.
    pub body: Bytes,
    /// How far it may go.
    pub reach: Reach,
}

impl Request {
    /// A `GET` without credentials.
    #[must_use]
    pub fn get(url: Uri) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            authorization: None,
            body: Bytes::new(),
            reach: Reach::Allowed,
        }
    }

    /// With an `Authorization` header, which no log and no `Debug` shows.
    #[must_use]
    pub fn with_authorization(mut self, mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        self.authorization = Some(value);
        self
    }
}

/// The only way to others. Cheap to clone.
#[derive(Clone)]
pub struct Outgoing {
    destinations: Arc<Destinations>,
    client: Client<Connector, Full<Bytes>>,
    /// The same without what the operator allows.
    open: Client<Connector, Full<Bytes>>,
    limits: Limits,
}

impl Outgoing {
    /// Sets it up.
    ///
    /// # Errors
    /// The file of extra CAs cannot be used.
    pub fn new(options: Options) -> Result<Self, SetupError> {
        let destinations = Arc::new(options.destinations);
        let connector = Connector {
            destinations: Arc::clone(&destinations),
            resolver: options.resolver,
            tls: trust::config(options.extra_roots.as_deref())?,
            connect_timeout: options.limits.connect,
        };
        let open = Connector {
            destinations: Arc::default(),
            ..connector.clone()
        };
        Ok(Self {
            destinations,
            client: pool(connector),
            open: pool(open),
            limits: options.limits,
        })
    }

    /// What may be reached.
    #[must_use]
    pub fn destinations(&self) -> &Destinations {
        &self.destinations
    }

    /// Sends a request and follows where it is sent on to. Any status is a response.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn send(&self, mut request: Request) -> Result<Response, Error> {
        let follows = matches!(request.method, Method::GET | Method::HEAD);
        for _ in 0..=self.limits.redirects {
            let response = self.send_once(&request).await?;
            let Some(next) = redirect::next(&request.url, response.status, &response.headers)? else {
                return Ok(response);
            };
            let leaves = !redirect::is_same_origin(&request.url, &next);
            if !follows || leaves && request.reach != Reach::Allowed {
                return Err(Error::Redirected {
                    host: response.host(),
                    status: response.status,
                });
            }
            if leaves {
                // Not even when a later hop leads back: somebody else chose that URL.
                request.authorization = None;
            }
            request.url = next;
        }
        let (host, _) = authority(&request.url)?;
        Err(Error::TooManyRedirects {
            host,
            limit: self.limits.redirects,
        })
    }

    async fn send_once(&self, request: &Request) -> Result<Response, Error> {
        let (host, _) = authority(&request.url)?;
        let mut outgoing = http::Request::new(Full::new(request.body.clone()));
        *outgoing.method_mut() = request.method.clone();
        *outgoing.uri_mut() = request.url.clone();
        *outgoing.headers_mut() = request.headers.clone();
        outgoing.headers_mut().insert(header::USER_AGENT, USER_AGENT);
        if let Some(authorization) = &request.authorization {
            outgoing
                .headers_mut()
                .insert(header::AUTHORIZATION, authorization.clone());
        }
        let client = match request.reach {
            Reach::Allowed | Reach::Origin => &self.client,
            Reach::OpenOrigin => &self.open,
        };
        match timeout(self.limits.response, client.request(outgoing)).await {
            Ok(Ok(response)) => Ok(Response::new(request.url.clone(), response, self.limits.stall)),
            Ok(Err(error)) => Err(of_connection(&error).unwrap_or_else(|| Error::Exchange {
                host,
                source: Arc::new(error),
            })),
            Err(_) => Err(Error::TimedOut {
                host,
                after: self.limits.response,
            }),
        }
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Connections that are kept for the next request.
fn pool(connector: Connector) -> Client<Connector, Full<Bytes>> {
    Client::builder(TokioExecutor::new())
        .http1_max_headers(MAX_HEADERS)
        .http1_max_buf_size(MAX_HEADER_BYTES)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .pool_idle_timeout(IDLE)
        .pool_timer(TokioTimer::new())
        .build(connector)
}

/// What the connector said, under what the pool says about it.
pub(crate) fn of_connection(error: &(dyn std::error::Error + 'static)) -> Option<Error> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<Error>() {
            return Some(found.clone());
        }
        current = error.source();
    }
    None
}
