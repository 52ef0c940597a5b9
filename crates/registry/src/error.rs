//! The one domain error. Faces turn it into a status and a body in one table; it refuses to know
//! either.

mod quota;
mod role;
mod token;

use holdfast_oci::{Digest, RepositoryName, Tag};
use uuid::Uuid;

pub use quota::QuotaError;
pub use role::RoleError;
pub use token::TokenError;

use crate::limits::MAX_MISSING_NAMED;
use holdfast_model::{MetadataError, Sku, StorageAccountId, StorageError, StoreError, UploadId};

/// The body of a request could not be received whole.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The client went away.
    #[error("the connection ended before the body did")]
    Disconnected {
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No byte came for too long.
    #[error("no data came for {seconds} seconds")]
    Stalled {
        /// The limit that was passed.
        seconds: u64,
    },
    /// The server is shutting down and could not wait longer.
    #[error("the server is stopping")]
    Stopping,
}

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such registry.
    #[error("registry {name} is not known here")]
    RegistryUnknown {
        /// As asked for.
        name: String,
    },
    /// No such resource group.
    #[error("resource group {name} is not known here")]
    ResourceGroupUnknown {
        /// As asked for.
        name: String,
    },
    /// The group is being deleted: nothing is made in it any more.
    #[error("resource group {name} is being deleted; wait until it is gone")]
    ResourceGroupBeingDeleted {
        /// The group.
        name: String,
    },
    /// The group is in another location.
    #[error("the resource group is in {found}, not in {wanted}")]
    ResourceGroupElsewhere {
        /// As asked for.
        wanted: String,
        /// Where it is.
        found: String,
    },
    /// Another registry has the name.
    #[error("the registry name {name} is in use")]
    RegistryNameTaken {
        /// As asked for.
        name: String,
    },
    /// The registry is in another location.
    #[error("the registry is in {found}, not in {wanted}")]
    RegistryElsewhere {
        /// As asked for.
        wanted: String,
        /// Where it is.
        found: String,
    },
    /// The base host stands for this registry.
    #[error("registry {name} is the default registry of this server and cannot be deleted")]
    RegistryProtected {
        /// The registry.
        name: String,
    },
    /// The admin account is off.
    #[error("the admin account of registry {name} is off")]
    AdminDisabled {
        /// The registry.
        name: String,
    },
    /// The service keeps no bytes there.
    #[error("location {location} is not one of {}", .known.join(", "))]
    LocationUnknown {
        /// What was to be there, by its type in ARM.
        resource_type: &'static str,
        /// As asked for.
        location: String,
        /// Where it does.
        known: Vec<String>,
    },
    /// What was asked does not go with storage accounts as they are.
    #[error(transparent)]
    StorageAccount(#[from] crate::StorageAccountError),
    /// The tier does not have it.
    #[error("{feature} is not part of the {} tier", .sku.as_str())]
    SkuLacks {
        /// What was asked for.
        feature: &'static str,
        /// The tier.
        sku: Sku,
    },
    /// A smaller tier is asked for while the registry uses what that one lacks.
    #[error("the {} tier does not have {}; switch that off or remove it first", .sku.as_str(), .in_use.join(", "))]
    SkuTooSmall {
        /// The tier.
        sku: Sku,
        /// What is in use.
        in_use: Vec<String>,
    },
    /// More of a thing than the tier has.
    #[error("the {} tier has {quota} of {feature} at most; delete one first", .sku.as_str())]
    QuotaExceeded {
        /// Of what.
        feature: &'static str,
        /// The most.
        quota: u64,
        /// The tier.
        sku: Sku,
    },
    /// Of tokens and scope maps.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// About an application of the directory.
    #[error(transparent)]
    Application(#[from] crate::application::Error),
    /// The export policy of the registry that an image was to be imported from forbids it.
    #[error("the export policy of registry {name} is disabled: nothing is imported from it")]
    ExportDisabled {
        /// The registry that was to be imported from.
        name: String,
    },
    /// Settings that do not go together.
    #[error("the settings contradict each other: {reason}")]
    SettingsContradict {
        /// Which, as a sentence.
        reason: &'static str,
    },
    /// `If-Match` or `If-None-Match` does not hold for a resource.
    #[error("the resource is not in the state that {condition} names; read it again")]
    ConditionFailed {
        /// What was asked for.
        condition: String,
    },
    /// Something about people.
    #[error(transparent)]
    Person(#[from] crate::person::Error),
    /// Of roles.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// Of how many there may be.
    #[error(transparent)]
    Quota(#[from] QuotaError),
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
    /// An import that moves no tags meets one that is there.
    #[error("tag {repository}:{tag} is there already; import with force to move it")]
    TagExists {
        /// Where.
        repository: RepositoryName,
        /// The tag.
        tag: Tag,
    },
    /// As many imports wait as one registry may have.
    #[error("{limit} imports into this registry are under way; wait for one to end")]
    TooManyImports {
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
    /// A storage account that rows name is not open.
    #[error("storage account {} is not open on this node", account.0)]
    StorageAccountClosed {
        /// The account.
        account: StorageAccountId,
    },
    /// Work that was to go on in any case did not come to its end.
    #[error("the work that {attempted} ended early")]
    Interrupted {
        /// What it did, as "changed a storage account".
        attempted: &'static str,
        /// The cause.
        #[source]
        source: tokio::task::JoinError,
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
