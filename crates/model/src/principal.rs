//! Principals of the directory.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use uuid::Uuid;

use super::MetadataError;
use crate::Timestamp;

/// A service principal of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalRecord {
    /// Object id.
    pub id: Uuid,
    /// Application id, its user name.
    pub app_id: Uuid,
    /// Name for people.
    pub display_name: String,
    /// Whether it may sign in, and its tokens are taken.
    pub is_enabled: bool,
    /// Grows when all its tokens are to be void: when a credential is removed, or the principal disabled.
    pub generation: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Principals of the directory.
pub trait PrincipalRead {
    /// By object id.
    fn find_principal(&mut self, id: Uuid) -> Result<Option<PrincipalRecord>, MetadataError>;
    /// By application id.
    fn find_principal_by_app(&mut self, app_id: Uuid) -> Result<Option<PrincipalRecord>, MetadataError>;
    /// Those of these object ids that are there, in no order.
    fn find_principals(&mut self, ids: &[Uuid]) -> Result<Vec<PrincipalRecord>, MetadataError>;
    /// Those of these application ids that are there, in no order.
    fn find_principals_by_app(&mut self, app_ids: &[Uuid]) -> Result<Vec<PrincipalRecord>, MetadataError>;
}

/// Changes of the same.
#[expect(missing_docs, reason = "each inserts, updates or removes the row it is named after")]
pub trait PrincipalTx {
    fn insert_principal(&mut self, principal: &PrincipalRecord) -> Result<(), MetadataError>;
    /// Writes name, whether it is enabled, and generation.
    fn update_principal(&mut self, principal: &PrincipalRecord) -> Result<(), MetadataError>;
    /// Removes it with its roles; says whether it was there.
    fn remove_principal(&mut self, id: Uuid) -> Result<bool, MetadataError>;
}
