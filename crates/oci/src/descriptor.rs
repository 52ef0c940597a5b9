//! A descriptor: the type, digest and size by which one piece of content names another.
//!
//! Read strictly, because what it names becomes a link that protects bytes from collection; written only into the
//! lists this service makes itself (referrers). A descriptor inside a stored manifest is never re-encoded.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Digest, MediaType, digest, media_type};

/// The largest size a descriptor may claim; sizes are stored as signed 64-bit integers.
pub const MAX_SIZE_BYTES: u64 = i64::MAX as u64;

/// What one piece of content says of another (image-spec descriptor.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Media type, as it was written; any text is legal for configurations and layers.
    pub media_type: String,
    /// Digest of the content.
    pub digest: Digest,
    /// Size of the content in bytes, at most [`MAX_SIZE_BYTES`]. A claim until it was compared with the stored bytes.
    /// image-spec demands it, but Microsoft's own samples write `sizeInBytes` for the configuration: without it the
    /// size of the stored content counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Where else the content may be had. Never fetched by this service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Annotations of this descriptor.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The content itself in base64, already compared with digest and size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The platform an index wants this manifest for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The artifact type of the manifest it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

/// The machine a manifest is for (image-spec image-index.md).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// Architecture in Go's words, `amd64`. Empty where it is absent or `null`.
    #[serde(default, deserialize_with = "or_empty")]
    pub architecture: String,
    /// Operating system in Go's words, `linux`. Empty where it is absent or `null`.
    #[serde(default, deserialize_with = "or_empty")]
    pub os: String,
    /// Version of the operating system; Windows images need it.
    #[serde(rename = "os.version", default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Features of the operating system; `win32k`.
    #[serde(rename = "os.features", default, skip_serializing_if = "Option::is_none")]
    pub os_features: Option<Vec<String>>,
    /// Variant of the architecture, `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Features of the processor; reserved by OCI, used by Docker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<String>>,
}

/// Where in a manifest a descriptor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The field of the manifest.
    pub(crate) field: &'static str,
    /// The position, when the field is a list.
    pub(crate) index: Option<usize>,
}

/// Why a descriptor in a manifest is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A field that every descriptor has is absent.
    #[error("{place} has no {field}")]
    FieldMissing {
        /// The descriptor.
        place: Place,
        /// The field.
        field: &'static str,
    },
    /// The digest is not one.
    #[error("{place} has no usable digest")]
    Digest {
        /// The descriptor.
        place: Place,
        /// Why it is not one.
        #[source]
        source: digest::Error,
    },
    /// The size is negative, fractional or too large.
    #[error("{place} has size {size}; a size is a whole number from 0 to {MAX_SIZE_BYTES}")]
    Size {
        /// The descriptor.
        place: Place,
        /// The number, as it was understood.
        size: String,
    },
    /// `data` is not base64.
    #[error("{place} has data that is not padded base64")]
    DataEncoding {
        /// The descriptor.
        place: Place,
        /// Where decoding stopped.
        #[source]
        source: base64::DecodeError,
    },
    /// `data` is not as long as `size` says.
    #[error("{place} has {found_bytes} bytes of data where its size says {size_bytes}")]
    DataLength {
        /// The descriptor.
        place: Place,
        /// Bytes in `data`.
        found_bytes: u64,
        /// Bytes claimed.
        size_bytes: u64,
    },
    /// `data` does not have the digest.
    #[error("{place} has data that is not what its digest {claimed} names")]
    DataDigest {
        /// The descriptor.
        place: Place,
        /// Digest claimed.
        claimed: Digest,
    },
}

impl Descriptor {
    /// Whether the registry need not hold the bytes; see [`media_type::is_foreign_layer`].
    #[must_use]
    pub fn is_foreign_layer(&self) -> bool {
        media_type::is_foreign_layer(&self.media_type)
    }

    /// Whether its media type is one of a manifest. What an index lists need not be: anything else is a blob.
    #[must_use]
    pub fn is_manifest(&self) -> bool {
        let media_type = self.media_type.parse::<MediaType>();
        media_type.is_ok_and(|media_type| media_type.kind() != media_type::Kind::Other)
    }
}

impl Place {
    pub(crate) fn lacks(self, field: &'static str) -> Error {
        Error::FieldMissing { place: self, field }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            None => f.write_str(self.field),
            Some(index) => write!(f, "{}[{index}]", self.field),
        }
    }
}

/// A descriptor as the JSON has it, before anything in it is believed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawDescriptor {
    media_type: Option<String>,
    digest: Option<String>,
    size: Option<serde_json::Number>,
    urls: Option<Vec<String>>,
    annotations: Option<BTreeMap<String, String>>,
    data: Option<String>,
    platform: Option<Platform>,
    artifact_type: Option<String>,
}

impl RawDescriptor {
    pub(crate) fn media_type(&self) -> Option<&str> {
        self.media_type.as_deref()
    }

    pub(crate) fn check(self, place: Place) -> Result<Descriptor, Error> {
        let media_type = self.media_type.ok_or_else(|| place.lacks("mediaType"))?;
        let digest: Digest = self
            .digest
            .ok_or_else(|| place.lacks("digest"))?
            .parse()
            .map_err(|source| Error::Digest { place, source })?;
        let claimed = self.size.map(|size| {
            size.as_u64()
                .filter(|size| *size <= MAX_SIZE_BYTES)
                .ok_or_else(|| Error::Size {
                    place,
                    size: size.to_string(),
                })
        });
        let mut size = claimed.transpose()?;
        if let Some(data) = &self.data {
            size = Some(check_data(place, data, &digest, size)?);
        }
        Ok(Descriptor {
            media_type,
            digest,
            size,
            urls: self.urls.unwrap_or_default(),
            annotations: self.annotations.unwrap_or_default(),
            data: self.data,
            platform: self.platform,
            artifact_type: self.artifact_type,
        })
    }
}

/// `null` counts as absent, here as everywhere in a manifest.
fn or_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// image-spec descriptor.md, "Embedded Content": data must match digest and size, or a reader could be shown one
/// content and handed another. Returns its size.
fn check_data(place: Place, data: &str, claimed: &Digest, size: Option<u64>) -> Result<u64, Error> {
    let decoded = STANDARD
        .decode(data)
        .map_err(|source| Error::DataEncoding { place, source })?;
    let found_bytes = decoded.len() as u64;
    if let Some(size_bytes) = size
        && size_bytes != found_bytes
    {
        return Err(Error::DataLength {
            place,
            found_bytes,
            size_bytes,
        });
    }
    if Digest::of(claimed.algorithm(), &decoded) != *claimed {
        return Err(Error::DataDigest {
            place,
            claimed: *claimed,
        });
    }
    Ok(found_bytes)
}
