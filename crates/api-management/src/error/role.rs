//! What errors of role assignments look like on the control plane.

use holdfast_arm::{Error as Arm, ResourceId};
use holdfast_directory::RoleError;

pub(super) fn role_error(error: RoleError, request_id: &str) -> Arm {
    match error {
        RoleError::ScopeUnknown { scope } => match ResourceId::parse(&scope) {
            Ok(id) => Arm::not_found(&id),
            Err(error) => error.into(),
        },
        RoleError::PrincipalUnknown { id, directory } => {
            Arm::principal_not_found(&id.to_string(), &directory.to_string())
        }
        RoleError::PrincipalTypeDiffers { id, wanted, found } => {
            Arm::unmatched_principal_type(&id.to_string(), found.as_str(), &wanted)
        }
        RoleError::TakesNoCondition { role } => Arm::invalid_condition(&format!(
            "the role {role} takes none; conditions limit Container Registry Repository Reader, Writer and Contributor"
        )),
        RoleError::AlreadyAssigned { .. } => Arm::role_assignment_exists(),
        RoleError::AssignmentUnknown { id } => Arm::role_assignment_not_found(&id.to_string()),
        RoleError::AssignmentFixed { .. } => Arm::role_assignment_update_not_permitted(),
        RoleError::TooMany { limit } | RoleError::TooManyInGroup { limit } | RoleError::TooManyByAuthor { limit } => {
            Arm::role_assignment_limit_exceeded(limit)
        }
        RoleError::Storage(error) => super::storage_error(&error, request_id),
    }
}
