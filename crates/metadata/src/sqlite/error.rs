//! From SQLite's errors to the port's. It refuses to decide what a caller does about them.

use std::io;
use std::sync::Arc;

use holdfast_model::MetadataError;
use rusqlite::ErrorCode;

pub(super) use crate::sql::error::Fault;

/// The error of a statement that failed while it did what `attempted` says.
pub(crate) fn failed(attempted: &'static str) -> impl FnOnce(rusqlite::Error) -> MetadataError {
    move |source| told(source.sqlite_error_code(), attempted, source)
}

/// What SQLite's code says of a failure.
fn told(
    code: Option<ErrorCode>,
    attempted: &'static str,
    source: impl std::error::Error + Send + Sync + 'static,
) -> MetadataError {
    match code {
        Some(ErrorCode::DiskFull) => MetadataError::full(attempted, source),
        // Another process (an operator's command) has held the write lock for longer than we wait.
        Some(ErrorCode::DatabaseBusy) => MetadataError::overloaded(attempted, source),
        _ => MetadataError::failed(attempted, source),
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
    pub(super) fn to_error(&self, attempted: &'static str) -> MetadataError {
        let code = match self {
            Self::Sqlite(source) => source.sqlite_error_code(),
            Self::Abandoned { full: true } => Some(ErrorCode::DiskFull),
            Self::Abandoned { full: false } => None,
        };
        told(code, attempted, self.clone())
    }
}

impl From<rusqlite::Error> for Lost {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(source))
    }
}

/// Why nothing is written any more: the log could not be flushed. What is on the disk is only known again when it is read
/// from there.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "the log of metadata.db could not be flushed to the disk, so nothing more is written; look after the disk, then \
     restart: what had reached it is found by its checksums"
)]
pub(super) struct NotFlushed {
    /// What the system said.
    pub(super) source: Arc<io::Error>,
}

impl NotFlushed {
    /// The error for one of those who hear of it.
    pub(super) fn to_error(&self, attempted: &'static str) -> MetadataError {
        MetadataError::failed(attempted, self.clone())
    }
}

impl From<io::Error> for NotFlushed {
    fn from(source: io::Error) -> Self {
        let source = Arc::new(source);
        Self { source }
    }
}

/// Whether SQLite tells that a flush of its own has failed, of the log or of the database.
pub(super) fn is_failed_flush(error: &rusqlite::Error) -> bool {
    error
        .sqlite_error()
        .is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_FSYNC)
}
