//! What the host itself answers, beside the registries: whether it lives, whether it is ready, its numbers, and a word
//! for people who look with a browser.

use std::sync::Arc;

use holdfast_face::{Body, Served};
use http::{HeaderValue, Method, Response, StatusCode, header, request::Parts};
use ipnet::IpNet;
use tokio_util::sync::CancellationToken;

use super::forwarded::Resolved;
use crate::{
    metrics::{CONTENT_TYPE, Metrics},
    readiness::{Purpose, Readiness, State},
};

const TEXT: &str = "text/plain; charset=utf-8";

/// The host's own pages.
pub(crate) struct Base {
    readiness: Readiness,
    metrics: Arc<Metrics>,
    metrics_from: Vec<IpNet>,
    /// Cancelled when the server is about to stop.
    draining: CancellationToken,
}

/// Whether a route is one that machines ask for all the time.
pub(super) fn is_probe(route: &str) -> bool {
    matches!(route, "healthz" | "readyz" | "metrics")
}

impl Base {
    pub(crate) fn new(
        readiness: Readiness,
        metrics: Arc<Metrics>,
        metrics_from: Vec<IpNet>,
        draining: CancellationToken,
    ) -> Self {
        Self {
            readiness,
            metrics,
            metrics_from,
            draining,
        }
    }

    /// One line per page.
    pub(super) async fn respond(&self, head: &Parts, wire: &Resolved) -> Response<Body> {
        let is_read = head.method == Method::GET || head.method == Method::HEAD;
        let (route, mut response) = match head.uri.path() {
            "/" | "/healthz" | "/readyz" | "/metrics" if !is_read => ("base.other", not_allowed()),
            "/" => ("welcome", super::typed(StatusCode::OK, TEXT, welcome())),
            "/healthz" => ("healthz", super::typed(StatusCode::OK, TEXT, "alive\n".to_owned())),
            "/readyz" => ("readyz", self.readyz(head.uri.query().unwrap_or_default()).await),
            "/metrics" if self.may_see_metrics(wire) => ("metrics", self.show_metrics().await),
            path => ("base.other", super::not_found(path)),
        };
        let no_store = HeaderValue::from_static("no-store");
        response.headers_mut().insert(header::CACHE_CONTROL, no_store);
        response.extensions_mut().insert(Served::by(route));
        response
    }

    /// Behind a proxy on this machine that nobody named, every client would seem to be this machine.
    fn may_see_metrics(&self, wire: &Resolved) -> bool {
        !wire.is_veiled && self.metrics_from.iter().any(|network| network.contains(&wire.peer))
    }

    async fn show_metrics(&self) -> Response<Body> {
        self.readiness.measure(&self.metrics).await;
        match self.metrics.text() {
            Ok(text) => super::typed(StatusCode::OK, CONTENT_TYPE, text),
            Err(_) => super::typed(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "no metrics\n".to_owned()),
        }
    }

    async fn readyz(&self, query: &str) -> Response<Body> {
        let Some(purpose) = purpose(query) else {
            let text = "ask for /readyz, /readyz?for=read or /readyz?for=write\n";
            return super::typed(StatusCode::BAD_REQUEST, TEXT, text.to_owned());
        };
        if self.draining.is_cancelled() {
            let text = "not ready: the server is about to stop\n".to_owned();
            return super::typed(StatusCode::SERVICE_UNAVAILABLE, TEXT, text);
        }
        let (status, text) = match self.readiness.state(purpose).await {
            State::Ready => (StatusCode::OK, "ready\n"),
            State::Full => (StatusCode::SERVICE_UNAVAILABLE, "not ready: no room is left\n"),
            State::Broken => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
        };
        super::typed(status, TEXT, text.to_owned())
    }
}

/// What a server without a purpose in mind is asked for is to be read from: that is what a balancer takes it out for.
fn purpose(query: &str) -> Option<Purpose> {
    match query.split('&').find_map(|pair| pair.strip_prefix("for=")) {
        None | Some("read") => Some(Purpose::Read),
        Some("write") => Some(Purpose::Write),
        Some(_) => None,
    }
}

fn not_allowed() -> Response<Body> {
    let mut response = super::errors(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        "this page can only be read",
    );
    let methods = HeaderValue::from_static("GET, HEAD");
    response.headers_mut().insert(header::ALLOW, methods);
    response
}

fn welcome() -> String {
    format!(
        "This is Holdfast {}, a container registry.\nRegistry clients speak to it at /v2/; its own state is at /healthz \
         and /readyz.\n",
        env!("CARGO_PKG_VERSION")
    )
}
