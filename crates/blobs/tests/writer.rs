//! A writer whose disk stalls or breaks: what it holds, what it lets go, and that nothing waits for it.
//!
//! An object that is a named pipe is a disk that writes only as fast as the test reads; one that is `/dev/full` has no
//! room; one that is `/dev/null` can't be synced.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

use std::{
    fs::{self, File, OpenOptions},
    io::Read as _,
    os::unix::fs::symlink,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use holdfast_blobs::FilesystemStore;
use holdfast_model::{BlobWriter, Blobs, Checkpoint, ObjectKey, StoreError};
use holdfast_testkit::blobs::{fresh_key, list, pattern};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;
use tokio::time::timeout;

/// Long enough for any burst to get stuck, short enough to wait for.
const STALL: Duration = Duration::from_millis(200);
/// Only a hang is this slow.
const HANG: Duration = Duration::from_secs(20);
const MIB: usize = 1024 * 1024;

struct Fixture {
    folder: TempDir,
    store: Arc<FilesystemStore>,
    key: ObjectKey,
}

impl Fixture {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store = Arc::new(FilesystemStore::open(folder.path()).unwrap());
        Self {
            folder,
            store,
            key: fresh_key(),
        }
    }

    fn file(&self) -> PathBuf {
        let name = self.key.to_string();
        self.folder.path().join("objects").join(&name[..2]).join(name)
    }

    /// Makes the object a pipe; returns its reading end.
    fn stalled(&self) -> File {
        mknodat(CWD, self.file(), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        OpenOptions::new().read(true).write(true).open(self.file()).unwrap()
    }

    async fn writer(&self) -> Box<dyn BlobWriter> {
        self.store.begin(&self.key).await.unwrap()
    }

    /// Descriptors that this process has on the store's files.
    fn descriptors(&self) -> usize {
        let is_ours = |link: PathBuf| link.starts_with(self.folder.path());
        let entries = fs::read_dir("/proc/self/fd").unwrap();
        entries
            .filter(|entry| fs::read_link(entry.as_ref().unwrap().path()).is_ok_and(is_ours))
            .count()
    }
}

fn drain(mut pipe: &File, bytes: usize) -> Vec<u8> {
    let mut read = vec![0; bytes];
    pipe.read_exact(&mut read).unwrap();
    read
}

/// Returns when a burst is in its system call, of which this reads the first byte.
fn begun(pipe: &File) {
    drain(pipe, 1);
}

/// Writes chunks until the writer makes its caller wait; returns how many it took.
async fn fill(writer: &mut dyn BlobWriter, chunk: &Bytes) -> usize {
    let mut taken = 0;
    while let Ok(written) = timeout(STALL, writer.write(chunk.clone())).await {
        written.unwrap();
        taken += 1;
    }
    taken
}

async fn eventually(claim: impl Fn() -> bool) {
    let waiting = async {
        while !claim() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(HANG, waiting).await.expect("it comes true");
}

#[tokio::test]
async fn a_writer_holds_at_most_one_mebibyte() {
    let fixture = Fixture::new();
    let pipe = fixture.stalled();
    let mut writer = fixture.writer().await;
    let taken = fill(&mut *writer, &pattern(16 * 1024)).await * 16 * 1024;
    assert!((MIB / 2..=MIB + 128 * 1024).contains(&taken), "{taken}");
    drop((writer, pipe));
}

#[tokio::test]
async fn a_writer_holds_few_chunks_however_small() {
    let fixture = Fixture::new();
    let pipe = fixture.stalled();
    let mut writer = fixture.writer().await;
    // Fill the pipe itself first, so that the small chunks have nowhere to go.
    writer.write(pattern(MIB / 2)).await.unwrap();
    let taken = fill(&mut *writer, &Bytes::from_static(b"x")).await;
    assert!((1..=256).contains(&taken), "{taken}");
    drop((writer, pipe));
}

#[tokio::test]
async fn a_cancelled_write_has_taken_nothing() {
    let fixture = Fixture::new();
    let pipe = fixture.stalled();
    let mut writer = fixture.writer().await;
    let taken = fill(&mut *writer, &Bytes::from(vec![b'a'; 16 * 1024])).await * 16 * 1024;
    // The write that did not fit was cancelled; the stream goes on without it.
    let reading = tokio::task::spawn_blocking(move || (drain(&pipe, taken + 3), pipe));
    timeout(HANG, writer.write(Bytes::from_static(b"end")))
        .await
        .unwrap()
        .unwrap();
    timeout(HANG, writer.save()).await.unwrap().unwrap();
    let (read, _pipe) = reading.await.unwrap();
    assert!(read[..taken].iter().all(|byte| *byte == b'a'));
    assert_eq!(&read[taken..], b"end");
}

#[tokio::test]
async fn a_cancelled_save_has_lost_nothing() {
    let fixture = Fixture::new();
    let pipe = fixture.stalled();
    let mut writer = fixture.writer().await;
    let bytes = pattern(700_000);
    writer.write(bytes.clone()).await.unwrap();
    timeout(STALL, writer.save()).await.expect_err("the disk stalls");
    let reading = tokio::task::spawn_blocking(move || (drain(&pipe, 700_000), pipe));
    timeout(HANG, writer.save()).await.unwrap().unwrap();
    assert_eq!(reading.await.unwrap().0, bytes);
}

#[tokio::test]
async fn dropping_a_stalled_writer_waits_for_nothing_and_lets_go_when_the_disk_does() {
    let fixture = Fixture::new();
    let pipe = fixture.stalled();
    let mut writer = fixture.writer().await;
    fill(&mut *writer, &pattern(16 * 1024)).await;
    assert_eq!(fixture.descriptors(), 2, "the test's and the writer's");
    timeout(STALL, async { drop(writer) })
        .await
        .expect("drop does not wait");
    // The system call under way ends when its reader takes the bytes, or goes.
    drop(pipe);
    eventually(|| fixture.descriptors() == 0).await;
}

#[tokio::test]
async fn the_next_writer_waits_for_the_burst_of_the_one_before() {
    let fixture = Fixture::new();
    let pipe = fixture.stalled();
    let mut first = fixture.writer().await;
    first.write(Bytes::from(vec![b'1'; 300_000])).await.unwrap();
    begun(&pipe);
    let (store, key) = (Arc::clone(&fixture.store), fixture.key.clone());
    let mut second = tokio::spawn(async move { store.begin(&key).await.map(drop) });
    timeout(STALL, &mut second)
        .await
        .expect_err("the first burst is still under way");
    first
        .write(Bytes::from_static(b"late"))
        .await
        .expect_err("it was taken over");
    drain(&pipe, 299_999);
    timeout(HANG, second).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_cancelled_beginning_does_not_block_the_next_one() {
    let fixture = Fixture::new();
    let pipe = fixture.stalled();
    let mut first = fixture.writer().await;
    first.write(Bytes::from(vec![b'1'; 300_000])).await.unwrap();
    begun(&pipe);
    timeout(STALL, fixture.store.begin(&fixture.key))
        .await
        .map(drop)
        .expect_err("stalled");
    timeout(STALL, fixture.store.begin(&fixture.key))
        .await
        .map(drop)
        .expect_err("still stalled");
    drain(&pipe, 299_999);
    let writer = timeout(HANG, fixture.store.begin(&fixture.key)).await.unwrap();
    drop(writer.unwrap());
    drop((first, pipe));
    eventually(|| fixture.descriptors() == 0).await;
}

#[tokio::test]
async fn a_beginning_that_waits_behind_a_cancelled_one_gets_its_turn() {
    let fixture = Fixture::new();
    let pipe = fixture.stalled();
    let mut first = fixture.writer().await;
    first.write(Bytes::from(vec![b'1'; 300_000])).await.unwrap();
    begun(&pipe);
    let begin = || {
        let (store, key) = (Arc::clone(&fixture.store), fixture.key.clone());
        tokio::spawn(async move { store.begin(&key).await.map(drop) })
    };
    let second = begin();
    tokio::time::sleep(STALL).await;
    let third = begin();
    tokio::time::sleep(STALL).await;
    // The burst ends while the second still waits its turn, then the second goes without having taken it.
    drain(&pipe, 299_999);
    second.abort();
    timeout(HANG, third).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_full_disk_is_told_apart_and_told_again() {
    let fixture = Fixture::new();
    symlink("/dev/full", fixture.file()).unwrap();
    let mut writer = fixture.writer().await;
    let mut failed = Ok(());
    for _ in 0..100 {
        failed = timeout(HANG, writer.write(pattern(100_000))).await.expect("no hang");
        if failed.is_err() {
            break;
        }
    }
    let Err(StoreError::Full { attempted, .. }) = failed else {
        panic!("a full disk is full: {failed:?}")
    };
    assert!(attempted.contains(&fixture.key.to_string()), "{attempted}");
    assert!(matches!(writer.save().await, Err(StoreError::Full { .. })));
    assert!(matches!(writer.complete().await, Err(StoreError::Full { .. })));
}

#[tokio::test]
async fn an_object_whose_sync_failed_can_only_start_anew() {
    let fixture = Fixture::new();
    symlink("/dev/null", fixture.file()).unwrap();
    let mut writer = fixture.writer().await;
    writer.write(pattern(10)).await.unwrap();
    writer.complete().await.expect_err("/dev/null can't be synced");
    // From here the disk works again, but the kernel has forgotten which bytes it lost.
    fs::remove_file(fixture.file()).unwrap();
    fs::write(fixture.file(), pattern(10)).unwrap();
    for offset in [10, 5] {
        let saved = Checkpoint {
            offset,
            state: Vec::new(),
        };
        let continued = fixture.store.resume(&fixture.key, &saved).await.map(drop);
        continued.expect_err("its bytes may be lost");
    }

    fixture.writer().await.complete().await.expect("a new start is clean");
    assert_eq!(list(&*fixture.store).await[0].size_bytes, 0);
}

#[tokio::test]
async fn a_writer_has_one_descriptor_and_a_finished_one_none() {
    let fixture = Fixture::new();
    let mut writer = fixture.writer().await;
    // Enough for several background syncs.
    for _ in 0..40 {
        writer.write(pattern(MIB)).await.unwrap();
        assert!(fixture.descriptors() <= 1);
    }
    writer.complete().await.unwrap();
    eventually(|| fixture.descriptors() == 0).await;
}

#[test]
fn a_runtime_with_dropped_writers_shuts_down_at_once() {
    let fixture = Fixture::new();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        for _ in 0..64 {
            let mut writer = fixture.store.begin(&fresh_key()).await.unwrap();
            writer.write(pattern(MIB)).await.unwrap();
        }
    });
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        drop(runtime);
        done.send(()).unwrap();
    });
    is_done.recv_timeout(HANG).expect("nothing keeps the threads");
    assert_eq!(fixture.descriptors(), 0);
}
