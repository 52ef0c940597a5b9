//! Claims about blobs and their links.

use super::fixture;
use holdfast_model::{
    Attributes, BlobId, BlobPlace, BlobRecord, BlobStub, Candidate, GarbageObject, Metadata, NewBlob, ObjectKey,
    PulledBlob, Timestamp,
};
use uuid::Uuid;

fn expected(id: BlobId, new: &NewBlob) -> BlobRecord {
    BlobRecord {
        id,
        storage_account: new.storage_account,
        digest: new.digest,
        size_bytes: new.bytes.size_bytes(),
        place: new.bytes.place(),
    }
}

/// No link, no blob.
pub async fn a_blob_is_read_only_where_it_is_linked(metadata: &dyn Metadata) {
    let (registry, first) = fixture::home(metadata).await;
    let second = fixture::repository(metadata, registry.id, "second").await.id;
    let new = fixture::blob(registry.storage_account, "layer", 5 << 32);
    let id = fixture::insert_blob(metadata, new.clone()).await;
    let digest = new.digest;
    let linked = |repository| fixture::read(metadata, move |read| read.find_linked_blob(repository, &digest));
    assert_eq!(linked(first).await, None);
    fixture::link(metadata, first, id).await;
    assert_eq!(linked(first).await, Some(expected(id, &new)));
    assert_eq!(linked(second).await, None);
}

/// Those that are linked here.
pub async fn several_linked_blobs_are_found_at_once(metadata: &dyn Metadata) {
    let (registry, repository) = fixture::home(metadata).await;
    let mut linked = Vec::new();
    for text in ["a", "b", "c"] {
        let new = fixture::blob(registry.storage_account, text, 7);
        let id = fixture::insert_blob(metadata, new.clone()).await;
        if text != "c" {
            fixture::link(metadata, repository, id).await;
            linked.push(expected(id, &new));
        }
    }
    let wanted = ["c", "b", "a", "absent"].map(fixture::digest).to_vec();
    let mut found = fixture::read(metadata, move |read| read.find_linked_blobs(repository, &wanted)).await;
    found.sort_by_key(|blob| blob.id);
    assert_eq!(found, linked);
}

/// A pull finds the blob by the names that a request has; a repository without manifests has no locks.
pub async fn a_blob_is_pulled_by_the_name_of_its_repository(metadata: &dyn Metadata) {
    let (registry, repository) = fixture::home(metadata).await;
    let name = fixture::load_repository(metadata, repository).await.name;
    let other = fixture::registry(metadata, "elsewhere").await.id;
    let new = fixture::blob(registry.storage_account, "layer", 5);
    let id = fixture::insert_blob(metadata, new.clone()).await;
    let digest = new.digest;
    let pull = |registry| {
        let name = name.clone();
        fixture::read(metadata, move |read| read.find_pulled_blob(registry, &name, &digest))
    };
    assert_eq!(pull(registry.id).await, None);
    fixture::link(metadata, repository, id).await;
    let bare = PulledBlob {
        repository,
        attributes: None,
        by_url: false,
        blob: expected(id, &new),
    };
    assert_eq!(pull(registry.id).await, Some(bare.clone()));
    assert_eq!(pull(other).await, None);
    fixture::insert(metadata, repository, fixture::manifest("m", 2)).await;
    let locks = Attributes {
        read_enabled: false,
        ..Attributes::default()
    };
    fixture::write(metadata, move |tx| {
        tx.set_repository_attributes(repository, locks, Timestamp(9))
    })
    .await;
    let locked = PulledBlob {
        attributes: Some(locks),
        ..bare
    };
    assert_eq!(pull(registry.id).await, Some(locked.clone()));
    let mut by_url = registry.clone();
    by_url.data_endpoint = true;
    fixture::write(metadata, move |tx| tx.update_registry(&by_url)).await;
    let by_url = PulledBlob { by_url: true, ..locked };
    assert_eq!(pull(registry.id).await, Some(by_url));
}

/// Linked or not; another account has blobs of its own.
pub async fn a_blob_is_found_in_its_storage_account(metadata: &dyn Metadata) {
    let here = fixture::registry(metadata, "here").await.storage_account;
    let there = fixture::registry(metadata, "there").await.storage_account;
    let new = fixture::blob(here, "layer", 7);
    let id = fixture::insert_blob(metadata, new.clone()).await;
    let digest = new.digest;
    let found = |account| fixture::read(metadata, move |read| read.find_blob(account, &digest));
    assert_eq!(found(here).await, Some(expected(id, &new)));
    assert_eq!(found(there).await, None);
    let other = fixture::blob(there, "layer", 7);
    let other_id = fixture::insert_blob(metadata, other.clone()).await;
    assert_eq!(found(there).await, Some(expected(other_id, &other)));
    let again = fixture::blob(here, "layer", 7);
    assert!(
        fixture::try_write(metadata, move |tx| tx.insert_blob(&again))
            .await
            .is_err()
    );
}

/// True the first time, false the second.
pub async fn linking_and_unlinking_say_what_they_changed(metadata: &dyn Metadata) {
    let (registry, repository) = fixture::home(metadata).await;
    let id = fixture::insert_blob(metadata, fixture::blob(registry.storage_account, "layer", 7)).await;
    let is_linked = || fixture::read(metadata, move |read| read.is_blob_linked(id));
    let unlink = || fixture::write(metadata, move |tx| tx.unlink_blob(repository, id));
    assert!(!is_linked().await);
    assert!(fixture::link(metadata, repository, id).await);
    assert!(!fixture::link(metadata, repository, id).await);
    assert!(is_linked().await);
    assert!(unlink().await);
    assert!(!unlink().await);
    assert!(!is_linked().await);
    let missing = fixture::try_write(metadata, move |tx| tx.link_blob(repository, BlobId(99), Timestamp(1))).await;
    assert!(missing.is_err());
}

/// Another registry's repositories are not told, though it shares the storage account.
pub async fn repositories_with_a_blob_are_those_of_the_registry(metadata: &dyn Metadata) {
    let (registry, first) = fixture::home(metadata).await;
    let sibling = fixture::sibling(metadata, &registry, "sibling").await;
    let foreign = fixture::repository(metadata, sibling.id, "foreign").await.id;
    let second = fixture::repository(metadata, registry.id, "second").await.id;
    fixture::repository(metadata, registry.id, "without").await;
    let id = fixture::insert_blob(metadata, fixture::blob(registry.storage_account, "layer", 7)).await;
    for repository in [first, foreign, second] {
        fixture::link(metadata, repository, id).await;
    }
    let list = |registry, limit| {
        fixture::read(metadata, move |read| {
            read.list_repositories_with_blob(registry, &fixture::digest("layer"), limit)
        })
    };
    let mut names: Vec<String> = list(registry.id, 10).await.iter().map(ToString::to_string).collect();
    names.sort_unstable();
    assert_eq!(names, ["app", "second"]);
    assert_eq!(list(registry.id, 1).await.len(), 1);
    assert_eq!(list(sibling.id, 10).await, [fixture::name("foreign")]);
}

/// Blobs and bytes, in and out.
pub async fn blobs_are_counted(metadata: &dyn Metadata) {
    let account = fixture::registry(metadata, "home").await.storage_account;
    let count = || fixture::read(metadata, |read| read.count_blobs());
    assert_eq!(count().await, (0, 0));
    let first = fixture::insert_blob(metadata, fixture::blob(account, "a", 5 << 32)).await;
    fixture::insert_blob(metadata, fixture::blob(account, "b", 3)).await;
    assert_eq!(count().await, (2, (5 << 32) + 3));
    for _ in 0..2 {
        fixture::write(metadata, move |tx| tx.remove_blob(first)).await;
        assert_eq!(count().await, (1, 3));
    }
    let row = fixture::insert_blob(metadata, fixture::row_blob(account, "row")).await;
    assert_eq!(count().await, (2, 6));
    fixture::write(metadata, move |tx| tx.remove_blob(row)).await;
    assert_eq!(count().await, (1, 3));
}

/// A rule that forgot to look is stopped.
pub async fn a_linked_blob_is_not_removed(metadata: &dyn Metadata) {
    let (registry, repository) = fixture::home(metadata).await;
    let id = fixture::insert_blob(metadata, fixture::blob(registry.storage_account, "layer", 7)).await;
    fixture::link(metadata, repository, id).await;
    assert!(
        fixture::try_write(metadata, move |tx| tx.remove_blob(id))
            .await
            .is_err()
    );
    assert_eq!(fixture::read(metadata, |read| read.count_blobs()).await, (1, 7));
}

/// By row, over all storage accounts.
pub async fn a_walk_sees_every_blob_once(metadata: &dyn Metadata) {
    let here = fixture::registry(metadata, "here").await.storage_account;
    let there = fixture::registry(metadata, "there").await.storage_account;
    let mut inserted = Vec::new();
    for (account, text) in [(here, "a"), (there, "a"), (here, "b")] {
        let new = fixture::blob(account, text, 1);
        let id = fixture::insert_blob(metadata, new.clone()).await;
        inserted.push(expected(id, &new));
    }
    let page = |after, limit| fixture::read(metadata, move |read| read.scan_blobs(after, limit));
    let mut seen = page(BlobId(0), 2).await;
    assert_eq!(seen.len(), 2);
    seen.extend(page(seen[1].id, 2).await);
    assert_eq!(seen, inserted);
    let ids = |after, limit| fixture::read(metadata, move |read| read.scan_blob_ids(after, limit));
    let all: Vec<BlobId> = inserted.iter().map(|blob| blob.id).collect();
    assert_eq!(ids(BlobId(0), 10).await, all);
    assert_eq!(ids(all[0], 1).await, [all[1]]);
}

/// What a deletion needs, and of one repository.
pub async fn blobs_of_a_repository_are_listed(metadata: &dyn Metadata) {
    let (registry, repository) = fixture::home(metadata).await;
    let account = registry.storage_account;
    let large = fixture::blob(account, "a", 6 << 32);
    let small = fixture::row_blob(account, "small");
    let mut expected = Vec::new();
    for new in [large, small] {
        let id = fixture::insert_blob(metadata, new.clone()).await;
        fixture::link(metadata, repository, id).await;
        expected.push(BlobStub {
            id,
            storage_account: account,
            size_bytes: new.bytes.size_bytes(),
            place: new.bytes.place(),
        });
    }
    fixture::insert_blob(metadata, fixture::blob(account, "b", 1)).await;
    let list = |limit| fixture::read(metadata, move |read| read.list_blobs_of_repository(repository, limit));
    let mut found = list(10).await;
    found.sort_by_key(|blob| blob.id);
    assert_eq!(found, expected);
    assert!(list(0).await.is_empty());
    let objects: Vec<_> = found.into_iter().filter_map(BlobStub::garbage).collect();
    assert_eq!(
        (objects.len(), objects[0].size_bytes),
        (1, 6 << 32),
        "a row leaves none"
    );
}

/// The bytes of a small blob, and of no other.
pub async fn the_bytes_of_a_row_are_read_back_and_go_with_it(metadata: &dyn Metadata) {
    let (registry, repository) = fixture::home(metadata).await;
    let account = registry.storage_account;
    let bytes = |id| fixture::read(metadata, move |read| read.find_blob_bytes(id));
    let object = fixture::insert_blob(metadata, fixture::blob(account, "object", 7)).await;
    assert_eq!(bytes(object).await, None);
    let long = "ä\0".repeat(6_000);
    // None of them takes the place of another's missing key.
    for text in ["", "text", &long] {
        let new = fixture::row_blob(account, text);
        let id = fixture::insert_blob(metadata, new.clone()).await;
        let found = fixture::read(metadata, move |read| read.find_blob(account, &new.digest)).await;
        let expected = BlobRecord {
            id,
            storage_account: account,
            digest: new.digest,
            size_bytes: text.len() as u64,
            place: BlobPlace::Row,
        };
        assert_eq!(found, Some(expected));
        assert_eq!(bytes(id).await.as_deref(), Some(text.as_bytes()));
        fixture::link(metadata, repository, id).await;
        let refused = fixture::try_write(metadata, move |tx| tx.remove_blob(id)).await;
        assert!(refused.is_err());
        assert_eq!(bytes(id).await.as_deref(), Some(text.as_bytes()));
        fixture::write(metadata, move |tx| {
            tx.unlink_blob(repository, id)?;
            tx.remove_blob(id)
        })
        .await;
        assert_eq!(bytes(id).await, None);
        let again = fixture::insert_blob(metadata, new).await;
        assert_eq!(bytes(again).await.as_deref(), Some(text.as_bytes()));
    }
}

/// A blob, an upload or a queued object; nothing else, and not in another account.
pub async fn objects_are_known_while_a_row_names_them(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "here").await;
    let there = fixture::registry(metadata, "there").await.storage_account;
    let here = registry.storage_account;
    let blob = fixture::blob(here, "layer", 7);
    let upload = fixture::upload(&registry, "app", "me", 3);
    let queued = fixture::object_key();
    let BlobPlace::Object(stored) = blob.bytes.place() else {
        panic!("{blob:?}")
    };
    let row = fixture::row_blob(here, "row");
    let keys = [stored, upload.object_key.clone(), queued.clone()];
    let object = Candidate::Object(GarbageObject {
        storage_account: here,
        object_key: queued,
        size_bytes: 9,
        unfinished: None,
    });
    fixture::write(metadata, move |tx| {
        tx.insert_blob(&blob)?;
        tx.insert_blob(&row)?;
        tx.insert_upload(&upload)?;
        tx.queue_candidate(&object, Timestamp(4))
    })
    .await;
    for key in keys {
        for (account, is_known) in [(here, true), (there, false)] {
            let key = key.clone();
            let found = fixture::read(metadata, move |read| read.is_object_known(account, &key)).await;
            assert_eq!(found, is_known);
        }
    }
    let nothing = ObjectKey::new(Uuid::nil());
    for unknown in [fixture::object_key(), nothing] {
        assert!(!fixture::read(metadata, move |read| read.is_object_known(here, &unknown)).await);
    }
}
