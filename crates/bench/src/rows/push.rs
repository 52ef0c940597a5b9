//! Push of a large blob, as docker does it (POST, a PATCH in chunks, PUT) and in one PUT, beside what any registry must
//! at least do: receive the bytes over HTTP, hash them, and write them durably. The slowest of the three is the peer.

use std::fs::File;
use std::io::Write as _;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};

use super::{Bench, mib_per_second};
use crate::baseline::sink;
use crate::client::Connection;
use crate::content::noise;
use crate::http::{Endpoint, closing_target};
use crate::load::Done;
use crate::machine::{processor_time, thread_time};
use crate::measure::{Cost, Pairs, median};
use crate::payload::{Form, Payload};
use crate::peers::REPOSITORY;
use crate::report::{Budget, Line};

const BUDGET: Budget = Budget::RatioAtLeast(0.8);
const FORMS: [(Form, &str); 2] = [
    (Form::Chunked, "as docker does (PATCH in chunks)"),
    (Form::Plain, "in one PUT"),
];

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let mib = bench.sizes.blob_mib;
    let mut payload = Payload::new(bench.workplace.root(), mib << 20)?;
    let (holdfast, _folder) = bench.holdfast()?;
    let endpoint = holdfast.endpoint(REPOSITORY)?;
    let mut connection = Connection::open(endpoint.address)?;
    let sink = Endpoint::open_to_all(sink::start()?);
    let mut discarding = Connection::open(sink.address)?;
    let (mut hashes, mut writes) = (Vec::new(), Vec::new());
    let mut forms = FORMS.map(|_| Pushes::default());
    // One of each before it counts.
    for run in 0..=bench.sizes.runs {
        let speed = |seconds: f64| mib as f64 / seconds;
        let (hash, write) = (speed(hash_alone(mib)), speed(write_alone(bench, &mut payload)?));
        let mut said = format!("SHA-256 {hash:.0}, durable write {write:.0}");
        for ((form, name), pushes) in FORMS.iter().zip(&mut forms) {
            let discard = speed(discard_alone(&mut discarding, &sink, &mut payload, *form)?);
            let (server, client) = (processor_time(holdfast.id())?, thread_time());
            let (digest, started) = (payload.renew()?, Instant::now());
            push(&mut connection, &endpoint, &mut payload, *form, &digest)?;
            let done = Done {
                count: 1,
                elapsed: started.elapsed(),
                processor: thread_time().saturating_sub(client),
            };
            let push = mib as f64 * done.per_second();
            said = format!("{said}; {name}: discarding {discard:.0}, Holdfast {push:.0}");
            if run > 0 {
                pushes.pairs.ours.push(push);
                pushes.pairs.theirs.push(hash.min(write).min(discard));
                pushes.discards.push(discard);
                pushes
                    .cost
                    .add(done, processor_time(holdfast.id())?.saturating_sub(server));
            }
        }
        if run > 0 {
            hashes.push(hash);
            writes.push(write);
        }
        bench.say(&format!(
            "  {said} MiB/s{}",
            if run == 0 { " (not counted)" } else { "" }
        ));
    }
    let lines = FORMS.iter().zip(forms).map(|((_, name), pushes)| {
        let what = format!("push of a {mib} MiB blob, {name}");
        pushes.line(what, median(&hashes), median(&writes), bench.machine.cores)
    });
    Ok(lines.collect())
}

/// Pushes of one form, and what stands beside them.
#[derive(Default)]
struct Pushes {
    /// Of a push, and in the same run of the slowest of the three.
    pairs: Pairs,
    discards: Vec<f64>,
    cost: Cost,
}

impl Pushes {
    fn line(self, what: String, hash: f64, write: f64, cores: usize) -> Line {
        let alone = [
            ("receiving and discarding", median(&self.discards)),
            ("SHA-256 alone", hash),
            ("durable write alone", write),
        ];
        let slowest = alone.iter().min_by(|one, other| one.1.total_cmp(&other.1));
        let name = slowest.map_or("—", |(name, _)| name);
        let cells = (
            mib_per_second(median(&self.pairs.ours)),
            format!("{name} {}", mib_per_second(median(&self.pairs.theirs))),
        );
        let note = alone.map(|(name, speed)| format!("{name} {}", mib_per_second(speed)));
        let note = format!(
            "{}; processor time of a push: Holdfast {:.0} ms and the client {:.0} ms ({:.0} % of all cores)",
            note.join(", "),
            self.cost.server_micros() / 1000.0,
            self.cost.client_micros() / 1000.0,
            self.cost.percent() / cores as f64
        );
        Line::compared(what, cells, self.pairs, BUDGET).with_note(note)
    }
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

/// Seconds for sending the body, in one request, to a server that drops it.
fn discard_alone(
    connection: &mut Connection,
    sink: &Endpoint,
    payload: &mut Payload,
    form: Form,
) -> anyhow::Result<f64> {
    let started = Instant::now();
    connection
        .stream()
        .write_all(&sink.request("PUT", "/", &payload.announce(form)))?;
    payload.send(connection.stream(), form)?;
    let answer = connection.read_answer()?;
    ensure!(answer.status == 201, "the sink answered with {}", answer.status);
    Ok(started.elapsed().as_secs_f64())
}

/// A push: in chunks POST, PATCH and PUT, otherwise POST and a PUT with the bytes.
fn push(
    connection: &mut Connection,
    endpoint: &Endpoint,
    payload: &mut Payload,
    form: Form,
    digest: &str,
) -> anyhow::Result<()> {
    let location = connection.open_upload(endpoint, REPOSITORY)?;
    match form {
        Form::Chunked => {
            let location = patch(connection, endpoint, payload, &location, form)?;
            close(connection, endpoint, &location, digest)
        }
        Form::Plain => put(connection, endpoint, payload, &closing_target(&location, digest)),
    }
}

/// Sends the body with the PUT that closes the upload.
pub(super) fn put(
    connection: &mut Connection,
    endpoint: &Endpoint,
    payload: &mut Payload,
    target: &str,
) -> anyhow::Result<()> {
    let head = endpoint.request("PUT", target, &payload.announce(Form::Plain));
    connection.stream().write_all(&head)?;
    payload.send(connection.stream(), Form::Plain)?;
    let answer = connection.read_answer()?;
    ensure!(
        answer.status == 201,
        "a PUT was answered with {}: {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    Ok(())
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
