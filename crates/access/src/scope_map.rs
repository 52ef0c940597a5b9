//! Scope maps: what a token may do, as a list of `repositories/team/app/content/read` and its kin.
//!
//! The rules of the wildcard are ACR's: `repositories/*/…` for all, `repositories/team/*/…` for what is below a path,
//! one `*` at the end of the repository part and nowhere else.

use std::fmt;
use std::str::FromStr;

use holdfast_oci::RepositoryName;

use crate::rights::{PrefixError, RepositoryPrefix};
use crate::{Permission, Permissions, RepositoryPattern, Rights};

/// The most actions in one scope map (ACR, every SKU), and so the most repositories too.
pub const MAX_ACTIONS: usize = 500;
/// Bytes of the longest action: a repository name of 255 with words around it.
pub const MAX_ACTION_BYTES: usize = 320;

/// What stands behind the repository, and what it allows.
const VERBS: [(&str, Permission); 5] = [
    ("/content/read", Permission::Pull),
    ("/content/write", Permission::Push),
    ("/content/delete", Permission::Delete),
    ("/metadata/read", Permission::MetadataRead),
    ("/metadata/write", Permission::MetadataWrite),
];

/// What stands behind a connected registry's name.
const GATEWAY_VERBS: [&str; 4] = ["config/read", "config/write", "message/read", "message/write"];

/// A list of actions. Order and repetition of the client are kept, as ACR keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeMap {
    actions: Vec<ScopeMapAction>,
}

/// One action of a scope map. Printed in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeMapAction {
    /// A permission in some repositories.
    Repository {
        /// Where.
        pattern: RepositoryPattern,
        /// What; never the catalog.
        permission: Permission,
    },
    /// A right of a connected registry's synchronisation; allows nothing in this registry's data plane.
    Gateway {
        /// The connected registry's name, in lower case.
        connected_registry: String,
        /// `config/read` and its kin.
        verb: &'static str,
    },
}

/// A scope map that every registry has and nobody can change.
#[derive(Debug, PartialEq, Eq)]
pub struct SystemScopeMap {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// Its actions.
    pub actions: &'static [&'static str],
}

/// Why a list is not a scope map.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More than [`MAX_ACTIONS`].
    #[error("scope map has {count} actions, more than {MAX_ACTIONS}")]
    TooManyActions {
        /// How many.
        count: usize,
    },
    /// More than [`MAX_ACTION_BYTES`].
    #[error("action of {length_bytes} bytes is longer than {MAX_ACTION_BYTES}")]
    TooLong {
        /// How long it was.
        length_bytes: usize,
    },
    /// Not of the form.
    #[error(
        "action {action:?} is not of the form repositories/NAME/content/read (or content/write, content/delete, \
         metadata/read, metadata/write), nor gateway/NAME/config/read (or config/write, message/read, message/write)"
    )]
    Form {
        /// The action.
        action: String,
    },
    /// A `*` in the wrong place.
    #[error("action {action:?} has a '*' that is not the last segment of the repository's name, as in team/*")]
    Wildcard {
        /// The action.
        action: String,
    },
    /// The path before `*` is out of the grammar.
    #[error("action {action:?} names no path of repositories")]
    Path {
        /// The action.
        action: String,
        /// What the grammar says.
        #[source]
        source: PrefixError,
    },
    /// The repository's name is out of the grammar.
    #[error("action {action:?} names no repository")]
    Name {
        /// The action.
        action: String,
        /// What the grammar says.
        #[source]
        source: holdfast_oci::name::Error,
    },
}

impl ScopeMap {
    /// Reads a list of actions. Letters in upper case are lowered, as the Azure CLI does.
    ///
    /// # Errors
    /// An action is malformed, or the list is over a limit.
    pub fn parse<T: AsRef<str>>(actions: &[T]) -> Result<Self, Error> {
        if actions.len() > MAX_ACTIONS {
            return Err(Error::TooManyActions { count: actions.len() });
        }
        let actions = actions
            .iter()
            .map(|action| action.as_ref().parse())
            .collect::<Result<_, _>>()?;
        Ok(Self { actions })
    }

    /// The map that allows what these rights allow, as far as actions can say it: the catalog has none of its own, nor has
    /// a beginning of names without a slash; what cannot be said is left out.
    #[must_use]
    pub fn of(rights: &Rights) -> Self {
        let mut actions = Vec::new();
        for (pattern, permissions) in rights.rules().iter().filter(|(pattern, _)| can_be_said(pattern)) {
            for permission in permissions.intersect(Permissions::all_on_repository()).iter() {
                let action = ScopeMapAction::Repository {
                    pattern: pattern.clone(),
                    permission,
                };
                if !actions.contains(&action) {
                    actions.push(action);
                }
            }
        }
        Self { actions }
    }

    /// The actions.
    #[must_use]
    pub fn actions(&self) -> &[ScopeMapAction] {
        &self.actions
    }

    /// The actions as ARM shows them.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.actions.iter().map(ToString::to_string).collect()
    }

    /// What a token with this map may do. It may list the catalog when it may read the metadata of every repository
    /// (Azure/acr issues 675 and 751).
    #[must_use]
    pub fn rights(&self) -> Rights {
        let mut rules: Vec<(RepositoryPattern, Permissions)> = Vec::new();
        for action in &self.actions {
            let ScopeMapAction::Repository { pattern, permission } = action else {
                continue;
            };
            match rules.iter_mut().find(|(known, _)| known == pattern) {
                Some((_, permissions)) => *permissions = permissions.with(*permission),
                None => rules.push((pattern.clone(), Permissions::empty().with(*permission))),
            }
        }
        let everywhere = rules.iter().find(|(pattern, _)| *pattern == RepositoryPattern::All);
        let catalog = everywhere.is_some_and(|(_, permissions)| permissions.contains(Permission::MetadataRead));
        Rights::new(rules, catalog)
    }
}

impl FromStr for ScopeMapAction {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_ACTION_BYTES {
            return Err(Error::TooLong {
                length_bytes: text.len(),
            });
        }
        let lower = text.to_ascii_lowercase();
        if let Some(rest) = lower.strip_prefix("repositories/") {
            for (verb, permission) in VERBS {
                if let Some(repository) = rest.strip_suffix(verb) {
                    let pattern = read_pattern(repository, text)?;
                    return Ok(Self::Repository { pattern, permission });
                }
            }
        }
        lower
            .strip_prefix("gateway/")
            .and_then(read_gateway)
            .ok_or_else(|| Error::Form {
                action: text.to_owned(),
            })
    }
}

impl fmt::Display for ScopeMapAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository { pattern, permission } => {
                let verb = VERBS.iter().find(|(_, known)| known == permission);
                let verb = verb.map_or("", |(verb, _)| verb);
                write!(f, "repositories/{}{verb}", pattern_text(pattern))
            }
            Self::Gateway {
                connected_registry,
                verb,
            } => write!(f, "gateway/{connected_registry}/{verb}"),
        }
    }
}

fn read_pattern(repository: &str, action: &str) -> Result<RepositoryPattern, Error> {
    if repository == "*" {
        return Ok(RepositoryPattern::All);
    }
    let action = || action.to_owned();
    if let Some(path) = repository.strip_suffix('*') {
        if path.contains('*') || !path.ends_with('/') {
            return Err(Error::Wildcard { action: action() });
        }
        let prefix = RepositoryPrefix::parse(path).map_err(|source| Error::Path {
            action: action(),
            source,
        })?;
        return Ok(RepositoryPattern::Prefix(prefix));
    }
    if repository.contains('*') {
        return Err(Error::Wildcard { action: action() });
    }
    let name = repository.parse::<RepositoryName>().map_err(|source| Error::Name {
        action: action(),
        source,
    })?;
    Ok(RepositoryPattern::Exact(name))
}

fn read_gateway(rest: &str) -> Option<ScopeMapAction> {
    let (name, verb) = rest.split_once('/')?;
    let verb = GATEWAY_VERBS.into_iter().find(|known| *known == verb)?;
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric());
    is_name.then(|| ScopeMapAction::Gateway {
        connected_registry: name.to_owned(),
        verb,
    })
}

fn can_be_said(pattern: &RepositoryPattern) -> bool {
    match pattern {
        RepositoryPattern::All | RepositoryPattern::Exact(_) => true,
        RepositoryPattern::Prefix(prefix) => prefix.as_str().ends_with('/'),
    }
}

fn pattern_text(pattern: &RepositoryPattern) -> String {
    match pattern {
        RepositoryPattern::All => "*".to_owned(),
        RepositoryPattern::Exact(name) => name.to_string(),
        RepositoryPattern::Prefix(prefix) => format!("{prefix}*"),
    }
}

impl SystemScopeMap {
    /// Every one, in the order in which ACR lists them.
    pub const ALL: [Self; 5] = [
        Self {
            name: "_repositories_admin",
            description: "Can perform all read, write and delete operations on the registry",
            actions: &[
                "repositories/*/metadata/read",
                "repositories/*/metadata/write",
                "repositories/*/content/read",
                "repositories/*/content/write",
                "repositories/*/content/delete",
            ],
        },
        Self {
            name: "_repositories_pull",
            description: "Can pull any repository of the registry",
            actions: &["repositories/*/content/read"],
        },
        Self {
            name: "_repositories_pull_metadata_read",
            description: "Can perform all read operations on the registry",
            actions: &["repositories/*/content/read", "repositories/*/metadata/read"],
        },
        Self {
            name: "_repositories_push",
            description: "Can push to any repository of the registry",
            actions: &["repositories/*/content/read", "repositories/*/content/write"],
        },
        Self {
            name: "_repositories_push_metadata_write",
            description: "Can perform all read and write operations on the registry",
            actions: &[
                "repositories/*/metadata/read",
                "repositories/*/metadata/write",
                "repositories/*/content/read",
                "repositories/*/content/write",
            ],
        },
    ];

    /// The one of this name, in any case.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        const ALL: &[SystemScopeMap] = &SystemScopeMap::ALL;
        ALL.iter().find(|map| map.name.eq_ignore_ascii_case(name))
    }

    /// The map itself.
    #[must_use]
    pub fn scope_map(&self) -> ScopeMap {
        ScopeMap::parse(self.actions).expect("the system's own actions are well formed")
    }
}
