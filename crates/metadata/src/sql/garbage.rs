//! The queue of what may be garbage.
//!
//! Queueing a candidate again gives it a new row at the end, so the order of ids is the order of
//! time, and a page that starts after a row starts at the right place when that row is gone.

use holdfast_model::{
    Candidate, CandidateId, GarbageObject, GarbageRead, GarbageTx, MetadataError, ObjectKey, QueuedCandidate,
    RepositoryId, StorageAccountId, Timestamp,
};
use holdfast_oci::Digest;

use super::row::{self, Row};
use super::value::params;

use super::column;
use super::session::Session;

/// Values of the column `kind`.
const BLOB_LINK: i64 = 1;
const UNTAGGED_MANIFEST: i64 = 2;
const ORPHANED_MANIFEST: i64 = 3;
const OBJECT: i64 = 4;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, owner_id, name, size_bytes, store_state, queued_at FROM candidate ",
            $rest
        )
    };
}

// The youngest row that is old enough bounds the walk: no younger row is read. The last condition
// holds for every row of it unless the clock was set back.
const LIST: &str = "SELECT id FROM candidate \
     WHERE id > ?2 AND id <= (SELECT max_old.id FROM candidate AS max_old INDEXED BY candidate_by_time \
     WHERE max_old.queued_at <= ?1 ORDER BY max_old.queued_at DESC, max_old.id DESC LIMIT 1) \
     AND queued_at <= ?1 ORDER BY id LIMIT ?3";
const LOAD: &str = select!("WHERE id = ?1");
const FIND: &str = select!("WHERE kind = ?1 AND owner_id = ?2 AND name = ?3");
// 2 and 3 are an untagged manifest and an orphaned one.
const LIST_OF_MANIFEST: &str = select!("WHERE kind IN (2, 3) AND owner_id = ?1 AND name = ?2");
const COUNT: &str = "SELECT value FROM total WHERE name = 'candidates'";

impl GarbageRead for Session<'_> {
    fn list_candidates(
        &mut self,
        queued_before: Timestamp,
        after: CandidateId,
        limit: usize,
    ) -> Result<Vec<CandidateId>, MetadataError> {
        let params = params![queued_before.0, after.0, column::limit(limit)];
        self.list("listed garbage candidates", LIST, params, |row| {
            row.get(0).map(CandidateId)
        })
    }

    fn find_candidate_by_id(&mut self, id: CandidateId) -> Result<Option<QueuedCandidate>, MetadataError> {
        self.find("read a garbage candidate", LOAD, params![id.0], candidate_row)
    }

    fn find_candidate(&mut self, candidate: &Candidate) -> Result<Option<QueuedCandidate>, MetadataError> {
        let Key { kind, owner_id, name } = Key::of(candidate);
        self.find(
            "looked up a garbage candidate",
            FIND,
            params![kind, owner_id, name],
            candidate_row,
        )
    }

    fn list_waits_of_manifest(
        &mut self,
        repository: RepositoryId,
        digest: &Digest,
    ) -> Result<Vec<QueuedCandidate>, MetadataError> {
        let params = params![repository.0, digest.to_db()];
        self.list(
            "looked up what a manifest waits for",
            LIST_OF_MANIFEST,
            params,
            candidate_row,
        )
    }

    fn count_candidates(&mut self) -> Result<u64, MetadataError> {
        let count = self.find("counted garbage candidates", COUNT, params![], |row| {
            column::unsigned(row, 0)
        })?;
        Ok(count.unwrap_or_default())
    }
}

const REMOVE_SAME: &str = "DELETE FROM candidate WHERE kind = ?1 AND owner_id = ?2 AND name = ?3";
const INSERT: &str = "INSERT INTO candidate (kind, owner_id, name, size_bytes, store_state, queued_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const REMOVE: &str = "DELETE FROM candidate WHERE id = ?1";

impl GarbageTx for Session<'_> {
    fn queue_candidate(&mut self, candidate: &Candidate, now: Timestamp) -> Result<(), MetadataError> {
        let Key { kind, owner_id, name } = Key::of(candidate);
        let params = params![kind, owner_id, name];
        self.change("requeued a garbage candidate", REMOVE_SAME, params)?;
        let (size_bytes, store_state) = object_columns(candidate);
        let params = params![kind, owner_id, name, size_bytes, store_state, now.0];
        self.change("queued a garbage candidate", INSERT, params).map(drop)
    }

    fn remove_candidate(&mut self, id: CandidateId) -> Result<(), MetadataError> {
        self.change("removed a garbage candidate", REMOVE, params![id.0])
            .map(drop)
    }
}

/// What makes a candidate this very thing.
struct Key {
    kind: i64,
    owner_id: i64,
    name: Vec<u8>,
}

impl Key {
    fn of(candidate: &Candidate) -> Self {
        match candidate {
            Candidate::BlobLink { repository, digest } => Self {
                kind: BLOB_LINK,
                owner_id: repository.0,
                name: digest.to_db(),
            },
            Candidate::UntaggedManifest { repository, digest } => Self {
                kind: UNTAGGED_MANIFEST,
                owner_id: repository.0,
                name: digest.to_db(),
            },
            Candidate::OrphanedManifest { repository, digest } => Self {
                kind: ORPHANED_MANIFEST,
                owner_id: repository.0,
                name: digest.to_db(),
            },
            Candidate::Object(object) => Self {
                kind: OBJECT,
                owner_id: object.storage_account.0,
                name: object.object_key.uuid().as_bytes().to_vec(),
            },
        }
    }
}

/// The columns that only objects use: their length, and what their store saved.
fn object_columns(candidate: &Candidate) -> (i64, Option<&[u8]>) {
    match candidate {
        Candidate::BlobLink { .. } | Candidate::UntaggedManifest { .. } | Candidate::OrphanedManifest { .. } => {
            (0, None)
        }
        Candidate::Object(object) => (column::integer(object.size_bytes), object.unfinished.as_deref()),
    }
}

fn candidate_row(row: &Row<'_>) -> row::Result<QueuedCandidate> {
    let owner_id: i64 = row.get(2)?;
    let repository = RepositoryId(owner_id);
    let digest = || column::digest(row, 3);
    let candidate = match row.get(1)? {
        BLOB_LINK => Candidate::BlobLink {
            repository,
            digest: digest()?,
        },
        UNTAGGED_MANIFEST => Candidate::UntaggedManifest {
            repository,
            digest: digest()?,
        },
        ORPHANED_MANIFEST => Candidate::OrphanedManifest {
            repository,
            digest: digest()?,
        },
        OBJECT => Candidate::Object(GarbageObject {
            storage_account: StorageAccountId(owner_id),
            object_key: ObjectKey::new(column::uuid(row, 3)?),
            size_bytes: column::unsigned(row, 4)?,
            unfinished: row.get(5)?,
        }),
        other => {
            let source = format!("{other} is not a kind of candidate");
            return Err(column::misread(1, source));
        }
    };
    Ok(QueuedCandidate {
        id: CandidateId(row.get(0)?),
        candidate,
        queued_at: column::timestamp(row, 6)?,
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[LIST, LOAD, FIND, LIST_OF_MANIFEST, COUNT, REMOVE_SAME, INSERT, REMOVE];
