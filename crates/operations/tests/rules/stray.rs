//! Strays: objects that no row names are told and, when they are old, collected; nothing else is.

use std::{
    fs::{self, File},
    path::PathBuf,
    time::{Duration, UNIX_EPOCH},
};

use holdfast_blobs::{
    FilesystemStore,
    fault::{Fault, Operation},
};
use holdfast_content::{CheckEvent, CheckOptions, CollectOptions, Limits, Stray, Strays};
use holdfast_model::{Blobs as _, Durability, MetadataExt as _, NewBlob, NewBlobBytes, ObjectKey, Timestamp};
use holdfast_testkit::{
    blobs,
    registry::{Document, Gate, TestRegistry, pattern},
};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::claims::{sha256, upload_of};

const HOUR: Duration = Duration::from_secs(3600);

/// Puts an object into the store that got its last bytes so long ago.
async fn forget(world: &TestRegistry, number: u128, size: usize, age: Duration) -> ObjectKey {
    let key = ObjectKey::new(Uuid::from_u128(number));
    let at = world.now().minus(age);
    world.bytes().forget(&key, pattern(1, size), at).await;
    key
}

async fn list(world: &TestRegistry) -> (Vec<Stray>, Strays) {
    let (events, mut told) = mpsc::channel(100);
    let found = world.list_strays(events).await.unwrap();
    let mut strays = Vec::new();
    while let Some(stray) = told.recv().await {
        strays.push(stray);
    }
    strays.sort_by(|a, b| a.object.cmp(&b.object));
    (strays, found)
}

async fn collect(world: &TestRegistry, dry_run: bool) -> Strays {
    let grace = world.limits().grace;
    world.collect_strays(CollectOptions { grace, dry_run }).await.unwrap()
}

async fn keys(world: &TestRegistry) -> Vec<ObjectKey> {
    let mut keys: Vec<_> = blobs::list(world.blobs()).await.into_iter().map(|o| o.key).collect();
    keys.sort();
    keys
}

#[tokio::test]
async fn strays_go_after_the_grace_period_and_what_rows_name_stays() {
    let world = TestRegistry::start().await;
    let grace = world.limits().grace;
    let image = Document::image(&["layer"]);
    world.push("app", Some("v1"), &image).await;
    upload_of(&world, "app", &pattern(7, 500)).await;
    for key in keys(&world).await {
        world.bytes().set_written_at(&key, world.now().minus(grace * 10));
    }
    let named = keys(&world).await;
    let old = forget(&world, 1, 100, grace + HOUR).await;
    let young = forget(&world, 2, 10, grace - HOUR).await;
    let (told, found) = list(&world).await;
    let expected = [(old.clone(), 100, grace + HOUR), (young.clone(), 10, grace - HOUR)];
    let expected = expected.map(|(object, size_bytes, age)| Stray {
        account: "store".to_owned(),
        object,
        size_bytes,
        written_at: world.now().minus(age),
    });
    assert_eq!(told, expected);
    assert_eq!((found.strays, found.size_bytes, found.removed), (2, 110, 0));
    assert_eq!(found.objects, named.len() as u64 + 2);
    let (dry, before) = (collect(&world, true).await, keys(&world).await);
    assert_eq!(before.len(), named.len() + 2, "a dry run changes nothing");
    let real = collect(&world, false).await;
    assert_eq!(dry, real);
    assert_eq!((real.young, real.removed, real.freed_bytes), (1, 1, 100));
    assert!(keys(&world).await.contains(&young) && !keys(&world).await.contains(&old));
    world.advance(HOUR * 2);
    assert_eq!(collect(&world, false).await.removed, 1);
    assert_eq!(keys(&world).await, named);
    assert_eq!(world.pull("app", "v1").await.unwrap().bytes, image.bytes());
    assert_eq!(world.collect().await.objects, 0, "nothing is left in the queue");
}

#[tokio::test]
async fn a_stray_that_becomes_known_meanwhile_stays() {
    let (gate, decorator) = Gate::new();
    let world = TestRegistry::start_with(Limits::default(), Some(decorator)).await;
    let grace = world.limits().grace;
    let known = forget(&world, 1, 100, grace * 2).await;
    let unknown = forget(&world, 2, 100, grace * 2).await;
    let mut stopped = gate.close();
    let registry = world.operator().clone();
    let collection = tokio::spawn(async move {
        registry
            .content()
            .collect_strays(CollectOptions { grace, dry_run: false })
            .await
    });
    // The accounts, and two looks for the objects' rows.
    for _ in 0..2 {
        stopped.reached.await.unwrap();
        let next = gate.close();
        stopped.go_on.send(()).unwrap();
        stopped = next;
    }
    stopped.reached.await.unwrap();
    let blob = NewBlob {
        storage_account: world.record().storage_account,
        digest: sha256(&pattern(1, 100)),
        bytes: NewBlobBytes::Object {
            key: known.clone(),
            size_bytes: 100,
        },
        created_at: world.now(),
    };
    let insert = world
        .rows()
        .transact(Durability::Durable, move |tx| tx.insert_blob(&blob));
    insert.await.unwrap();
    stopped.go_on.send(()).unwrap();
    let found = collection.await.unwrap().unwrap();
    assert_eq!((found.strays, found.removed, found.failures.count), (2, 1, 0));
    assert_eq!(keys(&world).await, [known]);
    assert!(!keys(&world).await.contains(&unknown));
}

#[tokio::test]
async fn an_object_that_cannot_be_handled_costs_itself_alone() {
    for operation in [Operation::Delete, Operation::WrittenAt] {
        let world = TestRegistry::start().await;
        let mut all = Vec::new();
        for number in 1..=3 {
            all.push(forget(&world, number, 10, world.limits().grace * 2).await);
        }
        world.blobs().fail_nth(operation, 2, Fault::Failed);
        let found = collect(&world, false).await;
        assert_eq!((found.removed, found.failures.count), (2, 1), "{operation:?}");
        let left = keys(&world).await;
        assert_eq!(left.len(), 1, "{operation:?}");
        assert!(all.contains(&left[0]));
        let told = &found.failures.told[0];
        assert_eq!(told.what, format!("object {} of storage account store", left[0]));
        assert!(told.error.contains("planned fault"), "{told:?}");
        world.advance(Duration::from_secs(1));
        // What was cut off before its bytes went is known to the collector's queue.
        let again = collect(&world, false).await.removed + world.collect().await.objects;
        assert_eq!((again, keys(&world).await), (1, Vec::new()), "{operation:?}");
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_listed_is_told_and_ends_nothing() {
    let world = TestRegistry::start().await;
    world.push("app", Some("v1"), &Document::image(&["layer"])).await;
    world.blobs().fail_always(Operation::List, Fault::Failed);
    let found = collect(&world, false).await;
    assert_eq!((found.objects, found.failures.count), (0, 1));
    assert_eq!(found.failures.told[0].what, "storage account store");
    assert_eq!(list(&world).await.1.failures.count, 1);
}

/// A store in a location, with an object, that no account's row names.
async fn forget_store(world: &TestRegistry, name: &str, number: u128, age: Duration) -> PathBuf {
    let folder = world.account_path("local", name);
    let store = FilesystemStore::open(&folder).unwrap();
    let key = ObjectKey::new(Uuid::from_u128(number));
    store.put(&key, pattern(1, 10)).await.unwrap();
    let Timestamp(micros) = world.now().minus(age);
    let moment = UNIX_EPOCH + Duration::from_micros(u64::try_from(micros).unwrap());
    let file = folder.join("objects/00").join(key.to_string());
    File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_modified(moment)
        .unwrap();
    folder
}

#[tokio::test]
async fn a_store_that_no_account_names_goes_with_its_last_stray() {
    let world = TestRegistry::start().await;
    let grace = world.limits().grace;
    let old = forget_store(&world, "old", 1, grace * 2).await;
    let young = forget_store(&world, "young", 2, grace - HOUR).await;
    let foreign = world.account_path("local", "holidays");
    fs::create_dir_all(&foreign).unwrap();
    fs::write(foreign.join("beach.jpg"), "").unwrap();
    let (told, found) = list(&world).await;
    let names: Vec<_> = told.iter().map(|stray| stray.account.as_str()).collect();
    assert_eq!((names, found.strays, found.size_bytes), (vec!["old", "young"], 2, 20));
    let (events, mut told) = mpsc::channel(100);
    assert_eq!(
        world.check(CheckOptions { at_once: 1 }, events).await.unwrap().remarks,
        2
    );
    let mut remarks = Vec::new();
    while let Some(event) = told.recv().await {
        if let CheckEvent::Finding(finding) = event {
            remarks.push(finding.to_string());
        }
    }
    assert!(
        remarks
            .iter()
            .any(|told| told.starts_with("folder old in location local belongs to no")),
        "{remarks:?}"
    );
    let dry = collect(&world, true).await;
    assert!(old.exists(), "a dry run changes nothing");
    let real = collect(&world, false).await;
    assert_eq!(dry, real);
    assert_eq!((real.removed, real.young, real.failures.count), (1, 1, 0));
    assert!(!old.exists() && young.exists() && foreign.join("beach.jpg").exists());
    world.advance(HOUR * 2);
    assert_eq!(collect(&world, false).await.removed, 1);
    assert!(!young.exists());
}

#[tokio::test]
async fn a_store_whose_account_is_made_meanwhile_stays() {
    let (gate, decorator) = Gate::new();
    let world = TestRegistry::start_with(Limits::default(), Some(decorator)).await;
    let grace = world.limits().grace;
    let folder = forget_store(&world, "gone", 1, grace * 2).await;
    let stopped = gate.close();
    let registry = world.operator().clone();
    let options = CollectOptions { grace, dry_run: false };
    let collection = tokio::spawn(async move { registry.content().collect_strays(options).await });
    stopped.reached.await.unwrap();
    let now = world.now();
    let insert = world.rows().transact(Durability::Durable, move |tx| {
        tx.insert_storage_account("gone", "local", now)
    });
    insert.await.unwrap();
    stopped.go_on.send(()).unwrap();
    assert_eq!(collection.await.unwrap().unwrap().removed, 0);
    assert!(folder.join("objects/00").read_dir().unwrap().next().is_some());
}
