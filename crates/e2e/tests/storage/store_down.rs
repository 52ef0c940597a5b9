//! A store that is down, or takes no writes: what fails says when to come again, and what it does not concern goes on.

use std::thread;
use std::time::{Duration, Instant};

use holdfast_e2e::Random;

use crate::{Bucket, client::Client};

const MIB: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until the answer has this status: what was found counts for a while.
fn becomes(client: &Client, path: &str, status: u16) {
    let deadline = Instant::now() + PATIENCE;
    while client.ask("GET", path).status != status {
        assert!(Instant::now() < deadline, "{path} is not {status}");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_store_that_takes_no_writes_leaves_reads_ready() {
    let mut bucket = Bucket::s3();
    let client = Client::on(&bucket);
    let image = client.push("storage/app:1", &Random::new(3).bytes(MIB));
    becomes(&client, "/readyz?for=write", 200);
    bucket.server.start_again_read_only();
    becomes(&client, "/readyz?for=write", 503);
    becomes(&client, "/readyz", 200);
    client.crane(&["validate", "--remote", &image]).says("PASS");
    bucket.server.start_again();
    becomes(&client, "/readyz?for=write", 200);
    client.push("storage/app:2", &Random::new(4).bytes(MIB));
}

#[test]
fn while_a_store_is_down_clients_are_told_to_come_again() {
    let mut bucket = Bucket::s3();
    let client = Client::on(&bucket);
    let content = Random::new(5).bytes(MIB);
    let image = client.push("storage/app:1", &content);
    let manifest = client.crane(&["manifest", &image]).json();
    let layer = manifest["layers"][0]["digest"]
        .as_str()
        .expect("it has a layer")
        .to_owned();
    let path = client.begin("storage/app");
    bucket.server.stop();
    let pulled = client.ask("GET", &format!("/v2/storage/app/blobs/{layer}"));
    assert_eq!((pulled.status, pulled.header("retry-after").is_some()), (503, true));
    let mut connection = client.server.connect().expect("the server listens");
    let sent = connection.ask("PATCH", &path, &[], &Random::new(6).bytes(20 * MIB));
    let sent = sent.expect("it answers");
    assert_eq!((sent.status, sent.header("retry-after").is_some()), (503, true));
    // Manifests and small blobs are rows.
    client.crane(&["manifest", &image]);
    client.crane(&["config", &image]);
    becomes(&client, "/readyz", 503);
    bucket.server.start_again();
    becomes(&client, "/readyz", 200);
    client.crane(&["validate", "--remote", &image]).says("PASS");
}
