//! A power cut at any moment takes nothing that was answered or shown (ARCHITECTURE.md, law 3). The disk is played: what it
//! holds after the cut is the database and a beginning of its log, not shorter than at the last flush that had ended.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use holdfast_model::{Durability, Metadata, MetadataError, MetadataExt as _, Timestamp};
use tokio::task::JoinSet;

use super::{SqliteStore, open};

const ROUNDS: u64 = 12;
const WRITERS: u64 = 6;
const READERS: u64 = 3;

/// What the world knows, until the power is cut.
#[derive(Default)]
struct World {
    is_cut: bool,
    /// Bytes of the log at the end of the last flush.
    flushed_bytes: u64,
    flushes: u64,
    /// Rows whose durable write was answered, or that a read has shown.
    told: BTreeSet<String>,
}

/// Numbers that look random; the same for the same seed.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        // Knuth's MMIX.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn tell(world: &Mutex<World>, names: impl IntoIterator<Item = String>) -> bool {
    let mut world = world.lock().unwrap();
    if !world.is_cut {
        world.told.extend(names);
    }
    !world.is_cut
}

/// Opens the store; its flushes are noted as they end.
fn open_noting(path: &Path, world: &Arc<Mutex<World>>) -> SqliteStore {
    let log = path.with_extension("db-wal");
    let world = Arc::clone(world);
    SqliteStore::open_with(path, |mut flush| {
        Box::new(move || {
            let bytes = fs::metadata(&log)?.len();
            flush()?;
            let mut world = world.lock().unwrap();
            if !world.is_cut {
                world.flushed_bytes = bytes;
                world.flushes += 1;
            }
            Ok(())
        })
    })
    .unwrap()
}

async fn write(store: Arc<SqliteStore>, world: Arc<Mutex<World>>, prefix: String, mut dice: Dice) {
    let metadata: &dyn Metadata = &*store;
    for n in 0.. {
        let (durability, kind) = match dice.throw(3) {
            0 => (Durability::Relaxed, "relaxed"),
            _ => (Durability::Durable, "durable"),
        };
        let filling = "x".repeat(usize::try_from(dice.throw(900)).unwrap());
        let name = format!("{kind}-{prefix}-{n}-{filling}");
        let inserted = name.clone();
        let insert = metadata.transact(durability, move |tx| {
            tx.insert_storage_account(&inserted, "local", Timestamp(1)).map(drop)
        });
        insert.await.unwrap();
        let told = Some(name).filter(|_| durability == Durability::Durable);
        if !tell(&world, told) {
            return;
        }
    }
}

/// Reads what others have written durably; relaxed rows promise nothing.
async fn read(store: Arc<SqliteStore>, world: Arc<Mutex<World>>) {
    let metadata: &dyn Metadata = &*store;
    loop {
        let names = list(metadata).await.unwrap();
        if !tell(&world, names.into_iter().filter(|name| name.starts_with("durable"))) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn list(metadata: &dyn Metadata) -> Result<Vec<String>, MetadataError> {
    let accounts = metadata.query(|read| read.list_storage_accounts()).await?;
    Ok(accounts.into_iter().map(|account| account.name).collect())
}

/// Cuts the power: copies what the disk holds.
fn cut(path: &Path, left: &Path, world: &Mutex<World>, dice: &mut Dice) {
    let mut world = world.lock().unwrap();
    world.is_cut = true;
    let (log, left_log) = (path.with_extension("db-wal"), left.with_extension("db-wal"));
    fs::copy(path, left).unwrap();
    let written = fs::copy(log, &left_log).unwrap();
    let more = dice.throw(written - world.flushed_bytes + 1);
    let left_log = fs::OpenOptions::new().write(true).open(left_log).unwrap();
    left_log.set_len(world.flushed_bytes + more).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_power_cut_takes_nothing_that_was_answered_or_shown() {
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(Mutex::new(World::default()));
    let mut dice = Dice(7);
    let mut path = folder.path().join("0.db");
    for round in 0..ROUNDS {
        let store = Arc::new(open_noting(&path, &world));
        let end = {
            let mut world = world.lock().unwrap();
            world.is_cut = false;
            world.flushed_bytes = fs::metadata(path.with_extension("db-wal")).unwrap().len();
            world.flushes + dice.throw(40)
        };
        let mut tasks = JoinSet::new();
        for n in 0..WRITERS {
            let prefix = format!("{round}-{n}");
            let dice = Dice(round * WRITERS + n);
            tasks.spawn(write(Arc::clone(&store), Arc::clone(&world), prefix, dice));
        }
        for _ in 0..READERS {
            tasks.spawn(read(Arc::clone(&store), Arc::clone(&world)));
        }
        while world.lock().unwrap().flushes < end {
            tokio::task::yield_now().await;
        }
        let left = folder.path().join(format!("{}.db", round + 1));
        cut(&path, &left, &world, &mut dice);
        tasks.join_all().await;
        tokio::task::spawn_blocking(move || drop(store)).await.unwrap();

        let verdict = open::reader(&left)
            .unwrap()
            .pragma_query_value(None, "integrity_check", |row| row.get::<_, String>(0));
        assert_eq!(verdict.unwrap(), "ok");
        let found = SqliteStore::open(&left).unwrap();
        let found: BTreeSet<_> = list(&found).await.unwrap().into_iter().collect();
        let told = &world.lock().unwrap().told;
        let lost: Vec<_> = told.difference(&found).collect();
        assert!(lost.is_empty(), "round {round} lost {lost:?}");
        path = left;
    }
    let told = world.lock().unwrap().told.len();
    assert!(told > 100, "too little was written: {told}");
}
