//! Bodies that come while nobody reads them: HTTP/2 takes what its windows allow, on as many connections and streams as
//! there are. All together they take little, and others are served.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

mod harness;

use std::{
    fs,
    io::Write as _,
    net::{Ipv4Addr, SocketAddr},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use harness::{
    Harness, ask_from,
    http2::{Http2, INITIAL_WINDOW_SIZE, allow_many},
    text,
};

/// Few files: some 80 connections of one address fit, and some 40 blobs that it reads at once.
const FEW_FILES: u32 = 600;
const CONNECTIONS: usize = 75;
/// As many as the server takes on one connection.
const STREAMS: u32 = 64;
/// What the server takes of one body before anybody reads it (`STREAM_WINDOW_BYTES` of `holdfast-face`).
const WINDOW_BYTES: usize = 512 << 10;
/// What it takes of all bodies of a connection.
const CONNECTION_WINDOW_BYTES: usize = 1 << 20;

fn loopback(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, host)
}

fn await_resident(harness: &Harness, what: &str, most_mib: u64) {
    // What was sent is on its way; nothing says when it is there.
    thread::sleep(Duration::from_secs(2));
    let most = harness.most_resident_mib();
    eprintln!("{what} took {most} MiB");
    assert!(most <= most_mib, "{what} took {most} MiB");
}

/// A connection that has begun as many requests with bodies as its windows take, and sent all but the ends.
fn sender(server: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Http2 {
    let mut http2 = Http2::open(loopback(1), server, &[]).unwrap();
    http2.await_window().unwrap();
    let body = vec![7; WINDOW_BYTES - 1];
    for number in 0..CONNECTION_WINDOW_BYTES / WINDOW_BYTES {
        let stream = u32::try_from(2 * number + 1).unwrap();
        http2.begin_body(stream, method, path, headers).unwrap();
        http2.send_body(stream, &body).unwrap();
    }
    http2
}

#[test]
fn bodies_that_nobody_wants_are_thrown_away_while_their_requests_wait() {
    let mut harness = Harness::empty();
    harness.start_limited(FEW_FILES, &["--http", "127.0.0.1:0", "--https", "off"]);
    let (server, basic) = (harness.http.unwrap(), harness.basic());
    let layer: Vec<u8> = (0..8 << 20).map(|index| (index % 251) as u8).collect();
    let path = format!("/v2/app/blobs/{}", harness.push_blob(&basic, "app", &layer));
    let authorized = [("authorization", basic.as_str())];
    let mut readers = Http2::open(loopback(1), server, &[(INITIAL_WINDOW_SIZE, 1)]).unwrap();
    for stream in 0..STREAMS {
        readers.begin(2 * stream + 1, &path, &authorized).unwrap();
    }
    readers.await_data(STREAMS as usize / 2).unwrap();
    let crowd: Vec<_> = (0..CONNECTIONS)
        .map(|_| sender(server, "GET", &path, &authorized))
        .collect();
    await_resident(&harness, "bodies of reading requests", 110);
    assert_eq!(
        ask_from(loopback(2), server, "GET", &path, &authorized, b"").status,
        200
    );
    drop((crowd, readers));
}

#[test]
fn bodies_that_come_byte_by_byte_take_little_memory() {
    const CONNECTIONS: usize = 3000;
    allow_many();
    let mut harness = Harness::empty();
    harness.start(&["--http", "127.0.0.1:0", "--https", "off"]);
    let server = harness.http.unwrap();
    // Some of them are cut off before all is sent.
    let crowd: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let mut http2 = Http2::open(loopback(1), server, &[]).unwrap();
            http2.await_window().unwrap();
            drop(http2.begin_body(1, "PUT", "/v2/app/manifests/v1", &[]));
            drop(http2.send_bytes(1, 8000));
            http2
        })
        .collect();
    await_resident(&harness, "bodies of single bytes", 220);
    assert_eq!(harness.ask("GET", "/v2/", &[], b"").status, 401);
    drop(crowd);
}

#[test]
fn a_client_whose_body_is_thrown_away_reads_its_answer() {
    let mut harness = Harness::empty();
    harness.start(&["--http", "127.0.0.1:0", "--https", "off"]);
    let basic = harness.basic();
    let path = harness.data().join("body");
    fs::write(&path, vec![7; 3 << 20]).unwrap();
    let told = Command::new("curl")
        .args(["--silent", "--show-error", "--http2-prior-knowledge", "--noproxy", "*"])
        .args(["--request", "GET", "--header", &format!("authorization: {basic}")])
        .args(["--data-binary", &format!("@{}", path.display())])
        .args(["--write-out", "%{http_version} %{http_code}"])
        .arg(format!("http://{}/v2/", harness.http.unwrap()))
        .output()
        .unwrap();
    assert_eq!(text(&told.stdout), "{}\n2 200", "{}", text(&told.stderr));
}

#[test]
fn a_crowd_of_uploads_that_send_a_byte_and_wait_keeps_no_other_out() {
    // More than twice as many as may have a whole window unread at once.
    const UPLOADS: usize = 300;
    let mut harness = Harness::empty();
    harness.start(&["--http", "127.0.0.1:0", "--https", "off"]);
    let (server, basic) = (harness.http.unwrap(), harness.basic());
    let authorized = [("authorization", basic.as_str())];
    let start = |host| {
        let answer = ask_from(
            loopback(host),
            server,
            "POST",
            "/v2/app/blobs/uploads/",
            &authorized,
            b"",
        );
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.header("location").unwrap().to_owned()
    };
    let crowd: Vec<_> = (0..UPLOADS)
        .map(|_| {
            let mut http2 = Http2::open(loopback(1), server, &[]).unwrap();
            http2.begin_body(1, "PATCH", &start(1), &authorized).unwrap();
            http2.send_body(1, b"x").unwrap();
            http2
        })
        .collect();
    let upload = |host: u8| curl_upload(loopback(host), server, &basic, &start(host));
    assert_eq!(upload(1), "2 202");
    assert_eq!(upload(2), "2 202", "of another address");
    harness.push_blob(&basic, "app", b"over HTTP/1");
    drop(crowd);
}

/// Uploads a few bytes with a real client that does not say how many.
fn curl_upload(source: Ipv4Addr, server: SocketAddr, basic: &str, path: &str) -> String {
    let mut curl = Command::new("curl")
        .args(["--silent", "--show-error", "--http2-prior-knowledge", "--noproxy", "*"])
        .args(["--interface", &source.to_string(), "--request", "PATCH"])
        .args(["--header", &format!("authorization: {basic}"), "--upload-file", "-"])
        .args(["--output", "/dev/null", "--write-out", "%{http_version} %{http_code}"])
        .arg(format!("http://{server}{path}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // A refusal may come before it.
    drop(curl.stdin.take().unwrap().write_all(b"x"));
    text(&curl.wait_with_output().unwrap().stdout)
}
