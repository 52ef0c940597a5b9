//! Buckets that no server starts on, and what it says then.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use holdfast_e2e::{Data, Server, project};
use holdfast_testkit::object_server::ObjectServer;

use crate::Bucket;

/// What a start says that is refused.
fn refused(data: &Data, variables: &[(&str, &str)], flags: &[&str], words: &[&str]) -> String {
    let output = Command::new(project::holdfast())
        .args(["serve", "--http", "127.0.0.1:0", "--https", "off", "--data-dir"])
        .arg(data.path())
        .args(flags)
        .envs(variables.iter().copied())
        .output()
        .expect("holdfast starts");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(1 | 2)), "{told}");
    for word in words {
        assert!(told.contains(word), "{word:?} is not in {told}");
    }
    told
}

/// A URL whose prefix is another one.
fn at(url: &str, prefix: &str) -> String {
    url.replace("some/prefix", prefix)
}

fn location(name: &str, url: &str) -> String {
    format!("{name}={url}")
}

#[test]
fn wrong_buckets_of_s3_are_refused() {
    let server = ObjectServer::s3();
    wrong_buckets_are_refused(&server, "bucket");
    // What S3 calls somebody without rights.
    let (url, data) = (server.url(&server.make_bucket(), None), Data::new());
    let wrong = [
        ("AWS_ACCESS_KEY_ID", "holdfast"),
        ("AWS_SECRET_ACCESS_KEY", "hush-hush"),
    ];
    let told = refused(
        &data,
        &wrong,
        &["--storage", &url],
        &["refuses this service", "AWS_SECRET_ACCESS_KEY"],
    );
    assert!(!told.contains("hush-hush"), "{told}");
}

#[test]
fn wrong_buckets_of_azure_are_refused() {
    wrong_buckets_are_refused(&ObjectServer::azure(), "container");
}

fn wrong_buckets_are_refused(server: &ObjectServer, kind: &str) {
    let variables = server.variables();
    let (bucket, data) = (server.make_bucket(), Data::new());
    let url = server.url(&bucket, None);
    let nowhere = server.url("there-is-none", None);
    let words = [&format!("there is no {kind} there-is-none") as &str, "--storage URL"];
    refused(&data, &variables, &["--storage", &nowhere], &words);

    // Something lies there. Nothing was made meanwhile, so that the right bucket can be named next.
    server.put(&url, "holiday.jpg", b"somebody's");
    let words = [
        "holds other objects, such as some/prefix/holiday.jpg",
        "choose an empty prefix",
    ];
    refused(&data, &variables, &["--storage", &url], &words);
    let first = at(&url, "first");
    let server_data = Server::open(Data::new().with_variables(&variables), &["--storage", &first]).stop();

    // Another's, and one in another's.
    let words = ["belongs to a Holdfast", "--storage URL"];
    refused(&data, &variables, &["--storage", &first], &words);
    let words = ["lies in the storage of the location local", "choose another prefix"];
    refused(&data, &variables, &["--storage", &at(&url, "first/second")], &words);
    refused(
        &data,
        &variables,
        &["--storage", &at(&url, "")],
        &["holds other objects"],
    );

    // Locations: all mistakes of several are told at once.
    let (within, elsewhere) = (
        location("east", &at(&url, "first/east")),
        location("west", &at(&url, "west")),
    );
    let flags = ["--storage", &first, "--location", &elsewhere, "--location", &within];
    refused(
        &server_data,
        &variables,
        &flags,
        &["of location east lies in", "choose another one"],
    );
    let (missing, taken) = (location("east", &nowhere), location("west", &url));
    let flags = ["--storage", &first, "--location", &missing, "--location", &taken];
    let words = [
        "2 locations cannot be used",
        "there is no",
        "--location east=URL",
        "choose an empty prefix for location west",
    ];
    refused(&server_data, &variables, &flags, &words);

    // Two that changed places, and what was there and is nowhere any more.
    let (east, west) = (at(&url, "east"), at(&url, "west"));
    let flags = |one: &str, other: &str| {
        [
            "--location".to_owned(),
            location("east", one),
            "--location".to_owned(),
            location("west", other),
        ]
    };
    let open = |data: Data, more: &[String]| {
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        Server::open(data, &[&["--storage", &first], &more[..]].concat()).stop()
    };
    let server_data = open(server_data, &flags(&east, &west));
    let changed = flags(&west, &east);
    let changed: Vec<&str> = ["--storage", &first]
        .into_iter()
        .chain(changed.iter().map(String::as_str))
        .collect();
    refused(
        &server_data,
        &variables,
        &changed,
        &["is the place of location west, not of east"],
    );
    let moved = location("east", &at(&url, "moved"));
    let west = location("west", &west);
    let flags = ["--storage", &first, "--location", &moved, "--location", &west];
    refused(
        &server_data,
        &variables,
        &flags,
        &["it has no holdfast-location.json", "--location east=URL"],
    );
    let east = location("east", &east);
    let flags = ["--location", &east, "--location", &west];
    refused(
        &server_data,
        &variables,
        &flags,
        &["was", "at the last start", "--storage"],
    );
}

#[test]
fn a_bucket_reached_by_two_urls_is_one() {
    let bucket = Bucket::s3();
    let variables = bucket.server.variables();
    let through = |host: &str| bucket.url.replace("127.0.0.1", host);
    let data = Data::new().with_variables(&variables);
    let data = Server::open(data, &["--storage", &bucket.url]).stop();
    let flags = |url: &str| location("east", url);
    let east = flags(&through("localhost"));
    refused(
        &data,
        &variables,
        &["--storage", &bucket.url, "--location", &east],
        &["lies in"],
    );
    // A port that no URL tells from another store, until the mark does.
    let port = bucket.server.address().port();
    let other = forward_to(bucket.server.address()).port();
    let east = flags(&bucket.url.replace(&port.to_string(), &other.to_string()));
    let words = ["is the place of location local, not of east"];
    refused(
        &data,
        &variables,
        &["--storage", &bucket.url, "--location", &east],
        &words,
    );
}

/// Another port of the same server.
fn forward_to(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = listener.local_addr().expect("it has an address");
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let far = TcpStream::connect(server).expect("it listens");
            let pairs = [(near.try_clone(), far.try_clone()), (Ok(far), Ok(near))];
            for (from, to) in pairs {
                let (mut from, mut to) = (from.expect("it can be shared"), to.expect("it can be shared"));
                thread::spawn(move || {
                    // Either end may hang up first.
                    io::copy(&mut from, &mut to).ok();
                    to.shutdown(Shutdown::Write).ok();
                });
            }
        }
    });
    address
}

#[test]
fn a_store_that_is_down_lets_no_server_start() {
    let mut bucket = Bucket::s3();
    let variables = bucket.server.variables();
    bucket.server.stop();
    let words = ["cannot be reached", "see that it runs"];
    refused(&Data::new(), &variables, &["--storage", &bucket.url], &words);
}

#[test]
fn mistakes_in_urls_are_told_at_once_and_no_secret_with_them() {
    let flags = [
        "--storage",
        "s3://key:hush-hush@bucket",
        "--location",
        "east=s3://B?endpoint=http://10.0.0.1:9000",
        "--location",
        "west=azure://account/container?sig=hush-hush",
    ];
    let words = ["3 settings are wrong", "no secrets", "plain HTTP", "no parameter sig"];
    let told = refused(&Data::new(), &[], &flags, &words);
    assert!(!told.contains("hush-hush"), "{told}");
}
