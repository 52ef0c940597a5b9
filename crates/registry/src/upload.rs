//! Uploads: start, append, finish, abandon, purge. Bytes go to the object they will stay in, hashed
//! as they come; finishing is one transaction, whatever the size (design, law 2).

use std::{
    cmp::Ordering,
    collections::HashSet,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_util::StreamExt;
use holdfast_access::{Grant, action};
use holdfast_oci::{Algorithm, Digest, Hasher, range::ContentRange};

use crate::{
    Error, ReceiveError, Registry, Timestamp,
    limits::{ROWS_PER_STEP, SMALL_BLOB_BYTES},
    ports::{
        BlobRecord, Candidate, Durability, MetadataExt, NewBlob, ObjectKey, Readable, StorageAccountId, StoreError, Tx,
        UploadId, UploadRecord,
    },
    registry::load_registry,
    repository::ensure_writable,
};

/// The body of a request, as it comes in.
pub struct Body {
    /// `Content-Length`, when declared.
    pub length: Option<u64>,
    /// The bytes; an error ends them.
    pub chunks: Pin<Box<dyn Stream<Item = Result<Bytes, ReceiveError>> + Send>>,
}

impl Body {
    /// A body without bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            length: Some(0),
            chunks: Box::pin(futures_util::stream::empty()),
        }
    }

    /// A body that is in memory already.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Self {
        let length = Some(bytes.len() as u64);
        Self {
            length,
            chunks: Box::pin(futures_util::stream::once(async { Ok(bytes) })),
        }
    }

    fn is_small(&self) -> bool {
        self.length.is_some_and(|length| length <= SMALL_BLOB_BYTES)
    }
}

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The session.
    pub id: UploadId,
    /// Bytes received and kept.
    pub offset: u64,
}

/// Sessions that a request on this node is writing to. Other nodes are kept out by the
/// compare-and-swap of [`crate::ports::UploadTx::save_upload`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Leases(Arc<Mutex<HashSet<UploadId>>>);

pub(crate) struct Lease {
    leases: Leases,
    id: UploadId,
}

impl Leases {
    fn take(&self, id: UploadId) -> Option<Lease> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(id).then(|| Lease {
            leases: self.clone(),
            id,
        })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.id);
    }
}

impl Registry {
    /// Starts a session. `algorithm` is what the finished blob's digest will use, when the client
    /// says so (dist-spec main: `?digest-algorithm=`); SHA-256 otherwise.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::TooManyUploads`], [`Error::Overloaded`], [`Error::Metadata`].
    pub async fn start_upload(
        &self,
        grant: &Grant<action::Push>,
        algorithm: Option<Algorithm>,
    ) -> Result<Progress, Error> {
        let upload = self.insert_upload(grant, algorithm).await?;
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
    /// [`Error::ChunkLength`], [`Error::BlobTooLarge`], [`Error::Receive`], [`Error::Full`],
    /// [`Error::Blobs`], [`Error::Metadata`].
    pub async fn append_upload(
        &self,
        grant: &Grant<action::Push>,
        id: UploadId,
        range: Option<ContentRange>,
        body: Body,
    ) -> Result<Progress, Error> {
        let _lease = self.lease(id)?;
        let upload = self.load_upload(grant, id).await?;
        check_range(&upload, range.as_ref(), body.length)?;
        let mut session = Session::open(upload)?;
        let received = self.receive(&mut session, range.as_ref(), body).await;
        match received {
            // All that came is stored, so it can be built on.
            Ok(()) | Err(Error::Receive(_)) => {
                let saved = self.save_progress(&session).await;
                received.and(saved)?;
                Ok(Progress {
                    id,
                    offset: session.offset,
                })
            }
            Err(error @ (Error::Full { .. } | Error::BlobTooLarge { .. })) => {
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
    /// As [`Registry::append_upload`], and [`Error::DigestMismatch`], [`Error::Locked`].
    pub async fn finish_upload(
        &self,
        grant: &Grant<action::Push>,
        id: UploadId,
        digest: &Digest,
        range: Option<ContentRange>,
        body: Body,
    ) -> Result<(), Error> {
        let _lease = self.lease(id)?;
        let mut upload = self.load_upload(grant, id).await?;
        check_range(&upload, range.as_ref(), body.length)?;
        if upload.offset == 0 {
            upload.algorithm = digest.algorithm();
        }
        let finished = self.finish(&upload, digest, range.as_ref(), body).await;
        if let Err(Error::DigestMismatch { .. } | Error::Full { .. } | Error::BlobTooLarge { .. }) = &finished {
            self.discard_upload(&upload).await;
        }
        finished
    }

    /// Uploads a blob in one request (dist-spec 1.1 §Single POST).
    ///
    /// # Errors
    /// As [`Registry::finish_upload`].
    pub async fn upload_whole(&self, grant: &Grant<action::Push>, digest: &Digest, body: Body) -> Result<(), Error> {
        let upload = self.insert_upload(grant, Some(digest.algorithm())).await?;
        let _lease = self.lease(upload.id)?;
        let finished = self.finish(&upload, digest, None, body).await;
        if finished.is_err() {
            self.discard_upload(&upload).await;
        }
        finished
    }

    /// How far a session is.
    ///
    /// # Errors
    /// [`Error::UploadUnknown`], [`Error::Metadata`].
    pub async fn load_upload_progress(&self, grant: &Grant<action::Push>, id: UploadId) -> Result<Progress, Error> {
        let upload = self.load_upload(grant, id).await?;
        Ok(Progress {
            id,
            offset: upload.offset,
        })
    }

    /// Cancels a session (dist-spec main, end-14).
    ///
    /// # Errors
    /// [`Error::UploadUnknown`], [`Error::UploadBusy`], [`Error::Metadata`].
    pub async fn abandon_upload(&self, grant: &Grant<action::Push>, id: UploadId) -> Result<(), Error> {
        let _lease = self.lease(id)?;
        let upload = self.load_upload(grant, id).await?;
        self.remove_upload(&upload).await.map(drop)
    }

    /// Removes sessions that made no progress for [`crate::Limits::upload_idle`]; returns how many.
    ///
    /// # Errors
    /// [`Error::Metadata`].
    pub async fn purge_uploads(&self) -> Result<usize, Error> {
        let before = self.clock.now().minus(self.limits.upload_idle);
        let stale = self
            .metadata
            .query(move |read| read.list_stale_uploads(before, ROWS_PER_STEP))
            .await?;
        let mut purged = 0;
        for upload in stale {
            // A request is writing to it at this moment: it is not stale.
            let Some(_lease) = self.leases.take(upload.id) else {
                continue;
            };
            // Since the look a request may have written to it, or finished it.
            let id = upload.id;
            let found = self.metadata.query(move |read| read.find_upload(id)).await?;
            if found.as_ref() == Some(&upload) && self.remove_upload(&upload).await? {
                purged += 1;
            }
        }
        Ok(purged)
    }

    async fn insert_upload(
        &self,
        grant: &Grant<action::Push>,
        algorithm: Option<Algorithm>,
    ) -> Result<UploadRecord, Error> {
        let (registry, repository) = (grant.registry(), grant.repository().clone());
        let actor = grant.actor().key();
        let (id, object) = (UploadId(self.ids.uuid()), ObjectKey::new(self.ids.uuid()));
        let (now, limit) = (self.clock.now(), self.limits.max_uploads_per_caller);
        self.metadata
            .transact(Durability::Relaxed, move |tx| {
                let locked = tx
                    .find_repository(registry, &repository)?
                    .is_some_and(|record| record.manifest_count > 0 && !record.attributes.write_enabled);
                if locked {
                    return Err(Error::Locked {
                        what: format!("repository {repository}"),
                    });
                }
                if tx.count_uploads(registry, &actor)? >= limit {
                    return Err(Error::TooManyUploads { limit });
                }
                let upload = UploadRecord {
                    id,
                    registry,
                    repository,
                    actor,
                    storage_account: load_registry(tx, registry)?.storage_account,
                    object_key: object,
                    algorithm: algorithm.unwrap_or(Algorithm::Sha256),
                    offset: 0,
                    hash_state: Vec::new(),
                    started_at: now,
                    updated_at: now,
                };
                tx.insert_upload(&upload)?;
                Ok(upload)
            })
            .await
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

    fn lease(&self, id: UploadId) -> Result<Lease, Error> {
        self.leases
            .take(id)
            .ok_or_else(|| Error::UploadBusy { id: id.0.to_string() })
    }

    /// Writes and hashes a body; all of it is handed to the store when this returns, also on error.
    async fn receive(&self, session: &mut Session, range: Option<&ContentRange>, mut body: Body) -> Result<(), Error> {
        let start = session.offset;
        let mut writer = session.writer(self).await?;
        let mut ended = Ok(());
        while let Some(chunk) = body.chunks.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => {
                    ended = Err(Error::Receive(error));
                    break;
                }
            };
            session.take(&chunk, self.limits.max_blob_bytes)?;
            writer.write(chunk).await?;
        }
        writer.flush().await?;
        ended?;
        check_received(range, session.offset - start)
    }

    async fn finish(
        &self,
        upload: &UploadRecord,
        digest: &Digest,
        range: Option<&ContentRange>,
        body: Body,
    ) -> Result<(), Error> {
        let mut session = Session::open(upload.clone())?;
        let small = upload.offset == 0 && body.is_small();
        let bytes = if small {
            Some(self.finish_small(&mut session, digest, range, body).await?)
        } else {
            self.finish_streamed(&mut session, digest, range, body).await?;
            None
        };
        self.commit_blob(&session, digest).await?;
        if let Some(bytes) = bytes {
            self.blob_cache.insert(*digest, bytes);
        }
        Ok(())
    }

    /// A small blob that comes in one piece: checked first, then stored in one step.
    async fn finish_small(
        &self,
        session: &mut Session,
        digest: &Digest,
        range: Option<&ContentRange>,
        mut body: Body,
    ) -> Result<Bytes, Error> {
        let mut bytes = BytesMut::new();
        while let Some(chunk) = body.chunks.next().await {
            let chunk = chunk?;
            session.take(&chunk, SMALL_BLOB_BYTES)?;
            bytes.extend_from_slice(&chunk);
        }
        check_received(range, session.offset)?;
        session.check_digest(digest)?;
        let bytes = bytes.freeze();
        let (account, key) = (session.upload.storage_account, &session.upload.object_key);
        match self.store(account)?.put(key, bytes.clone()).await {
            Ok(()) => {}
            Err(StoreError::Failed { .. }) => {
                // It may be there already, of a chunk without bytes or of a finish that was not
                // committed. Appending from the start makes it anew.
                let mut writer = self.store(account)?.append(key, 0).await?;
                writer.write(bytes.clone()).await?;
                writer.finish().await?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(bytes)
    }

    async fn finish_streamed(
        &self,
        session: &mut Session,
        digest: &Digest,
        range: Option<&ContentRange>,
        mut body: Body,
    ) -> Result<(), Error> {
        let start = session.offset;
        let store = Arc::clone(self.store(session.upload.storage_account)?);
        let key = session.upload.object_key.clone();
        if body.length == Some(0) && start > 0 {
            check_received(range, 0)?;
            self.check_content(session, digest).await?;
            let stored = store.sync(&key).await?;
            return match stored.cmp(&start) {
                Ordering::Equal => Ok(()),
                // What a refused chunk left is cut away.
                Ordering::Greater => Ok(session.writer(self).await?.finish().await?),
                Ordering::Less => Err(truncated(&key, start, stored)),
            };
        }
        let mut writer = session.writer(self).await?;
        while let Some(chunk) = body.chunks.next().await {
            let chunk = chunk?;
            session.take(&chunk, self.limits.max_blob_bytes)?;
            writer.write(chunk).await?;
        }
        check_received(range, session.offset - start)?;
        if session.hasher.algorithm() == digest.algorithm() {
            session.check_digest(digest)?;
            writer.finish().await?;
        } else {
            writer.finish().await?;
            self.check_content(session, digest).await?;
        }
        Ok(())
    }

    /// Compares the digest with the running hash, or, when a client started without naming the
    /// algorithm it ends with, with a hash of what was stored.
    async fn check_content(&self, session: &Session, digest: &Digest) -> Result<(), Error> {
        if session.hasher.algorithm() == digest.algorithm() {
            return session.check_digest(digest);
        }
        let upload = &session.upload;
        let content = self
            .store(upload.storage_account)?
            .open(&upload.object_key, 0..session.offset)
            .await?;
        let actual = hash_content(content, digest.algorithm(), &upload.object_key).await?;
        equal(digest, actual)
    }

    /// The one transaction that makes a blob visible.
    async fn commit_blob(&self, session: &Session, digest: &Digest) -> Result<(), Error> {
        let (upload, size_bytes) = (session.upload.clone(), session.offset);
        let (digest, now) = (*digest, self.clock.now());
        let spare = self
            .metadata
            .transact(Durability::Durable, move |tx| {
                link_upload(tx, &upload, digest, size_bytes, now)
            })
            .await?;
        if spare {
            self.delete_object(session.upload.storage_account, &session.upload.object_key, size_bytes)
                .await;
        }
        Ok(())
    }

    async fn save_progress(&self, session: &Session) -> Result<(), Error> {
        let (id, before, offset) = (session.upload.id, session.upload.offset, session.offset);
        if before == offset {
            return Ok(());
        }
        let (state, now) = (session.hasher.save(), self.clock.now());
        let saved = self
            .metadata
            .transact(Durability::Relaxed, move |tx| {
                tx.save_upload(id, before, offset, &state, now)
            })
            .await?;
        // Another node was faster, or the session was purged.
        if saved {
            Ok(())
        } else {
            Err(Error::UploadBusy { id: id.0.to_string() })
        }
    }

    /// Removes a session and its object; says whether it was there. When it is gone, its object may
    /// be a blob's by now and is not touched.
    async fn remove_upload(&self, upload: &UploadRecord) -> Result<bool, Error> {
        let (id, now) = (upload.id, self.clock.now());
        let object = object_candidate(upload, upload.offset);
        let removed = self
            .metadata
            .transact(Durability::Relaxed, move |tx| {
                let removed = tx.remove_upload(id)?;
                if removed {
                    tx.queue_candidate(&object, now)?;
                }
                Ok(removed)
            })
            .await?;
        if removed {
            self.delete_object(upload.storage_account, &upload.object_key, upload.offset)
                .await;
        }
        Ok(removed)
    }

    /// Removes a session that failed. The caller already has an error to report, so what goes wrong
    /// here is logged; the purge finds what is left.
    async fn discard_upload(&self, upload: &UploadRecord) {
        if let Err(error) = self.remove_upload(upload).await {
            tracing::warn!(error = %error, upload.id = %upload.id.0, "could not remove a failed upload");
            // On a full disk the row may have to stay until the purge, but its bytes must go.
            if matches!(error, Error::Full { .. })
                && let Ok(store) = self.store(upload.storage_account)
                && let Err(error) = store.delete(&upload.object_key).await
            {
                tracing::warn!(error = %error, "could not delete a failed upload's object");
            }
        }
    }

    /// Deletes an object no row points to, and its row in the queue; on failure the collector
    /// tries again.
    pub(crate) async fn delete_object(&self, account: StorageAccountId, key: &ObjectKey, size_bytes: u64) {
        let deleted = match self.store(account) {
            Ok(store) => store.delete(key).await.map_err(Error::from),
            Err(error) => Err(error),
        };
        let candidate = Candidate::Object {
            storage_account: account,
            object_key: key.clone(),
            size_bytes,
        };
        let removed = match deleted {
            Ok(()) => {
                self.metadata
                    .transact(Durability::Relaxed, move |tx| match tx.find_candidate(&candidate)? {
                        Some(queued) => tx.remove_candidate(queued.id),
                        None => Ok(()),
                    })
                    .await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = removed {
            tracing::warn!(error = %error, object.key = %key, "could not delete an object; it is tried again");
        }
    }
}

/// A session while a request writes to it.
struct Session {
    upload: UploadRecord,
    hasher: Hasher,
    offset: u64,
}

impl Session {
    fn open(upload: UploadRecord) -> Result<Self, Error> {
        let hasher = if upload.offset == 0 {
            Hasher::new(upload.algorithm)
        } else {
            Hasher::restore(&upload.hash_state)
                .map_err(|source| Error::metadata("restored an upload's hash", source))?
        };
        let offset = upload.offset;
        Ok(Self { upload, hasher, offset })
    }

    async fn writer(&self, registry: &Registry) -> Result<Box<dyn crate::ports::BlobWriter>, Error> {
        let upload = &self.upload;
        match registry
            .store(upload.storage_account)?
            .append(&upload.object_key, self.offset)
            .await
        {
            Err(StoreError::Missing { .. }) => Err(Error::UploadUnknown {
                repository: upload.repository.clone(),
                id: upload.id.0.to_string(),
            }),
            other => Ok(other?),
        }
    }

    fn take(&mut self, chunk: &Bytes, limit_bytes: u64) -> Result<(), Error> {
        self.offset += chunk.len() as u64;
        if self.offset > limit_bytes {
            return Err(Error::BlobTooLarge { limit_bytes });
        }
        self.hasher.update(chunk);
        Ok(())
    }

    fn check_digest(&self, expected: &Digest) -> Result<(), Error> {
        equal(expected, self.hasher.clone().finish())
    }
}

fn equal(expected: &Digest, actual: Digest) -> Result<(), Error> {
    if actual == *expected {
        Ok(())
    } else {
        Err(Error::DigestMismatch {
            expected: *expected,
            actual,
        })
    }
}

fn check_range(upload: &UploadRecord, range: Option<&ContentRange>, length: Option<u64>) -> Result<(), Error> {
    let Some(range) = range else { return Ok(()) };
    if range.start() != upload.offset {
        return Err(Error::ChunkOutOfOrder {
            repository: upload.repository.clone(),
            id: upload.id,
            start: range.start(),
            offset: upload.offset,
        });
    }
    match length {
        Some(received) => check_received(Some(range), received),
        None => Ok(()),
    }
}

fn check_received(range: Option<&ContentRange>, received: u64) -> Result<(), Error> {
    match range.map(ContentRange::length_bytes) {
        Some(declared) if declared != received => Err(Error::ChunkLength { declared, received }),
        _ => Ok(()),
    }
}

fn truncated(key: &ObjectKey, expected: u64, stored: u64) -> Error {
    #[derive(Debug, thiserror::Error)]
    #[error("object {key} has {stored} bytes, not the {expected} that were received")]
    struct Truncated {
        key: ObjectKey,
        expected: u64,
        stored: u64,
    }
    let source = Box::new(Truncated {
        key: key.clone(),
        expected,
        stored,
    });
    Error::Blobs {
        source: StoreError::Failed {
            attempted: "finished an upload".to_owned(),
            source,
        },
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
    let repository = ensure_writable(tx, upload.registry, &upload.repository, now)?;
    let existing: Option<BlobRecord> = tx.find_blob(upload.storage_account, &digest)?;
    let spare = existing.is_some();
    let blob = match existing {
        Some(blob) => {
            tx.queue_candidate(&object_candidate(upload, size_bytes), now)?;
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

fn object_candidate(upload: &UploadRecord, size_bytes: u64) -> Candidate {
    Candidate::Object {
        storage_account: upload.storage_account,
        object_key: upload.object_key.clone(),
        size_bytes,
    }
}

async fn hash_content(content: Readable, algorithm: Algorithm, key: &ObjectKey) -> Result<Digest, Error> {
    let hashed = tokio::task::spawn_blocking(move || hash_readable(content, algorithm)).await;
    let failed = |source: std::io::Error| Error::Blobs {
        source: StoreError::Failed {
            attempted: format!("read object {key}"),
            source: Box::new(source),
        },
    };
    match hashed {
        Ok(hashed) => hashed.map_err(failed),
        Err(join) => Err(failed(std::io::Error::other(join))),
    }
}

/// The digest of an object's bytes; blocks. Also used by the check.
pub(crate) fn hash_readable(content: Readable, algorithm: Algorithm) -> std::io::Result<Digest> {
    use std::os::unix::fs::FileExt;
    const STEP_BYTES: u64 = 1 << 20;
    let mut hasher = Hasher::new(algorithm);
    match content {
        Readable::Bytes(bytes) => hasher.update(&bytes),
        Readable::File { file, mut range } => {
            let mut buffer = vec![0; usize::try_from(STEP_BYTES).map_err(std::io::Error::other)?];
            while range.start < range.end {
                let step = STEP_BYTES.min(range.end - range.start);
                let buffer = &mut buffer[..usize::try_from(step).map_err(std::io::Error::other)?];
                file.read_exact_at(buffer, range.start)?;
                hasher.update(buffer);
                range.start += step;
            }
        }
    }
    Ok(hasher.finish())
}
