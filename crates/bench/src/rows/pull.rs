//! Pull of a large blob over one connection, beside nginx sending the same bytes as a plain file.

use std::fs::File;
use std::time::Instant;

use super::{Bench, mib_per_second};
use crate::client::Connection;
use crate::http::{Endpoint, closing_target};
use crate::measure::{Pairs, median};
use crate::payload::{Form, Payload};
use crate::peers::REPOSITORY;
use crate::peers::nginx::Nginx;
use crate::report::{Budget, Line};

/// Pulls in one run: a single one takes a fraction of a second, in which anything may happen.
const PULLS: u32 = 5;

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let mib = bench.sizes.blob_mib;
    let mut payload = Payload::new(bench.workplace.root(), mib << 20)?;
    let digest = payload.renew()?;
    let nginx = Nginx::start(&bench.tools.nginx, &bench.workplace)?;
    let mut file = File::create(nginx.file("blob"))?;
    payload.write_to(&mut file)?;
    file.sync_all()?;

    let (holdfast, _folder) = bench.holdfast()?;
    let endpoint = holdfast.endpoint(REPOSITORY)?;
    let mut connection = Connection::open(endpoint.address)?;
    let location = connection.open_upload(&endpoint, REPOSITORY)?;
    let head = endpoint.request(
        "PUT",
        &closing_target(&location, &digest),
        &payload.announce(Form::Plain),
    );
    std::io::Write::write_all(connection.stream(), &head)?;
    payload.send(connection.stream(), Form::Plain)?;
    let answer = connection.read_answer()?;
    anyhow::ensure!(
        answer.status == 201,
        "the blob was not accepted: {}",
        String::from_utf8_lossy(&answer.body)
    );

    let mut ours = Side::new(
        endpoint,
        &format!("/v2/{REPOSITORY}/blobs/{digest}"),
        payload.len_bytes(),
    )?;
    let mut theirs = Side::new(nginx.endpoint.clone(), "/blob", payload.len_bytes())?;
    // Once for each before it counts: the file's pages, the connections.
    ours.pull()?;
    theirs.pull()?;
    let pairs = Pairs::take(
        bench.sizes.runs,
        || ours.run(bench, "Holdfast"),
        || theirs.run(bench, "nginx"),
    )?;
    let cells = (
        mib_per_second(median(&pairs.ours)),
        format!("nginx {}", mib_per_second(median(&pairs.theirs))),
    );
    Ok(vec![Line::compared(
        format!("pull of a {mib} MiB blob, one connection"),
        cells,
        pairs,
        Budget::RatioAtLeast(0.9),
    )])
}

struct Side {
    connection: Connection,
    request: Vec<u8>,
    len_bytes: u64,
}

impl Side {
    fn new(endpoint: Endpoint, target: &str, len_bytes: u64) -> anyhow::Result<Self> {
        let connection = Connection::open(endpoint.address)?;
        Ok(Self {
            connection,
            request: endpoint.request("GET", target, ""),
            len_bytes,
        })
    }

    fn pull(&mut self) -> anyhow::Result<()> {
        let got = self.connection.discard(&self.request)?;
        anyhow::ensure!(
            got == self.len_bytes,
            "a pull gave {got} bytes instead of {}",
            self.len_bytes
        );
        Ok(())
    }

    /// MiB per second over some pulls.
    fn run(&mut self, bench: &Bench, name: &str) -> anyhow::Result<f64> {
        let started = Instant::now();
        for _ in 0..PULLS {
            self.pull()?;
        }
        let mib = (self.len_bytes * u64::from(PULLS)) as f64 / f64::from(1 << 20);
        let speed = mib / started.elapsed().as_secs_f64();
        bench.say(&format!("  {name}: {}", mib_per_second(speed)));
        Ok(speed)
    }
}
