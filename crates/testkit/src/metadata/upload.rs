//! Claims about upload sessions.

use holdfast_model::{Checkpoint, Metadata, StaleUpload, Timestamp, UploadId, UploadObject, UploadRecord};
use holdfast_oci::Algorithm;

use super::fixture;

async fn find(metadata: &dyn Metadata, id: UploadId) -> Option<UploadRecord> {
    fixture::read(metadata, move |read| read.find_upload(id)).await
}

fn one_byte() -> Checkpoint {
    Checkpoint {
        offset: 1,
        state: Vec::new(),
    }
}

async fn insert(metadata: &dyn Metadata, upload: &UploadRecord) {
    let upload = upload.clone();
    fixture::write(metadata, move |tx| tx.insert_upload(&upload)).await;
}

/// Every field comes back.
pub async fn an_upload_reads_back_as_written(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await;
    let upload = UploadRecord {
        algorithm: Algorithm::Sha512,
        offset: 6 << 32,
        hash_state: vec![0, 1, 255],
        store_state: vec![254, 0],
        updated_at: Timestamp(44),
        ..fixture::upload(&registry, "library/app", "user:ä", 33)
    };
    assert_eq!(find(metadata, upload.id).await, None);
    insert(metadata, &upload).await;
    assert_eq!(find(metadata, upload.id).await, Some(upload));
}

/// Two writers of one session: the second is told.
pub async fn progress_is_saved_only_from_the_expected_offset(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await;
    let upload = fixture::upload(&registry, "app", "me", 3);
    let id = upload.id;
    insert(metadata, &upload).await;
    let save = |id, from, to| {
        fixture::write(metadata, move |tx| {
            let saved = Checkpoint {
                offset: to,
                state: vec![8; 100],
            };
            tx.save_upload(id, from, &saved, &[7; 100], Timestamp(50))
        })
    };
    assert!(save(id, 0, 10).await);
    assert!(!save(id, 0, 20).await);
    assert!(!save(fixture::upload(&registry, "app", "me", 3).id, 0, 10).await);
    let saved = UploadRecord {
        offset: 10,
        hash_state: vec![7; 100],
        store_state: vec![8; 100],
        updated_at: Timestamp(50),
        ..upload
    };
    assert_eq!(find(metadata, id).await, Some(saved));
    assert!(save(id, 10, 30).await);
}

/// Progress makes a session young again.
pub async fn stale_uploads_are_listed_oldest_first(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await;
    let [late, early, young, renewed] =
        [40, 20, 90, 10].map(|updated_at| fixture::upload(&registry, "app", "me", updated_at));
    for upload in [&late, &early, &young, &renewed] {
        insert(metadata, upload).await;
    }
    let id = renewed.id;
    fixture::write(metadata, move |tx| {
        tx.save_upload(id, 0, &one_byte(), &[], Timestamp(95))
    })
    .await;
    let stale = |after, limit| {
        fixture::read(metadata, move |read| {
            read.list_stale_uploads(Timestamp(60), after, limit)
        })
    };
    let [early, late] = [early, late].map(|UploadRecord { updated_at, id, .. }| StaleUpload { updated_at, id });
    assert_eq!(stale(None, 10).await, [early, late]);
    assert_eq!(stale(None, 1).await, [early]);
    assert_eq!(stale(Some(early), 10).await, [late]);
    fixture::write(metadata, move |tx| tx.remove_upload(late.id)).await;
    assert!(stale(Some(late), 10).await.is_empty(), "a position outlives its row");
}

/// What a deletion needs, and of one registry.
pub async fn objects_of_a_registrys_uploads_are_listed(metadata: &dyn Metadata) {
    let home = fixture::registry(metadata, "home").await;
    let other = fixture::registry(metadata, "other").await;
    let upload = UploadRecord {
        offset: 6 << 32,
        store_state: vec![1, 2],
        ..fixture::upload(&home, "app", "me", 3)
    };
    insert(metadata, &upload).await;
    insert(metadata, &fixture::upload(&other, "app", "me", 3)).await;
    let expected = UploadObject {
        id: upload.id,
        storage_account: upload.storage_account,
        object_key: upload.object_key,
        offset: 6 << 32,
        store_state: vec![1, 2],
    };
    let list = |limit| fixture::read(metadata, move |read| read.list_objects_of_uploads(home.id, limit));
    assert_eq!(list(10).await, [expected]);
    assert!(list(0).await.is_empty());
}

/// The actor's key is compared as it is.
pub async fn uploads_are_counted_by_registry_and_actor(metadata: &dyn Metadata) {
    let home = fixture::registry(metadata, "home").await;
    let other = fixture::registry(metadata, "other").await;
    for (registry, actor) in [(&home, "me"), (&home, "me"), (&home, "ME"), (&other, "me")] {
        insert(metadata, &fixture::upload(registry, "app", actor, 3)).await;
    }
    let id = home.id;
    assert_eq!(
        fixture::read(metadata, move |read| read.count_uploads(id, "me")).await,
        2
    );
    assert_eq!(
        fixture::read(metadata, move |read| read.count_uploads(id, "nobody")).await,
        0
    );
}

/// The one that gives way to another is the first.
pub async fn uploads_of_a_caller_are_listed_by_their_last_progress(metadata: &dyn Metadata) {
    let home = fixture::registry(metadata, "home").await;
    let other = fixture::registry(metadata, "other").await;
    let [renewed, late, early] = [10, 40, 20].map(|updated_at| fixture::upload(&home, "app", "me", updated_at));
    let foreign = [
        fixture::upload(&home, "app", "ME", 1),
        fixture::upload(&other, "app", "me", 1),
    ];
    for upload in [&renewed, &late, &early].into_iter().chain(&foreign) {
        insert(metadata, upload).await;
    }
    let (registry, id) = (home.id, renewed.id);
    fixture::write(metadata, move |tx| {
        tx.save_upload(id, 0, &one_byte(), &[], Timestamp(95))
    })
    .await;
    let list = |limit| fixture::read(metadata, move |read| read.list_uploads_of_caller(registry, "me", limit));
    let renewed = UploadRecord {
        updated_at: Timestamp(95),
        ..renewed
    };
    let expected = [early, late, renewed].map(|UploadRecord { updated_at, id, .. }| StaleUpload { updated_at, id });
    assert_eq!(list(10).await, expected);
    assert_eq!(list(2).await, expected[..2]);
    assert!(list(0).await.is_empty());
}

/// Removing twice says so.
pub async fn a_removed_upload_is_gone(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await;
    let upload = fixture::upload(&registry, "app", "me", 3);
    let id = upload.id;
    insert(metadata, &upload).await;
    let remove = || fixture::write(metadata, move |tx| tx.remove_upload(id));
    assert!(remove().await);
    assert!(!remove().await);
    assert_eq!(find(metadata, id).await, None);
}
