//! `kill -9` while objects are being written: everything acknowledged is whole, again and again in the same folder.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use crate::{
    again,
    writers::{Acked, lost, random_below, write_until_failure},
};
use holdfast_blobs::FilesystemStore;
use holdfast_model::ObjectKey;
use tempfile::TempDir;
use uuid::Uuid;

const ROUNDS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_objects_survive_kill_9() {
    if let Some(folder) = again::told() {
        return write_and_tell(&folder, false).await;
    }
    let folder = TempDir::new().unwrap();
    let mut acked = Vec::new();
    for _ in 0..ROUNDS {
        acked.extend(run_and_kill("kill::acknowledged_objects_survive_kill_9", folder.path()));
        let store = FilesystemStore::open(folder.path()).unwrap();
        assert_eq!(lost(&store, &acked).await, []);
    }
    assert!(acked.len() > ROUNDS, "the writers wrote: {}", acked.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_check_finds_what_was_acknowledged_too_early() {
    if let Some(folder) = again::told() {
        return write_and_tell(&folder, true).await;
    }
    let folder = TempDir::new().unwrap();
    let acked = run_and_kill("kill::the_check_finds_what_was_acknowledged_too_early", folder.path());
    let store = FilesystemStore::open(folder.path()).unwrap();
    assert!(!lost(&store, &acked).await.is_empty(), "of {}", acked.len());
}

async fn write_and_tell(folder: &str, is_lying: bool) {
    let store = Arc::new(FilesystemStore::open(folder).unwrap());
    write_until_failure(store, is_lying, |Acked { key, size }| {
        // One write, so that a kill cuts no line but the last.
        let line = format!("acked {key} {size}\n");
        std::io::stdout().write_all(line.as_bytes()).unwrap();
    })
    .await;
}

fn run_and_kill(test: &str, folder: &Path) -> Vec<Acked> {
    let mut child = again::command(test, folder.to_str().unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).split(b'\n');
    let mut acked: Vec<Acked> = lines
        .by_ref()
        .map(Result::unwrap)
        .find_map(|line| parse(&line))
        .into_iter()
        .collect();
    let killing = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20 + random_below(400)));
        child.kill().unwrap();
        child.wait().unwrap();
    });
    acked.extend(lines.map(Result::unwrap).filter_map(|line| parse(&line)));
    killing.join().unwrap();
    acked
}

fn parse(line: &[u8]) -> Option<Acked> {
    let mut words = std::str::from_utf8(line)
        .ok()?
        .split(' ')
        .skip_while(|word| !word.ends_with("acked"))
        .skip(1);
    let key = ObjectKey::new(Uuid::try_parse(words.next()?).ok()?);
    let size = words.next()?.parse().ok()?;
    Some(Acked { key, size })
}
