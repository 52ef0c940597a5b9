//! The port over SQLite, end to end.

use holdfast_metadata::SqliteStore;
use holdfast_registry::Timestamp;
use holdfast_registry::ports::{Directory, Durability, Metadata, MetadataExt};
use uuid::Uuid;

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metadata.sqlite");
    let directory = Directory {
        tenant_id: Uuid::new_v4(),
        created_at: Timestamp(7),
    };
    let expected = directory.clone();
    {
        let store = SqliteStore::open(&path).unwrap();
        let metadata: &dyn Metadata = &store;
        metadata
            .transact(Durability::Durable, move |tx| tx.insert_directory(&directory))
            .await
            .unwrap();
        let found = metadata.query(|read| read.find_directory()).await.unwrap();
        assert_eq!(found.as_ref(), Some(&expected));
        store.close().await;
    }
    let store = SqliteStore::open(&path).unwrap();
    let metadata: &dyn Metadata = &store;
    assert_eq!(
        metadata.query(|read| read.find_directory()).await.unwrap(),
        Some(expected)
    );
}
