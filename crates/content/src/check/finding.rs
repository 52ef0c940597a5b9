//! What a check may find, one line each.

use holdfast_oci::{Digest, RepositoryName};

use crate::failure::chain;
use holdfast_model::ObjectKey;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// A manifest's bytes are not those of its digest.
    #[error(
        "manifest {digest} in {repository} is damaged: its bytes have digest {actual}; delete it and push it again"
    )]
    ManifestDamaged {
        /// Where.
        repository: RepositoryName,
        /// The manifest.
        digest: Digest,
        /// What its bytes hash to.
        actual: Digest,
    },
    /// What is stored about a manifest is not what its bytes say.
    #[error("manifest {digest} in {repository} and its row differ: {difference}")]
    ManifestRow {
        /// Where.
        repository: RepositoryName,
        /// The manifest.
        digest: Digest,
        /// What differs.
        difference: String,
    },
    /// A manifest needs a blob that its repository does not have.
    #[error("manifest {manifest} in {repository} needs blob {blob}, which is not there; push it again")]
    BlobNotLinked {
        /// Where.
        repository: RepositoryName,
        /// The manifest.
        manifest: Digest,
        /// The blob.
        blob: Digest,
    },
    /// An index lists a manifest that is not there. A client may have deleted it.
    #[error("index {index} in {repository} lists manifest {child}, which is not there")]
    ChildMissing {
        /// Where.
        repository: RepositoryName,
        /// The index.
        index: Digest,
        /// The manifest.
        child: Digest,
    },
    /// A repository has other numbers of manifests or tags than it says.
    #[error(
        "repository {repository} says it has {manifests} manifests and {tags} tags, but it has {actual_manifests} and \
         {actual_tags}"
    )]
    Counts {
        /// Where.
        repository: RepositoryName,
        /// Manifests, as it says.
        manifests: u64,
        /// Tags, as it says.
        tags: u64,
        /// Manifests that are there.
        actual_manifests: u64,
        /// Tags that are there.
        actual_tags: u64,
    },
    /// A blob's object is gone.
    #[error(
        "blob {digest} is lost: there is no object {object}; `holdfast gc --why` names the manifests \
         that need it: delete them, run `holdfast gc --grace 0s`, and push them again"
    )]
    BlobLost {
        /// The blob.
        digest: Digest,
        /// The object.
        object: ObjectKey,
    },
    /// The bytes of a small blob are gone from the database.
    #[error(
        "blob {digest} is lost: its bytes are not in the database; `holdfast gc --why` names the manifests \
         that need it: delete them, run `holdfast gc --grace 0s`, and push them again"
    )]
    RowBlobLost {
        /// The blob.
        digest: Digest,
    },
    /// The bytes of a small blob in the database are not those of its digest.
    #[error(
        "blob {digest} is damaged: its bytes in the database have digest {actual}; `holdfast gc --why` names the \
         manifests that need it: delete them, run `holdfast gc --grace 0s`, and push them again"
    )]
    RowBlobDamaged {
        /// The blob.
        digest: Digest,
        /// What its bytes hash to.
        actual: Digest,
    },
    /// The row of a small blob tells another length than its bytes have.
    #[error("blob {digest} has {actual_bytes} bytes in the database, but its row says {size_bytes}")]
    RowBlobLength {
        /// The blob.
        digest: Digest,
        /// As its row says.
        size_bytes: u64,
        /// What is there.
        actual_bytes: u64,
    },
    /// A blob's bytes are not those of its digest.
    #[error(
        "blob {digest} is damaged: object {object} has digest {actual}; `holdfast gc --why` names the manifests \
         that need it: delete them, run `holdfast gc --grace 0s`, and push them again"
    )]
    BlobDamaged {
        /// The blob.
        digest: Digest,
        /// The object.
        object: ObjectKey,
        /// What its bytes hash to.
        actual: Digest,
    },
    /// A blob's object is longer than the blob.
    #[error(
        "blob {digest} has {size_bytes} bytes, but object {object} has more; `holdfast gc --why` names the manifests \
         that need it: delete them, run `holdfast gc --grace 0s`, and push them again"
    )]
    BlobTooLong {
        /// The blob.
        digest: Digest,
        /// The object.
        object: ObjectKey,
        /// The blob's length.
        size_bytes: u64,
    },
    /// A blob's bytes can't be read, or are too few.
    #[error("blob {digest} cannot be read from object {object}: {problem}")]
    BlobUnreadable {
        /// The blob.
        digest: Digest,
        /// The object.
        object: ObjectKey,
        /// What the store says.
        problem: String,
    },
    /// No repository has the blob; it only takes room.
    #[error("blob {digest} belongs to no repository; it takes {size_bytes} bytes")]
    BlobUnused {
        /// The blob.
        digest: Digest,
        /// Its length.
        size_bytes: u64,
    },
    /// A row cannot be read. A newer build may have written it.
    #[error("{row} cannot be read: {problem}")]
    RowUnreadable {
        /// Which one, as in "blob row 7".
        row: String,
        /// What the database says.
        problem: String,
    },
    /// A store does not say what it holds.
    #[error("{store} cannot be listed: {problem}")]
    StoreUnreadable {
        /// Which one, as in "storage account default".
        store: String,
        /// What the store says.
        problem: String,
    },
    /// No storage account's row names a store; it only takes room. A lost database leaves them.
    #[error(
        "{folder} belongs to no storage account; its {objects} objects take {size_bytes} bytes; `holdfast gc --strays` \
         removes them"
    )]
    StoreUnknown {
        /// Which one, as in "folder photos in location local".
        folder: String,
        /// What lies in it.
        objects: u64,
        /// How much room they take.
        size_bytes: u64,
    },
    /// No row names the object; it only takes room. A power cut may leave one.
    #[error("object {object} belongs to nothing; it takes {size_bytes} bytes; `holdfast gc --strays` removes it")]
    ObjectUnknown {
        /// The object.
        object: ObjectKey,
        /// Its length.
        size_bytes: u64,
    },
}

impl Finding {
    pub(super) fn row(table: &str, id: i64, error: &dyn std::error::Error) -> Self {
        Self::RowUnreadable {
            row: format!("{table} row {id}"),
            problem: chain(error),
        }
    }

    /// Whether a client can notice it, without having brought it about. The others are remarks.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        match self {
            Self::ManifestDamaged { .. }
            | Self::ManifestRow { .. }
            | Self::BlobNotLinked { .. }
            | Self::Counts { .. }
            | Self::BlobLost { .. }
            | Self::RowBlobLost { .. }
            | Self::RowBlobDamaged { .. }
            | Self::RowBlobLength { .. }
            | Self::BlobDamaged { .. }
            | Self::BlobTooLong { .. }
            | Self::BlobUnreadable { .. }
            | Self::RowUnreadable { .. }
            | Self::StoreUnreadable { .. } => true,
            Self::ChildMissing { .. }
            | Self::BlobUnused { .. }
            | Self::StoreUnknown { .. }
            | Self::ObjectUnknown { .. } => false,
        }
    }
}
