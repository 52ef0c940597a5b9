//! What a request changes of a registry, and which states are no registry's: the rules between settings, and between
//! settings and tier.

use holdfast_access::{Actor, ControlGrant, IpRule, NetworkAction, RoleAssignmentMode, control};
use uuid::Uuid;

use crate::Error;
use holdfast_model::{Author, AuthorKind, MetadataError, Read, RegistryRecord, ShownSettings, Sku, Tags, Timestamp};

/// What a request changes; `None` leaves it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistryChange {
    /// The tier.
    pub sku: Option<Sku>,
    /// All tags.
    pub tags: Option<Tags>,
    /// Whether the admin account may sign in.
    pub admin_enabled: Option<bool>,
    /// Whether anybody may pull without signing in.
    pub anonymous_pull: Option<bool>,
    /// Whether untagged manifests go after some days.
    pub retention_enabled: Option<bool>,
    /// After how many days.
    pub retention_days: Option<u32>,
    /// Days that the soft delete policy shows.
    pub soft_delete_days: Option<u32>,
    /// Whether any network may reach it.
    pub public_access: Option<bool>,
    /// What happens to addresses that no rule names.
    pub default_action: Option<NetworkAction>,
    /// All rules.
    pub ip_rules: Option<Vec<IpRule>>,
    /// How it reads roles.
    pub role_assignment_mode: Option<RoleAssignmentMode>,
    /// Whether tokens made for ARM may be exchanged.
    pub accept_arm_tokens: Option<bool>,
    /// Whether its images may be imported elsewhere.
    pub allow_export: Option<bool>,
    /// Whether large blobs are read straight from its store.
    pub data_endpoint: Option<bool>,
    /// See [`ShownSettings::bypass_for_azure`].
    pub bypass_for_azure: Option<bool>,
    /// See [`ShownSettings::bypass_for_tasks`].
    pub bypass_for_tasks: Option<bool>,
    /// See [`ShownSettings::metadata_search`].
    pub metadata_search: Option<bool>,
    /// The storage account that a Classic registry lies in; the grant proves that the caller may use it.
    pub storage: Option<ControlGrant<control::StorageAccountsWrite>>,
}

impl RegistryChange {
    /// Changes a record, if what comes out is a registry that its tier can have.
    pub(super) fn apply(self, registry: &mut RegistryRecord, now: Timestamp) -> Result<(), Error> {
        let before = registry.clone();
        registry.sku = self.sku.unwrap_or(registry.sku);
        set(&mut registry.admin_enabled, self.admin_enabled);
        set(&mut registry.anonymous_pull, self.anonymous_pull);
        set(&mut registry.role_assignment_mode, self.role_assignment_mode);
        set(&mut registry.accept_arm_tokens, self.accept_arm_tokens);
        set(&mut registry.allow_export, self.allow_export);
        set(&mut registry.data_endpoint, self.data_endpoint);
        set(&mut registry.network.public_access, self.public_access);
        set(&mut registry.network.default_action, self.default_action);
        set(&mut registry.network.ip_rules, self.ip_rules.map(without_repeats));
        set(&mut registry.tags, self.tags);
        set(&mut registry.shown.bypass_for_azure, self.bypass_for_azure);
        set(&mut registry.shown.bypass_for_tasks, self.bypass_for_tasks);
        set(&mut registry.shown.metadata_search, self.metadata_search);
        apply_policies(registry, self.retention_enabled, self.retention_days, now);
        if let Some(days) = self
            .soft_delete_days
            .filter(|days| *days != registry.shown.soft_delete_days)
        {
            registry.shown.soft_delete_days = days;
            registry.shown.soft_delete_changed_at = Some(now.0);
        }
        check(&before, registry)
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn apply_policies(registry: &mut RegistryRecord, is_enabled: Option<bool>, days: Option<u32>, now: Timestamp) {
    let shown: &mut ShownSettings = &mut registry.shown;
    let old = (registry.retention_days, shown.retention_days);
    let days = days.or(registry.retention_days).unwrap_or(shown.retention_days);
    shown.retention_days = days;
    registry.retention_days = is_enabled.unwrap_or(registry.retention_days.is_some()).then_some(days);
    if (registry.retention_days, days) != old {
        shown.retention_changed_at = Some(now.0);
    }
}

/// Rules that name the same addresses are one rule.
fn without_repeats(rules: Vec<IpRule>) -> Vec<IpRule> {
    let mut kept: Vec<IpRule> = Vec::with_capacity(rules.len());
    for rule in rules {
        if !kept.iter().any(|known| known.is_same(&rule)) {
            kept.push(rule);
        }
    }
    kept
}

/// Refuses a registry that its tier cannot have.
pub(crate) fn check(before: &RegistryRecord, registry: &RegistryRecord) -> Result<(), Error> {
    let sku = registry.sku;
    let lacking = sku.lacks(registry);
    if !lacking.is_empty() && sku != before.sku && before.sku.lacks(registry).is_empty() {
        return Err(Error::SkuTooSmall {
            sku,
            in_use: lacking.into_iter().map(str::to_owned).collect(),
        });
    }
    if let Some(&feature) = lacking.first() {
        return Err(Error::SkuLacks { feature, sku });
    }
    let (count, quota) = (registry.network.ip_rules.len() as u64, sku.limits().ip_rules);
    if count > quota {
        let feature = "IP rule";
        return Err(Error::QuotaExceeded { feature, quota, sku });
    }
    if !registry.allow_export && registry.network.public_access {
        return Err(Error::SettingsContradict {
            reason: "The export policy can be disabled only while public network access is disabled.",
        });
    }
    Ok(())
}

/// The author of what an actor does: a person by their name, an application by its id.
pub(crate) fn author_of(read: &mut dyn Read, actor: &Actor) -> Result<Author, MetadataError> {
    let application = |name: String| Author {
        name,
        kind: AuthorKind::Application,
    };
    let Actor::Principal { id } = actor else {
        return Ok(application(actor.to_string()));
    };
    let Ok(object_id) = Uuid::parse_str(id) else {
        return Ok(application(id.clone()));
    };
    if let Some(person) = read.find_person(object_id)? {
        return Ok(Author {
            name: person.user_name.to_string(),
            kind: AuthorKind::User,
        });
    }
    let found = read.find_principal(object_id)?;
    Ok(application(
        found.map_or_else(|| id.clone(), |found| found.app_id.to_string()),
    ))
}
