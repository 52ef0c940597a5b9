//! From PostgreSQL's errors to the port's, and what a failure means for the transaction that it happened in.

use holdfast_model::MetadataError;
use tokio_postgres::error::SqlState;

/// What became of a transaction when a statement failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// Another one was in its way: run it again.
    Conflict,
    /// A statement was prepared for an older schema: prepare it anew, and run the transaction again.
    Stale,
    /// The connection is gone, and with it the transaction.
    Lost,
    /// It is over: PostgreSQL goes on with none in which a statement failed.
    Refused,
}

impl Broken {
    pub(super) fn by(error: &tokio_postgres::Error) -> Self {
        match error.code() {
            Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED) => Self::Conflict,
            Some(&SqlState::FEATURE_NOT_SUPPORTED | &SqlState::INVALID_SQL_STATEMENT_NAME) => Self::Stale,
            Some(
                &SqlState::ADMIN_SHUTDOWN
                | &SqlState::CRASH_SHUTDOWN
                | &SqlState::CANNOT_CONNECT_NOW
                | &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            ) => Self::Lost,
            Some(_) => Self::Refused,
            // Said by nobody but this end: nothing was sent of what cannot be said, else the connection broke.
            None if error.is_closed() => Self::Lost,
            None if is_io(error) => Self::Lost,
            None => Self::Refused,
        }
    }
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}

/// What PostgreSQL says of a failure. Without its details: they repeat values of the row.
#[derive(Debug, thiserror::Error)]
#[error("PostgreSQL says {code}: {message}")]
pub(super) struct Said {
    code: String,
    message: String,
}

/// The error of a statement that failed while it did what `attempted` says.
pub(crate) fn failed(attempted: &'static str) -> impl FnOnce(tokio_postgres::Error) -> MetadataError {
    move |source| {
        let code = source.code().cloned();
        let lost = Broken::by(&source) == Broken::Lost;
        let source = plain(source);
        match code {
            Some(SqlState::DISK_FULL) => MetadataError::full(attempted, source),
            Some(
                SqlState::TOO_MANY_CONNECTIONS
                | SqlState::OUT_OF_MEMORY
                | SqlState::QUERY_CANCELED
                | SqlState::LOCK_NOT_AVAILABLE
                | SqlState::T_R_SERIALIZATION_FAILURE
                | SqlState::T_R_DEADLOCK_DETECTED,
            ) => MetadataError::overloaded(attempted, source),
            _ if lost => MetadataError::unavailable(attempted, source),
            _ => MetadataError::failed(attempted, source),
        }
    }
}

/// The error without what it says of values.
pub(super) fn plain(error: tokio_postgres::Error) -> Box<dyn std::error::Error + Send + Sync> {
    match error.as_db_error() {
        Some(said) => Box::new(Said {
            code: said.code().code().to_owned(),
            message: said.message().to_owned(),
        }),
        None => Box::new(error),
    }
}
