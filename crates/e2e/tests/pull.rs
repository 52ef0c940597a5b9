//! Pulls of a large blob over plain HTTP/1, which the kernel sends out of its file: what comes is what lies there, however
//! it is asked for, and it takes no memory.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::LazyLock;
use std::thread;

use holdfast_e2e::connection::Length;
use holdfast_e2e::{Connection, Random, Sandbox, Server, http, image};
use rustix::fs::{Advice, fadvise};

const LAYER_BYTES: usize = (300 << 20) + 7;
/// What the server may take at most, with the push before.
const MOST_KIB: u64 = 150 << 10;
const CLIENTS: usize = 64;

/// Bytes that nothing compresses.
static LAYER: LazyLock<Vec<u8>> = LazyLock::new(|| Random::new(7).bytes(LAYER_BYTES));

/// The layer's path on a server that has it.
fn push(server: &Server) -> String {
    let digest = image::digest(&LAYER);
    let path = format!("/v2/pull/app/blobs/uploads/?digest={digest}");
    let mut connection = server.connect().expect("the server listens");
    let answer = connection.ask("POST", &path, &[], &LAYER).expect("it answers");
    assert_eq!(answer.status, 201);
    format!("/v2/pull/app/blobs/{digest}")
}

/// Asks for the layer, or a range of it, and reads the head of the answer.
fn ask(server: &Server, path: &str, range: Option<&str>) -> Connection {
    let mut connection = server.connect().expect("the server listens");
    let range: Vec<_> = range.map(|range| ("Range", range)).into_iter().collect();
    connection
        .begin("GET", path, &range, Length::Of(0))
        .expect("it is read");
    let head = connection.head().expect("it answers");
    assert_eq!(head.status, if range.is_empty() { 200 } else { 206 });
    connection
}

#[test]
fn a_layer_comes_whole_by_curl_and_crane_and_takes_little_memory() {
    let (mut server, sandbox) = (Server::start(), Sandbox::new());
    let path = push(&server);
    let url = format!("http://{}{path}", server.http());
    let answer = http::send(&sandbox, &["--user", &server.login()], &url);
    assert!(answer.status == 200 && answer.body == *LAYER, "curl got other bytes");

    server.sign_in_crane(&sandbox);
    let digest = image::digest(&LAYER);
    let pulled = sandbox.run("crane", ["blob", &format!("{}@{digest}", server.image("pull/app"))]);
    assert!(pulled.stdout == *LAYER, "crane got other bytes");

    let most = server.daemon().most_resident_kib();
    assert!(most < MOST_KIB, "{} MiB", most >> 10);
}

#[test]
fn a_layer_that_the_kernel_has_forgotten_or_knows_in_part_comes_whole() {
    let server = Server::start();
    let path = push(&server);
    let file = File::open(server.data().object_of(&LAYER)).expect("it can be read");
    let mut connection = server.connect().expect("the server listens");
    for remembered in [0, 3 << 20] {
        fadvise(&file, 0, None, Advice::DontNeed).expect("the kernel takes advice");
        for at in (0..LAYER_BYTES as u64).step_by(16 << 20) {
            let mut some = vec![0; remembered];
            file.read_at(&mut some, at).expect("it can be read");
        }
        let answer = connection.ask("GET", &path, &[], b"").expect("it answers");
        assert!(answer.status == 200 && answer.body == *LAYER, "other bytes came");
    }
}

#[test]
fn ranges_come_as_they_were_asked_for_and_a_pull_that_broke_off_goes_on() {
    let (server, sandbox) = (Server::start(), Sandbox::new());
    let url = format!("http://{}{}", server.http(), push(&server));
    let login = server.login();
    for (first, last) in [
        (0, 99_999),
        (1, (200 << 20) + 3),
        (LAYER_BYTES - 70_000, LAYER_BYTES - 1),
    ] {
        let range = format!("{first}-{last}");
        let answer = http::send(&sandbox, &["--user", &login, "--range", &range], &url);
        assert!(
            answer.status == 206 && answer.body == LAYER[first..=last],
            "other bytes than {range}"
        );
    }
    let several = "0-69999,100000000-100600000,90005-90009";
    let answer = http::send(&sandbox, &["--user", &login, "--range", several], &url);
    let between = answer
        .header("content-type")
        .and_then(|value| value.split_once("boundary="));
    let between = between.expect("it says what stands between the ranges").1.to_owned();
    let part = |first: usize, last: usize| {
        let head = format!(
            "\r\n--{between}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {first}-{last}/{LAYER_BYTES}\r\n\r\n"
        );
        [head.as_bytes(), &LAYER[first..=last]].concat()
    };
    let end = format!("\r\n--{between}--\r\n").into_bytes();
    let expected = [
        part(0, 69_999),
        part(100_000_000, 100_600_000),
        part(90_005, 90_009),
        end,
    ]
    .concat();
    assert!(
        answer.status == 206 && answer.body == expected,
        "other bytes than {several}"
    );

    let file = sandbox.write("layer", &LAYER[..100_000_001]);
    let resume = [
        "--silent",
        "--show-error",
        "--continue-at",
        "-",
        "--output",
        &file,
        "--user",
        &login,
        &url,
    ];
    sandbox.run("curl", resume);
    assert!(sandbox.read("layer") == *LAYER, "it went on elsewhere");
}

#[test]
fn a_crowd_of_which_some_go_away_takes_little_memory_and_the_others_get_their_bytes() {
    let mut server = Server::start();
    let path = push(&server);
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (server, path) = (&server, &path);
            scope.spawn(move || {
                let first = number * 1_000_003;
                let length = 12 << 20;
                let range = format!("bytes={first}-{}", first + length - 1);
                let mut connection = ask(server, path, Some(&range));
                // Each third goes when it has begun to take.
                let takes = if number % 3 == 0 { 100_000 } else { length };
                let taken = connection.receive(takes).expect("the answer goes on");
                assert!(taken == LAYER[first..first + takes], "client {number} got other bytes");
            });
        }
    });
    let most = server.daemon().most_resident_kib();
    assert!(most < MOST_KIB, "{} MiB", most >> 10);
    assert!(server.daemon().is_running());
}

#[test]
fn of_a_file_that_lost_its_end_nothing_is_sent_for_what_is_missing() {
    let server = Server::start();
    let path = push(&server);
    let file = File::options().write(true).open(server.data().object_of(&LAYER));
    let file = file.expect("it can be written");
    let mut before = ask(&server, &path, None);
    let mut taken = before.receive(100_000).expect("the answer goes on");
    let kept = (200 << 20) + 5;
    file.set_len(kept).expect("it can be cut");
    taken.extend(before.receive_rest());
    assert!(
        taken.len() as u64 <= kept && LAYER.starts_with(&taken),
        "{} bytes came",
        taken.len()
    );
    let mut connection = server.connect().expect("the server goes on");
    let answer = connection.ask("GET", &path, &[], b"");
    assert!(
        !answer.is_ok_and(|answer| answer.status < 500),
        "it says that it has it"
    );
}

/// A blob never changes. This one does, in its file: what waits in the connection is not a copy of what was there.
#[test]
fn the_kernel_sends_a_layer_out_of_its_file() {
    let server = Server::start();
    let path = push(&server);
    let file = File::options().write(true).open(server.data().object_of(&LAYER));
    let mut connection = ask(&server, &path, None);
    let taken = connection.receive(64 << 10).expect("the answer goes on");
    assert!(LAYER.starts_with(&taken));
    let other = vec![b'x'; 64 << 20];
    file.and_then(|file| file.write_all_at(&other, 0))
        .expect("it can be written");
    // The client has taken a little more than it was asked for.
    connection.receive(64 << 10).expect("the answer goes on");
    let rest = connection.receive(32 << 20).expect("the answer goes on");
    assert!(rest.iter().all(|byte| *byte == b'x'), "something was copied");
}
