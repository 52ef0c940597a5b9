//! What is pushed: small images whose bytes no server has seen before. Pure; knows no server.

use sha2::{Digest as _, Sha256};

/// Bytes and their digest.
pub(crate) struct Blob {
    pub(crate) digest: String,
    pub(crate) bytes: Vec<u8>,
}

impl Blob {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self {
            digest: digest_of(&bytes),
            bytes,
        }
    }
}

/// Two blobs and the manifest that names them.
pub(crate) struct Image {
    pub(crate) blobs: [Blob; 2],
    pub(crate) manifest: Vec<u8>,
}

impl Image {
    pub(crate) const MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

    /// An image with a configuration of 2 KiB and a layer of 4 KiB; different for every pair of numbers.
    pub(crate) fn unique(run: u64, number: u64) -> Self {
        let start = format!("{{\"architecture\":\"amd64\",\"os\":\"linux\",\"author\":\"{run:016x}{number:016x}");
        let mut config = start.into_bytes();
        config.resize(2 * 1024 - 2, b'x');
        config.extend_from_slice(b"\"}");
        let config = Blob::new(config);
        let layer = Blob::new(noise(run.rotate_left(32) ^ number, 4 * 1024));
        let manifest = format!(
            concat!(
                r#"{{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"#,
                r#""application/vnd.oci.image.config.v1+json","digest":"{}","size":{}}},"layers":[{{"mediaType":"#,
                r#""application/vnd.oci.image.layer.v1.tar+gzip","digest":"{}","size":{}}}]}}"#
            ),
            Self::MEDIA_TYPE,
            config.digest,
            config.bytes.len(),
            layer.digest,
            layer.bytes.len()
        );
        Self {
            blobs: [config, layer],
            manifest: manifest.into_bytes(),
        }
    }
}

/// A manifest of about 350 bytes that needs only the empty blob; different for every number.
pub(crate) fn tiny_manifest(number: u64) -> Vec<u8> {
    let empty = empty_blob();
    format!(
        concat!(
            r#"{{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"application/vnd.oci.empty.v1+json","#,
            r#""digest":"{}","size":2}},"layers":[],"annotations":{{"org.holdfast.bench.number":"{}"}}}}"#
        ),
        Image::MEDIA_TYPE,
        empty.digest,
        number
    )
    .into_bytes()
}

pub(crate) const INDEX_MEDIA_TYPE: &str = "application/vnd.oci.image.index.v1+json";

/// An image index that lists nothing, and so can be pushed to a repository that is not there yet.
pub(crate) const EMPTY_INDEX: &[u8] =
    br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// The blob `{}` of OCI's empty descriptor.
pub(crate) fn empty_blob() -> Blob {
    Blob::new(b"{}".to_vec())
}

/// The digest of `bytes` as registries write it.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    digest_text(Sha256::new_with_prefix(bytes))
}

/// The digest a finished hash stands for.
pub(crate) fn digest_text(hash: Sha256) -> String {
    format!("sha256:{}", hex::encode(hash.finalize()))
}

/// Bytes that no file system or network can make smaller, the same for the same seed.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        // splitmix64: any seed will do, zero included.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// A number that another run of this program does not use: content must be new to a server.
pub(crate) fn run_number() -> anyhow::Result<u64> {
    getrandom::u64().map_err(anyhow::Error::msg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_differ_and_their_manifests_are_json() {
        let (one, two) = (Image::unique(1, 1), Image::unique(1, 2));
        assert_ne!(one.blobs[0].digest, two.blobs[0].digest);
        assert_ne!(one.blobs[1].digest, two.blobs[1].digest);
        let json: serde_json::Value = serde_json::from_slice(&one.manifest).unwrap();
        assert_eq!(json["layers"][0]["digest"], one.blobs[1].digest);
        serde_json::from_slice::<serde_json::Value>(&one.blobs[0].bytes).unwrap();
        serde_json::from_slice::<serde_json::Value>(&tiny_manifest(7)).unwrap();
    }

    #[test]
    fn the_empty_blob_has_its_well_known_digest() {
        let known = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(empty_blob().digest, known);
    }
}
