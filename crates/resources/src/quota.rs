//! How many of a thing there may be where somebody makes one. Whoever fills one place leaves room in those around it; the
//! operator, who answers for the whole, is stopped by the size of the whole alone. It refuses to count: the store does.

mod error;

pub use error::QuotaError;

use holdfast_access::Actor;
use uuid::Uuid;

use crate::{
    Error,
    limits::{
        MAX_GROUPS, MAX_REGISTRIES, MAX_REGISTRIES_PER_GROUP, MAX_STORAGE_ACCOUNTS, MAX_STORAGE_ACCOUNTS_PER_GROUP,
    },
    storage_account,
};
use holdfast_model::{Counted, Read, ResourceGroup};

/// Room for another group in a subscription.
pub(crate) fn check_groups(read: &mut dyn Read, (subscription, name): (Uuid, &str), by: &Actor) -> Result<(), Error> {
    if *by != Actor::Operator && read.count(Counted::ResourceGroups(subscription))? >= MAX_GROUPS {
        return Err(QuotaError::ResourceGroups {
            name: name.to_owned(),
            limit: MAX_GROUPS,
        }
        .into());
    }
    Ok(())
}

/// Room for another registry in a group.
pub(crate) fn check_registries(read: &mut dyn Read, group: &ResourceGroup, by: &Actor) -> Result<(), Error> {
    let subscription = group.subscription_id;
    let counts = [
        (
            Counted::RegistriesIn(subscription, &group.name),
            MAX_REGISTRIES_PER_GROUP,
        ),
        (Counted::Registries(subscription), MAX_REGISTRIES),
    ];
    check_resources(read, "Microsoft.ContainerRegistry/registries", counts, by)
}

/// Room for another storage account of a user's in a group.
pub(crate) fn check_storage_accounts(read: &mut dyn Read, group: &ResourceGroup, by: &Actor) -> Result<(), Error> {
    let subscription = group.subscription_id;
    let counts = [
        (
            Counted::StorageAccountsIn(subscription, &group.name),
            MAX_STORAGE_ACCOUNTS_PER_GROUP,
        ),
        (Counted::StorageAccounts(subscription), MAX_STORAGE_ACCOUNTS),
    ];
    check_resources(read, storage_account::TYPE, counts, by)
}

/// Those of the group, then those of its subscription.
fn check_resources(
    read: &mut dyn Read,
    resource_type: &'static str,
    counts: [(Counted<'_>, u64); 2],
    by: &Actor,
) -> Result<(), Error> {
    if *by == Actor::Operator {
        return Ok(());
    }
    for ((counted, limit), place) in counts.into_iter().zip(["resource group", "subscription"]) {
        if read.count(counted)? >= limit {
            return Err(QuotaError::Resources {
                resource_type,
                place,
                limit,
            }
            .into());
        }
    }
    Ok(())
}
