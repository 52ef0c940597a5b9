//! How the server ends.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

mod harness;

use std::{
    io::Write as _,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use harness::{Harness, digest, read_answer};
use rustix::process::Signal;

const BYTES: &[u8] = b"these bytes come slowly";

/// Sends the head of an upload and half of its body.
fn begin(harness: &Harness) -> TcpStream {
    let (basic, address) = (harness.basic(), harness.http.unwrap());
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /v2/app/blobs/uploads/?digest={} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {basic}\r\n\
         Content-Length: {}\r\n\r\n",
        digest(BYTES),
        BYTES.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&BYTES[..5]).unwrap();
    wait_for(harness, |metrics| metrics.contains("holdfast_uploads_in_flight 1"));
    stream
}

fn wait_for(harness: &Harness, is_so: impl Fn(&str) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so(&harness.ask("GET", "/metrics", &[], b"").body) {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_running_upload_finishes_before_the_end() {
    let mut harness = Harness::running();
    let mut upload = begin(&harness);
    harness.signal(Signal::TERM);
    thread::sleep(Duration::from_millis(300));
    assert!(harness.is_running());
    assert!(
        TcpStream::connect(harness.http.unwrap()).is_err(),
        "nobody new is let in"
    );
    upload.write_all(&BYTES[5..]).unwrap();
    assert_eq!(read_answer(&mut upload).status, 201);
    assert!(harness.wait().success());
    // What was acknowledged is there.
    harness.start(&["--http", "127.0.0.1:0", "--https", "off"]);
    let path = format!("/v2/app/blobs/{}", digest(BYTES));
    let answer = harness.ask("GET", &path, &[("Authorization", &harness.basic())], b"");
    assert_eq!((answer.status, answer.body.as_bytes()), (200, BYTES));
}

#[test]
fn resting_connections_hold_up_nothing() {
    let mut harness = Harness::running();
    let address = harness.http.unwrap();
    let _silent = TcpStream::connect(address).unwrap();
    let mut resting = TcpStream::connect(address).unwrap();
    write!(resting, "GET /healthz HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    wait_for(&harness, |metrics| metrics.contains("route=\"healthz\""));
    let started = Instant::now();
    harness.stop();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn the_grace_period_has_an_end() {
    let mut harness = Harness::empty();
    harness.start(&["--http", "127.0.0.1:0", "--https", "off", "--shutdown-grace", "500ms"]);
    let _upload = begin(&harness);
    let started = Instant::now();
    harness.stop();
    assert!(started.elapsed() >= Duration::from_millis(500));
    assert!(harness.log().contains("cutting them off"), "{}", harness.log());
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut harness = Harness::running();
    let _upload = begin(&harness);
    harness.signal(Signal::TERM);
    thread::sleep(Duration::from_millis(300));
    assert!(harness.is_running());
    harness.signal(Signal::INT);
    let started = Instant::now();
    assert!(harness.wait().success());
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn a_server_that_drains_is_not_ready_and_serves_as_before() {
    let mut harness = Harness::empty();
    harness.start(&["--http", "127.0.0.1:0", "--https", "off", "--drain", "10m"]);
    assert_eq!(harness.ask("GET", "/readyz", &[], b"").status, 200);
    harness.signal(Signal::TERM);
    let deadline = Instant::now() + Duration::from_secs(20);
    let not_ready = loop {
        let answer = harness.ask("GET", "/readyz", &[], b"");
        if answer.status != 200 {
            break answer;
        }
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(
        (not_ready.status, not_ready.body.as_str()),
        (503, "not ready: the server is about to stop\n")
    );
    assert_eq!(harness.ask("GET", "/readyz?for=write", &[], b"").status, 503);
    assert_eq!(harness.ask("GET", "/healthz", &[], b"").status, 200);
    let basic = [("Authorization", &*harness.basic())];
    assert_eq!(
        harness.ask("GET", "/v2/", &basic, b"").status,
        200,
        "also on new connections"
    );
    harness.signal(Signal::TERM);
    assert!(harness.wait().success(), "the next signal waits for no balancer");
}
