//! Clients that ask for much and take next to nothing of it, or promise much and send nothing: they cost little, and the
//! others have what they need.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

mod harness;

use std::{
    net::{Ipv4Addr, SocketAddr},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use harness::{
    Harness, ask_from,
    http2::{Http2, INITIAL_WINDOW_SIZE},
};

const CONNECTIONS: usize = 20;
/// As many as the server takes on one connection.
const STREAMS: u32 = 64;
const LAYER_BYTES: usize = 8 << 20;
/// Memory that the design allows under any attack.
const MOST_MIB: u64 = 250;

fn loopback(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, host)
}

/// An HTTP/2 connection that has asked for the same as often as it may, and takes so many bytes of each answer.
fn reader(server: SocketAddr, path: &str, headers: &[(&str, &str)], window: u32) -> Http2 {
    let mut http2 = Http2::open(loopback(1), server, &[(INITIAL_WINDOW_SIZE, window)]).unwrap();
    http2.open_window().unwrap();
    for stream in 0..STREAMS {
        http2.begin(2 * stream + 1, path, headers).unwrap();
    }
    http2
}

fn layer() -> Vec<u8> {
    (0..LAYER_BYTES).map(|index| (index % 251) as u8).collect()
}

/// Has a crowd read a layer, or a part of it, and looks at the server meanwhile.
fn withstand(range: Option<&str>, window: u32) {
    let harness = Harness::running();
    let (server, basic) = (harness.http.unwrap(), harness.basic());
    harness.push_image(&basic, "app", "v1", &layer());
    let path = format!("/v2/app/blobs/{}", harness::digest(&layer()));
    let authorized = [("authorization", basic.as_str())];
    let headers: Vec<_> = authorized
        .into_iter()
        .chain(range.map(|range| ("range", range)))
        .collect();
    let crowd = (0..CONNECTIONS).map(|_| reader(server, &path, &headers, window));
    let mut crowd: Vec<_> = crowd.collect();
    for http2 in &mut crowd {
        http2.await_data(STREAMS as usize).unwrap();
    }
    for host in [1, 2] {
        let ask = |path: &str| ask_from(loopback(host), server, "GET", path, &authorized, b"");
        assert_eq!(ask("/healthz").status, 200);
        assert_eq!(ask("/v2/app/manifests/v1").status, 200);
        let pulled = ask(&path);
        assert_eq!(pulled.header("content-length"), Some(LAYER_BYTES.to_string().as_str()));
        assert_eq!(pulled.status, 200);
    }
    let most = harness.most_resident_mib();
    eprintln!("{} readers took {most} MiB", CONNECTIONS * STREAMS as usize);
    assert!(most <= MOST_MIB, "{most} MiB");
    drop(crowd);
}

#[test]
fn a_crowd_that_takes_a_byte_of_each_layer_takes_little_memory() {
    withstand(None, 1);
}

#[test]
fn a_crowd_that_takes_a_byte_of_each_small_range_takes_little_memory() {
    withstand(Some("bytes=7-65542"), 1);
}

#[test]
fn a_crowd_that_takes_layers_and_stops_takes_little_memory() {
    withstand(None, 100 << 10);
}

#[test]
fn a_crowd_that_takes_a_byte_of_each_listing_takes_little_memory() {
    let harness = Harness::running();
    let (server, basic) = (harness.http.unwrap(), harness.basic());
    let subject = harness.push_image(&basic, "app", "v1", b"layer");
    for number in 0..20 {
        push_referrer(&harness, &basic, &subject, number);
    }
    let path = format!("/v2/app/referrers/{subject}");
    let authorized = [("authorization", basic.as_str())];
    let crowd = (0..CONNECTIONS).map(|_| reader(server, &path, &authorized, 1));
    let mut crowd: Vec<_> = crowd.collect();
    for http2 in &mut crowd {
        http2.await_data(STREAMS as usize).unwrap();
    }
    let ask = |host, path: &str| ask_from(loopback(host), server, "GET", path, &authorized, b"");
    let refused = ask(1, &path);
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert!(refused.header("x-ms-correlation-request-id").is_some());
    for host in [1, 2] {
        assert_eq!(ask(host, "/healthz").status, 200);
        assert_eq!(ask(host, "/v2/app/manifests/v1").status, 200);
    }
    assert_eq!(ask(2, &path).status, 200);
    let most = harness.most_resident_mib();
    eprintln!("{} readers took {most} MiB", CONNECTIONS * STREAMS as usize);
    assert!(most <= MOST_MIB, "{most} MiB");
    drop(crowd);
}

/// Pushes a referrer that a listing has much to say about.
fn push_referrer(harness: &Harness, basic: &str, subject: &str, number: usize) {
    let manifest = harness.ask("GET", "/v2/app/manifests/v1", &[("Authorization", basic)], b"");
    let mut manifest: Value = serde_json::from_str(&manifest.body).unwrap();
    manifest["subject"] = json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": subject,
        "size": 2,
    });
    manifest["annotations"] = json!({ "note": "x".repeat(60_000), "number": number.to_string() });
    let headers = [
        ("Authorization", basic),
        ("Content-Type", "application/vnd.oci.image.manifest.v1+json"),
    ];
    let path = format!("/v2/app/manifests/referrer-{number}");
    let answer = harness.ask("PUT", &path, &headers, manifest.to_string().as_bytes());
    assert_eq!(answer.status, 201, "{answer:?}");
}

#[test]
fn where_few_files_may_be_open_a_crowd_of_readers_leaves_some_to_all_others() {
    let mut harness = Harness::empty();
    harness.start_limited(700, &["--http", "127.0.0.1:0", "--https", "off"]);
    let (server, basic) = (harness.http.unwrap(), harness.basic());
    harness.push_image(&basic, "app", "v1", &layer());
    let path = format!("/v2/app/blobs/{}", harness::digest(&layer()));
    let authorized = [("authorization", basic.as_str())];
    let mut first = reader(server, &path, &authorized, 1);
    // Of some 110 blobs that may be read at once, half are for one address.
    first.await_data(50).unwrap();
    let crowd = (1..CONNECTIONS).map(|_| reader(server, &path, &authorized, 1));
    let crowd: Vec<_> = crowd.collect();
    let neighbour = thread::spawn({
        let (path, basic) = (path.clone(), basic.clone());
        move || ask_from(loopback(1), server, "GET", &path, &[("authorization", &basic)], b"")
    });
    for number in 0..30 {
        harness.push_image(
            &basic,
            "app",
            &format!("of-{number}"),
            format!("layer {number}").as_bytes(),
        );
        let pulled = ask_from(loopback(2), server, "GET", &path, &authorized, b"");
        assert_eq!(pulled.status, 200, "{number}: {}", pulled.head);
    }
    let told = neighbour.join().unwrap();
    assert_eq!(
        (told.status, told.header("retry-after")),
        (503, Some("1")),
        "{}",
        told.head
    );
    assert!(told.body.contains("too many blobs"), "{}", told.body);
    assert!(!harness.log().contains("os error 24"), "{}", harness.log());
    drop(crowd);
}

#[test]
fn where_few_files_may_be_open_a_crowd_of_uploads_leaves_some_to_another_address() {
    let mut harness = Harness::empty();
    harness.start_limited(700, &["--http", "127.0.0.1:0", "--https", "off"]);
    let (server, basic) = (harness.http.unwrap(), harness.basic());
    let authorized = [("authorization", basic.as_str())];
    let push = |number: usize| {
        let content = format!("of {number}");
        let path = format!("/v2/app/blobs/uploads/?digest={}", harness::digest(content.as_bytes()));
        ask_from(loopback(2), server, "POST", &path, &authorized, content.as_bytes())
    };
    assert_eq!(push(0).status, 201);
    // More than twice what all may write at once.
    let path = format!("/v2/app/blobs/uploads/?digest={}", harness::digest(b"never"));
    let crowd = (0..4).map(|_| {
        let mut http2 = Http2::open(loopback(1), server, &[]).unwrap();
        for stream in 0..STREAMS {
            http2.begin_upload(2 * stream + 1, &path, &authorized).unwrap();
        }
        http2
    });
    let crowd: Vec<_> = crowd.collect();
    let deadline = Instant::now() + Duration::from_secs(60);
    let under_way = format!("uploads_in_flight {}", 4 * STREAMS);
    while !harness.ask("GET", "/metrics", &[], b"").body.contains(&under_way) {
        assert!(Instant::now() < deadline, "{}", harness.log());
        thread::sleep(Duration::from_millis(20));
    }
    for number in 1..20 {
        let answer = push(number);
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    drop(crowd);
}
