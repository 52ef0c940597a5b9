//! What is no manifest, or names what is not there, is refused and leaves nothing.

use super::*;

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
