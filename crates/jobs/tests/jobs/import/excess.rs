//! Images with more manifests, or larger ones, than an import takes: it is given up before more of them are fetched.

use holdfast_resources::{ImportFailure, ImportFailureKind};
use holdfast_testkit::registry::Document;

use super::super::upstream::manifest_path;
use super::{Upstream, World, image};

/// The most manifests that an image has.
const MANIFESTS: usize = 50;
/// The most bytes that an image's manifests have.
const MANIFEST_BYTES: usize = 32 << 20;

fn numbered(count: usize, note: &str) -> Vec<Document> {
    let number = |number| image().with_note(&format!("{number} {note}"));
    (0..count).map(number).collect()
}

/// What an import of an index of these says, and how many of them were asked for.
async fn refusal_of(children: &[Document]) -> (ImportFailure, usize) {
    let index = Document::index(&children.iter().collect::<Vec<_>>());
    let (world, upstream) = (World::start().await, Upstream::start(&index).await);
    for child in children {
        upstream.hold(child);
    }
    let owner = world.owner().await;
    let runner = world.runner(&[format!("http://{}", upstream.host)]);
    let id = world.ask(&owner, &upstream, false).await.unwrap();
    runner.run_due().await;
    let failure = world.outcome(&owner, id).await.unwrap_err();
    assert_eq!(failure.kind, ImportFailureKind::Source, "{failure:?}");
    let asked = children
        .iter()
        .filter(|child| !upstream.asked(&manifest_path(child)).is_empty());
    (failure, asked.count())
}

#[tokio::test]
async fn an_index_with_too_many_entries_is_refused_before_any_is_fetched() {
    let (failure, asked) = refusal_of(&numbered(MANIFESTS + 1, "")).await;
    assert!(failure.message.contains("more than 50 manifests"), "{failure:?}");
    assert_eq!(asked, 0);
}

#[tokio::test]
async fn an_image_counts_among_its_manifests() {
    let (failure, asked) = refusal_of(&numbered(MANIFESTS, "")).await;
    assert!(failure.message.contains("more than 50 manifests"), "{failure:?}");
    assert_eq!(asked, MANIFESTS - 1);
}

#[tokio::test]
async fn an_image_whose_manifests_are_too_large_together_is_refused() {
    let note = "a".repeat(4_000_000);
    let (failure, asked) = refusal_of(&numbered(10, &note)).await;
    let expected = format!("more than {MANIFEST_BYTES} bytes");
    assert!(failure.message.contains(&expected), "{failure:?}");
    assert_eq!(asked, MANIFEST_BYTES / note.len() + 1);
}
