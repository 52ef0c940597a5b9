//! The port to a place for bytes (a storage account). Objects are written once under a random key
//! and never change afterwards; which digest they hold is the metadata's business.

use std::{fmt, ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
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
    /// Its length in bytes as it lies in the store.
    pub size_bytes: u64,
}

/// A place for bytes.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Opens the object for appending at `offset`. At 0 the object is made new (an existing one is
    /// truncated: it can only be left over from a crash); further on, everything past `offset` is
    /// cut away first, and an object shorter than `offset` is an error.
    async fn append(&self, key: &ObjectKey, offset: u64) -> Result<Box<dyn BlobWriter>, StoreError>;

    /// Stores a whole small object durably in one step: after `Ok` it survives a power cut. What has the key already is
    /// [`StoreError::Exists`].
    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), StoreError>;

    /// Makes what lies under the key durable, object and name, and returns its length in bytes.
    /// For objects whose last writer is gone (an upload finished by an empty request).
    async fn sync(&self, key: &ObjectKey) -> Result<u64, StoreError>;

    /// Opens a range of an object. The range lies inside the object.
    async fn open(&self, key: &ObjectKey, range: Range<u64>) -> Result<Content, StoreError>;

    /// Deletes an object; one that is not there is a success (idempotent).
    async fn delete(&self, key: &ObjectKey) -> Result<(), StoreError>;

    /// Every object of the store, for `holdfast check`. Objects written meanwhile may be missing.
    async fn list(&self) -> Result<Vec<ObjectInfo>, StoreError>;

    /// When an object last got bytes, by the clock of the store.
    async fn written_at(&self, key: &ObjectKey) -> Result<Timestamp, StoreError>;

    /// Proves that the store can be written and read, for start-up and readiness to write.
    async fn probe(&self) -> Result<(), StoreError>;

    /// Proves that the store is there and can be read, also when it is full. It writes nothing.
    async fn probe_reading(&self) -> Result<(), StoreError>;
}

/// Appends to one object. Dropping it abandons what was not flushed.
#[async_trait]
pub trait BlobWriter: Send {
    /// Takes the next bytes. It may return before they are written, and waits when too much is
    /// under way.
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError>;

    /// Waits until all bytes taken so far are handed to the operating system.
    async fn flush(&mut self) -> Result<(), StoreError>;

    /// Flushes and makes the object durable, bytes and name.
    async fn finish(self: Box<Self>) -> Result<(), StoreError>;
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
