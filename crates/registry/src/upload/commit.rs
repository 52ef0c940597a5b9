//! What a session leaves in the rows: its progress, and at its end the blob and its link.

use holdfast_model::{
    BlobRecord, Candidate, Checkpoint, Durability, GarbageObject, MetadataExt, NewBlob, Timestamp, Tx, UploadRecord,
};
use holdfast_oci::Digest;

use super::session::Session;
use crate::{Registry, content::Error, repository::ensure_writable};

impl Registry {
    /// The one transaction that makes a blob visible.
    pub(super) async fn commit_blob(&self, session: &Session, digest: &Digest) -> Result<(), Error> {
        let (upload, size_bytes) = (session.upload.clone(), session.offset);
        let (digest, now) = (*digest, self.clock.now());
        let spare = self
            .metadata
            .transact(Durability::Durable, move |tx| {
                link_upload(tx, &upload, digest, size_bytes, now)
            })
            .await?;
        if spare {
            self.delete_object(&spare_object(&session.upload, size_bytes)).await;
        }
        Ok(())
    }

    pub(super) async fn save_progress(&self, session: &Session) -> Result<(), Error> {
        let (id, before, offset) = (session.upload.id, session.upload.offset, session.offset);
        if before == offset {
            return Ok(());
        }
        let (state, now) = (session.hasher.save(), self.clock.now());
        let saved = Checkpoint {
            offset,
            state: session.store_state.clone(),
        };
        let saved = self
            .metadata
            .transact(Durability::Relaxed, move |tx| {
                tx.save_upload(id, before, &saved, &state, now)
            })
            .await?;
        // Another node was faster, or the session was purged.
        if saved {
            Ok(())
        } else {
            Err(Error::UploadBusy { id: id.0.to_string() })
        }
    }
}

/// The object of a finished upload that no blob has.
fn spare_object(upload: &UploadRecord, size_bytes: u64) -> GarbageObject {
    GarbageObject {
        size_bytes,
        unfinished: None,
        ..upload.garbage()
    }
}

/// Makes the blob's row and link; says whether the object is not needed, because the storage
/// account has these bytes already.
fn link_upload(
    tx: &mut dyn Tx,
    upload: &UploadRecord,
    digest: Digest,
    size_bytes: u64,
    now: Timestamp,
) -> Result<bool, Error> {
    if !tx.remove_upload(upload.id)? {
        return Err(Error::UploadUnknown {
            repository: upload.repository.clone(),
            id: upload.id.0.to_string(),
        });
    }
    let repository = ensure_writable(tx, upload.registry, &upload.repository, now)?.repository;
    let existing: Option<BlobRecord> = tx.find_blob(upload.storage_account, &digest)?;
    let spare = existing.is_some();
    let blob = match existing {
        Some(blob) => {
            tx.queue_candidate(&Candidate::Object(spare_object(upload, size_bytes)), now)?;
            blob.id
        }
        None => tx.insert_blob(&NewBlob {
            storage_account: upload.storage_account,
            digest,
            size_bytes,
            object_key: upload.object_key.clone(),
            created_at: now,
        })?,
    };
    tx.link_blob(repository.id, blob, now)?;
    tx.queue_candidate(
        &Candidate::BlobLink {
            repository: repository.id,
            digest,
        },
        now,
    )?;
    Ok(spare)
}
