//! Where the bytes of a registry lie: those of a managed one in a storage account of the service, those of a Classic one
//! in an account of its owner. It refuses to move them.

use holdfast_access::{ControlGrant, control};

use crate::{
    Error, RegistryChange, StorageAccountError, erase::refuse_if_deleting, location::load_own, storage_account,
};
use holdfast_model::{Read, RegistryRecord, Sku, StorageAccountId};

/// Where the bytes of a new registry lie: a managed one's in the service's own account, a Classic one's in the account
/// that the grant is for, which is in the same location.
pub(crate) fn storage_for(
    read: &mut dyn Read,
    sku: Sku,
    location: &str,
    storage: Option<&ControlGrant<control::StorageAccountsWrite>>,
) -> Result<StorageAccountId, Error> {
    let own = load_own(read, location, "Microsoft.ContainerRegistry/registries")?;
    match (sku, storage) {
        (Sku::Classic, Some(grant)) => {
            let account = storage_account::load_at(read, grant.scope())?;
            if let Some(resource) = &account.resource {
                let group = read.find_resource_group(resource.subscription_id, &resource.resource_group)?;
                group.map_or(Ok(()), |group| refuse_if_deleting(read, &group))?;
            }
            if account.location == location {
                return Ok(account.id);
            }
            Err(StorageAccountError::NotBeside {
                name: account.name,
                wanted: location.to_owned(),
                found: account.location,
            }
            .into())
        }
        (Sku::Classic, None) | (_, Some(_)) => Err(StorageAccountError::Unfit { sku }.into()),
        (_, None) => Ok(own.id),
    }
}

/// The bytes of a registry never move: neither between a managed tier and Classic, nor to another account.
pub(crate) fn refuse_if_moved(
    read: &mut dyn Read,
    registry: &RegistryRecord,
    change: &RegistryChange,
) -> Result<(), Error> {
    let sku = change.sku.unwrap_or(registry.sku);
    let name = || registry.name.clone();
    if (sku == Sku::Classic) != (registry.sku == Sku::Classic) {
        return Err(StorageAccountError::Fixed { name: name() }.into());
    }
    let Some(grant) = &change.storage else {
        return Ok(());
    };
    if sku != Sku::Classic {
        return Err(StorageAccountError::Unfit { sku }.into());
    }
    if storage_account::load_at(read, grant.scope())?.id == registry.storage_account {
        Ok(())
    } else {
        Err(StorageAccountError::AccountFixed { name: name() }.into())
    }
}
