//! Races made certain: a metadata store that holds its caller between a look and the change that
//! follows it. It refuses to guess with sleeps.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use holdfast_model::{Durability, Metadata, MetadataError, ReadWork, WriteWork};
use tokio::sync::oneshot;

use super::Decorator;

/// A metadata store that stops once, after the next read, until the test lets it go on: for races
/// between a look and the change that follows it.
#[derive(Clone)]
pub struct Gate(Arc<Mutex<Option<GateEnds>>>);

struct GateEnds {
    reached: oneshot::Sender<()>,
    go_on: oneshot::Receiver<()>,
}

/// The test's side of a closed [`Gate`].
pub struct Stopped {
    /// Resolves when a read has been done and its caller is held.
    pub reached: oneshot::Receiver<()>,
    /// Lets the caller go on.
    pub go_on: oneshot::Sender<()>,
}

impl Gate {
    /// An open gate, and the decorator that puts it before the metadata store.
    #[must_use]
    pub fn new() -> (Self, Decorator) {
        let gate = Self(Arc::default());
        let handle = gate.clone();
        let decorator: Decorator = Box::new(move |inner| {
            Arc::new(Gated {
                inner,
                gate: gate.clone(),
            })
        });
        (handle, decorator)
    }

    /// Holds whoever reads next.
    #[must_use]
    pub fn close(&self) -> Stopped {
        let (reached, is_reached) = oneshot::channel();
        let (go_on, may_go_on) = oneshot::channel();
        *self.lock() = Some(GateEnds {
            reached,
            go_on: may_go_on,
        });
        Stopped {
            reached: is_reached,
            go_on,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<GateEnds>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Gated {
    inner: Arc<dyn Metadata>,
    gate: Gate,
}

#[async_trait]
impl Metadata for Gated {
    async fn read(&self, work: ReadWork) -> Result<(), MetadataError> {
        let done = self.inner.read(work).await;
        let ends = self.gate.lock().take();
        if let Some(ends) = ends {
            ends.reached.send(()).expect("the test waits at the gate");
            ends.go_on.await.expect("the test opens the gate");
        }
        done
    }

    async fn write(&self, durability: Durability, work: WriteWork) -> Result<(), MetadataError> {
        self.inner.write(durability, work).await
    }

    async fn settle(&self, commit: u64) -> Result<(), MetadataError> {
        self.inner.settle(commit).await
    }

    fn commits(&self) -> Option<u64> {
        self.inner.commits()
    }
}
