//! Objects of the stores that no row names.

use super::{Check, Finding};
use crate::{
    Error,
    failure::{Failures, chain},
    stray::Place,
};
use holdfast_model::ObjectInfo;

impl Check<'_> {
    pub(super) async fn check_objects(&mut self) -> Result<(), Error> {
        let mut failures = Failures::default();
        for place in self.registry.places_of_objects(&mut failures).await? {
            self.check_place(&place).await?;
        }
        for failure in failures.told {
            let (store, problem) = (failure.what, failure.error);
            self.report(Finding::StoreUnreadable { store, problem }).await;
        }
        Ok(())
    }

    async fn check_place(&mut self, place: &Place) -> Result<(), Error> {
        let objects = match place.store.list().await {
            Ok(objects) => objects,
            Err(error) => {
                let (store, problem) = (place.to_string(), chain(&error));
                self.report(Finding::StoreUnreadable { store, problem }).await;
                return Ok(());
            }
        };
        self.checked.objects += objects.len() as u64;
        let Some(account) = place.account else {
            let finding = Finding::StoreUnknown {
                folder: place.to_string(),
                objects: objects.len() as u64,
                size_bytes: objects.iter().map(|object| object.size_bytes).sum(),
            };
            if !objects.is_empty() {
                self.report(finding).await;
            }
            return Ok(());
        };
        for ObjectInfo { key, size_bytes } in self.registry.keep_strays(account, objects).await? {
            // Deleted since the listing.
            if place.store.open(&key, 0..0).await.is_err() {
                continue;
            }
            self.report(Finding::ObjectUnknown {
                object: key,
                size_bytes,
            })
            .await;
        }
        Ok(())
    }
}
