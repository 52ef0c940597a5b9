//! What a session leaves in the rows: its progress, and at its end the blob and its link.

use bytes::Bytes;
use holdfast_access::{Grant, RegistryId, action};
use holdfast_model::{
    Candidate, Durability, GarbageObject, MetadataExt, NewBlob, NewBlobBytes, Timestamp, Tx, UploadBytes,
    UploadProgress,
};
use holdfast_oci::{Digest, RepositoryName};

use super::{session::Session, start::ensure_room};
use crate::{Error, Repositories, repository::ensure_writable};

/// A blob whose bytes came whole, and where it is to be read.
struct Arrival {
    registry: RegistryId,
    repository: RepositoryName,
    digest: Digest,
    bytes: NewBlobBytes,
    now: Timestamp,
}

impl Repositories {
    /// The one transaction that makes a blob visible: its bytes are in the session's object.
    pub(super) async fn commit_object(&self, session: &Session, digest: &Digest) -> Result<(), Error> {
        let bytes = NewBlobBytes::Object {
            key: session.upload.object_key.clone(),
            size_bytes: session.offset,
        };
        self.commit(session, digest, bytes).await
    }

    /// The same for a blob that is a row: the transaction takes its bytes along.
    pub(super) async fn commit_row(&self, session: &Session, digest: &Digest, bytes: &Bytes) -> Result<(), Error> {
        self.commit(session, digest, NewBlobBytes::Row(bytes.clone())).await
    }

    async fn commit(&self, session: &Session, digest: &Digest, bytes: NewBlobBytes) -> Result<(), Error> {
        let (upload, now) = (session.upload.id, self.clock.now());
        let arrival = Arrival {
            registry: session.upload.registry,
            repository: session.upload.repository.clone(),
            digest: *digest,
            bytes,
            now,
        };
        let spare = self
            .metadata
            .transact(Durability::Pushed, move |tx| {
                let Some(removed) = tx.remove_upload(upload)? else {
                    return Err(Error::UploadUnknown {
                        repository: arrival.repository.clone(),
                        id: upload.0.to_string(),
                    });
                };
                let is_new = link_arrival(tx, &arrival)?;
                let spare = arrival.spare(is_new, removed.garbage);
                if let Some(spare) = &spare {
                    tx.queue_candidate(&Candidate::Object(spare.clone()), now)?;
                }
                Ok(spare)
            })
            .await?;
        if let Some(spare) = spare {
            self.delete_object(spare).await;
        }
        Ok(())
    }

    /// The same for a blob that is a row and came without a session.
    pub(super) async fn commit_whole(
        &self,
        grant: &Grant<action::Push>,
        digest: &Digest,
        bytes: &Bytes,
    ) -> Result<(), Error> {
        let arrival = Arrival {
            registry: grant.registry(),
            repository: grant.repository().clone(),
            digest: *digest,
            bytes: NewBlobBytes::Row(bytes.clone()),
            now: self.clock.now(),
        };
        let (holds, limit) = (self.holds.clone(), self.limits.max_uploads_per_caller);
        let actor = grant.actor().key();
        let gone = self
            .metadata
            .transact(Durability::Pushed, move |tx| {
                let gone = ensure_room(tx, &holds, arrival.registry, &actor, limit, arrival.now)?;
                link_arrival(tx, &arrival)?;
                Ok::<_, Error>(gone)
            })
            .await?;
        if let Some(gone) = gone {
            self.delete_object(gone).await;
        }
        Ok(())
    }

    /// Says in the session's row that an object may be there, before its store is asked to begin one: whoever ends the
    /// session knows.
    pub(super) async fn begin_object(&self, session: &mut Session) -> Result<(), Error> {
        let (id, offset) = (session.upload.id, session.upload.offset);
        let begun = self
            .metadata
            .transact(Durability::Relaxed, move |tx| tx.begin_upload_object(id, offset));
        if !begun.await? {
            return Err(Error::UploadBusy { id: id.0.to_string() });
        }
        session.begin_object();
        Ok(())
    }

    pub(super) async fn save_progress(&self, session: &mut Session) -> Result<(), Error> {
        let (id, before) = (session.upload.id, session.upload.offset);
        if before == session.offset {
            return Ok(());
        }
        let progress = UploadProgress {
            offset: session.offset,
            hash_state: match &session.bytes {
                // Its bytes say all.
                UploadBytes::Row(_) => Vec::new(),
                UploadBytes::Object { .. } => session.hash.settle().await?.save(),
            },
            bytes: session.bytes.clone(),
        };
        let now = self.clock.now();
        let saved = self
            .metadata
            .transact(Durability::Relaxed, move |tx| {
                tx.save_upload(id, before, &progress, now)
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

impl Arrival {
    /// The session's object, when no blob has it: the storage account had these bytes already, or they are a row now and
    /// another node had begun an object for more.
    fn spare(&self, is_new: bool, begun: Option<GarbageObject>) -> Option<GarbageObject> {
        match &self.bytes {
            NewBlobBytes::Row(_) => begun,
            NewBlobBytes::Object { .. } if is_new => None,
            NewBlobBytes::Object { size_bytes, .. } => begun.map(|begun| GarbageObject {
                size_bytes: *size_bytes,
                unfinished: None,
                ..begun
            }),
        }
    }
}

/// Makes the blob's row and link; says whether the blob is new in its storage account.
fn link_arrival(tx: &mut dyn Tx, arrival: &Arrival) -> Result<bool, Error> {
    let (digest, now) = (arrival.digest, arrival.now);
    let target = ensure_writable(tx, arrival.registry, &arrival.repository, now)?;
    let (repository, storage_account) = (target.repository.id, target.storage_account);
    let existing = tx.find_blob(storage_account, &digest)?;
    let is_new = existing.is_none();
    let blob = match existing {
        Some(blob) => blob.id,
        None => tx.insert_blob(&NewBlob {
            storage_account,
            digest,
            bytes: arrival.bytes.clone(),
            created_at: now,
        })?,
    };
    tx.link_blob(repository, blob, now)?;
    tx.queue_candidate(&Candidate::BlobLink { repository, digest }, now)?;
    Ok(is_new)
}
