//! From SQLite's errors to the domain's. It refuses to decide what a caller does about them.

use std::sync::Arc;

use holdfast_registry::Error;
use rusqlite::ErrorCode;

/// The error of a statement that failed while it did what `attempted` says.
pub(super) fn failed(attempted: &'static str) -> impl FnOnce(rusqlite::Error) -> Error {
    move |source| match source.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::Full {
            source: Box::new(source),
        },
        // Another process (an operator's command) has held the write lock for longer than we wait.
        Some(ErrorCode::DatabaseBusy) => Error::Overloaded,
        _ => Error::metadata(attempted, source),
    }
}

/// Why a transaction as a whole failed; told to everybody who was in it.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Lost {
    /// SQLite said so at the beginning or the end.
    #[error(transparent)]
    Sqlite(Arc<rusqlite::Error>),
    /// SQLite gave up the transaction inside a job, as it may when the disk is full.
    #[error("the database gave up the transaction inside another write")]
    Abandoned {
        /// Whether there was no room.
        full: bool,
    },
}

impl Lost {
    /// The error for one of those who were in the transaction.
    pub(super) fn to_error(&self, attempted: &'static str) -> Error {
        let code = match self {
            Self::Sqlite(source) => source.sqlite_error_code(),
            Self::Abandoned { full: true } => Some(ErrorCode::DiskFull),
            Self::Abandoned { full: false } => None,
        };
        match code {
            Some(ErrorCode::DiskFull) => Error::Full {
                source: Box::new(self.clone()),
            },
            Some(ErrorCode::DatabaseBusy) => Error::Overloaded,
            _ => Error::metadata(attempted, self.clone()),
        }
    }
}

impl From<rusqlite::Error> for Lost {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(source))
    }
}

/// Failures that are not SQLite's own.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The closure panicked; the panic hook has reported it.
    #[error("the work panicked: {message}")]
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// [`super::SqliteStore::close`] was called.
    #[error("the store is closed")]
    Closed,
    /// A row that must be there is not.
    #[error("no row has the id {id}")]
    NoRow {
        /// The id asked for.
        id: i64,
    },
    /// The transaction ended under the closure's feet.
    #[error("the transaction is over")]
    TransactionOver,
}

impl Fault {
    /// What `catch_unwind` caught.
    pub(super) fn panicked(payload: &(dyn std::any::Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        Self::Panicked { message }
    }
}
