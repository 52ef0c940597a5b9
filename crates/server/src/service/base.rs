//! What the host itself answers, beside the registries: whether it lives, whether it is ready, its numbers, and a word
//! for people who look with a browser.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use holdfast_api_distribution::{Body, Served};
use holdfast_registry::{Overview, Registry};
use http::{HeaderValue, Method, Response, StatusCode, header, request::Parts};
use ipnet::IpNet;
use tokio::{sync::Mutex, time::timeout};

use super::forwarded::Resolved;
use crate::metrics::{CONTENT_TYPE, Metrics};

const TEXT: &str = "text/plain; charset=utf-8";
/// How long an answer of `/readyz` is good: probes of many balancers must not keep the disk busy.
const READINESS_AGE: Duration = Duration::from_secs(1);
/// How long database and stores may take to answer a probe.
const PROBE_WAIT: Duration = Duration::from_secs(5);

/// The host's own pages.
pub(crate) struct Base {
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
    metrics_from: Vec<IpNet>,
    readiness: Mutex<Option<(Instant, bool)>>,
}

/// Whether a route is one that machines ask for all the time.
pub(super) fn is_probe(route: &str) -> bool {
    matches!(route, "healthz" | "readyz" | "metrics")
}

impl Base {
    pub(crate) fn new(registry: Arc<Registry>, metrics: Arc<Metrics>, metrics_from: Vec<IpNet>) -> Self {
        Self {
            registry,
            metrics,
            metrics_from,
            readiness: Mutex::default(),
        }
    }

    /// One line per page.
    pub(super) async fn answer(&self, head: &Parts, wire: &Resolved) -> Response<Body> {
        let is_read = head.method == Method::GET || head.method == Method::HEAD;
        let (route, mut response) = match head.uri.path() {
            "/" | "/healthz" | "/readyz" | "/metrics" if !is_read => ("base.other", not_allowed()),
            "/" => ("welcome", super::typed(StatusCode::OK, TEXT, welcome())),
            "/healthz" => ("healthz", super::typed(StatusCode::OK, TEXT, "alive\n".to_owned())),
            "/readyz" => ("readyz", self.readyz().await),
            "/metrics" if self.may_see_metrics(wire) => ("metrics", self.show_metrics()),
            path => ("base.other", super::not_found(path)),
        };
        let no_store = HeaderValue::from_static("no-store");
        response.headers_mut().insert(header::CACHE_CONTROL, no_store);
        response.extensions_mut().insert(Served {
            route,
            repository: None,
            actor: "-".to_owned(),
        });
        response
    }

    /// Behind a proxy on this machine that nobody named, every client would seem to be this machine.
    fn may_see_metrics(&self, wire: &Resolved) -> bool {
        !wire.is_veiled && self.metrics_from.iter().any(|network| network.contains(&wire.peer))
    }

    fn show_metrics(&self) -> Response<Body> {
        match self.metrics.text() {
            Ok(text) => super::typed(StatusCode::OK, CONTENT_TYPE, text),
            Err(_) => super::typed(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "no metrics\n".to_owned()),
        }
    }

    async fn readyz(&self) -> Response<Body> {
        // Held while the probe runs, so that many askers make one.
        let mut readiness = self.readiness.lock().await;
        let fresh = readiness.filter(|(at, _)| at.elapsed() < READINESS_AGE);
        let is_ready = match fresh {
            Some((_, is_ready)) => is_ready,
            None => self.probe().await,
        };
        if fresh.is_none() {
            *readiness = Some((Instant::now(), is_ready));
        }
        if is_ready {
            super::typed(StatusCode::OK, TEXT, "ready\n".to_owned())
        } else {
            super::typed(StatusCode::SERVICE_UNAVAILABLE, TEXT, "not ready\n".to_owned())
        }
    }

    async fn probe(&self) -> bool {
        match timeout(PROBE_WAIT, self.probe_all()).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(error = format!("{error:#}"), "not ready");
                false
            }
            Err(_) => {
                tracing::warn!(
                    "not ready: database or blob store did not answer in {} s",
                    PROBE_WAIT.as_secs()
                );
                false
            }
        }
    }

    async fn probe_all(&self) -> anyhow::Result<()> {
        Overview::read(self.registry.metadata().as_ref()).await?;
        for (_, store) in self.registry.stores() {
            store.probe().await?;
        }
        Ok(())
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
