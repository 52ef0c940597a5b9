//! Time from the start of the program to the first good answer of /readyz, with many manifests. Holdfast only.

use super::{Bench, millis};
use crate::client::Connection;
use crate::content::{Image, empty_blob, tiny_manifest};
use crate::load;
use crate::measure::median;
use crate::peers::REPOSITORY;
use crate::peers::holdfast::Holdfast;
use crate::report::{Budget, Line};

/// Enough for every group commit to be a large one.
const CONNECTIONS: usize = 64;

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let manifests = bench.sizes.manifests;
    let folder = bench.workplace.folder("holdfast-")?;
    let data_dir = folder.path().join("data");
    let start = || Holdfast::start(&bench.tools.holdfast, &bench.workplace, &data_dir);
    let holdfast = start()?;
    let endpoint = holdfast.endpoint(REPOSITORY)?;
    let mut connection = Connection::open(endpoint.address)?;
    let empty = empty_blob();
    connection.push_blob(&endpoint, REPOSITORY, &empty.digest, &empty.bytes)?;
    drop(connection);
    let done = load::each(holdfast.address(), CONNECTIONS, manifests, move |number| {
        let target = format!("/v2/{REPOSITORY}/manifests/v{number:09}");
        endpoint.request_with_body("PUT", &target, Image::MEDIA_TYPE, &tiny_manifest(number))
    })?;
    bench.say(&format!(
        "  {manifests} tagged manifests in {:.1} s",
        done.elapsed.as_secs_f64()
    ));
    holdfast.stop()?;
    let mut seconds = Vec::new();
    for _ in 0..bench.sizes.runs {
        let holdfast = start()?;
        seconds.push(holdfast.start_time.as_secs_f64());
        bench.say(&format!("  ready after {}", millis(holdfast.start_time.as_secs_f64())));
        holdfast.stop()?;
    }
    let what = format!("start with {manifests} manifests, until /readyz is 200");
    Ok(vec![Line::plain(
        what,
        format!("{:.2} s", median(&seconds)),
        seconds,
        Budget::AtMost(1.0, "s"),
    )])
}
