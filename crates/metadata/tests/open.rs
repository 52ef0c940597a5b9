//! What opening makes, keeps and refuses.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use holdfast_metadata::SqliteStore;
use holdfast_metadata::sqlite::open;
use holdfast_model::{Directory, Durability, Metadata, MetadataExt, Timestamp};
use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

fn place() -> (TempDir, PathBuf) {
    let folder = TempDir::new().expect("a folder can be made");
    let path = folder.path().join("metadata.sqlite");
    (folder, path)
}

async fn insert(store: &dyn Metadata, directory: &Directory) {
    let directory = directory.clone();
    let insert = store.transact(Durability::Durable, move |tx| tx.insert_directory(&directory));
    insert.await.expect("the directory is inserted");
}

async fn find(store: &dyn Metadata) -> Option<Directory> {
    store
        .query(|read| read.find_directory())
        .await
        .expect("the directory is read")
}

fn refusal(path: &Path) -> open::Error {
    match SqliteStore::open(path) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error,
    }
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let (_folder, path) = place();
    let directory = Directory {
        tenant_id: Uuid::new_v4(),
        created_at: Timestamp(7),
    };
    let store = SqliteStore::open(&path).unwrap();
    insert(&store, &directory).await;
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(find(&store).await, Some(directory));
}

#[tokio::test]
async fn a_clean_end_leaves_one_file() {
    let (folder, path) = place();
    let store = SqliteStore::open(&path).unwrap();
    insert(
        &store,
        &Directory {
            tenant_id: Uuid::new_v4(),
            created_at: Timestamp(7),
        },
    )
    .await;
    store.close().await;
    drop(store);
    let files: Vec<_> = folder
        .path()
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(files, ["metadata.sqlite"]);
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    let (folder, path) = place();
    let store = SqliteStore::open(&path).unwrap();
    insert(
        &store,
        &Directory {
            tenant_id: Uuid::new_v4(),
            created_at: Timestamp(7),
        },
    )
    .await;
    let mut files = 0;
    for entry in folder.path().read_dir().unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        files += 1;
    }
    assert!(files >= 2, "the database and its log");
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let (_folder, path) = place();
    drop(SqliteStore::open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 4711).unwrap();
    drop(connection);
    let error = refusal(&path);
    assert!(matches!(error, open::Error::Newer { found: 4711, .. }), "{error:?}");
    let message = error.to_string();
    assert!(
        message.contains("schema version 4711") && message.contains("newer holdfast"),
        "{message}"
    );
    let connection = Connection::open(&path).unwrap();
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 4711);
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    let (_folder, path) = place();
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE mine (x)")
        .unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, open::Error::Foreign { .. }), "{error:?}");
    assert!(std::fs::read(&path).unwrap() == before, "the file was changed");
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let (_folder, path) = place();
    let text = "a letter to a friend\n".repeat(400);
    std::fs::write(&path, &text).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, open::Error::Foreign { .. }), "{error:?}");
    assert!(std::fs::read_to_string(&path).unwrap() == text, "the file was changed");
}

#[test]
fn a_folder_that_is_not_there_is_an_error_that_names_the_file() {
    let (_folder, path) = place();
    let path = path.join("deeper").join("metadata.sqlite");
    let error = refusal(&path);
    assert!(matches!(error, open::Error::Make { .. }), "{error:?}");
    assert!(error.to_string().contains(path.to_str().unwrap()));
}

#[tokio::test]
async fn a_crash_while_the_schema_was_made_does_no_harm() {
    let (_folder, path) = place();
    // What a kill between making the file and the commit of the schema leaves.
    std::fs::write(&path, b"").unwrap();
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(find(&store).await, None);
}
