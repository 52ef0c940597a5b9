//! Removing a manifest, or its last tag: which lock forbids it, and what may be garbage afterwards.

use holdfast_oci::{Digest, Tag};

use crate::{Error, limits::ROWS_PER_STEP};
use holdfast_model::{
    Candidate, ManifestId, ManifestRecord, MetadataError, Read, RepositoryId, RepositoryRecord, TagRecord, Timestamp,
    Tx,
};

/// A manifest that is locked for writing keeps its tags where they are (ACR: to protect all tags of
/// an image, the manifest is locked).
pub(crate) fn ensure_tags_movable(
    read: &mut dyn Read,
    repository: &RepositoryRecord,
    digest: &Digest,
) -> Result<(), Error> {
    match read.find_manifest(repository.id, digest)? {
        Some(record) if !record.attributes.write_enabled => Err(Error::Locked {
            what: format!("manifest {digest} of {}", repository.name),
        }),
        _ => Ok(()),
    }
}

/// Queues a manifest that has no tag left, if its registry retains those for some days (ACR: retention acts only
/// on manifests that lose their tag while the policy is on).
pub(crate) fn queue_if_untagged(
    tx: &mut dyn Tx,
    is_retained: bool,
    repository: RepositoryId,
    manifest: ManifestId,
    digest: &Digest,
    now: Timestamp,
) -> Result<(), MetadataError> {
    if !is_retained || !tx.list_tags_of_manifest(manifest, 1)?.is_empty() {
        return Ok(());
    }
    tx.queue_candidate(
        &Candidate::UntaggedManifest {
            repository,
            digest: *digest,
        },
        now,
    )
}

/// Removes a manifest and its tags, and queues what may have become garbage by it.
pub(crate) fn remove_manifest_rows(
    tx: &mut dyn Tx,
    repository: &RepositoryRecord,
    record: &ManifestRecord,
    now: Timestamp,
) -> Result<Vec<Tag>, Error> {
    let tags = removable_tags(tx, repository, record)?;
    let blobs = tx.list_manifest_blobs(record.id)?;
    let children = tx.list_manifest_children(record.id)?;
    tx.remove_manifest(record.id)?;
    forget_waits(tx, repository.id, &record.digest)?;
    for digest in blobs {
        queue_blob(tx, repository.id, digest, now)?;
    }
    for digest in children {
        if tx.find_manifest(repository.id, &digest)?.is_some() {
            queue_orphan(tx, repository.id, digest, now)?;
        }
        if tx.find_linked_blob(repository.id, &digest)?.is_some() {
            queue_blob(tx, repository.id, digest, now)?;
        }
    }
    let mut after = None;
    loop {
        let referrers = tx.list_every_referrer(repository.id, &record.digest, after.as_ref(), ROWS_PER_STEP)?;
        for referrer in &referrers {
            queue_orphan(tx, repository.id, *referrer, now)?;
        }
        match referrers.last() {
            Some(last) if referrers.len() == ROWS_PER_STEP => after = Some(*last),
            _ => break,
        }
    }
    tx.touch_repository(repository.id, now)?;
    // Mostly its blobs are still linked, and the collector removes it after the last of them.
    tx.remove_repository_if_empty(repository.id)?;
    Ok(tags.into_iter().map(|tag| tag.name).collect())
}

/// The tags that go with a manifest; an error when it or one of them is locked.
pub(crate) fn removable_tags(
    read: &mut dyn Read,
    repository: &RepositoryRecord,
    record: &ManifestRecord,
) -> Result<Vec<TagRecord>, Error> {
    let locked = |what: String| Err(Error::Locked { what });
    if !record.attributes.may_delete() {
        return locked(format!("manifest {} of {}", record.digest, repository.name));
    }
    let tags = read.list_tags_of_manifest(record.id, usize::MAX)?;
    match tags.iter().find(|tag| !tag.attributes.may_delete()) {
        Some(tag) => locked(format!("tag {} of {}", tag.name, repository.name)),
        None => Ok(tags),
    }
}

/// What waited for a manifest that is gone must not be held against the same one pushed again.
fn forget_waits(tx: &mut dyn Tx, repository: RepositoryId, digest: &Digest) -> Result<(), MetadataError> {
    for queued in tx.list_waits_of_manifest(repository, digest)? {
        tx.remove_candidate(queued.id)?;
    }
    Ok(())
}

fn queue_blob(tx: &mut dyn Tx, repository: RepositoryId, digest: Digest, now: Timestamp) -> Result<(), MetadataError> {
    tx.queue_candidate(&Candidate::BlobLink { repository, digest }, now)
}

fn queue_orphan(
    tx: &mut dyn Tx,
    repository: RepositoryId,
    digest: Digest,
    now: Timestamp,
) -> Result<(), MetadataError> {
    tx.queue_candidate(&Candidate::OrphanedManifest { repository, digest }, now)
}
