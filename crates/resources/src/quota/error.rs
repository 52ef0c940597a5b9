//! Why another of a thing was not made: there are as many as there may be.

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum QuotaError {
    /// In a subscription.
    #[error("resource group {name} is one too many: the subscription has {limit}, the most it may; delete one first")]
    ResourceGroups {
        /// The one that was not made.
        name: String,
        /// The limit.
        limit: u64,
    },
    /// In a resource group, or in a subscription.
    #[error("the {place} has {limit} resources of type {resource_type}, the most it may; delete one first")]
    Resources {
        /// The type in ARM.
        resource_type: &'static str,
        /// `resource group` or `subscription`.
        place: &'static str,
        /// The limit.
        limit: u64,
    },
}
