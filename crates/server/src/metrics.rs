//! What `/metrics` shows, for Prometheus. Labels come from small fixed sets only: no repository, caller or path is ever
//! one. It refuses to know who may read it.

use std::{fmt, time::Duration};

use holdfast_content::Collected;
use holdfast_metadata::{PostgresStore, SqliteStore};
use http::{Method, StatusCode};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _},
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
        info::Info,
    },
    registry::Registry,
};

use crate::{
    readiness::{Purpose, State},
    rows::Rows,
};

/// The content type of the text.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Seconds; from a cached manifest to a slow push.
const BUCKETS: [f64; 13] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 300.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    method: &'static str,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SchemeLabels {
    scheme: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PurposeLabels {
    purpose: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StorageLabels {
    owner: &'static str,
    state: &'static str,
}

type Histograms = Family<RouteLabels, Histogram, fn() -> Histogram>;

/// Bytes on the wire, both ways.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traffic {
    received: Counter,
    sent: Counter,
}

impl Traffic {
    pub(crate) fn received(&self, bytes: u64) {
        self.received.inc_by(bytes);
    }

    pub(crate) fn sent(&self, bytes: u64) {
        self.sent.inc_by(bytes);
    }

    #[cfg(test)]
    pub(crate) fn all_sent(&self) -> u64 {
        self.sent.get()
    }
}

/// A gauge that is one higher as long as this lives.
#[derive(Debug)]
pub(crate) struct Counted(Gauge);

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// All numbers.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Histograms,
    connections: Family<SchemeLabels, Gauge>,
    requests_in_flight: Gauge,
    uploads_in_flight: Gauge,
    traffic: Traffic,
    collections: Garbage,
    purged_uploads: Counter,
    ready: Family<PurposeLabels, Gauge>,
    storage_accounts: Family<StorageLabels, Gauge>,
}

#[derive(Debug, Default)]
struct Garbage {
    runs: Counter,
    manifests: Counter,
    blob_links: Counter,
    objects: Counter,
    row_blobs: Counter,
    freed_bytes: Counter,
    failures: Counter,
    waiting: Gauge,
}

impl Metrics {
    /// All zero; the store's own numbers are read when they are asked for.
    pub(crate) fn new(rows: Rows) -> Self {
        let mut registry = Registry::with_prefix("holdfast");
        let durations: Histograms = Family::new_with_constructor(|| Histogram::new(BUCKETS));
        let metrics = Self {
            requests: Family::default(),
            durations,
            connections: Family::default(),
            requests_in_flight: Gauge::default(),
            uploads_in_flight: Gauge::default(),
            traffic: Traffic::default(),
            collections: Garbage::default(),
            purged_uploads: Counter::default(),
            ready: Family::default(),
            storage_accounts: Family::default(),
            registry: Registry::default(),
        };
        metrics.register_requests(&mut registry);
        metrics.register_jobs(&mut registry);
        metrics.register_readiness(&mut registry);
        registry.register_collector(Box::new(RowNumbers { rows }));
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The program", build);
        Self { registry, ..metrics }
    }

    fn register_requests(&self, registry: &mut Registry) {
        registry.register("http_requests", "Requests answered", self.requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time from the head of a request to the last byte of its answer",
            self.durations.clone(),
        );
        registry.register(
            "http_requests_in_flight",
            "Requests that run now",
            self.requests_in_flight.clone(),
        );
        registry.register(
            "uploads_in_flight",
            "Requests that send bytes of a blob now",
            self.uploads_in_flight.clone(),
        );
        registry.register("connections", "Open connections", self.connections.clone());
        registry.register(
            "network_received_bytes",
            "Bytes from clients",
            self.traffic.received.clone(),
        );
        registry.register("network_sent_bytes", "Bytes to clients", self.traffic.sent.clone());
    }

    fn register_jobs(&self, registry: &mut Registry) {
        let garbage = &self.collections;
        registry.register("garbage_runs", "Collections that ended well", garbage.runs.clone());
        registry.register("garbage_manifests", "Manifests collected", garbage.manifests.clone());
        registry.register(
            "garbage_blob_links",
            "Blobs taken out of a repository",
            garbage.blob_links.clone(),
        );
        registry.register(
            "garbage_objects",
            "Objects deleted from the store",
            garbage.objects.clone(),
        );
        registry.register(
            "garbage_row_blobs",
            "Small blobs removed from the database",
            garbage.row_blobs.clone(),
        );
        registry.register(
            "garbage_freed_bytes",
            "Bytes of those objects and small blobs",
            garbage.freed_bytes.clone(),
        );
        registry.register(
            "garbage_failures",
            "What collections could not handle and passed over",
            garbage.failures.clone(),
        );
        registry.register(
            "garbage_waiting",
            "Candidates whose grace period had not passed at the last collection",
            garbage.waiting.clone(),
        );
        registry.register(
            "uploads_purged",
            "Uploads given up for want of progress",
            self.purged_uploads.clone(),
        );
    }

    fn register_readiness(&self, registry: &mut Registry) {
        registry.register(
            "ready",
            "Whether reads or writes can be served, as /readyz says",
            self.ready.clone(),
        );
        registry.register(
            "storage_accounts",
            "Storage accounts by owner and by what they were when they were last looked at",
            self.storage_accounts.clone(),
        );
    }

    /// Counts a request that has been answered.
    pub(crate) fn answered(&self, route: &'static str, method: &Method, status: Option<StatusCode>, took: Duration) {
        let labels = RequestLabels {
            route,
            method: method_label(method),
            status: status.map_or("aborted", class),
        };
        self.requests.get_or_create(&labels).inc();
        self.durations
            .get_or_create(&RouteLabels { route })
            .observe(took.as_secs_f64());
    }

    /// Counts a connection while it is open.
    pub(crate) fn connection(&self, scheme: &'static str) -> Counted {
        Counted::new(&self.connections.get_or_create(&SchemeLabels { scheme }))
    }

    /// Counts a request while it runs.
    pub(crate) fn request(&self) -> Counted {
        Counted::new(&self.requests_in_flight)
    }

    /// Counts a request that sends bytes of a blob while it runs.
    pub(crate) fn upload(&self) -> Counted {
        Counted::new(&self.uploads_in_flight)
    }

    /// The counters of the wire.
    pub(crate) fn traffic(&self) -> Traffic {
        self.traffic.clone()
    }

    /// Counts a collection.
    pub(crate) fn collected(&self, collected: &Collected) {
        let garbage = &self.collections;
        garbage.runs.inc();
        garbage.manifests.inc_by(collected.manifests);
        garbage.blob_links.inc_by(collected.blob_links);
        garbage.objects.inc_by(collected.objects);
        garbage.row_blobs.inc_by(collected.row_blobs);
        garbage.freed_bytes.inc_by(collected.freed_bytes);
        garbage.failures.inc_by(collected.failures.count);
        garbage
            .waiting
            .set(i64::try_from(collected.waiting).unwrap_or(i64::MAX));
    }

    /// Counts uploads given up.
    pub(crate) fn purged(&self, uploads: usize) {
        self.purged_uploads.inc_by(uploads as u64);
    }

    /// Shows whether the server is ready for this.
    pub(crate) fn ready(&self, purpose: Purpose, state: State) {
        let labels = PurposeLabels {
            purpose: purpose.as_str(),
        };
        self.ready.get_or_create(&labels).set(i64::from(state == State::Ready));
    }

    /// Shows how many storage accounts of this owner are in each state.
    pub(crate) fn storage_accounts(&self, owner: &'static str, states: &[State]) {
        for state in State::ALL {
            let labels = StorageLabels {
                owner,
                state: state.as_str(),
            };
            let count = states.iter().filter(|found| **found == state).count();
            self.storage_accounts
                .get_or_create(&labels)
                .set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// The text for Prometheus.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        // Clients may invent others.
        _ => "other",
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

/// The numbers of the metadata's store.
#[derive(Debug)]
struct RowNumbers {
    rows: Rows,
}

impl Collector for RowNumbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        match &self.rows {
            Rows::Sqlite(store) => Self::encode_sqlite(store, &mut encoder),
            Rows::Postgres(store) => Self::encode_postgres(store, &mut encoder),
        }
    }
}

impl RowNumbers {
    fn encode_postgres(store: &PostgresStore, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Statements said to PostgreSQL, those that were run again too";
        encode_counter(encoder, "metadata_statements", help, store.statements())
    }

    fn encode_sqlite(store: &SqliteStore, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let stats = store.stats();
        let counters = [
            (
                "metadata_transactions",
                "Transactions of the metadata's writer",
                stats.batches,
            ),
            (
                "metadata_durable_transactions",
                "Of these, flushed to the disk",
                stats.durable_batches,
            ),
            (
                "metadata_flushes",
                "Flushes of the database's log, several transactions in one",
                stats.flushes,
            ),
            (
                "metadata_writes",
                "Writes, several of them in one transaction",
                stats.writes,
            ),
            (
                "metadata_checkpoints",
                "Times the log was copied into the database",
                stats.checkpoints,
            ),
        ];
        for (name, help, value) in counters {
            encode_counter(encoder, name, help, value)?;
        }
        let gauges = [
            ("metadata_queue_depth", "Writes that wait", stats.queue_depth),
            (
                "metadata_log_pages",
                "Pages of 4 KiB in the database's log",
                stats.log_pages,
            ),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let descriptor = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(descriptor)?;
        }
        Ok(())
    }
}

fn encode_counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let counter = ConstCounter::new(value);
    let descriptor = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
    counter.encode(descriptor)
}
