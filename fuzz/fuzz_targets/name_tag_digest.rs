//! The words of a path and of a header: what is accepted is written as it was read and holds nothing dangerous.
#![no_main]

use holdfast_oci::message::chain;
use holdfast_oci::{Digest, Hasher, MediaType, Reference, RepositoryName, Tag};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok(digest) = Digest::from_db(input) {
        assert_eq!(digest.to_db(), input);
    }
    // Only a state with a right checksum is ever taken up, so this must neither panic nor succeed by luck.
    let _restored = Hasher::restore(input);
    let Ok(text) = std::str::from_utf8(input) else { return };
    match text.parse::<RepositoryName>() {
        Ok(name) => {
            assert_eq!(name.as_str(), text);
            assert!(text.len() <= 255 && !text.contains("..") && !text.contains("//"));
            assert!(
                name.components()
                    .all(|part| part.starts_with(|c: char| c.is_ascii_alphanumeric()))
            );
        }
        Err(error) => check_message(&error),
    }
    match text.parse::<Tag>() {
        Ok(tag) => {
            assert_eq!(tag.as_str(), text);
            assert!(text.len() <= 128 && !text.contains('/') && !text.starts_with('.'));
        }
        Err(error) => check_message(&error),
    }
    match text.parse::<Digest>() {
        Ok(digest) => {
            assert_eq!(digest.to_string(), text);
            assert_eq!(Digest::from_db(&digest.to_db()), Ok(digest));
        }
        Err(error) => check_message(&error),
    }
    match text.parse::<Reference>() {
        Ok(reference) => assert_eq!(reference.to_string(), text),
        Err(error) => check_message(&error),
    }
    match text.parse::<MediaType>() {
        Ok(media_type) => assert_eq!(media_type.as_str().parse(), Ok(media_type.clone())),
        Err(error) => check_message(&error),
    }
});

fn check_message(error: &dyn std::error::Error) {
    let message = chain(error);
    assert!(
        !message.is_empty() && !message.contains(char::is_control),
        "{message:?}"
    );
}
