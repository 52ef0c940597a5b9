//! What a route is inside of: its subscription and its resource group. It refuses to look whether they exist.

use holdfast_arm::{ResourceGroupName, SubscriptionId};

use super::ArmRoute;

impl ArmRoute {
    /// The subscription it is in.
    #[must_use]
    pub fn subscription(&self) -> Option<&SubscriptionId> {
        self.parents().0
    }

    /// The resource group it is in.
    #[must_use]
    pub fn group(&self) -> Option<&ResourceGroupName> {
        self.parents().1
    }

    fn parents(&self) -> (Option<&SubscriptionId>, Option<&ResourceGroupName>) {
        match self {
            Self::TenantsList | Self::OperationsList | Self::SubscriptionsList => (None, None),
            Self::SubscriptionGet(id)
            | Self::LocationsList(id)
            | Self::GroupsList(id)
            | Self::ResourcesList(id)
            | Self::ProvidersList(id)
            | Self::ProviderGet(id, _)
            | Self::ProviderRegister(id, _)
            | Self::CheckName(id)
            | Self::RegistriesList(id)
            | Self::StorageCheckName(id)
            | Self::StorageAccountsList(id) => (Some(id), None),
            Self::OperationResult(path) => (Some(&path.subscription), None),
            Self::GroupPut(path)
            | Self::GroupGet(path)
            | Self::GroupHead(path)
            | Self::GroupPatch(path)
            | Self::GroupDelete(path)
            | Self::RegistriesOfGroup(path)
            | Self::ResourcesOfGroup(path)
            | Self::StorageAccountsOfGroup(path) => (Some(&path.subscription), Some(&path.group)),
            Self::StoragePut(path) | Self::StorageGet(path) | Self::StoragePatch(path) | Self::StorageDelete(path) => {
                (Some(&path.subscription), Some(&path.group))
            }
            Self::RegistryPut(path)
            | Self::RegistryGet(path)
            | Self::RegistryPatch(path)
            | Self::RegistryDelete(path)
            | Self::ListCredentials(path)
            | Self::RegenerateCredential(path)
            | Self::ListUsages(path)
            | Self::ImportImage(path)
            | Self::ListPolicies(path)
            | Self::UpdatePolicies(path)
            | Self::ReplicationsList(path)
            | Self::UnservedList(path, _)
            | Self::UnservedChild(path, _)
            | Self::UnservedChange(path, _)
            | Self::ScopeMapsList(path)
            | Self::TokensList(path)
            | Self::GenerateCredentials(path) => (Some(&path.subscription), Some(&path.group)),
            Self::ScopeMapPut(path)
            | Self::ScopeMapGet(path)
            | Self::ScopeMapPatch(path)
            | Self::ScopeMapDelete(path) => (Some(&path.registry.subscription), Some(&path.registry.group)),
            Self::TokenPut(path) | Self::TokenGet(path) | Self::TokenPatch(path) | Self::TokenDelete(path) => {
                (Some(&path.registry.subscription), Some(&path.registry.group))
            }
            Self::RoleAssignmentsList(path)
            | Self::RoleAssignmentPut(path, _)
            | Self::RoleAssignmentGet(path, _)
            | Self::RoleAssignmentDelete(path, _)
            | Self::RoleDefinitionsList(path)
            | Self::RoleDefinitionGet(path, _)
            | Self::DenyAssignmentsList(path) => (path.subscription.as_ref(), None),
        }
    }
}
