//! A session while a request writes to it: its hash, where it stands, and that nobody else writes.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use holdfast_model::{BlobWriter, Blobs, StoreError, UploadBytes, UploadId, UploadRecord};
use holdfast_oci::{Algorithm, Digest, Hasher, range::ContentRange};
use tokio::sync::Notify;

use super::running_hash::RunningHash;
use crate::Error;

/// Sessions that a request on this node is writing to. Other nodes are kept out by the
/// compare-and-swap of [`holdfast_model::UploadTx::save_upload`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Holds(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    ids: Mutex<HashSet<UploadId>>,
    /// Told when one is let go.
    let_go: Notify,
}

/// The right to write to a session; it ends with the last clone.
#[derive(Clone)]
pub(crate) struct Hold {
    _one: Arc<One>,
}

struct One {
    holds: Holds,
    id: UploadId,
}

impl Holds {
    pub(super) fn take(&self, id: UploadId) -> Option<Hold> {
        self.0.ids().insert(id).then(|| Hold {
            _one: Arc::new(One {
                holds: self.clone(),
                id,
            }),
        })
    }

    /// Whether a request is writing to it at this moment.
    pub(super) fn is_held(&self, id: UploadId) -> bool {
        self.0.ids().contains(&id)
    }

    /// Waits until no request is writing to it.
    pub(super) async fn end(&self, id: UploadId) {
        loop {
            let let_go = self.0.let_go.notified();
            tokio::pin!(let_go);
            // From here on nothing is missed that is told.
            let_go.as_mut().enable();
            if !self.is_held(id) {
                return;
            }
            let_go.await;
        }
    }
}

impl Held {
    fn ids(&self) -> MutexGuard<'_, HashSet<UploadId>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.holds.0.ids().remove(&self.id);
        self.holds.0.let_go.notify_waiters();
    }
}

/// A session while a request writes to it.
pub(super) struct Session {
    pub(super) upload: UploadRecord,
    pub(super) hash: RunningHash,
    pub(super) offset: u64,
    /// Where those bytes are, once the request is done.
    pub(super) bytes: UploadBytes,
    /// Nobody else writes to it.
    pub(super) hold: Hold,
}

impl Session {
    pub(super) fn open(upload: UploadRecord, hold: &Hold) -> Result<Self, Error> {
        let hasher = match (&upload.bytes, upload.checkpoint()) {
            (UploadBytes::Object { .. }, Some(_)) => {
                Hasher::restore(&upload.hash_state).map_err(|source| Error::HashUnreadable {
                    id: upload.id.0,
                    offset: upload.offset,
                    source: source.into(),
                })?
            }
            (UploadBytes::Object { held, .. }, None) => hasher_after(upload.algorithm, held),
            // They are hashed when it is known for what.
            (UploadBytes::Row(_), _) => Hasher::new(upload.algorithm),
        };
        Ok(Self {
            hash: RunningHash::new(hasher),
            offset: upload.offset,
            bytes: upload.bytes.clone(),
            upload,
            hold: hold.clone(),
        })
    }

    /// From now on an object may be there: the row says so.
    pub(super) fn begin_object(&mut self) {
        if let UploadBytes::Row(held) = &self.upload.bytes {
            self.hash = RunningHash::new(hasher_after(self.upload.algorithm, held));
            let (held, state) = (held.clone(), Vec::new());
            self.upload.bytes = UploadBytes::Object { held, state };
        }
    }

    /// A writer that goes on from where the session stood when the request came.
    pub(super) async fn writer(&self, store: &dyn Blobs) -> Result<Box<dyn BlobWriter>, StoreError> {
        let key = &self.upload.object_key;
        if let Some(saved) = self.upload.checkpoint() {
            return store.resume(key, &saved).await;
        }
        let mut writer = store.begin(key).await?;
        if let UploadBytes::Row(held) | UploadBytes::Object { held, .. } = &self.upload.bytes
            && !held.is_empty()
        {
            writer.write(held.clone()).await?;
        }
        Ok(writer)
    }

    /// The error of a request that its store failed. To a session whose object is gone, or was completed by a finish
    /// that was refused and now gets other bytes, no bytes can come any more.
    pub(super) fn failed(&self, error: StoreError) -> Error {
        match error {
            StoreError::Missing { .. } | StoreError::Exists { .. } => self.unknown(),
            other => other.into(),
        }
    }

    pub(super) fn unknown(&self) -> Error {
        Error::UploadUnknown {
            repository: self.upload.repository.clone(),
            id: self.upload.id.0.to_string(),
        }
    }

    pub(super) async fn take(&mut self, chunk: &Bytes, limit_bytes: u64) -> Result<(), Error> {
        self.offset += chunk.len() as u64;
        check_size(self.offset, limit_bytes)?;
        Ok(self.hash.update(chunk.clone()).await?)
    }

    pub(super) async fn check_digest(&mut self, expected: &Digest) -> Result<(), Error> {
        equal(expected, self.hash.settle().await?.clone().finish())
    }
}

fn hasher_after(algorithm: Algorithm, bytes: &Bytes) -> Hasher {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher
}

pub(super) fn check_size(size_bytes: u64, limit_bytes: u64) -> Result<(), Error> {
    if size_bytes > limit_bytes {
        return Err(Error::BlobTooLarge { limit_bytes });
    }
    Ok(())
}

pub(super) fn equal(expected: &Digest, actual: Digest) -> Result<(), Error> {
    if actual == *expected {
        Ok(())
    } else {
        Err(Error::DigestMismatch {
            expected: *expected,
            actual,
        })
    }
}

pub(super) fn check_range(
    upload: &UploadRecord,
    range: Option<&ContentRange>,
    length: Option<u64>,
) -> Result<(), Error> {
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

pub(super) fn check_received(range: Option<&ContentRange>, received: u64) -> Result<(), Error> {
    match range.map(ContentRange::length_bytes) {
        Some(declared) if declared != received => Err(Error::ChunkLength { declared, received }),
        _ => Ok(()),
    }
}

/// Refuses a chunk as soon as it is longer than it declared, not only at its end.
pub(super) fn check_not_beyond(range: Option<&ContentRange>, received: u64) -> Result<(), Error> {
    match range.map(ContentRange::length_bytes) {
        Some(declared) if received > declared => Err(Error::ChunkLength { declared, received }),
        _ => Ok(()),
    }
}
