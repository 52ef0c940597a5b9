//! Locations: where the service has a storage account of its own, it makes registries. Which ones there are is the
//! operator's choice; this refuses to know folders.

use std::collections::BTreeSet;

use crate::{
    Error, Registry, StorageAccountError, Timestamp,
    ports::{Durability, Metadata, MetadataExt, Read, StorageAccount},
};

impl Registry {
    /// Where the service keeps bytes, by name, each location once.
    ///
    /// # Errors
    /// [`Error::Metadata`].
    pub async fn list_locations(&self) -> Result<Vec<String>, Error> {
        self.metadata.query(|read| locations(read)).await
    }
}

/// Sees to it that the service has a storage account in a location. The store must be there already.
///
/// # Errors
/// [`Error::StorageAccount`], [`Error::Metadata`], [`Error::Full`].
pub async fn ensure_location(
    metadata: &dyn Metadata,
    location: String,
    account: String,
    now: Timestamp,
) -> Result<(), Error> {
    metadata
        .transact(Durability::Durable, move |tx| {
            if find_own(tx, &location)?.is_some() {
                return Ok(());
            }
            if tx.find_storage_account_by_name(&account)?.is_some() {
                return Err(StorageAccountError::NameTaken { name: account }.into());
            }
            tx.insert_storage_account(&account, &location, now).map(drop)
        })
        .await
}

/// Forgets a location that nothing lies in; says whether that is so.
///
/// # Errors
/// [`Error::Metadata`], [`Error::Full`].
pub async fn forget_location(metadata: &dyn Metadata, location: String) -> Result<bool, Error> {
    metadata
        .transact(Durability::Durable, move |tx| {
            let accounts = tx.list_storage_accounts()?;
            let here: Vec<_> = accounts.into_iter().filter(|a| a.location == location).collect();
            for account in &here {
                let is_empty = account.is_own()
                    && !tx.is_storage_account_used(account.id)?
                    && tx.list_objects_to_delete(account.id, 1)?.is_empty();
                if !is_empty {
                    return Ok(false);
                }
            }
            for account in here {
                tx.remove_storage_account(account.id)?;
            }
            Ok(true)
        })
        .await
}

/// The service's own storage account at a location; its absence is an error of a resource of this type.
pub(crate) fn load_own(
    read: &mut (impl Read + ?Sized),
    location: &str,
    resource_type: &'static str,
) -> Result<StorageAccount, Error> {
    match find_own(read, location)? {
        Some(account) => Ok(account),
        None => Err(Error::LocationUnknown {
            resource_type,
            location: location.to_owned(),
            known: locations(read)?,
        }),
    }
}

fn find_own(read: &mut (impl Read + ?Sized), location: &str) -> Result<Option<StorageAccount>, Error> {
    let accounts = read.list_storage_accounts()?;
    let mut own = accounts.into_iter().filter(StorageAccount::is_own);
    Ok(own.find(|account| account.location == location))
}

fn locations(read: &mut (impl Read + ?Sized)) -> Result<Vec<String>, Error> {
    let own = read.list_storage_accounts()?.into_iter().filter(StorageAccount::is_own);
    let names: BTreeSet<String> = own.map(|account| account.location).collect();
    Ok(names.into_iter().collect())
}
