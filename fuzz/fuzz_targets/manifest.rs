//! A manifest's bytes: never a panic, never a hang, and what is accepted keeps the promises of its accessors.
#![no_main]

use std::collections::HashSet;

use holdfast_oci::manifest::{MAX_DESCRIPTORS, Manifest};
use holdfast_oci::media_type::{self, Kind};
use holdfast_oci::message::chain;
use holdfast_oci::{Descriptor, MediaType};
use libfuzzer_sys::fuzz_target;

/// The first byte picks the `Content-Type`, the rest is the body.
const DECLARED: [Option<&str>; 7] = [
    None,
    Some(media_type::OCI_MANIFEST),
    Some(media_type::OCI_INDEX),
    Some(media_type::DOCKER_MANIFEST),
    Some(media_type::DOCKER_MANIFEST_LIST),
    Some(media_type::OCI_ARTIFACT_MANIFEST),
    Some(media_type::DOCKER_SCHEMA1),
];

fuzz_target!(|input: &[u8]| {
    let Some((choice, body)) = input.split_first() else {
        return;
    };
    let declared: Option<MediaType> =
        DECLARED[usize::from(*choice) % DECLARED.len()].map(|text| text.parse().expect("a media type"));
    let manifest = match Manifest::parse(declared.as_ref(), body) {
        Ok(manifest) => manifest,
        Err(error) => {
            let message = chain(&error);
            assert!(
                !message.is_empty() && !message.contains(char::is_control),
                "{message:?}"
            );
            return;
        }
    };
    match manifest.kind() {
        Kind::Image => assert!(manifest.children().is_empty()),
        Kind::Index => assert!(manifest.layers().is_empty() && manifest.config().is_none()),
        Kind::Schema1 | Kind::Other => panic!("accepted {}", manifest.media_type()),
    }
    if let Some(declared) = &declared {
        assert_eq!(manifest.media_type(), declared);
    }
    let descriptors: Vec<&Descriptor> = (manifest.layers().iter().chain(manifest.children()))
        .chain(manifest.config())
        .chain(manifest.subject())
        .collect();
    assert!(descriptors.len() <= MAX_DESCRIPTORS);
    assert!(
        descriptors
            .iter()
            .filter_map(|descriptor| descriptor.size)
            .all(|size| i64::try_from(size).is_ok())
    );
    let named: HashSet<_> = descriptors
        .iter()
        .map(|descriptor| (descriptor.digest, descriptor.size))
        .collect();
    assert!(manifest.required_blobs().all(|blob| named.contains(&blob)));
    let required: HashSet<_> = manifest.required_blobs().map(|(digest, _)| digest).collect();
    assert!(manifest.unsized_blobs().all(|digest| required.contains(&digest)));
    // Reading is a function of the bytes: the stored manifest is read again on other nodes and after upgrades.
    let again = Manifest::parse(Some(manifest.media_type()), body).expect("accepted a moment ago");
    assert_eq!(again.layers(), manifest.layers());
    assert_eq!(again.children(), manifest.children());
    assert_eq!(again.artifact_type(), manifest.artifact_type());
    let _size = manifest.image_size();
});
