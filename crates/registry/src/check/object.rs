//! Objects of the stores that no row names.

use std::{sync::Arc, time::Duration};

use super::{Check, Finding};
use crate::{
    Error,
    limits::ROWS_PER_STEP,
    ports::{Blobs, MetadataExt, ObjectInfo, StorageAccountId},
};

/// How long an object may take from its last byte to its row before it counts as forgotten.
const SETTLE: Duration = Duration::from_secs(2);

impl Check<'_> {
    pub(super) async fn check_objects(&mut self) -> Result<(), Error> {
        let registry = self.registry;
        for (account, store) in registry.stores() {
            let objects = store.list().await?;
            self.checked.objects += objects.len() as u64;
            let mut unknown = self.keep_unknown(account, objects).await?;
            if !unknown.is_empty() {
                tokio::time::sleep(SETTLE).await;
                unknown = self.keep_unknown(account, unknown).await?;
            }
            for ObjectInfo { key, size_bytes } in unknown {
                // Deleted since the listing.
                if !is_there(&store, &key).await {
                    continue;
                }
                self.report(Finding::ObjectUnknown {
                    object: key,
                    size_bytes,
                })
                .await;
            }
        }
        Ok(())
    }

    /// Those of the objects that no row names.
    async fn keep_unknown(
        &self,
        account: StorageAccountId,
        objects: Vec<ObjectInfo>,
    ) -> Result<Vec<ObjectInfo>, Error> {
        let mut unknown = Vec::new();
        let mut rest = objects.into_iter();
        loop {
            let batch: Vec<ObjectInfo> = rest.by_ref().take(ROWS_PER_STEP).collect();
            if batch.is_empty() {
                return Ok(unknown);
            }
            let found = self.registry.metadata.query(move |read| {
                let mut unknown = Vec::new();
                for object in batch {
                    if !read.is_object_known(account, &object.key)? {
                        unknown.push(object);
                    }
                }
                Ok(unknown)
            });
            unknown.extend(found.await?);
            tokio::task::yield_now().await;
        }
    }
}

async fn is_there(store: &Arc<dyn Blobs>, key: &crate::ports::ObjectKey) -> bool {
    store.open(key, 0..0).await.is_ok()
}
