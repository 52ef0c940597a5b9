//! Why a manifest is refused: one variant a reason, each naming what offends and what to do about it.

use super::{MAX_DEPTH, MAX_DESCRIPTORS, MAX_MANIFEST_BYTES, MAX_TYPE_BYTES};
use crate::message::excerpt;
use crate::{MediaType, descriptor, media_type};

/// Why a manifest is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More than [`MAX_MANIFEST_BYTES`].
    #[error(
        "manifest has {size_bytes} bytes, more than {MAX_MANIFEST_BYTES}; move large annotations and data into blobs"
    )]
    TooLarge {
        /// Size of the body.
        size_bytes: usize,
    },
    /// A UTF-8 byte order mark in front, which JSON forbids and some readers skip.
    #[error("manifest starts with a byte order mark; push plain UTF-8")]
    ByteOrderMark,
    /// Not one JSON text.
    #[error("manifest is not valid JSON")]
    NotJson {
        /// What the parser met, and where.
        #[source]
        source: serde_json::Error,
    },
    /// Something after the JSON text.
    #[error("manifest has something after its closing brace; push exactly one JSON object")]
    TrailingData {
        /// Where it stands.
        #[source]
        source: serde_json::Error,
    },
    /// JSON, but an array or a scalar.
    #[error("manifest is not a JSON object")]
    NotAnObject,
    /// More than [`MAX_DEPTH`] objects and arrays inside one another.
    #[error("manifest nests objects and arrays deeper than {MAX_DEPTH}")]
    TooDeep,
    /// More than [`MAX_DESCRIPTORS`].
    #[error("manifest has more than {MAX_DESCRIPTORS} descriptors; split it with an index")]
    TooManyDescriptors,
    /// A key twice in one object; readers differ on which one counts.
    #[error("manifest has the key {} twice in one object", excerpt(.key))]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A key that readers which ignore case (Go's do) take for a field of the format.
    #[error("manifest has the key {}, which some readers take for {field:?}; write {field:?}", excerpt(.key))]
    LookalikeKey {
        /// The key.
        key: String,
        /// The field.
        field: &'static str,
    },
    /// Annotations that are not an object of strings (image-spec annotations.md).
    #[error("manifest has annotations that are not an object of strings; write every value as a string")]
    Annotations,
    /// A type of more than [`MAX_TYPE_BYTES`].
    #[error("manifest has {field} of {size_bytes} bytes; a media type has at most {MAX_TYPE_BYTES}")]
    TypeTooLong {
        /// The field.
        field: &'static str,
        /// Its length.
        size_bytes: usize,
    },
    /// A type with the character NUL in it, which no media type has and PostgreSQL cannot keep.
    #[error("manifest has {field} with the character NUL in it; leave it out")]
    TypeHoldsNul {
        /// The field.
        field: &'static str,
    },
    /// A field of another JSON type than its format says.
    #[error("manifest has a field of the wrong type")]
    Shape {
        /// What the parser wanted, and where.
        #[source]
        source: serde_json::Error,
    },
    /// Docker's first image format.
    #[error("docker schema 1 images are not accepted; push with a current docker")]
    Schema1,
    /// No `schemaVersion`.
    #[error("manifest has no schemaVersion; it must be 2")]
    SchemaVersionMissing,
    /// Another `schemaVersion` than 2.
    #[error("manifest has schemaVersion {found}; it must be 2")]
    SchemaVersion {
        /// The number, as it was understood.
        found: String,
    },
    /// Neither a `Content-Type` nor a `mediaType`.
    #[error("manifest has no media type; send a content-type header")]
    MediaTypeMissing,
    /// No `Content-Type`, and a `mediaType` that is not one.
    #[error("manifest has an invalid mediaType")]
    MediaTypeInvalid {
        /// Why it is not one.
        #[source]
        source: media_type::Error,
    },
    /// A Docker manifest whose body does not repeat its type.
    #[error("manifest has no mediaType; a docker manifest must have {:?}", .declared.as_str())]
    DockerMediaTypeMissing {
        /// The `Content-Type`.
        declared: MediaType,
    },
    /// `mediaType` is not the `Content-Type` (or not in its one lower-case form without parameters).
    #[error("manifest has mediaType {} but is pushed as {:?}; make them equal", excerpt(.body), .declared.as_str())]
    MediaTypeDisagrees {
        /// The `Content-Type`.
        declared: MediaType,
        /// The `mediaType`.
        body: String,
    },
    /// A media type that is no manifest.
    #[error(
        "{:?} is not a manifest type this registry knows; push other content as blobs of an OCI image manifest",
        .media_type.as_str()
    )]
    UnknownMediaType {
        /// The type.
        media_type: MediaType,
    },
    /// A field of another kind of manifest (CVE-2021-41190).
    #[error("manifest of type {:?} must not have {field:?}; an image has layers, an index has manifests", .media_type.as_str())]
    Ambiguous {
        /// The agreed type.
        media_type: MediaType,
        /// The field that does not belong.
        field: &'static str,
    },
    /// An image without a configuration.
    #[error("image manifest has no config; use the empty descriptor when there is nothing to configure")]
    ConfigMissing,
    /// An index without its list.
    #[error("image index has no manifests; write an empty list when there are none")]
    ManifestsMissing,
    /// One of its descriptors.
    #[error(transparent)]
    Descriptor(#[from] descriptor::Error),
}
