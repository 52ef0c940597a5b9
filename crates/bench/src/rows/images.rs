//! Push of small images, 8 at once, every one new and durable when it is acknowledged, beside distribution v3.

use super::{Bench, per_second};
use crate::content::run_number;
use crate::http::Endpoint;
use crate::load;
use crate::machine::processor_time;
use crate::measure::{Cost, Pairs, median};
use crate::peers::REPOSITORY;
use crate::report::{Budget, Line};

const CONNECTIONS: usize = 8;

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let (holdfast, _folder) = bench.holdfast()?;
    let distribution = bench.distribution()?;
    let mut ours = Side::new(holdfast.endpoint(REPOSITORY)?, holdfast.id());
    let mut theirs = Side::new(distribution.endpoint(REPOSITORY)?, distribution.id());
    // Once for each before it counts.
    ours.load(bench, "Holdfast (not counted)")?;
    theirs.load(bench, "distribution (not counted)")?;
    let pairs = Pairs::take(
        bench.sizes.runs,
        || ours.load(bench, "Holdfast"),
        || theirs.load(bench, "distribution"),
    )?;
    let cells = (
        per_second(median(&pairs.ours)),
        format!("distribution {}", per_second(median(&pairs.theirs))),
    );
    let what = format!("push of small images (2 blobs and a manifest), {CONNECTIONS} at once, durable");
    let note = format!(
        "an image is POST and PUT for each blob, PUT of the manifest; distribution with its example configuration \
         flushes blobs, links and the folders of links, not the folders blobs are moved into; processor time of the \
         server for an image: Holdfast {:.0} µs, distribution {:.0} µs; of the load beside Holdfast {:.0} µs \
         ({:.0} % of one core)",
        ours.cost.server_micros(),
        theirs.cost.server_micros(),
        ours.cost.client_micros(),
        ours.cost.client_percent()
    );
    Ok(vec![
        Line::compared(what, cells, pairs, Budget::RatioAtLeast(10.0)).with_note(note),
    ])
}

/// One server, and what it has done so far.
struct Side {
    endpoint: Endpoint,
    pid: u32,
    cost: Cost,
}

impl Side {
    fn new(endpoint: Endpoint, pid: u32) -> Self {
        Self {
            endpoint,
            pid,
            cost: Cost::default(),
        }
    }

    /// Images per second.
    fn load(&mut self, bench: &Bench, name: &str) -> anyhow::Result<f64> {
        let before = processor_time(self.pid)?;
        let done = load::push_images(
            &self.endpoint,
            REPOSITORY,
            CONNECTIONS,
            bench.sizes.window,
            run_number()?,
        )?;
        self.cost.add(done, processor_time(self.pid)?.saturating_sub(before));
        bench.say(&format!("  {name}: {}", per_second(done.per_second())));
        Ok(done.per_second())
    }
}
