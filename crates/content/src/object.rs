//! Deleting objects that no row points to: their bytes, and then, for all of them in one transaction, their rows in the
//! queue. A row that is left is found by the collector, for whom bytes that are gone already are deleted. It refuses to
//! decide what is garbage.

use holdfast_model::{
    Candidate, Durability, GarbageObject, MetadataError, MetadataExt, StorageError, Timestamp, Tx, settle,
};

use crate::{Operator, Repositories, failure::Batches, limits::CANDIDATES_PER_TRANSACTION};

/// What became of some objects.
#[derive(Default)]
pub(crate) struct Deleted {
    /// Those that are gone.
    pub(crate) gone: Vec<GarbageObject>,
    /// Those that are still in the queue, and why.
    pub(crate) kept: Vec<(GarbageObject, StorageError)>,
}

impl Repositories {
    /// Deletes an object no row points to, and its row in the queue; on failure the collector tries again.
    pub(crate) async fn delete_object(&self, object: GarbageObject) {
        self.delete_objects(vec![object]).await;
    }

    /// The same for several.
    pub(crate) async fn delete_objects(&self, objects: Vec<GarbageObject>) {
        match self.try_delete_objects(objects).await {
            Ok(deleted) => {
                for (object, error) in deleted.kept {
                    tracing::warn!(
                        error = %error,
                        object.key = %object.object_key,
                        "could not delete an object; it is tried again"
                    );
                }
            }
            Err(error) => tracing::warn!(error = %error, "could not delete objects; they are tried again"),
        }
    }

    /// The same, for whoever tells what failed.
    ///
    /// # Errors
    /// What would fail for every object.
    pub(crate) async fn try_delete_objects(&self, objects: Vec<GarbageObject>) -> Result<Deleted, StorageError> {
        let mut deleted = Deleted::default();
        for step in objects.chunks(CANDIDATES_PER_TRANSACTION) {
            // That no row needs them must not be taken back.
            settle(&*self.metadata).await?;
            let began = self.clock.now();
            let mut gone = Vec::with_capacity(step.len());
            for object in step {
                match self.delete_bytes(object).await {
                    Ok(()) => gone.push(object.clone()),
                    Err(error) => deleted.kept.push((object.clone(), error)),
                }
            }
            self.forget_objects(gone, began, &mut deleted).await?;
        }
        Ok(deleted)
    }

    async fn delete_bytes(&self, object: &GarbageObject) -> Result<(), StorageError> {
        let store = self.store(object.storage_account).await?;
        match &object.unfinished {
            Some(state) => store.abandon(&object.object_key, state).await?,
            None => store.delete(&object.object_key).await?,
        }
        Ok(())
    }

    /// Takes objects whose bytes are gone out of the queue.
    async fn forget_objects(
        &self,
        gone: Vec<GarbageObject>,
        began: Timestamp,
        deleted: &mut Deleted,
    ) -> Result<(), StorageError> {
        let mut batches = Batches::of(gone);
        while let Some(batch) = batches.next_batch() {
            let objects = batch.clone();
            let forgotten = self.metadata.transact(Durability::Relaxed, move |tx| {
                objects.iter().try_for_each(|object| forget(tx, object, began))
            });
            match forgotten.await {
                Ok(()) => deleted.gone.extend(batch),
                Err(error) => deleted.kept.extend(batches.failed(batch, StorageError::from(error))?),
            }
        }
        Ok(())
    }
}

impl Operator {
    /// Deletes objects no row points to, and their rows in the queue; on failure the collector tries again.
    pub async fn delete_objects(&self, objects: Vec<GarbageObject>) {
        self.repositories().delete_objects(objects).await;
    }
}

/// One that was queued anew since may have got bytes since: it is looked at once more.
fn forget(tx: &mut dyn Tx, object: &GarbageObject, began: Timestamp) -> Result<(), MetadataError> {
    match tx.find_candidate(&Candidate::Object(object.clone()))? {
        Some(queued) if queued.queued_at <= began => tx.remove_candidate(queued.id),
        Some(_) | None => Ok(()),
    }
}
