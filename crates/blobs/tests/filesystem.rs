//! The folder on disk keeps the contract.

use std::sync::Arc;

use holdfast_blobs::FilesystemStore;
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_filesystem_keeps_the_contract() {
    let mut folders = Vec::new();
    holdfast_testkit::blobs::contract(|| {
        let folder = TempDir::new().unwrap();
        let store = FilesystemStore::open(folder.path().join("store")).unwrap();
        folders.push(folder);
        Arc::new(store)
    })
    .await;
}

#[tokio::test]
async fn the_filesystem_keeps_the_contract_on_one_thread() {
    let mut folders = Vec::new();
    holdfast_testkit::blobs::contract(|| {
        let folder = TempDir::new().unwrap();
        let store = FilesystemStore::open(folder.path()).unwrap();
        folders.push(folder);
        Arc::new(store)
    })
    .await;
}
