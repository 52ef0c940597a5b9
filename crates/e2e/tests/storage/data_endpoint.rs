//! A registry with a data endpoint: clients read layers straight from the bucket, by URLs that the bucket checks.

use holdfast_e2e::{Random, connection::Connection, http, image};

use crate::{Bucket, client::Client};

const MIB: usize = 1 << 20;

#[test]
fn layers_in_s3_are_read_by_signed_urls() {
    read_by_signed_urls(&Bucket::s3());
}

#[test]
fn layers_in_azure_are_read_by_signed_urls() {
    read_by_signed_urls(&Bucket::azure());
}

fn read_by_signed_urls(bucket: &Bucket) {
    let client = Client::on(bucket);
    let (large, small) = (Random::new(11).bytes(3 * MIB), Random::new(12).bytes(20 << 10));
    let [large_path, small_path] = [&large, &small].map(|content| {
        let digest = image::digest(content);
        let path = format!("/v2/storage/direct/blobs/uploads/?digest={digest}");
        let mut connection = client.server.connect().expect("the server listens");
        let pushed = connection.ask("POST", &path, &[], content).expect("it answers");
        assert_eq!(pushed.status, 201);
        format!("/v2/storage/direct/blobs/{digest}")
    });
    assert_eq!(client.ask("GET", &large_path).status, 200, "off is the default");
    let switched = client
        .server
        .operate(&["registry", "update", "--data-endpoint", "true"]);
    assert!(switched.contains("data endpoint            true"), "{switched}");

    let told = client.ask("GET", &large_path);
    assert_eq!((told.status, told.header("cache-control")), (307, Some("no-store")));
    let url = told.header("location").expect("a redirect names a place").to_owned();
    assert!(!url.contains(client.server.password()), "{url}");
    // Somebody without a credential.
    let fetch = |options: &[&str], url: &str| http::send(&client.sandbox, options, url);
    let whole = fetch(&[], &url);
    assert!(whole.status == 200 && whole.body == large, "{}", whole.status);
    let part = fetch(&["--range", "1000000-1999999"], &url);
    assert!(
        part.status == 206 && part.body == large[1_000_000..2_000_000],
        "{}",
        part.status
    );
    let forged = fetch(&[], &url.replacen("objects/", "objects/0", 1));
    assert!(matches!(forged.status, 400 | 403 | 404), "{}", forged.status);

    // What the node answers by itself: a blob that it keeps in memory, several ranges, HEAD, and who may not read.
    let kept = client.ask("GET", &small_path);
    assert!(kept.status == 200 && kept.body == small);
    let mut connection = client.server.connect().expect("the server listens");
    let ranges = [("Range", "bytes=0-9,100-109")];
    let several = connection.ask("GET", &large_path, &ranges, b"").expect("it answers");
    assert_eq!(several.status, 206);
    let beyond = [("Range", "bytes=99999999-")];
    let refused = connection.ask("GET", &large_path, &beyond, b"").expect("it answers");
    assert_eq!(refused.status, 416);
    let mut stranger = Connection::open(&client.server.http(), None).expect("the server listens");
    assert_eq!(
        stranger.ask("GET", &large_path, &[], b"").expect("it answers").status,
        401
    );

    // A client of the field follows by itself.
    let image = client.push("storage/direct:1", &large);
    client.crane(&["validate", "--remote", &image]).says("PASS");
}
