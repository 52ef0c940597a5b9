//! The words of Azure Resource Manager (ARM): ids of resources, api-versions, names, locations, `$filter`, pages and
//! errors, and which fields of a registry each api-version knows.
//!
//! No I/O, no clock, no HTTP: a face turns requests into these words and these words into responses. Status codes are
//! the face's too; an [`Error`] only says its [`Code`]. What a caller may do is the `access` crate's business.

pub mod api_version;
pub mod error;
pub mod filter;
pub mod location;
pub mod name;
pub mod page;
pub mod resource_id;
pub mod shape;
pub mod tags;
mod text;

pub use api_version::ApiVersion;
pub use error::{Code, Error};
pub use filter::Filter;
pub use location::Location;
pub use name::{
    CacheRuleName, ConnectedRegistryName, CredentialSetName, RegistryName, ReplicationName, ResourceGroupName,
    RoleAssignmentName, ScopeMapName, StorageAccountName, SubscriptionId, TenantId, TokenName, WebhookName,
};
pub use page::Page;
pub use resource_id::ResourceId;
pub use tags::Tags;
pub use text::fold_case;
