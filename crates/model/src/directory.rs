//! The directory, its subscriptions and resource groups.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use std::collections::BTreeMap;

use holdfast_arm::fold_case;
use uuid::Uuid;

use super::MetadataError;
use crate::Timestamp;

/// The tenant everything belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Tenant id.
    pub tenant_id: Uuid,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An ARM subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Subscription id.
    pub id: Uuid,
    /// Name for people.
    pub display_name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Tags of a resource.
pub type Tags = BTreeMap<String, String>;

/// An ARM resource group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceGroup {
    /// The subscription it is in.
    pub subscription_id: Uuid,
    /// Its name; compared without regard to case.
    pub name: String,
    /// Its location, a plain name.
    pub location: String,
    /// Its tags.
    pub tags: Tags,
    /// When it was made.
    pub created_at: Timestamp,
    /// Grows by one at each change: what its entity tag is made of.
    pub revision: u64,
}

impl ResourceGroup {
    /// Its id in ARM, in lower case: where roles count.
    #[must_use]
    pub fn scope(&self) -> String {
        fold_case(&format!(
            "/subscriptions/{}/resourceGroups/{}",
            self.subscription_id, self.name
        ))
    }
}

/// Directories, subscriptions and resource groups.
#[expect(missing_docs, reason = "find gives Option, list gives a page, names say the rest")]
pub trait DirectoryRead {
    fn find_directory(&mut self) -> Result<Option<Directory>, MetadataError>;
    fn list_subscriptions(&mut self) -> Result<Vec<Subscription>, MetadataError>;
    fn find_subscription(&mut self, id: Uuid) -> Result<Option<Subscription>, MetadataError>;
    fn list_resource_groups(&mut self, subscription: Uuid) -> Result<Vec<ResourceGroup>, MetadataError>;
    /// Without regard to case.
    fn find_resource_group(&mut self, subscription: Uuid, name: &str) -> Result<Option<ResourceGroup>, MetadataError>;
}

/// Changes of the same.
#[expect(missing_docs, reason = "each inserts, updates or removes the row it is named after")]
pub trait DirectoryTx {
    fn insert_directory(&mut self, directory: &Directory) -> Result<(), MetadataError>;
    fn insert_subscription(&mut self, subscription: &Subscription) -> Result<(), MetadataError>;
    fn insert_resource_group(&mut self, group: &ResourceGroup) -> Result<(), MetadataError>;
    /// Writes the tags and the revision.
    fn update_resource_group(&mut self, group: &ResourceGroup) -> Result<(), MetadataError>;
    /// The caller has looked that nothing is in it; says whether it was there.
    fn remove_resource_group(&mut self, subscription: Uuid, name: &str) -> Result<bool, MetadataError>;
}
