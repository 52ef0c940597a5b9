//! The codes of error bodies (dist-spec "Error Codes"), with those Docker's registry added.
//!
//! Only the words. Which status goes with a code, and what the message says, is decided by the face that answers.

use std::fmt;

/// A code of an error body's `errors[].code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorCode {
    /// No such blob in the repository.
    BlobUnknown,
    /// The upload's bytes or its end do not fit.
    BlobUploadInvalid,
    /// No such upload session.
    BlobUploadUnknown,
    /// The digest is not one, or does not match the bytes.
    DigestInvalid,
    /// A manifest names a blob or a manifest that the repository lacks.
    ManifestBlobUnknown,
    /// The manifest cannot be accepted.
    ManifestInvalid,
    /// No such manifest or tag in the repository.
    ManifestUnknown,
    /// The repository name breaks the grammar.
    NameInvalid,
    /// No such repository.
    NameUnknown,
    /// The length does not match the bytes.
    SizeInvalid,
    /// The caller has to say who they are.
    Unauthorized,
    /// The caller may not do this.
    Denied,
    /// The operation is not offered here.
    Unsupported,
    /// The caller has to wait.
    TooManyRequests,
    /// The tag breaks the grammar, or does not match.
    TagInvalid,
    /// No such tag (Azure's own routes).
    TagUnknown,
    /// The range is not one, or cannot be served.
    RangeInvalid,
    /// `n` of a listing is not a number this service accepts.
    PaginationNumberInvalid,
    /// The registry's policy forbids it (a locked tag, say).
    RegistryDisallowedOperation,
    /// The service cannot answer now.
    Unavailable,
    /// The service failed in a way it does not explain to callers.
    Unknown,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 21] = [
        Self::BlobUnknown,
        Self::BlobUploadInvalid,
        Self::BlobUploadUnknown,
        Self::DigestInvalid,
        Self::ManifestBlobUnknown,
        Self::ManifestInvalid,
        Self::ManifestUnknown,
        Self::NameInvalid,
        Self::NameUnknown,
        Self::SizeInvalid,
        Self::Unauthorized,
        Self::Denied,
        Self::Unsupported,
        Self::TooManyRequests,
        Self::TagInvalid,
        Self::TagUnknown,
        Self::RangeInvalid,
        Self::PaginationNumberInvalid,
        Self::RegistryDisallowedOperation,
        Self::Unavailable,
        Self::Unknown,
    ];

    /// The word in the body.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BlobUnknown => "BLOB_UNKNOWN",
            Self::BlobUploadInvalid => "BLOB_UPLOAD_INVALID",
            Self::BlobUploadUnknown => "BLOB_UPLOAD_UNKNOWN",
            Self::DigestInvalid => "DIGEST_INVALID",
            Self::ManifestBlobUnknown => "MANIFEST_BLOB_UNKNOWN",
            Self::ManifestInvalid => "MANIFEST_INVALID",
            Self::ManifestUnknown => "MANIFEST_UNKNOWN",
            Self::NameInvalid => "NAME_INVALID",
            Self::NameUnknown => "NAME_UNKNOWN",
            Self::SizeInvalid => "SIZE_INVALID",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Denied => "DENIED",
            Self::Unsupported => "UNSUPPORTED",
            Self::TooManyRequests => "TOOMANYREQUESTS",
            Self::TagInvalid => "TAG_INVALID",
            Self::TagUnknown => "TAG_UNKNOWN",
            Self::RangeInvalid => "RANGE_INVALID",
            Self::PaginationNumberInvalid => "PAGINATION_NUMBER_INVALID",
            Self::RegistryDisallowedOperation => "REGISTRY_DISALLOWED_OPERATION",
            Self::Unavailable => "UNAVAILABLE",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl serde::Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
