//! Uploads: start, append, finish, abandon, purge. Few bytes stay in rows; more go to the object they will stay in, hashed
//! as they come; finishing is one transaction, whatever the size (ARCHITECTURE.md, laws 2 and 4).

mod body;
mod commit;
mod receive;
mod running_hash;
mod session;
mod sink;
mod start;

use bytes::Bytes;
use holdfast_access::{Grant, action};
use holdfast_model::{
    Candidate, Durability, MetadataError, MetadataExt, StaleUpload, StorageError, UploadBytes, UploadId, UploadRecord,
    settle,
};
use holdfast_oci::{Algorithm, Digest, range::ContentRange};
use tokio::time::timeout;

use crate::{
    Error, Operator, Repositories,
    failure::Failures,
    limits::{PROGRESS_WAITS, ROWS_PER_STEP},
};
pub use body::Body;
use body::Gathered;
pub(crate) use session::Holds;
use session::{Hold, Session, check_range};

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The session.
    pub id: UploadId,
    /// Bytes received and kept.
    pub offset: u64,
}

/// What a purge did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purged {
    /// Sessions removed.
    pub uploads: usize,
    /// What was passed over.
    pub failures: Failures,
}

impl Repositories {
    /// Starts a session. `algorithm` is what the finished blob's digest will use, when the client
    /// says so (dist-spec main: `?digest-algorithm=`); SHA-256 otherwise.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::TooManyUploads`], [`Error::Storage`].
    pub async fn start_upload(
        &self,
        grant: &Grant<action::Push>,
        algorithm: Option<Algorithm>,
    ) -> Result<Progress, Error> {
        let bytes = UploadBytes::Row(Bytes::new());
        let upload = self.insert_upload(grant, algorithm, bytes).await?;
        Ok(Progress {
            id: upload.id,
            offset: 0,
        })
    }

    /// Appends a chunk. When the client goes away in the middle, what came is kept and the session
    /// can go on from there.
    ///
    /// # Errors
    /// [`Error::UploadUnknown`], [`Error::UploadBusy`], [`Error::ChunkOutOfOrder`],
    /// [`Error::ChunkLength`], [`Error::BlobTooLarge`], [`Error::Receive`],
    /// [`Error::Storage`].
    pub async fn append_upload(
        &self,
        grant: &Grant<action::Push>,
        id: UploadId,
        range: Option<ContentRange>,
        body: Body,
    ) -> Result<Progress, Error> {
        let hold = self.hold(id)?;
        let upload = self.load_upload(grant, id).await?;
        check_range(&upload, range.as_ref(), body.length)?;
        let mut session = Session::open(upload, &hold)?;
        let received = self.receive(&mut session, range.as_ref(), body).await;
        match received {
            // All that came is stored, so it can be built on.
            Ok(()) | Err(Error::Receive(_)) => {
                let saved = self.save_progress(&mut session).await;
                if let Err(Error::UploadBusy { .. }) = &saved {
                    self.discard_orphan(&session.upload).await;
                }
                received.and(saved)?;
                Ok(Progress {
                    id,
                    offset: session.offset,
                })
            }
            Err(error @ (Error::Storage(StorageError::Full { .. }) | Error::BlobTooLarge { .. })) => {
                self.discard_upload(&session.upload).await;
                Err(error)
            }
            // A chunk that was not stored, or is not what it declared, counts as not sent.
            Err(error) => Err(error),
        }
    }

    /// Finishes a session with the last (or all, or no) bytes, and links the blob into the
    /// repository. When the content is not what the digest says, nothing of it stays.
    ///
    /// # Errors
    /// As [`Repositories::append_upload`], and [`Error::DigestMismatch`], [`Error::Locked`].
    pub async fn finish_upload(
        &self,
        grant: &Grant<action::Push>,
        id: UploadId,
        digest: &Digest,
        range: Option<ContentRange>,
        body: Body,
    ) -> Result<(), Error> {
        let hold = self.hold(id)?;
        let mut upload = self.load_upload(grant, id).await?;
        check_range(&upload, range.as_ref(), body.length)?;
        // What its row holds whole can be hashed anew.
        if upload.checkpoint().is_none() {
            upload.algorithm = digest.algorithm();
        }
        let mut session = Session::open(upload, &hold)?;
        let finished = self.finish(&mut session, digest, range.as_ref(), body).await;
        // It is unknown at the end when its registry was deleted while the bytes came.
        if let Err(
            Error::DigestMismatch { .. }
            | Error::Storage(StorageError::Full { .. })
            | Error::BlobTooLarge { .. }
            | Error::UploadUnknown { .. },
        ) = &finished
        {
            self.discard_upload(&session.upload).await;
        }
        finished
    }

    /// Uploads a blob in one request (dist-spec 1.1 §Single POST). A small one needs no session.
    ///
    /// # Errors
    /// As [`Repositories::finish_upload`].
    pub async fn upload_whole(&self, grant: &Grant<action::Push>, digest: &Digest, body: Body) -> Result<(), Error> {
        let body = match body.gather(0).await {
            Gathered::Whole(bytes) => return self.insert_row_blob(grant, digest, bytes).await,
            Gathered::Cut(_, error) => return Err(error.into()),
            Gathered::More(_, body) => body,
        };
        let (held, state) = (Bytes::new(), Vec::new());
        let bytes = UploadBytes::Object { held, state };
        let upload = self.insert_upload(grant, Some(digest.algorithm()), bytes).await?;
        let hold = self.hold(upload.id)?;
        let mut session = Session::open(upload, &hold)?;
        let finished = self.finish(&mut session, digest, None, body).await;
        if finished.is_err() {
            self.discard_upload(&session.upload).await;
        }
        finished
    }

    /// How far a session is. A request that is writing to it is waited for, though not long: one whose client has gone ends
    /// in a moment, and what was told before that would be no place to go on from.
    ///
    /// # Errors
    /// [`Error::UploadUnknown`], [`Error::Storage`].
    pub async fn load_upload_progress(&self, grant: &Grant<action::Push>, id: UploadId) -> Result<Progress, Error> {
        // Asked before the row is read: a request that ends in between may have changed it.
        let is_held = self.holds.is_held(id);
        let mut upload = self.load_upload(grant, id).await?;
        if is_held {
            // Of one that goes on for longer, what was saved before it is told.
            let _ = timeout(PROGRESS_WAITS, self.holds.end(id)).await;
            upload = self.load_upload(grant, id).await?;
        }
        Ok(Progress {
            id,
            offset: upload.offset,
        })
    }

    /// Cancels a session (dist-spec main, end-14).
    ///
    /// # Errors
    /// [`Error::UploadUnknown`], [`Error::UploadBusy`], [`Error::Storage`].
    pub async fn abandon_upload(&self, grant: &Grant<action::Push>, id: UploadId) -> Result<(), Error> {
        let _hold = self.hold(id)?;
        let upload = self.load_upload(grant, id).await?;
        self.remove_upload(&upload).await.map(drop)
    }

    async fn purge_upload(&self, stale: StaleUpload) -> Result<bool, Error> {
        // A request is writing to it at this moment: it is not stale.
        let Some(_hold) = self.holds.take(stale.id) else {
            return Ok(false);
        };
        // Since the look a request may have written to it, or finished it.
        let found = self.metadata.query(move |read| read.find_upload(stale.id)).await?;
        match found.filter(|upload| upload.updated_at == stale.updated_at) {
            Some(upload) => self.remove_upload(&upload).await,
            None => Ok(false),
        }
    }

    /// The session, if it is this repository's and this caller's.
    async fn load_upload(&self, grant: &Grant<action::Push>, id: UploadId) -> Result<UploadRecord, Error> {
        let (registry, repository) = (grant.registry(), grant.repository().clone());
        let actor = grant.actor().key();
        self.metadata
            .query(move |read| {
                read.find_upload(id)?
                    .filter(|upload| {
                        upload.registry == registry && upload.repository == repository && upload.actor == actor
                    })
                    .ok_or_else(|| Error::UploadUnknown {
                        repository,
                        id: id.0.to_string(),
                    })
            })
            .await
    }

    fn hold(&self, id: UploadId) -> Result<Hold, Error> {
        self.holds
            .take(id)
            .ok_or_else(|| Error::UploadBusy { id: id.0.to_string() })
    }

    /// Removes a session and its object; says whether it was there. When it is gone, its object may
    /// be a blob's by now and is not touched.
    async fn remove_upload(&self, upload: &UploadRecord) -> Result<bool, Error> {
        let (id, now) = (upload.id, self.clock.now());
        let removed = self
            .metadata
            .transact(Durability::Relaxed, move |tx| {
                let removed = tx.remove_upload(id)?;
                if let Some(garbage) = removed.as_ref().and_then(|removed| removed.garbage.clone()) {
                    tx.queue_candidate(&Candidate::Object(garbage), now)?;
                }
                Ok::<_, MetadataError>(removed)
            })
            .await?;
        let is_removed = removed.is_some();
        if let Some(garbage) = removed.and_then(|removed| removed.garbage) {
            self.delete_object(garbage).await;
        }
        Ok(is_removed)
    }

    /// Removes a session that failed. The caller already has an error to report, so what goes wrong
    /// here is logged; the purge finds what is left.
    async fn discard_upload(&self, upload: &UploadRecord) {
        let removed = self.remove_upload(upload).await;
        if let Ok(false) = removed {
            self.discard_orphan(upload).await;
        }
        if let Err(error) = removed {
            tracing::warn!(error = %error, upload.id = %upload.id.0, "could not remove a failed upload");
            // On a full disk the row may have to stay until the purge, but its bytes must go.
            if matches!(error, Error::Storage(StorageError::Full { .. }))
                && let UploadBytes::Object { state, .. } = &upload.bytes
                && let Ok(store) = self.store(upload.storage_account).await
                && settle(&*self.metadata).await.is_ok()
                && let Err(error) = store.abandon(&upload.object_key, state).await
            {
                tracing::warn!(error = %error, "could not delete a failed upload's object");
            }
        }
    }

    /// Removes the object of a session that somebody else removed while it was written, when no row needs it: what the
    /// one who removed it queued may have been settled before the last bytes came.
    async fn discard_orphan(&self, upload: &UploadRecord) {
        let Some(garbage) = upload.garbage() else { return };
        let (account, key, now) = (upload.storage_account, upload.object_key.clone(), self.clock.now());
        let object = Candidate::Object(garbage.clone());
        let queued = self
            .metadata
            .transact(Durability::Relaxed, move |tx| {
                // One that is queued may be at the collector at this moment: queued anew it is looked at once more.
                let is_orphan = tx.find_candidate(&object)?.is_some() || !tx.is_object_known(account, &key)?;
                if is_orphan {
                    tx.queue_candidate(&object, now)?;
                }
                Ok::<_, MetadataError>(is_orphan)
            })
            .await;
        match queued {
            Ok(true) => self.delete_object(garbage).await,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(error = %error, upload.id = %upload.id.0, "could not remove the object of a lost upload");
            }
        }
    }
}

impl Operator {
    /// Removes the sessions that made no progress for [`crate::Limits::upload_idle`].
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn purge_uploads(&self) -> Result<Purged, StorageError> {
        let before = self.clock.now().minus(self.limits.upload_idle);
        let mut purged = Purged::default();
        let mut after = None;
        loop {
            let page = self
                .metadata
                .query(move |read| read.list_stale_uploads(before, after, ROWS_PER_STEP));
            let page = page.await?;
            let Some(last) = page.last().copied() else {
                return Ok(purged);
            };
            after = Some(last);
            for upload in page {
                match self.purge_upload(upload).await {
                    Ok(is_purged) => purged.uploads += usize::from(is_purged),
                    Err(Error::Storage(failure)) if failure.is_general() => return Err(failure),
                    Err(error) => purged.failures.add(format_args!("upload {}", upload.id.0), &error),
                }
            }
        }
    }
}
