//! Pull of a large blob over one connection, beside nginx sending the same bytes as a plain file. The client copies
//! them out of the kernel, as every client must, into a piece of memory that stays in the processor's cache.

use std::fs::File;
use std::time::Instant;

use super::{Bench, mib_per_second, push};
use crate::client::Connection;
use crate::http::{Endpoint, closing_target};
use crate::load::Done;
use crate::machine::{processor_time, thread_time};
use crate::measure::{Cost, Pairs, median};
use crate::payload::Payload;
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
    push::put(
        &mut connection,
        &endpoint,
        &mut payload,
        &closing_target(&location, &digest),
    )?;

    let mut ours = Side::new(
        "Holdfast",
        holdfast.id(),
        endpoint,
        &format!("/v2/{REPOSITORY}/blobs/{digest}"),
        payload.len_bytes(),
    )?;
    let mut theirs = Side::new(
        "nginx",
        nginx.id(),
        nginx.endpoint.clone(),
        "/blob",
        payload.len_bytes(),
    )?;
    // Once for each before it counts: the file's pages, the connections.
    ours.pull()?;
    theirs.pull()?;
    let pairs = Pairs::take(bench.sizes.runs, || ours.run(bench), || theirs.run(bench))?;
    let cells = (
        mib_per_second(median(&pairs.ours)),
        format!("nginx {}", mib_per_second(median(&pairs.theirs))),
    );
    let what = format!("pull of a {mib} MiB blob, one connection");
    let line = Line::compared(what, cells, pairs, Budget::RatioAtLeast(1.0));
    let note = format!("processor time of a pull: {}; {}", ours.costs(), theirs.costs());
    Ok(vec![line.with_note(note)])
}

/// The blob at one server, and what pulling it has cost so far.
struct Side {
    name: &'static str,
    pid: u32,
    connection: Connection,
    request: Vec<u8>,
    len_bytes: u64,
    cost: Cost,
}

impl Side {
    fn new(name: &'static str, pid: u32, endpoint: Endpoint, target: &str, len_bytes: u64) -> anyhow::Result<Self> {
        let connection = Connection::open(endpoint.address)?;
        Ok(Self {
            name,
            pid,
            connection,
            request: endpoint.request("GET", target, ""),
            len_bytes,
            cost: Cost::default(),
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
    fn run(&mut self, bench: &Bench) -> anyhow::Result<f64> {
        let (server, client) = (processor_time(self.pid)?, thread_time());
        let started = Instant::now();
        for _ in 0..PULLS {
            self.pull()?;
        }
        let done = Done {
            count: u64::from(PULLS),
            elapsed: started.elapsed(),
            processor: thread_time().saturating_sub(client),
        };
        self.cost.add(done, processor_time(self.pid)?.saturating_sub(server));
        let mib = self.len_bytes as f64 / f64::from(1 << 20);
        let speed = mib * done.per_second();
        bench.say(&format!("  {}: {}", self.name, mib_per_second(speed)));
        Ok(speed)
    }

    /// What a pull costs the server and the client.
    fn costs(&self) -> String {
        format!(
            "{} {:.0} ms and the client {:.0} ms ({:.0} % of one core)",
            self.name,
            self.cost.server_micros() / 1000.0,
            self.cost.client_micros() / 1000.0,
            self.cost.client_percent()
        )
    }
}
