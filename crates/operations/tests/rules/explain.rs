//! Why something is kept.

use holdfast_content::Error;
use holdfast_testkit::registry::{Document, NAME, TestRegistry, tag};

use crate::claims::{assert_refused, sha256};

/// Repository, kind, reason and whether it waits, of everything found.
async fn explain(world: &TestRegistry, digest: &holdfast_oci::Digest) -> Vec<(String, &'static str, String, bool)> {
    let found = world.explain(NAME, digest).await.unwrap();
    let mut found: Vec<_> = found
        .into_iter()
        .map(|found| {
            let reason = found.kept_because.unwrap_or_default();
            (found.repository, found.kind, reason, found.queued_at.is_some())
        })
        .collect();
    found.sort();
    found
}

async fn why(world: &TestRegistry, document: &Document) -> (String, bool) {
    let mut found = explain(world, &document.digest()).await;
    assert_eq!(found.len(), 1);
    let (repository, kind, reason, waits) = found.remove(0);
    assert_eq!((repository.as_str(), kind), ("app", "manifest"));
    (reason, waits)
}

#[tokio::test]
async fn blobs_are_explained_per_repository() {
    let world = TestRegistry::start().await;
    let image = Document::image(&["layer"]);
    world.push("app", Some("v1"), &image).await;
    world.push_blob("loose", "layer").await;
    world.pass_grace();
    world.collect_dry().await;
    let needed = format!("manifest {} needs it", image.digest());
    let found = explain(&world, &sha256(b"layer")).await;
    assert_eq!(
        found,
        [
            ("app".to_owned(), "blob", needed, true),
            ("loose".to_owned(), "blob", String::new(), true)
        ]
    );
    world.collect().await;
    let found = explain(&world, &sha256(b"layer")).await;
    assert_eq!(found.len(), 1);
    assert!(!found[0].3, "looked at and kept");
    assert_eq!(explain(&world, &sha256(b"never pushed")).await, []);
}

#[tokio::test]
async fn manifests_are_kept_by_tag_parent_subject_lock_or_policy() {
    let world = TestRegistry::start().await;
    let child = Document::image(&["child"]);
    let index = Document::index(&[&child]);
    let referrer = Document::image(&["referrer"]).referring_to(&index);
    let plain = Document::image(&["plain"]);
    for document in [&child, &index, &referrer, &plain] {
        world.push("app", None, document).await;
    }
    world.push("app", Some("v1"), &index).await;
    assert_eq!(why(&world, &index).await, ("tag v1 points to it".to_owned(), false));
    let lists = format!("index {} lists it", index.digest());
    assert_eq!(why(&world, &child).await, (lists, false));
    let refers = format!("it refers to manifest {}, which is there", index.digest());
    assert_eq!(why(&world, &referrer).await, (refers, false));
    let off = "it has no tag, but the registry's retention policy is off";
    assert_eq!(why(&world, &plain).await, (off.to_owned(), false));

    world.switch(|registry| registry.retention_days = Some(7)).await;
    let on = "it lost no tag since the retention policy was switched on";
    assert_eq!(why(&world, &plain).await, (on.to_owned(), false));
    world.delete_tag(&world.grant("app"), &tag("v1")).await.unwrap();
    assert_eq!(
        why(&world, &index).await,
        (String::new(), true),
        "nothing needs it; it waits"
    );
    crate::lock::set_repository(&world, "app", |patch| patch.write_enabled = Some(false)).await;
    assert_eq!(why(&world, &index).await, ("it is locked".to_owned(), true));
}

#[tokio::test]
async fn an_unknown_registry_is_an_error() {
    let world = TestRegistry::start().await;
    let explained = world.explain("nobody", &sha256(b"x")).await;
    assert_refused!(explained, Error::RegistryUnknown { .. });
}
