//! Counts of what has a limit. The store keeps them with the rows: reading one costs the same whatever it says.

use std::net::IpAddr;

use holdfast_access::RegistryId;
use uuid::Uuid;

use super::MetadataError;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted<'a> {
    /// Role assignments in all.
    RoleAssignments,
    /// Those that somebody gave, as [`RoleAssignment::created_by`](super::RoleAssignment::created_by) says.
    RoleAssignmentsBy(&'a str),
    /// Applications in all.
    Applications,
    /// Those that somebody made, as [`ApplicationRecord::created_by`](super::ApplicationRecord::created_by) says.
    ApplicationsBy(&'a str),
    /// People in the directory.
    People,
    /// Devices that wait for a person, or are remembered, in all.
    Devices,
    /// Those whose [`DeviceCode::near`](super::DeviceCode::near) this is.
    DevicesNear(IpAddr),
    /// Those whose [`DeviceCode::far`](super::DeviceCode::far) this is.
    DevicesFar(IpAddr),
    /// Resource groups of a subscription.
    ResourceGroups(Uuid),
    /// Registries of a subscription, those that are being deleted too.
    Registries(Uuid),
    /// Those of one of its groups.
    RegistriesIn(Uuid, &'a str),
    /// Tokens of a registry.
    Tokens(RegistryId),
    /// Scope maps of a registry, those that people made.
    ScopeMaps(RegistryId),
    /// Storage accounts of users in a subscription.
    StorageAccounts(Uuid),
    /// Those of one of its groups.
    StorageAccountsIn(Uuid, &'a str),
}

/// Counts.
pub trait TallyRead {
    /// How many there are.
    fn count(&mut self, counted: Counted<'_>) -> Result<u64, MetadataError>;
}
