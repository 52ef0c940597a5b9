//! A manifest: the document that names an image's blobs or an index's manifests, read and never written.
//!
//! The bytes a client pushed are the manifest; what is parsed here is only what the rules need to know of them.
//! Unknown fields are therefore legal and ignored, but anything two readers could understand differently is refused:
//! duplicate keys, keys that differ from a field by case, an image that is also an index (CVE-2021-41190), a
//! `mediaType` that is not the `Content-Type`.

mod document;
mod error;

use std::collections::HashSet;

use serde::{Deserialize, Deserializer};
use serde_json::Number;
use serde_json::value::RawValue;

pub use self::error::Error;
use crate::descriptor::{Place, RawDescriptor};
use crate::media_type::{DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, Kind};
use crate::{Descriptor, Digest, MediaType};

/// Bytes of the largest manifest, 4 MiB: what dist-spec "Pushing Manifests" asks every registry to accept.
pub const MAX_MANIFEST_BYTES: usize = 4_194_304;

/// Objects and arrays inside one another. Deeper than any manifest in use; `serde_json` itself would stop at 128.
pub const MAX_DEPTH: usize = 32;

/// Descriptors in one manifest, all lists together. Each becomes a row; images have some hundred at most, artifacts of
/// many files some thousand.
pub const MAX_DESCRIPTORS: usize = 10_000;

/// Bytes of an `artifactType` and of the media type of a config, which listings show: as long as a media type may be.
pub const MAX_TYPE_BYTES: usize = crate::media_type::MAX_MEDIA_TYPE_BYTES;

/// What the rules know of a manifest's bytes.
#[derive(Debug, Clone)]
pub struct Manifest {
    media_type: MediaType,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Vec<Descriptor>,
    children: Vec<Descriptor>,
    subject: Option<Descriptor>,
    annotations: Option<Box<RawValue>>,
}

impl Manifest {
    /// Reads a manifest of the type its `Content-Type` declares; without one the body's `mediaType` decides.
    ///
    /// Costs time and memory linear in the bytes. Whether what it names exists is for the caller to find out.
    ///
    /// # Errors
    /// See [`Error`]; each variant is one reason to answer `MANIFEST_INVALID`, but [`Error::TooLarge`], which is 413.
    pub fn parse(declared: Option<&MediaType>, bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(Error::TooLarge {
                size_bytes: bytes.len(),
            });
        }
        document::check(bytes)?;
        let raw: RawManifest<'_> = serde_json::from_slice(bytes).map_err(|source| Error::Shape { source })?;
        if raw.is_schema1(declared) {
            return Err(Error::Schema1);
        }
        let media_type = raw.agreed_media_type(declared)?;
        if !media_type.is_artifact_manifest() {
            raw.check_schema_version()?;
        }
        raw.check_types()?;
        match media_type.kind() {
            Kind::Schema1 => Err(Error::Schema1),
            Kind::Other => Err(Error::UnknownMediaType { media_type }),
            Kind::Index => raw.into_index(media_type),
            Kind::Image if media_type.is_artifact_manifest() => raw.into_artifact(media_type),
            Kind::Image => raw.into_image(media_type),
        }
    }

    /// The media type to serve the bytes with: the declared one, else the body's.
    #[must_use]
    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// Whether it names blobs ([`Kind::Image`]) or manifests ([`Kind::Index`]); never another kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.media_type.kind()
    }

    /// The configuration; every image manifest has one, an index and the withdrawn artifact manifests have none.
    #[must_use]
    pub fn config(&self) -> Option<&Descriptor> {
        self.config.as_ref()
    }

    /// The layers of an image, or the `blobs` of a withdrawn artifact manifest, in order; empty for an index.
    #[must_use]
    pub fn layers(&self) -> &[Descriptor] {
        &self.layers
    }

    /// What an index lists, in order; empty for an image. Mostly manifests, but anything may stand there: BuildKit's
    /// registry cache lists blobs.
    #[must_use]
    pub fn children(&self) -> &[Descriptor] {
        &self.children
    }

    /// The manifest it refers to, which need not exist yet (dist-spec "Pushing Manifests with Subject").
    #[must_use]
    pub fn subject(&self) -> Option<&Descriptor> {
        self.subject.as_ref()
    }

    /// The artifact type to list it under as a referrer: its own, else for an image the configuration's media type
    /// (dist-spec "Listing Referrers").
    #[must_use]
    pub fn artifact_type(&self) -> Option<&str> {
        self.artifact_type
            .as_deref()
            .filter(|text| !text.is_empty())
            .or_else(|| self.config.as_ref().map(|config| config.media_type.as_str()))
    }

    /// The manifest's own annotations, as the JSON object of strings that was pushed.
    #[must_use]
    pub fn annotations(&self) -> Option<&RawValue> {
        self.annotations.as_deref()
    }

    /// Digest and size of every blob the repository must hold before it may hold this manifest: configuration and
    /// layers, each pair once, without foreign layers that tell their size. Claims of two sizes for one digest are
    /// both given.
    pub fn required_blobs(&self) -> impl Iterator<Item = (Digest, Option<u64>)> {
        let mut seen = HashSet::new();
        self.config
            .iter()
            .chain(
                self.layers
                    .iter()
                    .filter(|layer| layer.size.is_none() || !layer.is_foreign_layer()),
            )
            .map(|descriptor| (descriptor.digest, descriptor.size))
            .filter(move |blob| seen.insert(*blob))
    }

    /// Digest and size of what an index lists, each pair once. Claims of two sizes for one digest are both given.
    pub fn listed(&self) -> impl Iterator<Item = (Digest, Option<u64>)> {
        let mut seen = HashSet::new();
        self.children
            .iter()
            .map(|child| (child.digest, child.size))
            .filter(move |claim| seen.insert(*claim))
    }

    /// Sum of the claimed sizes of configuration and layers, in bytes; stops at [`u64::MAX`]. Zero for an index. The
    /// blobs of [`Manifest::unsized_blobs`] are not in it.
    #[must_use]
    pub fn image_size(&self) -> u64 {
        self.config
            .iter()
            .chain(&self.layers)
            .filter_map(|descriptor| descriptor.size)
            .fold(0, u64::saturating_add)
    }

    /// Configuration and layers whose size only the stored blob tells, each as often as it is named.
    pub fn unsized_blobs(&self) -> impl Iterator<Item = Digest> {
        self.config
            .iter()
            .chain(&self.layers)
            .filter(|descriptor| descriptor.size.is_none())
            .map(|descriptor| descriptor.digest)
    }
}

/// A manifest of any kind as the JSON has it. `null` counts as absent, which is how Go writes an empty list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawManifest<'a> {
    schema_version: Option<Number>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<RawDescriptor>,
    layers: Option<Vec<RawDescriptor>>,
    /// The outer option tells an index whose empty list Go wrote as `null` from one without the field.
    #[serde(default, deserialize_with = "present")]
    manifests: Option<Option<Vec<RawDescriptor>>>,
    blobs: Option<Vec<RawDescriptor>>,
    subject: Option<RawDescriptor>,
    fs_layers: Option<serde::de::IgnoredAny>,
    #[serde(borrow)]
    annotations: Option<&'a RawValue>,
}

impl RawManifest<'_> {
    fn is_schema1(&self, declared: Option<&MediaType>) -> bool {
        declared.is_some_and(|declared| declared.kind() == Kind::Schema1)
            || self.fs_layers.is_some()
            || self.schema_version.as_ref().and_then(Number::as_u64) == Some(1)
    }

    /// The body's `mediaType` and the declared type must agree when both are there.
    fn agreed_media_type(&self, declared: Option<&MediaType>) -> Result<MediaType, Error> {
        let body = self.media_type.as_deref().filter(|text| !text.is_empty());
        match (declared, body) {
            (None, None) => Err(Error::MediaTypeMissing),
            (None, Some(body)) => {
                let media_type: MediaType = body.parse().map_err(|source| Error::MediaTypeInvalid { source })?;
                if body == media_type.as_str() {
                    Ok(media_type)
                } else {
                    Err(disagreement(&media_type, body))
                }
            }
            (Some(declared), Some(body)) if body != declared.as_str() => Err(disagreement(declared, body)),
            // OCI lets the body leave it out; Docker's own clients refuse such a body.
            (Some(declared), None) if matches!(declared.as_str(), DOCKER_MANIFEST | DOCKER_MANIFEST_LIST) => {
                Err(Error::DockerMediaTypeMissing {
                    declared: declared.clone(),
                })
            }
            (Some(declared), _) => Ok(declared.clone()),
        }
    }

    fn check_schema_version(&self) -> Result<(), Error> {
        match &self.schema_version {
            None => Err(Error::SchemaVersionMissing),
            Some(version) if version.as_u64() == Some(2) => Ok(()),
            Some(version) => Err(Error::SchemaVersion {
                found: version.to_string(),
            }),
        }
    }

    /// Those that listings show are as short as media types are, and text that every database keeps.
    fn check_types(&self) -> Result<(), Error> {
        let config = self.config.as_ref().and_then(RawDescriptor::media_type);
        for (field, text) in [
            ("artifactType", self.artifact_type.as_deref()),
            ("config.mediaType", config),
        ] {
            let text = text.unwrap_or_default();
            if text.len() > MAX_TYPE_BYTES {
                let size_bytes = text.len();
                return Err(Error::TypeTooLong { field, size_bytes });
            }
            if text.contains('\0') {
                return Err(Error::TypeHoldsNul { field });
            }
        }
        Ok(())
    }

    fn into_image(self, media_type: MediaType) -> Result<Manifest, Error> {
        if self.manifests.as_ref().is_some_and(Option::is_some) {
            return Err(Error::Ambiguous {
                media_type,
                field: "manifests",
            });
        }
        let config = self.config.ok_or(Error::ConfigMissing)?;
        Ok(Manifest {
            artifact_type: self.artifact_type,
            config: Some(config.check(Place {
                field: "config",
                index: None,
            })?),
            layers: check_list("layers", self.layers)?,
            children: Vec::new(),
            subject: check_subject(self.subject)?,
            annotations: self.annotations.map(ToOwned::to_owned),
            media_type,
        })
    }

    fn into_index(self, media_type: MediaType) -> Result<Manifest, Error> {
        if self.layers.is_some() {
            return Err(Error::Ambiguous {
                media_type,
                field: "layers",
            });
        }
        if self.config.is_some() {
            return Err(Error::Ambiguous {
                media_type,
                field: "config",
            });
        }
        let manifests = self.manifests.ok_or(Error::ManifestsMissing)?;
        Ok(Manifest {
            artifact_type: self.artifact_type,
            config: None,
            layers: Vec::new(),
            children: check_list("manifests", manifests)?,
            subject: check_subject(self.subject)?,
            annotations: self.annotations.map(ToOwned::to_owned),
            media_type,
        })
    }

    fn into_artifact(self, media_type: MediaType) -> Result<Manifest, Error> {
        let others = [
            ("manifests", self.manifests.as_ref().is_some_and(Option::is_some)),
            ("layers", self.layers.is_some()),
        ];
        if let Some((field, _)) = others.into_iter().find(|(_, is_present)| *is_present) {
            return Err(Error::Ambiguous { media_type, field });
        }
        Ok(Manifest {
            artifact_type: self.artifact_type,
            config: None,
            layers: check_list("blobs", self.blobs)?,
            children: Vec::new(),
            subject: check_subject(self.subject)?,
            annotations: self.annotations.map(ToOwned::to_owned),
            media_type,
        })
    }
}

fn disagreement(declared: &MediaType, body: &str) -> Error {
    Error::MediaTypeDisagrees {
        declared: declared.clone(),
        body: body.to_owned(),
    }
}

fn check_list(field: &'static str, list: Option<Vec<RawDescriptor>>) -> Result<Vec<Descriptor>, Error> {
    let checked = list
        .unwrap_or_default()
        .into_iter()
        .enumerate()
        .map(|(index, raw)| {
            raw.check(Place {
                field,
                index: Some(index),
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(checked)
}

fn check_subject(subject: Option<RawDescriptor>) -> Result<Option<Descriptor>, Error> {
    let place = Place {
        field: "subject",
        index: None,
    };
    let subject = subject.map(|raw| raw.check(place)).transpose()?;
    match &subject {
        // It need not be stored, so nothing else could tell its size.
        Some(subject) if subject.size.is_none() => Err(place.lacks("size").into()),
        _ => Ok(subject),
    }
}

/// Tells a field that is `null` from one that is absent; for the latter serde uses the default.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
