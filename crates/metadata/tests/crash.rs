//! `kill -9` at any moment loses nothing acknowledged (ARCHITECTURE.md, law 3). This binary runs itself as
//! the process to kill.

#![expect(clippy::print_stdout, reason = "the child tells its parent what was acknowledged")]
#![expect(clippy::unwrap_used, reason = "a test panics on purpose")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use holdfast_metadata::SqliteStore;
use holdfast_model::{Durability, Metadata, MetadataExt, Timestamp};
use rusqlite::Connection;

/// Set for the child: the database to write to. A name of this test's own.
const CHILD: &str = "HOLDFAST_METADATA_CRASH_TEST";
const WRITERS: usize = 8;
/// How long the children live.
const LIVES: [Duration; 6] = [
    Duration::from_millis(10),
    Duration::from_millis(40),
    Duration::from_millis(90),
    Duration::from_millis(170),
    Duration::from_millis(260),
    Duration::from_millis(430),
];

#[test]
fn nothing_acknowledged_is_lost_by_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metadata.sqlite");
    let mut acknowledged = BTreeSet::new();
    for (round, life) in LIVES.into_iter().enumerate() {
        acknowledged.extend(write_until_killed(&path, round, life));
        let found = rows(&path);
        let lost: Vec<_> = acknowledged.difference(&found).collect();
        assert!(lost.is_empty(), "round {round} lost {lost:?}");
    }
    assert!(
        acknowledged.len() > WRITERS * LIVES.len(),
        "the children wrote too little: {}",
        acknowledged.len()
    );
}

/// Runs a child, lets it write for a while after its first acknowledgement, kills it; returns what
/// it had acknowledged.
fn write_until_killed(path: &Path, round: usize, life: Duration) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "the_child_writes_until_it_is_killed",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHILD, path)
        .env("HOLDFAST_METADATA_CRASH_ROUND", round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    let mut note = |line: std::io::Result<String>| {
        // The last line may be cut off by the kill; then it was not said.
        if let Some(row) = line
            .unwrap()
            .strip_prefix("acknowledged ")
            .and_then(|rest| rest.strip_suffix('.'))
        {
            acknowledged.push(row.to_owned());
        }
    };
    for line in lines.by_ref() {
        let is_first = line.as_ref().is_ok_and(|line| line.starts_with("acknowledged "));
        note(line);
        if is_first {
            break;
        }
    }
    std::thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    lines.for_each(note);
    acknowledged
}

/// What a new process finds, and that the file is whole.
fn rows(path: &Path) -> BTreeSet<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let store = SqliteStore::open(path).unwrap();
    let metadata: &dyn Metadata = &store;
    let accounts = runtime
        .block_on(metadata.query(|read| read.list_storage_accounts()))
        .unwrap();
    drop(store);
    let connection = Connection::open(path).unwrap();
    let verdict: String = connection
        .pragma_query_value(None, "integrity_check", |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
    accounts.into_iter().map(|account| account.name).collect()
}

/// Not a test by itself: the body of the child.
#[test]
fn the_child_writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD).map(PathBuf::from) else {
        return;
    };
    let round = std::env::var("HOLDFAST_METADATA_CRASH_ROUND").unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = Arc::new(SqliteStore::open(path).unwrap());
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let (store, round) = (Arc::clone(&store), round.clone());
            writers.spawn(async move {
                for n in 0.. {
                    let name = format!("{round}-{writer}-{n}");
                    let inserted = name.clone();
                    let metadata: &dyn Metadata = &*store;
                    metadata
                        .transact(Durability::Durable, move |tx| {
                            tx.insert_storage_account(&inserted, "local", Timestamp(1))
                        })
                        .await
                        .unwrap();
                    let mut out = std::io::stdout().lock();
                    out.write_all(format!("acknowledged {name}.\n").as_bytes()).unwrap();
                    out.flush().unwrap();
                }
            });
        }
        writers.join_all().await;
    });
    println!("the child was not killed");
}
