//! Registries as resources, and their admin passwords.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use holdfast_access::{NetworkRules, RegistryId, RoleAssignmentMode};
use holdfast_arm::fold_case;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Author, MetadataError, ShownSettings, StorageAccountId, Tags};
use crate::Timestamp;

/// The tiers of ACR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sku {
    /// On the user's own storage account.
    Classic,
    /// Managed, small limits.
    Basic,
    /// Managed, middle limits.
    Standard,
    /// Managed, everything.
    Premium,
}

impl Sku {
    /// The name ACR uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "Classic",
            Self::Basic => "Basic",
            Self::Standard => "Standard",
            Self::Premium => "Premium",
        }
    }

    /// The tier of that exact name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Classic, Self::Basic, Self::Standard, Self::Premium]
            .into_iter()
            .find(|sku| sku.as_str() == name)
    }
}

/// A registry: the ARM resource, its storage and its switches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryRecord {
    /// Row id.
    pub id: RegistryId,
    /// Globally unique name, as written when it was made; compared without regard to case.
    pub name: String,
    /// Random id that tokens carry (ACR's `rid`), so that a registry made anew under an old name
    /// does not honour old tokens.
    pub rid: Uuid,
    /// The subscription it is in.
    pub subscription_id: Uuid,
    /// The resource group it is in.
    pub resource_group: String,
    /// Its location, a plain name.
    pub location: String,
    /// Its tier.
    pub sku: Sku,
    /// Where its bytes lie.
    pub storage_account: StorageAccountId,
    /// Whether the admin account may sign in.
    pub admin_enabled: bool,
    /// Whether anybody may pull and list without signing in.
    pub anonymous_pull: bool,
    /// Whether a manifest may name blobs and children that are not in the repository.
    pub accept_sparse_manifests: bool,
    /// Days after which an untagged manifest is collected; `None` keeps it (ACR: retention policy).
    pub retention_days: Option<u32>,
    /// From where it may be reached.
    pub network: NetworkRules,
    /// How it reads the roles of its callers.
    pub role_assignment_mode: RoleAssignmentMode,
    /// Whether tokens of the directory that were made for ARM may be exchanged for its own (ACR:
    /// `azureADAuthenticationAsArmPolicy`).
    pub accept_arm_tokens: bool,
    /// Whether its images may be imported into other registries (ACR: `exportPolicy`).
    pub allow_export: bool,
    /// Whether its large blobs are read straight from its store, by signed URLs, where the store can sign them (ACR:
    /// `dataEndpointEnabled`).
    pub data_endpoint: bool,
    /// What nothing needs to stand behind.
    pub shown: ShownSettings,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it; `None` for those made before this was kept.
    pub created_by: Option<Author>,
    /// Its tags.
    pub tags: Tags,
    /// Whether its deletion began: nothing is read from it or written to it any more.
    pub is_deleting: bool,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: Option<Author>,
    /// Grows by one at each change: what its entity tag is made of.
    pub revision: u64,
}

impl RegistryRecord {
    /// Its id in ARM, as people read it.
    #[must_use]
    pub fn arm_id(&self) -> String {
        arm_id(self.subscription_id, &self.resource_group, &self.name)
    }

    /// Its id in ARM, in lower case: where roles count.
    #[must_use]
    pub fn scope(&self) -> String {
        fold_case(&self.arm_id())
    }
}

pub(super) fn arm_id(subscription: Uuid, group: &str, name: &str) -> String {
    format!(
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ContainerRegistry/registries/{name}"
    )
}

/// What a new registry starts with; the adapter gives it its row id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRegistry {
    /// See [`RegistryRecord::name`].
    pub name: String,
    /// See [`RegistryRecord::rid`].
    pub rid: Uuid,
    /// See [`RegistryRecord::subscription_id`].
    pub subscription_id: Uuid,
    /// See [`RegistryRecord::resource_group`].
    pub resource_group: String,
    /// See [`RegistryRecord::location`].
    pub location: String,
    /// See [`RegistryRecord::sku`].
    pub sku: Sku,
    /// See [`RegistryRecord::storage_account`].
    pub storage_account: StorageAccountId,
    /// See [`RegistryRecord::admin_enabled`].
    pub admin_enabled: bool,
    /// See [`RegistryRecord::tags`].
    pub tags: Tags,
    /// See [`RegistryRecord::created_at`].
    pub created_at: Timestamp,
    /// See [`RegistryRecord::created_by`].
    pub created_by: Option<Author>,
}

/// One of the two passwords of the admin account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminPassword {
    /// 1 is `password`, 2 is `password2`.
    pub slot: u8,
    /// The password, encrypted with the server's key: ACR can list it again.
    pub sealed: Vec<u8>,
    /// Keyed hash to compare a given password with.
    pub verifier: [u8; 32],
    /// Grows by one at each renewal; tokens carry it, so that renewing revokes at once.
    pub generation: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Registries and their admin passwords.
#[expect(missing_docs, reason = "find gives Option, list gives a page, names say the rest")]
pub trait RegistryRead {
    fn find_registry(&mut self, id: RegistryId) -> Result<Option<RegistryRecord>, MetadataError>;
    /// Without regard to case.
    fn find_registry_by_name(&mut self, name: &str) -> Result<Option<RegistryRecord>, MetadataError>;
    /// By id; the first one made comes first.
    fn list_registries(&mut self) -> Result<Vec<RegistryRecord>, MetadataError>;
    /// The first one made, which the base host stands for.
    fn find_first_registry(&mut self) -> Result<Option<RegistryRecord>, MetadataError>;
    /// The first one of a resource group that was made after another.
    fn find_next_registry_of_group(
        &mut self,
        subscription: Uuid,
        group: &str,
        after: RegistryId,
    ) -> Result<Option<RegistryRecord>, MetadataError>;
    /// The first one in a storage account that was made after another.
    fn find_next_registry_in_account(
        &mut self,
        account: StorageAccountId,
        after: RegistryId,
    ) -> Result<Option<RegistryRecord>, MetadataError>;
    /// Bytes of the blobs that some repository of the registry links, each blob once.
    fn measure_registry(&mut self, registry: RegistryId) -> Result<u64, MetadataError>;
    /// By slot.
    fn list_admin_passwords(&mut self, registry: RegistryId) -> Result<Vec<AdminPassword>, MetadataError>;
}

/// Changes of the same.
pub trait RegistryTx {
    /// Inserts a registry; the caller has looked that the name is free.
    fn insert_registry(&mut self, registry: &NewRegistry) -> Result<RegistryId, MetadataError>;
    /// Writes the changeable fields: all but id, name, location, storage account, and who made it when.
    fn update_registry(&mut self, registry: &RegistryRecord) -> Result<(), MetadataError>;
    /// Removes the row and its passwords; the caller has looked that nothing is in it.
    fn remove_registry(&mut self, registry: RegistryId) -> Result<(), MetadataError>;
    /// Sets a password; its generation becomes one more than before (1 for the first).
    fn put_admin_password(
        &mut self,
        registry: RegistryId,
        slot: u8,
        sealed: &[u8],
        verifier: &[u8; 32],
        now: Timestamp,
    ) -> Result<(), MetadataError>;
}
