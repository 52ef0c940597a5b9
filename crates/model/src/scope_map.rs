//! Scope maps that users made. The system's own are no rows: `holdfast_access::SystemScopeMap` has them.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use holdfast_access::{RegistryId, ScopeMap};

use super::{MetadataError, SystemData};

/// A scope map of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeMapRecord {
    /// The registry it is in.
    pub registry: RegistryId,
    /// Its name, as written when it was made; compared without regard to case.
    pub name: String,
    /// What it is for, in somebody's words.
    pub description: Option<String>,
    /// What a token with it may do.
    pub actions: ScopeMap,
    /// By whom and when.
    pub system_data: SystemData,
}

/// Scope maps.
pub trait ScopeMapRead {
    /// Without regard to case.
    fn find_scope_map(&mut self, registry: RegistryId, name: &str) -> Result<Option<ScopeMapRecord>, MetadataError>;
    /// By name, in any case, those after `after` (an empty text is before all names), at most `limit`.
    fn list_scope_maps(
        &mut self,
        registry: RegistryId,
        after: &str,
        limit: usize,
    ) -> Result<Vec<ScopeMapRecord>, MetadataError>;
    /// Some scope maps of a registry, by name: all that a deletion needs to know.
    fn list_scope_map_names(&mut self, registry: RegistryId, limit: usize) -> Result<Vec<String>, MetadataError>;
}

/// Changes of the same.
pub trait ScopeMapTx {
    /// Inserts a scope map; the caller has looked that the name is free.
    fn insert_scope_map(&mut self, map: &ScopeMapRecord) -> Result<(), MetadataError>;
    /// Writes the changeable fields: `description`, `actions`, and by whom and when it was updated.
    fn update_scope_map(&mut self, map: &ScopeMapRecord) -> Result<(), MetadataError>;
    /// The caller has looked that no token has it; says whether it was there.
    fn remove_scope_map(&mut self, registry: RegistryId, name: &str) -> Result<bool, MetadataError>;
}
