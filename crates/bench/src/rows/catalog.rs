//! A page of 100 repositories of a registry that holds very many, beside the same page of one with a few. Holdfast
//! only, twice: a catalog is that of a whole registry.

use super::Bench;
use super::listing::{FEW, Listing, PAGE, compare};
use crate::content::{EMPTY_INDEX, INDEX_MEDIA_TYPE};
use crate::load;
use crate::peers::holdfast::Holdfast;
use crate::report::Line;

/// Enough for every group commit to be a large one.
const CONNECTIONS: usize = 64;
const SCOPES: &[&str] = &["repository:*:pull,push", "registry:catalog:*"];

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let many = bench.sizes.repositories;
    let (small, _small_folder) = bench.holdfast()?;
    let (large, _large_folder) = bench.holdfast()?;
    let short = fill(bench, &small, FEW)?;
    let long = fill(bench, &large, many)?;
    let what = format!("a page of {PAGE} repositories in a catalog of {many}");
    Ok(vec![compare(bench, what, "repositories", &long, &short)?])
}

/// Makes `repositories` repositories with an image index each.
fn fill(bench: &Bench, holdfast: &Holdfast, repositories: u64) -> anyhow::Result<Listing> {
    let endpoint = holdfast.endpoint_for(SCOPES)?;
    let to = endpoint.clone();
    let done = load::each(endpoint.address, CONNECTIONS, repositories, move |number| {
        let target = format!("/v2/{}/manifests/latest", name(number));
        to.request_with_body("PUT", &target, INDEX_MEDIA_TYPE, EMPTY_INDEX)
    })?;
    let seconds = done.elapsed.as_secs_f64();
    bench.say(&format!("  {repositories} repositories in {seconds:.1} s"));
    Ok(Listing::new(&endpoint, "/v2/_catalog", repositories, name))
}

/// The repository with a number, in the order of the numbers.
fn name(repository: u64) -> String {
    format!("bench/r{repository:09}")
}
