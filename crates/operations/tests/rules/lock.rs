//! Locks (ACR 1.1): repository, tag and manifest each have their own; what they forbid everywhere.

use bytes::Bytes;
use holdfast_access::action;
use holdfast_content::{Body, Error};
use holdfast_model::{AttributesPatch, Page};
use holdfast_testkit::registry::{Document, TestRegistry, everything, pattern, tag};

use crate::claims::{assert_refused, sha256, upload_of};

type Change = fn(&mut AttributesPatch);

const NO_WRITE: Change = |patch| patch.write_enabled = Some(false);
const NO_DELETE: Change = |patch| patch.delete_enabled = Some(false);
const NO_READ: Change = |patch| patch.read_enabled = Some(false);
const NO_LIST: Change = |patch| patch.list_enabled = Some(false);
const FREE: Change = |patch| {
    *patch = AttributesPatch {
        delete_enabled: Some(true),
        write_enabled: Some(true),
        read_enabled: Some(true),
        list_enabled: Some(true),
    };
};

fn patch(change: impl FnOnce(&mut AttributesPatch)) -> AttributesPatch {
    let mut patch = AttributesPatch::default();
    change(&mut patch);
    patch
}

pub(crate) async fn set_repository(world: &TestRegistry, repository: &str, change: impl FnOnce(&mut AttributesPatch)) {
    world
        .patch_repository(&world.grant(repository), patch(change))
        .await
        .unwrap();
}

async fn set_tag(world: &TestRegistry, repository: &str, name: &str, change: impl FnOnce(&mut AttributesPatch)) {
    world
        .patch_tag(&world.grant(repository), &tag(name), patch(change))
        .await
        .unwrap();
}

async fn set_manifest(
    world: &TestRegistry,
    repository: &str,
    document: &Document,
    change: impl FnOnce(&mut AttributesPatch),
) {
    world
        .patch_manifest(&world.grant(repository), &document.digest(), patch(change))
        .await
        .unwrap();
}

async fn delete_tag(world: &TestRegistry, name: &str) -> Result<(), Error> {
    world.delete_tag(&world.grant("app"), &tag(name)).await
}

async fn delete_manifest(world: &TestRegistry, document: &Document) -> Result<(), Error> {
    world.delete_manifest(&world.grant("app"), &document.digest()).await
}

/// `app` with `one` under v1 and v2, `two` under other.
async fn world() -> (TestRegistry, Document, Document) {
    let world = TestRegistry::start().await;
    let (one, two) = (Document::image(&["one"]), Document::image(&["two"]));
    world.push("app", Some("v1"), &one).await;
    world.push("app", Some("v2"), &one).await;
    world.push("app", Some("other"), &two).await;
    (world, one, two)
}

#[tokio::test]
async fn a_write_locked_tag_is_neither_moved_nor_deleted() {
    let (world, one, two) = world().await;
    set_tag(&world, "app", "v1", NO_WRITE).await;
    assert_refused!(world.try_push("app", Some("v1"), &two).await, Error::Locked { .. });
    let mut more_tags = two.put(tag("new").into());
    more_tags.tags = vec![tag("v1")];
    let refused = world.put_manifest(&world.grant("app"), more_tags).await;
    assert_refused!(refused, Error::Locked { .. });
    assert_refused!(world.pull("app", "new").await, Error::ManifestTagUnknown { .. });
    assert_refused!(delete_tag(&world, "v1").await, Error::Locked { .. });
    assert_refused!(delete_manifest(&world, &one).await, Error::Locked { .. });
    assert_refused!(world.delete_repository(&world.grant("app")).await, Error::Locked { .. });
    assert_eq!(world.pull("app", "v1").await.unwrap().digest, one.digest());
    // ACR: the lock protects this tag only.
    world.push("app", Some("v2"), &two).await;
    set_tag(&world, "app", "v1", FREE).await;
    delete_tag(&world, "v1").await.unwrap();
}

#[tokio::test]
async fn a_delete_locked_tag_can_be_moved_but_not_deleted() {
    let (world, one, two) = world().await;
    set_tag(&world, "app", "v1", NO_DELETE).await;
    assert_refused!(delete_tag(&world, "v1").await, Error::Locked { .. });
    assert_refused!(delete_manifest(&world, &one).await, Error::Locked { .. });
    world.push("app", Some("v1"), &two).await;
    // The lock stays with the tag when it moves.
    assert_refused!(delete_tag(&world, "v1").await, Error::Locked { .. });
    delete_manifest(&world, &one).await.unwrap();
}

#[tokio::test]
async fn a_write_locked_manifest_keeps_its_tags_where_they_are() {
    let (world, one, two) = world().await;
    set_manifest(&world, "app", &one, NO_WRITE).await;
    assert_refused!(world.try_push("app", Some("v1"), &two).await, Error::Locked { .. });
    assert_refused!(world.try_push("app", Some("v3"), &one).await, Error::Locked { .. });
    assert_refused!(delete_tag(&world, "v2").await, Error::Locked { .. });
    assert_refused!(delete_manifest(&world, &one).await, Error::Locked { .. });
    assert_eq!(world.pull("app", "v1").await.unwrap().digest, one.digest());
    // The other image of the repository is as free as before.
    world.push("app", Some("other"), &Document::image(&["three"])).await;
    // Pushing the very same again changes nothing, so clients may repeat it.
    world.push("app", None, &one).await;
    set_manifest(&world, "app", &one, FREE).await;
    world.push("app", Some("v1"), &two).await;
}

#[tokio::test]
async fn a_delete_locked_manifest_can_be_tagged_and_untagged_but_not_deleted() {
    let (world, one, two) = world().await;
    set_manifest(&world, "app", &one, NO_DELETE).await;
    assert_refused!(delete_manifest(&world, &one).await, Error::Locked { .. });
    assert_refused!(world.delete_repository(&world.grant("app")).await, Error::Locked { .. });
    assert_eq!(
        world.tags("app").await.unwrap().len(),
        3,
        "nothing went before the lock was met"
    );
    world.push("app", Some("v3"), &one).await;
    world.push("app", Some("v1"), &two).await;
    delete_tag(&world, "v2").await.unwrap();
    delete_tag(&world, "v3").await.unwrap();
    world.pull("app", &one.digest().to_string()).await.unwrap();
}

#[tokio::test]
async fn a_write_locked_repository_is_frozen() {
    let (world, one, two) = world().await;
    let uploading = upload_of(&world, "app", &Bytes::new()).await;
    world.push_blob("elsewhere", "mine").await;
    world.push_blob("app", "loose").await;
    set_repository(&world, "app", NO_WRITE).await;
    assert_refused!(world.try_push("app", Some("v1"), &two).await, Error::Locked { .. });
    assert_refused!(world.try_push("app", None, &one).await, Error::Locked { .. });
    assert_refused!(delete_tag(&world, "v1").await, Error::Locked { .. });
    assert_refused!(delete_manifest(&world, &two).await, Error::Locked { .. });
    assert_refused!(world.delete_repository(&world.grant("app")).await, Error::Locked { .. });
    let grant = world.grant::<action::Push>("app");
    assert_refused!(world.start_upload(&grant, None).await, Error::Locked { .. });
    assert_refused!(world.try_push_blob("app", "new").await, Error::Locked { .. });
    let finished = crate::claims::finish(&world, "app", uploading, &sha256(b"x"), &Bytes::from("x")).await;
    assert_refused!(finished, Error::Locked { .. });
    let mounted = world
        .mount_blob(&grant, &world.grant("elsewhere"), &sha256(b"mine"))
        .await;
    assert_refused!(mounted, Error::Locked { .. });
    let deleted = world.delete_blob(&world.grant("app"), &sha256(b"loose")).await;
    assert_refused!(deleted, Error::Locked { .. });
    // Reading, listing and unlocking go on.
    world.pull("app", "v1").await.unwrap();
    assert_eq!(world.tags("app").await.unwrap().len(), 3);
    set_repository(&world, "app", FREE).await;
    delete_tag(&world, "v1").await.unwrap();
}

#[tokio::test]
async fn a_delete_locked_repository_can_change_but_not_go() {
    let (world, one, two) = world().await;
    set_repository(&world, "app", NO_DELETE).await;
    assert_refused!(world.delete_repository(&world.grant("app")).await, Error::Locked { .. });
    world.push("app", Some("v1"), &two).await;
    delete_tag(&world, "v2").await.unwrap();
    delete_manifest(&world, &one).await.unwrap();
}

#[tokio::test]
async fn what_is_read_locked_is_not_pulled() {
    let (world, one, two) = world().await;
    let digest = one.digest().to_string();
    set_tag(&world, "app", "v1", NO_READ).await;
    assert_refused!(world.pull("app", "v1").await, Error::Locked { .. });
    world.pull("app", "v2").await.unwrap();
    world.pull("app", &digest).await.unwrap();

    set_tag(&world, "app", "v1", FREE).await;
    set_manifest(&world, "app", &one, NO_READ).await;
    for reference in ["v1", "v2", &digest] {
        assert_refused!(world.pull("app", reference).await, Error::Locked { .. });
    }
    world.pull("app", "other").await.unwrap();

    set_manifest(&world, "app", &one, FREE).await;
    set_repository(&world, "app", NO_READ).await;
    for reference in ["v1", "other", &two.digest().to_string()] {
        assert_refused!(world.pull("app", reference).await, Error::Locked { .. });
    }
    assert_refused!(world.read_blob("app", &sha256(b"one")).await, Error::Locked { .. });
    let source = world.grant::<action::Pull>("app");
    let mounted = world.mount_blob(&world.grant("thief"), &source, &sha256(b"one")).await;
    assert_eq!(mounted.unwrap(), None, "a mount is a read of the source");
    // It says nothing against pushing or deleting.
    world.push("app", Some("new"), &Document::image(&["new"])).await;
    delete_tag(&world, "v1").await.unwrap();
    world.push_blob("app", "loose").await;
    world.delete_blob(&world.grant("app"), &sha256(b"loose")).await.unwrap();
}

#[tokio::test]
async fn what_is_list_locked_is_left_out_of_listings_only() {
    let (world, one, _) = world().await;
    world.push("zoo", Some("v1"), &one).await;
    set_tag(&world, "app", "v1", NO_LIST).await;
    set_manifest(&world, "app", &one, NO_LIST).await;
    set_repository(&world, "zoo", NO_LIST).await;
    let tags: Vec<_> = world
        .tags("app")
        .await
        .unwrap()
        .into_iter()
        .map(|tag| tag.name.to_string())
        .collect();
    assert_eq!(tags, ["other", "v2"]);
    let page = world.list_manifests(&world.grant("app"), everything()).await.unwrap();
    assert_eq!(page.manifests.len(), 1);
    let small = Page {
        limit: 1,
        ..everything()
    };
    let first = world.list_manifests(&world.grant("app"), small).await.unwrap();
    assert_eq!(
        first.manifests.len(),
        1,
        "a page is full though the first manifest is hidden"
    );
    assert_eq!(first.next, None);
    let catalog: Vec<_> = world.catalog().await.iter().map(ToString::to_string).collect();
    assert_eq!(catalog, ["app"]);
    world.pull("app", "v1").await.unwrap();
    world.pull("zoo", "v1").await.unwrap();
}

#[tokio::test]
async fn a_lock_anywhere_in_a_large_repository_saves_all_of_it() {
    let world = TestRegistry::start().await;
    world.push_blob("app", "config").await;
    for number in 0..450 {
        let document = Document::image_with_config(b"config", &[""; 0]).with_note(&number.to_string());
        let tagged = tag(&format!("t{number}")).into();
        world
            .put_manifest(&world.grant("app"), document.put(tagged))
            .await
            .unwrap();
        world.advance(std::time::Duration::from_millis(1));
    }
    for locked in ["t449", "t225", "t0"] {
        set_tag(&world, "app", locked, NO_DELETE).await;
        let refused = world.delete_repository(&world.grant("app")).await;
        assert_refused!(refused, Error::Locked { .. });
        assert_eq!(world.tags("app").await.unwrap().len(), 450, "{locked}");
        set_tag(&world, "app", locked, FREE).await;
    }
    world.delete_repository(&world.grant("app")).await.unwrap();
}

#[tokio::test]
async fn locks_end_with_the_last_manifest() {
    let world = TestRegistry::start().await;
    let one = Document::image(&["one"]);
    world.push("app", Some("v1"), &one).await;
    set_repository(&world, "app", NO_DELETE).await;
    delete_manifest(&world, &one).await.unwrap();
    assert_refused!(world.tags("app").await, Error::RepositoryUnknown { .. });
    world.push("app", Some("v1"), &one).await;
    let view = world.load_repository(&world.grant("app")).await.unwrap();
    assert!(view.attributes.delete_enabled);
}

#[tokio::test]
async fn a_push_into_a_frozen_repository_leaves_nothing_behind() {
    let (world, ..) = world().await;
    let before = (world.count_objects().await, world.count_blobs().await);
    set_repository(&world, "app", NO_WRITE).await;
    for bytes in [pattern(1, 10), pattern(1, 100_000)] {
        let digest = sha256(&bytes);
        let refused = world
            .upload_whole(&world.grant("app"), &digest, Body::whole(bytes))
            .await;
        assert_refused!(refused, Error::Locked { .. });
    }
    assert_eq!((world.count_objects().await, world.count_blobs().await), before);
}
