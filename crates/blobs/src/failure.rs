//! From the operating system's errors to the port's. Says what was attempted; the cause stays the source.

use std::io;

use holdfast_model::{ObjectKey, StoreError};

/// An error that can be told more than once: a writer answers with it until it is dropped.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Failure {
    Os(i32),
    Other(io::ErrorKind),
}

impl From<&io::Error> for Failure {
    fn from(error: &io::Error) -> Self {
        error.raw_os_error().map_or_else(|| Self::Other(error.kind()), Self::Os)
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Os(code) => Self::from_raw_os_error(code),
            Failure::Other(kind) => kind.into(),
        }
    }
}

/// Names what was attempted ("wrote object …") and tells full stores, closed ones and those that are away from broken ones.
pub(crate) fn attempted(attempted: impl Into<String>) -> impl FnOnce(io::Error) -> StoreError {
    let attempted = attempted.into();
    move |error| {
        let kind = error.kind();
        let source = Box::new(error);
        match kind {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { attempted, source },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                StoreError::Denied { attempted, source }
            }
            // A folder of another machine that is away.
            io::ErrorKind::StaleNetworkFileHandle
            | io::ErrorKind::TimedOut
            | io::ErrorKind::NotConnected
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown => StoreError::Unavailable { attempted, source },
            _ => StoreError::Failed { attempted, source },
        }
    }
}

/// As [`attempted`], for an object that has to be there, or must not be.
pub(crate) fn on_object<'a>(verb: &'a str, key: &'a ObjectKey) -> impl FnOnce(io::Error) -> StoreError + 'a {
    move |source| match source.kind() {
        io::ErrorKind::NotFound => StoreError::Missing { key: key.clone() },
        io::ErrorKind::AlreadyExists => StoreError::Exists { key: key.clone() },
        _ => attempted(format!("{verb} object {key}"))(source),
    }
}
