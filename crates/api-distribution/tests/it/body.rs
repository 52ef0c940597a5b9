//! Bodies that do not come as promised: clients that hang, trickle, hang up or lie about lengths; and what becomes of the
//! connection afterwards.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::{
    harness::{ADMIN, Harness, Image, OCI_MANIFEST, PASSWORD, STALL, sha256},
    wire::{Ask, basic},
};

/// The head of a request whose body is said to have this many bytes.
fn head(harness: &Harness, method: &str, target: &str, length: &str) -> String {
    format!(
        "{method} {target} HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\nContent-Type: {OCI_MANIFEST}\r\n{length}\r\n\r\n",
        harness.address,
        basic(ADMIN, PASSWORD)
    )
}

/// A request whose body is read.
struct Reader {
    method: &'static str,
    target: String,
    /// The session it writes to, which outlives the request, and whether the session keeps what came.
    session: Option<(String, bool)>,
}

impl Reader {
    fn new(method: &'static str, target: &str) -> Self {
        Self {
            method,
            target: target.to_owned(),
            session: None,
        }
    }
}

/// Every endpoint that reads a body.
const READERS: usize = 6;

async fn reader(harness: &Harness, index: usize) -> Reader {
    let digest = sha256("x");
    match index {
        0 => Reader::new("PUT", "/v2/a/manifests/v2"),
        1 => Reader::new("POST", &format!("/v2/a/blobs/uploads/?digest={digest}")),
        2 => Reader::new("PATCH", "/acr/v1/a"),
        3 => Reader::new("POST", "/oauth2/token"),
        4 => {
            let place = harness.start("a").await;
            Reader {
                session: Some((place.clone(), true)),
                ..Reader::new("PATCH", &place)
            }
        }
        _ => {
            let place = harness.start("a").await;
            Reader {
                session: Some((place.clone(), false)),
                ..Reader::new("PUT", &format!("{place}?digest={digest}"))
            }
        }
    }
}

/// Sends a part of a body and then nothing.
async fn hang(harness: &Harness, index: usize, length: &str) {
    let Reader {
        method,
        target,
        session,
    } = reader(harness, index).await;
    let mut wire = harness.wire().await;
    wire.say(head(harness, method, &target, length)).await;
    let part = if length.starts_with('T') {
        "a\r\nten bytes!\r\n"
    } else {
        "ten bytes!"
    };
    wire.say(part).await;
    let started = Instant::now();
    let answer = wire.hear(false).await.unwrap().expect(408);
    let waited = started.elapsed();
    // Once, not once more for the rest of the body.
    assert!(
        waited >= STALL / 2 && waited < STALL * 2,
        "{method} {target}: {waited:?}"
    );
    assert!(answer.message().contains("no data came"), "{}", answer.text());
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(wire.is_closed().await);
    if let Some((place, keeps)) = session {
        let progress = harness.get(&place).await.expect(204);
        assert_eq!(progress.header("range"), Some(if keeps { "0-9" } else { "0-0" }));
        harness.admin("DELETE", &place).send().await.expect(204);
    }
}

#[tokio::test]
async fn a_client_that_hangs_is_told_so_and_hung_up_on() {
    let harness = Harness::new().await;
    harness.push_tags("a", "image", &["v1"]).await;
    let before = harness.remains().await;
    let mut hanging = Vec::new();
    for length in ["Content-Length: 1000", "Transfer-Encoding: chunked"] {
        hanging.extend((0..READERS).map(|index| hang(&harness, index, length)));
    }
    join_all(hanging).await;
    harness.comes_back_to(&before).await;
    harness.get("/v2/a/manifests/v1").await.expect(200);
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_nothing_but_what_it_can_go_on_with() {
    let harness = Harness::new().await;
    harness.push_tags("a", "image", &["v1"]).await;
    let many = "x".repeat(150_000);
    for (length, sent) in [
        ("Content-Length: 1000", "ten bytes!".to_owned()),
        ("Content-Length: 1000", String::new()),
        ("Content-Length: 1000000", many.clone()),
        ("Transfer-Encoding: chunked", "a\r\nten bytes!\r\n".to_owned()),
        ("Transfer-Encoding: chunked", format!("{:x}\r\n{many}\r\n", many.len())),
        ("Transfer-Encoding: chunked", "a\r\nten".to_owned()),
    ] {
        for index in 0..READERS {
            let before = harness.remains().await;
            let Reader {
                method,
                target,
                session,
            } = reader(&harness, index).await;
            let mut wire = harness.wire().await;
            wire.say(head(&harness, method, &target, length)).await;
            wire.say(&sent).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            wire.cut();
            if let Some((place, _)) = session {
                // The session is free again, and stands where the bytes ended that came.
                let progress = idle(&harness, &place).await;
                assert!(progress <= sent.len(), "{progress}");
                harness.admin("DELETE", &place).send().await.expect(204);
            }
            harness.comes_back_to(&before).await;
        }
    }
    harness.get("/v2/a/manifests/v1").await.expect(200);
}

/// Waits until no request writes to a session, and says how far it is.
async fn idle(harness: &Harness, place: &str) -> usize {
    for _ in 0..100 {
        let answer = harness.admin("PATCH", place).body("").send().await;
        if answer.status == 202 {
            let (_, last) = answer.header("range").unwrap().split_once('-').unwrap();
            return last.parse().unwrap();
        }
        assert_eq!(answer.code(), "BLOB_UPLOAD_INVALID");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{place} stays busy");
}

#[tokio::test]
async fn an_upload_goes_on_after_the_connection_was_cut() {
    let harness = Harness::new().await;
    let bytes: Vec<u8> = (0..600_000_u32).map(|index| (index % 253) as u8).collect();
    let place = harness.start("a").await;
    let mut wire = harness.wire().await;
    wire.say(head(&harness, "PATCH", &place, "Content-Length: 600000"))
        .await;
    wire.say(&bytes[..350_000]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    wire.cut();
    idle(&harness, &place).await;
    let progress = harness.get(&place).await.expect(204);
    let (_, last) = progress.header("range").unwrap().split_once('-').unwrap();
    let next = last.parse::<usize>().unwrap() + 1;
    assert_eq!(next, 350_000, "all that came is kept");
    let rest = harness
        .admin("PATCH", &place)
        .header("Content-Range", &format!("{next}-599999"))
        .body(&bytes[next..]);
    rest.send().await.expect(202);
    let closing = format!("{place}?digest={}", sha256(&bytes));
    harness.admin("PUT", &closing).send().await.expect(201);
    let pulled = harness.get(&format!("/v2/a/blobs/{}", sha256(&bytes))).await;
    assert!(pulled.body == bytes);
}

#[tokio::test]
async fn only_one_request_at_a_time_writes_to_a_session() {
    let harness = Harness::new().await;
    let place = harness.start("a").await;
    let id = place.rsplit('/').next().unwrap();
    let mut slow = harness.wire().await;
    slow.say(head(&harness, "PATCH", &place, "Content-Length: 10")).await;
    slow.say("12345").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let closing = format!("{place}?digest={}", sha256("12345"));
    for ask in [
        harness.admin("PATCH", &place).body("abc"),
        harness.admin("PUT", &closing).body("12345"),
        harness.admin("DELETE", &place),
    ] {
        ask.send().await.refuses(409, "BLOB_UPLOAD_INVALID", id);
    }
    harness.get(&place).await.expect(204);
    slow.say("67890").await;
    let done = slow.hear(false).await.unwrap().expect(202);
    assert_eq!(done.header("range"), Some("0-9"));
    let closing = format!("{place}?digest={}", sha256("1234567890"));
    harness.admin("PUT", &closing).send().await.expect(201);
}

#[tokio::test]
async fn lengths_that_lie_or_contradict_are_refused() {
    let harness = Harness::new().await;
    let target = format!("/v2/a/blobs/uploads/?digest={}", sha256("abc"));
    let before = harness.remains().await;
    for length in [
        "Content-Length: -3",
        "Content-Length: +3",
        "Content-Length: 3x",
        "Content-Length: 0x3",
        "Content-Length: 3, 4",
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: 99999999999999999999999999",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
    ] {
        let mut wire = harness.wire().await;
        wire.say(head(&harness, "POST", &target, length)).await;
        wire.say("abc").await;
        wire.end().await;
        let answer = wire.hear(false).await.unwrap_or_else(|| panic!("{length}"));
        assert_eq!(answer.status, 400, "{length}: {answer:?}");
    }
    for chunks in [
        "zz\r\nabc\r\n",
        "-3\r\nabc\r\n",
        "ffffffffffffffffff\r\nabc",
        "3\r\nabcdef\r\n0\r\n\r\n",
        "3;\0\r\nabc",
    ] {
        let mut wire = harness.wire().await;
        wire.say(head(&harness, "POST", &target, "Transfer-Encoding: chunked"))
            .await;
        wire.say(chunks).await;
        wire.end().await;
        if let Some(answer) = wire.hear(false).await {
            assert_eq!(answer.status, 400, "{chunks}: {answer:?}");
        }
    }
    harness.comes_back_to(&before).await;
    // A body longer than declared is the next request, and no good one.
    let mut wire = harness.wire().await;
    wire.say(head(&harness, "POST", &target, "Content-Length: 3")).await;
    wire.say("abcdef\r\n\r\n").await;
    wire.hear(false).await.unwrap().expect(201);
    if let Some(answer) = wire.hear(false).await {
        assert_eq!(answer.status, 400);
    }
    assert!(wire.is_closed().await);
    // Both lengths at once: chunks count, or the request is refused; never the one here and the other behind a proxy.
    let mut wire = harness.wire().await;
    let both = "Content-Length: 30\r\nTransfer-Encoding: chunked";
    wire.say(head(&harness, "POST", &target, both)).await;
    wire.say("3\r\nabc\r\n0\r\n\r\n").await;
    let answer = wire.hear(false).await.unwrap();
    assert!(matches!(answer.status, 201 | 400), "{answer:?}");
}

#[tokio::test]
async fn the_azure_sdks_way_keeps_its_connection() {
    // It sends a chunk of 4 MiB first, is refused, signs in and sends it again, on one connection.
    let harness = Harness::new().await;
    let bytes = vec![42; 4 << 20];
    let place = harness.start("a").await;
    let mut wire = harness.wire().await;
    for _ in 0..2 {
        let refused = harness
            .ask("PATCH", &place)
            .body(bytes.clone())
            .send_on(&mut wire)
            .await
            .expect(401);
        assert_eq!(refused.header("connection"), None);
    }
    let token = harness.token("repository:a:pull,push").await;
    let sent = harness.ask("PATCH", &place).bearer(&token).body(bytes.clone());
    let accepted = sent.send_on(&mut wire).await.expect(202);
    assert_eq!(
        accepted.header("range"),
        Some(format!("0-{}", bytes.len() - 1).as_str())
    );
    let closing = format!("{place}?digest={}", sha256(&bytes));
    harness
        .ask("PUT", &closing)
        .bearer(&token)
        .send_on(&mut wire)
        .await
        .expect(201);
    // Also after bad requests of other kinds.
    for ask in [
        harness.admin("PUT", "/v2/UPPER/manifests/v1").body(bytes.clone()),
        harness
            .admin("PUT", "/v2/a/manifests/v1")
            .body(vec![b' '; (4 << 20) + 1]),
        harness
            .admin("PUT", "/v2/a/manifests/v1")
            .chunked(vec![b' '; (4 << 20) + 1]),
        harness.ask("POST", "/nowhere").body(bytes.clone()),
        harness.admin("GET", "/v2/").body("a body with a GET"),
        harness.admin("DELETE", "/v2/a/manifests/v1").body("and with a DELETE"),
    ] {
        let answer = ask.send_on(&mut wire).await;
        assert_eq!(answer.header("connection"), None, "{answer:?}");
    }
    harness.admin("GET", "/v2/").send_on(&mut wire).await.expect(200);
}

#[tokio::test]
async fn a_body_nobody_wants_is_read_up_to_a_limit() {
    let harness = Harness::new().await;
    let place = harness.start("a").await;
    let nobody = |length: &str| format!("PATCH {place} HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n");
    // Said to be too long: not read at all.
    let mut wire = harness.wire().await;
    wire.say(nobody("Content-Length: 1000000000000")).await;
    let answer = wire.hear(false).await.unwrap().expect(401);
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(wire.is_closed().await);
    // Longer than the limit, without saying so.
    let mut wire = harness.wire().await;
    wire.say(nobody("Transfer-Encoding: chunked")).await;
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
    for _ in 0..17 {
        wire.say(&chunk).await;
    }
    let answer = wire.hear(false).await.unwrap().expect(401);
    assert_eq!(answer.header("connection"), Some("close"));
}

#[tokio::test]
async fn a_stranger_who_trickles_is_answered_soon() {
    let harness = Harness::new().await;
    let strangers = [
        "PUT /v2/a/manifests/v1",
        "PATCH /acr/v1/a",
        "PUT /v2/UPPER/manifests/v1",
        "POST /nowhere",
    ];
    join_all(strangers.map(|line| trickle(&harness, line))).await;
}

/// Sends a body that nobody wants a byte at a time.
async fn trickle(harness: &Harness, line: &str) {
    let mut wire = harness.wire().await;
    wire.say(format!("{line} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"))
        .await;
    let started = Instant::now();
    let answer = loop {
        wire.say("x").await;
        let heard = tokio::time::timeout(STALL / 5, wire.hear(false)).await;
        assert!(started.elapsed() < STALL * 4, "{line} is kept waiting");
        if let Ok(answer) = heard {
            break answer.unwrap();
        }
    };
    assert!(matches!(answer.status, 400 | 401 | 404), "{answer:?}");
    assert_eq!(answer.header("connection"), Some("close"), "{answer:?}");
}

#[tokio::test]
async fn a_client_that_waits_for_a_go_ahead_gets_one_only_when_its_body_is_wanted() {
    let harness = Harness::new().await;
    let target = format!("/v2/a/blobs/uploads/?digest={}", sha256("abc"));
    let mut wire = harness.wire().await;
    let expecting = "Content-Length: 3\r\nExpect: 100-continue";
    wire.say(head(&harness, "POST", &target, expecting)).await;
    wire.hear(false).await.unwrap().expect(100);
    wire.say("abc").await;
    wire.hear(false).await.unwrap().expect(201);
    harness.admin("GET", "/v2/").send_on(&mut wire).await.expect(200);
    // Refused before the body is asked for; what comes next on this connection would be anybody's guess.
    let mut wire = harness.wire().await;
    let refused = format!("POST {target} HTTP/1.1\r\nHost: x\r\n{expecting}\r\n\r\n");
    wire.say(refused).await;
    let answer = wire.hear(false).await.unwrap().expect(401);
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(wire.is_closed().await);
    // Expectations that nobody knows.
    for expectation in ["200-ok", "", "100-continue, x", "\u{e9}"] {
        let ask = harness.admin("POST", &target).header("Expect", expectation).body("abc");
        let answer = ask.send().await;
        assert!(matches!(answer.status, 201 | 417), "{answer:?}");
    }
}

#[tokio::test]
async fn headers_beyond_all_measure_are_refused_or_ignored() {
    let harness = Harness::new().await;
    let image = Image::new("image");
    harness.push_image("a", "v1", &image).await;
    let before = harness.remains().await;
    let long = "x".repeat(50_000);
    let get = || harness.admin("GET", "/v2/a/manifests/v1");
    for (ask, status) in [
        (get().header("Accept", &long), 200),
        (get().header("Accept", "*/*, text/html; q=0.0000001, \u{e9}"), 200),
        (get().header("If-None-Match", &long), 200),
        (get().header("If-None-Match", &format!("\"{long}\"")), 200),
        (get().header("If-None-Match", "\u{e9}"), 200),
        (get().header("Range", &format!("bytes={long}")), 200),
        (get().header("X-Ms-Client-Request-Id", &long), 200),
        (get().header("Cookie", &long), 200),
        (
            harness
                .ask("GET", "/v2/")
                .header("Authorization", &format!("Bearer {long}")),
            401,
        ),
        (
            harness
                .ask("GET", "/v2/")
                .header("Authorization", &format!("Basic {long}")),
            401,
        ),
        (harness.ask("GET", "/v2/").header("Authorization", "Basic \u{e9}"), 401),
        (harness.ask("GET", "/v2/").basic(&"u".repeat(300), "p"), 401),
        (harness.ask("GET", "/v2/").basic(ADMIN, &"p".repeat(17_000)), 401),
    ] {
        let ask = ask.peer(&Harness::stranger());
        let answer = ask.send().await;
        assert_eq!(answer.status, status, "{ask:?} {answer:?}");
    }
    let put = |content_type: &str| put_as(&harness, content_type, &image.manifest);
    for (content_type, named) in [
        (long.as_str(), "\"xxxx"),
        ("\u{e9}", "Content-Type"),
        ("", "type/subtype"),
        ("application", "\"application\""),
        ("application/", "\"application/\""),
        ("*/*", "\"*/*\""),
        ("application/json, text/html", "\"application/json, text/html\""),
        ("a b/c", "\"a b/c\""),
    ] {
        put(content_type).send().await.refuses(400, "MANIFEST_INVALID", named);
    }
    let conditions = ["", "sha256:abc", "\"unfinished", "\u{e9}", &long, "W/x"];
    for name in ["If-Match", "If-None-Match"] {
        for condition in conditions {
            let answer = put(OCI_MANIFEST).header(name, condition).send().await;
            answer.refuses(400, "UNSUPPORTED", &name.to_ascii_lowercase());
        }
    }
    let mut crowd = harness.wire().await;
    let many: String = (0..150).map(|index| format!("X-{index}: y\r\n")).collect();
    crowd.say(format!("GET /v2/ HTTP/1.1\r\nHost: x\r\n{many}\r\n")).await;
    crowd.hear(false).await.unwrap().expect(431);
    let mut endless = harness.wire().await;
    endless
        .say(format!("GET /v2/ HTTP/1.1\r\nHost: x\r\nX: {}", "y".repeat(200_000)))
        .await;
    endless.hear(false).await.unwrap().expect(431);
    assert_eq!(harness.remains().await, before);
}

fn put_as(harness: &Harness, content_type: &str, bytes: &[u8]) -> Ask {
    harness
        .admin("PUT", "/v2/a/manifests/v2")
        .header("Content-Type", content_type)
        .body(bytes)
}
