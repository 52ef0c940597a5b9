//! Folders of storage accounts are made, found again and removed where the operator said, and nowhere else.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use bytes::Bytes;
use holdfast_blobs::{FilesystemPlaces, FilesystemStore};
use holdfast_model::{Blobs, ObjectKey, Places};
use holdfast_testkit::blobs::list;
use uuid::Uuid;

fn places(near: &Path, far: &Path) -> FilesystemPlaces {
    FilesystemPlaces::new(BTreeMap::from([
        ("near".to_owned(), near.to_owned()),
        ("far".to_owned(), far.to_owned()),
    ]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_account_is_a_store_in_its_location() {
    let (near, far) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let places = places(near.path(), far.path());
    let mut number = 0;
    let runtime = tokio::runtime::Handle::current();
    holdfast_testkit::blobs::contract(|| {
        number += 1;
        let (places, location) = (places.clone(), ["near", "far"][number % 2]);
        let name = format!("account{number}");
        tokio::task::block_in_place(|| runtime.block_on(async move { places.make(location, &name).await.unwrap() }))
    })
    .await;
    let made = |folder: &Path| fs::read_dir(folder).unwrap().count();
    assert_eq!(made(near.path()) + made(far.path()), number);
}

#[tokio::test]
async fn an_account_is_removed_when_it_is_empty_and_can_be_made_again() {
    let (near, far) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let places = places(near.path(), far.path());
    let store = places.make("near", "contoso").await.unwrap();
    let key = ObjectKey::new(Uuid::new_v4());
    store.put(&key, Bytes::from_static(b"bytes")).await.unwrap();
    assert!(places.remove("near", "contoso").await.is_err(), "an object lies in it");
    assert!(places.make("near", "contoso").await.is_err(), "it is somebody's");
    store.open(&key, 0..5).await.unwrap();
    store.delete(&key).await.unwrap();
    places.remove("near", "contoso").await.unwrap();
    places.remove("near", "contoso").await.unwrap();
    assert!(!near.path().join("contoso").exists());
    places.make("near", "contoso").await.unwrap();
    places.make("near", "contoso").await.unwrap();
}

#[tokio::test]
async fn no_name_leads_out_of_its_location() {
    let (near, far) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let places = places(near.path(), far.path());
    for name in ["", "..", ".", "a/b", "/etc", "A", "a.b", "a\0", &"a".repeat(65)] {
        assert!(places.make("near", name).await.is_err(), "{name:?}");
        assert!(places.remove("near", name).await.is_err(), "{name:?}");
    }
    assert!(places.make("nowhere", "contoso").await.is_err());
    fs::create_dir(near.path().join("taken")).unwrap();
    fs::write(near.path().join("taken/file"), "somebody's").unwrap();
    assert!(places.make("near", "taken").await.is_err());
}

#[test]
fn a_store_that_is_gone_is_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    assert!(FilesystemStore::open_existing(folder.path().join("store")).is_err());
    let store: Arc<dyn Blobs> = Arc::new(FilesystemStore::open(folder.path().join("store")).unwrap());
    drop(store);
    assert!(FilesystemStore::open_existing(folder.path().join("store")).is_ok());
}

#[tokio::test]
async fn every_store_of_a_location_is_listed_and_opened_and_nothing_else() {
    let (near, far) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let places = places(near.path(), far.path());
    let store = places.make("near", "contoso").await.unwrap();
    let key = ObjectKey::new(Uuid::new_v4());
    store.put(&key, Bytes::from_static(b"bytes")).await.unwrap();
    places.make("far", "fabrikam").await.unwrap();
    for foreign in ["Upper/objects", "empty"] {
        fs::create_dir_all(near.path().join(foreign)).unwrap();
    }
    fs::write(near.path().join("holdfast-location.json"), "{}").unwrap();
    assert_eq!(places.list("near").await.unwrap(), ["contoso"]);
    assert!(places.list("nowhere").await.unwrap().is_empty());
    let listed = list(&*places.open("near", "contoso").await.unwrap()).await;
    assert_eq!(listed.len(), 1);
    assert!(places.open("near", "fabrikam").await.is_err());
}
