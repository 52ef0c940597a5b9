//! The keys that nodes share, as rows: made once, told before they sign, and forgotten. It refuses to make or to open
//! one: pairs come in sealed.

use std::time::Duration;

use holdfast_model::{Durability, Metadata, MetadataExt as _, ServerKeyRecord, StorageError, Timestamp, Tx};

use crate::limits::SERVER_KEYS;

/// How long before it signs a key is there for all nodes to read: twice as long as a node goes between two looks.
pub const KEY_TOLD_BEFORE: Duration = Duration::from_secs(20);
/// How often a node looks which keys there are.
pub const KEYS_LOOKED_AT_EVERY: Duration = Duration::from_secs(10);

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// Too many old keys still verify.
    #[error("{SERVER_KEYS} keys still verify tokens; wait until some have ended, or forget the old ones")]
    TooMany,
    /// The rows could not be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<holdfast_model::MetadataError> for RotateError {
    fn from(error: holdfast_model::MetadataError) -> Self {
        Self::Storage(error.into())
    }
}

/// What becomes of older keys when a new one is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OlderKeys {
    /// They verify until the last of their tokens has ended: so long after the new one begins to sign.
    VerifyFor(Duration),
    /// They are gone at once, and all their tokens are void: somebody may have read them.
    AreForgotten,
}

/// The keys there are, the newest first.
///
/// # Errors
/// [`StorageError`].
pub async fn list_server_keys(metadata: &dyn Metadata) -> Result<Vec<ServerKeyRecord>, StorageError> {
    metadata.query(|read| Ok(read.list_server_keys()?)).await
}

/// Keeps the first key, unless another node was faster; the keys there are then.
///
/// # Errors
/// [`StorageError`].
pub async fn ensure_server_key(
    metadata: &dyn Metadata,
    first: ServerKeyRecord,
) -> Result<Vec<ServerKeyRecord>, StorageError> {
    let ensure = move |tx: &mut dyn Tx| {
        let there = tx.list_server_keys()?;
        if !there.is_empty() {
            return Ok(there);
        }
        tx.put_server_key(&first)?;
        Ok(tx.list_server_keys()?)
    };
    metadata.transact(Durability::Durable, ensure).await
}

/// Keeps a new key and says what becomes of the older ones; the keys there are then. Keys whose time is over go.
///
/// # Errors
/// [`RotateError`]; then nothing has changed.
pub async fn rotate_server_keys(
    metadata: &dyn Metadata,
    new: ServerKeyRecord,
    older: OlderKeys,
    now: Timestamp,
) -> Result<Vec<ServerKeyRecord>, RotateError> {
    let rotate = move |tx: &mut dyn Tx| {
        let mut left = 0;
        for mut key in tx.list_server_keys()? {
            let is_over = key.verifies_until.is_some_and(|until| until <= now);
            match older {
                OlderKeys::VerifyFor(time) if !is_over => {
                    left += 1;
                    // One that nobody knows may begin to sign only when the new one does.
                    if key.verifies_until.is_none() {
                        key.verifies_until = Some(new.signs_from.plus(time));
                        tx.put_server_key(&key)?;
                    }
                }
                OlderKeys::VerifyFor(_) | OlderKeys::AreForgotten => drop(tx.remove_server_key(&key.kid)?),
            }
        }
        if left >= SERVER_KEYS {
            return Err(RotateError::TooMany);
        }
        tx.put_server_key(&new)?;
        Ok(tx.list_server_keys()?)
    };
    metadata.transact(Durability::Durable, rotate).await
}
