//! How many objects are written at once, all stores together: each has a file open for as long as its client takes to send
//! it. It refuses to know what is written.

use std::{sync::Arc, time::Duration};

use holdfast_registry::ports::StoreError;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Objects that may be written at once where the system allows many open files.
pub const MAX_WRITTEN_OBJECTS: usize = 4096;
/// How long a writer waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// The turns; clones share them.
#[derive(Debug, Clone)]
pub struct WriteTurns(Arc<Semaphore>);

/// One turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct WriteTurn(#[expect(dead_code, reason = "it is held, not read")] OwnedSemaphorePermit);

impl WriteTurns {
    /// So many at once.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count)))
    }

    pub(crate) async fn take(&self) -> Result<WriteTurn, StoreError> {
        match timeout(PATIENCE, Arc::clone(&self.0).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(WriteTurn(turn)),
            Ok(Err(_)) | Err(_) => Err(StoreError::Busy),
        }
    }
}

impl Default for WriteTurns {
    fn default() -> Self {
        Self::new(MAX_WRITTEN_OBJECTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_gets_no_turn_is_told_so_in_the_end() {
        let turns = WriteTurns::new(1);
        let held = turns.clone().take().await.unwrap();
        assert!(matches!(turns.take().await, Err(StoreError::Busy)));
        drop(held);
        assert!(turns.take().await.is_ok());
    }
}
