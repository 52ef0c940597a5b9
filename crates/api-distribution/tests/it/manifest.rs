//! Manifests: what is taken and shown exactly, what is refused, conditions, tags set with a push, deletion.

use serde_json::{Value, json};

use crate::{
    harness::{Harness, Image, OCI_INDEX, OCI_MANIFEST, descriptor, sha256, sha512},
    wire::Answer,
};

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

/// The good image's text with a part replaced.
fn replaced(image: &Image, from: &str, to: &str) -> Vec<u8> {
    let text = std::str::from_utf8(&image.manifest).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    text.replacen(from, to, 1).into_bytes()
}

/// Manifests that are refused as such, with a part of the message.
fn invalid(image: &Image) -> Vec<(Vec<u8>, &'static str)> {
    let size = format!("\"size\":{}", image.layer.len());
    let with_size = |value: &str| replaced(image, &size, &format!("\"size\":{value}"));
    let mut with_mark = b"\xef\xbb\xbf".to_vec();
    with_mark.extend(&image.manifest);
    let utf16: Vec<u8> = String::from_utf8(image.manifest.clone())
        .unwrap()
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut with_more = image.manifest.clone();
    with_more.extend(b" {}");
    let descriptors = |count: usize| {
        changed(image, |manifest| {
            let layer = manifest["layers"][0].clone();
            manifest["layers"] = vec![layer; count].into();
        })
    };
    vec![
        (Vec::new(), "not valid JSON"),
        (b"not json".to_vec(), "not valid JSON"),
        (b"{\"schemaVersion\":2".to_vec(), "not valid JSON"),
        (b"\0\0\0\0".to_vec(), "not valid JSON"),
        (b"{\"a\":\"\xff\"}".to_vec(), "not valid JSON"),
        (utf16, "not valid JSON"),
        (b"[]".to_vec(), "not a JSON object"),
        (b"null".to_vec(), "not a JSON object"),
        (b"\"text\"".to_vec(), "not a JSON object"),
        (with_mark, "byte order mark"),
        (with_more, "closing brace"),
        ("[".repeat(100_000).into_bytes(), "not a JSON object"),
        (
            replaced(
                image,
                "\"layers\"",
                &format!("\"x\":{}{},\"layers\"", "[".repeat(40), "]".repeat(40)),
            ),
            "deeper than 32",
        ),
        (
            format!("{{\"x\":{}", "{\"x\":".repeat(500_000)).into_bytes(),
            "deeper than 32",
        ),
        (
            replaced(image, "\"layers\"", "\"layers\":[],\"layers\""),
            "\"layers\" twice",
        ),
        (
            replaced(image, "\"mediaType\"", "\"mediaType\":\"x\",\"mediaType\""),
            "\"mediaType\" twice",
        ),
        (
            replaced(image, "\"digest\"", "\"digest\":\"x\",\"digest\""),
            "\"digest\" twice",
        ),
        (
            replaced(image, "\"layers\"", "\"x\":{\"a\":1,\"\\u0061\":2},\"layers\""),
            "\"a\" twice",
        ),
        (replaced(image, "\"layers\"", "\"Layers\":[],\"layers\""), "\"Layers\""),
        (
            replaced(image, "\"schemaVersion\":2", "\"schemaVersion\":3"),
            "schemaVersion 3",
        ),
        (
            replaced(image, "\"schemaVersion\":2", "\"schemaVersion\":2.5"),
            "schemaVersion 2.5",
        ),
        (
            replaced(image, "\"schemaVersion\":2", "\"schemaVersion\":\"2\""),
            "wrong type",
        ),
        (
            replaced(image, "\"schemaVersion\":2", "\"schemaVersion\":1"),
            "schema 1",
        ),
        (replaced(image, "\"layers\"", "\"fsLayers\":[],\"layers\""), "schema 1"),
        (
            changed(image, |manifest| manifest["schemaVersion"] = Value::Null),
            "no schemaVersion",
        ),
        (
            changed(image, |manifest| manifest["mediaType"] = OCI_INDEX.into()),
            OCI_INDEX,
        ),
        (
            changed(image, |manifest| manifest["mediaType"] = 7.into()),
            "wrong type",
        ),
        (
            changed(image, |manifest| manifest["manifests"] = json!([])),
            "\"manifests\"",
        ),
        (changed(image, |manifest| manifest["config"] = Value::Null), "no config"),
        (changed(image, |manifest| manifest["config"] = json!([])), "wrong type"),
        (changed(image, |manifest| manifest["layers"] = json!("x")), "wrong type"),
        (
            changed(image, |manifest| manifest["layers"][0]["digest"] = Value::Null),
            "layers[0] has no digest",
        ),
        (
            changed(image, |manifest| manifest["layers"][0]["mediaType"] = Value::Null),
            "layers[0] has no mediaType",
        ),
        (
            changed(image, |manifest| {
                manifest["layers"][0]["digest"] = "sha256:short".into()
            }),
            "layers[0]",
        ),
        (
            changed(image, |manifest| {
                manifest["layers"][0]["digest"] = "md5:d41d8cd98f00b204e9800998ecf8427e".into()
            }),
            "md5",
        ),
        (
            changed(image, |manifest| {
                manifest["layers"][0]["digest"] = "../../etc/passwd".into()
            }),
            "../../etc/passwd",
        ),
        (
            changed(image, |manifest| manifest["layers"][0]["data"] = "!".into()),
            "padded base64",
        ),
        (
            changed(image, |manifest| manifest["layers"][0]["data"] = "YWJj".into()),
            "bytes of data",
        ),
        (
            changed(image, |manifest| manifest["annotations"] = json!({ "a": 1 })),
            "annotations",
        ),
        (
            changed(image, |manifest| manifest["annotations"] = json!([])),
            "annotations",
        ),
        (
            changed(image, |manifest| manifest["subject"] = json!({})),
            "subject has no",
        ),
        (
            changed(image, |manifest| manifest["subject"] = json!("x")),
            "wrong type",
        ),
        (with_size("-1"), "size -1"),
        (with_size("-9223372036854775809"), "size -9"),
        (with_size("9223372036854775808"), "size 9223372036854775808"),
        (with_size("18446744073709551616"), "size 1.8"),
        (with_size("1e400"), "not valid JSON"),
        (with_size("1.5"), "size 1.5"),
        (with_size("\"10\""), "wrong type"),
        (
            changed(image, |manifest| {
                manifest["subject"] = manifest["config"].clone();
                manifest["subject"]["size"] = Value::Null;
            }),
            "subject has no size",
        ),
        (descriptors(10_001), "10000 descriptors"),
    ]
}

/// Asserts that a push left neither tag nor manifest nor repository.
async fn left_nothing(harness: &Harness, repository: &str, bytes: &[u8], tag: &str) {
    for reference in [tag.to_owned(), sha256(bytes)] {
        let answer = harness.get(&format!("/v2/{repository}/manifests/{reference}")).await;
        answer.refuses(404, "MANIFEST_UNKNOWN", &reference);
    }
    let tags = harness.get(&format!("/v2/{repository}/tags/list")).await;
    tags.refuses(404, "NAME_UNKNOWN", repository);
    assert_eq!(harness.get("/v2/_catalog").await.json()["repositories"], json!([]));
}

#[tokio::test]
async fn what_is_no_manifest_is_refused_and_leaves_nothing() {
    let harness = Harness::new().await;
    let image = Image::new("image");
    harness.push_blob("a", &image.config).await;
    harness.push_blob("a", &image.layer).await;
    let before = harness.remains().await;
    for (bytes, named) in invalid(&image) {
        let by_digest = sha256(&bytes);
        for reference in ["v1", &by_digest] {
            let whole = harness.put_manifest("a", reference, OCI_MANIFEST, &bytes).send().await;
            whole.refuses(400, "MANIFEST_INVALID", named);
            let target = format!("/v2/a/manifests/{reference}");
            let ask = harness.admin("PUT", &target).header("Content-Type", OCI_MANIFEST);
            ask.chunked(bytes.clone())
                .send()
                .await
                .refuses(400, "MANIFEST_INVALID", named);
        }
        left_nothing(&harness, "a", &bytes, "v1").await;
    }
    assert_eq!(harness.remains().await, before);
}

#[tokio::test]
async fn the_media_type_must_be_one_that_is_known_and_agreed_on() {
    let harness = Harness::new().await;
    let image = Image::new("image");
    harness.push_blob("a", &image.config).await;
    harness.push_blob("a", &image.layer).await;
    let before = harness.remains().await;
    let untyped = changed(&image, |manifest| {
        manifest.as_object_mut().unwrap().remove("mediaType");
    });
    let typed = |media_type: &str| changed(&image, |manifest| manifest["mediaType"] = media_type.into());
    let index = index(&[]).to_string().into_bytes();
    for (content_type, bytes, named) in [
        (Some("application/json"), &untyped, "application/json"),
        (
            Some("application/vnd.example+json"),
            &typed("application/vnd.example+json"),
            "application/vnd.example+json",
        ),
        (Some("text/html"), &image.manifest, "text/html"),
        (Some(""), &image.manifest, OCI_MANIFEST),
        (Some("json"), &image.manifest, OCI_MANIFEST),
        (
            Some("application/octet-stream"),
            &image.manifest,
            "application/octet-stream",
        ),
        (Some(OCI_INDEX), &image.manifest, OCI_INDEX),
        (Some(OCI_MANIFEST), &index, OCI_INDEX),
        (Some(DOCKER_MANIFEST), &image.manifest, DOCKER_MANIFEST),
        (Some(DOCKER_MANIFEST), &untyped, "must have"),
        (
            Some("application/vnd.docker.distribution.manifest.v1+json"),
            &untyped,
            "schema 1",
        ),
        (
            Some("application/vnd.docker.distribution.manifest.v1+prettyjws"),
            &untyped,
            "schema 1",
        ),
        (None, &untyped, "no media type"),
        (None, &typed("nonsense"), "mediaType"),
        (
            None,
            &typed("application/vnd.example+json"),
            "application/vnd.example+json",
        ),
    ] {
        let ask = harness.admin("PUT", "/v2/a/manifests/v1").body(bytes.clone());
        let ask = content_type
            .iter()
            .fold(ask, |ask, value| ask.header("Content-Type", value));
        ask.send().await.refuses(400, "MANIFEST_INVALID", named);
        left_nothing(&harness, "a", bytes, "v1").await;
    }
    assert_eq!(harness.remains().await, before);
    // Parameters and case of the header say nothing; without the header the body says it.
    for (tag, content_type) in [
        ("v1", Some(format!("{OCI_MANIFEST}; charset=utf-8"))),
        ("v2", Some(OCI_MANIFEST.to_uppercase())),
        ("v3", None),
    ] {
        let ask = harness
            .admin("PUT", &format!("/v2/a/manifests/{tag}"))
            .body(image.manifest.clone());
        let ask = content_type
            .iter()
            .fold(ask, |ask, value| ask.header("Content-Type", value));
        ask.send().await.expect(201);
        let pulled = harness.get(&format!("/v2/a/manifests/{tag}")).await.expect(200);
        assert_eq!(pulled.header("content-type"), Some(OCI_MANIFEST));
    }
}

#[tokio::test]
async fn four_mebibytes_are_taken_and_not_a_byte_more() {
    let harness = Harness::new().await;
    let plain = Image::new("large");
    harness.push_blob("a", &plain.config).await;
    harness.push_blob("a", &plain.layer).await;
    let padded = |length: usize| {
        let mut bytes = plain.manifest.clone();
        bytes.resize(length, b' ');
        bytes
    };
    let before = harness.remains().await;
    let over = padded(LIMIT + 1);
    let put = || {
        harness
            .admin("PUT", "/v2/a/manifests/v1")
            .header("Content-Type", OCI_MANIFEST)
    };
    put()
        .body(over.clone())
        .send()
        .await
        .refuses(413, "SIZE_INVALID", "4194304");
    put()
        .chunked(over.clone())
        .send()
        .await
        .refuses(413, "SIZE_INVALID", "4194304");
    let mut wire = harness.wire().await;
    let declared = put().bytes();
    let declared = String::from_utf8(declared)
        .unwrap()
        .replace("\r\n\r\n", "\r\nContent-Length: 4194305\r\n\r\n");
    wire.say(declared).await;
    wire.say(&over).await;
    wire.hear(false).await.unwrap().refuses(413, "SIZE_INVALID", "4194304");
    assert_eq!(harness.remains().await, before);
    let most = padded(LIMIT);
    put().body(most.clone()).send().await.expect(201);
    put().chunked(most.clone()).send().await.expect(201);
    let pulled = harness.get("/v2/a/manifests/v1").await.expect(200);
    assert!(pulled.body == most);
    // Ten thousand descriptors are taken too, in a time that nobody notices.
    let many = changed(&plain, |manifest| {
        let layer = manifest["layers"][0].clone();
        manifest["layers"] = vec![layer; 9_999].into();
    });
    harness
        .put_manifest("a", "many", OCI_MANIFEST, &many)
        .send()
        .await
        .expect(201);
}

#[tokio::test]
async fn content_that_is_missing_is_named() {
    let harness = Harness::new().await;
    let image = Image::new("image");
    let [config, layer] = [&image.config, &image.layer].map(sha256);
    let put = |bytes: Vec<u8>, media_type: &'static str| harness.put_manifest("a", "v1", media_type, &bytes);
    let missing = put(image.manifest.clone(), OCI_MANIFEST).send().await;
    let missing = missing.refuses(404, "MANIFEST_BLOB_UNKNOWN", &config);
    assert_eq!(
        missing.details(),
        [json!({ "digest": config }), json!({ "digest": layer })]
    );
    assert!(
        missing.json()["errors"][1]["message"]
            .as_str()
            .unwrap()
            .contains(&layer)
    );
    left_nothing(&harness, "a", &image.manifest, "v1").await;
    harness.push_blob("a", &image.config).await;
    // In another repository it does not count.
    harness.push_blob("b", &image.layer).await;
    let before = harness.remains().await;
    let missing = put(image.manifest.clone(), OCI_MANIFEST).send().await;
    assert_eq!(
        missing.refuses(404, "MANIFEST_BLOB_UNKNOWN", &layer).details(),
        [json!({ "digest": layer })]
    );
    // All of many, each once, however often the manifest names it.
    let layers: Vec<_> = (0..100).map(|number: u8| descriptor(LAYER, &[number; 3])).collect();
    let bytes = changed(&image, |manifest| {
        manifest["layers"] = json!([&layers[..], &layers[..]].concat())
    });
    let missing = put(bytes, OCI_MANIFEST).send().await.expect(404).details();
    let named: Vec<_> = layers
        .iter()
        .map(|layer| json!({ "digest": layer["digest"] }))
        .collect();
    assert_eq!(missing, named);
    let child = descriptor(OCI_MANIFEST, b"a child that nobody pushed");
    let digest = child["digest"].as_str().unwrap().to_owned();
    let bytes = index(&[child]).to_string().into_bytes();
    put(bytes, OCI_INDEX)
        .send()
        .await
        .refuses(404, "MANIFEST_BLOB_UNKNOWN", &digest);
    left_nothing(&harness, "a", &image.manifest, "v1").await;
    assert_eq!(harness.remains().await, before);
    harness.push_blob("a", &image.layer).await;
    let before = harness.remains().await;
    for size in [
        0,
        image.layer.len() - 1,
        image.layer.len() + 1,
        usize::try_from(i64::MAX).unwrap(),
    ] {
        let bytes = changed(&image, |manifest| manifest["layers"][0]["size"] = size.into());
        put(bytes, OCI_MANIFEST)
            .send()
            .await
            .refuses(400, "SIZE_INVALID", &layer);
    }
    left_nothing(&harness, "a", &image.manifest, "v1").await;
    assert_eq!(harness.remains().await, before);
    put(image.manifest.clone(), OCI_MANIFEST).send().await.expect(201);
}

/// Microsoft's own samples for Python write `sizeInBytes` for the config.
#[tokio::test]
async fn a_descriptor_without_a_size_is_taken_when_its_blob_is_there() {
    let harness = Harness::new().await;
    let image = Image::new("image");
    let bytes = changed(&image, |manifest| {
        let config = manifest["config"].as_object_mut().unwrap();
        let size = config.remove("size").unwrap();
        config.insert("sizeInBytes".to_owned(), size);
    });
    harness.push_blob("a", &image.layer).await;
    let put = || harness.put_manifest("a", "v1", OCI_MANIFEST, &bytes);
    let refused = put().send().await;
    refused.refuses(404, "MANIFEST_BLOB_UNKNOWN", &sha256(&image.config));
    harness.push_blob("a", &image.config).await;
    put().send().await.expect(201);
    let shown = harness.get(&format!("/acr/v1/a/_manifests/{}", sha256(&bytes))).await;
    let size = image.config.len() + image.layer.len();
    assert_eq!(shown.json()["manifest"]["imageSize"], json!(size));
}

#[tokio::test]
async fn a_registry_may_accept_manifests_whose_content_is_elsewhere() {
    let harness = Harness::new().await;
    let image = Image::new("image");
    let child = descriptor(OCI_MANIFEST, b"elsewhere");
    let bytes = index(&[child]).to_string().into_bytes();
    harness.update(|registry| registry.accept_sparse_manifests = true).await;
    harness
        .put_manifest("a", "sparse", OCI_MANIFEST, &image.manifest)
        .send()
        .await
        .expect(201);
    harness
        .put_manifest("a", "index", OCI_INDEX, &bytes)
        .send()
        .await
        .expect(201);
    harness
        .update(|registry| registry.accept_sparse_manifests = false)
        .await;
    harness.get("/v2/a/manifests/sparse").await.expect(200);
    let again = harness
        .put_manifest("b", "sparse", OCI_MANIFEST, &image.manifest)
        .send()
        .await;
    again.refuses(404, "MANIFEST_BLOB_UNKNOWN", "b");
}

#[tokio::test]
async fn a_manifest_pushed_by_digest_is_what_its_digest_says() {
    let harness = Harness::new().await;
    let image = Image::new("image");
    harness.push_image("a", "v1", &image).await;
    let before = harness.remains().await;
    let other = Image::new("other");
    for digest in [&other.digest, &sha512(&other.manifest)] {
        let answer = harness
            .put_manifest("a", digest, OCI_MANIFEST, &image.manifest)
            .send()
            .await;
        answer.refuses(400, "DIGEST_INVALID", digest);
        let gone = harness.get(&format!("/v2/a/manifests/{digest}")).await;
        gone.refuses(404, "MANIFEST_UNKNOWN", digest);
    }
    assert_eq!(harness.remains().await, before);
    let digest = sha512(&image.manifest);
    let target = format!("{digest}?tag=by512");
    let pushed = harness
        .put_manifest("a", &target, OCI_MANIFEST, &image.manifest)
        .send()
        .await
        .expect(201);
    assert_eq!(pushed.header("docker-content-digest"), Some(digest.as_str()));
    for reference in ["by512", &digest] {
        let pulled = harness.get(&format!("/v2/a/manifests/{reference}")).await.expect(200);
        assert_eq!(pulled.header("docker-content-digest"), Some(digest.as_str()));
        assert!(pulled.body == image.manifest);
    }
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
async fn a_reader_that_has_it_is_told_so() {
    let harness = Harness::new().await;
    let digest = harness.push_tags("a", "image", &["v1"]).await;
    let other = sha256("other");
    for reference in ["v1", &digest] {
        for method in ["GET", "HEAD"] {
            let target = format!("/v2/a/manifests/{reference}");
            let ask = |condition: &str| harness.admin(method, &target).header("If-None-Match", condition);
            for condition in [
                format!("\"{digest}\""),
                format!("W/\"{digest}\""),
                format!("\"{other}\", \"{digest}\""),
                "*".to_owned(),
            ] {
                let answer = ask(&condition).send().await.expect(304);
                assert!(answer.body.is_empty());
                assert_eq!(
                    answer.header("etag"),
                    Some(format!("\"{digest}\"").as_str()),
                    "{condition}"
                );
                assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
            }
            for condition in [format!("\"{other}\""), digest.clone(), "\"\"".to_owned(), String::new()] {
                ask(&condition).send().await.expect(200);
            }
        }
    }
    let absent = harness
        .admin("GET", "/v2/a/manifests/gone")
        .header("If-None-Match", "*");
    absent.send().await.expect(404);
}

#[tokio::test]
async fn a_conditional_push_loses_when_somebody_was_faster() {
    let harness = Harness::new().await;
    let [first, second] = [Image::new("first"), Image::new("second")];
    harness.push_image("a", "v1", &first).await;
    harness.push_blob("a", &second.config).await;
    harness.push_blob("a", &second.layer).await;
    let put = |target: &str, name: &str, value: &str| {
        harness
            .put_manifest("a", target, OCI_MANIFEST, &second.manifest)
            .header(name, value)
    };
    let before = harness.remains().await;
    let [stale, current] = [format!("\"{}\"", second.digest), format!("\"{}\"", first.digest)];
    for (target, name, value) in [
        ("v1", "If-Match", stale.as_str()),
        ("v1", "If-Match", "\"no digest\""),
        ("v1", "If-None-Match", "*"),
        ("new", "If-Match", "*"),
        ("new", "If-Match", &current),
        (&second.digest, "If-Match", "*"),
        (&format!("{}?tag=new&tag=v1", second.digest), "If-None-Match", "*"),
        (&format!("{}?tag=v1&tag=new", second.digest), "If-Match", &current),
    ] {
        let answer = put(target, name, value).send().await;
        answer.refuses(412, "DENIED", "not where the request expects it");
        assert_eq!(harness.remains().await, before, "{target} {name}: {value}");
    }
    put("v1", "If-None-Match", &current)
        .send()
        .await
        .refuses(400, "UNSUPPORTED", "*");
    put("v1", "If-Match", &format!("{stale}, {current}"))
        .send()
        .await
        .expect(201);
    put("new", "If-None-Match", "*").send().await.expect(201);
    put("new", "If-Match", "*").send().await.expect(201);
}

#[tokio::test]
async fn of_many_writers_with_one_expectation_one_wins() {
    let harness = Harness::new().await;
    let first = Image::new("first");
    harness.push_image("a", "v1", &first).await;
    let mut writers = Vec::new();
    for index in 0..8 {
        let image = Image::new(&format!("writer {index}"));
        harness.push_blob("a", &image.config).await;
        harness.push_blob("a", &image.layer).await;
        let ask = harness.put_manifest("a", "v1", OCI_MANIFEST, &image.manifest);
        let ask = ask.header("If-Match", &format!("\"{}\"", first.digest));
        writers.push(tokio::spawn(async move { ask.send().await.status }));
    }
    let mut won = 0;
    for writer in writers {
        match writer.await.unwrap() {
            201 => won += 1,
            status => assert_eq!(status, 412),
        }
    }
    assert_eq!(won, 1);
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
