//! The memory that buffered bodies may take, all faces and connections together. It is charged as bytes come in, never by
//! what a client says is to come; when it is spent a body is refused, for one that waited would keep what it has. Bodies
//! that nobody wants are read on while their responses go out; of those there are so many at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of bodies of callers whose credential was checked.
const KNOWN_BYTES: usize = 96 << 20;
/// Bytes of bodies of everybody else: forms that ask for a token. A share of its own, so that strangers take nothing from
/// those who signed in.
const STRANGERS_BYTES: usize = 8 << 20;
/// Bodies that are read on while their responses go out. Each outlives its request, so nothing else counts it.
const MAX_LINGERING: usize = 1024;

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
    lingering: Arc<Semaphore>,
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
            lingering: of(MAX_LINGERING),
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

    /// The right to read on a body that nobody wants; `None` when too many are.
    pub(crate) fn linger(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.lingering).try_acquire_owned().ok()
    }
}
