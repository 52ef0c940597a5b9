//! Collection: what goes, what stays, when, and what a dry run says about it.

use std::time::Duration;

use holdfast_access::action;
use holdfast_content::{CollectOptions, Collected, Error};
use holdfast_oci::Digest;
use holdfast_testkit::registry::{Document, TestRegistry, name, pattern, tag};

use crate::claims::{assert_nothing_left, assert_refused, freed_blobs, sha256};

const DAY: Duration = Duration::from_secs(86_400);

async fn delete(world: &TestRegistry, repository: &str, document: &Document) {
    world
        .delete_manifest(&world.grant(repository), &document.digest())
        .await
        .unwrap();
}

async fn untag(world: &TestRegistry, repository: &str, text: &str) {
    world.delete_tag(&world.grant(repository), &tag(text)).await.unwrap();
}

async fn is_there(world: &TestRegistry, repository: &str, digest: &Digest) -> bool {
    match world.pull(repository, &digest.to_string()).await {
        Ok(_) => true,
        Err(Error::ManifestUnknown { .. } | Error::RepositoryUnknown { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

/// What is freed; the other numbers count looks.
fn freed(collected: &Collected) -> (u64, u64, u64, u64) {
    (
        collected.manifests,
        collected.blob_links,
        freed_blobs(collected),
        collected.freed_bytes,
    )
}

/// Runs dry, then really; both say the same and the dry run changes nothing.
async fn collect(world: &TestRegistry) -> Collected {
    let before = (world.count_objects().await, world.count_blobs().await);
    let dry = world.collect_dry().await;
    assert_eq!(dry, world.collect_dry().await, "a dry run changes nothing");
    assert_eq!((world.count_objects().await, world.count_blobs().await), before);
    let real = world.collect().await;
    assert_eq!(freed(&dry), freed(&real), "dry and real");
    real
}

/// Collects until nothing more goes, a grace period apart.
async fn collect_all(world: &TestRegistry) {
    for _ in 0..10 {
        world.pass_grace();
        collect(world).await;
    }
}

#[tokio::test]
async fn bytes_nobody_needs_go_after_the_grace_period() {
    let world = TestRegistry::start().await;
    world.push_blob("app", pattern(1, 100)).await;
    world.push_blob("app", pattern(1, 100_000)).await;
    assert_eq!(world.count_objects().await, 1);
    world.advance(world.limits().grace - Duration::from_secs(1));
    assert_eq!(collect(&world).await.waiting, 2);
    world.advance(Duration::from_secs(2));
    let collected = collect(&world).await;
    assert_eq!(freed(&collected), (0, 2, 2, 100_100));
    assert_eq!((collected.row_blobs, collected.objects), (1, 1));
    assert_nothing_left(&world).await;
}

#[tokio::test]
async fn the_blobs_that_an_index_lists_stay_as_long_as_it() {
    for is_sparse in [false, true] {
        let world = TestRegistry::start().await;
        world
            .switch(move |registry| registry.accept_sparse_manifests = is_sparse)
            .await;
        let cache = Document::cache(&["layer", "config"]);
        if is_sparse {
            // A sparse push may come before its blobs.
            let put = cache.put(cache.digest().into());
            world.put_manifest(&world.grant("app"), put).await.unwrap();
        }
        world.push("app", Some("cache"), &cache).await;
        collect_all(&world).await;
        for blob in cache.blobs() {
            assert_eq!(world.read_blob("app", &sha256(blob)).await.unwrap(), blob);
        }
        delete(&world, "app", &cache).await;
        collect_all(&world).await;
        assert_nothing_left(&world).await;
    }
}

#[tokio::test]
async fn a_registry_on_its_way_out_stops_no_collection() {
    let world = TestRegistry::start().await;
    world.switch(|registry| registry.retention_days = Some(0)).await;
    world.push_blob("app", pattern(1, 100)).await;
    let image = Document::image(&["layer"]);
    world.push("app", Some("v1"), &image).await;
    untag(&world, "app", "v1").await;
    world.switch(|registry| registry.is_deleting = true).await;
    world.pass_grace();
    let collected = collect(&world).await;
    assert_eq!(freed(&collected), (0, 0, 0, 0), "its deletion takes what it has");
    assert!(collected.examined >= 2, "{collected:?}");
    assert_eq!(world.collect().await.examined, 0, "no candidate is left for it");
}

#[tokio::test]
async fn what_a_manifest_needs_stays_for_ever() {
    let world = TestRegistry::start().await;
    let image = Document::image(&["one", "two"]);
    world.push("app", None, &image).await;
    collect_all(&world).await;
    assert!(is_there(&world, "app", &image.digest()).await);
    for blob in image.blobs() {
        assert_eq!(&world.read_blob("app", &sha256(blob)).await.unwrap(), blob);
    }
}

#[tokio::test]
async fn a_shared_blob_stays_until_its_last_manifest_in_its_last_repository() {
    let world = TestRegistry::start().await;
    let images = ["a", "b", "c"].map(|layer| Document::image(&["shared", layer]));
    world.push("one", Some("a"), &images[0]).await;
    world.push("one", Some("b"), &images[1]).await;
    world.push("two", Some("c"), &images[2]).await;
    let mounted = world
        .mount_blob(&world.grant("three"), &world.grant("one"), &sha256(b"shared"))
        .await;
    assert!(mounted.unwrap().is_some());
    delete(&world, "one", &images[0]).await;
    world.pass_grace();
    assert_eq!(
        freed(&collect(&world).await),
        (0, 2, 1, 1),
        "layer a, and the unused mount"
    );
    delete(&world, "one", &images[1]).await;
    collect_all(&world).await;
    assert_refused!(
        world.read_blob("one", &sha256(b"shared")).await,
        Error::BlobUnknown { .. }
    );
    assert_eq!(world.read_blob("two", &sha256(b"shared")).await.unwrap(), "shared");
    world.delete_repository(&world.grant("two")).await.unwrap();
    collect_all(&world).await;
    assert_nothing_left(&world).await;
}

#[tokio::test]
async fn children_of_an_index_and_referrers_go_with_it_and_not_before() {
    let world = TestRegistry::start().await;
    let children = [Document::image(&["amd64"]), Document::image(&["arm64"])];
    let index = Document::index(&[&children[0], &children[1]]);
    let signature = Document::image(&["signature"]).referring_to(&index);
    let of_signature = Document::image(&["countersignature"]).referring_to(&signature);
    let of_child = Document::image(&["sbom"]).referring_to(&children[0]);
    for document in [&children[0], &children[1], &index, &signature, &of_signature, &of_child] {
        world.push("app", None, document).await;
    }
    world.push("app", Some("v1"), &index).await;
    world.push("app", Some("keep"), &children[1]).await;
    collect_all(&world).await;
    for document in [&children[0], &children[1], &index, &signature, &of_signature, &of_child] {
        assert!(is_there(&world, "app", &document.digest()).await);
    }
    delete(&world, "app", &index).await;
    assert!(is_there(&world, "app", &children[0].digest()).await);
    collect_all(&world).await;
    for document in [&children[0], &signature, &of_signature, &of_child] {
        assert!(!is_there(&world, "app", &document.digest()).await);
    }
    assert!(is_there(&world, "app", &children[1].digest()).await, "it has a tag");
    delete(&world, "app", &children[1]).await;
    collect_all(&world).await;
    assert_nothing_left(&world).await;
}

#[tokio::test]
async fn a_manifest_pushed_by_digest_alone_is_never_garbage() {
    let world = TestRegistry::start().await;
    let image = Document::image(&["one"]);
    let early = Document::image(&["early"]).referring_to(&Document::image(&["never pushed"]));
    world.switch(|registry| registry.retention_days = Some(0)).await;
    world.push("app", None, &image).await;
    world.push("app", None, &early).await;
    collect_all(&world).await;
    assert!(is_there(&world, "app", &image.digest()).await);
    assert!(is_there(&world, "app", &early.digest()).await);
}

#[tokio::test]
async fn retention_takes_what_loses_its_tag_while_it_is_on() {
    let world = TestRegistry::start().await;
    let images = ["before", "moved", "untagged", "kept", "after"].map(|layer| Document::image(&[layer]));
    let [before, moved, untagged, kept, after] = &images;
    for (text, image) in ["t0", "t1", "t2", "t3", "t4"].into_iter().zip(&images) {
        world.push("app", Some(text), image).await;
    }
    world.push("app", Some("t3b"), kept).await;
    untag(&world, "app", "t0").await;
    world.switch(|registry| registry.retention_days = Some(7)).await;
    world.push("app", Some("t1"), kept).await;
    untag(&world, "app", "t2").await;
    untag(&world, "app", "t3").await;
    world.advance(7 * DAY - Duration::from_secs(1));
    assert_eq!(collect(&world).await.manifests, 0);
    world.advance(Duration::from_secs(2));
    assert_eq!(collect(&world).await.manifests, 2);
    for (image, is_kept) in [(before, true), (moved, false), (untagged, false), (kept, true)] {
        assert_eq!(is_there(&world, "app", &image.digest()).await, is_kept);
    }
    world.switch(|registry| registry.retention_days = None).await;
    untag(&world, "app", "t4").await;
    collect_all(&world).await;
    world.switch(|registry| registry.retention_days = Some(0)).await;
    collect_all(&world).await;
    assert!(
        is_there(&world, "app", &after.digest()).await,
        "it lost its tag while off"
    );
}

#[tokio::test]
async fn a_tag_that_comes_back_ends_the_wait_for_retention() {
    let world = TestRegistry::start().await;
    let image = Document::image(&["one"]);
    world.switch(|registry| registry.retention_days = Some(7)).await;
    world.push("app", Some("v1"), &image).await;
    untag(&world, "app", "v1").await;
    world.advance(6 * DAY);
    world.push("app", Some("v2"), &image).await;
    // The tag goes again while the policy is off, so nothing may be held against the manifest.
    world.switch(|registry| registry.retention_days = None).await;
    untag(&world, "app", "v2").await;
    world.switch(|registry| registry.retention_days = Some(7)).await;
    world.advance(8 * DAY);
    collect(&world).await;
    assert!(is_there(&world, "app", &image.digest()).await);
}

#[tokio::test]
async fn what_is_locked_is_kept_and_goes_when_it_is_unlocked() {
    let world = TestRegistry::start().await;
    let child = Document::image(&["child"]);
    let index = Document::index(&[&child]);
    world.switch(|registry| registry.retention_days = Some(0)).await;
    world.push("app", None, &child).await;
    world.push("app", Some("v1"), &index).await;
    let lock = |is_enabled: bool| holdfast_model::AttributesPatch {
        delete_enabled: Some(is_enabled),
        ..Default::default()
    };
    let grant = world.grant::<action::MetadataWrite>("app");
    for document in [&child, &index] {
        world
            .patch_manifest(&grant, &document.digest(), lock(false))
            .await
            .unwrap();
    }
    untag(&world, "app", "v1").await;
    collect_all(&world).await;
    assert!(is_there(&world, "app", &index.digest()).await);
    world.patch_manifest(&grant, &index.digest(), lock(true)).await.unwrap();
    collect_all(&world).await;
    assert!(!is_there(&world, "app", &index.digest()).await);
    assert!(is_there(&world, "app", &child.digest()).await);
    world.patch_manifest(&grant, &child.digest(), lock(true)).await.unwrap();
    collect_all(&world).await;
    assert_nothing_left(&world).await;
}

#[tokio::test]
async fn a_push_that_reuses_waiting_bytes_wins_over_the_collector() {
    let world = TestRegistry::start().await;
    let image = Document::image(&["one"]);
    world.push("app", Some("v1"), &image).await;
    delete(&world, "app", &image).await;
    world.pass_grace();
    // The bytes are due. A client asks whether they are there, and pushes only the manifest.
    for blob in image.blobs() {
        world.stat_blob(&world.grant("app"), &sha256(blob)).await.unwrap();
    }
    assert_eq!(freed_blobs(&collect(&world).await), 0);
    world
        .put_manifest(&world.grant("app"), image.put(tag("v1").into()))
        .await
        .unwrap();
    collect_all(&world).await;
    for blob in image.blobs() {
        assert_eq!(&world.read_blob("app", &sha256(blob)).await.unwrap(), blob);
    }
    // The same when they are pushed or mounted again instead.
    delete(&world, "app", &image).await;
    world.pass_grace();
    world.push("app", Some("v1"), &image).await;
    world.delete_repository(&world.grant("app")).await.unwrap();
    world.pass_grace();
    for blob in image.blobs() {
        let mounted = world
            .mount_blob(&world.grant("app"), &world.grant("app"), &sha256(blob))
            .await;
        assert!(mounted.unwrap().is_some());
    }
    assert_eq!(freed_blobs(&collect(&world).await), 0);
    world
        .put_manifest(&world.grant("app"), image.put(tag("v1").into()))
        .await
        .unwrap();
    collect_all(&world).await;
    assert_eq!(world.count_blobs().await, 2);
}

#[tokio::test]
async fn a_manifest_pushed_again_while_it_waits_is_not_taken_from_its_pusher() {
    let world = TestRegistry::start().await;
    let children = [Document::image(&["amd64"]), Document::image(&["arm64"])];
    let index = Document::index(&[&children[0], &children[1]]);
    for document in [&children[0], &children[1], &index] {
        world.push("app", None, document).await;
    }
    delete(&world, "app", &index).await;
    world.pass_grace();
    // The children are due; a client pushes them again by digest, then their index.
    world.push("app", None, &children[0]).await;
    world.push("app", None, &children[1]).await;
    assert_eq!(collect(&world).await.manifests, 0);
    world.push("app", Some("v1"), &index).await;
    collect_all(&world).await;
    for document in [&children[0], &children[1], &index] {
        assert!(is_there(&world, "app", &document.digest()).await);
    }
}

#[tokio::test]
async fn a_manifest_deleted_and_pushed_again_starts_with_a_clean_slate() {
    let world = TestRegistry::start().await;
    world.switch(|registry| registry.retention_days = Some(0)).await;
    let child = Document::image(&["child"]);
    let index = Document::index(&[&child]);
    for delete_first in ["tag", "child", "index"] {
        world.push("app", Some("child"), &child).await;
        world.push("app", Some("index"), &index).await;
        if delete_first == "tag" {
            untag(&world, "app", "child").await;
        }
        if delete_first == "index" {
            delete(&world, "app", &index).await;
            delete(&world, "app", &child).await;
        } else {
            delete(&world, "app", &child).await;
            delete(&world, "app", &index).await;
        }
        world.pass_grace();
        // All of that was due, and is not held against what is pushed by digest now.
        world.push("app", None, &child).await;
        collect(&world).await;
        assert!(is_there(&world, "app", &child.digest()).await, "{delete_first} first");
        delete(&world, "app", &child).await;
    }
}

#[tokio::test]
async fn a_dry_run_over_many_pages_says_what_the_run_does() {
    let world = TestRegistry::start().await;
    world.switch(|registry| registry.retention_days = Some(0)).await;
    // A blob that is freed early, and whose other link is looked at late, when it has been deleted.
    world.push_blob("one", pattern(1_000, 10)).await;
    // Links of the same blobs from two repositories, far apart in the queue.
    for repository in ["one", "two"] {
        for number in 0..150_u64 {
            world.push_blob(repository, pattern(number, 10)).await;
        }
    }
    // A manifest that waits twice, for its tag and for its parent, far apart in the queue too.
    let child = Document::image(&["child"]);
    let index = Document::index(&[&child]);
    world.push("app", Some("child"), &child).await;
    world.push("app", Some("index"), &index).await;
    untag(&world, "app", "child").await;
    for number in 150..300_u64 {
        world.push_blob("one", pattern(number, 10)).await;
    }
    delete(&world, "app", &index).await;
    world.push_blob("two", pattern(1_000, 10)).await;
    world
        .delete_blob(&world.grant("two"), &sha256(&pattern(1_000, 10)))
        .await
        .unwrap();
    world.pass_grace();
    let collected = collect(&world).await;
    assert_eq!(freed(&collected), (1, 451, 301, 3_010));
    collect_all(&world).await;
    assert_nothing_left(&world).await;
}

#[tokio::test]
async fn a_run_without_grace_takes_only_what_waited_when_it_began() {
    let world = TestRegistry::start().await;
    let child = Document::image(&["child"]);
    let index = Document::index(&[&child]);
    world.push("app", None, &child).await;
    world.push("app", Some("v1"), &index).await;
    for number in 0..250_u64 {
        world.push_blob("loose", pattern(number, 10)).await;
    }
    world.advance(Duration::from_secs(1));
    delete(&world, "app", &index).await;
    world.advance(Duration::from_secs(1));
    let options = |dry_run| CollectOptions {
        grace: Duration::ZERO,
        dry_run,
    };
    // The child's bytes wait from the moment the child goes: the next run takes them.
    for expected in [(1, 250, 250, 2_500), (0, 2, 2, child_bytes(&child))] {
        let dry = world.collect_garbage(options(true)).await.unwrap();
        let real = world.collect_garbage(options(false)).await.unwrap();
        assert_eq!((freed(&dry), freed(&real)), (expected, expected));
        world.advance(Duration::from_secs(1));
    }
    assert_nothing_left(&world).await;
}

fn child_bytes(child: &Document) -> u64 {
    child.blobs().iter().map(|blob| blob.len() as u64).sum()
}

#[tokio::test]
async fn nothing_at_all_is_left_of_a_repository_that_was_deleted() {
    let world = TestRegistry::start().await;
    world.switch(|registry| registry.accept_sparse_manifests = true).await;
    let empty_index = Document::index(&[]);
    let sparse = Document::image(&["not pushed"]);
    for (repository, document) in [("empty", &empty_index), ("sparse", &sparse)] {
        let put = document.put(document.digest().into());
        world.put_manifest(&world.grant(repository), put).await.unwrap();
        delete(&world, repository, document).await;
    }
    world.push("full", Some("v1"), &Document::image(&["layer"])).await;
    world.delete_repository(&world.grant("full")).await.unwrap();
    collect_all(&world).await;
    assert_nothing_left(&world).await;
    for repository in ["empty", "sparse", "full"] {
        use holdfast_model::MetadataExt as _;
        let id = world.id();
        let row = world
            .rows()
            .query(move |read| read.find_repository(id, &name(repository)))
            .await;
        assert_eq!(row.unwrap(), None, "{repository}");
    }
}

#[tokio::test]
async fn an_upload_in_flight_is_not_garbage() {
    let world = TestRegistry::start().await;
    let bytes = pattern(1, 100_000);
    let id = crate::claims::upload_of(&world, "app", &bytes.slice(..50_000)).await;
    collect_all(&world).await;
    crate::claims::finish(&world, "app", id, &sha256(&bytes), &bytes.slice(50_000..))
        .await
        .unwrap();
    assert_eq!(world.read_blob("app", &sha256(&bytes)).await.unwrap(), bytes);
}
