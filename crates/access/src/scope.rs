//! Scopes of the token protocol: `repository:team/app:pull,push`. They say what is asked for or what a token is limited
//! to, never what a caller may do: that is [`Rights`](crate::Rights), and a scope can only make it smaller.
//!
//! Grammar after the distribution token specification (<https://distribution.github.io/distribution/spec/auth/scope/>):
//! the first colon ends the type, the last begins the actions, so a name may hold a host and port. Unknown types and
//! actions are read and later dropped: asking for more never fails a whole token (ACR does the same).

use std::fmt;

use holdfast_oci::RepositoryName;
use serde::{Deserialize, Serialize};

use crate::{Permission, Permissions};

/// The longest scope that is read: a repository name of 255 bytes, a type, and every action, with room to spare.
pub const MAX_SCOPE_BYTES: usize = 1024;
/// The most scopes read from one request. A build that mounts from many repositories asks for one scope each; a token
/// must still fit into the header list of an HTTP/2 request (16 KiB).
pub const MAX_SCOPES: usize = 32;
/// The most actions in one scope; ten have a meaning in ACR.
pub const MAX_ACTIONS: usize = 16;

/// The repository name that stands for every repository.
const EVERY_REPOSITORY: &str = "*";

/// A resource and what is to be done with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Entry", into = "Entry")]
pub struct Scope {
    resource: Resource,
    /// Sorted, without repetition.
    actions: Vec<ScopeAction>,
}

/// What a scope is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// A repository by the text of its name, which need not be a valid one, or `*` for all of them.
    Repository(String),
    /// The list of the registry's repositories: `registry:catalog`.
    RegistryCatalog,
    /// Anything else, such as `registry:None` that `az acr check-health` asks for. Nothing is ever granted on it.
    Other {
        /// The type, such as `registry` or `artifact-repository`.
        kind: String,
        /// The name within the type.
        name: String,
    },
}

/// One action of a scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScopeAction {
    /// `*`: every action that the resource has.
    All,
    /// An action that this registry serves.
    Permission(Permission),
    /// A word without a meaning here; dropped when a scope is narrowed.
    Other(String),
}

impl Scope {
    /// A scope of these permissions on one repository.
    #[must_use]
    pub fn repository(name: &RepositoryName, permissions: Permissions) -> Self {
        Self::on_repository(name.as_str().to_owned(), permissions)
    }

    /// A scope of these permissions on every repository.
    #[must_use]
    pub fn every_repository(permissions: Permissions) -> Self {
        Self::on_repository(EVERY_REPOSITORY.to_owned(), permissions)
    }

    /// `registry:catalog:*`.
    #[must_use]
    pub fn catalog() -> Self {
        Self {
            resource: Resource::RegistryCatalog,
            actions: vec![ScopeAction::All],
        }
    }

    /// Reads `type:name:action,action`.
    ///
    /// # Errors
    /// The text is longer than [`MAX_SCOPE_BYTES`], holds something other than visible ASCII, lacks one of its three
    /// parts, or names more than [`MAX_ACTIONS`] actions.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_SCOPE_BYTES {
            return Err(Error::TooLong {
                length_bytes: text.len(),
            });
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::NotVisibleAscii {
                text: text.escape_debug().to_string(),
            });
        }
        let parts = text.split_once(':').and_then(|(kind, rest)| {
            let (name, actions) = rest.rsplit_once(':')?;
            (!kind.is_empty() && !name.is_empty()).then_some((kind, name, actions))
        });
        let Some((kind, name, actions)) = parts else {
            return Err(Error::MissingPart { text: text.to_owned() });
        };
        Self::new(
            Resource::new(kind, name),
            actions.split(',').filter(|a| !a.is_empty()).map(ScopeAction::new),
        )
    }

    /// Reads scopes that stand between spaces, as one `scope` parameter may hold. Those that are malformed are dropped, as
    /// ACR does: they name nothing that could be given.
    ///
    /// # Errors
    /// One of them is over a limit, or there are more than [`MAX_SCOPES`].
    pub fn parse_list(text: &str) -> Result<Vec<Self>, Error> {
        let mut scopes = Vec::new();
        for part in text.split(' ').filter(|part| !part.is_empty()) {
            if scopes.len() == MAX_SCOPES {
                return Err(Error::TooMany);
            }
            match Self::parse(part) {
                Err(Error::MissingPart { .. } | Error::NotVisibleAscii { .. }) => {}
                scope => scopes.push(scope?),
            }
        }
        Ok(scopes)
    }

    /// What the scope is about.
    #[must_use]
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    /// The actions, sorted and without repetition.
    #[must_use]
    pub fn actions(&self) -> &[ScopeAction] {
        &self.actions
    }

    /// What the actions mean on this resource. Nothing for a resource that this registry does not know.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        let all = match self.resource {
            Resource::Repository(_) => Permissions::all_on_repository(),
            Resource::RegistryCatalog => Permissions::empty().with(Permission::CatalogRead),
            Resource::Other { .. } => Permissions::empty(),
        };
        self.actions
            .iter()
            .fold(Permissions::empty(), |sum, action| match action {
                ScopeAction::All => sum.union(all),
                ScopeAction::Permission(permission) => sum.with(*permission),
                ScopeAction::Other(_) => sum,
            })
            .intersect(all)
    }

    /// Whether this is a repository scope that is about this repository, by name or by `*`.
    #[must_use]
    pub fn is_about(&self, repository: &RepositoryName) -> bool {
        matches!(&self.resource, Resource::Repository(name) if name == repository.as_str() || name == EVERY_REPOSITORY)
    }

    /// Whether this is a scope on every repository at once.
    #[must_use]
    pub fn is_about_every_repository(&self) -> bool {
        matches!(&self.resource, Resource::Repository(name) if name == EVERY_REPOSITORY)
    }

    fn on_repository(name: String, permissions: Permissions) -> Self {
        let actions = permissions
            .intersect(Permissions::all_on_repository())
            .iter()
            .map(ScopeAction::Permission);
        Self {
            resource: Resource::Repository(name),
            actions: actions.collect(),
        }
    }

    fn new(resource: Resource, actions: impl Iterator<Item = ScopeAction>) -> Result<Self, Error> {
        let mut actions: Vec<ScopeAction> = actions.take(MAX_ACTIONS + 1).collect();
        if actions.len() > MAX_ACTIONS {
            return Err(Error::TooManyActions);
        }
        actions.sort_unstable();
        actions.dedup();
        Ok(Self { resource, actions })
    }
}

impl Resource {
    fn new(kind: &str, name: &str) -> Self {
        match (kind, name) {
            ("repository", name) => Self::Repository(name.to_owned()),
            ("registry", "catalog") => Self::RegistryCatalog,
            (kind, name) => Self::Other {
                kind: kind.to_owned(),
                name: name.to_owned(),
            },
        }
    }

    /// The type, as the scope prints it.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Repository(_) => "repository",
            Self::RegistryCatalog => "registry",
            Self::Other { kind, .. } => kind,
        }
    }

    /// The name, as the scope prints it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Repository(name) | Self::Other { name, .. } => name,
            Self::RegistryCatalog => "catalog",
        }
    }
}

impl ScopeAction {
    fn new(text: &str) -> Self {
        match Permission::from_scope_action(text) {
            Some(permission) => Self::Permission(permission),
            None if text == "*" => Self::All,
            None => Self::Other(text.to_owned()),
        }
    }

    /// The word, as the scope prints it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::All => "*",
            Self::Permission(permission) => permission.scope_action(),
            Self::Other(text) => text,
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// The canonical spelling: actions in a fixed order, each once.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.resource.kind(), self.resource.name())?;
        for (index, action) in self.actions.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}", action.as_str())?;
        }
        Ok(())
    }
}

/// A scope as an entry of a token's `access` claim. Written lower-case, as the token specification prints it and as
/// `az acr check-health` reads it (`access[0].actions`); read in both spellings, for ACR itself capitalises the keys.
#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(rename = "type", alias = "Type")]
    kind: String,
    #[serde(alias = "Name")]
    name: String,
    #[serde(alias = "Actions")]
    actions: Vec<String>,
}

impl From<Scope> for Entry {
    fn from(scope: Scope) -> Self {
        Self {
            kind: scope.resource.kind().to_owned(),
            name: scope.resource.name().to_owned(),
            actions: scope.actions.iter().map(|action| action.as_str().to_owned()).collect(),
        }
    }
}

impl TryFrom<Entry> for Scope {
    type Error = Error;

    fn try_from(entry: Entry) -> Result<Self, Error> {
        Self::new(
            Resource::new(&entry.kind, &entry.name),
            entry.actions.iter().map(|text| ScopeAction::new(text)),
        )
    }
}

/// Why a text is not a scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Longer than [`MAX_SCOPE_BYTES`].
    #[error("scope of {length_bytes} bytes is longer than {MAX_SCOPE_BYTES}")]
    TooLong {
        /// How long it was.
        length_bytes: usize,
    },
    /// More than [`MAX_SCOPES`] in one request.
    #[error("more than {MAX_SCOPES} scopes in one request")]
    TooMany,
    /// More than [`MAX_ACTIONS`] in one scope.
    #[error("more than {MAX_ACTIONS} actions in one scope")]
    TooManyActions,
    /// Control characters, spaces or letters beyond ASCII.
    #[error("scope \"{text}\" holds something other than visible ASCII")]
    NotVisibleAscii {
        /// The scope, escaped.
        text: String,
    },
    /// Not three parts between colons.
    #[error("scope {text:?} is not of the form type:name:actions")]
    MissingPart {
        /// The scope as given.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn scopes_read_and_print_canonically() {
        for (text, printed) in [
            ("repository:foo:pull", "repository:foo:pull"),
            ("repository:team/app:push,pull,push", "repository:team/app:pull,push"),
            ("repository:host:5000/app:pull", "repository:host:5000/app:pull"),
            ("repository:foo:*", "repository:foo:*"),
            ("repository:*:pull", "repository:*:pull"),
            ("repository:foo:", "repository:foo:"),
            ("repository:foo:,pull,", "repository:foo:pull"),
            (
                "repository:foo:zap,deleted_read,metadata_write",
                "repository:foo:metadata_write,deleted_read,zap",
            ),
            ("registry:catalog:*", "registry:catalog:*"),
            ("registry:None:*", "registry:None:*"),
            ("artifact-repository:repo:pull", "artifact-repository:repo:pull"),
        ] {
            assert_eq!(Scope::parse(text).unwrap().to_string(), printed);
        }
    }

    #[test]
    fn malformed_scopes_are_refused() {
        for text in [
            "",
            "repository",
            "repository:foo",
            ":foo:pull",
            "repository::pull",
            "::",
            "a:b\n:c",
            "a:é:pull",
            "a: b:c",
        ] {
            assert!(Scope::parse(text).is_err(), "{text:?}");
        }
        let long = format!("repository:{}:pull", "a".repeat(MAX_SCOPE_BYTES));
        assert!(matches!(Scope::parse(&long), Err(Error::TooLong { .. })));
        let many = format!("repository:a:{}", vec!["x"; MAX_ACTIONS + 1].join(","));
        assert_eq!(Scope::parse(&many), Err(Error::TooManyActions));
    }

    #[test]
    fn a_list_is_split_at_spaces_and_bounded() {
        assert_eq!(Scope::parse_list("  ").unwrap(), []);
        assert_eq!(
            Scope::parse_list("repository:a:pull  registry:catalog:*")
                .unwrap()
                .len(),
            2
        );
        assert_eq!(
            Scope::parse_list("nonsense repository:a:pull a:\u{e9}:pull"),
            Scope::parse_list("repository:a:pull")
        );
        assert_eq!(Scope::parse_list(&"a:b:c ".repeat(MAX_SCOPES + 1)), Err(Error::TooMany));
        assert_eq!(
            Scope::parse_list(&"a:b:c ".repeat(MAX_SCOPES)).unwrap().len(),
            MAX_SCOPES
        );
    }

    #[test]
    fn actions_mean_permissions_only_on_known_resources() {
        let count = |text: &str| Scope::parse(text).unwrap().permissions().iter().count();
        assert_eq!(count("repository:foo:pull,push,zap"), 2);
        assert_eq!(count("repository:foo:*"), 5);
        assert_eq!(count("registry:catalog:*"), 1);
        assert_eq!(count("registry:catalog:pull"), 0);
        assert_eq!(count("registry:None:*"), 0);
        assert_eq!(count("repository(plugin):foo:pull"), 0);
    }

    #[test]
    fn the_access_claim_is_written_lower_case_and_read_in_both() {
        let scope = Scope::parse("repository:foo:push,pull").unwrap();
        let json = r#"{"type":"repository","name":"foo","actions":["pull","push"]}"#;
        assert_eq!(serde_json::to_string(&scope).unwrap(), json);
        assert_eq!(serde_json::from_str::<Scope>(json).unwrap(), scope);
        let capitals = r#"{"Type":"repository","Name":"foo","Actions":["push","pull"]}"#;
        assert_eq!(serde_json::from_str::<Scope>(capitals).unwrap(), scope);
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,80}") {
            let _ = Scope::parse(&text);
            let _ = Scope::parse_list(&text);
        }

        #[test]
        fn what_is_printed_reads_back_equal(text in "[a-z()]{1,9}:[a-z*:/]{1,9}:[a-z_,*]{0,20}") {
            let scope = Scope::parse(&text);
            prop_assume!(scope.is_ok());
            let scope = scope.unwrap();
            prop_assert_eq!(&Scope::parse(&scope.to_string()).unwrap(), &scope);
            let json = serde_json::to_string(&scope).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Scope>(&json).unwrap(), &scope);
        }
    }
}
