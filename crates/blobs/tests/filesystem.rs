//! The folder on disk keeps the contract, and what the contract can't say about files.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

use std::{
    fs::{self, File},
    io::IoSliceMut,
    num::NonZero,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use holdfast_blobs::FilesystemStore;
use holdfast_model::{Blobs, Checkpoint, Content, ObjectKey, StoreError};
use holdfast_testkit::blobs::{contract, fresh_key, list, pattern, read};
use rustix::{
    fs::{Advice, CWD, Mode, fadvise, mkfifoat},
    io::{ReadWriteFlags, preadv2},
};
use tempfile::TempDir;

fn store() -> (TempDir, FilesystemStore) {
    let folder = TempDir::new().unwrap();
    let store = FilesystemStore::open(folder.path()).unwrap();
    (folder, store)
}

fn file_of(folder: &TempDir, key: &ObjectKey) -> PathBuf {
    let name = key.to_string();
    folder.path().join("objects").join(&name[..2]).join(name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_filesystem_keeps_the_contract() {
    let mut folders = Vec::new();
    contract(|| {
        let (folder, store) = store();
        folders.push(folder);
        Arc::new(store)
    })
    .await;
}

#[tokio::test]
async fn the_filesystem_keeps_the_contract_on_one_thread() {
    let mut folders = Vec::new();
    contract(|| {
        let (folder, store) = store();
        folders.push(folder);
        Arc::new(store)
    })
    .await;
}

#[tokio::test]
async fn objects_are_found_again_by_the_next_process() {
    let (folder, store) = store();
    let key = fresh_key();
    store.put(&key, pattern(10)).await.unwrap();
    drop(store);
    let store = FilesystemStore::open(folder.path()).unwrap();
    assert_eq!(read(&store, &key, 0..10).await, pattern(10));
}

#[tokio::test]
async fn an_object_is_one_file_for_its_owner_alone() {
    let (folder, store) = store();
    let (put, appended) = (fresh_key(), fresh_key());
    store.put(&put, pattern(10)).await.unwrap();
    store.begin(&appended).await.unwrap().complete().await.unwrap();
    for key in [put, appended] {
        let mode = fs::metadata(file_of(&folder, &key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn put_never_overwrites() {
    let (_folder, store) = store();
    let key = fresh_key();
    store.put(&key, Bytes::from_static(b"first")).await.unwrap();
    let again = store.put(&key, Bytes::from_static(b"other")).await;
    assert!(
        matches!(&again, Err(StoreError::Exists { key: told }) if *told == key),
        "{again:?}"
    );
    assert_eq!(read(&store, &key, 0..5).await, "first");
}

/// The object of an upload, saved with so many bytes.
async fn saved(store: &FilesystemStore, key: &ObjectKey, bytes: Bytes) -> Checkpoint {
    let mut writer = store.begin(key).await.unwrap();
    writer.write(bytes).await.unwrap();
    writer.save().await.unwrap()
}

#[tokio::test]
async fn only_bytes_that_a_power_cut_cannot_have_taken_are_vouched_for() {
    let (folder, store) = store();
    let (small, large, old) = (fresh_key(), fresh_key(), fresh_key());
    let of_small = saved(&store, &small, pattern(100_000)).await;
    let of_large = saved(&store, &large, pattern(9_000_000)).await;
    let of_old = Checkpoint {
        state: Vec::new(),
        ..saved(&store, &old, pattern(100_000)).await
    };
    let vouches = async |store: &FilesystemStore, key: &ObjectKey, saved: &Checkpoint| {
        store.resume(key, saved).await.unwrap().vouches()
    };
    assert!(vouches(&store, &small, &of_small).await && vouches(&store, &large, &of_large).await);
    assert!(
        !vouches(&store, &old, &of_old).await,
        "a version before saved nothing of it"
    );
    drop(store);
    let store = FilesystemStore::open(folder.path()).unwrap();
    assert!(vouches(&store, &large, &of_large).await, "they were synced");
    let mut doubtful = store.resume(&small, &of_small).await.unwrap();
    assert!(!doubtful.vouches());
    doubtful.write(pattern(9_000_000)).await.unwrap();
    let synced = doubtful.save().await.unwrap();
    drop(doubtful);
    assert!(
        !vouches(&store, &small, &synced).await,
        "a sync brings back nothing that was lost"
    );
}

#[tokio::test]
async fn what_is_complete_can_be_gone_on_with_from_before() {
    let (_folder, store) = store();
    let (key, bytes) = (fresh_key(), pattern(100_000));
    let early = saved(&store, &key, bytes.slice(..10)).await;
    let mut writer = store.resume(&key, &early).await.unwrap();
    writer.write(Bytes::from(vec![0xff; 70_000])).await.unwrap();
    writer.complete().await.unwrap();
    let mut writer = store.resume(&key, &early).await.unwrap();
    writer.write(bytes.slice(10..)).await.unwrap();
    writer.complete().await.unwrap();
    assert_eq!(read(&store, &key, 0..100_000).await, bytes);
    store.resume(&key, &early).await.unwrap().complete().await.unwrap();
    assert_eq!(list(&store).await[0].size_bytes, 10);
}

#[tokio::test]
async fn short_ranges_are_read_at_once_and_long_ones_when_asked_for() {
    let (_folder, store) = store();
    let key = fresh_key();
    store.put(&key, pattern(200_000)).await.unwrap();
    let short = store.open(&key, 0..4_096).await.unwrap();
    assert!(short.as_bytes().is_some(), "{short:?}");
    let long = store.open(&key, 0..200_000).await.unwrap();
    assert!(long.as_bytes().is_none(), "{long:?}");
}

#[tokio::test]
async fn a_file_cut_behind_our_back_is_an_error_not_a_short_body() {
    let (folder, store) = store();
    for size in [1_000_u64, 300_000] {
        let key = fresh_key();
        store.put(&key, pattern(usize::try_from(size).unwrap())).await.unwrap();
        let file = fs::OpenOptions::new().write(true).open(file_of(&folder, &key)).unwrap();
        file.set_len(size - 1).unwrap();
        let opened = store.open(&key, 0..size).await;
        assert!(matches!(opened, Err(StoreError::Failed { .. })), "{opened:?}");
    }
}

#[tokio::test]
async fn list_leaves_foreign_files_out_and_alone() {
    let (folder, store) = store();
    let key = fresh_key();
    store.put(&key, pattern(7)).await.unwrap();
    let objects = folder.path().join("objects");
    let foreign = [
        objects.join("00/README"),
        objects.join("00/ab000000000000000000000000000001"),
        objects.join("stray"),
    ];
    for path in &foreign {
        fs::write(path, b"?").unwrap();
    }
    fs::create_dir(objects.join("ab/ab000000000000000000000000000001")).unwrap();
    let listed = list(&store).await;
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0].key, listed[0].size_bytes), (&key, 7));
    assert!(foreign.iter().all(|path| path.exists()));
}

#[tokio::test]
async fn a_store_that_is_a_file_does_not_open() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, b"").unwrap();
    let error = FilesystemStore::open(&path).unwrap_err();
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
}

#[tokio::test]
async fn probes_fail_when_the_folder_is_gone() {
    let (folder, store) = store();
    store.probe().await.unwrap();
    assert!(!folder.path().join("probe").exists());
    store.probe_reading().await.unwrap();
    folder.close().unwrap();
    store.probe().await.unwrap_err();
    store.probe_reading().await.unwrap_err();
}

#[tokio::test]
async fn a_store_that_cannot_be_written_can_be_read() {
    let (folder, store) = store();
    fs::create_dir(folder.path().join("probe")).unwrap();
    store.probe().await.unwrap_err();
    store.probe_reading().await.unwrap();
}

/// An object of a MiB, opened, and its file.
async fn opened() -> (TempDir, Content, File) {
    let (folder, store) = store();
    let key = fresh_key();
    store.put(&key, pattern(1 << 20)).await.unwrap();
    let content = store.open(&key, 0..1 << 20).await.unwrap();
    let file = File::options()
        .read(true)
        .write(true)
        .open(file_of(&folder, &key))
        .unwrap();
    (folder, content, file)
}

/// Whether the kernel has a byte in memory.
fn is_in_memory(file: &File, at: u64) -> bool {
    let mut byte = [0];
    preadv2(file, &mut [IoSliceMut::new(&mut byte)], at, ReadWriteFlags::NOWAIT) == Ok(1)
}

#[tokio::test]
async fn a_file_is_offered_for_what_the_kernel_has_in_memory() {
    let (_folder, content, file) = opened().await;
    for stretch in [0..1, 0..512 << 10, (512 << 10) + 1..1 << 20] {
        assert_eq!(
            content.in_page_cache(&stretch).is_some(),
            is_in_memory(&file, stretch.start)
        );
    }
}

#[tokio::test]
async fn no_file_is_offered_for_what_the_kernel_has_to_read_from_the_disk() {
    let (_folder, content, file) = opened().await;
    let hole = NonZero::new(128 << 10);
    fadvise(&file, 256 << 10, hole, Advice::DontNeed).unwrap();
    let has_forgotten = !is_in_memory(&file, 300 << 10);
    for (stretch, needs_it) in [
        (0..512 << 10, true),
        (256 << 10..260 << 10, true),
        (0..256 << 10, false),
    ] {
        let expected = if needs_it {
            !has_forgotten
        } else {
            is_in_memory(&file, 0)
        };
        assert_eq!(content.in_page_cache(&stretch).is_some(), expected, "{stretch:?}");
    }
}

#[tokio::test]
async fn no_file_is_offered_for_what_it_does_not_have() {
    let (_folder, content, file) = opened().await;
    file.set_len((512 << 10) - 1).unwrap();
    for stretch in [0..512 << 10, 512 << 10..1 << 20, 0..1 << 20] {
        assert!(content.in_page_cache(&stretch).is_none(), "{stretch:?}");
    }
}

/// A read of a pipe would wait for its other end, on a thread that serves everybody.
#[tokio::test]
async fn what_is_no_plain_file_is_not_read_as_an_object() {
    let (folder, store) = store();
    let (key, other) = (fresh_key(), fresh_key());
    for key in [&key, &other] {
        store.put(key, pattern(1 << 20)).await.unwrap();
    }
    let (path, secret) = (file_of(&folder, &key), folder.path().join("secret"));
    fs::write(&secret, pattern(1 << 20)).unwrap();
    let make_pipe = |path: &Path| mkfifoat(CWD, path, Mode::RWXU).unwrap();
    let make_link = |path: &Path| symlink(&secret, path).unwrap();
    let put_in_its_place: [&dyn Fn(&Path); 2] = [&make_pipe, &make_link];
    for put in put_in_its_place {
        fs::remove_file(&path).unwrap();
        put(&path);
        for range in [0..10, 0..1 << 20] {
            let read = store.open(&key, range).await;
            assert!(matches!(read, Err(StoreError::Failed { .. })), "{:?}", read.map(drop));
        }
        assert!(store.open(&other, 0..10).await.is_ok());
    }
}
