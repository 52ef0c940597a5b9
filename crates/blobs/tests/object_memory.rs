//! What many uploads cost in memory, in a process of their own.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

use std::{fs, sync::Arc};

use holdfast_model::Blobs as _;
use holdfast_testkit::{
    blobs::{fresh_key, pattern, read},
    object_server::ObjectServer,
};
use tokio::{sync::Barrier, task::JoinSet};

const UPLOADS: usize = 64;
const BYTES: usize = 12 << 20;
const CHUNK_BYTES: usize = 128 << 10;
const MOST_KIB: u64 = 200 << 10;

/// The most that this process ever held.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_uploads_at_once_stay_within_their_memory() {
    let server = ObjectServer::s3();
    let (store, bytes, half_way) = (server.fresh_store(), pattern(BYTES), Arc::new(Barrier::new(UPLOADS)));
    let mut uploads = JoinSet::new();
    for _ in 0..UPLOADS {
        let (store, bytes, half_way) = (Arc::clone(&store), bytes.clone(), Arc::clone(&half_way));
        uploads.spawn(async move {
            let key = fresh_key();
            let mut writer = store.begin(&key).await.unwrap();
            for at in (0..BYTES).step_by(CHUNK_BYTES) {
                // All of them have nearly a part, and nobody lets go of it.
                if at == 7 << 20 {
                    half_way.wait().await;
                }
                writer.write(bytes.slice(at..at + CHUNK_BYTES)).await.unwrap();
            }
            writer.complete().await.unwrap();
            key
        });
    }
    let keys = uploads.join_all().await;
    let peak = peak_kib();
    assert!(peak < MOST_KIB, "{peak} KiB");
    for key in [&keys[0], &keys[UPLOADS - 1]] {
        assert_eq!(read(&*store, key, 0..BYTES as u64).await, bytes);
    }
}
