//! Paths of storage accounts.

use holdfast_arm::{Error, ResourceGroupName, ResourceId, StorageAccountName, SubscriptionId};
use http::Method;

use super::{ArmRoute, GroupPath, only};

/// A storage account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoragePath {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The group, as written.
    pub group: ResourceGroupName,
    /// The account, as written.
    pub name: StorageAccountName,
}

impl StoragePath {
    /// Its id.
    pub(crate) fn id(&self) -> ResourceId {
        ResourceId::for_storage_account(&self.subscription, &self.group, &self.name)
    }
}

/// Their provider, in lower case.
pub(super) const NAMESPACE: &str = "microsoft.storage";

/// What lies below the provider in a subscription; `None` when nothing does.
pub(super) fn in_subscription(
    method: &Method,
    subscription: SubscriptionId,
    rest: &[&str],
) -> Option<Result<ArmRoute, Error>> {
    Some(match rest {
        ["checknameavailability"] => only(method, &Method::POST, ArmRoute::StorageCheckName(subscription)),
        ["storageaccounts"] => only(method, &Method::GET, ArmRoute::StorageAccountsList(subscription)),
        _ => return None,
    })
}

/// What lies below the provider in a group, `segments` and `rest` from there on; `None` when nothing does.
pub(super) fn in_group(
    method: &Method,
    path: GroupPath,
    segments: &[&str],
    rest: &[&str],
) -> Option<Result<ArmRoute, Error>> {
    match rest {
        ["storageaccounts"] => Some(only(method, &Method::GET, ArmRoute::StorageAccountsOfGroup(path))),
        ["storageaccounts", _] => Some(one(method, path, segments[1])),
        _ => None,
    }
}

fn one(method: &Method, path: GroupPath, name: &str) -> Result<ArmRoute, Error> {
    let GroupPath { subscription, group } = path;
    let path = StoragePath {
        subscription,
        group,
        name: name.parse()?,
    };
    match *method {
        Method::PUT => Ok(ArmRoute::StoragePut(path)),
        Method::GET => Ok(ArmRoute::StorageGet(path)),
        Method::PATCH => Ok(ArmRoute::StoragePatch(path)),
        Method::DELETE => Ok(ArmRoute::StorageDelete(path)),
        _ => Err(Error::method_not_supported(method.as_str())),
    }
}
