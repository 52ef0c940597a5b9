//! The queue of what may be garbage.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use holdfast_oci::Digest;

use super::row::row_id;
use super::{MetadataError, ObjectKey, RepositoryId, StorageAccountId};
use crate::Timestamp;

row_id!(
    /// A row of the garbage queue.
    CandidateId
);

/// Something that may be garbage, to be looked at again after the grace period.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Candidate {
    /// A blob's link into a repository that no manifest there may need any more.
    BlobLink {
        /// The repository.
        repository: RepositoryId,
        /// The blob.
        digest: Digest,
    },
    /// A manifest that lost its last tag while the registry's retention policy was on.
    UntaggedManifest {
        /// The repository.
        repository: RepositoryId,
        /// The manifest.
        digest: Digest,
    },
    /// A manifest that lost its parent index or its subject.
    OrphanedManifest {
        /// The repository.
        repository: RepositoryId,
        /// The manifest.
        digest: Digest,
    },
    /// An object no row points to any more; needs no second look.
    Object(GarbageObject),
}

/// An object no row points to any more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GarbageObject {
    /// The storage account it lies in.
    pub storage_account: StorageAccountId,
    /// The object.
    pub object_key: ObjectKey,
    /// Its length, for the report of what a run frees; 0 when not known.
    pub size_bytes: u64,
    /// Of one that was begun and may not have been completed, what its store saved last.
    pub unfinished: Option<Vec<u8>>,
}

/// A candidate in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedCandidate {
    /// Row id.
    pub id: CandidateId,
    /// What it is about.
    pub candidate: Candidate,
    /// When it was queued; the grace period counts from here.
    pub queued_at: Timestamp,
}

/// The queue of what may be garbage.
pub trait GarbageRead {
    /// Candidates queued at or before `queued_before`, oldest first, after a row. By id: one that cannot be read hides
    /// no other.
    fn list_candidates(
        &mut self,
        queued_before: Timestamp,
        after: CandidateId,
        limit: usize,
    ) -> Result<Vec<CandidateId>, MetadataError>;
    /// The candidate of a row, unless it was settled or queued anew since.
    fn find_candidate_by_id(&mut self, id: CandidateId) -> Result<Option<QueuedCandidate>, MetadataError>;
    /// Whether, and since when, this very thing is queued.
    fn find_candidate(&mut self, candidate: &Candidate) -> Result<Option<QueuedCandidate>, MetadataError>;
    /// For what a manifest waits: as untagged, as orphaned.
    fn list_waits_of_manifest(
        &mut self,
        repository: RepositoryId,
        digest: &Digest,
    ) -> Result<Vec<QueuedCandidate>, MetadataError>;
    /// Candidates in the queue.
    fn count_candidates(&mut self) -> Result<u64, MetadataError>;
}

/// Changes of the same.
pub trait GarbageTx {
    /// Queues a candidate; one that is queued already gets the new time.
    fn queue_candidate(&mut self, candidate: &Candidate, now: Timestamp) -> Result<(), MetadataError>;
    /// Takes a candidate out of the queue.
    fn remove_candidate(&mut self, id: CandidateId) -> Result<(), MetadataError>;
}
