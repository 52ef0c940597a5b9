//! What peers and the system may do to connections.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

mod harness;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use harness::{Harness, ask_from, http2::Http2, text};

/// Asks over HTTPS with a real client, which checks the certificate.
fn curl(harness: &Harness, ca: &str, arguments: &[&str]) -> (bool, String) {
    let address = harness.https.unwrap();
    let output = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--cacert",
            ca,
            "--noproxy",
            "*",
            "--output",
            "/dev/null",
        ])
        .args(["--write-out", "%{http_version} %{http_code}"])
        .args(arguments)
        .arg(format!("https://localhost:{}/healthz", address.port()))
        .output()
        .unwrap();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

#[test]
fn clients_that_trust_the_local_ca_speak_both_protocols() {
    let harness = Harness::running();
    let ca = harness.data().join("tls/ca.pem");
    let ca = ca.to_str().unwrap();
    assert_eq!(curl(&harness, ca, &["--http2"]), (true, "2 200".to_owned()));
    assert_eq!(curl(&harness, ca, &["--http1.1"]), (true, "1.1 200".to_owned()));
    assert!(!curl(&harness, "/etc/ssl/certs/ca-certificates.crt", &[]).0);
}

#[test]
fn a_replaced_certificate_is_taken_up() {
    use holdfast_identity::authority::{Names, ensure};
    let now = i64::try_from(
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs(),
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str| ensure(&folder.path().join(name), &Names::new("localhost", &[]).unwrap(), now).unwrap();
    let (first, second) = (make("first"), make("second"));
    let mut harness = Harness::empty();
    let (cert, key) = (first.certificate.to_str().unwrap(), first.key.to_str().unwrap());
    harness.start(&[
        "--http",
        "off",
        "--https",
        "127.0.0.1:0",
        "--tls-cert",
        cert,
        "--tls-key",
        key,
    ]);
    assert!(curl(&harness, first.ca.to_str().unwrap(), &[]).0);
    assert!(!curl(&harness, second.ca.to_str().unwrap(), &[]).0);
    fs::copy(&second.key, &first.key).unwrap();
    fs::copy(&second.certificate, &first.certificate).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !curl(&harness, second.ca.to_str().unwrap(), &[]).0 {
        assert!(Instant::now() < deadline, "{}", harness.log());
        thread::sleep(Duration::from_millis(200));
    }
    assert!(
        !harness.operate(&["ca"]).status.success(),
        "a certificate of one's own has no local CA"
    );
}

#[test]
fn more_connections_than_files_are_allowed_do_no_lasting_harm() {
    let mut harness = Harness::empty();
    harness.start_limited(64, &["--http", "127.0.0.1:0", "--https", "off"]);
    let address = harness.http.unwrap();
    let crowd: Vec<TcpStream> = (0..200).filter_map(|_| TcpStream::connect(address).ok()).collect();
    assert!(crowd.len() > 64);
    thread::sleep(Duration::from_millis(300));
    drop(crowd);
    // The server may not have seen yet that they are gone, and refuse this one too.
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = raw(address, request.as_bytes());
        if answer.starts_with("HTTP/1.1 200 ") {
            break;
        }
        assert!(Instant::now() < deadline, "{answer}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_hanging_handshake_holds_up_nobody() {
    let harness = Harness::running();
    let _hanging: Vec<TcpStream> = (0..20)
        .map(|_| TcpStream::connect(harness.https.unwrap()).unwrap())
        .collect();
    let ca = harness.data().join("tls/ca.pem");
    assert!(curl(&harness, ca.to_str().unwrap(), &["--max-time", "5"]).0);
}

/// What a server answers to bytes as they are.
fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = Vec::new();
    // What came before it broke or fell silent counts.
    drop(stream.write_all(bytes).and_then(|()| stream.read_to_end(&mut answer)));
    text(&answer)
}

#[test]
fn malformed_and_oversized_heads_are_refused() {
    let harness = Harness::running();
    let address = harness.http.unwrap();
    let large = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
        "x".repeat(300_000)
    );
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "A: b\r\n".repeat(500));
    for (request, statuses) in [
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", &["400"][..]),
        (
            "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            &["400"],
        ),
        (
            "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            &["400"],
        ),
        (
            "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\nConnection: close\r\n\r\n",
            &["421"],
        ),
        (
            "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            &["404"],
        ),
        ("complete nonsense from somebody\r\n\r\n", &["400"]),
        (&large, &["431"]),
        (&many, &["431"]),
    ] {
        let answer = raw(address, request.as_bytes());
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(statuses.contains(&status), "{:.80}: {answer}", request);
    }
    assert_eq!(harness.ask("GET", "/healthz", &[], b"").status, 200);
}

#[test]
fn a_refusal_of_a_head_reaches_a_client_that_is_still_sending() {
    let harness = Harness::running();
    let large = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
        "x".repeat(8 << 20)
    );
    for number in 0..20 {
        let answer = raw(harness.http.unwrap(), large.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 431 "), "try {number}: {answer:?}");
    }
}

#[test]
fn a_refusal_of_a_head_reaches_a_client_that_sends_a_long_body_behind_it() {
    const BODY_BYTES: usize = 64 << 20;
    let harness = Harness::running();
    let header = "x".repeat(70_000);
    let head = format!("PUT /v2/ HTTP/1.1\r\nHost: localhost\r\nX: {header}\r\nContent-Length: {BODY_BYTES}\r\n\r\n");
    let request = [head.as_bytes(), &vec![7; BODY_BYTES]].concat();
    for number in 0..5 {
        let answer = raw(harness.http.unwrap(), &request);
        assert!(answer.starts_with("HTTP/1.1 431 "), "try {number}: {answer:?}");
    }
}

/// Few files: some 170 connections fit.
const FEW_FILES: u32 = 600;

fn loopback(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, host)
}

/// HTTP/2 connections that ask nothing, as many as the server keeps.
fn idle_crowd(server: SocketAddr, host: u8, count: usize) -> Vec<Http2> {
    (0..count)
        .filter_map(|_| Http2::open(loopback(host), server, &[]).ok())
        .collect()
}

#[test]
fn one_address_with_idle_connections_leaves_room_for_others() {
    let mut harness = Harness::empty();
    harness.start_limited(FEW_FILES, &["--http", "127.0.0.1:0", "--https", "off"]);
    let server = harness.http.unwrap();
    let crowd = idle_crowd(server, 1, 300);
    thread::sleep(Duration::from_millis(300));
    let ask = |host, path| ask_from(loopback(host), server, "GET", path, &[], b"");
    assert_eq!(ask(2, "/v2/").status, 401);
    for _ in 0..10 {
        assert_eq!(ask(1, "/healthz").status, 200);
    }
    let told = ask(1, "/v2/");
    assert_eq!(told.status, 503, "{told:?}");
    assert_eq!(told.header("retry-after"), Some("1"), "{told:?}");
    assert!(told.body.contains("connections"), "{told:?}");
    drop(crowd);
    let deadline = Instant::now() + Duration::from_secs(20);
    while ask(1, "/v2/").status != 401 {
        assert!(Instant::now() < deadline, "{}", harness.log());
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_server_whose_connections_are_all_taken_still_answers_health_checks() {
    let mut harness = Harness::empty();
    harness.start_limited(FEW_FILES, &["--http", "127.0.0.1:0", "--https", "off"]);
    let server = harness.http.unwrap();
    let crowds: Vec<_> = (1..10).map(|host| idle_crowd(server, host, 60)).collect();
    thread::sleep(Duration::from_millis(300));
    let ask = |host, path| ask_from(loopback(host), server, "GET", path, &[], b"");
    for host in [1, 9, 10] {
        assert_eq!(ask(host, "/healthz").status, 200);
        assert_eq!(ask(host, "/readyz").status, 200);
        assert_eq!(ask(host, "/v2/").status, 503);
    }
    drop(crowds);
}
