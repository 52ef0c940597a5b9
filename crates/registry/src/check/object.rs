//! Objects of the stores that no row names.

use super::{Check, Finding};
use crate::{Error, failure::chain, ports::ObjectInfo};

impl Check<'_> {
    pub(super) async fn check_objects(&mut self) -> Result<(), Error> {
        let registry = self.registry;
        for (account, store) in registry.stores() {
            let objects = match store.list().await {
                Ok(objects) => objects,
                Err(error) => {
                    let problem = chain(&error);
                    self.report(Finding::StoreUnreadable { account, problem }).await;
                    continue;
                }
            };
            self.checked.objects += objects.len() as u64;
            for ObjectInfo { key, size_bytes } in registry.keep_strays(account, objects).await? {
                // Deleted since the listing.
                if store.open(&key, 0..0).await.is_err() {
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
}
