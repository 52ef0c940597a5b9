//! What a registry uses of what its tier includes, and whether that fits into another tier. Storage is told, never
//! enforced, as in ACR.

use holdfast_access::{ControlGrant, control};

use super::load_at;
use crate::{Error, Resources};
use holdfast_model::{Counted, MetadataExt, Read, RegistryRecord};

/// The counts of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryUsage {
    /// The registry.
    pub registry: RegistryRecord,
    /// Bytes of the blobs that its repositories link, each blob once.
    pub used_bytes: u64,
    /// Scope maps that people made.
    pub scope_maps: u64,
    /// Tokens.
    pub tokens: u64,
}

impl Resources {
    /// What the registry that the grant is for uses.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::Storage`].
    pub async fn measure_registry(&self, grant: &ControlGrant<control::ListUsages>) -> Result<RegistryUsage, Error> {
        let scope = grant.scope().clone();
        self.metadata
            .query(move |read| {
                let registry = load_at(read, &scope)?;
                Ok(RegistryUsage {
                    used_bytes: read.measure_registry(registry.id)?,
                    scope_maps: read.count(Counted::ScopeMaps(registry.id))?,
                    tokens: read.count(Counted::Tokens(registry.id))?,
                    registry,
                })
            })
            .await
    }
}

/// Refuses a tier that has fewer of a thing than the registry has.
pub(super) fn refuse_if_crowded(read: &mut dyn Read, registry: &RegistryRecord) -> Result<(), Error> {
    let limits = registry.sku.limits();
    let counts = [
        ("tokens", read.count(Counted::Tokens(registry.id))?, limits.tokens),
        (
            "scope maps",
            read.count(Counted::ScopeMaps(registry.id))?,
            limits.scope_maps,
        ),
    ];
    let too_many = counts.iter().filter(|(_, count, most)| count > most);
    let in_use: Vec<String> = too_many
        .map(|(what, count, most)| format!("{count} {what} (at most {most})"))
        .collect();
    if in_use.is_empty() {
        return Ok(());
    }
    Err(Error::SkuTooSmall {
        sku: registry.sku,
        in_use,
    })
}
