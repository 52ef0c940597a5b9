//! Manifests and tags: what a push demands, what a delete takes along.

mod refused;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use holdfast_access::action;
use holdfast_blobs::fault::Operation;
use holdfast_content::{Error, Precondition, PutManifest};
use holdfast_oci::{Algorithm, Digest, MediaType, Reference, Tag};
use holdfast_testkit::registry::{Document, TestRegistry, everything, name, pattern, tag};
use serde_json::{Value, json};

use crate::claims::{assert_refused, sha256};

async fn put(world: &TestRegistry, repository: &str, document: &Document) -> Result<Digest, Error> {
    let pushed = world
        .put_manifest(&world.grant(repository), document.put(document.digest().into()))
        .await?;
    Ok(pushed.digest)
}

#[tokio::test]
async fn a_manifest_comes_back_as_it_was_pushed() {
    let mut world = TestRegistry::start().await;
    let image = Document::image(&["layer"]);
    for blob in image.blobs() {
        world.push_blob("app", blob.clone()).await;
    }
    // Spaces, order and unknown fields are the pusher's.
    let mut text = String::from("{  \"unknown\": [1, 2.50, {}],\n");
    text.push_str(&std::str::from_utf8(image.bytes()).unwrap()[1..]);
    text.push('\n');
    let bytes = Bytes::from(text);
    let push = PutManifest {
        bytes: bytes.clone(),
        ..image.put(tag("v1").into())
    };
    let pushed = world.put_manifest(&world.grant("app"), push).await.unwrap();
    assert_eq!(pushed.digest, sha256(&bytes));
    for _ in 0..2 {
        let content = world.pull("app", "v1").await.unwrap();
        assert_eq!((content.digest, content.bytes), (sha256(&bytes), bytes.clone()));
        assert_eq!(content.media_type, holdfast_oci::media_type::OCI_MANIFEST);
        world.reopen().await;
    }
}

/// One thread serves this test as it serves many requests: what reads a large manifest on it holds up all others.
#[tokio::test]
async fn a_large_manifest_holds_up_nobody() {
    let world = TestRegistry::start().await;
    // Wrong only at its end, so that it is read whole and nothing else is waited for.
    let keys: Vec<_> = (0..30_000).map(|number| format!("\"{number}\":0")).collect();
    let manifest = Bytes::from(format!("{{{},\"schemaVersion\":1}}", keys.join(",")));
    let others = Arc::new(AtomicU64::new(0));
    let served = Arc::clone(&others);
    let serving = tokio::spawn(async move {
        loop {
            served.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let grant = world.grant("app");
    let pushes = (0..4).map(|_| {
        let mut push = Document::index(&[]).put(tag("v1").into());
        push.bytes = manifest.clone();
        world.put_manifest(&grant, push)
    });
    for refused in futures_util::future::join_all(pushes).await {
        assert_refused!(refused, Error::ManifestInvalid(_));
    }
    serving.abort();
    assert_ne!(others.load(Ordering::Relaxed), 0, "others were served meanwhile");
}

/// A body is a slice of what a connection read: kept, it would keep all of it.
#[tokio::test]
async fn a_push_keeps_nothing_of_its_request() {
    let world = TestRegistry::start().await;
    let index = Document::index(&[]);
    let mut buffer = vec![0; 1 << 20];
    buffer[..index.bytes().len()].copy_from_slice(index.bytes());
    let buffer = Bytes::from(buffer);
    let mut push = index.put(tag("v1").into());
    push.bytes = buffer.slice(..index.bytes().len());
    world.put_manifest(&world.grant("app"), push).await.unwrap();
    assert!(buffer.is_unique());
    world.push_blob("app", buffer.slice(..100)).await;
    assert!(buffer.is_unique());
    assert_eq!(world.pull("app", "v1").await.unwrap().bytes, index.bytes());
}

#[tokio::test]
async fn a_platform_of_many_bytes_is_not_shown() {
    let world = TestRegistry::start().await;
    for (length, is_shown) in [(64, true), (65, false), (1_000_000, false)] {
        let config = format!(r#"{{"architecture":"{}","os":"linux"}}"#, "A".repeat(length));
        let image = Document::image_with_config(config.as_bytes(), &["layer"]);
        world.push("app", None, &image).await;
        let view = world
            .load_manifest_view(&world.grant("app"), &image.digest())
            .await
            .unwrap();
        assert_eq!(view.record.architecture.is_some(), is_shown, "{length}");
        assert_eq!(view.record.os.as_deref(), Some("linux"));
    }
}

/// Tags are the only text of a manifest that grows.
#[tokio::test]
async fn a_page_of_manifests_ends_where_its_tags_are_many() {
    const TAGS: usize = 10_100;
    let world = TestRegistry::start().await;
    let images = ["one", "two", "three"].map(|layer| Document::image(&[layer]));
    for (number, image) in images.iter().enumerate() {
        world.push("app", None, image).await;
        let names: Vec<Tag> = (0..TAGS).map(|n| tag(&format!("{number}-{n:0126}"))).collect();
        for tags in names.chunks(100) {
            let put = PutManifest {
                tags: tags.to_vec(),
                ..image.put(image.digest().into())
            };
            world.put_manifest(&world.grant("app"), put).await.unwrap();
        }
    }
    let (mut page, mut seen) = (everything(), Vec::new());
    for expected in [2, 1] {
        let listed = world.list_manifests(&world.grant("app"), page.clone()).await.unwrap();
        assert_eq!(listed.manifests.len(), expected);
        for view in &listed.manifests {
            assert_eq!(view.tags.len(), 10_000);
            seen.push(view.record.digest);
        }
        page.after = listed.next;
    }
    assert_eq!(page.after, None);
    let mut digests = images.map(|image| image.digest());
    digests.sort_unstable();
    assert_eq!(seen, digests);
}

#[tokio::test]
async fn a_config_is_read_only_when_its_row_says_that_it_is_small() {
    let world = TestRegistry::start().await;
    let config = pattern(1, 2 << 20);
    let image = Document::image_with_config(&config, &[""; 0]);
    world.push_blob("app", config).await;
    let lying = image.clone().edited(|json| json["config"]["size"] = json!(2));
    let opened = world.blobs().count(Operation::Open);
    assert_refused!(put(&world, "app", &lying).await, Error::SizeMismatch { .. });
    assert_eq!(world.blobs().count(Operation::Open), opened, "the lie was not followed");
    put(&world, "app", &image).await.unwrap();
    assert_eq!(world.blobs().count(Operation::Open), opened, "nor was a large one read");
}

fn media_type_repository(media_type: &str) -> &'static str {
    if media_type.contains("docker") { "docker" } else { "oci" }
}

#[tokio::test]
async fn a_subject_need_not_exist_and_referrers_are_listed_either_way() {
    let world = TestRegistry::start().await;
    let subject = Document::image(&["subject"]);
    let early = Document::image(&["early"]).referring_to(&subject);
    let late = Document::index(&[])
        .edited(|json| json["artifactType"] = json!("application/x-late"))
        .referring_to(&subject);
    let pull = world.grant::<action::Pull>("app");
    let subject_digest = subject.digest();
    let list = |kind: Option<&str>| world.list_referrers(&pull, &subject_digest, kind.map(str::to_owned), None, 10);
    assert!(list(None).await.unwrap().manifests.is_empty());
    world.push("app", None, &early).await;
    let pushed = world
        .put_manifest(&world.grant("app"), late.put(tag("late").into()))
        .await
        .unwrap();
    assert_eq!(pushed.subject, Some(subject.digest()));
    assert_eq!(list(None).await.unwrap().manifests.len(), 2);
    world.push("app", Some("v1"), &subject).await;
    let mut digests = [early.digest(), late.digest()];
    digests.sort();
    let listed = list(None).await.unwrap();
    assert_eq!(
        listed.manifests.iter().map(|record| record.digest).collect::<Vec<_>>(),
        digests
    );
    let filtered = list(Some("application/x-late")).await.unwrap();
    assert_eq!(filtered.manifests.len(), 1);
    assert_eq!(filtered.manifests[0].digest, late.digest());
    let page = world
        .list_referrers(&pull, &subject.digest(), None, None, 1)
        .await
        .unwrap();
    assert_eq!(page.next, Some(page.manifests[0].digest));
    let rest = world
        .list_referrers(&pull, &subject.digest(), None, Some(page.manifests[0].digest), 1)
        .await
        .unwrap();
    assert_eq!(rest.next, None);
    assert_eq!(rest.manifests[0].digest, digests[1]);
    let other_repository = world.grant::<action::Pull>("other");
    let elsewhere = world
        .list_referrers(&other_repository, &subject.digest(), None, None, 10)
        .await;
    assert!(elsewhere.unwrap().manifests.is_empty());
}

#[tokio::test]
async fn untagging_keeps_the_manifest_and_deleting_takes_its_tags() {
    let world = TestRegistry::start().await;
    let (one, two) = (Document::image(&["one"]), Document::image(&["two"]));
    for (tag, document) in [("v1", &one), ("v2", &one), ("other", &two)] {
        world.push("app", Some(tag), document).await;
    }
    world.delete_tag(&world.grant("app"), &tag("v1")).await.unwrap();
    assert_refused!(
        world.delete_tag(&world.grant("app"), &tag("v1")).await,
        Error::TagUnknown { .. }
    );
    assert_refused!(world.pull("app", "v1").await, Error::ManifestTagUnknown { .. });
    world.pull("app", &one.digest().to_string()).await.unwrap();

    world.delete_manifest(&world.grant("app"), &one.digest()).await.unwrap();
    assert_refused!(world.pull("app", "v2").await, Error::ManifestTagUnknown { .. });
    assert_refused!(
        world.pull("app", &one.digest().to_string()).await,
        Error::ManifestUnknown { .. }
    );
    assert_refused!(
        world.delete_manifest(&world.grant("app"), &one.digest()).await,
        Error::ManifestUnknown { .. }
    );
    let view = world.load_repository(&world.grant("app")).await.unwrap();
    assert_eq!((view.manifest_count, view.tag_count), (1, 1));

    let deleted = world.delete_repository(&world.grant("app")).await.unwrap();
    assert_eq!(deleted.manifests, [two.digest()]);
    assert_eq!(deleted.tags, [tag("other")]);
    assert!(world.catalog().await.is_empty());
    assert_refused!(
        world.delete_repository(&world.grant("app")).await,
        Error::RepositoryUnknown { .. }
    );
    let no_tag = world.delete_tag(&world.grant("app"), &tag("other")).await;
    assert_refused!(no_tag, Error::TagUnknown { .. });
    // Whether the repository was ever there makes no difference to a manifest.
    for gone in ["app", "never"] {
        assert_refused!(world.pull(gone, "v1").await, Error::ManifestTagUnknown { .. });
        let by_digest = world.pull(gone, &one.digest().to_string()).await;
        assert_refused!(by_digest, Error::ManifestUnknown { .. });
        let deleted = world.delete_manifest(&world.grant(gone), &one.digest()).await;
        assert_refused!(deleted, Error::ManifestUnknown { .. });
    }
}

#[tokio::test]
async fn a_repository_of_many_manifests_is_deleted_whole() {
    let world = TestRegistry::start().await;
    world.push_blob("app", "config").await;
    // More than one transaction takes.
    for number in 0..450 {
        let document = Document::image_with_config(b"config", &[""; 0]).with_note(&number.to_string());
        let tagged = Reference::Tag(tag(&format!("t{number}")));
        world
            .put_manifest(&world.grant("app"), document.put(tagged))
            .await
            .unwrap();
    }
    let deleted = world.delete_repository(&world.grant("app")).await.unwrap();
    assert_eq!((deleted.manifests.len(), deleted.tags.len()), (450, 450));
    assert!(world.catalog().await.is_empty());
    world.pass_grace();
    assert_eq!(crate::claims::freed_blobs(&world.collect().await), 1);
    crate::claims::assert_nothing_left(&world).await;
}

#[tokio::test]
async fn conditions_hold_for_every_tag_or_nothing_changes() {
    let world = TestRegistry::start().await;
    let (one, two) = (Document::image(&["one"]), Document::image(&["two"]));
    for document in [&one, &two] {
        world.push("blobs", None, document).await;
        for blob in document.blobs() {
            world.push_blob("app", blob.clone()).await;
        }
    }
    let put = |document: &Document, tags: &[&str], precondition: Precondition| {
        let mut put = document.put(tag(tags[0]).into());
        put.tags = tags[1..].iter().map(|text| tag(text)).collect();
        put.precondition = Some(precondition);
        let grant = world.grant::<action::Push>("app");
        let world = &world;
        async move { world.put_manifest(&grant, put).await }
    };
    let refused = put(&one, &["v1"], Precondition::Present).await;
    assert_refused!(refused, Error::PreconditionFailed { found: None, .. });
    put(&one, &["v1"], Precondition::Absent).await.unwrap();
    let refused = put(&two, &["v1"], Precondition::Absent).await;
    assert_refused!(refused, Error::PreconditionFailed { found: Some(_), .. });
    let refused = put(&two, &["new", "v1"], Precondition::Absent).await;
    assert_refused!(refused, Error::PreconditionFailed { .. });
    assert_refused!(world.pull("app", "new").await, Error::ManifestTagUnknown { .. });
    let refused = put(&two, &["v1"], Precondition::OneOf(vec![two.digest()])).await;
    assert_refused!(refused, Error::PreconditionFailed { .. });
    put(&two, &["v1"], Precondition::OneOf(vec![two.digest(), one.digest()]))
        .await
        .unwrap();
    assert_eq!(world.pull("app", "v1").await.unwrap().digest, two.digest());

    // By digest the condition is about the manifest itself.
    let mut again = one.put(one.digest().into());
    again.precondition = Some(Precondition::Absent);
    let refused = world.put_manifest(&world.grant("app"), again).await;
    assert_refused!(refused, Error::PreconditionFailed { .. });
}

#[tokio::test]
async fn one_push_sets_many_tags_up_to_a_limit() {
    let world = TestRegistry::start().await;
    let image = Document::image(&["one"]);
    world.push("app", None, &image).await;
    let mut put = image.put(image.digest().into());
    put.tags = (0..100).map(|number| tag(&format!("t{number:03}"))).collect();
    let pushed = world.put_manifest(&world.grant("app"), put.clone()).await.unwrap();
    assert_eq!(pushed.tags, put.tags);
    assert_eq!(world.tags("app").await.unwrap().len(), 100);
    put.tags.push(tag("one-more"));
    let refused = world.put_manifest(&world.grant("app"), put).await;
    assert_refused!(refused, Error::TooManyTags { limit: 100, .. });
}

#[tokio::test]
async fn ambiguous_and_unknown_manifests_are_refused() {
    let world = TestRegistry::start().await;
    let image = Document::image(&["one"]);
    world.push("app", Some("v1"), &image).await;
    let edits: [fn(&mut Value); 4] = [
        |json| json["manifests"] = json!([]),
        |json| json["schemaVersion"] = json!(1),
        |json| json["mediaType"] = json!("application/vnd.oci.image.index.v1+json"),
        |json| json["mediaType"] = json!("text/plain"),
    ];
    for edit in edits {
        let refused = put(&world, "app", &image.clone().edited(edit)).await;
        assert_refused!(refused, Error::ManifestInvalid(_));
    }
    let mut other_type = image.put(tag("v1").into());
    other_type.media_type = Some(holdfast_oci::media_type::OCI_INDEX.parse::<MediaType>().unwrap());
    let refused = world.put_manifest(&world.grant("app"), other_type).await;
    assert_refused!(refused, Error::ManifestInvalid(_));
}

#[tokio::test]
async fn listings_show_platform_size_and_tags() {
    let world = TestRegistry::start().await;
    let image = Document::image(&["0123456789"]);
    world.push("app", Some("v1"), &image).await;
    world.push("app", Some("v0"), &image).await;
    let index = Document::index(&[&image]);
    world.push("app", Some("multi"), &index).await;
    let grant = world.grant::<action::MetadataRead>("app");
    let view = world.load_manifest_view(&grant, &image.digest()).await.unwrap();
    assert_eq!(view.record.architecture.as_deref(), Some("amd64"));
    assert_eq!(view.record.os.as_deref(), Some("linux"));
    let config_bytes = image.blobs()[0].len() as u64;
    assert_eq!(view.record.image_size_bytes, config_bytes + 10);
    assert_eq!(view.tags, [tag("v0"), tag("v1")]);
    let view = world.load_manifest_view(&grant, &index.digest()).await.unwrap();
    let platform = Some("amd64".to_owned());
    assert_eq!(view.references, [(image.digest(), platform, Some("linux".to_owned()))]);
    assert_eq!(view.record.image_size_bytes, config_bytes + 10);
}
