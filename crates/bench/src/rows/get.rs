//! GET of a manifest by tag, and of a 4 KiB blob, with a token over 16 connections, beside distribution v3; the
//! manifest beside our own `/healthz` on the same connections too: a request with no registry behind it.

use super::{Bench, per_second};
use crate::client::Connection;
use crate::content::{Image, run_number};
use crate::generator::Generator;
use crate::http::Endpoint;
use crate::machine::processor_time;
use crate::measure::{Cost, Pairs, median};
use crate::peers::REPOSITORY;
use crate::report::{Budget, Line};

pub(super) const CONNECTIONS: usize = 16;

/// GET of a manifest by tag.
pub(super) fn manifest(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let (holdfast, _folder) = bench.holdfast()?;
    let distribution = bench.distribution()?;
    let image = Image::unique(run_number()?, 0);
    let endpoint = holdfast.endpoint(REPOSITORY)?;
    push(&endpoint, &image)?;
    let mut alive = Side::new("Holdfast /healthz", holdfast.id(), healthz(&endpoint));
    let mut ours = Side::new("Holdfast", holdfast.id(), get_manifest(&endpoint));
    let peer = distribution.endpoint(REPOSITORY)?;
    push(&peer, &image)?;
    let mut theirs = Side::new("distribution", distribution.id(), get_manifest(&peer));
    for (side, endpoint) in [(&ours, &endpoint), (&theirs, &peer)] {
        side.check(endpoint, &image.manifest)?;
    }
    let (mut to_peer, mut to_healthz) = (Pairs::default(), Pairs::default());
    for _ in 0..bench.sizes.runs {
        let mut generator = Generator::open(endpoint.address, CONNECTIONS)?;
        let manifests = ours.load(bench, &mut generator)?;
        to_healthz.ours.push(manifests);
        to_healthz.theirs.push(alive.load(bench, &mut generator)?);
        to_peer.ours.push(manifests);
        let mut generator = Generator::open(peer.address, CONNECTIONS)?;
        to_peer.theirs.push(theirs.load(bench, &mut generator)?);
    }
    let what = format!("GET manifest by tag with a token, {CONNECTIONS} connections");
    let beside = format!("{what}, beside our own /healthz");
    let to_peer = Line::compared(what, cells(&theirs, &to_peer), to_peer, Budget::RatioAtLeast(8.0));
    let to_healthz = Line::compared(
        beside,
        cells(&alive, &to_healthz),
        to_healthz,
        Budget::RatioAtLeast(0.5),
    );
    Ok(vec![
        to_peer.with_note(note(&[&ours, &theirs])),
        to_healthz.with_note(note(&[&ours, &alive])),
    ])
}

/// GET of a 4 KiB blob.
pub(super) fn blob(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let (holdfast, _folder) = bench.holdfast()?;
    let distribution = bench.distribution()?;
    let image = Image::unique(run_number()?, 0);
    let (endpoint, peer) = (holdfast.endpoint(REPOSITORY)?, distribution.endpoint(REPOSITORY)?);
    let mut ours = Side::new("Holdfast", holdfast.id(), get_blob(&endpoint, &image));
    let mut theirs = Side::new("distribution", distribution.id(), get_blob(&peer, &image));
    for (side, endpoint) in [(&ours, &endpoint), (&theirs, &peer)] {
        push(endpoint, &image)?;
        side.check(endpoint, &image.blobs[1].bytes)?;
    }
    let pairs = Pairs::take(
        bench.sizes.runs,
        || ours.load(bench, &mut Generator::open(endpoint.address, CONNECTIONS)?),
        || theirs.load(bench, &mut Generator::open(peer.address, CONNECTIONS)?),
    )?;
    let what = format!("GET 4 KiB blob with a token, {CONNECTIONS} connections");
    let line = Line::compared(what, cells(&theirs, &pairs), pairs, Budget::RatioAtLeast(15.0));
    Ok(vec![line.with_note(note(&[&ours, &theirs]))])
}

/// Pushes the image that is then asked for.
pub(super) fn push(endpoint: &Endpoint, image: &Image) -> anyhow::Result<()> {
    Connection::open(endpoint.address)?.push_image(endpoint, REPOSITORY, "latest", image)
}

pub(super) fn healthz(endpoint: &Endpoint) -> Vec<u8> {
    endpoint.request("GET", "/healthz", "")
}

pub(super) fn get_manifest(endpoint: &Endpoint) -> Vec<u8> {
    let accept = format!("Accept: {}\r\n", Image::MEDIA_TYPE);
    endpoint.request("GET", &format!("/v2/{REPOSITORY}/manifests/latest"), &accept)
}

pub(super) fn get_blob(endpoint: &Endpoint, image: &Image) -> Vec<u8> {
    let target = format!("/v2/{REPOSITORY}/blobs/{}", image.blobs[1].digest);
    endpoint.request("GET", &target, "")
}

/// Medians of both sides, as the table shows them.
pub(super) fn cells(theirs: &Side, pairs: &Pairs) -> (String, String) {
    let name = theirs.name.trim_start_matches("Holdfast ");
    (
        per_second(median(&pairs.ours)),
        format!("{name} {}", per_second(median(&pairs.theirs))),
    )
}

fn note(sides: &[&Side]) -> String {
    let sides: Vec<String> = sides.iter().map(|side| side.costs()).collect();
    format!("processor time of a request: {}", sides.join("; "))
}

/// A request to one server, and what it has cost so far.
pub(super) struct Side {
    name: &'static str,
    pid: u32,
    request: Vec<u8>,
    cost: Cost,
}

impl Side {
    /// A request to the process `pid`.
    pub(super) fn new(name: &'static str, pid: u32, request: Vec<u8>) -> Self {
        Self {
            name,
            pid,
            request,
            cost: Cost::default(),
        }
    }

    /// Asks once, for the answer that counts as right.
    fn check(&self, endpoint: &Endpoint, expected: &[u8]) -> anyhow::Result<()> {
        let body = Connection::open(endpoint.address)?.demand(&self.request)?.body;
        anyhow::ensure!(body == expected, "{} does not answer with what was pushed", self.name);
        Ok(())
    }

    /// Requests per second, over a tenth of a window that is not counted (caches and pools are filled in it) and then a
    /// whole one.
    pub(super) fn load(&mut self, bench: &Bench, generator: &mut Generator) -> anyhow::Result<f64> {
        let window = bench.sizes.window;
        generator.run(&self.request, window / 10)?;
        let before = processor_time(self.pid)?;
        let done = generator.run(&self.request, window)?;
        self.cost.add(done, processor_time(self.pid)?.saturating_sub(before));
        bench.say(&format!("  {}: {}", self.name, per_second(done.per_second())));
        Ok(done.per_second())
    }

    /// What a request costs the server and the load generator.
    pub(super) fn costs(&self) -> String {
        format!(
            "{} {:.1} µs and the load generator {:.1} µs ({:.0} % of one core)",
            self.name,
            self.cost.server_micros(),
            self.cost.client_micros(),
            self.cost.client_percent()
        )
    }
}
