//! What the load generator could measure at most: Holdfast's own answers, beside the same bytes given from memory by a
//! server that does nothing else. A Holdfast near to that is measured too slow, here and in the rows of `get`.

use std::time::Duration;

use super::get::{CONNECTIONS, Side, get_blob, get_manifest, healthz, push};
use super::{Bench, per_second};
use crate::baseline::fixed::Fixed;
use crate::client::Connection;
use crate::content::{Image, run_number};
use crate::generator::Generator;
use crate::measure::{Cost, Pairs, median};
use crate::peers::REPOSITORY;
use crate::report::{Budget, Line};

/// Nearer than this, and the generator takes part in what is measured.
const BUDGET: Budget = Budget::RatioAtMost(0.8);

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let (holdfast, _folder) = bench.holdfast()?;
    let image = Image::unique(run_number()?, 0);
    let endpoint = holdfast.endpoint(REPOSITORY)?;
    push(&endpoint, &image)?;
    let requests = [
        ("/healthz", healthz(&endpoint)),
        ("manifest by tag", get_manifest(&endpoint)),
        ("4 KiB blob", get_blob(&endpoint, &image)),
    ];
    let mut lines = Vec::new();
    for (name, request) in requests {
        let answer = Connection::open(endpoint.address)?.demand(&request)?.into_bytes();
        let fixed = Fixed::start(answer)?;
        let mut ours = Side::new("Holdfast", holdfast.id(), request.clone());
        let mut from_memory = Cost::default();
        let pairs = Pairs::take(
            bench.sizes.runs,
            || ours.load(bench, &mut Generator::open(endpoint.address, CONNECTIONS)?),
            || {
                let done = Generator::open(fixed.address(), CONNECTIONS)?.run(&request, bench.sizes.window)?;
                // Server and generator are one process here, and only the generator's time is of interest.
                from_memory.add(done, Duration::ZERO);
                bench.say(&format!("  fixed answer: {}", per_second(done.per_second())));
                Ok(done.per_second())
            },
        )?;
        let cells = (
            per_second(median(&pairs.ours)),
            format!("the same bytes from memory {}", per_second(median(&pairs.theirs))),
        );
        let what = format!("GET {name}, {CONNECTIONS} connections, beside the ceiling of the load generator");
        let note = format!(
            "processor time of a request: {}; beside the fixed answer the load generator {:.1} µs ({:.0} % of one core)",
            ours.costs(),
            from_memory.client_micros(),
            from_memory.client_percent()
        );
        lines.push(Line::compared(what, cells, pairs, BUDGET).with_note(note));
    }
    Ok(lines)
}
