//! Locations: where the service has a storage account of its own, it makes registries. Which ones there are is the
//! operator's choice; this refuses to know folders.

use std::collections::HashSet;

use holdfast_access::{ControlAction, ControlGrant, control};

use crate::{Error, Resources, StorageAccountError};
use holdfast_content::limits::ROWS_PER_STEP;
use holdfast_model::{
    BlobId, BlobPlace, BlobRecord, Durability, Metadata, MetadataError, MetadataExt, Read, StorageAccount,
    StorageAccountId, StorageError, Timestamp,
};

/// An action whose answer has the locations in it.
pub trait TellsLocations: ControlAction {}
impl TellsLocations for control::LocationsRead {}
impl TellsLocations for control::ProvidersRead {}
impl TellsLocations for control::RegisterProvider {}

impl Resources {
    /// Where the service keeps bytes, by name, each location once.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_locations<A: TellsLocations>(
        &self,
        _grant: &ControlGrant<A>,
    ) -> Result<Vec<String>, StorageError> {
        Ok(self.metadata.query(|read| locations(read)).await?)
    }
}

/// Sees to it that the service has a storage account in a location. The store must be there already.
///
/// # Errors
/// [`Error::StorageAccount`], [`Error::Storage`].
pub async fn ensure_location(
    metadata: &dyn Metadata,
    location: String,
    account: String,
    now: Timestamp,
) -> Result<(), Error> {
    metadata
        .transact(Durability::Durable, move |tx| {
            if tx.find_own_storage_account(&location)?.is_some() {
                return Ok(());
            }
            if tx.find_storage_account_by_name(&account)?.is_some() {
                return Err(StorageAccountError::NameTaken { name: account.clone() }.into());
            }
            tx.insert_storage_account(&account, &location, now)?;
            Ok(())
        })
        .await
}

/// Forgets a location that nothing lies in; says whether that is so.
///
/// # Errors
/// [`StorageError`].
pub async fn forget_location(metadata: &dyn Metadata, location: String) -> Result<bool, StorageError> {
    metadata
        .transact(Durability::Durable, move |tx| {
            if tx.has_users_storage_account(&location)? {
                return Ok(false);
            }
            let Some(own) = tx.find_own_storage_account(&location)? else {
                return Ok(true);
            };
            if tx.is_storage_account_used(own.id)? || !tx.list_objects_to_delete(own.id, 1)?.is_empty() {
                return Ok(false);
            }
            tx.remove_storage_account(own.id)?;
            Ok(true)
        })
        .await
}

/// Whether a blob lies in an object of a location. Where none does, it looks at every blob, of which it takes a page at a
/// time.
///
/// # Errors
/// [`StorageError`].
pub async fn holds_objects(metadata: &dyn Metadata, location: &str) -> Result<bool, StorageError> {
    let accounts = metadata.query(|read| read.list_storage_accounts()).await?;
    let here = accounts.into_iter().filter(|account| account.location == location);
    let here: HashSet<StorageAccountId> = here.map(|account| account.id).collect();
    let mut after = BlobId(0);
    loop {
        let page = metadata
            .query(move |read| read.scan_blobs(after, ROWS_PER_STEP))
            .await?;
        let Some(last) = page.last() else {
            return Ok(false);
        };
        after = last.id;
        let is_here = |blob: &BlobRecord| blob.place != BlobPlace::Row && here.contains(&blob.storage_account);
        if page.iter().any(is_here) {
            return Ok(true);
        }
    }
}

/// The service's own storage account at a location; its absence is an error of a resource of this type.
pub(crate) fn load_own(
    read: &mut dyn Read,
    location: &str,
    resource_type: &'static str,
) -> Result<StorageAccount, Error> {
    match read.find_own_storage_account(location)? {
        Some(account) => Ok(account),
        None => Err(Error::LocationUnknown {
            resource_type,
            location: location.to_owned(),
            known: locations(read)?,
        }),
    }
}

fn locations(read: &mut dyn Read) -> Result<Vec<String>, MetadataError> {
    let own = read.list_own_storage_accounts()?;
    Ok(own.into_iter().map(|account| account.location).collect())
}
