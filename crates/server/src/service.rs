//! One request from its head to the last byte of its answer: which host, which part of the program, and what the access
//! log, the metrics and every answer say. It refuses to know what the parts do.

mod base;
mod forwarded;
mod record;
mod request_id;

use std::{
    net::{IpAddr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt as _;
use holdfast_access::{RequestOrigin, kept_user_agent};
use holdfast_api_distribution::Distribution;
use holdfast_api_management::{Management, Site};
use holdfast_face::{Body, Budget, Heads, Own, Received, Sendfile, Sending, Served, Windows, detach};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header, request::Parts,
};
use hyper::body::Incoming;
use ipnet::IpNet;
use serde_json::json;

use crate::{
    host::{Hosts, Visit},
    metrics::Metrics,
};
pub(crate) use base::Base;
use record::{Measured, Record};
pub(crate) use request_id::RequestIds;

const CORRELATION_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-correlation-request-id");
/// ACR: comes with the echo of the client's own id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
/// The longest client's id that is echoed.
const MAX_CLIENT_ID_BYTES: usize = 128;
/// Headers in one request.
pub(crate) const MAX_HEADERS: usize = 100;

/// The connection a request came on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wire {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
}

/// A request that may be answered.
pub(crate) struct Entered {
    request: Request<Incoming>,
    wire: forwarded::Resolved,
    record: Record,
}

/// What every request shares.
pub(crate) struct Service {
    pub(crate) hosts: Arc<Hosts>,
    pub(crate) distribution: Distribution,
    pub(crate) management: Management,
    pub(crate) base: Base,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) ids: RequestIds,
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// How long a body may be silent.
    pub(crate) body_stall: Duration,
    pub(crate) budget: Budget,
    pub(crate) sending: Sending,
    pub(crate) heads: Heads,
    pub(crate) windows: Windows,
}

impl Service {
    /// Lets a request in that came on the connection that `own` belongs to, or answers it at once. Nothing is waited for
    /// before its head is counted: a connection hands on all heads that came before the first of them is looked at.
    pub(crate) fn enter(
        &self,
        mut request: Request<Incoming>,
        wire: Wire,
        own: &Own,
    ) -> Result<Entered, Box<Response<Measured>>> {
        let wire = forwarded::resolve(wire, request.headers(), &self.trusted_proxies);
        let mut record = Record::new(Arc::clone(&self.metrics), &request, wire.peer, self.ids.next());
        if request.headers().len() > MAX_HEADERS {
            return Err(Box::new(record.measure(self.turn_away(request, too_many_headers()))));
        }
        match self.heads.take(own, wire.peer, &request) {
            Ok(room) => record.hold(room),
            Err(error) => {
                let response = self.turn_away(request, busy(&error.to_string()));
                return Err(Box::new(record.measure(response)));
            }
        }
        match self.windows.take(own, wire.peer, &request) {
            Ok(None) => {}
            Ok(Some(window)) => drop(request.extensions_mut().insert(window)),
            Err(error) => {
                let response = self.turn_away(request, busy(&error.to_string()));
                return Err(Box::new(record.measure(response)));
            }
        }
        detach(&mut request);
        Ok(Entered { request, wire, record })
    }

    /// Answers a request, of a connection that may have the kernel send files. Never fails, also when a handler panics.
    pub(crate) async fn respond(self: Arc<Self>, entered: Entered, sendfile: Option<Sendfile>) -> Response<Measured> {
        let Entered {
            request,
            wire,
            mut record,
        } = entered;
        let client_id = client_id(&request);
        let method = request.method().clone();
        let handled = AssertUnwindSafe(self.dispatch(request, &wire, record.request_id()))
            .catch_unwind()
            .await;
        let mut response = handled.unwrap_or_else(|_| broken(record.request_id()));
        if let Some(served) = response.extensions_mut().remove::<Served>() {
            record.serve(served);
        }
        response = match method {
            Method::GET => self.in_memory(response, wire.peer),
            // HTTP/1 leaves the body of an answer to HEAD out by itself, HTTP/2 would send it.
            Method::HEAD => response.map(|_| Body::empty()),
            // What changed something is told whatever it takes.
            _ => response,
        };
        if let Some(sendfile) = sendfile {
            response = response.map(|body| body.by(sendfile));
        }
        let headers = response.headers_mut();
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Ok(id) = HeaderValue::from_str(record.request_id()) {
            if let Some(client_id) = client_id {
                headers.insert(CLIENT_REQUEST_ID, client_id);
                headers.insert(REQUEST_ID, id.clone());
            }
            headers.insert(CORRELATION_REQUEST_ID, id);
        }
        record.measure(response)
    }

    /// The answer, if there is memory to keep it until it is sent.
    fn in_memory(&self, response: Response<Body>, peer: IpAddr) -> Response<Body> {
        match self.sending.whole(peer, response.body().whole_bytes()) {
            Ok(whole) => response.map(|body| body.in_memory(whole)),
            Err(error) => busy(&error.to_string()),
        }
    }

    /// Answers on a connection for which there is no slot: what watches the server, and nothing else.
    pub(crate) async fn respond_when_full(
        self: Arc<Self>,
        request: Request<Incoming>,
        wire: Wire,
    ) -> Response<Measured> {
        if matches!(request.uri().path(), "/healthz" | "/readyz") {
            return match self.enter(request, wire, &Own::default()) {
                Ok(entered) => self.respond(entered, None).await,
                Err(response) => *response,
            };
        }
        let resolved = forwarded::resolve(wire, request.headers(), &self.trusted_proxies);
        let record = Record::new(Arc::clone(&self.metrics), &request, resolved.peer, self.ids.next());
        let (head, incoming) = request.into_parts();
        record.measure(self.without_body(&head, incoming, full()).await)
    }

    /// The answer to a request for which there is no room. It waits for nothing: neither for the request's body nor, over
    /// HTTP/2, where a peer has many, for its own to be taken.
    fn turn_away(&self, request: Request<Incoming>, response: Response<Body>) -> Response<Body> {
        let is_http2 = request.version() == Version::HTTP_2;
        let (head, incoming) = request.into_parts();
        let is_read = Received::new(&head, incoming, self.body_stall, &self.budget).leave();
        if is_http2 {
            return response.map(|_| Body::empty());
        }
        closing(response, !is_read)
    }

    async fn dispatch(
        &self,
        request: Request<Incoming>,
        wire: &forwarded::Resolved,
        request_id: &str,
    ) -> Response<Body> {
        let (head, incoming) = request.into_parts();
        let visit = match self.hosts.find(&head, wire.host.as_ref(), wire.local, wire.scheme) {
            Ok(visit) => visit,
            Err(refusal) => {
                let response = refuse(refusal.status(), &refusal.to_string());
                return self.without_body(&head, incoming, response).await;
            }
        };
        let Visit { address, is_base } = visit;
        let path = head.uri.path();
        let origin = Arc::new(RequestOrigin {
            id: request_id.to_owned(),
            address: wire.peer,
            user_agent: user_agent(&head.headers),
            host: address.authority.clone(),
        });
        if Distribution::handles(path) {
            let request = Request::from_parts(head, incoming);
            self.distribution.serve(request, &address, origin).await
        } else if is_base && Management::handles(path) {
            let site = Site {
                base_url: format!("{}://{}", address.scheme, address.authority),
                local: wire.local,
                origin,
            };
            let response = self.management.serve(Request::from_parts(head, incoming), &site).await;
            response.map(Body::bytes)
        } else {
            let response = if is_base {
                self.base.respond(&head, wire).await
            } else {
                not_found(path)
            };
            self.without_body(&head, incoming, response).await
        }
    }

    /// An answer for which nobody looked at the body; it must reach the client all the same.
    async fn without_body(&self, head: &Parts, incoming: Incoming, mut response: Response<Body>) -> Response<Body> {
        let body = Received::new(head, incoming, self.body_stall, &self.budget);
        body.finish(&mut response).await;
        response
    }
}

/// An answer that says whether its connection ends with it.
fn closing(mut response: Response<Body>, closes: bool) -> Response<Body> {
    if closes {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// The client's own id for the request, if it is harmless.
fn client_id(request: &Request<Incoming>) -> Option<HeaderValue> {
    let id = request.headers().get(CLIENT_REQUEST_ID)?;
    let is_harmless = id.len() <= MAX_CLIENT_ID_BYTES && id.as_bytes().iter().all(u8::is_ascii_graphic);
    is_harmless.then(|| id.clone())
}

/// What the client calls itself.
fn user_agent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::USER_AGENT)?;
    value.to_str().ok().map(kept_user_agent)
}

fn refuse(status: StatusCode, message: &str) -> Response<Body> {
    let code = if status == StatusCode::MISDIRECTED_REQUEST {
        "MISDIRECTED"
    } else {
        "BAD_REQUEST"
    };
    errors(status, code, message)
}

fn not_found(path: &str) -> Response<Body> {
    let message = format!("there is nothing at {:?}", path.chars().take(256).collect::<String>());
    errors(StatusCode::NOT_FOUND, "NOT_FOUND", &message)
}

fn too_many_headers() -> Response<Body> {
    let message = format!("the request has more than {MAX_HEADERS} headers");
    errors(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "BAD_REQUEST", &message)
}

fn full() -> Response<Body> {
    busy("too many connections at once, or too many from your address; close some or try again")
}

fn busy(message: &str) -> Response<Body> {
    let mut response = errors(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn broken(request_id: &str) -> Response<Body> {
    let message = format!("the server made a mistake; its log tells more about request {request_id}");
    errors(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", &message)
}

/// The shape of errors in the distribution spec, which registry clients show to people.
fn errors(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let document = json!({ "errors": [{ "code": code, "message": message }] });
    typed(status, "application/json; charset=utf-8", format!("{document}\n"))
}

fn typed(status: StatusCode, content_type: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::bytes(text));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
