//! Role assignments: who has which role where, and under what condition.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use holdfast_access::RoleId;
use uuid::Uuid;

use super::MetadataError;
use crate::Timestamp;

/// What kind of principal has a role, in ARM's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalType {
    /// A person.
    User,
    /// An application.
    ServicePrincipal,
}

impl PrincipalType {
    /// The word of ARM.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::ServicePrincipal => "ServicePrincipal",
        }
    }

    /// The type of that exact word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::User, Self::ServicePrincipal]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// A condition as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenCondition {
    /// The text.
    pub text: String,
    /// The version of the language that it is in.
    pub version: String,
}

/// A role that a principal has at a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleAssignment {
    /// Its own id.
    pub id: Uuid,
    /// Who has the role.
    pub principal: Uuid,
    /// What that is.
    pub principal_type: PrincipalType,
    /// The role.
    pub role: RoleId,
    /// Where: an id of ARM in lower case.
    pub scope: String,
    /// The same as it was written.
    pub shown_scope: String,
    /// What limits the role.
    pub condition: Option<WrittenCondition>,
    /// A text for people.
    pub description: Option<String>,
    /// When it was given.
    pub created_at: Timestamp,
    /// By whom: an object id, or `operator`.
    pub created_by: String,
    /// When condition or description were last written.
    pub updated_at: Timestamp,
    /// By whom.
    pub updated_by: String,
}

/// Role assignments. Scopes are ids of ARM in lower case.
pub trait RoleAssignmentRead {
    /// By its id.
    fn find_role_assignment(&mut self, id: Uuid) -> Result<Option<RoleAssignment>, MetadataError>;
    /// A principal's roles, wherever they are.
    fn list_role_assignments(&mut self, principal: Uuid) -> Result<Vec<RoleAssignment>, MetadataError>;
    /// Those at exactly this scope, by id.
    fn list_role_assignments_at(&mut self, scope: &str) -> Result<Vec<RoleAssignment>, MetadataError>;
    /// Those whose scope begins with this one and a slash, by scope and id; of `/` all others.
    fn list_role_assignments_below(&mut self, scope: &str) -> Result<Vec<RoleAssignment>, MetadataError>;
    /// How many there are at this scope and below it.
    fn count_role_assignments_within(&mut self, scope: &str) -> Result<u64, MetadataError>;
}

/// Changes of the same.
pub trait RoleAssignmentTx {
    /// A principal has a role at a scope once: a second one is an error.
    fn insert_role_assignment(&mut self, assignment: &RoleAssignment) -> Result<(), MetadataError>;
    /// Writes what can change: condition, description, `updated_at`, `updated_by`.
    fn update_role_assignment(&mut self, assignment: &RoleAssignment) -> Result<(), MetadataError>;
    /// Says whether it was there.
    fn remove_role_assignment(&mut self, id: Uuid) -> Result<bool, MetadataError>;
    /// Removes those at a scope and below it, because what the scope names is gone. Returns how many.
    fn remove_role_assignments_within(&mut self, scope: &str) -> Result<usize, MetadataError>;
}
