//! Why an operation on a resource of ARM was not done: on a group, a registry, a storage account, a scope map, a token or
//! an import. Faces turn it into a status and a body in one table; it refuses to know either.

use holdfast_model::{MetadataError, Sku, StorageError, StoreError};

use crate::{ImportError, QuotaError, TokenError};

/// Why an operation on a resource was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such registry.
    #[error("registry {name} is not known here")]
    RegistryUnknown {
        /// As asked for.
        name: String,
    },
    /// No such resource group.
    #[error("resource group {name} is not known here")]
    ResourceGroupUnknown {
        /// As asked for.
        name: String,
    },
    /// The group is being deleted: nothing is made in it any more.
    #[error("resource group {name} is being deleted; wait until it is gone")]
    ResourceGroupBeingDeleted {
        /// The group.
        name: String,
    },
    /// The group is in another location.
    #[error("the resource group is in {found}, not in {wanted}")]
    ResourceGroupElsewhere {
        /// As asked for.
        wanted: String,
        /// Where it is.
        found: String,
    },
    /// Another registry has the name.
    #[error("the registry name {name} is in use")]
    RegistryNameTaken {
        /// As asked for.
        name: String,
    },
    /// The registry is in another location.
    #[error("the registry is in {found}, not in {wanted}")]
    RegistryElsewhere {
        /// As asked for.
        wanted: String,
        /// Where it is.
        found: String,
    },
    /// The base host stands for this registry.
    #[error("registry {name} is the default registry of this server and cannot be deleted")]
    RegistryProtected {
        /// The registry.
        name: String,
    },
    /// The admin account is off.
    #[error("the admin account of registry {name} is off")]
    AdminDisabled {
        /// The registry.
        name: String,
    },
    /// The service keeps no bytes there.
    #[error("location {location} is not one of {}", .known.join(", "))]
    LocationUnknown {
        /// What was to be there, by its type in ARM.
        resource_type: &'static str,
        /// As asked for.
        location: String,
        /// Where it does.
        known: Vec<String>,
    },
    /// What was asked does not go with storage accounts as they are.
    #[error(transparent)]
    StorageAccount(#[from] crate::StorageAccountError),
    /// The tier does not have it.
    #[error("{feature} is not part of the {} tier", .sku.as_str())]
    SkuLacks {
        /// What was asked for.
        feature: &'static str,
        /// The tier.
        sku: Sku,
    },
    /// A smaller tier is asked for while the registry uses what that one lacks.
    #[error("the {} tier does not have {}; switch that off or remove it first", .sku.as_str(), .in_use.join(", "))]
    SkuTooSmall {
        /// The tier.
        sku: Sku,
        /// What is in use.
        in_use: Vec<String>,
    },
    /// More of a thing than the tier has.
    #[error("the {} tier has {quota} of {feature} at most; delete one first", .sku.as_str())]
    QuotaExceeded {
        /// Of what.
        feature: &'static str,
        /// The most.
        quota: u64,
        /// The tier.
        sku: Sku,
    },
    /// Of tokens and scope maps.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Settings that do not go together.
    #[error("the settings contradict each other: {reason}")]
    SettingsContradict {
        /// Which, as a sentence.
        reason: &'static str,
    },
    /// `If-Match` or `If-None-Match` does not hold for a resource.
    #[error("the resource is not in the state that {condition} names; read it again")]
    PreconditionFailed {
        /// What was asked for.
        condition: String,
    },
    /// Of how many there may be.
    #[error(transparent)]
    Quota(#[from] QuotaError),
    /// Work that was to go on in any case did not come to its end.
    #[error("the work that {attempted} ended early")]
    Interrupted {
        /// What it did, as "changed a storage account".
        attempted: &'static str,
        /// The cause.
        #[source]
        source: tokio::task::JoinError,
    },
    /// Of imports.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A store did not do its part.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<MetadataError> for Error {
    fn from(error: MetadataError) -> Self {
        Self::Storage(error.into())
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Storage(error.into())
    }
}
