//! What the operator does with registries: finds and lists them, gives out the admin account's passwords, changes switches.

use holdfast_access::RegistryId;
use holdfast_content::find_open;
use holdfast_model::{AdminPassword, Author, Durability, MetadataExt, RegistryRecord, StorageError};

use super::check;
use crate::{Error, Operator};

impl Operator {
    /// All registries, the first one made first.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_registries(&self) -> Result<Vec<RegistryRecord>, StorageError> {
        Ok(self.metadata.query(|read| read.list_registries()).await?)
    }

    /// The registry of that name, without regard to case.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn find_registry(&self, name: &str) -> Result<Option<RegistryRecord>, StorageError> {
        let name = name.to_owned();
        Ok(self.metadata.query(move |read| find_open(read, &name)).await?)
    }

    /// The two passwords of the admin account, by slot.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_admin_passwords(&self, id: RegistryId) -> Result<Vec<AdminPassword>, StorageError> {
        Ok(self.metadata.query(move |read| read.list_admin_passwords(id)).await?)
    }

    /// Replaces one admin password. Tokens made from the old one are refused from now on.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn renew_admin_password(
        &self,
        id: RegistryId,
        slot: u8,
        sealed: Vec<u8>,
        verifier: [u8; 32],
    ) -> Result<(), Error> {
        let now = self.clock.now();
        Ok(self
            .metadata
            .transact(Durability::Durable, move |tx| {
                tx.put_admin_password(id, slot, &sealed, &verifier, now)
            })
            .await?)
    }

    /// Changes the switches of a registry for its operator in one step and returns it as it is then. What its tier does
    /// not have is refused as in ARM, which could not change anything of it any more.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::SkuLacks`], [`Error::SkuTooSmall`], [`Error::QuotaExceeded`],
    /// [`Error::SettingsContradict`], [`Error::Storage`].
    pub async fn update_registry<F>(&self, name: &str, change: F) -> Result<RegistryRecord, Error>
    where
        F: Fn(&mut RegistryRecord) + Send + Sync + 'static,
    {
        let name = name.to_owned();
        let now = self.clock.now();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let mut registry = tx
                    .find_registry_by_name(&name)?
                    .ok_or_else(|| Error::RegistryUnknown { name: name.clone() })?;
                let before = registry.clone();
                change(&mut registry);
                check(&before, &registry)?;
                registry.updated_at = now;
                registry.updated_by = Some(Author::operator());
                registry.revision += 1;
                tx.update_registry(&registry)?;
                Ok(registry)
            })
            .await
    }
}
