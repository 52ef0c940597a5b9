//! A page of 100 tags of a very long list, beside the same page of a short one. Holdfast only.

use std::fmt::Write as _;

use super::Bench;
use super::listing::{FEW, Listing, PAGE, compare};
use crate::client::Connection;
use crate::content::{Blob, Image, empty_blob, tiny_manifest};
use crate::load;
use crate::peers::holdfast::Holdfast;
use crate::report::Line;

/// Tags set by one PUT (`?tag=` as often as needed); a target of about 1.3 KB.
const TAGS_PER_PUT: u64 = 100;
const CONNECTIONS: usize = 8;

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let many = bench.sizes.tags;
    let (holdfast, _folder) = bench.holdfast()?;
    let short = fill(bench, &holdfast, "bench/few", FEW)?;
    let long = fill(bench, &holdfast, "bench/many", many)?;
    let what = format!("a page of {PAGE} tags in a repository of {many}");
    Ok(vec![compare(bench, what, "tags", &long, &short)?])
}

/// Puts `tags` tags on one manifest.
fn fill(bench: &Bench, holdfast: &Holdfast, repository: &'static str, tags: u64) -> anyhow::Result<Listing> {
    let endpoint = holdfast.endpoint(repository)?;
    let empty = empty_blob();
    Connection::open(endpoint.address)?.push_blob(&endpoint, repository, &empty.digest, &empty.bytes)?;
    let manifest = Blob::new(tiny_manifest(0));
    let to = endpoint.clone();
    let puts = tags.div_ceil(TAGS_PER_PUT);
    let done = load::each(endpoint.address, CONNECTIONS, puts, move |number| {
        let first = number * TAGS_PER_PUT;
        let mut target = format!("/v2/{repository}/manifests/{}", manifest.digest);
        for (index, tag) in (first..tags.min(first + TAGS_PER_PUT)).enumerate() {
            // Writing to a string cannot fail.
            let _ = write!(target, "{}tag={}", if index == 0 { '?' } else { '&' }, name(tag));
        }
        to.request_with_body("PUT", &target, Image::MEDIA_TYPE, &manifest.bytes)
    })?;
    bench.say(&format!("  {tags} tags in {:.1} s", done.elapsed.as_secs_f64()));
    let target = format!("/v2/{repository}/tags/list");
    Ok(Listing::new(&endpoint, &target, tags, name))
}

/// The tag with a number, in the order of the numbers.
fn name(tag: u64) -> String {
    format!("v{tag:09}")
}
