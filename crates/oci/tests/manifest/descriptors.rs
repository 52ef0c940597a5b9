//! What a descriptor in a manifest must say, and what is read from it.

use super::*;

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
