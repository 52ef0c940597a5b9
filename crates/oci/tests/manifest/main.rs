//! What a manifest may be, what it may not be, and what is read from it.

mod descriptors;
mod form;

use holdfast_oci::manifest::{Error, MAX_DEPTH, MAX_DESCRIPTORS, MAX_MANIFEST_BYTES, MAX_TYPE_BYTES};
use holdfast_oci::media_type::{
    self, DOCKER_FOREIGN_LAYER, DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, Kind, OCI_ARTIFACT_MANIFEST, OCI_CONFIG,
    OCI_EMPTY, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST, OCI_NONDISTRIBUTABLE_LAYER, ORAS_ARTIFACT_MANIFEST,
};
use holdfast_oci::message::chain;
use holdfast_oci::{Algorithm, Descriptor, Digest, Manifest, MediaType, Platform, descriptor};
use proptest::prelude::*;
use serde_json::{Value, json};

fn digest(content: &str) -> Digest {
    Digest::of(Algorithm::Sha256, content.as_bytes())
}

/// A descriptor of a content, as JSON.
fn descriptor(media_type: &str, content: &str) -> Value {
    json!({ "mediaType": media_type, "digest": digest(content), "size": content.len() })
}

fn image() -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(OCI_CONFIG, "{config}"),
        "layers": [descriptor(OCI_LAYER_GZIP, "one"), descriptor(OCI_LAYER_GZIP, "other")],
    })
}

fn index() -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [descriptor(OCI_MANIFEST, "amd64"), descriptor(OCI_INDEX, "more")],
    })
}

/// The document with one field set at a JSON pointer's place; the parent must exist.
fn with(mut document: Value, pointer: &str, value: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
    let parent = document.pointer_mut(parent).expect("the parent exists");
    match parent {
        Value::Array(list) => list[field.parse::<usize>().expect("an index")] = value,
        Value::Object(map) => drop(map.insert(field.to_owned(), value)),
        _ => panic!("{pointer} leads nowhere"),
    }
    document
}

fn without(mut document: Value, field: &str) -> Value {
    document
        .as_object_mut()
        .expect("an object")
        .remove(field)
        .expect("the field is there");
    document
}

fn media_type(text: &str) -> MediaType {
    text.parse().expect("a media type")
}

fn parse(declared: &str, document: &Value) -> Result<Manifest, Error> {
    parse_text(declared, &document.to_string())
}

fn parse_text(declared: &str, text: &str) -> Result<Manifest, Error> {
    Manifest::parse(Some(&media_type(declared)), text.as_bytes())
}

/// The message of the refusal.
fn refusal(declared: &str, document: &Value) -> String {
    refusal_of_text(declared, &document.to_string())
}

fn refusal_of_text(declared: &str, text: &str) -> String {
    chain(&parse_text(declared, text).expect_err("refused"))
}

#[test]
fn an_image_gives_its_blobs() {
    let manifest = parse(OCI_MANIFEST, &image()).expect("an image");
    assert_eq!(manifest.kind(), Kind::Image);
    assert_eq!(manifest.media_type().as_str(), OCI_MANIFEST);
    assert_eq!(manifest.config().expect("config").digest, digest("{config}"));
    assert_eq!(manifest.layers().len(), 2);
    assert!(manifest.children().is_empty());
    assert!(manifest.subject().is_none());
    assert!(manifest.annotations().is_none());
    assert_eq!(manifest.artifact_type(), Some(OCI_CONFIG));
    assert_eq!(manifest.image_size(), 8 + 3 + 5);
    let expected = [
        (digest("{config}"), Some(8)),
        (digest("one"), Some(3)),
        (digest("other"), Some(5)),
    ];
    assert_eq!(manifest.required_blobs().collect::<Vec<_>>(), expected);
}

#[test]
fn an_index_gives_its_children() {
    let platform = json!({
        "architecture": "arm64", "os": "windows", "os.version": "10.0", "os.features": ["win32k"], "variant": "v8",
    });
    let manifest = parse(OCI_INDEX, &with(index(), "/manifests/0/platform", platform)).expect("an index");
    assert_eq!(manifest.kind(), Kind::Index);
    assert_eq!(manifest.children().len(), 2);
    let platform = manifest.children()[0].platform.as_ref().expect("a platform");
    assert_eq!(
        (platform.architecture.as_str(), platform.os.as_str()),
        ("arm64", "windows")
    );
    assert_eq!(platform.os_version.as_deref(), Some("10.0"));
    assert_eq!(manifest.children()[1].media_type, OCI_INDEX, "an index may nest");
    assert_eq!(manifest.required_blobs().count(), 0);
    assert_eq!(manifest.image_size(), 0);
    assert_eq!(manifest.artifact_type(), None);
}

#[test]
fn what_is_null_counts_as_absent() {
    let nothing = json!({
        "architecture": null, "os": null, "os.version": null, "os.features": null, "variant": null, "features": null,
    });
    let document = with(index(), "/manifests/0/platform", nothing);
    let document = with(document, "/manifests/1/platform", json!(null));
    let manifest = parse(OCI_INDEX, &document).expect("an index");
    assert_eq!(manifest.children()[0].platform, Some(Platform::default()));
    assert_eq!(manifest.children()[1].platform, None);
    let mut document = image();
    for field in ["urls", "annotations", "data", "platform", "artifactType"] {
        document = with(document, &format!("/layers/0/{field}"), json!(null));
    }
    for field in ["annotations", "subject", "artifactType", "blobs"] {
        document = with(document, &format!("/{field}"), json!(null));
    }
    let plain = parse(OCI_MANIFEST, &image()).expect("an image");
    assert_eq!(
        parse(OCI_MANIFEST, &document).expect("an image").layers(),
        plain.layers()
    );
}

/// dist-spec "Listing Referrers": the manifest's own type, else for an image the configuration's media type.
#[test]
fn the_artifact_type_follows_the_referrers_rule() {
    let typed = with(image(), "/artifactType", json!("application/vnd.example"));
    assert_eq!(
        parse(OCI_MANIFEST, &typed).expect("an image").artifact_type(),
        Some("application/vnd.example")
    );
    let blank = with(image(), "/artifactType", json!(""));
    assert_eq!(
        parse(OCI_MANIFEST, &blank).expect("an image").artifact_type(),
        Some(OCI_CONFIG)
    );
    let typed = with(index(), "/artifactType", json!("application/vnd.example"));
    assert_eq!(
        parse(OCI_INDEX, &typed).expect("an index").artifact_type(),
        Some("application/vnd.example")
    );
}

#[test]
fn what_image_spec_leaves_open_is_accepted() {
    let cases = [
        with(image(), "/layers", json!([])),
        with(image(), "/layers", json!(null)),
        without(image(), "layers"),
        without(image(), "mediaType"),
        with(image(), "/config/mediaType", json!("application/vnd.example.config")),
        with(image(), "/config/mediaType", json!("no media type at all")),
        with(
            image(),
            "/layers/0/mediaType",
            json!("application/vnd.example.anything"),
        ),
        with(image(), "/manifests", json!(null)),
        with(image(), "/subject", json!(null)),
        with(image(), "/annotations", json!(null)),
        with(image(), "/annotations", json!({})),
        with(
            image(),
            "/org.example",
            json!({ "size": -1, "Digest": ["anything"], "layers": 7 }),
        ),
        with(image(), "/layers/0/org.example", json!([1, 2.5, true, null])),
        with(image(), "/layers/0/size", json!(i64::MAX)),
        with(image(), "/layers/0/urls", json!(["https://example.com/a"])),
        with(
            image(),
            "/config/digest",
            json!(Digest::of(Algorithm::Sha512, b"{config}")),
        ),
    ];
    for document in cases {
        parse(OCI_MANIFEST, &document).unwrap_or_else(|error| panic!("{document}: {}", chain(&error)));
    }
    for manifests in [json!([]), json!(null)] {
        let document = with(index(), "/manifests", manifests);
        assert!(
            parse(OCI_INDEX, &document)
                .expect("an empty index")
                .children()
                .is_empty()
        );
    }
}

#[test]
fn a_type_that_listings_show_is_as_short_as_a_media_type() {
    let longest = "a".repeat(MAX_TYPE_BYTES);
    let too_long = "a".repeat(MAX_TYPE_BYTES + 1);
    for (pointer, name) in [
        ("/artifactType", "artifactType"),
        ("/config/mediaType", "config.mediaType"),
    ] {
        assert!(parse(OCI_MANIFEST, &with(image(), pointer, json!(longest))).is_ok());
        let refused = parse(OCI_MANIFEST, &with(image(), pointer, json!(too_long)));
        assert!(
            matches!(refused, Err(Error::TypeTooLong { field, size_bytes: 256 }) if field == name),
            "{name}"
        );
    }
}

#[test]
fn a_type_that_listings_show_has_no_nul_in_it() {
    for (pointer, name) in [
        ("/artifactType", "artifactType"),
        ("/config/mediaType", "config.mediaType"),
    ] {
        let refused = parse(OCI_MANIFEST, &with(image(), pointer, json!("a/\0b")));
        assert!(
            matches!(refused, Err(Error::TypeHoldsNul { field }) if field == name),
            "{name}"
        );
    }
}

/// The conformance suite pushes about 3.9 MB of annotations.
#[test]
fn many_annotations_are_accepted() {
    let annotations: serde_json::Map<_, _> = (0..390)
        .map(|n| (format!("org.example.{n}"), json!("x".repeat(10_000))))
        .collect();
    let document = with(image(), "/annotations", annotations.into());
    let manifest = parse(OCI_MANIFEST, &document).expect("large");
    assert_eq!(
        manifest.annotations().expect("annotations").get(),
        document["annotations"].to_string()
    );
}

#[test]
fn annotations_are_strings() {
    for bad in [
        json!([]),
        json!("x"),
        json!(1),
        json!({ "a": 1 }),
        json!({ "a": null }),
        json!({ "a": {} }),
        json!({ "a": [] }),
    ] {
        for pointer in ["/annotations", "/layers/0/annotations"] {
            let document = with(image(), pointer, bad.clone());
            assert!(
                matches!(parse(OCI_MANIFEST, &document), Err(Error::Annotations)),
                "{pointer} {bad}"
            );
        }
    }
    let document = with(image(), "/layers/0/annotations", json!({ "a": "b" }));
    let manifest = parse(OCI_MANIFEST, &document).expect("annotated layer");
    assert_eq!(manifest.layers()[0].annotations["a"], "b");
}

fn any_descriptor() -> impl Strategy<Value = Descriptor> {
    let text = "[a-z0-9./+ \"\\\\é]{0,12}";
    (
        (
            text,
            any::<[u8; 32]>(),
            0..=i64::MAX.unsigned_abs(),
            prop::collection::vec(text, 0..3),
        ),
        prop::collection::btree_map(text, text, 0..3),
        prop::option::of(prop::collection::vec(any::<u8>(), 0..20)),
        prop::option::of(text),
    )
        .prop_map(|((media_type, bytes, size, urls), annotations, data, artifact_type)| {
            use base64::Engine as _;
            let (digest, size) = match &data {
                Some(data) => (Digest::of(Algorithm::Sha256, data), data.len() as u64),
                None => (Digest::from_bytes(Algorithm::Sha256, &bytes).expect("32 bytes"), size),
            };
            let data = data.map(|data| base64::engine::general_purpose::STANDARD.encode(data));
            Descriptor {
                media_type,
                digest,
                size: Some(size),
                urls,
                annotations,
                data,
                platform: None,
                artifact_type,
            }
        })
}

/// A JSON value whose keys and strings are mostly words of the format.
fn any_document() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "schemaVersion",
        "mediaType",
        "config",
        "layers",
        "manifests",
        "blobs",
        "subject",
        "annotations",
        "digest",
        "size",
        "data",
        "urls",
        "platform",
        "artifactType",
        "fsLayers",
        "Layers",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!(2)),
        word.clone().prop_map(Value::from),
        Just(json!(OCI_MANIFEST)),
        Just(json!(OCI_INDEX)),
        Just(descriptor("a/b", "x")),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(word.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn descriptors_read_back_as_they_were_written(
        config in any_descriptor(),
        layers in prop::collection::vec(any_descriptor(), 0..5),
        subject in prop::option::of(any_descriptor()),
    ) {
        let document = json!({ "schemaVersion": 2, "config": config, "layers": layers, "subject": subject });
        let manifest = match parse(OCI_MANIFEST, &document) {
            Ok(manifest) => manifest,
            Err(error) => return Err(TestCaseError::fail(chain(&error))),
        };
        prop_assert_eq!(manifest.config(), Some(&config));
        prop_assert_eq!(manifest.layers(), &layers[..]);
        prop_assert_eq!(manifest.subject(), subject.as_ref());
    }

    #[test]
    fn no_document_makes_the_parser_panic(document in any_document(), declared in prop::sample::select(vec![
        OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, OCI_ARTIFACT_MANIFEST, OCI_EMPTY,
    ])) {
        match parse(declared, &document) {
            Ok(manifest) => {
                prop_assert!(manifest.layers().is_empty() || manifest.children().is_empty());
                prop_assert!(matches!(manifest.kind(), Kind::Image | Kind::Index));
            }
            Err(error) => prop_assert!(!chain(&error).contains(char::is_control)),
        }
    }

    #[test]
    fn one_changed_byte_never_makes_the_parser_panic(position in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = with(image(), "/subject", descriptor(OCI_INDEX, "s")).to_string().into_bytes();
        let position = position.index(bytes.len());
        bytes[position] = byte;
        if let Err(error) = Manifest::parse(Some(&media_type(OCI_MANIFEST)), &bytes) {
            prop_assert!(!chain(&error).contains(char::is_control));
        }
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _refused = Manifest::parse(None, &bytes);
    }
}
