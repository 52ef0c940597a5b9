//! Named errors of the resource provider of registries.

use super::{Code, Error};

/// Of the provider of registries.
impl Error {
    /// No such resource inside a registry.
    #[must_use]
    pub fn child_not_found(name: &str) -> Self {
        Self::of_provider(
            Code::ResourceNotFound,
            format!("The resource {name} could not be found."),
        )
    }

    /// ACR has it, this server does not. `feature` in words (`webhooks`).
    #[must_use]
    pub fn unserved(feature: &str) -> Self {
        Self::of_provider(Code::BadRequest, unserved(feature))
    }

    /// One of those, which is therefore not there.
    #[must_use]
    pub fn unserved_child(name: &str, feature: &str) -> Self {
        let why = unserved(feature);
        Self::of_provider(
            Code::ResourceNotFound,
            format!("The resource {name} could not be found. {why}"),
        )
    }

    /// A registry of this name exists, maybe out of the caller's sight.
    #[must_use]
    pub fn registry_name_in_use(name: &str) -> Self {
        Self::of_provider(
            Code::RegistryNameAlreadyInUse,
            format!(
                "The registry name {name} is already in use. You can check if the name is already claimed using \
                 following API: https://aka.ms/acr/check-name-availability"
            ),
        )
    }

    /// A feature that the SKU lacks, in the words that were recorded for anonymous pull. `sku` without its inner
    /// prefix.
    #[must_use]
    pub fn unsupported_in_sku(feature: &str, sku: &str) -> Self {
        Self::of_provider(
            Code::BadRequest,
            format!(
                "{feature} is not supported for SKU Managed_{sku}. For more information on SKU tiers, please visit \
                 https://aka.ms/acr/tiers."
            ),
        )
    }

    /// Anonymous pull in a SKU that lacks it.
    #[must_use]
    pub fn anonymous_pull_unsupported(sku: &str) -> Self {
        Self::unsupported_in_sku("Anonymous pull", sku)
    }

    /// More of a thing (`IP rule`) than the SKU has.
    #[must_use]
    pub fn quota_exceeded(feature: &str, quota: u64, sku: &str) -> Self {
        Self::of_provider(
            Code::BadRequest,
            format!("The requested feature {feature} exceeds allowed quota {quota} for the SKU {sku}."),
        )
    }

    /// The SKU does not exist.
    #[must_use]
    pub fn invalid_sku(given: &str, known: &[&str]) -> Self {
        Self::of_provider(
            Code::InvalidSku,
            format!(
                "The SKU '{given}' is not supported. Supported SKUs are '{}'.",
                known.join(", ")
            ),
        )
    }

    /// The name is kept for the system.
    #[must_use]
    pub fn reserved_name(name: &str) -> Self {
        Self::of_provider(
            Code::ReservedResourceName,
            format!("The resource name '{name}' or a part of the name is a trademarked or reserved word."),
        )
    }

    /// A value is out of its range. `path` names the property, `why` is a sentence.
    #[must_use]
    pub fn invalid_parameter(path: &str, why: &str) -> Self {
        Self::of_provider(Code::InvalidParameter, why).with_target(path)
    }

    /// The resource is in a state that does not allow this. `why` is a sentence.
    #[must_use]
    pub fn conflict(why: &str) -> Self {
        Self::of_provider(Code::Conflict, why)
    }
}

fn unserved(feature: &str) -> String {
    format!("Holdfast does not serve {feature}; what it serves is listed in docs/azure-cli.md.")
}
