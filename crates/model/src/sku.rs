//! What each tier includes, and how much of it, as in ACR. It refuses to count what is there: the operations do.

use super::{RegistryRecord, Sku};

const GIB: u64 = 1 << 30;

/// The numbers of a tier. Zero means that the tier does not have the thing at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SkuLimits {
    /// Storage in the price: told, not enforced, as in ACR.
    pub included_bytes: u64,
    /// Webhooks.
    pub webhooks: u64,
    /// Replicas in other locations; `None` is as many as one likes.
    pub replicas: Option<u64>,
    /// Addresses and ranges in the network rules.
    pub ip_rules: u64,
    /// Subnets of Azure in the network rules.
    pub subnet_rules: u64,
    /// Private endpoints.
    pub private_endpoints: u64,
    /// Scope maps that people made.
    pub scope_maps: u64,
    /// Tokens.
    pub tokens: u64,
}

impl Sku {
    /// What the tier includes.
    #[must_use]
    pub const fn limits(self) -> SkuLimits {
        let small = SkuLimits {
            included_bytes: 10 * GIB,
            webhooks: 2,
            replicas: Some(0),
            ip_rules: 0,
            subnet_rules: 0,
            private_endpoints: 0,
            scope_maps: 100,
            tokens: 100,
        };
        match self {
            Self::Classic => SkuLimits {
                webhooks: 0,
                scope_maps: 0,
                tokens: 0,
                ..small
            },
            Self::Basic => small,
            Self::Standard => SkuLimits {
                included_bytes: 100 * GIB,
                webhooks: 10,
                scope_maps: 500,
                tokens: 500,
                ..small
            },
            Self::Premium => SkuLimits {
                included_bytes: 500 * GIB,
                webhooks: 500,
                replicas: None,
                ip_rules: 200,
                subnet_rules: 100,
                private_endpoints: 200,
                scope_maps: 50_000,
                tokens: 50_000,
            },
        }
    }

    /// The features that a registry has switched on and this tier does not have, in the words of ACR's errors.
    #[must_use]
    pub fn lacks(self, registry: &RegistryRecord) -> Vec<&'static str> {
        let is_premium = self == Self::Premium;
        let has_anonymous_pull = matches!(self, Self::Standard | Self::Premium);
        [
            ("Anonymous pull", registry.anonymous_pull && !has_anonymous_pull),
            ("Retention policy", registry.retention_days.is_some() && !is_premium),
            (
                "Network rule set",
                !(is_premium || registry.network.is_open() && registry.network.ip_rules.is_empty()),
            ),
            ("Dedicated data endpoint", registry.data_endpoint && !is_premium),
            ("Export policy", !registry.allow_export && !is_premium),
        ]
        .into_iter()
        .filter_map(|(feature, is_lacking)| is_lacking.then_some(feature))
        .collect()
    }
}
