//! What goes wrong in either store, of rows or of bytes: told apart by what a caller can do about it.

use super::{MetadataError, StorageAccountId, StoreError};

/// Why a store did not do its part in an operation.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// A store has no room.
    #[error("the registry's storage is full; nothing was stored")]
    Full {
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// More work waits than the store of metadata takes on, or it cannot be reached: a moment later it may be done.
    #[error("the server has too much to do; try again shortly")]
    Overloaded {
        /// The cause.
        #[source]
        source: MetadataError,
    },
    /// The store of metadata failed.
    #[error(transparent)]
    Metadata(MetadataError),
    /// A storage account that a row names is not open.
    #[error("storage account {} is not open on this node", account.0)]
    AccountClosed {
        /// The account.
        account: StorageAccountId,
    },
    /// The store of bytes failed.
    #[error("the blob store failed")]
    Blobs {
        /// The cause.
        #[source]
        source: StoreError,
    },
}

impl StorageError {
    /// Whether it is about the store as a whole, so that the next thing fails as this one did.
    #[must_use]
    pub fn is_general(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Overloaded { .. })
    }
}

impl From<MetadataError> for StorageError {
    fn from(error: MetadataError) -> Self {
        match error {
            MetadataError::Full { .. } => Self::Full {
                source: Box::new(error),
            },
            MetadataError::Overloaded { .. } | MetadataError::Unavailable { .. } => Self::Overloaded { source: error },
            MetadataError::Closed { .. } | MetadataError::Failed { .. } => Self::Metadata(error),
        }
    }
}

impl From<StoreError> for StorageError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full { .. } => Self::Full {
                source: Box::new(error),
            },
            StoreError::Missing { .. }
            | StoreError::Exists { .. }
            | StoreError::Denied { .. }
            | StoreError::Unavailable { .. }
            | StoreError::Failed { .. } => Self::Blobs { source: error },
        }
    }
}
