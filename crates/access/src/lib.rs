//! Who may do what: callers, their rights, and the decisions that turn them into grants.
//!
//! Two planes, one shape. In the data plane a [`Caller`] has [`Rights`] in repositories, limited by the scopes of a token,
//! and [`decide`] makes a [`Grant`]. In the control plane (ARM) a [`ControlCaller`] has role [`Assignment`]s at scopes, and
//! [`decide_control`] makes a [`ControlGrant`]. [`rights_of`] turns assignments into rights, [`ScopeMap::rights`] the list
//! that a token has.
//!
//! Operations of the rules take a `Grant<Action>`, so an endpoint that forgot to ask does not compile. This
//! crate does no I/O, reads no clock and knows no HTTP: the faces say who calls, this crate says what that allows.

mod actor;
mod address;
pub mod assignment;
mod caller;
pub mod condition;
pub mod control;
mod decide;
pub mod explain;
mod grant;
mod ids;
mod narrow;
mod network;
mod origin;
mod permission;
mod rights;
pub mod role;
pub mod scope;
pub mod scope_map;

pub use actor::Actor;
pub use address::network_of;
pub use assignment::{Assignment, RoleAssignmentMode, rights_of};
pub use caller::Caller;
pub use condition::Condition;
pub use control::{ControlAction, ControlCaller, ControlGrant, ControlReach, ControlRefusal, decide_control, reach_of};
pub use decide::{INSUFFICIENT_SCOPE, Refusal, decide, decide_registry, demanded_scope, push_of_import};
pub use explain::Obstacle;
pub use grant::{Grant, RegistryAction, RegistryGrant, RepositoryAction, action};
pub use ids::RegistryId;
pub use narrow::narrow;
pub use network::{IpRule, IpRuleError, NetworkAction, NetworkRules};
pub use origin::{MAX_USER_AGENT_BYTES, Origin, RequestOrigin, kept_user_agent};
pub use permission::{Permission, Permissions};
pub use rights::{PrefixError, RepositoryPattern, RepositoryPrefix, Rights};
pub use role::{Role, RoleId};
pub use scope::{Resource, Scope, ScopeAction};
pub use scope_map::{ScopeMap, ScopeMapAction, SystemScopeMap};
