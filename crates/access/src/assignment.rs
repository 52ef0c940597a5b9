//! Role assignments: a role at a scope, maybe under a condition, and what a principal's assignments add up to in one
//! registry.
//!
//! Assignments only ever add; there is no deny. What is out of the grammar adds nothing.

use crate::role::{Role, data_action};
use crate::{Condition, Permission, Permissions, RepositoryPattern, RepositoryPrefix, Rights, RoleId};

/// The path between a resource group and a registry's name in a scope.
const REGISTRIES: &str = "/providers/microsoft.containerregistry/registries/";

/// One role at one scope; whose it is, its holder knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The role. An unknown one allows nothing.
    pub role: RoleId,
    /// An ARM id in lower case without a slash at the end: `/`, a subscription, a resource group, a resource.
    /// Holdfast's own: below a registry also `/repositories/team/app`, `/repositories/team/*` and `/repositories/*`.
    pub scope: String,
    /// What limits the role's data actions. On a role that takes no condition it makes the assignment void.
    pub condition: Option<Condition>,
}

/// How a registry reads the roles that its callers have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RoleAssignmentMode {
    /// `LegacyRegistryPermissions`: AcrPull and its kin, and every role with the actions of ARM that they have.
    #[default]
    Legacy,
    /// `AbacRepositoryPermissions`: data actions alone; AcrPull, AcrPush, AcrDelete, Reader, Contributor and Owner mean
    /// nothing for content.
    Abac,
}

impl RoleAssignmentMode {
    /// The mode as it stands in a registry's `roleAssignmentMode`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Legacy => "LegacyRegistryPermissions",
            Self::Abac => "AbacRepositoryPermissions",
        }
    }

    /// Reads it in any case; `None` for anything else.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        [Self::Legacy, Self::Abac]
            .into_iter()
            .find(|mode| mode.as_str().eq_ignore_ascii_case(text))
    }
}

impl Assignment {
    /// An assignment without a condition.
    #[must_use]
    pub fn new(role: RoleId, scope: impl Into<String>) -> Self {
        Self {
            role,
            scope: scope.into(),
            condition: None,
        }
    }

    /// Whether the scope of this assignment is `scope` or lies around it.
    #[must_use]
    pub fn covers(&self, scope: &str) -> bool {
        scope_covers(&self.scope, scope)
    }

    /// Whether this assignment by itself allows an action of ARM at a scope.
    #[must_use]
    pub fn allows(&self, action: &str, scope: &str) -> bool {
        self.condition.is_none() && self.role.role().is_some_and(|role| role.allows(action)) && self.covers(scope)
    }

    /// Where in the registry the assignment counts; `None` if nowhere.
    fn place_in(&self, registry_scope: &str) -> Option<Place> {
        if self.covers(registry_scope) {
            return Some(Place::Registry);
        }
        let (registry, pattern) = split_repository(&self.scope)?;
        let is_here = registry == registry_scope;
        is_here.then(|| repository_pattern(pattern).map(Place::Repositories))?
    }

    fn rules(&self, registry_scope: &str, mode: RoleAssignmentMode) -> Option<Rules> {
        let role = self.role.role()?;
        if self.condition.is_some() && !role.takes_condition() {
            return None;
        }
        let place = self.place_in(registry_scope)?;
        Some(match mode {
            RoleAssignmentMode::Legacy if self.condition.is_some() => return None,
            RoleAssignmentMode::Legacy => legacy_rules(role, &place),
            RoleAssignmentMode::Abac => abac_rules(role, &place, self.condition.as_ref()),
        })
    }
}

/// What these assignments allow in the registry at `registry_scope` (an ARM id in lower case). The catalog needs an
/// assignment at the registry or above it: a scope below names some repositories, the catalog names all.
#[must_use]
pub fn rights_of(assignments: &[Assignment], registry_scope: &str, mode: RoleAssignmentMode) -> Rights {
    let parts: Vec<Rules> = assignments
        .iter()
        .filter_map(|a| a.rules(registry_scope, mode))
        .collect();
    let catalog = parts.iter().any(|part| part.catalog);
    Rights::new(parts.into_iter().flat_map(|part| part.rules).collect(), catalog)
}

/// Whether scope `outer` is scope `inner` or lies around it; both ARM ids in lower case. Anything malformed covers
/// nothing. A repository lies around no other, whatever the slashes in its name.
#[must_use]
pub fn scope_covers(outer: &str, inner: &str) -> bool {
    if outer == "/" {
        return inner.starts_with('/');
    }
    let Some((registry, pattern)) = split_repository(outer) else {
        let is_inside = inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        return is_inside && ends_in_a_name(outer);
    };
    let Some((inner_registry, name)) = split_repository(inner) else {
        return false;
    };
    registry == inner_registry
        && match (repository_pattern(pattern), repository_pattern(name)) {
            (Some(outer), Some(inner)) => outer.intersect(&inner).as_ref() == Some(&inner),
            _ => false,
        }
}

/// Whether the scope ends where an ARM id can: a list such as `/subscriptions/s/resourcegroups`, and a provider, are no
/// scopes, though ids begin with them.
fn ends_in_a_name(scope: &str) -> bool {
    let mut segments = scope.split('/').skip(1);
    let mut last_word = "";
    while let Some(word) = segments.next() {
        last_word = word;
        let has_name = segments.next().is_some_and(|name| !name.is_empty());
        if word.is_empty() || !has_name {
            return false;
        }
    }
    !matches!(last_word, "" | "providers")
}

/// Where in a registry an assignment counts.
enum Place {
    Registry,
    Repositories(RepositoryPattern),
}

/// What one assignment adds.
struct Rules {
    rules: Vec<(RepositoryPattern, Permissions)>,
    catalog: bool,
}

/// The registry's scope and what follows `/repositories/`, if the scope is below a registry's repositories.
fn split_repository(scope: &str) -> Option<(&str, &str)> {
    let name_at = scope.find(REGISTRIES)? + REGISTRIES.len();
    let (name, below) = scope[name_at..].split_once('/')?;
    let pattern = below.strip_prefix("repositories/")?;
    Some((&scope[..name_at + name.len()], pattern))
}

/// `*`, `team/*` or `team/app`.
fn repository_pattern(text: &str) -> Option<RepositoryPattern> {
    if text == "*" {
        return Some(RepositoryPattern::All);
    }
    match text.strip_suffix('*') {
        Some(prefix) => RepositoryPrefix::parse(prefix).ok().map(RepositoryPattern::Prefix),
        None => text.parse().ok().map(RepositoryPattern::Exact),
    }
}

/// What an action of ARM is for content (ACR: pulling reads metadata and the catalog too).
const LEGACY: &[(&str, &[Permission])] = &[
    (
        "Microsoft.ContainerRegistry/registries/pull/read",
        &[Permission::Pull, Permission::MetadataRead],
    ),
    ("Microsoft.ContainerRegistry/registries/push/write", &[Permission::Push]),
    (
        "Microsoft.ContainerRegistry/registries/artifacts/delete",
        &[Permission::Delete],
    ),
    (
        "Microsoft.ContainerRegistry/registries/metadata/read",
        &[Permission::MetadataRead],
    ),
    (
        "Microsoft.ContainerRegistry/registries/metadata/write",
        &[Permission::MetadataWrite],
    ),
];

const ABAC: &[(&str, Permission)] = &[
    (data_action::CONTENT_READ, Permission::Pull),
    (data_action::CONTENT_WRITE, Permission::Push),
    (data_action::CONTENT_DELETE, Permission::Delete),
    (data_action::METADATA_READ, Permission::MetadataRead),
    (data_action::METADATA_WRITE, Permission::MetadataWrite),
];

fn legacy_rules(role: &Role, place: &Place) -> Rules {
    let allowed = LEGACY.iter().filter(|(action, _)| role.allows(action));
    let permissions: Permissions = allowed
        .flat_map(|(_, permissions)| permissions.iter().copied())
        .collect();
    Rules {
        catalog: matches!(place, Place::Registry) && permissions.contains(Permission::Pull),
        rules: vec![(place.pattern(), permissions)],
    }
}

fn abac_rules(role: &Role, place: &Place, condition: Option<&Condition>) -> Rules {
    let mut rules = Vec::new();
    for (action, permission) in ABAC.iter().filter(|(action, _)| role.allows_data(action)) {
        let patterns = condition.map_or_else(|| vec![RepositoryPattern::All], |c| c.repositories_for(action));
        let here = patterns
            .iter()
            .filter_map(|pattern| pattern.intersect(&place.pattern()));
        rules.extend(here.map(|pattern| (pattern, Permissions::empty().with(*permission))));
    }
    let may_list = matches!(place, Place::Registry)
        && role.allows_data(data_action::CATALOG_READ)
        && condition.is_none_or(|c| c.holds_without_repository(data_action::CATALOG_READ));
    Rules {
        rules,
        catalog: may_list,
    }
}

impl Place {
    fn pattern(&self) -> RepositoryPattern {
        match self {
            Self::Registry => RepositoryPattern::All,
            Self::Repositories(pattern) => pattern.clone(),
        }
    }
}
