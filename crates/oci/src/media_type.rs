//! Media types: the names of manifest formats, and of the layers a registry does not hold.
//!
//! Content of any type may be stored in a blob; only manifests must be of a type that is understood here. This is not
//! an HTTP content negotiator: parameters are dropped and `*` is not a type.

use std::str::FromStr;
use std::sync::Arc;

use crate::message::excerpt;

/// Docker image manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker manifest list (a multi-platform image).
pub const DOCKER_MANIFEST_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Docker image manifest, schema 1, unsigned.
pub const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
/// Docker image manifest, schema 1, signed.
pub const DOCKER_SCHEMA1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
/// Docker image configuration.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// Docker layer, gzipped.
pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// Docker layer that stays where its `urls` point, a plain tar.
pub const DOCKER_FOREIGN_LAYER_TAR: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar";
/// The same, gzipped.
pub const DOCKER_FOREIGN_LAYER: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
/// OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// OCI image configuration.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The empty JSON object, a configuration that says nothing.
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// OCI layer, a plain tar.
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// OCI layer, gzipped.
pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// OCI layer, compressed with zstd.
pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// OCI layer that may not be distributed; deprecated by image-spec 1.1, still in Windows images.
pub const OCI_NONDISTRIBUTABLE_LAYER: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar";
/// The same, gzipped.
pub const OCI_NONDISTRIBUTABLE_LAYER_GZIP: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
/// The same, compressed with zstd.
pub const OCI_NONDISTRIBUTABLE_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd";
/// OCI artifact manifest of the image-spec 1.1 release candidates, withdrawn before the release.
pub const OCI_ARTIFACT_MANIFEST: &str = "application/vnd.oci.artifact.manifest.v1+json";
/// Its predecessor in ORAS, which Azure Container Registry accepted first.
pub const ORAS_ARTIFACT_MANIFEST: &str = "application/vnd.cncf.oras.artifact.manifest.v1+json";

/// Bytes of the longest media type (RFC 6838 section 4.2: 127 on each side of the slash).
pub const MAX_MEDIA_TYPE_BYTES: usize = 255;

/// Bytes of each half.
const MAX_HALF_BYTES: usize = 127;

/// A media type without parameters, in lower case; cloning shares the text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaType(Arc<str>);

/// How a body of some media type is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Names blobs: an image manifest of Docker or OCI, or one of the two withdrawn artifact manifests.
    Image,
    /// Names other manifests: an OCI index or a Docker manifest list.
    Index,
    /// A Docker schema 1 manifest, which is recognised to be refused.
    Schema1,
    /// Not a manifest.
    Other,
}

/// Why a text is not a media type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More than [`MAX_MEDIA_TYPE_BYTES`], or a half of more than 127 bytes.
    #[error("media type {} is longer than 127 bytes on a side of the slash", excerpt(.input))]
    TooLong {
        /// What was sent.
        input: String,
    },
    /// Not `type/subtype` in RFC 6838's characters.
    #[error("media type {} is not of the form type/subtype", excerpt(.input))]
    Malformed {
        /// What was sent.
        input: String,
    },
}

impl MediaType {
    /// How a body of this type is read.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.as_str() {
            OCI_MANIFEST | DOCKER_MANIFEST | OCI_ARTIFACT_MANIFEST | ORAS_ARTIFACT_MANIFEST => Kind::Image,
            OCI_INDEX | DOCKER_MANIFEST_LIST => Kind::Index,
            DOCKER_SCHEMA1 | DOCKER_SCHEMA1_SIGNED => Kind::Schema1,
            _ => Kind::Other,
        }
    }

    /// Whether it is one of the two withdrawn artifact manifests, which have `blobs` and no `config`.
    #[must_use]
    pub fn is_artifact_manifest(&self) -> bool {
        matches!(self.as_str(), OCI_ARTIFACT_MANIFEST | ORAS_ARTIFACT_MANIFEST)
    }

    /// Whether a layer of this type may be absent from the registry; see [`is_foreign_layer`].
    #[must_use]
    pub fn is_foreign_layer(&self) -> bool {
        is_foreign_layer(self.as_str())
    }
}

/// Whether a descriptor's media type is one whose bytes a registry need not hold (Docker's foreign layers, OCI's
/// nondistributable ones).
#[must_use]
pub fn is_foreign_layer(media_type: &str) -> bool {
    [
        DOCKER_FOREIGN_LAYER_TAR,
        DOCKER_FOREIGN_LAYER,
        OCI_NONDISTRIBUTABLE_LAYER,
        OCI_NONDISTRIBUTABLE_LAYER_GZIP,
        OCI_NONDISTRIBUTABLE_LAYER_ZSTD,
    ]
    .contains(&media_type)
}

impl FromStr for MediaType {
    type Err = Error;

    /// Reads a `Content-Type` value: whatever follows a semicolon is ignored, letters become lower case.
    fn from_str(text: &str) -> Result<Self, Error> {
        let essence = text.split(';').next().unwrap_or_default().trim_matches([' ', '\t']);
        let malformed = || Error::Malformed { input: text.to_owned() };
        let (kind, subtype) = essence.split_once('/').ok_or_else(malformed)?;
        if kind.len() > MAX_HALF_BYTES || subtype.len() > MAX_HALF_BYTES {
            return Err(Error::TooLong { input: text.to_owned() });
        }
        if !is_restricted_name(kind) || !is_restricted_name(subtype) {
            return Err(malformed());
        }
        Ok(Self(Arc::from(essence.to_ascii_lowercase())))
    }
}

crate::text::shared_text!(MediaType);

/// `restricted-name` of RFC 6838 section 4.2.
fn is_restricted_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
}
