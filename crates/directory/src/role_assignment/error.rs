//! Why something about role assignments was not done.

use uuid::Uuid;

use holdfast_model::{MetadataError, PrincipalType, StorageError};

/// Why a role was not assigned, shown or taken away.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// There is nothing at the scope, or roles are not assigned at its like.
    #[error("there is no scope {scope}")]
    ScopeUnknown {
        /// As asked for.
        scope: String,
    },
    /// The directory has no such principal.
    #[error("principal {id} is not known to the directory {directory}")]
    PrincipalUnknown {
        /// The object id.
        id: Uuid,
        /// The tenant.
        directory: Uuid,
    },
    /// The principal is of another type than the caller says.
    #[error("principal {id} is a {}, not a {wanted}", .found.as_str())]
    PrincipalTypeDiffers {
        /// The object id.
        id: Uuid,
        /// As asked for.
        wanted: String,
        /// What it is.
        found: PrincipalType,
    },
    /// Only the roles of repositories take conditions (ACR).
    #[error("an assignment of the role {role} takes no condition")]
    TakesNoCondition {
        /// The role's name.
        role: &'static str,
    },
    /// The principal has the role at the scope already.
    #[error("the role is assigned already, as {id}")]
    AlreadyAssigned {
        /// The assignment.
        id: Uuid,
    },
    /// No such assignment at the scope.
    #[error("role assignment {id} is not known at this scope")]
    AssignmentUnknown {
        /// As asked for.
        id: Uuid,
    },
    /// Principal, role and scope of an assignment stay as they are.
    #[error("role assignment {id} is for another principal, role or scope; make a new one")]
    AssignmentFixed {
        /// The assignment.
        id: Uuid,
    },
    /// More role assignments than there can be.
    #[error("there are {limit} role assignments, the most there can be; remove one first")]
    TooMany {
        /// The limit.
        limit: u64,
    },
    /// More role assignments than one principal may give.
    #[error("the caller gave {limit} role assignments, the most it may; remove one first")]
    TooManyByAuthor {
        /// The limit.
        limit: u64,
    },
    /// More role assignments than a resource group can have.
    #[error("there are {limit} role assignments in the resource group, the most there can be; remove one first")]
    TooManyInGroup {
        /// The limit.
        limit: u64,
    },
    /// A store did not do its part.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<MetadataError> for RoleError {
    fn from(error: MetadataError) -> Self {
        Self::Storage(error.into())
    }
}
