//! The closing PUT of a very large upload, beside that of a small one. Holdfast only.

use std::time::Instant;

use super::{Bench, millis, push};
use crate::client::Connection;
use crate::http::Endpoint;
use crate::measure::{Pairs, median};
use crate::payload::{Form, Payload};
use crate::peers::REPOSITORY;
use crate::report::{Budget, Line};

const SMALL_MIB: u64 = 1;
/// Small uploads in a run; their median counts, for a single one of a few milliseconds says little.
const SMALL_UPLOADS: u32 = 9;
/// The design says "the same time"; this much is noise of a disk's flush.
const BUDGET: Budget = Budget::RatioAtMost(1.5);

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let big_mib = bench.sizes.big_upload_mib;
    let mut small = Payload::new(bench.workplace.root(), SMALL_MIB << 20)?;
    let mut big = Payload::new(bench.workplace.root(), big_mib << 20)?;
    let mut pairs = Pairs::default();
    for _ in 0..bench.sizes.runs {
        // New each time: the large blobs of all runs together may not fit on the disk.
        let (holdfast, _folder) = bench.holdfast()?;
        let endpoint = holdfast.endpoint(REPOSITORY)?;
        let mut connection = Connection::open(endpoint.address)?;
        let ours = finish(&mut connection, &endpoint, &mut big)?;
        // After it, so that the disk has as much behind it for both.
        let mut times = Vec::new();
        for _ in 0..SMALL_UPLOADS {
            times.push(finish(&mut connection, &endpoint, &mut small)?);
        }
        let theirs = median(&times);
        bench.say(&format!(
            "  {big_mib} MiB: {}, {SMALL_MIB} MiB: {}",
            millis(ours),
            millis(theirs)
        ));
        pairs.ours.push(ours);
        pairs.theirs.push(theirs);
        drop(connection);
        holdfast.stop()?;
    }
    let what = match big_mib {
        mib if mib % 1024 == 0 => format!("finishing an upload of {} GiB", mib / 1024),
        mib => format!("finishing an upload of {mib} MiB"),
    };
    let cells = (
        millis(median(&pairs.ours)),
        format!("{SMALL_MIB} MiB {}", millis(median(&pairs.theirs))),
    );
    Ok(vec![Line::compared(what, cells, pairs, BUDGET)])
}

/// Uploads the body and closes the upload; seconds for the closing request.
fn finish(connection: &mut Connection, endpoint: &Endpoint, payload: &mut Payload) -> anyhow::Result<f64> {
    let digest = payload.renew()?;
    let location = connection.open_upload(endpoint, REPOSITORY)?;
    let location = push::patch(connection, endpoint, payload, &location, Form::Chunked)?;
    let started = Instant::now();
    push::close(connection, endpoint, &location, &digest)?;
    Ok(started.elapsed().as_secs_f64())
}
