//! Where the bytes of a closing request go: into the store, or nowhere, when a closing request before this one brought the
//! object to its end and was refused later.

use bytes::Bytes;

use super::session::Session;
use crate::Error;
use holdfast_model::{BlobWriter, Blobs, StoreError};

/// Where the bytes go.
pub(super) enum Sink {
    /// To the store.
    Open(Box<dyn BlobWriter>),
    /// Nowhere: under the key lies a complete object, which never changes.
    Complete,
}

/// What became of a closing request's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    /// They are the object, with those before them.
    Written,
    /// The object is of another request, and may hold anything.
    Found,
}

impl Sink {
    pub(super) async fn of(session: &Session, store: &dyn Blobs) -> Result<Self, Error> {
        match session.writer(store).await {
            Ok(writer) => Ok(Self::Open(writer)),
            Err(StoreError::Exists { .. }) => Ok(Self::Complete),
            Err(error) => Err(session.failed(error)),
        }
    }

    /// Whether the running hash speaks for what was stored before.
    pub(super) fn vouches(&self) -> bool {
        match self {
            Self::Open(writer) => writer.vouches(),
            Self::Complete => false,
        }
    }

    pub(super) async fn write(&mut self, session: &Session, bytes: Bytes) -> Result<(), Error> {
        let Self::Open(writer) = self else { return Ok(()) };
        match writer.write(bytes).await {
            Err(StoreError::Exists { .. }) => *self = Self::Complete,
            written => written.map_err(|error| session.failed(error))?,
        }
        Ok(())
    }

    pub(super) async fn complete(self, session: &Session) -> Result<Stored, Error> {
        let Self::Open(writer) = self else {
            return Ok(Stored::Found);
        };
        match writer.complete().await {
            Ok(()) => Ok(Stored::Written),
            Err(StoreError::Exists { .. }) => Ok(Stored::Found),
            Err(error) => Err(session.failed(error)),
        }
    }
}
