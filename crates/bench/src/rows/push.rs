//! Push of a large blob, as docker does it (POST, a PATCH in chunks, PUT) and in one PUT, beside what any registry must
//! at least do: SHA-256 of the bytes, and a durable write of the bytes. The slower of the two is the peer.

use std::fs::File;
use std::io::Write as _;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};

use super::{Bench, mib_per_second};
use crate::client::Connection;
use crate::content::noise;
use crate::http::{Endpoint, closing_target};
use crate::measure::{Pairs, median};
use crate::payload::{Form, Payload};
use crate::peers::REPOSITORY;
use crate::report::{Budget, Line};

const BUDGET: Budget = Budget::RatioAtLeast(0.8);

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let mib = bench.sizes.blob_mib;
    let mut payload = Payload::new(bench.workplace.root(), mib << 20)?;
    let (holdfast, _folder) = bench.holdfast()?;
    let endpoint = holdfast.endpoint(REPOSITORY)?;
    let mut connection = Connection::open(endpoint.address)?;
    let mut streamed = Pairs::default();
    let mut monolithic = Pairs::default();
    let (mut hashes, mut writes) = (Vec::new(), Vec::new());
    // One of each before it counts.
    for run in 0..=bench.sizes.runs {
        let seconds = [
            hash_alone(mib),
            write_alone(bench, &mut payload)?,
            push_streamed(&mut connection, &endpoint, &mut payload)?,
            push_whole(&mut connection, &endpoint, &mut payload)?,
        ];
        let [hash, write, patch, put] = seconds.map(|seconds| mib as f64 / seconds);
        let line = format!("SHA-256 {hash:.0}, durable write {write:.0}, PATCH {patch:.0}, PUT {put:.0} MiB/s");
        bench.say(&format!("  {line}{}", if run == 0 { " (not counted)" } else { "" }));
        if run == 0 {
            continue;
        }
        let floor = hash.min(write);
        streamed.ours.push(patch);
        streamed.theirs.push(floor);
        monolithic.ours.push(put);
        monolithic.theirs.push(floor);
        hashes.push(hash);
        writes.push(write);
    }
    let note = format!(
        "SHA-256 alone {}, durable write alone {}",
        mib_per_second(median(&hashes)),
        mib_per_second(median(&writes))
    );
    let peer = if median(&hashes) < median(&writes) {
        "SHA-256 alone"
    } else {
        "durable write alone"
    };
    let line = |how: &str, pairs: Pairs| {
        let theirs = format!("{peer} {}", mib_per_second(median(&pairs.theirs)));
        let cells = (mib_per_second(median(&pairs.ours)), theirs);
        Line::compared(format!("push of a {mib} MiB blob, {how}"), cells, pairs, BUDGET)
    };
    Ok(vec![
        line("as docker does (PATCH in chunks)", streamed).with_note(note),
        line("in one PUT", monolithic),
    ])
}

/// Seconds for the hash of `mib` MiB from memory.
fn hash_alone(mib: u64) -> f64 {
    let bytes = noise(2, 16 << 20);
    let started = Instant::now();
    let mut hash = Sha256::new();
    for _ in 0..mib / 16 {
        hash.update(&bytes);
    }
    hash.update(&bytes[..(mib as usize % 16) << 20]);
    std::hint::black_box(hash.finalize());
    started.elapsed().as_secs_f64()
}

/// Seconds for a plain write of the body to a new file and its flush to the disk.
fn write_alone(bench: &Bench, payload: &mut Payload) -> anyhow::Result<f64> {
    let path = bench.workplace.root().join("plain-file");
    let started = Instant::now();
    let mut file = File::create_new(&path)?;
    payload.write_to(&mut file)?;
    file.sync_all()?;
    let seconds = started.elapsed().as_secs_f64();
    drop(file);
    std::fs::remove_file(path)?;
    Ok(seconds)
}

fn push_streamed(connection: &mut Connection, endpoint: &Endpoint, payload: &mut Payload) -> anyhow::Result<f64> {
    let digest = payload.renew()?;
    let started = Instant::now();
    let location = connection.open_upload(endpoint, REPOSITORY)?;
    let location = patch(connection, endpoint, payload, &location, Form::Chunked)?;
    close(connection, endpoint, &location, &digest)?;
    Ok(started.elapsed().as_secs_f64())
}

fn push_whole(connection: &mut Connection, endpoint: &Endpoint, payload: &mut Payload) -> anyhow::Result<f64> {
    let digest = payload.renew()?;
    let started = Instant::now();
    let location = connection.open_upload(endpoint, REPOSITORY)?;
    let target = closing_target(&location, &digest);
    connection
        .stream()
        .write_all(&endpoint.request("PUT", &target, &payload.announce(Form::Plain)))?;
    payload.send(connection.stream(), Form::Plain)?;
    let answer = connection.read_answer()?;
    ensure!(answer.status == 201, "a PUT was answered with {}", answer.status);
    Ok(started.elapsed().as_secs_f64())
}

/// Sends the body as one PATCH; the location that the server goes on with.
pub(super) fn patch(
    connection: &mut Connection,
    endpoint: &Endpoint,
    payload: &mut Payload,
    location: &str,
    form: Form,
) -> anyhow::Result<String> {
    let headers = format!("Content-Type: application/octet-stream\r\n{}", payload.announce(form));
    connection
        .stream()
        .write_all(&endpoint.request("PATCH", crate::http::target_of(location), &headers))?;
    payload.send(connection.stream(), form)?;
    let answer = connection.read_answer()?;
    ensure!(answer.status == 202, "a PATCH was answered with {}", answer.status);
    Ok(answer
        .header("location")
        .context("a PATCH was answered without a Location")?
        .to_owned())
}

/// Closes an upload with an empty PUT.
pub(super) fn close(
    connection: &mut Connection,
    endpoint: &Endpoint,
    location: &str,
    digest: &str,
) -> anyhow::Result<()> {
    connection.demand(&endpoint.request("PUT", &closing_target(location, digest), "Content-Length: 0\r\n"))?;
    Ok(())
}
