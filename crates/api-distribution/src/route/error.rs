//! Why a target is no route. It refuses to know with which status that is said.

use holdfast_oci::{digest, name, reference, tag};

use super::MAX_TARGET_BYTES;
use crate::page;

/// Why a request target names no endpoint.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No endpoint has this path.
    #[error("there is nothing at this path")]
    NotFound,
    /// ACR has an endpoint there, this server does not.
    #[error("Holdfast does not serve {feature}; what it serves is listed in docs/azure-cli.md")]
    Unserved {
        /// What the endpoint is for.
        feature: &'static str,
    },
    /// The endpoint does not know the method.
    #[error("{method} is not allowed here; use {allow}")]
    Method {
        /// As sent.
        method: String,
        /// What is allowed, for the `Allow` header.
        allow: &'static str,
    },
    /// The target is over [`MAX_TARGET_BYTES`].
    #[error("the request target has {length} bytes, at most {MAX_TARGET_BYTES} are read")]
    TooLong {
        /// As sent.
        length: usize,
    },
    /// An encoding or character that no name, tag or digest has.
    #[error("{found} is not accepted in a path; only %2F and %3A may be percent-encoded")]
    Encoding {
        /// The offending part, printable.
        found: String,
    },
    /// Not a repository name.
    #[error(transparent)]
    Name(#[from] name::Error),
    /// Not a digest.
    #[error(transparent)]
    Digest(#[from] digest::Error),
    /// Not a tag.
    #[error(transparent)]
    Tag(#[from] tag::Error),
    /// Neither a tag nor a digest.
    #[error(transparent)]
    Reference(#[from] reference::Error),
    /// A closing PUT without its digest.
    #[error("the digest parameter is missing; end an upload with PUT …?digest=sha256:…")]
    DigestMissing,
    /// No session can have this id.
    #[error("upload {id} is not known; start a new one")]
    UploadId {
        /// As sent, printable.
        id: String,
    },
    /// A page query that cannot be read.
    #[error(transparent)]
    Page(#[from] page::Error),
}
