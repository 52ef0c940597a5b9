//! Why an import did not come to its end, and whether another attempt may. One table from the errors below to what whoever
//! asked is told; it refuses to tell causes that are only this server's.

use holdfast_access::ControlRefusal;
use holdfast_client::registry::Error as Upstream;
use holdfast_content::Error;
use holdfast_model::{ReceiveError, StorageError};
use holdfast_resources::{ImportFailure, ImportFailureKind};

use crate::handler;

/// Why a body stopped.
pub(super) enum Stop {
    /// It cannot be done.
    Failed(ImportFailure),
    /// It is worth another attempt.
    Retry(ImportFailure),
    /// The name of the other registry leads to no address that may be asked.
    NoAddress(ImportFailure),
}

impl Stop {
    pub(super) fn failed(kind: ImportFailureKind, message: &str) -> Self {
        Self::Failed(ImportFailure {
            kind,
            message: message.to_owned(),
        })
    }

    pub(super) fn refused(refusal: ControlRefusal) -> Self {
        Self::failed(ImportFailureKind::NotAllowed, &refusal.to_string())
    }

    pub(super) fn source_gone() -> Self {
        Self::failed(
            ImportFailureKind::Source,
            "the registry that the image is imported from is gone",
        )
    }

    pub(super) fn unreadable(error: serde_json::Error) -> Self {
        tracing::error!(error = %error, "an import's row cannot be read");
        Self::failed(
            ImportFailureKind::Internal,
            "what was asked for cannot be read any more",
        )
    }
}

impl From<Stop> for handler::Stop {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Failed(failure) => Self::Failed(failure.to_json()),
            Stop::Retry(failure) | Stop::NoAddress(failure) => Self::Retry(failure.to_json()),
        }
    }
}

impl From<&Upstream> for Stop {
    fn from(error: &Upstream) -> Self {
        let failure = ImportFailure {
            kind: ImportFailureKind::Source,
            message: error.to_string(),
        };
        if let Upstream::Outgoing(outgoing) = error
            && outgoing.is_about_name()
        {
            let cause = std::error::Error::source(outgoing).map(ToString::to_string);
            tracing::warn!(error = %outgoing, cause, "an import cannot ask its source");
            Self::NoAddress(failure)
        } else if error.is_transient() {
            Self::Retry(failure)
        } else {
            Self::Failed(failure)
        }
    }
}

impl From<Upstream> for Stop {
    fn from(error: Upstream) -> Self {
        Self::from(&error)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        let told = |kind| ImportFailure {
            kind,
            message: error.to_string(),
        };
        match &error {
            Error::Receive(ReceiveError::Disconnected { source }) => match source.downcast_ref::<Upstream>() {
                Some(upstream) => Self::from(upstream),
                None => Self::Retry(told(ImportFailureKind::Source)),
            },
            Error::Locked { .. } | Error::PreconditionFailed { .. } => Self::Failed(told(ImportFailureKind::Conflict)),
            Error::RegistryUnknown { .. } => Self::Failed(ImportFailure::registry_deleted()),
            Error::RepositoryUnknown { .. }
            | Error::ManifestUnknown { .. }
            | Error::ManifestTagUnknown { .. }
            | Error::BlobUnknown { .. }
            | Error::BlobTooLarge { .. }
            | Error::DigestMismatch { .. }
            | Error::SizeMismatch { .. }
            | Error::ManifestInvalid(_) => Self::Failed(told(ImportFailureKind::Source)),
            // The collector was faster, or another request was.
            Error::ManifestBlobsMissing { .. }
            | Error::Receive(_)
            | Error::Stopping
            | Error::UploadUnknown { .. }
            | Error::UploadBusy { .. }
            | Error::TooManyUploads { .. } => Self::Retry(told(ImportFailureKind::Internal)),
            Error::Storage(failure) => failure.into(),
            // What an import does not do: it deletes nothing, sends no ranges, and names tags that were counted.
            Error::TagUnknown { .. }
            | Error::BlobInUse { .. }
            | Error::ChunkOutOfOrder { .. }
            | Error::ChunkLength { .. }
            | Error::TooManyTags { .. }
            | Error::HashUnreadable { .. } => broken(&error),
        }
    }
}

impl From<&StorageError> for Stop {
    fn from(error: &StorageError) -> Self {
        match error {
            StorageError::Overloaded { .. } | StorageError::Full { .. } => Self::Retry(ImportFailure {
                kind: ImportFailureKind::Internal,
                message: error.to_string(),
            }),
            StorageError::Metadata(_) | StorageError::AccountClosed { .. } | StorageError::Blobs { .. } => {
                broken(error)
            }
        }
    }
}

impl From<StorageError> for Stop {
    fn from(error: StorageError) -> Self {
        Self::from(&error)
    }
}

/// The causes are only this server's.
fn broken(error: &dyn std::error::Error) -> Stop {
    tracing::error!(error = %error, "an import failed here");
    let message = "the import failed on this server; its log says more".to_owned();
    Stop::Retry(ImportFailure {
        kind: ImportFailureKind::Internal,
        message,
    })
}
