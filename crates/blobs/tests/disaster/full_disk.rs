//! A disk without room (a tmpfs of 4 MiB, mounted for this test alone): nothing half-written stays, what was stored
//! stays readable, and room made by a delete can be used at once.
//!
//! Where namespaces can't mount it says that it was skipped; `tests/writer.rs` has the same error from `/dev/full`.

use std::path::Path;

use holdfast_blobs::FilesystemStore;
use holdfast_model::{Blobs, StoreError};
use holdfast_testkit::blobs::{fresh_key, list, pattern, read};
use tempfile::TempDir;

use crate::again;

const PIECE_BYTES: usize = 300_000;

#[tokio::test]
async fn a_full_disk_keeps_what_it_has_and_goes_on_after_a_delete() {
    let Some(folder) = again::told() else {
        let folder = TempDir::new().unwrap();
        let test = "full_disk::a_full_disk_keeps_what_it_has_and_goes_on_after_a_delete";
        again::in_own_mounts(test, folder.path().to_str().unwrap(), &["mount"]);
        return;
    };
    again::run("mount", &["-t", "tmpfs", "-o", "size=4m", "none", &folder]);
    let store = FilesystemStore::open(Path::new(&folder).join("store")).unwrap();

    let mut stored = Vec::new();
    let refused = loop {
        let key = fresh_key();
        match store.put(&key, pattern(PIECE_BYTES)).await {
            Ok(()) => stored.push(key),
            Err(error) => break (key, error),
        }
    };
    assert!(stored.len() >= 5, "{}", stored.len());
    assert!(matches!(refused.1, StoreError::Full { .. }), "{:?}", refused.1);
    assert_eq!(list(&store).await.len(), stored.len(), "no half-written object stays");
    for key in &stored {
        assert_eq!(read(&store, key, 0..PIECE_BYTES as u64).await, pattern(PIECE_BYTES));
    }

    let upload = fresh_key();
    let mut writer = store.begin(&upload).await.unwrap();
    let mut written = Ok(());
    while written.is_ok() {
        written = writer.write(pattern(PIECE_BYTES)).await;
    }
    assert!(matches!(written, Err(StoreError::Full { .. })), "{written:?}");
    drop(writer);
    let probed = store.probe().await;
    assert!(matches!(probed, Err(StoreError::Full { .. })), "{probed:?}");

    store.abandon(&upload, &[]).await.unwrap();
    store.delete(&stored[0]).await.unwrap();
    store.probe().await.unwrap();
    store.put(&refused.0, pattern(PIECE_BYTES)).await.unwrap();
    assert_eq!(
        read(&store, &refused.0, 0..PIECE_BYTES as u64).await,
        pattern(PIECE_BYTES)
    );
}
