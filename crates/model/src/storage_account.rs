//! Storage accounts: named places for bytes, each in one location. Those without a resource are the service's own, for
//! managed registries; those with one belong to users, for Classic registries.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use holdfast_arm::fold_case;
use uuid::Uuid;

use super::row::row_id;
use super::{GarbageObject, MetadataError, Tags};
use crate::{StorageKind, Timestamp};

row_id!(
    /// A storage account's row.
    StorageAccountId
);

/// A named place for bytes in one location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageAccount {
    /// Row id.
    pub id: StorageAccountId,
    /// Its name; unique in the whole server.
    pub name: String,
    /// Its location, a plain name.
    pub location: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// What it is in ARM; `None` when the service owns it.
    pub resource: Option<StorageResource>,
}

/// What a user's storage account is in ARM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageResource {
    /// The subscription it is in.
    pub subscription_id: Uuid,
    /// The resource group it is in.
    pub resource_group: String,
    /// Its tags.
    pub tags: Tags,
    /// Its kind, which is shown.
    pub kind: StorageKind,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl StorageAccount {
    /// Its id in ARM, as people read it; the service's own have none.
    #[must_use]
    pub fn arm_id(&self) -> Option<String> {
        let StorageResource {
            subscription_id,
            resource_group,
            ..
        } = self.resource.as_ref()?;
        Some(format!(
            "/subscriptions/{subscription_id}/resourceGroups/{resource_group}/providers/Microsoft.Storage/\
             storageAccounts/{}",
            self.name
        ))
    }

    /// Its id in ARM, in lower case: where roles count.
    #[must_use]
    pub fn scope(&self) -> Option<String> {
        self.arm_id().map(|id| fold_case(&id))
    }

    /// Whether the service owns it.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.resource.is_none()
    }
}

/// Storage accounts.
pub trait StorageAccountRead {
    /// All of them, the first one made first.
    fn list_storage_accounts(&mut self) -> Result<Vec<StorageAccount>, MetadataError>;
    /// Those of users in a resource group, the first one made first.
    fn list_storage_accounts_of_group(
        &mut self,
        subscription: Uuid,
        group: &str,
    ) -> Result<Vec<StorageAccount>, MetadataError>;
    /// By row id.
    fn find_storage_account(&mut self, id: StorageAccountId) -> Result<Option<StorageAccount>, MetadataError>;
    /// Those of these accounts that are there, in no order.
    fn find_storage_accounts(&mut self, ids: &[StorageAccountId]) -> Result<Vec<StorageAccount>, MetadataError>;
    /// Without regard to case.
    fn find_storage_account_by_name(&mut self, name: &str) -> Result<Option<StorageAccount>, MetadataError>;
    /// Those that the service owns, by location.
    fn list_own_storage_accounts(&mut self) -> Result<Vec<StorageAccount>, MetadataError>;
    /// That which the service owns at a location.
    fn find_own_storage_account(&mut self, location: &str) -> Result<Option<StorageAccount>, MetadataError>;
    /// Whether a user has one at a location.
    fn has_users_storage_account(&mut self, location: &str) -> Result<bool, MetadataError>;
    /// Whether a registry, a blob or an upload lies in it.
    fn is_storage_account_used(&mut self, id: StorageAccountId) -> Result<bool, MetadataError>;
    /// Some objects of it that wait in the queue to be deleted.
    fn list_objects_to_delete(
        &mut self,
        id: StorageAccountId,
        limit: usize,
    ) -> Result<Vec<GarbageObject>, MetadataError>;
}

/// Changes of the same.
pub trait StorageAccountTx {
    /// Inserts an account that the service owns.
    fn insert_storage_account(
        &mut self,
        name: &str,
        location: &str,
        now: Timestamp,
    ) -> Result<StorageAccountId, MetadataError>;
    /// Makes it a user's, or writes its tags and `updated_at`; the group stays.
    fn put_storage_resource(&mut self, id: StorageAccountId, resource: &StorageResource) -> Result<(), MetadataError>;
    /// Removes the row; the caller has looked that nothing lies in it.
    fn remove_storage_account(&mut self, id: StorageAccountId) -> Result<(), MetadataError>;
}
