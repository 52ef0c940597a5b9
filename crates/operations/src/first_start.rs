//! First start: one directory, subscription, resource group, storage account and registry, made in
//! one transaction. It refuses to make passwords: they come in sealed.

use uuid::Uuid;

use holdfast_model::{
    Author, Directory, Durability, Ids, Metadata, MetadataExt, NewRegistry, ResourceGroup, Sku, StorageError,
    Subscription, Tags, Timestamp, Tx,
};
use holdfast_resources::SealedPassword;

/// The names a first start gives.
#[derive(Debug, Clone)]
pub struct FirstStart {
    /// Name of the default registry.
    pub registry: String,
    /// Name of the default resource group.
    pub resource_group: String,
    /// Name of the default location.
    pub location: String,
    /// Name of the storage account that the service owns.
    pub storage_account: String,
    /// The admin account's `password` and `password2`.
    pub passwords: [SealedPassword; 2],
}

impl FirstStart {
    /// Makes the first rows of a new store, unless it has some: `Ok(false)`, and nothing is changed.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn run(self, metadata: &dyn Metadata, ids: &dyn Ids, now: Timestamp) -> Result<bool, StorageError> {
        let [tenant_id, subscription_id, rid] = [ids.uuid(), ids.uuid(), ids.uuid()];
        metadata
            .transact(Durability::Durable, move |tx| {
                if tx.find_directory()?.is_some() {
                    return Ok(false);
                }
                tx.insert_directory(&Directory {
                    tenant_id,
                    created_at: now,
                })?;
                tx.insert_subscription(&Subscription {
                    id: subscription_id,
                    display_name: "Holdfast".to_owned(),
                    created_at: now,
                })?;
                self.insert_registry(tx, subscription_id, rid, now)?;
                Ok(true)
            })
            .await
    }

    fn insert_registry(
        &self,
        tx: &mut dyn Tx,
        subscription_id: Uuid,
        rid: Uuid,
        now: Timestamp,
    ) -> Result<(), StorageError> {
        tx.insert_resource_group(&ResourceGroup {
            subscription_id,
            name: self.resource_group.clone(),
            location: self.location.clone(),
            tags: Tags::new(),
            created_at: now,
            revision: 1,
        })?;
        let storage_account = tx.insert_storage_account(&self.storage_account, &self.location, now)?;
        let id = tx.insert_registry(&NewRegistry {
            name: self.registry.clone(),
            rid,
            subscription_id,
            resource_group: self.resource_group.clone(),
            location: self.location.clone(),
            sku: Sku::Premium,
            storage_account,
            admin_enabled: true,
            tags: Tags::new(),
            created_at: now,
            created_by: Some(Author::operator()),
        })?;
        for (slot, password) in (1..).zip(&self.passwords) {
            tx.put_admin_password(id, slot, &password.sealed, &password.verifier, now)?;
        }
        Ok(())
    }
}
