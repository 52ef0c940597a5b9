//! GET of a manifest by tag, and of a 4 KiB blob, with a token over 16 connections, beside distribution v3.

use std::time::Duration;

use super::{Bench, per_second};
use crate::client::Connection;
use crate::content::{Image, run_number};
use crate::http::Endpoint;
use crate::load;
use crate::machine::processor_time;
use crate::measure::{Pairs, median};
use crate::peers::REPOSITORY;
use crate::report::{Budget, Line};

const CONNECTIONS: usize = 16;
/// Load before the first measured run, so that caches and connection pools are filled on both sides.
const WARM_UP: Duration = Duration::from_millis(300);

/// GET of a manifest by tag.
pub(super) fn manifest(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let what = format!("GET manifest by tag with a token, {CONNECTIONS} connections");
    compare(bench, what, Budget::RatioAtLeast(5.0), |_| {
        format!("/v2/{REPOSITORY}/manifests/latest")
    })
}

/// GET of a 4 KiB blob.
pub(super) fn blob(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let what = format!("GET 4 KiB blob with a token, {CONNECTIONS} connections");
    compare(bench, what, Budget::RatioAtLeast(10.0), |image| {
        format!("/v2/{REPOSITORY}/blobs/{}", image.blobs[1].digest)
    })
}

fn compare(
    bench: &Bench,
    what: String,
    budget: Budget,
    target: impl Fn(&Image) -> String,
) -> anyhow::Result<Vec<Line>> {
    let (holdfast, _folder) = bench.holdfast()?;
    let distribution = bench.distribution()?;
    let image = Image::unique(run_number()?, 0);
    let target = target(&image);
    let mut ours = Side::prepare(holdfast.endpoint(REPOSITORY)?, holdfast.id(), &image, &target)?;
    let mut theirs = Side::prepare(distribution.endpoint(REPOSITORY)?, distribution.id(), &image, &target)?;
    let window = bench.sizes.window;
    let pairs = Pairs::take(
        bench.sizes.runs,
        || ours.load(bench, "Holdfast", window),
        || theirs.load(bench, "distribution", window),
    )?;
    let note = format!(
        "processor time of the server for a request: Holdfast {:.0} µs, distribution {:.0} µs",
        ours.micros_per_request(),
        theirs.micros_per_request()
    );
    let cells = (
        per_second(median(&pairs.ours)),
        format!("distribution {}", per_second(median(&pairs.theirs))),
    );
    Ok(vec![Line::compared(what, cells, pairs, budget).with_note(note)])
}

/// One server with the image pushed, and what it has done so far.
struct Side {
    endpoint: Endpoint,
    pid: u32,
    request: Vec<u8>,
    requests: u64,
    processor: Duration,
}

impl Side {
    fn prepare(endpoint: Endpoint, pid: u32, image: &Image, target: &str) -> anyhow::Result<Self> {
        let mut connection = Connection::open(endpoint.address)?;
        connection.push_image(&endpoint, REPOSITORY, "latest", image)?;
        let request = endpoint.request("GET", target, &format!("Accept: {}\r\n", Image::MEDIA_TYPE));
        let body = connection.demand(&request)?.body;
        anyhow::ensure!(
            body == image.manifest || body == image.blobs[1].bytes,
            "GET {target} does not answer with what was pushed"
        );
        load::repeat(endpoint.address, &request, CONNECTIONS, WARM_UP)?;
        Ok(Self {
            endpoint,
            pid,
            request,
            requests: 0,
            processor: Duration::ZERO,
        })
    }

    /// Requests per second over `window`.
    fn load(&mut self, bench: &Bench, name: &str, window: Duration) -> anyhow::Result<f64> {
        let before = processor_time(self.pid)?;
        let done = load::repeat(self.endpoint.address, &self.request, CONNECTIONS, window)?;
        self.processor += processor_time(self.pid)?.saturating_sub(before);
        self.requests += done.count;
        bench.say(&format!("  {name}: {}", per_second(done.per_second())));
        Ok(done.per_second())
    }

    fn micros_per_request(&self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / self.requests.max(1) as f64
    }
}
