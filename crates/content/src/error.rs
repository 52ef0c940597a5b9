//! Why an operation on content was not done: on a repository, a manifest, a tag, a blob, an upload or a referrer. Faces
//! turn it into a status and a body in one table; it refuses to know either.

use holdfast_model::{MetadataError, ReceiveError, StorageError, StoreError, UploadId};
use holdfast_oci::{Digest, RepositoryName, Tag};
use uuid::Uuid;

use crate::limits::MAX_MISSING_NAMED;

/// Why an operation on content was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such registry.
    #[error("registry {name} is not known here")]
    RegistryUnknown {
        /// As asked for.
        name: String,
    },
    /// No such repository, or one without manifests.
    #[error("repository {name} is not known to this registry")]
    RepositoryUnknown {
        /// As asked for.
        name: RepositoryName,
    },
    /// No manifest of that digest in the repository.
    #[error("manifest {digest} is not found in {repository}")]
    ManifestUnknown {
        /// Where.
        repository: RepositoryName,
        /// As asked for.
        digest: Digest,
    },
    /// No such tag (asked for a manifest).
    #[error("manifest tagged by \"{tag}\" is not found")]
    ManifestTagUnknown {
        /// As asked for.
        tag: Tag,
    },
    /// No such tag (asked for the tag itself).
    #[error("tag {tag} does not exist in {repository}")]
    TagUnknown {
        /// Where.
        repository: RepositoryName,
        /// As asked for.
        tag: Tag,
    },
    /// The repository may not read such a blob.
    #[error("blob {digest} is not known to {repository}")]
    BlobUnknown {
        /// Where.
        repository: RepositoryName,
        /// As asked for.
        digest: Digest,
    },
    /// A manifest of the repository needs the blob.
    #[error("blob {digest} is needed by manifest {manifest}; delete that first")]
    BlobInUse {
        /// The blob.
        digest: Digest,
        /// One manifest that needs it.
        manifest: Digest,
    },
    /// No such upload session for this repository and caller.
    #[error("upload {id} is not known to {repository}; start a new one")]
    UploadUnknown {
        /// Where.
        repository: RepositoryName,
        /// As asked for, shortened.
        id: String,
    },
    /// Another request is writing to the session.
    #[error("another request is writing to upload {id}; wait for it to end")]
    UploadBusy {
        /// The session.
        id: String,
    },
    /// The bytes do not start where the session ends.
    #[error("the chunk starts at byte {start}, but upload {} continues at byte {offset}", id.0)]
    ChunkOutOfOrder {
        /// Where.
        repository: RepositoryName,
        /// The session.
        id: UploadId,
        /// First byte of the chunk, as declared.
        start: u64,
        /// Where the session ends.
        offset: u64,
    },
    /// The chunk is shorter or longer than it declared.
    #[error("the chunk declared {declared} bytes, but {received} came")]
    ChunkLength {
        /// As declared.
        declared: u64,
        /// As received.
        received: u64,
    },
    /// The caller has too many sessions open.
    #[error(
        "{limit} uploads are open already; finish or cancel one, or try again in {retry_after_secs} second{}, when \
         the one that has waited longest for bytes gives way",
        if *retry_after_secs == 1 { "" } else { "s" }
    )]
    TooManyUploads {
        /// The limit.
        limit: u64,
        /// When the next session gives way, if nothing happens to it until then.
        retry_after_secs: u64,
    },
    /// A blob over the limit.
    #[error("the blob is larger than {limit_bytes} bytes, the most this registry takes")]
    BlobTooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The bytes are not what the digest says.
    #[error("the content has digest {actual}, not {expected}")]
    DigestMismatch {
        /// As declared.
        expected: Digest,
        /// As computed.
        actual: Digest,
    },
    /// The manifest cannot be accepted.
    #[error(transparent)]
    ManifestInvalid(#[from] holdfast_oci::manifest::Error),
    /// Blobs or children that the manifest names are not in the repository.
    #[error("the manifest names {} that {repository} does not have; push it first", list(.digests))]
    ManifestBlobsMissing {
        /// Where.
        repository: RepositoryName,
        /// What is missing, all of it up to a limit.
        digests: Vec<Digest>,
    },
    /// The manifest gives a blob another size than it has.
    #[error("the manifest says {digest} has {declared} bytes, but it has {actual}")]
    SizeMismatch {
        /// The blob.
        digest: Digest,
        /// As the manifest says.
        declared: u64,
        /// As stored.
        actual: u64,
    },
    /// More tags in one push than allowed.
    #[error("{count} tags in one request, at most {limit} are taken")]
    TooManyTags {
        /// As sent.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// A lock forbids it (ACR: `REGISTRY_DISALLOWED_OPERATION`).
    #[error("{what} is locked; unlock it first")]
    Locked {
        /// What is locked, as "tag v1 of repository app".
        what: String,
    },
    /// A condition of the request (`If-Match`, `If-None-Match`) does not hold.
    #[error("{reference} is at {}, not where the request expects it", found.map_or_else(|| "no manifest".to_owned(), |d| d.to_string()))]
    PreconditionFailed {
        /// The tag or digest.
        reference: String,
        /// What it points to now.
        found: Option<Digest>,
    },
    /// The body did not arrive whole.
    #[error("the request's body could not be read")]
    Receive(#[from] ReceiveError),
    /// The server is shutting down and could not wait longer.
    #[error("the request's body could not be read: the server is stopping")]
    Stopping,
    /// The state of an upload's hash, saved with the session, cannot be read.
    #[error("the hash of upload {id} could not be restored after {offset} bytes")]
    HashUnreadable {
        /// The session.
        id: Uuid,
        /// How far it was.
        offset: u64,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A store did not do its part.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<MetadataError> for Error {
    fn from(error: MetadataError) -> Self {
        Self::Storage(error.into())
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Storage(error.into())
    }
}

fn list(digests: &[Digest]) -> String {
    let named: Vec<_> = digests
        .iter()
        .take(MAX_MISSING_NAMED)
        .map(ToString::to_string)
        .collect();
    let named = named.join(", ");
    match digests.len().saturating_sub(MAX_MISSING_NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
