//! Why something about people was not done.

use super::UserName;
use crate::{RoleError, limits::MAX_PEOPLE};
use holdfast_model::{MetadataError, StorageError};

/// Why something about people was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody of that name.
    #[error("there is no user {name}")]
    Unknown {
        /// As asked for.
        name: UserName,
    },
    /// Somebody else has the name.
    #[error("there is a user {name} already")]
    NameTaken {
        /// As asked for.
        name: UserName,
    },
    /// More people than the directory takes.
    #[error("the directory has {MAX_PEOPLE} users, the most it takes; delete one first")]
    TooMany,
    /// The person has rights that the caller could not give.
    #[error("the user has a role at {scope}, beyond the caller's own reach")]
    OutOfReach {
        /// Where.
        scope: String,
    },
    /// The first role was not given.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// A store did not do its part.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<MetadataError> for Error {
    fn from(error: MetadataError) -> Self {
        Self::Storage(error.into())
    }
}
