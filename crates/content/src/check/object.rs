//! Objects of the stores that no row names.

use super::{Check, Finding};
use crate::{
    failure::{Failures, chain},
    stray::{Place, next_objects},
};
use holdfast_model::{ObjectInfo, StorageAccountId, StorageError};

impl Check<'_> {
    pub(super) async fn check_objects(&mut self) -> Result<(), StorageError> {
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

    async fn check_place(&mut self, place: &Place) -> Result<(), StorageError> {
        let mut listing = place.store.list();
        let (mut objects, mut size_bytes) = (0, 0);
        loop {
            let listed = match next_objects(&mut listing).await {
                Ok(Some(listed)) => listed,
                Ok(None) => break,
                Err(error) => {
                    let (store, problem) = (place.to_string(), chain(&error));
                    self.report(Finding::StoreUnreadable { store, problem }).await;
                    return Ok(());
                }
            };
            self.checked.objects += listed.len() as u64;
            match place.account {
                Some(account) => self.check_listed(place, account, listed).await?,
                None => {
                    objects += listed.len() as u64;
                    size_bytes += listed.iter().map(|object| object.size_bytes).sum::<u64>();
                }
            }
        }
        if objects > 0 {
            let folder = place.to_string();
            self.report(Finding::StoreUnknown {
                folder,
                objects,
                size_bytes,
            })
            .await;
        }
        Ok(())
    }

    async fn check_listed(
        &mut self,
        place: &Place,
        account: StorageAccountId,
        listed: Vec<ObjectInfo>,
    ) -> Result<(), StorageError> {
        for object in self.registry.keep_strays(account, listed).await? {
            // Deleted since the listing.
            if place.store.written_at(&object.key).await.is_err() {
                continue;
            }
            self.report(Finding::ObjectUnknown {
                object: object.key,
                size_bytes: object.size_bytes,
            })
            .await;
        }
        Ok(())
    }
}
