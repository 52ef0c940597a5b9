//! Requests that are begun and not ended, or whose answers nobody takes, on as many connections and streams as there are
//! and with heads as large as they may be: all together they take little, and others are served.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

mod harness;

use std::{
    fs,
    io::Write as _,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use harness::{
    Harness, ask_from,
    http2::{Http2, INITIAL_WINDOW_SIZE, allow_many, connect_from},
    text,
};

const CONNECTIONS: usize = 500;
/// As many as the server takes on one connection.
const STREAMS: u32 = 64;
const FORM: &str = "/oauth2/token";
/// What all of them may take, the server itself included.
const MOST_MIB: u64 = 150;
/// The longest token (`MAX_TOKEN_BYTES` of `holdfast-identity`).
const MAX_TOKEN_BYTES: usize = 16 << 10;

fn loopback(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, host)
}

fn harness() -> Harness {
    let mut harness = Harness::empty();
    harness.start(&["--http", "127.0.0.1:0", "--https", "off"]);
    harness
}

/// Begins all that a crowd may; `begin` has a connection of its own each time. Then looks whether others are served, and
/// what it took.
fn withstand(what: &str, harness: &Harness, begin: impl Fn() -> TcpStream) {
    let server = harness.http.unwrap();
    let basic = harness.basic();
    let crowd: Vec<_> = (0..CONNECTIONS).map(|_| begin()).collect();
    await_rest(harness);
    let authorized = [("authorization", basic.as_str())];
    // The crowd's own address has requests left, too: one of each connection is its own.
    for (host, path) in [
        (1, "/healthz"),
        (2, "/healthz"),
        (1, "/v2/"),
        (2, "/v2/"),
        (2, "/v2/_catalog"),
    ] {
        let answer = ask_from(loopback(host), server, "GET", path, &authorized, b"");
        assert_eq!(answer.status, 200, "{what}: {host} {path}: {}", answer.head);
    }
    let mut other = Http2::open(loopback(2), server, &[]).unwrap();
    for stream in 0..STREAMS / 2 {
        other.begin(2 * stream + 1, "/v2/", &authorized).unwrap();
    }
    other.await_data(STREAMS as usize / 2).unwrap();
    let most = harness.most_resident_mib();
    eprintln!("{what} took {most} MiB");
    assert!(most <= MOST_MIB, "{what} took {most} MiB");
    drop(crowd);
}

/// Waits until no more requests come in or end.
fn await_rest(harness: &Harness) {
    let (mut before, mut same) = (String::new(), 0);
    let deadline = Instant::now() + Duration::from_secs(120);
    while same < 5 {
        assert!(Instant::now() < deadline, "{before}");
        thread::sleep(Duration::from_millis(200));
        let metrics = harness.ask("GET", "/metrics", &[], b"").body;
        let now = metrics
            .lines()
            .find(|line| line.starts_with("holdfast_http_requests_in_flight "));
        let now = now.unwrap().to_owned();
        same = if now == before { same + 1 } else { 0 };
        before = now;
    }
}

fn held_back(server: SocketAddr, value: &str, times: usize) -> TcpStream {
    let mut http2 = Http2::open(loopback(1), server, &[]).unwrap();
    for stream in 0..STREAMS {
        http2.hold_back(2 * stream + 1, FORM, value, times).unwrap();
    }
    http2.stream
}

#[test]
fn forms_with_large_heads_that_are_held_back_take_little_memory_again_and_again() {
    let harness = harness();
    let server = harness.http.unwrap();
    let value = "a".repeat(1900);
    for _ in 0..2 {
        withstand("forms with large heads", &harness, || held_back(server, &value, 15));
    }
}

#[test]
fn forms_with_small_heads_that_are_held_back_take_little_memory() {
    let harness = harness();
    let server = harness.http.unwrap();
    withstand("forms with small heads", &harness, || held_back(server, "", 0));
}

#[test]
fn answers_of_which_nothing_is_taken_take_little_memory() {
    let harness = harness();
    let server = harness.http.unwrap();
    withstand("answers that wait", &harness, || {
        let mut http2 = Http2::open(loopback(1), server, &[(INITIAL_WINDOW_SIZE, 0)]).unwrap();
        for stream in 0..STREAMS {
            http2.begin(2 * stream + 1, "/v2/", &[]).unwrap();
        }
        http2.stream
    });
}

#[test]
fn connections_whose_streams_were_all_used_at_once_keep_little_memory() {
    const CONNECTIONS: usize = 1000;
    const MOST_MIB: u64 = 110;
    allow_many();
    let harness = harness();
    let server = harness.http.unwrap();
    let used = |_| {
        let mut http2 = Http2::open(loopback(1), server, &[]).unwrap();
        for stream in 0..STREAMS {
            http2.begin(2 * stream + 1, "/healthz", &[]).unwrap();
        }
        // One that is refused may be closed before.
        drop(http2.await_ends(STREAMS as usize));
        http2
    };
    let crowd: Vec<_> = (0..CONNECTIONS).map(used).collect();
    let answer = ask_from(loopback(1), server, "GET", "/healthz", &[], b"");
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut other = Http2::open(loopback(2), server, &[]).unwrap();
    for stream in 0..STREAMS {
        other.begin(2 * stream + 1, "/healthz", &[]).unwrap();
    }
    other.await_data(STREAMS as usize).unwrap();
    let most = harness.most_resident_mib();
    eprintln!("{CONNECTIONS} connections whose streams were used took {most} MiB");
    assert!(most <= MOST_MIB, "{most} MiB");
    drop(crowd);
}

#[test]
fn large_heads_of_http1_whose_bodies_are_held_back_take_little_memory() {
    let harness = harness();
    let server = harness.http.unwrap();
    let large = "a".repeat(48 << 10);
    let head = format!("POST {FORM} HTTP/1.1\r\nHost: {server}\r\nX: {large}\r\nContent-Length: 60000\r\n\r\n");
    withstand("heads of HTTP/1", &harness, || {
        let mut stream = connect_from(loopback(1), server).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream
    });
}

/// Asks over HTTP/2 with a real client.
fn curl(harness: &Harness, path: &str, header: &str) -> String {
    let file = harness.data().join("header");
    fs::write(&file, header).unwrap();
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--http2-prior-knowledge", "--noproxy", "*"])
        .args(["--output", "/dev/null", "--write-out", "%{http_version} %{http_code}"])
        .arg("--header")
        .arg(format!("@{}", file.display()))
        .arg(format!("http://{}{path}", harness.http.unwrap()))
        .output()
        .unwrap();
    text(&output.stdout) + &text(&output.stderr)
}

/// A token with as many scopes as there may be, each long.
fn long_token(harness: &Harness, basic: &str) -> String {
    let mut query = format!("service={}", harness.http.unwrap());
    for number in 10..42 {
        let name = "r".repeat(240);
        query.push_str(&format!(
            "&scope=repository:{name}/{number}:pull,push,delete,metadata_read"
        ));
    }
    let path = format!("/oauth2/token?{query}");
    let answer = harness.ask("GET", &path, &[("Authorization", basic)], b"");
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn the_longest_token_passes_over_http2_and_much_more_does_not() {
    let harness = harness();
    let token = long_token(&harness, &harness.basic());
    assert!(token.len() > MAX_TOKEN_BYTES * 3 / 4, "{} bytes", token.len());
    assert_eq!(
        curl(&harness, "/v2/", &format!("authorization: Bearer {token}")),
        "2 200"
    );
    // Of the full length it is wrong, but looked at; as the password of Basic authentication it is a third longer.
    let longest = "a".repeat(MAX_TOKEN_BYTES);
    assert_eq!(
        curl(&harness, "/v2/", &format!("authorization: Bearer {longest}")),
        "2 401"
    );
    let password = "a".repeat((MAX_TOKEN_BYTES + 64).div_ceil(3) * 4);
    assert_eq!(
        curl(&harness, "/v2/", &format!("authorization: Basic {password}")),
        "2 401"
    );
    let endless = "a".repeat(40 << 10);
    assert_eq!(
        curl(&harness, "/v2/", &format!("authorization: Bearer {endless}")),
        "2 431"
    );
    let many: String = (0..200).map(|number| format!("x-{number}: y\n")).collect();
    assert_eq!(curl(&harness, "/v2/", &many), "2 431");
}

#[test]
fn what_a_crowd_is_refused_is_no_error_of_the_server() {
    const BODY_BYTES: usize = 60_000;
    let harness = harness();
    let server = harness.http.unwrap();
    // More than the 8 MiB that forms of strangers have together.
    let head = format!("POST {FORM} HTTP/1.1\r\nHost: {server}\r\nContent-Length: {BODY_BYTES}\r\n\r\n");
    let held = head + &"a".repeat(BODY_BYTES - 1);
    let crowd: Vec<_> = (0..150)
        .map(|_| {
            let mut stream = connect_from(loopback(1), server).unwrap();
            stream.write_all(held.as_bytes()).unwrap();
            stream
        })
        .collect();
    let deadline = Instant::now() + Duration::from_secs(60);
    let refused = loop {
        let answer = harness.ask("POST", FORM, &[], &[b'a'; BODY_BYTES]);
        if answer.status == 503 {
            break answer;
        }
        assert!(Instant::now() < deadline, "{answer:?}");
        thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(refused.header("retry-after"), Some("1"), "{}", refused.head);
    assert!(refused.body.contains("too many requests"), "{}", refused.body);
    assert!(!harness.log().contains("ERROR"), "{}", harness.log());
    drop(crowd);
}
