//! Pages of a listing from all over it, one after the other: what the rows about long lists have in common.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Bench, millis};
use crate::client::Connection;
use crate::http::Endpoint;
use crate::measure::{Pairs, median};
use crate::report::{Budget, Line};

/// Entries of a page.
pub(super) const PAGE: u64 = 100;
/// Entries of the short list that the long one is compared with.
pub(super) const FEW: u64 = 1_000;
/// Pages in one run, spread over the whole list.
const PAGES: u64 = 500;

/// A list whose entries are named by numbers, in their order.
pub(super) struct Listing {
    address: SocketAddr,
    entries: u64,
    /// Each with the entry that the answer ends with.
    requests: Vec<(Vec<u8>, String)>,
}

impl Listing {
    /// The list at `target` that holds `entries` entries, the first called `name(0)`.
    pub(super) fn new(endpoint: &Endpoint, target: &str, entries: u64, name: impl Fn(u64) -> String) -> Self {
        let request = |page: u64| {
            let last = (entries - PAGE - 1) * page / PAGES;
            let target = format!("{target}?n={PAGE}&last={}", name(last));
            let end = format!("\"{}\"", name(last + PAGE));
            (endpoint.request("GET", &target, ""), end)
        };
        Self {
            address: endpoint.address,
            entries,
            requests: (0..PAGES).map(request).collect(),
        }
    }

    /// The mean time of a page, in seconds. A connection that said nothing while a list was filled would be closed by now.
    fn run(&self, bench: &Bench) -> anyhow::Result<f64> {
        let mut connection = Connection::open(self.address)?;
        let mut spent = Duration::ZERO;
        for (request, end) in &self.requests {
            let started = Instant::now();
            let answer = connection.demand(request)?;
            spent += started.elapsed();
            anyhow::ensure!(
                answer.body.windows(end.len()).any(|window| window == end.as_bytes()),
                "a page does not end with {end}, {PAGE} entries after the one that it follows"
            );
        }
        let mean = spent.as_secs_f64() / self.requests.len() as f64;
        bench.say(&format!("  {} entries: {}", self.entries, millis(mean)));
        Ok(mean)
    }
}

/// The row that compares a long list with a short one.
pub(super) fn compare(
    bench: &Bench,
    what: String,
    noun: &str,
    long: &Listing,
    short: &Listing,
) -> anyhow::Result<Line> {
    // Once for each before it counts.
    long.run(bench)?;
    short.run(bench)?;
    let pairs = Pairs::take(bench.sizes.runs, || long.run(bench), || short.run(bench))?;
    let cells = (
        millis(median(&pairs.ours)),
        format!("{} {noun} {}", short.entries, millis(median(&pairs.theirs))),
    );
    Ok(Line::compared(what, cells, pairs, Budget::RatioAtMost(1.5)))
}
