//! What every request of the data plane looks up first, in one look each: the registry, and how a credential stands.
//! Plain data, and the port that reads it. Names are compared without regard to case.

use holdfast_access::{NetworkRules, RegistryId, RoleAssignmentMode, ScopeMap};
use holdfast_arm::fold_case;
use uuid::Uuid;

use super::registry::arm_id;
use super::{MetadataError, PrincipalRecord, RoleAssignment, TokenPassword};

/// What decides who may speak to a registry, and what they may do: the part of its row that every request of the data
/// plane reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryAccess {
    /// See [`RegistryRecord::id`](super::RegistryRecord::id).
    pub id: RegistryId,
    /// See [`RegistryRecord::name`](super::RegistryRecord::name).
    pub name: String,
    /// See [`RegistryRecord::rid`](super::RegistryRecord::rid).
    pub rid: Uuid,
    /// See [`RegistryRecord::subscription_id`](super::RegistryRecord::subscription_id).
    pub subscription_id: Uuid,
    /// See [`RegistryRecord::resource_group`](super::RegistryRecord::resource_group).
    pub resource_group: String,
    /// See [`RegistryRecord::admin_enabled`](super::RegistryRecord::admin_enabled).
    pub admin_enabled: bool,
    /// See [`RegistryRecord::anonymous_pull`](super::RegistryRecord::anonymous_pull).
    pub anonymous_pull: bool,
    /// See [`RegistryRecord::network`](super::RegistryRecord::network).
    pub network: NetworkRules,
    /// See [`RegistryRecord::role_assignment_mode`](super::RegistryRecord::role_assignment_mode).
    pub role_assignment_mode: RoleAssignmentMode,
    /// See [`RegistryRecord::accept_arm_tokens`](super::RegistryRecord::accept_arm_tokens).
    pub accept_arm_tokens: bool,
    /// See [`RegistryRecord::is_deleting`](super::RegistryRecord::is_deleting).
    pub is_deleting: bool,
}

impl RegistryAccess {
    /// See [`RegistryRecord::scope`](super::RegistryRecord::scope).
    #[must_use]
    pub fn scope(&self) -> String {
        fold_case(&arm_id(self.subscription_id, &self.resource_group, &self.name))
    }
}

/// What decides whether a token's credential is good, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenStanding {
    /// See [`TokenRecord::name`](super::TokenRecord::name).
    pub name: String,
    /// See [`TokenRecord::is_enabled`](super::TokenRecord::is_enabled).
    pub is_enabled: bool,
    /// See [`TokenRecord::scope_map`](super::TokenRecord::scope_map).
    pub scope_map: String,
    /// The actions of that scope map, when it is a row.
    pub actions: Option<ScopeMap>,
    /// By slot, those that have expired too.
    pub passwords: Vec<TokenPassword>,
}

/// By what a principal is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalKey {
    /// Its object id.
    Object(Uuid),
    /// The id of its application.
    Application(Uuid),
}

/// A principal and its roles, in the order of role and scope.
pub type PrincipalAndRoles = (PrincipalRecord, Vec<RoleAssignment>);

/// The first look of a request.
pub trait FrontRead {
    /// The registry; and the generation of the admin password in `slot`, which a token was made from.
    fn find_access(
        &mut self,
        registry: &str,
        slot: Option<u8>,
    ) -> Result<Option<(RegistryAccess, Option<i64>)>, MetadataError>;
    /// The registry, and a token in it.
    fn find_access_and_token(
        &mut self,
        registry: &str,
        token: &str,
    ) -> Result<Option<(RegistryAccess, Option<TokenStanding>)>, MetadataError>;
    /// The registry, and a principal of the directory.
    fn find_access_and_principal(
        &mut self,
        registry: &str,
        principal: PrincipalKey,
    ) -> Result<Option<(RegistryAccess, Option<PrincipalAndRoles>)>, MetadataError>;
}
