//! Claims about the keys that nodes share.

use holdfast_model::{Metadata, ServerKeyRecord, Timestamp};

use super::fixture;

fn key(kid: &str, signs_from: i64) -> ServerKeyRecord {
    ServerKeyRecord {
        kid: kid.to_owned(),
        public: b"public".to_vec(),
        sealed: Some(b"sealed".to_vec()),
        signs_from: Timestamp(signs_from),
        verifies_until: None,
    }
}

async fn put(metadata: &dyn Metadata, key: ServerKeyRecord) {
    fixture::write(metadata, move |tx| tx.put_server_key(&key)).await;
}

async fn list(metadata: &dyn Metadata) -> Vec<ServerKeyRecord> {
    fixture::read(metadata, |read| read.list_server_keys()).await
}

/// The newest first; one that is put again replaces the one of its name.
pub async fn keys_are_listed_newest_first_and_replaced_by_name(metadata: &dyn Metadata) {
    let (old, new) = (key("OLD", 1), key("NEW", 2));
    put(metadata, old.clone()).await;
    put(metadata, new.clone()).await;
    assert_eq!(list(metadata).await, [new.clone(), old.clone()]);
    let retired = ServerKeyRecord {
        sealed: None,
        verifies_until: Some(Timestamp(9)),
        ..old
    };
    put(metadata, retired.clone()).await;
    assert_eq!(list(metadata).await, [new, retired]);
}

/// A key that is gone is listed no more.
pub async fn a_removed_key_is_gone(metadata: &dyn Metadata) {
    put(metadata, key("ONE", 1)).await;
    assert!(fixture::write(metadata, |tx| tx.remove_server_key("ONE")).await);
    assert!(!fixture::write(metadata, |tx| tx.remove_server_key("ONE")).await);
    assert_eq!(list(metadata).await, []);
}
