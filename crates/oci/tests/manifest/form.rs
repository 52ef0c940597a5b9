//! Which bodies are manifests of which kind, and which are none.

use super::*;

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
