//! Push of small images, 8 at once, every one new and durable when it is acknowledged, beside distribution v3.

use super::{Bench, per_second};
use crate::content::run_number;
use crate::http::Endpoint;
use crate::load;
use crate::measure::{Pairs, median};
use crate::peers::REPOSITORY;
use crate::report::{Budget, Line};

const CONNECTIONS: usize = 8;

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let (holdfast, _folder) = bench.holdfast()?;
    let distribution = bench.distribution()?;
    let ours = holdfast.endpoint(REPOSITORY)?;
    let theirs = distribution.endpoint(REPOSITORY)?;
    // Once for each before it counts.
    load(bench, "Holdfast (not counted)", &ours)?;
    load(bench, "distribution (not counted)", &theirs)?;
    let pairs = Pairs::take(
        bench.sizes.runs,
        || load(bench, "Holdfast", &ours),
        || load(bench, "distribution", &theirs),
    )?;
    let cells = (
        per_second(median(&pairs.ours)),
        format!("distribution {}", per_second(median(&pairs.theirs))),
    );
    let what = format!("push of small images (2 blobs and a manifest), {CONNECTIONS} at once, durable");
    let note = "an image is POST and PUT for each blob, PUT of the manifest; distribution with its example \
                configuration flushes blobs, links and the folders of links, not the folders blobs are moved into";
    Ok(vec![
        Line::compared(what, cells, pairs, Budget::RatioAtLeast(10.0)).with_note(note.to_owned()),
    ])
}

fn load(bench: &Bench, name: &str, endpoint: &Endpoint) -> anyhow::Result<f64> {
    let done = load::push_images(endpoint, REPOSITORY, CONNECTIONS, bench.sizes.window, run_number()?)?;
    bench.say(&format!("  {name}: {}", per_second(done.per_second())));
    Ok(done.per_second())
}
