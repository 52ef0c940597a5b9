//! Manifests: what is taken and shown exactly, what is refused, conditions, tags set with a push, deletion.

use serde_json::{Value, json};

use crate::{
    harness::{Harness, Image, OCI_INDEX, OCI_MANIFEST, descriptor, sha256, sha512},
    wire::Answer,
};

mod conditional;
mod refused;

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const LIMIT: usize = 4 << 20;

fn index(children: &[Value]) -> Value {
    json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children })
}

/// The good image with one field changed.
fn changed(image: &Image, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut manifest: Value = serde_json::from_slice(&image.manifest).unwrap();
    change(&mut manifest);
    manifest.to_string().into_bytes()
}

#[tokio::test]
async fn a_push_answers_with_the_headers_of_the_specification() {
    let harness = Harness::new().await;
    let image = Image::new("image");
    harness.push_blob("team/app", &image.config).await;
    harness.push_blob("team/app", &image.layer).await;
    for reference in ["v1", &image.digest] {
        let pushed = harness
            .put_manifest("team/app", reference, OCI_MANIFEST, &image.manifest)
            .send()
            .await
            .expect(201);
        let location = format!("/v2/team/app/manifests/{}", image.digest);
        assert_eq!(pushed.header("location"), Some(location.as_str()));
        assert_eq!(pushed.header("docker-content-digest"), Some(image.digest.as_str()));
        assert_eq!(pushed.header("content-length"), Some("0"));
        assert_eq!(pushed.header("oci-subject"), None);
        assert!(pushed.headers_named("oci-tag").is_empty());
        harness.get(&location).await.expect(200);
    }
}

#[tokio::test]
async fn the_exact_bytes_come_back_with_their_type_and_digest() {
    let harness = Harness::new().await;
    let config = b"{}".to_vec();
    // Odd spacing, escapes and fields of the future: none of it is ours to change.
    let text = format!(
        " {{\n\t\"schemaVersion\" : 2e0,\r\n \"mediaType\":\"{OCI_MANIFEST}\", \"future\": {{\"\\u00e9\": [1.0, -0]}},\
         \"config\":{},\"layers\":null, \"artifactType\":\"a/b\" }}\n\n",
        descriptor("application/vnd.oci.empty.v1+json", &config)
    );
    let bytes = text.replace("2e0", "2").into_bytes();
    harness.push_blob("a", &config).await;
    harness
        .put_manifest("a", "v1", OCI_MANIFEST, &bytes)
        .send()
        .await
        .expect(201);
    for reference in ["v1".to_owned(), sha256(&bytes)] {
        let target = format!("/v2/a/manifests/{reference}");
        let pulled = harness.get(&target).await.expect(200);
        assert!(pulled.body == bytes);
        let head = harness.admin("HEAD", &target).send().await.expect(200);
        for answer in [&pulled, &head] {
            assert_eq!(answer.header("content-type"), Some(OCI_MANIFEST));
            assert_eq!(answer.header("content-length"), Some(bytes.len().to_string().as_str()));
            assert_eq!(answer.header("docker-content-digest"), Some(sha256(&bytes).as_str()));
            assert_eq!(answer.header("etag"), Some(format!("\"{}\"", sha256(&bytes)).as_str()));
        }
        assert_eq!(without_date(&pulled), without_date(&head));
    }
}

fn without_date(answer: &Answer) -> Vec<(String, String)> {
    let headers = answer.headers.iter().filter(|(name, _)| name != "date");
    headers.cloned().collect()
}

#[tokio::test]
async fn every_kind_of_manifest_is_taken() {
    let harness = Harness::new().await;
    let image = Image::new("image");
    harness.push_image("a", "image", &image).await;
    let child = descriptor(OCI_MANIFEST, &image.manifest);
    let inner = index(std::slice::from_ref(&child)).to_string().into_bytes();
    let config = descriptor("application/vnd.docker.container.image.v1+json", &image.config);
    let foreign = json!({
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": sha256("a Windows layer"), "size": 1_000_000_000_000_u64, "urls": ["https://example.com/layer"],
    });
    let nondistributable = json!({
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "digest": sha512("another"), "size": 7, "urls": ["https://example.com/layer"],
    });
    let docker = json!({ "schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": config,
        "layers": [foreign, descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", &image.layer)] });
    let docker = docker.to_string().into_bytes();
    let artifact = "application/vnd.oci.artifact.manifest.v1+json";
    let oras = "application/vnd.cncf.oras.artifact.manifest.v1+json";
    for (tag, media_type, bytes) in [
        ("docker", DOCKER_MANIFEST, docker.clone()),
        ("list", DOCKER_LIST, json!({ "schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [descriptor(DOCKER_MANIFEST, &docker)] }).to_string().into_bytes()),
        ("inner", OCI_INDEX, inner.clone()),
        ("nested", OCI_INDEX, index(&[descriptor(OCI_INDEX, &inner), child.clone(), child]).to_string().into_bytes()),
        ("empty", OCI_INDEX, index(&[]).to_string().into_bytes()),
        ("null", OCI_INDEX, format!("{{\"schemaVersion\":2,\"mediaType\":\"{OCI_INDEX}\",\"manifests\":null}}").into_bytes()),
        ("nolayers", OCI_MANIFEST, changed(&image, |manifest| manifest["layers"] = json!([]))),
        ("windows", OCI_MANIFEST, changed(&image, |manifest| manifest["layers"] = json!([nondistributable]))),
        ("anything", OCI_MANIFEST, changed(&image, |manifest| manifest["config"]["mediaType"] = "any thing".into())),
        ("data", OCI_MANIFEST, changed(&image, |manifest| manifest["config"] = json!({ "mediaType": "a/b", "digest": sha256("{}"), "size": 2, "data": "e30=" }))),
        ("artifact", artifact, json!({ "mediaType": artifact, "artifactType": "a/b", "blobs": [descriptor(LAYER, &image.layer)] }).to_string().into_bytes()),
        ("oras", oras, json!({ "mediaType": oras, "artifactType": "a/b", "blobs": [] }).to_string().into_bytes()),
    ] {
        if tag == "data" {
            harness.push_blob("a", b"{}").await;
        }
        harness.put_manifest("a", tag, media_type, &bytes).send().await.expect(201);
        let pulled = harness.get(&format!("/v2/a/manifests/{tag}")).await.expect(200);
        assert_eq!(pulled.header("content-type"), Some(media_type));
        assert!(pulled.body == bytes, "{tag}");
    }
}

#[tokio::test]
async fn tags_of_the_query_are_set_with_the_push_all_or_none() {
    let harness = Harness::new().await;
    let image = Image::new("image");
    harness.push_blob("a", &image.config).await;
    harness.push_blob("a", &image.layer).await;
    let tags: Vec<String> = (0..101).map(|index| format!("t{index:03}")).collect();
    let query = |tags: &[String]| {
        tags.iter()
            .map(|tag| format!("tag={tag}"))
            .collect::<Vec<_>>()
            .join("&")
    };
    let put = |target: String| {
        let bytes = image.manifest.clone();
        harness.put_manifest("a", &target, OCI_MANIFEST, &bytes)
    };
    let before = harness.remains().await;
    let many = put(format!("{}?{}", image.digest, query(&tags))).send().await;
    many.refuses(414, "TAG_INVALID", "101 tags");
    assert_eq!(harness.remains().await, before);
    let most = put(format!("{}?{}", image.digest, query(&tags[..100])))
        .send()
        .await
        .expect(201);
    assert_eq!(
        most.headers_named("oci-tag"),
        tags[..100].iter().map(String::as_str).collect::<Vec<_>>()
    );
    assert_eq!(harness.get("/v2/a/tags/list").await.json()["tags"], json!(tags[..100]));
    let twice = put(format!("{}?tag=x&tag=y&tag=x&other=z", image.digest))
        .send()
        .await
        .expect(201);
    assert_eq!(twice.headers_named("oci-tag"), ["x", "y"]);
    // The parameter belongs to a push by digest: with a tag it sets nothing, and is not even looked at.
    for ignored in ["tag=ignored", "tag=/"] {
        let by_tag = put(format!("v1?{ignored}")).send().await.expect(201);
        assert!(by_tag.headers_named("oci-tag").is_empty());
    }
    let ignored = harness.get("/v2/a/manifests/ignored").await;
    ignored.refuses(404, "MANIFEST_UNKNOWN", "ignored");
    // One of them is locked: none moves.
    let locked = harness
        .admin("PATCH", "/acr/v1/a/_tags/y")
        .body("{\"writeEnabled\":false}");
    locked.send().await.expect(200);
    let other = Image::new("other");
    harness.push_blob("a", &other.config).await;
    harness.push_blob("a", &other.layer).await;
    let before = harness.remains().await;
    let target = format!("{}?tag=new&tag=x&tag=y&tag=z", other.digest);
    let refused = harness
        .put_manifest("a", &target, OCI_MANIFEST, &other.manifest)
        .send()
        .await;
    refused.refuses(405, "REGISTRY_DISALLOWED_OPERATION", "tag y");
    assert_eq!(harness.remains().await, before);
}

#[tokio::test]
async fn a_subject_is_named_in_the_answer_also_when_it_is_not_there() {
    let harness = Harness::new().await;
    let image = Image::new("image");
    harness.push_image("a", "v1", &image).await;
    for subject in [
        descriptor(OCI_MANIFEST, &image.manifest),
        descriptor(OCI_MANIFEST, b"not there yet"),
    ] {
        let digest = subject["digest"].as_str().unwrap().to_owned();
        let referrer = changed(&image, |manifest| manifest["subject"] = subject.clone());
        let mut listing = index(&[]);
        listing["subject"] = subject;
        let listing = listing.to_string().into_bytes();
        for (media_type, bytes) in [(OCI_MANIFEST, &referrer), (OCI_INDEX, &listing)] {
            for reference in ["signature", &sha256(bytes)] {
                let pushed = harness
                    .put_manifest("a", reference, media_type, bytes)
                    .send()
                    .await
                    .expect(201);
                assert_eq!(pushed.header("oci-subject"), Some(digest.as_str()));
            }
        }
    }
}

#[tokio::test]
async fn deleting_a_tag_keeps_the_manifest_and_deleting_the_manifest_takes_its_tags() {
    let harness = Harness::new().await;
    let digest = harness.push_tags("a", "image", &["v1", "v2", "v3"]).await;
    let kept = harness.push_tags("a", "other", &["kept"]).await;
    let gone = harness.admin("DELETE", "/v2/a/manifests/v1").send().await.expect(202);
    assert_eq!((gone.header("content-length"), gone.body.len()), (Some("0"), 0));
    let missing = harness.get("/v2/a/manifests/v1").await.refuses(
        404,
        "MANIFEST_UNKNOWN",
        "manifest tagged by \"v1\" is not found",
    );
    assert_eq!(missing.detail(), json!({ "Tag": "v1" }));
    harness.get(&format!("/v2/a/manifests/{digest}")).await.expect(200);
    harness
        .admin("DELETE", &format!("/v2/a/manifests/{digest}"))
        .send()
        .await
        .expect(202);
    for reference in ["v2", "v3", &digest] {
        let target = format!("/v2/a/manifests/{reference}");
        harness.get(&target).await.refuses(404, "MANIFEST_UNKNOWN", reference);
        harness.admin("HEAD", &target).send().await.expect(404);
    }
    let again = harness
        .admin("DELETE", &format!("/v2/a/manifests/{digest}"))
        .send()
        .await;
    let again = again.refuses(404, "MANIFEST_UNKNOWN", &digest);
    assert_eq!(again.detail(), json!({ "Name": "a", "Revision": digest }));
    let again = harness.admin("DELETE", "/v2/a/manifests/v2").send().await;
    again.refuses(404, "TAG_UNKNOWN", "v2");
    assert_eq!(harness.get("/v2/a/tags/list").await.json()["tags"], json!(["kept"]));
    // With its last manifest the repository is gone.
    harness
        .admin("DELETE", &format!("/v2/a/manifests/{kept}"))
        .send()
        .await
        .expect(202);
    let unknown = harness.get("/v2/a/tags/list").await.refuses(404, "NAME_UNKNOWN", "a");
    assert_eq!(unknown.detail(), json!({ "name": "a" }));
    // A client that asks for an image is told that there is none, as before: skopeo and oras tell by the code.
    for reference in ["kept", &kept] {
        let target = format!("/v2/a/manifests/{reference}");
        harness.get(&target).await.refuses(404, "MANIFEST_UNKNOWN", reference);
    }
    let again = harness.admin("DELETE", &format!("/v2/a/manifests/{kept}")).send().await;
    again.refuses(404, "MANIFEST_UNKNOWN", &kept);
    assert_eq!(harness.get("/v2/_catalog").await.json()["repositories"], json!([]));
}
