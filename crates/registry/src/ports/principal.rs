//! Principals of the directory, their secrets and their roles.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use holdfast_access::RoleId;
use uuid::Uuid;

use crate::{Error, Timestamp};

/// A service principal of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalRecord {
    /// Object id.
    pub id: Uuid,
    /// Application id, its user name.
    pub app_id: Uuid,
    /// Name for people.
    pub display_name: String,
    /// Grows when all its tokens are to be void.
    pub generation: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A secret of a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalSecret {
    /// Its own id.
    pub id: Uuid,
    /// Whose it is.
    pub principal: Uuid,
    /// Keyed hash to compare a given secret with.
    pub verifier: [u8; 32],
    /// The first moment it is no longer good.
    pub expires_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A role that a principal has at a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleAssignment {
    /// Its own id.
    pub id: Uuid,
    /// Who has the role.
    pub principal: Uuid,
    /// The role.
    pub role: RoleId,
    /// Where: an id of ARM in lower case.
    pub scope: String,
    /// When it was given.
    pub created_at: Timestamp,
}

/// Principals of the directory, their secrets and their roles.
pub trait PrincipalRead {
    /// By object id.
    fn find_principal(&mut self, id: Uuid) -> Result<Option<PrincipalRecord>, Error>;
    /// By application id.
    fn find_principal_by_app(&mut self, app_id: Uuid) -> Result<Option<PrincipalRecord>, Error>;
    /// A principal's secrets, oldest first, those that have expired too.
    fn list_principal_secrets(&mut self, principal: Uuid) -> Result<Vec<PrincipalSecret>, Error>;
    /// A principal's roles, wherever they are.
    fn list_role_assignments(&mut self, principal: Uuid) -> Result<Vec<RoleAssignment>, Error>;
}

/// Changes of the same.
#[expect(missing_docs, reason = "each inserts the row it is named after")]
pub trait PrincipalTx {
    fn insert_principal(&mut self, principal: &PrincipalRecord) -> Result<(), Error>;
    fn insert_principal_secret(&mut self, secret: &PrincipalSecret) -> Result<(), Error>;
    /// A principal has a role at a scope once.
    fn insert_role_assignment(&mut self, assignment: &RoleAssignment) -> Result<(), Error>;
}
