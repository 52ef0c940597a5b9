//! Uploads to a bucket: killed half-way and gone on with, and many at once.

use std::sync::{Barrier, mpsc};
use std::thread;

use holdfast_e2e::{Random, Server, image};

use crate::{Bucket, client::Client};

const MIB: usize = 1 << 20;

#[test]
fn an_upload_to_s3_goes_on_after_a_kill() {
    go_on_after_a_kill(&Bucket::s3());
}

#[test]
fn an_upload_to_azure_goes_on_after_a_kill() {
    go_on_after_a_kill(&Bucket::azure());
}

fn go_on_after_a_kill(bucket: &Bucket) {
    let client = Client::on(bucket);
    let content = Random::new(1).bytes(40 * MIB);
    let path = client.begin("storage/killed");
    assert_eq!(client.send(&path, 0, &content[..19 * MIB]), 202);
    let half = client.send_half(&path, &content[19 * MIB..]);
    let client = client.restarted(Server::crash);
    drop(half);
    let standing = client.ask("GET", &path);
    let range = standing.header("range").expect("it says how far it is").to_owned();
    let kept: usize = range
        .rsplit('-')
        .next()
        .and_then(|end| end.parse().ok())
        .expect("a range has an end");
    assert!(
        standing.status == 204 && kept + 1 >= 19 * MIB,
        "{} {range}",
        standing.status
    );
    assert_eq!(client.send(&path, kept + 1, &content[kept + 1..]), 202);
    let digest = image::digest(&content);
    let separator = if path.contains('?') { '&' } else { '?' };
    let finished = client.ask("PUT", &format!("{path}{separator}digest={digest}"));
    assert_eq!(finished.status, 201);
    let pulled = client.ask("GET", &format!("/v2/storage/killed/blobs/{digest}"));
    assert!(
        pulled.status == 200 && image::digest(&pulled.body) == digest,
        "{}",
        pulled.status
    );
    assert_eq!(bucket.objects().len(), 1);

    // One that is given up leaves nothing.
    let path = client.begin("storage/killed");
    assert_eq!(client.send(&path, 0, &content[..19 * MIB]), 202);
    assert_eq!(bucket.objects().len(), 2);
    assert_eq!(client.ask("DELETE", &path).status, 204);
    assert_eq!(bucket.objects().len(), 1);
    let check = client.server.data().check();
    assert!(check.code == Some(0) && check.remarks.is_empty(), "{}", check.told);
}

const UPLOADS: usize = 16;
/// An idle server of a debug build takes a part of it, and what uploads share 64 MiB.
const MOST_KIB: u64 = 200 << 10;

#[test]
fn sixteen_uploads_at_once_stay_within_their_memory() {
    let bucket = Bucket::s3();
    let mut client = Client::on(&bucket);
    let content = Random::new(2).bytes(24 * MIB);
    let digest = image::digest(&content);
    let half_way = Barrier::new(UPLOADS);
    thread::scope(|scope| {
        let (done, finished) = mpsc::channel();
        for number in 0..UPLOADS {
            let (client, content, digest, half_way, done) = (&client, &content, &digest, &half_way, done.clone());
            scope.spawn(move || {
                let path = format!("/v2/storage/many{number}/blobs/uploads/?digest={digest}");
                let mut connection = client.server.connect().expect("the server listens");
                let length = holdfast_e2e::connection::Length::Of(content.len());
                connection.begin("POST", &path, &[], length).expect("it is read");
                // All have something of a part, and nobody lets go of it.
                let (first, rest) = content.split_at(15 * MIB);
                connection.send(first).expect("it is read");
                half_way.wait();
                connection.send(rest).expect("it is read");
                done.send(connection.answer().expect("it answers").status)
                    .expect("somebody waits");
            });
        }
        drop(done);
        assert_eq!(finished.iter().filter(|status| *status == 201).count(), UPLOADS);
    });
    let most = client.server.daemon().most_resident_kib();
    assert!(most < MOST_KIB, "{most} KiB");
}
