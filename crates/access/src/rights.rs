//! What a caller may do: permissions by repository pattern. Loaded from the metadata store for each request, so that a
//! change counts at once; never cached here.

use std::fmt;

use holdfast_oci::RepositoryName;

use crate::{Permission, Permissions};

/// What a caller may do in one registry. Rules add up: a repository gets the union of all that match it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    rules: Vec<(RepositoryPattern, Permissions)>,
    catalog: bool,
}

impl Rights {
    /// No rights at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Everything everywhere: the admin account and the operator.
    #[must_use]
    pub fn everything() -> Self {
        Self::new(vec![(RepositoryPattern::All, Permissions::all_on_repository())], true)
    }

    /// Pull and metadata of every repository, and the catalog: what ACR's anonymous pull allows (acr_anon_pull can
    /// list).
    #[must_use]
    pub fn read_only() -> Self {
        let read = Permissions::empty()
            .with(Permission::Pull)
            .with(Permission::MetadataRead);
        Self::new(vec![(RepositoryPattern::All, read)], true)
    }

    /// Rights by rule, and whether the catalog may be listed. `CatalogRead` inside a rule means nothing: the catalog is
    /// the registry's, so only `catalog` allows it.
    #[must_use]
    pub fn new(rules: Vec<(RepositoryPattern, Permissions)>, catalog: bool) -> Self {
        Self { rules, catalog }
    }

    /// What either of two allows.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let rules = [self.rules.as_slice(), &other.rules].concat();
        Self::new(rules, self.catalog || other.catalog)
    }

    /// All that is allowed in this repository; it need not exist yet.
    #[must_use]
    pub fn permissions_on(&self, repository: &RepositoryName) -> Permissions {
        self.sum(|pattern| pattern.covers(repository))
    }

    /// All that is allowed in every repository alike: what a scope on `*` can be granted.
    #[must_use]
    pub fn permissions_on_all(&self) -> Permissions {
        self.sum(|pattern| *pattern == RepositoryPattern::All)
    }

    /// Whether the names of the registry's repositories may be listed.
    #[must_use]
    pub fn may_list_catalog(&self) -> bool {
        self.catalog
    }

    /// The rules one by one, for those who explain or print them. A decision asks [`Rights::permissions_on`].
    #[must_use]
    pub fn rules(&self) -> &[(RepositoryPattern, Permissions)] {
        &self.rules
    }

    fn sum(&self, matches: impl Fn(&RepositoryPattern) -> bool) -> Permissions {
        self.rules
            .iter()
            .filter(|(pattern, _)| matches(pattern))
            .fold(Permissions::empty(), |sum, (_, permissions)| sum.union(*permissions))
            .intersect(Permissions::all_on_repository())
    }
}

/// Which repositories a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepositoryPattern {
    /// Every repository, those to come too.
    All,
    /// This one.
    Exact(RepositoryName),
    /// All below a path.
    Prefix(RepositoryPrefix),
}

impl RepositoryPattern {
    /// Whether the rule is about this repository.
    #[must_use]
    pub fn covers(&self, repository: &RepositoryName) -> bool {
        match self {
            Self::All => true,
            Self::Exact(name) => name == repository,
            Self::Prefix(prefix) => repository.as_str().starts_with(prefix.as_str()),
        }
    }
}

impl RepositoryPattern {
    /// The repositories that both patterns are about; `None` where there are none. Always one of the two.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::All, one) | (one, Self::All) => Some(one.clone()),
            (Self::Exact(name), pattern) | (pattern, Self::Exact(name)) => {
                pattern.covers(name).then(|| Self::Exact(name.clone()))
            }
            (Self::Prefix(a), Self::Prefix(b)) => {
                let (short, long) = if a.as_str().len() <= b.as_str().len() {
                    (a, b)
                } else {
                    (b, a)
                };
                let nested = long.as_str().starts_with(short.as_str());
                nested.then(|| Self::Prefix(long.clone()))
            }
        }
    }
}

/// The path above a group of repositories. It ends in a slash, so `team/` covers `team/app`, not `team` or `teams/app`;
/// only a condition may name a beginning without one ([`RepositoryPrefix::beginning`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryPrefix(String);

impl RepositoryPrefix {
    /// Reads `path/`.
    ///
    /// # Errors
    /// The slash is missing, or what stands before it is not a repository name.
    pub fn parse(text: &str) -> Result<Self, PrefixError> {
        let name = text
            .strip_suffix('/')
            .ok_or_else(|| PrefixError::NoSlash { text: text.to_owned() })?;
        match name.parse::<RepositoryName>() {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(source) => Err(PrefixError::NotAName {
                text: text.to_owned(),
                source,
            }),
        }
    }

    /// The first characters of names, with a slash at the end or without: `team` also covers `teams/app`, as Azure's
    /// `StringStartsWith` does.
    ///
    /// # Errors
    /// No repository name begins so.
    pub fn beginning(text: &str) -> Result<Self, PrefixError> {
        // A beginning may end where a name cannot, so it is judged with a letter behind it.
        match format!("{text}a").parse::<RepositoryName>() {
            Ok(_) if !text.is_empty() => Ok(Self(text.to_owned())),
            Ok(_) => Err(PrefixError::Empty),
            Err(source) => Err(PrefixError::NotAName {
                text: text.to_owned(),
                source,
            }),
        }
    }

    /// The text, slash included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepositoryPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not a repository prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// `team` would also cover `teams`, so the slash is demanded.
    #[error("repository prefix {text:?} does not end in '/'")]
    NoSlash {
        /// What was given.
        text: String,
    },
    /// The empty beginning would cover everything.
    #[error("a repository prefix cannot be empty")]
    Empty,
    /// The path is out of the grammar of names.
    #[error("repository prefix {text:?} is not a path of repositories")]
    NotAName {
        /// What was given.
        text: String,
        /// What the grammar says.
        #[source]
        source: holdfast_oci::name::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RepositoryName {
        text.parse().unwrap()
    }

    #[test]
    fn a_prefix_covers_what_is_below_it_and_nothing_beside_it() {
        let pattern = RepositoryPattern::Prefix(RepositoryPrefix::parse("team/").unwrap());
        for (repository, covered) in [
            ("team/app", true),
            ("team/app/web", true),
            ("team", false),
            ("teams/app", false),
            ("x/team/app", false),
        ] {
            assert_eq!(pattern.covers(&name(repository)), covered, "{repository}");
        }
    }

    #[test]
    fn a_prefix_needs_its_slash_and_a_path() {
        for text in ["", "/", "team", "Team/", "a//", "../", "a/*/"] {
            assert!(RepositoryPrefix::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn rules_add_up() {
        let rights = Rights::new(
            vec![
                (RepositoryPattern::All, Permissions::empty().with(Permission::Pull)),
                (
                    RepositoryPattern::Exact(name("team/app")),
                    Permissions::empty().with(Permission::Push),
                ),
                (
                    RepositoryPattern::Prefix(RepositoryPrefix::parse("team/").unwrap()),
                    Permissions::empty().with(Permission::Delete),
                ),
            ],
            false,
        );
        assert_eq!(rights.permissions_on(&name("team/app")).iter().count(), 3);
        assert_eq!(rights.permissions_on(&name("team/web")).iter().count(), 2);
        assert_eq!(
            rights.permissions_on(&name("other")).iter().collect::<Vec<_>>(),
            [Permission::Pull]
        );
        assert_eq!(
            rights.permissions_on_all().iter().collect::<Vec<_>>(),
            [Permission::Pull]
        );
    }

    #[test]
    fn a_rule_cannot_open_the_catalog() {
        let rights = Rights::new(vec![(RepositoryPattern::All, Permissions::all())], false);
        assert!(!rights.may_list_catalog());
        assert!(!rights.permissions_on(&name("a")).contains(Permission::CatalogRead));
    }
}
