//! Pages of a listing from all over it, one after the other: what the rows about long lists have in common.

use std::net::SocketAddr;
use std::time::Instant;

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

    /// A connection of its own. One that said nothing while a list was filled would be closed by now.
    fn connect(&self) -> anyhow::Result<Connection> {
        Connection::open(self.address)
    }

    /// Seconds for one of the pages.
    fn page(&self, connection: &mut Connection, page: usize) -> anyhow::Result<f64> {
        let (request, end) = &self.requests[page];
        let started = Instant::now();
        let answer = connection.demand(request)?;
        let seconds = started.elapsed().as_secs_f64();
        anyhow::ensure!(
            answer.body.windows(end.len()).any(|window| window == end.as_bytes()),
            "a page does not end with {end}, {PAGE} entries after the one that it follows"
        );
        Ok(seconds)
    }
}

/// The median times of a page of both lists, in seconds. They take turns page by page: a page takes so little that which
/// processor the machine gives it matters as much as the list.
fn run(bench: &Bench, long: &Listing, short: &Listing) -> anyhow::Result<(f64, f64)> {
    let (mut to_long, mut to_short) = (long.connect()?, short.connect()?);
    let mut times = Pairs::default();
    for page in 0..long.requests.len() {
        times.ours.push(long.page(&mut to_long, page)?);
        times.theirs.push(short.page(&mut to_short, page)?);
    }
    let (ours, theirs) = (median(&times.ours), median(&times.theirs));
    let (many, few) = (long.entries, short.entries);
    bench.say(&format!(
        "  {many} entries: {}, {few}: {}",
        millis(ours),
        millis(theirs)
    ));
    Ok((ours, theirs))
}

/// The row that compares a long list with a short one.
pub(super) fn compare(
    bench: &Bench,
    what: String,
    noun: &str,
    long: &Listing,
    short: &Listing,
) -> anyhow::Result<Line> {
    // Once before it counts.
    run(bench, long, short)?;
    let mut pairs = Pairs::default();
    for _ in 0..bench.sizes.runs {
        let (ours, theirs) = run(bench, long, short)?;
        pairs.ours.push(ours);
        pairs.theirs.push(theirs);
    }
    let cells = (
        millis(median(&pairs.ours)),
        format!("{} {noun} {}", short.entries, millis(median(&pairs.theirs))),
    );
    Ok(Line::compared(what, cells, pairs, Budget::RatioAtMost(1.5)))
}
