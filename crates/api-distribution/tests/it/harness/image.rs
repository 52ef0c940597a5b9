//! Images for tests to push.

use super::*;

/// An image as it was pushed.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub(crate) config: Vec<u8>,
    pub(crate) layer: Vec<u8>,
    pub(crate) manifest: Vec<u8>,
    pub(crate) digest: String,
}

pub(crate) fn sha256(bytes: impl AsRef<[u8]>) -> String {
    Digest::of(Algorithm::Sha256, bytes.as_ref()).to_string()
}

pub(crate) fn sha512(bytes: impl AsRef<[u8]>) -> String {
    Digest::of(Algorithm::Sha512, bytes.as_ref()).to_string()
}

/// A descriptor of these bytes.
pub(crate) fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": sha256(bytes), "size": bytes.len() })
}

impl Image {
    /// Differs with the seed, in config and layer.
    pub(crate) fn new(seed: &str) -> Self {
        let config = json!({ "architecture": "arm64", "os": "linux", "seed": seed }).to_string();
        Self::with(config.into_bytes(), format!("layer of {seed}").into_bytes(), &json!({}))
    }

    /// With more fields in its manifest.
    pub(crate) fn with(config: Vec<u8>, layer: Vec<u8>, more: &Value) -> Self {
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(OCI_CONFIG, &config),
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &layer)],
        });
        for (field, value) in more.as_object().unwrap() {
            manifest[field] = value.clone();
        }
        let manifest = manifest.to_string().into_bytes();
        Self {
            digest: sha256(&manifest),
            config,
            layer,
            manifest,
        }
    }
}
