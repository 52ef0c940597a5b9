//! How a session begins: its row, and which of its caller's other sessions gives way to it.

use holdfast_access::{Grant, RegistryId, action};
use holdfast_model::{
    Candidate, Durability, GarbageObject, MetadataExt, ObjectKey, Timestamp, Tx, UploadBytes, UploadId, UploadRecord,
    UploadTarget,
};
use holdfast_oci::{Algorithm, RepositoryName};

use super::Holds;
use crate::{
    Error, Repositories,
    limits::{ROWS_PER_STEP, UPLOAD_GIVES_WAY_AFTER},
    registry::unknown_registry,
};

impl Repositories {
    pub(super) async fn insert_upload(
        &self,
        grant: &Grant<action::Push>,
        algorithm: Option<Algorithm>,
        bytes: UploadBytes,
    ) -> Result<UploadRecord, Error> {
        let (registry, repository) = (grant.registry(), grant.repository().clone());
        let actor = grant.actor().key();
        let (id, object) = (UploadId(self.ids.uuid()), ObjectKey::new(self.ids.uuid()));
        let (now, limit) = (self.clock.now(), self.limits.max_uploads_per_caller);
        let holds = self.holds.clone();
        let (upload, gone) = self
            .metadata
            .transact(Durability::Relaxed, move |tx| {
                let target = tx.find_upload_target(registry, &repository, &actor)?;
                let target = target.ok_or_else(|| unknown_registry(registry))?;
                refuse_locked(&target, &repository)?;
                let gone = if target.open_uploads >= limit {
                    make_room(tx, &holds, registry, &actor, limit, now)?
                } else {
                    None
                };
                let upload = UploadRecord {
                    id,
                    registry,
                    repository: repository.clone(),
                    actor: actor.clone(),
                    storage_account: target.storage_account,
                    object_key: object.clone(),
                    algorithm: algorithm.unwrap_or(Algorithm::Sha256),
                    offset: 0,
                    hash_state: Vec::new(),
                    bytes: bytes.clone(),
                    started_at: now,
                    updated_at: now,
                };
                tx.insert_upload(&upload)?;
                Ok::<_, Error>((upload, gone))
            })
            .await?;
        if let Some(gone) = gone {
            self.delete_object(gone).await;
        }
        Ok(upload)
    }
}

fn refuse_locked(target: &UploadTarget, repository: &RepositoryName) -> Result<(), Error> {
    if target.attributes.is_some_and(|attributes| !attributes.write_enabled) {
        return Err(Error::Locked {
            what: format!("repository {repository}"),
        });
    }
    Ok(())
}

/// Makes room for a session of a caller who has all they may have. Gives the object of the one that gave way.
pub(super) fn ensure_room(
    tx: &mut dyn Tx,
    holds: &Holds,
    registry: RegistryId,
    actor: &str,
    limit: u64,
    now: Timestamp,
) -> Result<Option<GarbageObject>, Error> {
    if tx.count_uploads(registry, actor)? < limit {
        return Ok(None);
    }
    make_room(tx, holds, registry, actor, limit, now)
}

/// Removes the session of the caller that has waited longest for bytes, if that is long enough. One that a request
/// writes to waits for nothing, whatever its row says; one that begins to at this moment finds its session gone, as when the
/// registry is deleted.
fn make_room(
    tx: &mut dyn Tx,
    holds: &Holds,
    registry: RegistryId,
    actor: &str,
    limit: u64,
    now: Timestamp,
) -> Result<Option<GarbageObject>, Error> {
    let mut wait = UPLOAD_GIVES_WAY_AFTER;
    for open in tx.list_uploads_of_caller(registry, actor, ROWS_PER_STEP)? {
        if holds.is_held(open.id) {
            continue;
        }
        let idle = now.since(open.updated_at);
        if idle < UPLOAD_GIVES_WAY_AFTER {
            wait = UPLOAD_GIVES_WAY_AFTER - idle;
            break;
        }
        if let Some(removed) = tx.remove_upload(open.id)? {
            if let Some(garbage) = &removed.garbage {
                tx.queue_candidate(&Candidate::Object(garbage.clone()), now)?;
            }
            return Ok(removed.garbage);
        }
    }
    Err(Error::TooManyUploads {
        limit,
        retry_after_secs: wait.as_secs() + u64::from(wait.subsec_nanos() > 0),
    })
}
