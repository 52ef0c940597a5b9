//! Clients that are slow, hang, or come in crowds: they cost little, get what they may, and leave nothing.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use holdfast_e2e::connection::Length;
use holdfast_e2e::{Connection, Data, Server, image};
use rusqlite::OpenFlags;

/// A server that waits a second for what a client has promised.
fn impatient() -> Server {
    Server::open(Data::new(), &["--body-stall", "1s"])
}

/// Rows of uploads under way.
fn uploads(data: &Data) -> i64 {
    let database = data.path().join("metadata.db");
    let rows = rusqlite::Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("it opens");
    let count = rows.query_row("SELECT count(*) FROM upload", [], |row| row.get(0));
    count.expect("the schema is known")
}

/// Sends half of a body and waits for what comes of it.
fn hang(server: &Server, method: &str, path: &str, body: &[u8]) -> (Option<u16>, Duration) {
    let mut connection = server.connect().expect("the server listens");
    let headers = [("Content-Type", image::MANIFEST)];
    connection
        .begin(method, path, &headers, Length::Of(body.len()))
        .expect("it is read");
    connection.send(&body[..body.len() / 2]).expect("it is read");
    let started = Instant::now();
    // Either an answer or a closed connection ends it.
    let status = connection.answer().ok().map(|answer| answer.status);
    (status, started.elapsed())
}

#[test]
fn a_client_that_hangs_is_cut_off_and_leaves_nothing() {
    let server = impatient();
    let content = vec![7; 300 << 10];
    let digest = image::digest(&content);
    let before = server.data().objects().len();
    for (method, path) in [
        ("POST", format!("/v2/slow/app/blobs/uploads/?digest={digest}")),
        ("PUT", "/v2/slow/app/manifests/latest".to_owned()),
    ] {
        let (status, waited) = hang(&server, method, &path, &content);
        assert_eq!(status, Some(408), "{method} {path}");
        let expected = Duration::from_millis(900)..Duration::from_secs(20);
        assert!(expected.contains(&waited), "{method} {path}: {waited:?}");
    }
    assert_eq!(uploads(server.data()), 0);
    assert_eq!(server.data().objects().len(), before);
    let mut connection = server.connect().expect("the server listens");
    for path in [
        format!("/v2/slow/app/blobs/{digest}"),
        "/v2/slow/app/manifests/latest".to_owned(),
    ] {
        assert_eq!(
            connection.ask("GET", &path, &[], b"").expect("it answers").status,
            404,
            "{path}"
        );
    }
    let catalog = connection
        .ask("GET", "/v2/_catalog", &[], b"")
        .expect("it answers")
        .json();
    assert_eq!(catalog["repositories"], serde_json::json!([]));
}

#[test]
fn a_chunk_that_stops_halfway_is_kept_and_the_upload_goes_on() {
    let server = impatient();
    let mut connection = server.connect().expect("the server listens");
    let answer = connection
        .ask("POST", "/v2/slow/app/blobs/uploads/", &[], b"")
        .expect("it answers");
    let location = answer.header("location").expect("an upload has a location").to_owned();
    let content: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let (status, _) = hang(&server, "PATCH", &location, &content);
    assert_eq!(status, Some(408));
    let answer = connection.ask("GET", &location, &[], b"").expect("it answers");
    let range = answer
        .header("range")
        .and_then(|range| range.strip_prefix("0-")?.parse::<usize>().ok());
    let kept = range.expect("the upload is there") + 1;
    assert!(kept <= content.len() / 2, "{kept}");
    let digest = image::digest(&content);
    let path = format!("{location}?digest={digest}");
    let rest = &content[kept..];
    let range = format!("{kept}-{}", content.len() - 1);
    let answer = connection
        .ask("PUT", &path, &[("Content-Range", &range)], rest)
        .expect("it answers");
    assert_eq!(answer.status, 201);
    let answer = connection
        .ask("GET", &format!("/v2/slow/app/blobs/{digest}"), &[], b"")
        .expect("it answers");
    assert!(answer.body == content, "other bytes came back");
}

#[test]
fn a_client_that_is_slow_but_steady_is_not_cut_off() {
    let server = impatient();
    let content = b"one after the other";
    let path = format!("/v2/slow/app/blobs/uploads/?digest={}", image::digest(content));
    let mut connection = server.connect().expect("the server listens");
    connection
        .begin("POST", &path, &[], Length::Of(content.len()))
        .expect("it is read");
    for byte in content.chunks(4) {
        connection.send(byte).expect("it is read");
        thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(connection.answer().expect("it answers").status, 201);
}

/// Memory that the design allows with that many uploads.
const MOST_KIB: u64 = 200 << 10;
const CROWD: usize = 64;

/// Begins an upload of a gigabyte and sends the first bytes as fast as they are taken.
fn begin_large(server: &Server, number: usize) -> io::Result<Connection> {
    let mut connection = server.connect()?;
    let answer = connection.ask("POST", &format!("/v2/crowd/app{number}/blobs/uploads/"), &[], b"")?;
    let location = answer.header("location").unwrap_or_default().to_owned();
    connection.begin("PATCH", &location, &[], Length::Of(1 << 30))?;
    let piece = vec![7; 1 << 20];
    for _ in 0..4 {
        connection.send(&piece)?;
    }
    Ok(connection)
}

#[test]
fn a_crowd_of_uploads_takes_little_memory() {
    let mut server = Server::start();
    let most = thread::scope(|scope| {
        let (server, mut most) = (&server, 0);
        let crowd: Vec<_> = (0..CROWD)
            .map(|number| scope.spawn(move || begin_large(server, number)))
            .collect();
        let mut open: Vec<Connection> = Vec::new();
        for upload in crowd {
            most = most.max(server.resident_kib());
            open.push(upload.join().expect("a client ends well").expect("the server listens"));
        }
        // Now all are under way at once, and trickle.
        for _ in 0..20 {
            for connection in &mut open {
                connection.send(&[7; 16 << 10]).expect("it is read");
            }
            most = most.max(server.resident_kib());
        }
        let mut other = server.connect().expect("the server listens");
        assert_eq!(other.ask("GET", "/v2/", &[], b"").expect("it answers").status, 200);
        most
    });
    eprintln!("{CROWD} uploads at once took {} MiB", most >> 10);
    assert!(most < MOST_KIB, "{} MiB", most >> 10);
    assert!(server.daemon().is_running());
}

/// A config that claims two bytes over a blob of many: what it claims sizes nothing.
#[test]
fn a_config_that_lies_about_its_size_takes_no_memory() {
    const CONFIG_BYTES: usize = 600 << 20;
    let mut server = Server::start();
    let zeroes = vec![0; CONFIG_BYTES];
    let digest = image::digest(&zeroes);
    let mut connection = server.connect().expect("the server listens");
    let path = format!("/v2/lie/app/blobs/uploads/?digest={digest}");
    let answer = connection.ask("POST", &path, &[], &zeroes).expect("it answers");
    assert_eq!(answer.status, 201, "{answer:?}");
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,"digest":"{digest}"}},"layers":[]}}"#,
        image::MANIFEST
    );
    let headers = [("Content-Type", image::MANIFEST)];
    let answer = connection
        .ask("PUT", "/v2/lie/app/manifests/latest", &headers, manifest.as_bytes())
        .expect("it answers");
    assert_eq!((answer.status, answer.error_code().as_str()), (400, "SIZE_INVALID"));
    let most = server.daemon().most_resident_kib();
    assert!(most < MOST_KIB, "{} MiB", most >> 10);
}

/// A body that is longer than what is read before an answer.
const LONG_BYTES: usize = 27 << 20;
const TRIES: usize = 12;

/// Paths that refuse before they look at a body: of each face, and of none.
const REFUSING: [(&str, &str, u16); 5] = [
    ("POST", "/v2/app/blobs/uploads/", 401),
    ("PUT", "/v2/app/manifests/v1", 401),
    (
        "PUT",
        "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/group?api-version=2021-04-01",
        401,
    ),
    ("POST", "/v1.0/applications", 401),
    ("POST", "/nothing/is/here", 404),
];

#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() {
    let server = Server::start();
    let body = vec![7; LONG_BYTES];
    for (method, path, status) in REFUSING {
        for number in 0..TRIES {
            let mut connection = Connection::open(&server.http(), None).expect("the server listens");
            let answer = connection.ask(method, path, &[], &body);
            let answer = answer.unwrap_or_else(|error| panic!("{method} {path}, try {number}: {error}"));
            assert_eq!(answer.status, status, "{method} {path}");
        }
    }
}

/// A form whose last byte does not come, and one that says it is as long as a body of ARM may be.
#[test]
fn bodies_that_are_held_back_take_little_memory_and_end() {
    const CROWD: usize = 200;
    const TOKEN: &str = "/common/oauth2/v2.0/token";
    let mut server = impatient();
    let before = server.resident_kib();
    let mut most = before;
    let mut open = Vec::new();
    for number in 0..CROWD {
        let mut connection = Connection::open(&server.http(), None).expect("the server listens");
        let (path, length) = match number % 3 {
            0 => (TOKEN, 1 << 20),
            1 => (TOKEN, 64 << 10),
            _ => ("/oauth2/token", 64 << 10),
        };
        connection
            .begin("POST", path, &[], Length::Of(length))
            .expect("it is read");
        // It may be refused already.
        connection.send(&vec![b'a'; length - 1]).ok();
        open.push(connection);
        most = most.max(server.resident_kib());
    }
    let mut other = server.connect().expect("the server listens");
    assert_eq!(other.ask("GET", "/healthz", &[], b"").expect("it answers").status, 200);
    let statuses: Vec<u16> = open
        .iter_mut()
        .map(|connection| connection.answer().expect("it answers").status)
        .collect();
    for (number, status) in statuses.iter().enumerate() {
        let expected: &[u16] = if number % 3 == 0 { &[413] } else { &[408, 503] };
        assert!(expected.contains(status), "{number}: {status}");
    }
    assert!(statuses.contains(&408), "{statuses:?}");
    assert!(most < 100 << 10, "{} MiB", most >> 10);
    drop(open);
    assert!(server.daemon().is_running());
}

/// Puts a manifest over a config, with more fields.
fn put_manifest(connection: &mut Connection, config: &str, more: &str) -> String {
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{config},"layers":[]{more}}}"#,
        image::MANIFEST
    );
    let digest = image::digest(manifest.as_bytes());
    let headers = [("Content-Type", image::MANIFEST)];
    let path = format!("/v2/long/app/manifests/{digest}");
    let answer = connection.ask("PUT", &path, &headers, manifest.as_bytes());
    assert_eq!(answer.expect("it answers").status, 201);
    digest
}

/// Puts a config blob; returns its descriptor.
fn put_config(connection: &mut Connection, config: &[u8]) -> String {
    let digest = image::digest(config);
    let path = format!("/v2/long/app/blobs/uploads/?digest={digest}");
    let answer = connection.ask("POST", &path, &[], config).expect("it answers");
    assert_eq!(answer.status, 201, "{answer:?}");
    let media_type = "application/vnd.oci.image.config.v1+json";
    format!(
        r#"{{"mediaType":"{media_type}","size":{},"digest":"{digest}"}}"#,
        config.len()
    )
}

/// The digests of a list of referrers, page by page; no page is longer than a client reads (ORAS: 4 MiB, or one entry).
fn walk_referrers(connection: &mut Connection, subject: &str) -> Vec<String> {
    let (mut path, mut found) = (format!("/v2/long/app/referrers/{subject}"), Vec::new());
    loop {
        let answer = connection.ask("GET", &path, &[], b"").expect("it answers");
        assert_eq!(answer.status, 200);
        assert!(answer.body.len() < 6 << 20, "{} bytes", answer.body.len());
        let list: serde_json::Value = serde_json::from_slice(&answer.body).expect("it is JSON");
        let digests = list["manifests"].as_array().expect("it is a list");
        found.extend(
            digests
                .iter()
                .map(|entry| entry["digest"].as_str().unwrap_or_default().to_owned()),
        );
        match answer.header("link") {
            Some(link) => path = link[1..link.find('>').expect("a link ends")].to_owned(),
            None => return found,
        }
    }
}

/// What a push says of itself takes neither the database nor whoever lists it.
#[test]
fn texts_at_their_longest_take_little_memory_and_end_pages() {
    const IMAGES: usize = 150;
    const REFERRERS: usize = 40;
    let mut server = Server::start();
    let mut connection = server.connect().expect("the server listens");
    let long = format!(r#"{{"architecture":"{}","os":"linux"}}"#, "A".repeat(1_000_000));
    let config = put_config(&mut connection, long.as_bytes());
    for number in 0..IMAGES {
        put_manifest(
            &mut connection,
            &config,
            &format!(r#","annotations":{{"n":"{number}"}}"#),
        );
    }
    let listed = connection.ask("GET", "/acr/v1/long/app/_manifests?n=1000", &[], b"");
    let listed = listed.expect("it answers").body;
    assert!(listed.len() < 1 << 20, "{} bytes", listed.len());
    let database = std::fs::metadata(server.data().path().join("metadata.db")).expect("it is there");
    assert!(database.len() < 8 << 20, "{} bytes", database.len());

    let config = put_config(&mut connection, b"{}");
    let subject = put_manifest(&mut connection, &config, "");
    let mut referrers: Vec<String> = (0..REFERRERS)
        .map(|number| {
            let text = format!("{number:02}").repeat(1_900_000);
            let subject = format!(r#"{{"mediaType":"{}","size":2,"digest":"{subject}"}}"#, image::MANIFEST);
            let more = format!(r#","subject":{subject},"annotations":{{"text":"{text}"}}"#);
            put_manifest(&mut connection, &config, &more)
        })
        .collect();
    referrers.sort_unstable();
    let most = thread::scope(|scope| {
        let walks: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| walk_referrers(&mut server.connect().expect("the server listens"), &subject)))
            .collect();
        for walk in walks {
            assert_eq!(walk.join().expect("a client ends well"), referrers);
        }
        server.resident_kib()
    });
    assert!(most < MOST_KIB, "{} MiB", most >> 10);
    let most = server.daemon().most_resident_kib();
    assert!(most < MOST_KIB, "{} MiB", most >> 10);
}
