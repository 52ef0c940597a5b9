//! Manifests to push. It refuses to make invalid ones: tests of refusals write their JSON themselves.

use bytes::Bytes;
use holdfast_content::PutManifest;
use holdfast_oci::{Algorithm, Digest, Reference, media_type};
use serde_json::{Value, json};

/// A manifest, and the blobs it needs.
#[derive(Debug, Clone)]
pub struct Document {
    json: Value,
    blobs: Vec<Bytes>,
    bytes: Bytes,
}

impl Document {
    /// An OCI image for linux/amd64 with these layers.
    #[must_use]
    pub fn image<L: AsRef<[u8]>>(layers: &[L]) -> Self {
        Self::image_with_config(br#"{"architecture":"amd64","os":"linux"}"#, layers)
    }

    /// An OCI image with this config and these layers.
    #[must_use]
    pub fn image_with_config<L: AsRef<[u8]>>(config: &[u8], layers: &[L]) -> Self {
        let layers: Vec<_> = layers
            .iter()
            .map(|layer| Bytes::copy_from_slice(layer.as_ref()))
            .collect();
        let config = Bytes::copy_from_slice(config);
        let json = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_MANIFEST,
            "config": descriptor(media_type::OCI_CONFIG, &config),
            "layers": layers.iter().map(|layer| descriptor(media_type::OCI_LAYER_GZIP, layer)).collect::<Vec<_>>(),
        });
        let mut blobs = vec![config];
        blobs.extend(layers);
        Self::new(json, blobs)
    }

    /// An OCI index of these manifests.
    #[must_use]
    pub fn index(children: &[&Self]) -> Self {
        let children: Vec<_> = children
            .iter()
            .map(|child| descriptor(child.media_type(), &child.bytes))
            .collect();
        let json = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_INDEX,
            "manifests": children,
        });
        Self::new(json, Vec::new())
    }

    /// A cache as BuildKit writes it: an index that lists blobs, the last one its configuration.
    #[must_use]
    pub fn cache<L: AsRef<[u8]>>(blobs: &[L]) -> Self {
        let blobs: Vec<_> = blobs.iter().map(|blob| Bytes::copy_from_slice(blob.as_ref())).collect();
        let mut entries: Vec<_> = blobs
            .iter()
            .map(|blob| descriptor(media_type::OCI_LAYER_GZIP, blob))
            .collect();
        if let Some(last) = entries.last_mut() {
            last["mediaType"] = json!("application/vnd.buildkit.cacheconfig.v0");
        }
        let json = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_INDEX,
            "manifests": entries,
        });
        Self::new(json, blobs)
    }

    /// The same, referring to another manifest.
    #[must_use]
    pub fn referring_to(mut self, subject: &Self) -> Self {
        self.json["subject"] = descriptor(subject.media_type(), &subject.bytes);
        Self::new(self.json, self.blobs)
    }

    /// The same with an annotation, so that it has another digest.
    #[must_use]
    pub fn with_note(mut self, note: &str) -> Self {
        self.json["annotations"] = json!({ "note": note });
        Self::new(self.json, self.blobs)
    }

    /// The same after `edit` changed its JSON.
    #[must_use]
    pub fn edited(mut self, edit: impl FnOnce(&mut Value)) -> Self {
        edit(&mut self.json);
        Self::new(self.json, self.blobs)
    }

    fn new(json: Value, blobs: Vec<Bytes>) -> Self {
        let bytes = serde_json::to_vec(&json).expect("a value can be written").into();
        Self { json, blobs, bytes }
    }

    /// Its SHA-256 digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(Algorithm::Sha256, &self.bytes)
    }

    /// The exact bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The blobs it needs, config first.
    #[must_use]
    pub fn blobs(&self) -> &[Bytes] {
        &self.blobs
    }

    /// The push of it under a tag or digest.
    #[must_use]
    pub fn put(&self, reference: Reference) -> PutManifest {
        PutManifest {
            reference,
            tags: Vec::new(),
            media_type: None,
            bytes: self.bytes.clone(),
            precondition: None,
        }
    }

    /// The media type that it names itself.
    ///
    /// # Panics
    /// When an edit took it away.
    #[must_use]
    pub fn media_type(&self) -> &str {
        self.json["mediaType"].as_str().expect("documents name their type")
    }
}

/// Bytes that repeat only after a long while, and differ from those of another seed.
#[must_use]
pub fn pattern(seed: u64, length: usize) -> Bytes {
    (0..length as u64)
        .map(|at| (at.wrapping_add(seed << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
        .collect()
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({
        "mediaType": media_type,
        "digest": Digest::of(Algorithm::Sha256, bytes).to_string(),
        "size": bytes.len(),
    })
}
