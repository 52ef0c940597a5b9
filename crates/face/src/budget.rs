//! The memory that buffered bodies may take, all faces and connections together. It is charged as bytes come in, never by
//! what a client says is to come; when it is spent a body is refused, for one that waited would keep what it has.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of bodies of callers whose credential was checked.
const KNOWN_BYTES: usize = 96 << 20;
/// Bytes of bodies of everybody else: forms that ask for a token. A share of its own, so that strangers take nothing from
/// those who signed in.
const STRANGERS_BYTES: usize = 8 << 20;

/// Whose body it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// The credential was checked before the body was read.
    Known,
    /// Nobody knows yet: the credential is in the body.
    Stranger,
}

/// The budget; clones share it.
#[derive(Debug, Clone)]
pub struct Budget {
    known: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(KNOWN_BYTES, STRANGERS_BYTES)
    }
}

impl Budget {
    /// A budget of so many bytes for each kind of caller.
    #[must_use]
    pub fn new(known_bytes: usize, strangers_bytes: usize) -> Self {
        let of = |bytes: usize| Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS)));
        Self {
            known: of(known_bytes),
            strangers: of(strangers_bytes),
        }
    }

    /// Takes so many bytes; `None` when there are not so many left.
    pub(crate) fn take(&self, asker: Asker, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let pool = match asker {
            Asker::Known => &self.known,
            Asker::Stranger => &self.strangers,
        };
        let bytes = u32::try_from(bytes).ok()?;
        Arc::clone(pool).try_acquire_many_owned(bytes).ok()
    }
}
