//! Why a statement gave no rows. It refuses to decide what a caller does about it.

use std::time::Duration;

use holdfast_model::MetadataError;

use super::row::Misread;

/// What one statement failed of.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A row is not as this program writes them.
    #[error(transparent)]
    Misread(#[from] Misread),
    /// SQLite said so.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL said so, or the way to it.
    #[error(transparent)]
    Postgres(#[from] tokio_postgres::Error),
    /// Nobody was asked.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Failure {
    /// The port's error of it.
    pub(crate) fn told(self, attempted: &'static str) -> MetadataError {
        match self {
            Self::Misread(source) => MetadataError::failed(attempted, source),
            Self::Sqlite(source) => crate::sqlite::failed(attempted)(source),
            Self::Postgres(source) => crate::postgres::failed(attempted)(source),
            Self::Fault(source) => MetadataError::failed(attempted, source),
        }
    }
}

/// Failures that are not a database's own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The closure panicked; the panic hook has reported it.
    #[error("the work panicked: {message}")]
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// As many writes wait as may.
    #[error("{limit} writes wait already")]
    QueueFull {
        /// How many may.
        limit: usize,
    },
    /// Every connection that reads was in use, for as long as a read waits for one.
    #[error("no connection was free for {} seconds", waited.as_secs())]
    NoConnection {
        /// How long that is.
        waited: Duration,
    },
    /// A row that must be there is not.
    #[error("no row has the id {id}")]
    NoRow {
        /// The id asked for.
        id: i64,
    },
    /// Others were in the way of a transaction, as often as it was run.
    #[error("other writes were in the way {attempts} times")]
    Conflicts {
        /// How often that was.
        attempts: u32,
    },
    /// The connection to the database ended before anything was committed.
    #[error("the connection to the database ended; nothing was committed")]
    ConnectionLost,
    /// The connection ended between the request to commit and the answer.
    #[error("the connection to the database ended while it committed; whether it did is not known")]
    OutcomeUnknown {
        /// How it ended.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The transaction ended under the closure's feet.
    #[error("the transaction is over")]
    TransactionOver,
}

impl Fault {
    /// What `catch_unwind` caught.
    pub(crate) fn panicked(payload: &(dyn std::any::Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        Self::Panicked { message }
    }
}
