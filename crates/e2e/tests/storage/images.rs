//! Images in a bucket: pushed, pulled, kept over restarts, collected.

use holdfast_e2e::{Random, image};

use crate::{Bucket, client::Client};

const MIB: usize = 1 << 20;

#[test]
fn an_image_in_s3_outlives_the_server_and_is_collected() {
    live_and_be_collected(&Bucket::s3());
}

#[test]
fn an_image_in_azure_outlives_the_server_and_is_collected() {
    live_and_be_collected(&Bucket::azure());
}

#[test]
fn an_image_in_google_cloud_storage_outlives_the_server_and_is_collected() {
    live_and_be_collected(&Bucket::google());
}

fn live_and_be_collected(bucket: &Bucket) {
    let client = Client::on(bucket);
    let status = client.server.operate(&["status", "--output", "json"]);
    assert!(
        status.contains(&format!("{}/default", bucket.url.split('?').next().unwrap_or_default())),
        "{status}"
    );
    let mut random = Random::new(7);
    let kept = client.push("storage/kept:1", &random.bytes(100 * MIB));
    let objects = bucket.objects();
    assert!(
        matches!(objects[..], [(_, size)] if size > 100 << 20),
        "one layer is one object: {objects:?}"
    );
    let gone = client.push("storage/gone:1", &random.bytes(3 * MIB));
    client.crane(&["validate", "--remote", &kept]).says("PASS");
    let digest = client.crane(&["digest", &kept]).text();
    assert_eq!(bucket.objects().len(), 2);

    let client = client.restarted(holdfast_e2e::Server::restart);
    let [kept, gone] = [kept, gone].map(|name| client.server.image(name.split_once('/').expect("it has a host").1));
    assert_eq!(client.crane(&["digest", &kept]).text(), digest);
    client.crane(&["validate", "--remote", &kept]).says("PASS");
    let check = client.server.data().check();
    assert!(
        check.code == Some(0) && check.told.contains("2 objects"),
        "{}",
        check.told
    );

    let digest = client.crane(&["digest", &gone]).text();
    let repository = gone.rsplit_once(':').expect("it has a tag").0;
    client.crane(&["delete", &format!("{repository}@{digest}")]);
    client.server.operate(&["gc", "--grace", "0s"]);
    assert_eq!(
        bucket.objects(),
        objects,
        "what nothing needs is gone, and nothing else"
    );
    client.crane(&["validate", "--remote", &kept]).says("PASS");

    // Without a server the commands find the bucket by themselves.
    let data = client.server.stop();
    let check = data.check();
    assert!(
        check.code == Some(0) && check.told.contains("1 objects"),
        "{}",
        check.told
    );
}

#[test]
fn strays_of_a_bucket_are_found_and_collected() {
    let bucket = Bucket::s3();
    let client = Client::on(&bucket);
    let content = Random::new(8).bytes(MIB);
    client.push("storage/app:1", &content);
    let stray = "objects/ab/ab000000000000000000000000000001";
    let url = bucket.url.replacen('?', "/default?", 1);
    bucket.server.put(&url, stray, b"nobody names it");
    let strays = client.server.operate(&["check", "--strays"]);
    assert!(strays.contains("1 of 2 objects"), "{strays}");
    client.server.operate(&["gc", "--strays", "--grace", "0s"]);
    assert_eq!(bucket.objects().len(), 1);
}

#[test]
fn a_blob_is_read_in_ranges() {
    let bucket = Bucket::s3();
    let client = Client::on(&bucket);
    let content = Random::new(9).bytes(3 * MIB);
    let digest = image::digest(&content);
    let mut connection = client.server.connect().expect("the server listens");
    let path = format!("/v2/storage/ranges/blobs/uploads/?digest={digest}");
    let pushed = connection.ask("POST", &path, &[], &content).expect("it answers");
    assert_eq!(pushed.status, 201);
    let path = format!("/v2/storage/ranges/blobs/{digest}");
    let range = [("Range", "bytes=1000000-1999999")];
    let part = connection.ask("GET", &path, &range, b"").expect("it answers");
    assert!(
        part.status == 206 && part.body == content[1_000_000..2_000_000],
        "{}",
        part.status
    );
}
