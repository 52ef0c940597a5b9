//! The check checked: whatever is broken on purpose, it complains.

use holdfast_model::{
    Blobs as _, Durability, MetadataError, MetadataExt as _, NewBlob, NewBlobBytes, ObjectKey, RepositoryRecord,
    Timestamp, Tx,
};
use holdfast_testkit::registry::{TestRegistry, name, pattern, tag};
use proptest::sample::Index;
use uuid::Uuid;

use super::{
    drive::Driver,
    operation::{Operation, REPOSITORIES, TAGS},
};
use crate::claims::object_of;

/// The layer that is streamed.
const LAYER: usize = 6;

/// Two repositories that share a layer, with an index and a referrer.
async fn healthy() -> Driver {
    let mut driver = Driver::start().await;
    let image = |repository, tag| Operation::PutImage {
        repository,
        layers: vec![LAYER, 1],
        subject: None,
        tag,
        with_blobs: true,
    };
    let first = || any_index();
    for operation in [
        image(0, Some(0)),
        image(1, Some(1)),
        Operation::PutIndex {
            repository: 0,
            children: vec![first()],
            subject: None,
            tag: Some(1),
        },
        Operation::PutImage {
            repository: 0,
            layers: vec![2],
            subject: Some(first()),
            tag: None,
            with_blobs: true,
        },
    ] {
        driver.apply(&operation).await.unwrap();
    }
    driver
}

/// An index that picks something.
fn any_index() -> Index {
    use proptest::{
        prelude::any,
        strategy::{Strategy as _, ValueTree as _},
        test_runner::TestRunner,
    };
    any::<Index>()
        .new_tree(&mut TestRunner::deterministic())
        .unwrap()
        .current()
}

async fn complains(driver: &Driver, what: &str) {
    let inspected = driver.inspect().await;
    assert!(inspected.is_err(), "nobody noticed: {what}");
}

async fn tamper<F>(world: &TestRegistry, work: F)
where
    F: Fn(&mut dyn Tx, &RepositoryRecord) + Send + Sync + 'static,
{
    let id = world.id();
    world
        .rows()
        .transact(Durability::Durable, move |tx| {
            let repository = tx.find_repository(id, &name(REPOSITORIES[0]))?.unwrap();
            work(tx, &repository);
            Ok::<_, MetadataError>(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_healthy_registry_is_not_complained_about() {
    let mut driver = healthy().await;
    driver.apply(&Operation::Reopen).await.unwrap();
    driver.delete_everything().await.unwrap();
}

#[tokio::test]
async fn a_lost_object_is_noticed() {
    let driver = healthy().await;
    let key = layer_key(&driver).await;
    driver.world.blobs().delete(&key).await.unwrap();
    complains(&driver, "a lost object").await;
}

#[tokio::test]
async fn a_changed_byte_is_noticed() {
    let driver = healthy().await;
    let key = layer_key(&driver).await;
    driver.world.bytes().damage(&key, 69_000, b'?');
    complains(&driver, "a changed byte").await;
}

#[tokio::test]
async fn a_changed_byte_of_a_row_is_noticed() {
    let mut driver = healthy().await;
    let (digest, registry) = (super::drive::layer_digest(1), driver.world.id());
    tamper(&driver.world, move |tx, repository| {
        let blob = tx.find_linked_blob(repository.id, &digest).unwrap().unwrap();
        let linked: Vec<_> = tx
            .list_every_repository(registry, 9)
            .unwrap()
            .into_iter()
            .filter(|other| tx.unlink_blob(*other, blob.id).unwrap())
            .collect();
        tx.remove_blob(blob.id).unwrap();
        let changed = NewBlob {
            storage_account: blob.storage_account,
            digest,
            bytes: NewBlobBytes::Row(pattern(99, 10)),
            created_at: Timestamp(1),
        };
        let changed = tx.insert_blob(&changed).unwrap();
        for repository in linked {
            assert!(tx.link_blob(repository, changed, Timestamp(1)).unwrap());
        }
    })
    .await;
    driver.world.reopen().await;
    complains(&driver, "a changed byte of a row").await;
}

#[tokio::test]
async fn a_lost_link_is_noticed() {
    let driver = healthy().await;
    tamper(&driver.world, |tx, repository| {
        let blob = tx.find_linked_blob(repository.id, &layer_digest()).unwrap().unwrap();
        assert!(tx.unlink_blob(repository.id, blob.id).unwrap());
    })
    .await;
    complains(&driver, "a lost link").await;
}

#[tokio::test]
async fn a_lost_tag_is_noticed() {
    let driver = healthy().await;
    tamper(&driver.world, |tx, repository| {
        assert!(tx.remove_tag(repository.id, &tag(TAGS[0])).unwrap());
    })
    .await;
    complains(&driver, "a lost tag").await;
}

#[tokio::test]
async fn a_lost_manifest_is_noticed() {
    let driver = healthy().await;
    let lost = driver.expected.known[2].document.digest();
    tamper(&driver.world, move |tx, repository| {
        let record = tx.find_manifest(repository.id, &lost).unwrap().unwrap();
        tx.remove_manifest(record.id).unwrap();
    })
    .await;
    complains(&driver, "a lost manifest").await;
}

#[tokio::test]
async fn a_moved_tag_is_noticed() {
    let driver = healthy().await;
    let other = driver.expected.known[2].document.digest();
    tamper(&driver.world, move |tx, repository| {
        let record = tx.find_manifest(repository.id, &other).unwrap().unwrap();
        tx.put_tags(repository.id, &[tag(TAGS[0])], record.id, Timestamp(1))
            .unwrap();
    })
    .await;
    complains(&driver, "a moved tag").await;
}

#[tokio::test]
async fn an_object_without_a_row_is_noticed() {
    let driver = healthy().await;
    let stray = ObjectKey::new(Uuid::new_v4());
    driver.world.blobs().put(&stray, pattern(9, 10)).await.unwrap();
    complains(&driver, "a stray object").await;
}

#[tokio::test]
async fn a_forgotten_candidate_is_noticed_in_the_end() {
    let mut driver = healthy().await;
    let digest = layer_digest();
    driver
        .apply(&Operation::DeleteRepository { repository: 1 })
        .await
        .unwrap();
    let id = driver.world.id();
    driver
        .world
        .rows()
        .transact(Durability::Durable, move |tx| {
            use holdfast_model::Candidate;
            let repository = tx.find_repository(id, &name(REPOSITORIES[1]))?.unwrap().id;
            let queued = tx.find_candidate(&Candidate::BlobLink { repository, digest })?;
            tx.remove_candidate(queued.unwrap().id)
        })
        .await
        .unwrap();
    driver.inspect().await.unwrap();
    assert!(driver.delete_everything().await.is_err(), "the leak was not noticed");
}

fn layer_digest() -> holdfast_oci::Digest {
    super::drive::layer_digest(LAYER)
}

async fn layer_key(driver: &Driver) -> ObjectKey {
    let account = driver.world.record().storage_account;
    let found = driver
        .world
        .rows()
        .query(move |read| read.find_blob(account, &layer_digest()))
        .await;
    object_of(&found.unwrap().unwrap())
}
