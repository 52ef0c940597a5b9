//! Measures the writer against the machine: `cargo run --release -p holdfast-blobs --example disk_paths -- FOLDER`.
//!
//! Prints, as medians of interleaved rounds: hashing alone, a plain durable write alone, and an upload through the
//! store (hash and write side by side); small durable puts, eight at once, against the same done by hand; small hot
//! reads, against the same on a blocking thread. The numbers in the module docs come from here.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;
use holdfast_blobs::FilesystemStore;
use holdfast_model::{Blobs, ObjectKey};
use holdfast_testkit::blobs::list;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

const SIZE_BYTES: usize = 256 * 1024 * 1024;
const CHUNK_BYTES: usize = 64 * 1024;
const ROUNDS: usize = 7;
const PUTS_AT_ONCE: usize = 8;
const PUTS_EACH: usize = 50;
const READS: u32 = 5_000;
const MIB: f64 = 1024.0 * 1024.0;

#[tokio::main]
async fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("usage: disk_paths FOLDER"));
    let store = Arc::new(FilesystemStore::open(folder.join("store")).expect("the store opens"));
    let plain = folder.join("plain");
    std::fs::create_dir_all(&plain).expect("the folder can be made");

    let mut large: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        large[0].push(rate(timed(hash_alone)));
        large[1].push(rate(timed(|| write_alone(&plain))));
        let (total, finish) = upload(&*store).await;
        large[2].push(rate(total));
        large[3].push(finish * 1000.0);
    }
    let [hash, write, through, finish] = large.map(median);
    say(&format!("sha-256 alone        {hash:7.0} MiB/s"));
    say(&format!("durable write alone  {write:7.0} MiB/s"));
    say(&format!(
        "through the store    {through:7.0} MiB/s, of it finish {finish:.1} ms"
    ));
    say(&format!("ratio to the slower  {:7.2}", through / hash.min(write)));

    let mut small: [Vec<f64>; 3] = Default::default();
    for _ in 0..ROUNDS {
        small[0].push(puts_by_hand(&plain, false));
        small[1].push(puts_by_hand(&plain, true));
        small[2].push(puts(&store).await);
    }
    let [data, named, stored] = small.map(median);
    say(&format!("4 KiB, data synced            {data:7.0} per second"));
    say(&format!("4 KiB, data and name synced   {named:7.0} per second"));
    say(&format!("4 KiB, put                    {stored:7.0} per second"));

    let mut reads: [Vec<f64>; 2] = Default::default();
    for _ in 0..ROUNDS {
        let (threaded, inline) = hot_reads(&store, &folder.join("store")).await;
        reads[0].push(threaded);
        reads[1].push(inline);
    }
    let [threaded, inline] = reads.map(median);
    say(&format!("4 KiB, read on a thread       {threaded:7.0} per second"));
    say(&format!("4 KiB, open                   {inline:7.0} per second"));
}

/// Reads the same small object again and again: by hand on a blocking thread, and through the store.
async fn hot_reads(store: &Arc<FilesystemStore>, root: &Path) -> (f64, f64) {
    let key = ObjectKey::new(Uuid::new_v4());
    let bytes = Bytes::from(vec![0x5a; 4096]);
    store.put(&key, bytes).await.expect("put succeeds");
    let name = key.to_string();
    let path = root.join("objects").join(&name[..2]).join(&name);

    let begun = Instant::now();
    for _ in 0..READS {
        let path = path.clone();
        let read = tokio::task::spawn_blocking(move || std::fs::read(path));
        read.await.expect("the thread runs").expect("the file reads");
    }
    let threaded = f64::from(READS) / begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    for _ in 0..READS {
        store.open(&key, 0..4096).await.expect("open succeeds");
    }
    let inline = f64::from(READS) / begun.elapsed().as_secs_f64();
    store.delete(&key).await.expect("delete succeeds");
    (threaded, inline)
}

fn hash_alone() {
    let chunk = vec![0x5a_u8; CHUNK_BYTES];
    let mut hash = Sha256::new();
    for _ in 0..SIZE_BYTES / CHUNK_BYTES {
        hash.update(std::hint::black_box(&chunk));
    }
    std::hint::black_box(hash.finalize());
}

fn write_alone(folder: &Path) {
    let path = folder.join("large");
    let chunk = vec![0x5a_u8; 1024 * 1024];
    let mut file = File::create(&path).expect("the file can be made");
    for _ in 0..SIZE_BYTES / chunk.len() {
        file.write_all(&chunk).expect("the file can be written");
    }
    file.sync_all().expect("the file can be synced");
    std::fs::remove_file(&path).expect("the file can be deleted");
}

/// As an upload does it: each chunk is a fresh buffer, is hashed, and is handed on. Seconds: in all, and in `complete`.
async fn upload(store: &dyn Blobs) -> (f64, f64) {
    let key = ObjectKey::new(Uuid::new_v4());
    let source = vec![0x5a_u8; CHUNK_BYTES];
    let begun = Instant::now();
    let mut writer = store.begin(&key).await.expect("it begins");
    let mut hash = Sha256::new();
    for _ in 0..SIZE_BYTES / CHUNK_BYTES {
        let chunk = Bytes::from(source.clone());
        hash.update(&chunk);
        writer.write(chunk).await.expect("write takes bytes");
    }
    std::hint::black_box(hash.finalize());
    let finishing = Instant::now();
    writer.complete().await.expect("it is completed");
    let times = (begun.elapsed().as_secs_f64(), finishing.elapsed().as_secs_f64());
    store.delete(&key).await.expect("delete succeeds");
    times
}

async fn puts(store: &Arc<FilesystemStore>) -> f64 {
    let bytes = Bytes::from(vec![0x5a; 4096]);
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..PUTS_AT_ONCE {
        let (store, bytes) = (Arc::clone(store), bytes.clone());
        tasks.spawn(async move {
            for _ in 0..PUTS_EACH {
                let key = ObjectKey::new(Uuid::new_v4());
                store.put(&key, bytes.clone()).await.expect("put succeeds");
            }
        });
    }
    tasks.join_all().await;
    let per_second = (PUTS_AT_ONCE * PUTS_EACH) as f64 / begun.elapsed().as_secs_f64();
    for object in list(&**store).await {
        store.delete(&object.key).await.expect("delete succeeds");
    }
    per_second
}

/// The same by plain threads, over sixteen folders.
fn puts_by_hand(folder: &Path, is_name_synced: bool) -> f64 {
    let shards: Vec<_> = (0..16).map(|shard| folder.join(format!("{shard:x}"))).collect();
    for shard in &shards {
        std::fs::create_dir_all(shard).expect("the folder can be made");
    }
    let bytes = vec![0x5a_u8; 4096];
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..PUTS_AT_ONCE {
            let (shards, bytes) = (&shards, &bytes);
            scope.spawn(move || {
                for number in 0..PUTS_EACH {
                    let shard = &shards[(thread * 7 + number) % shards.len()];
                    let mut file = File::create_new(shard.join(format!("{thread}-{number}"))).expect("a new file");
                    file.write_all(bytes).expect("the file can be written");
                    file.sync_data().expect("the file can be synced");
                    if is_name_synced {
                        let folder = File::open(shard).expect("the folder opens");
                        folder.sync_all().expect("the folder can be synced");
                    }
                }
            });
        }
    });
    let per_second = (PUTS_AT_ONCE * PUTS_EACH) as f64 / begun.elapsed().as_secs_f64();
    for shard in &shards {
        std::fs::remove_dir_all(shard).expect("the folder can be deleted");
    }
    per_second
}

fn timed(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    begun.elapsed().as_secs_f64()
}

fn rate(seconds: f64) -> f64 {
    SIZE_BYTES as f64 / MIB / seconds
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[expect(clippy::print_stdout, reason = "the measurement is what this program is for")]
fn say(line: &str) {
    println!("{line}");
}
