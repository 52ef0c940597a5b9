//! Why a store did not do something, and what that is in the port's words. Nothing here holds a URL or a header: those may
//! be signed.

use std::io;

use holdfast_model::{ObjectKey, StoreError};
use http::StatusCode;

use super::way_out::ExchangeError;

/// Longest text of a store's own that is shown.
const SHOWN_BYTES: usize = 300;

/// Why not.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the store answered {status} {code}: {message}")]
    Status {
        status: StatusCode,
        /// The store's own name for it, empty when it gave none.
        code: String,
        message: String,
    },
    #[error("the store gave no answer")]
    NoAnswer(#[source] ExchangeError),
    #[error("the store's answer is not understood: {0}")]
    Answer(String),
    #[error("no credential could be had")]
    Credential(#[source] Cause),
    #[error("the bytes could not be kept on this machine")]
    Spool(#[source] io::Error),
    #[error("another writer goes on with this upload")]
    Overtaken,
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What a refusal means, whichever store it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// No object has the name.
    Missing,
    /// An object has the name.
    Exists,
    /// What was begun is not there any more: it was completed, or given up.
    Gone,
    Denied,
    Full,
    /// The same may go well at once, or a little later.
    Transient,
    Failed,
}

impl Refusal {
    /// There is no credential, for this reason.
    pub(super) fn credential(source: impl Into<Cause>) -> Self {
        Self::Credential(source.into())
    }

    /// A status, and what the body says about it.
    pub(super) fn of_status(status: StatusCode, code: String, message: &str) -> Self {
        let line = message.lines().next().unwrap_or_default();
        let end = line.floor_char_boundary(SHOWN_BYTES);
        let message = line[..end].to_owned();
        Self::Status { status, code, message }
    }

    pub(super) fn meaning(&self) -> Meaning {
        match self {
            Self::Status { status, code, .. } => of_code(code).unwrap_or_else(|| of_status(*status)),
            Self::NoAnswer(error) if error.is_transient() => Meaning::Transient,
            Self::Credential(_) => Meaning::Denied,
            Self::Overtaken => Meaning::Gone,
            Self::NoAnswer(_) | Self::Answer(_) | Self::Spool(_) => Meaning::Failed,
        }
    }

    /// Whether the container of all objects is not there.
    fn is_about_container(&self) -> bool {
        matches!(self, Self::Status { code, .. } if is_about_container(code))
    }

    /// Whether another credential may help.
    pub(super) fn is_about_credential(&self) -> bool {
        let Self::Status { status, code, .. } = self else {
            return false;
        };
        *status == StatusCode::UNAUTHORIZED
            || matches!(
                code.as_str(),
                "ExpiredToken"
                    | "ExpiredTokenException"
                    | "InvalidToken"
                    | "TokenRefreshRequired"
                    | "AuthenticationFailed"
            )
    }

    /// Whether the same may go well later.
    pub(super) fn is_transient(&self) -> bool {
        self.meaning() == Meaning::Transient
    }

    /// The port's error; `attempted` as "wrote object …".
    pub(super) fn into_error(self, attempted: impl Into<String>) -> StoreError {
        let attempted = attempted.into();
        let full = matches!(&self, Self::Spool(error) if error.kind() == io::ErrorKind::StorageFull);
        let meaning = if full { Meaning::Full } else { self.meaning() };
        let source = Box::new(self);
        match meaning {
            Meaning::Denied => StoreError::Denied { attempted, source },
            Meaning::Full => StoreError::Full { attempted, source },
            Meaning::Transient => StoreError::Unavailable { attempted, source },
            Meaning::Missing | Meaning::Exists | Meaning::Gone | Meaning::Failed => {
                StoreError::Failed { attempted, source }
            }
        }
    }

    /// As [`Refusal::into_error`], for an object that has to be there, or must not be.
    pub(super) fn on_object(self, verb: &str, key: &ObjectKey) -> StoreError {
        match self.meaning() {
            Meaning::Missing => StoreError::Missing { key: key.clone() },
            Meaning::Exists => StoreError::Exists { key: key.clone() },
            _ => self.into_error(format!("{verb} object {key}")),
        }
    }
}

/// Whether a store failed because its bucket, its container, is not there.
#[must_use]
pub fn is_container_missing(error: &StoreError) -> bool {
    match error {
        StoreError::Failed { source, .. } => source
            .downcast_ref::<Refusal>()
            .is_some_and(Refusal::is_about_container),
        _ => false,
    }
}

fn is_about_container(code: &str) -> bool {
    matches!(
        code,
        "NoSuchBucket" | "ContainerNotFound" | "ContainerBeingDeleted" | "ResourceNotFound"
    )
}

/// The stores' own names for what went wrong, where their status says less.
fn of_code(code: &str) -> Option<Meaning> {
    Some(match code {
        "NoSuchKey" | "BlobNotFound" => Meaning::Missing,
        // A container that is not there is a mistake in the settings: no object of it is missing.
        _ if is_about_container(code) => Meaning::Failed,
        "NoSuchUpload" | "InvalidBlockList" => Meaning::Gone,
        "BlobAlreadyExists" | "PreconditionFailed" | "ConditionNotMet" | "conditionNotMet" => Meaning::Exists,
        "SlowDown"
        | "RequestTimeout"
        | "InternalError"
        | "ServerBusy"
        | "OperationTimedOut"
        | "ServiceUnavailable"
        | "rateLimitExceeded"
        | "userRateLimitExceeded"
        | "OperationAborted"
        | "ConditionalRequestConflict"
        | "XAmzContentSHA256Mismatch"
        | "BadDigest"
        | "IncompleteBody"
        | "Md5Mismatch" => Meaning::Transient,
        "QuotaExceeded" | "XMinioStorageFull" | "XMinioAdminBucketQuotaExceeded" | "InsufficientCapacity" => {
            Meaning::Full
        }
        _ => return None,
    })
}

fn of_status(status: StatusCode) -> Meaning {
    match status.as_u16() {
        404 => Meaning::Missing,
        412 => Meaning::Exists,
        // 499 is Google's for a session that was cancelled.
        410 | 499 => Meaning::Gone,
        401 | 403 => Meaning::Denied,
        507 => Meaning::Full,
        408 | 429 | 500 | 502 | 503 | 504 => Meaning::Transient,
        _ => Meaning::Failed,
    }
}
