//! The port to a place for bytes (a storage account). Objects are written once under a random key
//! and never change afterwards; which digest they hold is the metadata's business.

use std::{fmt, ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::stream::BoxStream;
use uuid::Uuid;

use super::Content;
use crate::Timestamp;

/// The name of an object: random, chosen at the first byte, never changed (ARCHITECTURE.md, law 2).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(Uuid);

impl ObjectKey {
    /// The key for a fresh id.
    #[must_use]
    pub fn new(id: Uuid) -> Self {
        Self(id)
    }

    /// The id inside.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.simple())
    }
}

/// Why a store could not do something, in its own words.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong in a store of bytes.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No object has this key.
    #[error("object {key} is not in the store")]
    Missing {
        /// The key asked for.
        key: ObjectKey,
    },
    /// Something has this key already, and stays as it is.
    #[error("object {key} is in the store already")]
    Exists {
        /// The key asked for.
        key: ObjectKey,
    },
    /// The store does not let this service do it: its permissions or its credentials are not right.
    #[error("the store refused this service while it {attempted}")]
    Denied {
        /// What was being done, as "wrote object …".
        attempted: String,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// The store has no room left.
    #[error("the store is full while it {attempted}")]
    Full {
        /// What was being done, as "wrote object …".
        attempted: String,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// The store cannot be reached, or asks to be left alone for a while: the same may succeed later.
    #[error("the store could not be reached while it {attempted}")]
    Unavailable {
        /// What was being done, as "wrote object …".
        attempted: String,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// Anything else.
    #[error("the store failed while it {attempted}")]
    Failed {
        /// What was being done, as "wrote object …".
        attempted: String,
        /// The cause.
        #[source]
        source: Cause,
    },
}

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its key.
    pub key: ObjectKey,
    /// Its length in bytes as it lies in the store; of one that is not complete, as far as the store knows.
    pub size_bytes: u64,
}

/// How far an object was written, and what its store must know to go on with it: saved with the upload session, so that
/// any node can (ARCHITECTURE.md, law 2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Bytes that are kept.
    pub offset: u64,
    /// The store's own words, at most [`MAX_STATE_BYTES`].
    pub state: Vec<u8>,
}

/// The longest [`Checkpoint::state`]: it is a column of a small row that is written with each chunk. The parts of the
/// largest blob fit (10,000 of S3, 50,000 block ids of Azure).
pub const MAX_STATE_BYTES: usize = 1 << 20;

/// A place for bytes. An object is begun, gone on with from what was saved, and completed, or else abandoned. Once it is
/// complete it can be read and never changes; what it is before that is the store's own business.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Begins an object. What was begun under the key before and not completed is given up; one that is complete, which
    /// nothing may name yet, is lost, or stays and refuses the completion.
    async fn begin(&self, key: &ObjectKey) -> Result<Box<dyn BlobWriter>, StoreError>;

    /// Goes on with an object from what was saved; what came after that is not part of it. One that was abandoned is
    /// [`StoreError::Missing`], one that was completed since may be [`StoreError::Exists`]: here, or at a write or the
    /// completion. Where a store takes an object as one stream it may be missing, too, for who goes on from where another
    /// writer went on before, and died or is still there.
    async fn resume(&self, key: &ObjectKey, saved: &Checkpoint) -> Result<Box<dyn BlobWriter>, StoreError>;

    /// Deletes an object whose upload may not have been completed. `state` is what was saved last, and empty when nothing
    /// was: it helps the store to find what it keeps of the object.
    async fn abandon(&self, key: &ObjectKey, state: &[u8]) -> Result<(), StoreError>;

    /// Stores a whole small object durably in one step: after `Ok` it survives a power cut. What has the key already is
    /// [`StoreError::Exists`].
    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), StoreError>;

    /// Opens a range of an object. The range lies inside the object.
    async fn open(&self, key: &ObjectKey, range: Range<u64>) -> Result<Content, StoreError>;

    /// Deletes an object, and whatever was begun under its key; one that is not there is a success (idempotent).
    async fn delete(&self, key: &ObjectKey) -> Result<(), StoreError>;

    /// Every object of the store, those too that were begun and never completed. Objects written meanwhile may be missing.
    fn list(&self) -> BoxStream<'_, Result<ObjectInfo, StoreError>>;

    /// When an object, complete or not, last got bytes, by the clock of the store.
    async fn written_at(&self, key: &ObjectKey) -> Result<Timestamp, StoreError>;

    /// Proves that the store can be written and read, for start-up and readiness to write.
    async fn probe(&self) -> Result<(), StoreError>;

    /// Proves that the store is there and can be read, also when it is full. It writes nothing.
    async fn probe_reading(&self) -> Result<(), StoreError>;

    /// A URL by which anybody who has it can read an object straight from the store for so long; `None` where the store
    /// cannot sign one. It is a secret, and says nothing about whether the object is there.
    async fn signed_url(&self, _key: &ObjectKey, _lasts: Duration) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    /// Host and port that such URLs name; `None` where the store is on no network.
    fn data_host(&self) -> Option<&str> {
        None
    }
}

/// Writes one object. Dropping it gives up what was not saved.
#[async_trait]
pub trait BlobWriter: Send {
    /// Takes the next bytes. It may return before they are written, and waits when too much is
    /// under way.
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError>;

    /// Waits until the store has all bytes taken so far; from what it returns the object can be gone on with.
    async fn save(&mut self) -> Result<Checkpoint, StoreError>;

    /// Makes the object whole, with all bytes taken, and durable, in one small request whatever its size. One that was
    /// completed under the key before stays as it is and is [`StoreError::Exists`], though it may be of the same bytes.
    async fn complete(self: Box<Self>) -> Result<(), StoreError>;

    /// Whether the bytes that were saved before this writer are surely there as they were taken. Where they are not, they
    /// are looked at when the object is complete.
    fn vouches(&self) -> bool;
}

/// Where the stores of storage accounts are: one place a location. Which locations there are is the operator's choice;
/// a user names an account and never a path.
#[async_trait]
pub trait Places: Send + Sync {
    /// Makes the store of an account in a location. One that is there already must be empty: it can only be left over
    /// from a making that was cut off.
    async fn make(&self, location: &str, account: &str) -> Result<Arc<dyn Blobs>, StoreError>;

    /// Names of the accounts whose stores lie in a location, those that no row names too.
    async fn list(&self, location: &str) -> Result<Vec<String>, StoreError>;

    /// Opens the store of an account that is there.
    async fn open(&self, location: &str, account: &str) -> Result<Arc<dyn Blobs>, StoreError>;

    /// Removes the store of an account that has no row any more; objects in it are an error and stay.
    async fn remove(&self, location: &str, account: &str) -> Result<(), StoreError>;
}
