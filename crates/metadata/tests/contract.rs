//! SQLite keeps the contract of the metadata port.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use holdfast_metadata::SqliteStore;
use holdfast_model::{Durability, Metadata, MetadataError, MetadataExt as _, Timestamp};
use holdfast_testkit::RunTwice;
use tempfile::TempDir;

async fn open() -> (TempDir, Arc<dyn Metadata>) {
    let folder = TempDir::new().expect("a folder can be made");
    let store = SqliteStore::open(folder.path().join("metadata.sqlite")).expect("a new store opens");
    (folder, Arc::new(store))
}

/// The same for transactions that run again.
async fn open_twice() -> (TempDir, Arc<dyn Metadata>) {
    let (folder, store) = open().await;
    (folder, Arc::new(RunTwice::new(store)))
}

#[tokio::test]
async fn work_that_runs_again_finds_nothing_of_its_first_run() {
    let (_folder, store) = open_twice().await;
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let made = store
        .transact(Durability::Durable, move |tx| {
            counted.fetch_add(1, Ordering::SeqCst);
            tx.insert_storage_account("only", "local", Timestamp(1))?;
            Ok::<_, MetadataError>(tx.list_storage_accounts()?.len())
        })
        .await;
    assert_eq!((made.expect("the write succeeds"), runs.load(Ordering::SeqCst)), (1, 2));
}

mod once {
    use super::open;

    holdfast_testkit::metadata_contract!(open);
}

mod twice {
    use super::open_twice;

    holdfast_testkit::metadata_contract!(open_twice);
}
