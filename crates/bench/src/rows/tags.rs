//! A page of 100 tags of a very long list, beside the same page of a short one. Holdfast only.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::{Bench, millis};
use crate::client::Connection;
use crate::content::{Blob, empty_blob, tiny_manifest};
use crate::http::Endpoint;
use crate::load;
use crate::measure::{Pairs, median};
use crate::peers::holdfast::Holdfast;
use crate::report::{Budget, Line};

const PAGE: u64 = 100;
const FEW: u64 = 1_000;
/// Tags set by one PUT (`?tag=` as often as needed); a target of about 1.3 KB.
const TAGS_PER_PUT: u64 = 100;
const CONNECTIONS: usize = 8;
/// Pages in one run, spread over the whole list.
const PAGES: u64 = 500;

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let many = bench.sizes.tags;
    let (holdfast, _folder) = bench.holdfast()?;
    let mut long = List::fill(&holdfast, "bench/few", FEW).and_then(|few| {
        let (list, took) = List::fill(&holdfast, "bench/many", many)?;
        bench.say(&format!("  {many} tags in {:.1} s", took.as_secs_f64()));
        Ok((list, few.0))
    })?;
    // Once for each before it counts.
    long.0.run(bench)?;
    long.1.run(bench)?;
    let (long, short) = &mut long;
    let pairs = Pairs::take(bench.sizes.runs, || long.run(bench), || short.run(bench))?;
    let cells = (
        millis(median(&pairs.ours)),
        format!("{FEW} tags {}", millis(median(&pairs.theirs))),
    );
    let what = format!("a page of {PAGE} tags in a repository of {many}");
    Ok(vec![Line::compared(what, cells, pairs, Budget::RatioAtMost(1.5))])
}

/// A repository with tags.
struct List {
    endpoint: Endpoint,
    connection: Connection,
    repository: &'static str,
    tags: u64,
}

impl List {
    /// Puts `tags` tags on one manifest; also how long that took.
    fn fill(holdfast: &Holdfast, repository: &'static str, tags: u64) -> anyhow::Result<(Self, Duration)> {
        let endpoint = holdfast.endpoint(repository)?;
        let mut connection = Connection::open(endpoint.address)?;
        let empty = empty_blob();
        connection.push_blob(&endpoint, repository, &empty.digest, &empty.bytes)?;
        let manifest = Blob::new(tiny_manifest(0));
        let started = Instant::now();
        let to = endpoint.clone();
        load::each(
            endpoint.address,
            CONNECTIONS,
            tags.div_ceil(TAGS_PER_PUT),
            move |number| {
                let first = number * TAGS_PER_PUT;
                let mut target = format!("/v2/{repository}/manifests/{}", manifest.digest);
                for (index, tag) in (first..tags.min(first + TAGS_PER_PUT)).enumerate() {
                    // Writing to a string cannot fail.
                    let _ = write!(target, "{}tag={}", if index == 0 { '?' } else { '&' }, name(tag));
                }
                to.request_with_body("PUT", &target, crate::content::Image::MEDIA_TYPE, &manifest.bytes)
            },
        )?;
        Ok((
            Self {
                endpoint,
                connection,
                repository,
                tags,
            },
            started.elapsed(),
        ))
    }

    /// The mean time of a page, in seconds.
    fn run(&mut self, bench: &Bench) -> anyhow::Result<f64> {
        let mut spent = Duration::ZERO;
        for page in 0..PAGES {
            let last = (self.tags - PAGE - 1) * page / PAGES;
            let target = format!("/v2/{}/tags/list?n={PAGE}&last={}", self.repository, name(last));
            let request = self.endpoint.request("GET", &target, "");
            let started = Instant::now();
            let answer = self.connection.demand(&request)?;
            spent += started.elapsed();
            let end = format!("\"{}\"", name(last + PAGE));
            anyhow::ensure!(
                answer.body.windows(end.len()).any(|window| window == end.as_bytes()),
                "GET {target} does not answer with the {PAGE} tags that follow"
            );
        }
        let mean = spent.as_secs_f64() / PAGES as f64;
        bench.say(&format!("  {} tags: {}", self.tags, millis(mean)));
        Ok(mean)
    }
}

/// The tag with a number, in the order of the numbers.
fn name(tag: u64) -> String {
    format!("v{tag:09}")
}
