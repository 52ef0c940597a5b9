//! What a manifest may be, what it may not be, and what is read from it.

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

#[test]
fn docker_manifests_are_accepted() {
    let image = with(image(), "/mediaType", json!(DOCKER_MANIFEST));
    assert_eq!(parse(DOCKER_MANIFEST, &image).expect("an image").kind(), Kind::Image);
    let list = with(index(), "/mediaType", json!(DOCKER_MANIFEST_LIST));
    assert_eq!(parse(DOCKER_MANIFEST_LIST, &list).expect("a list").kind(), Kind::Index);
    assert_eq!(
        refusal(DOCKER_MANIFEST, &without(image, "mediaType")),
        format!("manifest has no mediaType; a docker manifest must have \"{DOCKER_MANIFEST}\"")
    );
}

#[test]
fn withdrawn_artifact_manifests_are_accepted() {
    for declared in [OCI_ARTIFACT_MANIFEST, ORAS_ARTIFACT_MANIFEST] {
        let document = json!({
            "mediaType": declared,
            "artifactType": "application/vnd.example.sbom",
            "blobs": [descriptor("text/plain", "sbom")],
            "subject": descriptor(OCI_MANIFEST, "image"),
            "annotations": { "org.example": "yes" },
        });
        let manifest = parse(declared, &document).expect("an artifact");
        assert_eq!(manifest.kind(), Kind::Image);
        assert_eq!(manifest.config(), None);
        assert_eq!(manifest.artifact_type(), Some("application/vnd.example.sbom"));
        assert_eq!(
            manifest.required_blobs().collect::<Vec<_>>(),
            [(digest("sbom"), Some(4))]
        );
        assert_eq!(manifest.subject().expect("subject").digest, digest("image"));
        assert!(parse(declared, &without(document.clone(), "blobs")).is_ok());
        let ambiguous = with(document, "/manifests", json!([]));
        assert!(matches!(
            parse(declared, &ambiguous),
            Err(Error::Ambiguous { field: "manifests", .. })
        ));
    }
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
fn a_subject_needs_only_be_a_descriptor() {
    for (declared, document) in [(OCI_MANIFEST, image()), (OCI_INDEX, index())] {
        let document = with(document, "/subject", descriptor(OCI_MANIFEST, "elsewhere"));
        let manifest = parse(declared, &document).expect("with subject");
        assert_eq!(manifest.subject().expect("subject").digest, digest("elsewhere"));
        let broken = with(document, "/subject/digest", json!("sha256:0"));
        assert_eq!(
            refusal(declared, &broken),
            "subject has no usable digest: digest \"sha256:0\" has 1 hex digits where sha256 has 64"
        );
    }
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
fn without_a_content_type_the_body_decides() {
    let parse = |document: Value| Manifest::parse(None, document.to_string().as_bytes());
    assert_eq!(parse(index()).expect("an index").media_type().as_str(), OCI_INDEX);
    assert!(matches!(
        parse(without(index(), "mediaType")),
        Err(Error::MediaTypeMissing)
    ));
    assert!(matches!(
        parse(with(index(), "/mediaType", json!(""))),
        Err(Error::MediaTypeMissing)
    ));
    assert!(matches!(
        parse(with(index(), "/mediaType", json!("index"))),
        Err(Error::MediaTypeInvalid { .. })
    ));
    let shouted = with(index(), "/mediaType", json!(OCI_INDEX.to_uppercase()));
    assert!(matches!(parse(shouted), Err(Error::MediaTypeDisagrees { .. })));
}

/// CVE-2021-41190 and its kin: no two readers may see two different things.
#[test]
fn a_body_that_could_be_two_things_is_refused() {
    let both = with(image(), "/manifests", json!([]));
    assert_eq!(
        refusal(OCI_MANIFEST, &both),
        "manifest of type \"application/vnd.oci.image.manifest.v1+json\" must not have \"manifests\"; \
         an image has layers, an index has manifests"
    );
    let both = with(index(), "/layers", json!([]));
    assert!(matches!(
        parse(OCI_INDEX, &both),
        Err(Error::Ambiguous { field: "layers", .. })
    ));
    let both = with(index(), "/config", descriptor(OCI_CONFIG, "{}"));
    assert!(matches!(
        parse(OCI_INDEX, &both),
        Err(Error::Ambiguous { field: "config", .. })
    ));
    assert_eq!(
        refusal(OCI_INDEX, &image()),
        "manifest has mediaType \"application/vnd.oci.image.manifest.v1+json\" but is pushed as \
         \"application/vnd.oci.image.index.v1+json\"; make them equal"
    );
    let parameter = with(image(), "/mediaType", json!(format!("{OCI_MANIFEST};a=b")));
    assert!(matches!(
        parse(OCI_MANIFEST, &parameter),
        Err(Error::MediaTypeDisagrees { .. })
    ));
    for key in [
        "Layers",
        "MANIFESTS",
        "layer\u{17f}",
        "mediatype",
        "Subject",
        "schemaversion",
    ] {
        let document = with(image(), &format!("/{key}"), json!(null));
        assert!(
            matches!(parse(OCI_MANIFEST, &document), Err(Error::LookalikeKey { .. })),
            "{key}"
        );
    }
    let document = with(image(), "/layers/1/Digest", json!("x"));
    assert_eq!(
        refusal(OCI_MANIFEST, &document),
        "manifest has the key \"Digest\", which some readers take for \"digest\"; write \"digest\""
    );
}

#[test]
fn a_key_twice_is_refused_at_any_depth() {
    let text = image().to_string();
    for (from, to) in [
        ("\"schemaVersion\":2", "\"schemaVersion\":2,\"schemaVersion\":2"),
        (
            "\"schemaVersion\":2",
            "\"schemaVersion\":2,\"x\":{\"y\":[{\"z\":1,\"z\":1}]}",
        ),
        ("\"schemaVersion\":2", "\"schemaVersion\":2,\"schema\\u0056ersion\":1"),
        ("\"size\":8", "\"size\":8,\"size\":9"),
        ("\"size\":8", "\"size\":8,\"annotations\":{\"\":\"\",\"\":\"\"}"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        assert!(
            matches!(parse_text(OCI_MANIFEST, &changed), Err(Error::DuplicateKey { .. })),
            "{changed}"
        );
    }
    assert_eq!(
        refusal_of_text(OCI_MANIFEST, &text.replacen("\"size\":8", "\"size\":8,\"size\":9", 1)),
        "manifest has the key \"size\" twice in one object"
    );
}

#[test]
fn only_one_json_object_is_a_manifest() {
    let text = image().to_string();
    let parse = |bytes: &[u8]| Manifest::parse(Some(&media_type(OCI_MANIFEST)), bytes);
    for bad in [
        "",
        " ",
        "{",
        "{]",
        "nul",
        "{\"a\":}",
        "{\"a\":1,}",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":1e999}",
        "{\"a\":\"\n\"}",
    ] {
        assert!(matches!(parse(bad.as_bytes()), Err(Error::NotJson { .. })), "{bad:?}");
    }
    assert!(matches!(parse(b"{\"a\":\"\xff\"}"), Err(Error::NotJson { .. })));
    assert!(matches!(parse(b"{\"a\":\"\\ud800\"}"), Err(Error::NotJson { .. })));
    for bad in ["[]", "1", "-1", "1.5", "\"x\"", "null", "true"] {
        assert!(matches!(parse(bad.as_bytes()), Err(Error::NotAnObject)), "{bad:?}");
    }
    assert!(matches!(
        parse(format!("\u{feff}{text}").as_bytes()),
        Err(Error::ByteOrderMark)
    ));
    for tail in ["{}", "x", "\0", ","] {
        assert!(
            matches!(
                parse(format!("{text}{tail}").as_bytes()),
                Err(Error::TrailingData { .. })
            ),
            "{tail:?}"
        );
    }
    assert!(
        parse(format!("\r\n\t {text}\n").as_bytes()).is_ok(),
        "white space is JSON's own"
    );
    assert_eq!(
        refusal_of_text(OCI_MANIFEST, "{"),
        "manifest is not valid JSON: EOF while parsing an object at line 1 column 1"
    );
}

#[test]
fn nesting_stops_at_the_limit() {
    let nested = |depth: usize| {
        let inner = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        image().to_string().replacen('{', &format!("{{\"x\":{inner},"), 1)
    };
    assert!(parse_text(OCI_MANIFEST, &nested(MAX_DEPTH - 1)).is_ok());
    assert_eq!(
        refusal_of_text(OCI_MANIFEST, &nested(MAX_DEPTH)),
        "manifest nests objects and arrays deeper than 32"
    );
    assert!(matches!(
        parse_text(OCI_MANIFEST, &nested(1_000_000)),
        Err(Error::TooDeep)
    ));
    assert!(matches!(
        parse_text(OCI_MANIFEST, &"{\"a\":".repeat(100_000)),
        Err(Error::TooDeep)
    ));
}

#[test]
fn size_and_count_stop_at_their_limits() {
    let filler = |bytes: usize| {
        let document = with(image(), "/annotations", json!({ "x": "" })).to_string();
        document.replacen(
            "\"x\":\"\"",
            &format!("\"x\":\"{}\"", "a".repeat(bytes - document.len())),
            1,
        )
    };
    assert_eq!(filler(MAX_MANIFEST_BYTES).len(), MAX_MANIFEST_BYTES);
    assert!(parse_text(OCI_MANIFEST, &filler(MAX_MANIFEST_BYTES)).is_ok());
    assert!(matches!(
        parse_text(OCI_MANIFEST, &filler(MAX_MANIFEST_BYTES + 1)),
        Err(Error::TooLarge { size_bytes: 4_194_305 })
    ));
    let layers = |count: usize| with(image(), "/layers", json!(vec![descriptor("a/b", "x"); count]));
    let most = parse(OCI_MANIFEST, &layers(MAX_DESCRIPTORS - 1)).expect("config and layers");
    assert_eq!(most.required_blobs().count(), 2, "equal descriptors are one blob");
    assert!(matches!(
        parse(OCI_MANIFEST, &layers(MAX_DESCRIPTORS)),
        Err(Error::TooManyDescriptors)
    ));
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

#[test]
fn schema_1_is_recognised_in_every_dress() {
    let expected = "docker schema 1 images are not accepted; push with a current docker";
    let schema1 =
        json!({ "schemaVersion": 1, "name": "a", "tag": "b", "fsLayers": [], "history": [], "signatures": [] });
    for declared in [
        media_type::DOCKER_SCHEMA1,
        media_type::DOCKER_SCHEMA1_SIGNED,
        OCI_MANIFEST,
        "application/json",
    ] {
        assert_eq!(refusal(declared, &schema1), expected, "{declared}");
    }
    assert_eq!(refusal(media_type::DOCKER_SCHEMA1, &image()), expected);
    assert_eq!(
        refusal(OCI_MANIFEST, &with(image(), "/schemaVersion", json!(1))),
        expected
    );
    assert_eq!(refusal(OCI_MANIFEST, &with(image(), "/fsLayers", json!([]))), expected);
    assert_eq!(
        chain(&Manifest::parse(None, schema1.to_string().as_bytes()).expect_err("refused")),
        expected
    );
}

#[test]
fn schema_version_is_2() {
    for (declared, document) in [(OCI_MANIFEST, image()), (OCI_INDEX, index())] {
        let missing = without(document.clone(), "schemaVersion");
        assert_eq!(
            refusal(declared, &missing),
            "manifest has no schemaVersion; it must be 2"
        );
        for bad in [json!(3), json!(0), json!(-2), json!(2.0), json!(2.5)] {
            let message = refusal(declared, &with(document.clone(), "/schemaVersion", bad.clone()));
            assert_eq!(message, format!("manifest has schemaVersion {bad}; it must be 2"));
        }
        let text = with(document, "/schemaVersion", json!("2"));
        assert!(matches!(parse(declared, &text), Err(Error::Shape { .. })));
    }
}

#[test]
fn other_content_is_not_a_manifest() {
    for declared in ["application/json", "text/html", OCI_CONFIG, OCI_EMPTY, OCI_LAYER_GZIP] {
        let document = without(image(), "mediaType");
        assert_eq!(
            refusal(declared, &document),
            format!(
                "\"{declared}\" is not a manifest type this registry knows; \
                 push other content as blobs of an OCI image manifest"
            )
        );
    }
}

#[test]
fn a_list_is_no_descriptor_whatever_stands_in_it() {
    // The fields in the order in which they are declared.
    let listed = |descriptor: &Value| {
        let fields = [
            "mediaType",
            "digest",
            "size",
            "urls",
            "annotations",
            "data",
            "platform",
            "artifactType",
        ];
        Value::from_iter(fields.map(|field| descriptor[field].clone()))
    };
    let image = image();
    for pointer in ["/config", "/layers/1"] {
        let descriptor = listed(image.pointer(pointer).unwrap());
        let refused = parse(OCI_MANIFEST, &with(image.clone(), pointer, descriptor));
        assert!(matches!(refused, Err(Error::Shape { .. })), "{pointer}: {refused:?}");
    }
    let platform = json!(["amd64", "linux", null, null, null, null]);
    let refused = parse(OCI_INDEX, &with(index(), "/manifests/0/platform", platform));
    assert!(matches!(refused, Err(Error::Shape { .. })), "{refused:?}");
}

#[test]
fn a_part_that_is_missing_is_named() {
    assert_eq!(
        refusal(OCI_MANIFEST, &without(image(), "config")),
        "image manifest has no config; use the empty descriptor when there is nothing to configure"
    );
    assert_eq!(
        refusal(OCI_INDEX, &without(index(), "manifests")),
        "image index has no manifests; write an empty list when there are none"
    );
    for field in ["digest", "mediaType"] {
        let document = with(image(), &format!("/layers/1/{field}"), json!(null));
        assert_eq!(refusal(OCI_MANIFEST, &document), format!("layers[1] has no {field}"));
    }
    for field in ["digest", "size", "mediaType"] {
        let subject = with(descriptor(OCI_MANIFEST, "subject"), &format!("/{field}"), json!(null));
        let document = with(image(), "/subject", subject);
        assert_eq!(refusal(OCI_MANIFEST, &document), format!("subject has no {field}"));
    }
    let wrong = with(image(), "/layers", json!({}));
    assert!(refusal(OCI_MANIFEST, &wrong).starts_with("manifest has a field of the wrong type: invalid type: map"));
}

#[test]
fn a_size_is_a_whole_number_that_fits() {
    for bad in [
        json!(-1),
        json!(i64::MIN),
        json!(i64::MAX as u64 + 1),
        json!(u64::MAX),
        json!(1.5),
        json!(1e30),
    ] {
        let document = with(image(), "/layers/0/size", bad.clone());
        assert!(
            matches!(
                parse(OCI_MANIFEST, &document),
                Err(Error::Descriptor(descriptor::Error::Size { .. }))
            ),
            "{bad}"
        );
    }
    assert_eq!(
        refusal(OCI_MANIFEST, &with(image(), "/config/size", json!(-1))),
        "config has size -1; a size is a whole number from 0 to 9223372036854775807"
    );
    let huge = with(
        with(image(), "/layers/0/size", json!(i64::MAX)),
        "/layers/1/size",
        json!(i64::MAX),
    );
    assert_eq!(parse(OCI_MANIFEST, &huge).expect("claims").image_size(), u64::MAX);
}

/// Microsoft's own samples for Python write `sizeInBytes`.
#[test]
fn a_size_may_be_left_to_the_stored_blob() {
    let config = json!({ "mediaType": OCI_CONFIG, "digest": digest("{config}"), "sizeInBytes": 8 });
    let manifest = parse(OCI_MANIFEST, &with(image(), "/config", config)).expect("an image");
    assert_eq!(manifest.image_size(), 3 + 5);
    assert_eq!(manifest.unsized_blobs().collect::<Vec<_>>(), [digest("{config}")]);
    let required: Vec<_> = manifest.required_blobs().collect();
    assert!(required.contains(&(digest("{config}"), None)), "{required:?}");
    let listed = parse(OCI_INDEX, &with(index(), "/manifests/0/size", json!(null))).expect("an index");
    assert_eq!(listed.listed().next(), Some((digest("amd64"), None)));
    // What is embedded tells its size.
    let layer = json!({ "mediaType": OCI_LAYER_GZIP, "digest": digest("one"), "data": "b25l" });
    let manifest = parse(OCI_MANIFEST, &with(image(), "/layers/0", layer)).expect("an image");
    assert_eq!(manifest.layers()[0].size, Some(3));
    // Of a foreign layer without a size only the stored blob knows it.
    let layer = json!({ "mediaType": DOCKER_FOREIGN_LAYER, "digest": digest("one") });
    let manifest = parse(OCI_MANIFEST, &with(image(), "/layers/0", layer)).expect("an image");
    assert!(manifest.required_blobs().any(|blob| blob == (digest("one"), None)));
}

#[test]
fn a_digest_this_service_cannot_check_is_refused() {
    let document = with(index(), "/manifests/1/digest", json!("blake3:00"));
    assert_eq!(
        refusal(OCI_INDEX, &document),
        "manifests[1] has no usable digest: digest algorithm \"blake3\" is not supported; use sha256 or sha512"
    );
}

#[test]
fn embedded_data_must_be_what_it_claims() {
    let with_data = |data: &str| with(image(), "/layers/0/data", json!(data));
    let manifest = parse(OCI_MANIFEST, &with_data("b25l")).expect("\"one\" in base64");
    assert_eq!(manifest.layers()[0].data.as_deref(), Some("b25l"));
    assert_eq!(
        refusal(OCI_MANIFEST, &with_data("b25")),
        "layers[0] has data that is not padded base64: Invalid padding"
    );
    assert_eq!(
        refusal(OCI_MANIFEST, &with_data("b25lIQ==")),
        "layers[0] has 4 bytes of data where its size says 3"
    );
    let message = refusal(OCI_MANIFEST, &with_data("dHdv"));
    assert_eq!(
        message,
        format!("layers[0] has data that is not what its digest {} names", digest("one"))
    );
}

#[test]
fn foreign_layers_are_not_required() {
    for foreign in [
        media_type::DOCKER_FOREIGN_LAYER_TAR,
        DOCKER_FOREIGN_LAYER,
        OCI_NONDISTRIBUTABLE_LAYER,
        media_type::OCI_NONDISTRIBUTABLE_LAYER_GZIP,
    ] {
        let document = with(image(), "/layers/0/mediaType", json!(foreign));
        let manifest = parse(OCI_MANIFEST, &document).expect("an image");
        assert!(manifest.layers()[0].is_foreign_layer());
        let required: Vec<_> = manifest.required_blobs().map(|(digest, _)| digest).collect();
        assert_eq!(required, [digest("{config}"), digest("other")], "{foreign}");
        assert_eq!(manifest.image_size(), 16, "its size still counts");
    }
    // Urls alone make nothing foreign, or any layer could be left out of a push.
    let document = with(image(), "/layers/0/urls", json!(["https://example.com"]));
    assert_eq!(
        parse(OCI_MANIFEST, &document)
            .expect("an image")
            .required_blobs()
            .count(),
        3
    );
    // Nor does a foreign type excuse the configuration.
    let document = with(image(), "/config/mediaType", json!(DOCKER_FOREIGN_LAYER));
    assert_eq!(
        parse(OCI_MANIFEST, &document)
            .expect("an image")
            .required_blobs()
            .count(),
        3
    );
}

#[test]
fn two_sizes_for_one_digest_are_both_told() {
    let document = with(image(), "/layers/1", with(descriptor("a/b", "one"), "/size", json!(4)));
    let manifest = parse(OCI_MANIFEST, &document).expect("claims");
    let sizes: Vec<_> = manifest
        .required_blobs()
        .filter(|(d, _)| *d == digest("one"))
        .map(|(_, size)| size)
        .collect();
    assert_eq!(sizes, [Some(3), Some(4)]);
}

#[test]
fn a_descriptor_is_written_as_image_spec_has_it() {
    let manifest = parse(
        OCI_INDEX,
        &with(
            index(),
            "/manifests/0/platform",
            json!({ "architecture": "amd64", "os": "linux" }),
        ),
    )
    .expect("an index");
    let written = serde_json::to_value(&manifest.children()[0]).expect("JSON");
    assert_eq!(
        written,
        json!({
            "mediaType": OCI_MANIFEST, "digest": digest("amd64"), "size": 5,
            "platform": { "architecture": "amd64", "os": "linux" },
        })
    );
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
