//! Claims about upload sessions.

use bytes::Bytes;
use holdfast_access::RegistryId;
use holdfast_model::{
    Attributes, GarbageObject, Metadata, RegistryRecord, StaleUpload, Timestamp, UploadBytes, UploadId, UploadProgress,
    UploadRecord, UploadStub, UploadTarget,
};
use holdfast_oci::{Algorithm, RepositoryName};

use super::fixture;

async fn find(metadata: &dyn Metadata, id: UploadId) -> Option<UploadRecord> {
    fixture::read(metadata, move |read| read.find_upload(id)).await
}

fn one_byte() -> UploadProgress {
    UploadProgress {
        offset: 1,
        hash_state: Vec::new(),
        bytes: UploadBytes::Row(Bytes::from_static(b"1")),
    }
}

fn in_object(held: &'static [u8], state: Vec<u8>) -> UploadBytes {
    let held = Bytes::from_static(held);
    UploadBytes::Object { held, state }
}

/// What a session leaves that has begun an object.
fn stub(upload: &UploadRecord, size_bytes: u64, state: Vec<u8>) -> UploadStub {
    UploadStub {
        id: upload.id,
        garbage: Some(GarbageObject {
            storage_account: upload.storage_account,
            object_key: upload.object_key.clone(),
            size_bytes,
            unfinished: Some(state),
        }),
    }
}

async fn insert(metadata: &dyn Metadata, upload: &UploadRecord) {
    let upload = upload.clone();
    fixture::write(metadata, move |tx| tx.insert_upload(&upload)).await;
}

/// Every field comes back.
pub async fn an_upload_reads_back_as_written(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await;
    for bytes in [
        in_object(b"", vec![254, 0]),
        in_object(b"held\0", Vec::new()),
        UploadBytes::Row(Bytes::from_static(b"held\0")),
        UploadBytes::Row(Bytes::new()),
    ] {
        let upload = UploadRecord {
            algorithm: Algorithm::Sha512,
            offset: 6 << 32,
            hash_state: vec![0, 1, 255],
            bytes,
            updated_at: Timestamp(44),
            ..fixture::upload(&registry, "library/app", "user:ä", 33)
        };
        assert_eq!(find(metadata, upload.id).await, None);
        insert(metadata, &upload).await;
        assert_eq!(find(metadata, upload.id).await, Some(upload));
    }
}

/// One look says where a session is to be, whether it may be there, and how many there are.
pub async fn the_place_of_a_new_upload_is_found_at_once(metadata: &dyn Metadata) {
    let (registry, repository) = fixture::home(metadata).await;
    let name = fixture::load_repository(metadata, repository).await.name;
    let id = registry.id;
    let look = |registry, name: &RepositoryName, actor: &'static str| {
        let name = name.clone();
        fixture::read(metadata, move |read| read.find_upload_target(registry, &name, actor))
    };
    let expected = |attributes, open_uploads| {
        Some(UploadTarget {
            storage_account: registry.storage_account,
            attributes,
            open_uploads,
        })
    };
    assert_eq!(look(RegistryId(99), &name, "me").await, None);
    let absent = fixture::name("absent");
    for repository in [&name, &absent] {
        assert_eq!(look(id, repository, "me").await, expected(None, 0));
    }
    for actor in ["me", "me", "you"] {
        insert(metadata, &fixture::upload(&registry, "other", actor, 3)).await;
    }
    fixture::insert(metadata, repository, fixture::manifest("m", 2)).await;
    let locks = Attributes {
        write_enabled: false,
        ..Attributes::default()
    };
    fixture::write(metadata, move |tx| {
        tx.set_repository_attributes(repository, locks, Timestamp(9))
    })
    .await;
    assert_eq!(look(id, &name, "me").await, expected(Some(locks), 2));
    assert_eq!(look(id, &absent, "you").await, expected(None, 1));
    let leaving = RegistryRecord {
        is_deleting: true,
        ..registry.clone()
    };
    fixture::write(metadata, move |tx| tx.update_registry(&leaving)).await;
    assert_eq!(look(id, &name, "me").await, None);
}

/// Two writers of one session: the second is told.
pub async fn progress_is_saved_only_from_the_expected_offset(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await;
    let upload = fixture::upload(&registry, "app", "me", 3);
    let id = upload.id;
    insert(metadata, &upload).await;
    let save = |id, from, to, bytes: UploadBytes| {
        fixture::write(metadata, move |tx| {
            let saved = UploadProgress {
                offset: to,
                hash_state: vec![7; 100],
                bytes: bytes.clone(),
            };
            tx.save_upload(id, from, &saved, Timestamp(50))
        })
    };
    let row = || UploadBytes::Row(Bytes::from_static(b"ten bytes."));
    let object = || in_object(b"", vec![8; 100]);
    assert!(save(id, 0, 10, row()).await);
    assert!(!save(id, 0, 20, object()).await);
    let unknown = fixture::upload(&registry, "app", "me", 3).id;
    assert!(!save(unknown, 0, 10, row()).await);
    let saved = |offset, bytes| UploadRecord {
        offset,
        hash_state: vec![7; 100],
        bytes,
        updated_at: Timestamp(50),
        ..upload.clone()
    };
    assert_eq!(find(metadata, id).await, Some(saved(10, row())));
    assert!(save(id, 10, 30, object()).await);
    assert_eq!(find(metadata, id).await, Some(saved(30, object())));
}

/// Whoever ends a session learns of its object, also when another node goes on with it that has not heard of one.
pub async fn a_session_that_has_begun_an_object_says_so_for_good(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await;
    let upload = UploadRecord {
        offset: 4,
        bytes: UploadBytes::Row(Bytes::from_static(b"held")),
        ..fixture::upload(&registry, "app", "me", 3)
    };
    let id = upload.id;
    insert(metadata, &upload).await;
    let begin = |offset| fixture::write(metadata, move |tx| tx.begin_upload_object(id, offset));
    assert!(!begin(3).await);
    assert_eq!(find(metadata, id).await, Some(upload.clone()));
    for _ in 0..2 {
        assert!(begin(4).await);
    }
    let begun = UploadRecord {
        bytes: in_object(b"held", Vec::new()),
        ..upload.clone()
    };
    assert_eq!(find(metadata, id).await, Some(begun));
    let unaware = UploadProgress {
        offset: 6,
        hash_state: Vec::new(),
        bytes: UploadBytes::Row(Bytes::from_static(b"held..")),
    };
    fixture::write(metadata, move |tx| tx.save_upload(id, 4, &unaware, Timestamp(9))).await;
    let found = find(metadata, id).await.map(|upload| upload.bytes);
    assert_eq!(found, Some(in_object(b"held..", Vec::new())));
    let removed = fixture::write(metadata, move |tx| tx.remove_upload(id)).await;
    assert_eq!(removed, Some(stub(&upload, 6, Vec::new())));
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
    fixture::write(metadata, move |tx| tx.save_upload(id, 0, &one_byte(), Timestamp(95))).await;
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
pub async fn uploads_of_a_registry_are_listed_with_their_objects(metadata: &dyn Metadata) {
    let home = fixture::registry(metadata, "home").await;
    let other = fixture::registry(metadata, "other").await;
    let upload = UploadRecord {
        offset: 6 << 32,
        bytes: in_object(b"", vec![1, 2]),
        ..fixture::upload(&home, "app", "me", 3)
    };
    let small = fixture::upload(&home, "app", "me", 3);
    insert(metadata, &upload).await;
    insert(metadata, &small).await;
    insert(metadata, &fixture::upload(&other, "app", "me", 3)).await;
    let mut expected = vec![
        stub(&upload, 6 << 32, vec![1, 2]),
        UploadStub {
            id: small.id,
            garbage: None,
        },
    ];
    expected.sort_by_key(|stub| stub.id.0);
    let list = |limit| fixture::read(metadata, move |read| read.list_uploads_of_registry(home.id, limit));
    let mut listed = list(10).await;
    listed.sort_by_key(|stub| stub.id.0);
    assert_eq!(listed, expected);
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
    fixture::write(metadata, move |tx| tx.save_upload(id, 0, &one_byte(), Timestamp(95))).await;
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
    assert_eq!(remove().await, Some(UploadStub { id, garbage: None }));
    assert_eq!(remove().await, None);
    assert_eq!(find(metadata, id).await, None);
}
