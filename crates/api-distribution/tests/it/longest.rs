//! Every text that a push has stored, at its greatest length and one longer: the one is read back whole wherever it is
//! shown, the other is refused by the name of the input, and nothing of it is kept. The same with a NUL in it, which not
//! every database keeps.

use serde_json::{Value, json};

use crate::harness::{Harness, Image, OCI_MANIFEST, descriptor, sha256};

/// Bytes of a repository's name, of a tag and of a type (ACR, distribution's grammar, RFC 6838).
const MOST: [(&str, usize); 4] = [
    ("repository name", 255),
    ("tag", 128),
    ("artifactType", 255),
    ("config.mediaType", 255),
];
/// Bytes of an architecture or os that are shown; those of a longer one are not.
const MOST_OF_PLATFORM: usize = 64;

/// What is pushed.
struct Texts {
    repository: String,
    tag: String,
    manifest: Vec<u8>,
}

impl Texts {
    /// At their greatest lengths, but for the input that is one longer.
    fn new(over: &str) -> Self {
        let [repository, tag, artifact, config] =
            MOST.map(|(input, most)| "n".repeat(most + usize::from(input == over)));
        let more = json!({ "artifactType": artifact, "subject": descriptor(OCI_MANIFEST, &Image::new("s").manifest) });
        let image = Image::with(b"{}".to_vec(), b"{}".to_vec(), &more);
        let mut manifest: Value = serde_json::from_slice(&image.manifest).unwrap();
        manifest["config"]["mediaType"] = json!(config);
        Self {
            repository,
            tag,
            manifest: manifest.to_string().into_bytes(),
        }
    }
}

#[tokio::test]
async fn the_longest_names_and_types_are_shown_whole_and_longer_ones_are_refused_by_name() {
    let harness = Harness::new().await;
    let Texts {
        repository,
        tag,
        manifest,
    } = Texts::new("");
    harness.push_blob(&repository, b"{}").await;
    let before = harness.remains().await;
    for (input, most) in MOST {
        let over = Texts::new(input);
        let put = harness.put_manifest(&over.repository, &over.tag, OCI_MANIFEST, &over.manifest);
        let refused = put.send().await.expect(400);
        let (told, long) = (refused.message(), (most + 1).to_string());
        assert!(told.contains(input) && told.contains(&long), "{input}: {told}");
        assert_eq!(harness.remains().await, before, "{input}");
    }
    let put = harness.put_manifest(&repository, &tag, OCI_MANIFEST, &manifest);
    put.send().await.expect(201);
    let (digest, subject) = (sha256(&manifest), Image::new("s").digest);
    let (artifact, config) = ("n".repeat(MOST[2].1), "n".repeat(MOST[3].1));
    let acr = format!("/acr/v1/{repository}");
    for (target, texts) in [
        ("/v2/_catalog".to_owned(), vec![&repository]),
        ("/acr/v1/_catalog".to_owned(), vec![&repository]),
        (acr.clone(), vec![&repository]),
        (format!("/v2/{repository}/tags/list"), vec![&repository, &tag]),
        (format!("{acr}/_tags"), vec![&repository, &tag]),
        (format!("{acr}/_tags/{tag}"), vec![&repository, &tag]),
        (format!("{acr}/_manifests"), vec![&repository, &tag, &artifact, &config]),
        (
            format!("{acr}/_manifests/{digest}"),
            vec![&repository, &tag, &artifact, &config],
        ),
        (format!("/v2/{repository}/referrers/{subject}"), vec![&artifact]),
    ] {
        let shown = harness.get(&target).await.expect(200);
        for text in texts {
            assert!(
                shown.text().contains(&format!("\"{text}\"")),
                "{target}: {}",
                shown.text()
            );
        }
    }
    // The place that a page goes on from is as long.
    harness.push_tags("o", "other", &["v1"]).await;
    let first = harness.get("/v2/_catalog?n=1").await.expect(200);
    let second = harness.get(&first.next().unwrap()).await.expect(200);
    assert_eq!(second.json()["repositories"], json!(["o"]));
    harness.push_tags(&repository, "other", &["o"]).await;
    for (list, query) in [("_tags", ""), ("_tags", "&orderby=timeasc")] {
        let first = harness.get(&format!("{acr}/{list}?n=1{query}")).await.expect(200);
        let second = harness.get(&first.next().unwrap()).await.expect(200);
        assert_eq!(second.json()["tags"][0]["name"], "o", "{query}");
    }
}

#[tokio::test]
async fn a_type_with_nul_in_it_is_refused_by_name() {
    let harness = Harness::new().await;
    harness.push_blob("app", b"{}").await;
    let before = harness.remains().await;
    for (pointer, input) in [
        ("/artifactType", "artifactType"),
        ("/config/mediaType", "config.mediaType"),
    ] {
        let mut manifest: Value = serde_json::from_slice(&Texts::new("").manifest).unwrap();
        *manifest.pointer_mut(pointer).unwrap() = json!("a/\0b");
        let manifest = manifest.to_string().into_bytes();
        let put = harness.put_manifest("app", "v1", OCI_MANIFEST, &manifest);
        let refused = put.send().await.expect(400);
        assert_eq!(refused.code(), "MANIFEST_INVALID", "{input}");
        assert!(refused.message().contains(input), "{input}: {}", refused.message());
        assert_eq!(harness.remains().await, before, "{input}");
    }
}

#[tokio::test]
async fn a_platform_with_nul_in_it_is_not_shown() {
    let harness = Harness::new().await;
    let config = json!({ "architecture": "a\0", "os": "\0" }).to_string().into_bytes();
    let image = Image::with(config, b"layer".to_vec(), &json!({}));
    harness.push_image("app", "v1", &image).await;
    let target = format!("/acr/v1/app/_manifests/{}", image.digest);
    let shown = harness.get(&target).await.expect(200).json();
    assert_eq!(shown["manifest"]["architecture"], Value::Null);
    assert_eq!(shown["manifest"]["os"], Value::Null);
}

#[tokio::test]
async fn the_longest_platform_is_shown_and_a_longer_one_is_not() {
    let harness = Harness::new().await;
    for (length, is_shown) in [(MOST_OF_PLATFORM, true), (MOST_OF_PLATFORM + 1, false)] {
        let text = "p".repeat(length);
        let config = json!({ "architecture": text, "os": text }).to_string().into_bytes();
        let image = Image::with(config, b"layer".to_vec(), &json!({}));
        harness.push_image("app", "v1", &image).await;
        for target in [format!("_manifests/{}", image.digest), "_manifests".to_owned()] {
            let shown = harness.get(&format!("/acr/v1/app/{target}")).await.expect(200).json();
            let one = shown["manifests"].as_array().map_or(&shown["manifest"], |list| {
                list.iter().find(|one| one["digest"] == image.digest.as_str()).unwrap()
            });
            let wanted = if is_shown { json!(text) } else { Value::Null };
            assert_eq!(
                [&one["architecture"], &one["os"]],
                [&wanted, &wanted],
                "{target} of {length}"
            );
        }
    }
}
