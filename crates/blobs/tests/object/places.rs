//! Locations in a bucket: what holds of their accounts, and of what lies beside those.

use std::collections::BTreeMap;

use bytes::Bytes;
use holdfast_blobs::{
    LocationPlaces,
    object::{BucketPlaces, is_container_missing},
};
use holdfast_model::{Blobs, Places, StoreError};
use holdfast_testkit::{
    blobs::{fresh_key, list, pattern, read},
    object_server::{ObjectServer, upload_memory},
};

/// A location `near` in a folder, and `far` in a bucket.
fn places(server: &ObjectServer, folder: &tempfile::TempDir) -> LocationPlaces {
    let url = server.url(&server.make_bucket(), None);
    let far = BucketPlaces::new(server.open(&url, &upload_memory()));
    LocationPlaces::new(
        BTreeMap::from([("near".to_owned(), folder.path().to_owned())]),
        BTreeMap::from([("far".to_owned(), far)]),
    )
}

pub(crate) async fn every_account_is_a_store_of_its_own(server: &ObjectServer) {
    let folder = tempfile::tempdir().unwrap();
    let places = places(server, &folder);
    let mut stores = Vec::new();
    // Names of which one begins as another does.
    for name in ["default-far", "contoso", "contoso2"] {
        let (store, key) = (places.make("far", name).await.unwrap(), fresh_key());
        store.put(&key, pattern(100)).await.unwrap();
        stores.push((name, store, key));
    }
    places.make("near", "fabrikam").await.unwrap();
    let mut listed = places.list("far").await.unwrap();
    listed.sort();
    assert_eq!(listed, ["contoso", "contoso2", "default-far"]);
    assert_eq!(places.list("near").await.unwrap(), ["fabrikam"]);
    for (name, store, key) in &stores {
        let again = places.open("far", name).await.unwrap();
        assert_eq!(list(&*again).await.len(), 1, "{name}");
        assert_eq!(read(&*again, key, 0..100).await, pattern(100));
        store.probe().await.unwrap();
    }
    for (location, name) in [("far", "fabrikam"), ("near", "contoso"), ("nowhere", "contoso")] {
        assert!(places.open(location, name).await.is_err(), "{location} {name}");
    }
    for name in ["", "..", ".", "a/b", "A", "a.b", "a\0", &"a".repeat(65)] {
        assert!(places.make("far", name).await.is_err(), "{name:?}");
        assert!(places.remove("far", name).await.is_err(), "{name:?}");
    }
}

pub(crate) async fn an_account_is_removed_when_it_is_empty_and_can_be_made_again(server: &ObjectServer) {
    let folder = tempfile::tempdir().unwrap();
    let places = places(server, &folder);
    let (store, key) = (places.make("far", "contoso").await.unwrap(), fresh_key());
    let mut writer = store.begin(&key).await.unwrap();
    writer.write(pattern(9 << 20)).await.unwrap();
    let saved = writer.save().await.unwrap();
    drop(writer);
    assert!(places.remove("far", "contoso").await.is_err(), "an upload lies in it");
    assert!(places.make("far", "contoso").await.is_err(), "it is somebody's");
    store.abandon(&key, &saved.state).await.unwrap();
    places.remove("far", "contoso").await.unwrap();
    places.remove("far", "contoso").await.unwrap();
    assert!(places.list("far").await.unwrap().is_empty());
    places.make("far", "contoso").await.unwrap();
    places.make("far", "contoso").await.unwrap();
}

pub(crate) async fn what_lies_below_a_prefix_and_above_it_is_found(server: &ObjectServer) {
    let url = server.url(&server.make_bucket(), None);
    let root = server.open(&url, &upload_memory());
    assert_eq!(root.find_anything().await.unwrap(), None);
    root.probe().await.unwrap();
    assert_eq!(root.small("mark").await.unwrap(), None);
    assert_eq!(root.find_anything().await.unwrap(), None);
    let below = root.below("deep").below("down");
    assert!(below.put_small("mark", Bytes::from_static(b"below")).await.unwrap());
    assert!(!below.put_small("mark", Bytes::from_static(b"again")).await.unwrap());
    let found = root.find_anything().await.unwrap();
    assert_eq!(found.as_deref(), Some("some/prefix/deep/down/mark"));
    assert_eq!(
        below.small_above("mark").await.unwrap(),
        None,
        "its own is not above it"
    );
    assert!(root.put_small("mark", Bytes::from_static(b"above")).await.unwrap());
    let above = below.small_above("mark").await.unwrap();
    assert_eq!(above, Some(("some/prefix".to_owned(), Bytes::from_static(b"above"))));
    assert_eq!(
        root.list_small("ma").await.unwrap(),
        ["mark"],
        "what lies in folders is none of it"
    );
    root.remove_small("mark").await.unwrap();
    root.remove_small("mark").await.unwrap();

    let nowhere = server.open(&server.url("there-is-none", None), &upload_memory());
    for error in [
        nowhere.small("mark").await.unwrap_err(),
        nowhere.find_anything().await.unwrap_err(),
        nowhere.probe().await.unwrap_err(),
    ] {
        assert!(is_container_missing(&error), "{error:?}");
    }
    assert!(!is_container_missing(&StoreError::Missing { key: fresh_key() }));
}
