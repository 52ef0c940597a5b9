//! Words of a registry's record: who wrote it last, and the settings that are kept and shown because a client sent them.
//! A setting that something must stand behind has a field of its own in [`RegistryRecord`](super::RegistryRecord).

use holdfast_access::Actor;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Days that a policy shows before anybody said another number (ACR).
const DEFAULT_POLICY_DAYS: u32 = 7;

/// Who made or changed a resource (ARM: `systemData`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// An application id, or a person's name.
    pub name: String,
    /// What it is.
    pub kind: AuthorKind,
}

/// Who made and changed a resource inside of a registry, and when (ARM: `systemData`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemData {
    /// Who made it; `None` when nobody in particular did.
    pub created_by: Option<Author>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who changed it last.
    pub updated_by: Option<Author>,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl SystemData {
    /// Of a resource that is made now.
    #[must_use]
    pub fn new(author: Option<Author>, now: Timestamp) -> Self {
        Self {
            created_by: author.clone(),
            created_at: now,
            updated_by: author,
            updated_at: now,
        }
    }

    /// The same after a change.
    #[must_use]
    pub fn updated(self, author: Author, now: Timestamp) -> Self {
        Self {
            updated_by: Some(author),
            updated_at: now,
            ..self
        }
    }
}

/// What an author is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorKind {
    /// A person.
    User,
    /// A service principal, or this server's operator.
    Application,
}

impl Author {
    /// The operator of this server.
    #[must_use]
    pub fn operator() -> Self {
        Self {
            name: Actor::Operator.to_string(),
            kind: AuthorKind::Application,
        }
    }
}

impl AuthorKind {
    /// As ARM writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Application => "Application",
        }
    }

    /// The kind of that exact name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::User, Self::Application]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// Settings that are true of every server, or of none, whatever their value: they are kept and shown as sent, and nothing
/// needs to stand behind them (decision 0006). New ones may be added; those that a stored row lacks have their defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ShownSettings {
    /// `networkRuleBypassOptions`: whether Azure's own services pass the network rules. There are none here.
    pub bypass_for_azure: bool,
    /// `networkRuleBypassAllowedForTasks`: the same for tasks. There are none here.
    pub bypass_for_tasks: bool,
    /// `metadataSearch`: an index for Azure's portal.
    pub metadata_search: bool,
    /// `retentionPolicy.days` while the policy is off.
    pub retention_days: u32,
    /// `retentionPolicy.lastUpdatedTime`, in microseconds since 1970; `None` as long as nobody changed it.
    pub retention_changed_at: Option<i64>,
    /// `softDeletePolicy.retentionDays` while the policy is off, which it always is.
    pub soft_delete_days: u32,
    /// `softDeletePolicy.lastUpdatedTime`, as above.
    pub soft_delete_changed_at: Option<i64>,
}

impl Default for ShownSettings {
    fn default() -> Self {
        Self {
            bypass_for_azure: true,
            bypass_for_tasks: false,
            metadata_search: false,
            retention_days: DEFAULT_POLICY_DAYS,
            retention_changed_at: None,
            soft_delete_days: DEFAULT_POLICY_DAYS,
            soft_delete_changed_at: None,
        }
    }
}
