//! SQLite keeps the contract of the metadata port.

use std::sync::Arc;

use holdfast_metadata::SqliteStore;
use holdfast_registry::ports::Metadata;
use tempfile::TempDir;

async fn open() -> (TempDir, Arc<dyn Metadata>) {
    let folder = TempDir::new().expect("a folder can be made");
    let store = SqliteStore::open(folder.path().join("metadata.sqlite")).expect("a new store opens");
    (folder, Arc::new(store))
}

holdfast_testkit::metadata_contract!(open);
