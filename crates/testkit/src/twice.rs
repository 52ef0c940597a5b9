//! A metadata store that runs the work of every transaction twice, and undoes the first run: what a database does whose
//! transactions were in each other's way. Whatever passes over it repeats.

use std::sync::Arc;

use async_trait::async_trait;
use holdfast_model::{Durability, Metadata, MetadataError, Outcome, ReadWork, WriteWork};

/// The store, before another one.
pub struct RunTwice(Arc<dyn Metadata>);

impl RunTwice {
    /// Before `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Metadata>) -> Self {
        Self(inner)
    }
}

#[async_trait]
impl Metadata for RunTwice {
    async fn read(&self, work: ReadWork) -> Result<(), MetadataError> {
        self.0.read(work).await
    }

    async fn write(&self, durability: Durability, work: WriteWork) -> Result<(), MetadataError> {
        let work = Arc::new(work);
        let first = Arc::clone(&work);
        let undone: WriteWork = Box::new(move |tx| first(tx).map(|_| Outcome::Undo));
        // Whatever came of it, only the last run counts.
        drop(self.0.write(Durability::Relaxed, undone).await);
        self.0.write(durability, Box::new(move |tx| work(tx))).await
    }

    async fn settle(&self, commit: u64) -> Result<(), MetadataError> {
        self.0.settle(commit).await
    }

    fn commits(&self) -> Option<u64> {
        self.0.commits()
    }
}
