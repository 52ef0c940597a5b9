//! What can be wrong about storage accounts and the registries in them.

use holdfast_model::Sku;

/// Why something was not done with a storage account.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such storage account among those of users.
    #[error("storage account {name} is not known in resource group {group}")]
    Unknown {
        /// As asked for.
        name: String,
        /// Where it was looked for, in lower case.
        group: String,
    },
    /// Another storage account has the name.
    #[error("the storage account name {name} is in use")]
    NameTaken {
        /// As asked for.
        name: String,
    },
    /// The storage account is in another location.
    #[error("storage account {name} is in {found}, not in {wanted}")]
    Elsewhere {
        /// The account.
        name: String,
        /// As asked for.
        wanted: String,
        /// Where it is.
        found: String,
    },
    /// A Classic registry is not where its storage account is.
    #[error("storage account {name} is in {found}; a registry in it is there too, not in {wanted}")]
    NotBeside {
        /// The account.
        name: String,
        /// Where the registry was to be.
        wanted: String,
        /// Where the account is.
        found: String,
    },
    /// Something lies in the storage account.
    #[error("storage account {name} is in use: {by}")]
    InUse {
        /// The account.
        name: String,
        /// What lies in it.
        by: String,
    },
    /// A Classic registry lies in a storage account of its owner, and only a Classic registry does.
    #[error("a {} registry {}", .sku.as_str(), if *.sku == Sku::Classic { "needs a storage account" } else { "takes no storage account" })]
    Unfit {
        /// The tier.
        sku: Sku,
    },
    /// A Classic registry was to lie in another storage account.
    #[error("registry {name} keeps its storage account; make another registry and import what is in this one")]
    AccountFixed {
        /// The registry.
        name: String,
    },
    /// A registry was to change between Classic and a managed tier.
    #[error("registry {name} keeps its bytes where they are; make another registry and import what is in this one")]
    Fixed {
        /// The registry.
        name: String,
    },
}
