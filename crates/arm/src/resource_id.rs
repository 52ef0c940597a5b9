//! Ids of resources: `/subscriptions/S/resourceGroups/G/providers/Microsoft.ContainerRegistry/registries/R/webhooks/W`,
//! scopes above them, and extension resources such as role assignments below them.
//!
//! ARM compares ids without regard to case and answers in the spelling of the creator, so both are kept. An id says
//! nothing of whether the thing exists. It is no route: lists and actions (`…/registries`, `…/listCredentials`) are not
//! ids, and a face decodes percent signs before it comes here.

use std::str::FromStr;

use crate::name::{RegistryName, ResourceGroupName, StorageAccountName, SubscriptionId};
use crate::text::{compared_by_key, excerpt, fold_case, serde_as_text};

/// Bytes of the longest id that is read: a repository name of 255, an extension, and names at their limits.
pub const MAX_BYTES: usize = 2048;
/// The provider of registries, as Azure spells it.
pub const CONTAINER_REGISTRY: &str = "Microsoft.ContainerRegistry";
/// The provider of storage accounts, as Azure spells it.
pub const STORAGE: &str = "Microsoft.Storage";
/// The provider of role definitions and assignments, as Azure spells it.
pub const AUTHORIZATION: &str = "Microsoft.Authorization";

const REGISTRY_TYPE: &str = "microsoft.containerregistry/registries";
const REPOSITORY_TYPE: &str = "microsoft.containerregistry/registries/repositories";

/// The id of a resource or of a scope. Equal, ordered and hashed by [`ResourceId::key`].
#[derive(Clone, Debug)]
pub struct ResourceId {
    /// As written, without a trailing slash; `/` for the root.
    text: String,
    key: String,
    subscription: Option<String>,
    resource_group: Option<String>,
    providers: Vec<Provider>,
    /// Where in `text` each scope around this one ends, outermost (the root, 0) first; not this one's own end.
    ancestor_ends: Vec<usize>,
}

/// The part of an id from one `providers` to the next: a namespace and the resources in it, outermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Such as `Microsoft.ContainerRegistry`, as written.
    pub namespace: String,
    /// Type and name of each resource, as written; at least one.
    pub resources: Vec<(String, String)>,
}

/// Why a text is not a resource id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It does not begin with a slash.
    #[error("resource id {} does not begin with '/'", excerpt(.input))]
    NoSlash {
        /// What was given.
        input: String,
    },
    /// More than [`MAX_BYTES`].
    #[error("resource id {} has {} bytes, more than {MAX_BYTES}", excerpt(.input), .input.len())]
    TooLong {
        /// What was given.
        input: String,
    },
    /// A segment is empty or holds characters that no name has.
    #[error("resource id {} holds the segment {}, which no name can be", excerpt(.input), excerpt(.segment))]
    Segment {
        /// What was given.
        input: String,
        /// The first bad segment.
        segment: String,
    },
    /// The id ends where a name or a type is due.
    #[error("resource id {} ends after {}", excerpt(.input), excerpt(.after))]
    Incomplete {
        /// What was given.
        input: String,
        /// The last segment.
        after: String,
    },
    /// A segment stands where only `subscriptions`, `resourceGroups` or `providers` can.
    #[error(
        "resource id {} holds {} where 'subscriptions', 'resourceGroups' or 'providers' is due",
        excerpt(.input),
        excerpt(.segment)
    )]
    Unexpected {
        /// What was given.
        input: String,
        /// The segment.
        segment: String,
    },
}

impl ResourceId {
    /// `/`: the scope around everything.
    #[must_use]
    pub fn root() -> Self {
        Self::empty("/")
    }

    /// The id of a subscription.
    #[must_use]
    pub fn for_subscription(subscription: &SubscriptionId) -> Self {
        Self::known(&format!("/subscriptions/{subscription}"))
    }

    /// The id of a resource group.
    #[must_use]
    pub fn for_resource_group(subscription: &SubscriptionId, group: &ResourceGroupName) -> Self {
        Self::known(&format!("/subscriptions/{subscription}/resourceGroups/{group}"))
    }

    /// The id of a registry.
    #[must_use]
    pub fn for_registry(subscription: &SubscriptionId, group: &ResourceGroupName, name: &RegistryName) -> Self {
        Self::known(&format!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/{CONTAINER_REGISTRY}/registries/{name}"
        ))
    }

    /// The id of a storage account.
    #[must_use]
    pub fn for_storage_account(
        subscription: &SubscriptionId,
        group: &ResourceGroupName,
        name: &StorageAccountName,
    ) -> Self {
        Self::known(&format!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/{STORAGE}/storageAccounts/{name}"
        ))
    }

    /// The id of a resource inside this one, such as `webhooks` `w` of a registry.
    ///
    /// # Errors
    /// Type or name are no segments, this is no resource, or the whole becomes too long.
    pub fn child(&self, kind: &str, name: &str) -> Result<Self, Error> {
        Self::parse(&format!("{}/{kind}/{name}", self.text))
    }

    /// The id of a resource that extends this scope, such as a role assignment.
    ///
    /// # Errors
    /// Namespace, type or name are no segments, or the whole becomes too long.
    pub fn extension(&self, namespace: &str, kind: &str, name: &str) -> Result<Self, Error> {
        let scope = self.text.trim_end_matches('/');
        Self::parse(&format!("{scope}/providers/{namespace}/{kind}/{name}"))
    }

    /// Reads an id. One slash at its end is ignored, as ARM does, and so is a second one at its beginning: SDKs join
    /// `/{scope}/providers/…` and a scope that begins with a slash.
    ///
    /// Holdfast's own: in `…/registries/R/repositories/team/app` all that follows `repositories` is the name, up to
    /// `/providers/Microsoft.Authorization/` if that is there; it may end in `*`.
    ///
    /// # Errors
    /// The text is not of ARM's form, or longer than [`MAX_BYTES`].
    pub fn parse(input: &str) -> Result<Self, Error> {
        if input.len() > MAX_BYTES {
            return Err(Error::TooLong {
                input: input.to_owned(),
            });
        }
        if input == "/" {
            return Ok(Self::root());
        }
        let from_one_slash = if input.starts_with("//") { &input[1..] } else { input };
        let Some(inner) = from_one_slash.strip_prefix('/') else {
            return Err(Error::NoSlash {
                input: input.to_owned(),
            });
        };
        Reader::new(from_one_slash, inner.strip_suffix('/').unwrap_or(inner))?.read()
    }

    /// The id as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The id in lower case: what stores compare, and what the `access` crate takes as a scope.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether this is `/`.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.text == "/"
    }

    /// The subscription, as written.
    #[must_use]
    pub fn subscription(&self) -> Option<&str> {
        self.subscription.as_deref()
    }

    /// The resource group, as written.
    #[must_use]
    pub fn resource_group(&self) -> Option<&str> {
        self.resource_group.as_deref()
    }

    /// Each `providers` part, outermost first; more than one where a resource extends another.
    #[must_use]
    pub fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// The provider of the resource itself, as written; `None` for a subscription or resource group.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.providers.last().map(|provider| provider.namespace.as_str())
    }

    /// The full type as written, such as `Microsoft.ContainerRegistry/registries/webhooks`; `None` for a subscription
    /// or resource group.
    #[must_use]
    pub fn resource_type(&self) -> Option<String> {
        self.providers.last().map(Provider::resource_type)
    }

    /// Whether the full type is this one, in any spelling.
    #[must_use]
    pub fn is_of_type(&self, resource_type: &str) -> bool {
        self.resource_type()
            .is_some_and(|own| fold_case(&own) == fold_case(resource_type))
    }

    /// The names of the resource and of those around it in the same provider, outermost first.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let resources = self.providers.last().map_or(&[][..], |provider| &provider.resources);
        resources.iter().map(|(_, name)| name.as_str()).collect()
    }

    /// The last name as written: of the resource, the resource group or the subscription; empty for the root.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.providers.last().and_then(|provider| provider.resources.last()) {
            Some((_, name)) => name,
            None => self.resource_group().or(self.subscription()).unwrap_or_default(),
        }
    }

    /// The registry that this is, or is inside of, or extends; as written.
    #[must_use]
    pub fn registry(&self) -> Option<&str> {
        self.registry_resources().map(|resources| resources[0].1.as_str())
    }

    /// The id of that registry.
    #[must_use]
    pub fn registry_id(&self) -> Option<Self> {
        let before = self.providers.iter().take_while(|provider| !provider.is_of_registry());
        let resources_before: usize = before.map(|provider| provider.resources.len()).sum();
        let scopes = usize::from(self.subscription.is_some()) + usize::from(self.resource_group.is_some());
        self.registry_resources()?;
        let end = self.ancestor_ends.get(scopes + resources_before + 1);
        Some(self.cut(end.copied().unwrap_or(self.text.len())))
    }

    /// Holdfast's own: the repository, or the prefix with its `*`, that a scope below a registry names; as written.
    #[must_use]
    pub fn repository(&self) -> Option<&str> {
        let (kind, name) = self.registry_resources()?.get(1)?;
        kind.eq_ignore_ascii_case("repositories").then_some(name)
    }

    /// What is directly around this: the registry of a webhook, the group of a registry, the scope of an extension.
    /// `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.ancestor_ends.last().map(|end| self.cut(*end))
    }

    /// What stands before the last `/providers/`: the scope that a role assignment is for, the group of a registry or
    /// of its webhook. `None` when there is no provider.
    #[must_use]
    pub fn scope(&self) -> Option<Self> {
        let inner = self.providers.last()?.resources.len();
        let index = self.ancestor_ends.len().checked_sub(inner)?;
        Some(self.cut(self.ancestor_ends[index]))
    }

    /// Whether `other` is this or lies inside. A repository holds no other repository, whatever the slashes in its
    /// name; `team/*` holds every one whose name begins with `team/`.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        if self.is_root() || self.key == other.key {
            return true;
        }
        if self.is_of_type(REPOSITORY_TYPE) {
            return self.contains_repository_of(other);
        }
        other
            .key
            .strip_prefix(&self.key)
            .is_some_and(|rest| rest.starts_with('/'))
    }

    fn contains_repository_of(&self, other: &Self) -> bool {
        let (Some(own), Some(others)) = (self.repository(), other.repository()) else {
            return false;
        };
        let (own, others) = (fold_case(own), fold_case(others));
        self.registry_id() == other.registry_id()
            && match own.strip_suffix('*') {
                Some(path) => (path.is_empty() || path.ends_with('/')) && others.starts_with(path),
                None => own == others,
            }
    }

    fn registry_resources(&self) -> Option<&[(String, String)]> {
        let provider = self.providers.iter().find(|provider| provider.is_of_registry());
        provider.map(|provider| provider.resources.as_slice())
    }

    fn cut(&self, end: usize) -> Self {
        if end == 0 {
            return Self::root();
        }
        Self::known(&self.text[..end])
    }

    fn known(text: &str) -> Self {
        Self::parse(text).expect("an id made of parsed names is an id")
    }

    fn empty(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            key: fold_case(text),
            subscription: None,
            resource_group: None,
            providers: Vec::new(),
            ancestor_ends: Vec::new(),
        }
    }
}

impl Provider {
    /// The full type of the innermost resource, such as `Microsoft.ContainerRegistry/registries/webhooks`.
    #[must_use]
    pub fn resource_type(&self) -> String {
        let kinds = self.resources.iter().map(|(kind, _)| kind.as_str());
        std::iter::once(self.namespace.as_str())
            .chain(kinds)
            .collect::<Vec<_>>()
            .join("/")
    }

    fn is_of_registry(&self) -> bool {
        fold_case(&format!("{}/{}", self.namespace, self.resources[0].0)) == REGISTRY_TYPE
    }
}

impl FromStr for ResourceId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

compared_by_key!(ResourceId);
serde_as_text!(ResourceId);

/// Reads an id from left to right.
struct Reader<'a> {
    input: &'a str,
    /// Each segment and where it ends in the text.
    segments: Vec<(&'a str, usize)>,
    next: usize,
    id: ResourceId,
}

impl<'a> Reader<'a> {
    /// `inner` is `input` without its first slash and without one at the end.
    fn new(input: &'a str, inner: &'a str) -> Result<Self, Error> {
        let mut end = 0;
        let mut segments = Vec::new();
        for segment in inner.split('/') {
            end += 1 + segment.len();
            if !is_segment(segment) {
                return Err(Error::Segment {
                    input: input.to_owned(),
                    segment: segment.to_owned(),
                });
            }
            segments.push((segment, end));
        }
        Ok(Self {
            input,
            segments,
            next: 0,
            id: ResourceId::empty(&input[..end]),
        })
    }

    fn read(mut self) -> Result<ResourceId, Error> {
        if self.at("subscriptions") {
            self.enter();
            self.id.subscription = Some(self.after_word()?);
            if self.at("resourcegroups") {
                self.enter();
                self.id.resource_group = Some(self.after_word()?);
            }
        }
        while let Some((word, _)) = self.segments.get(self.next) {
            if !word.eq_ignore_ascii_case("providers") {
                return Err(Error::Unexpected {
                    input: self.input.to_owned(),
                    segment: (*word).to_owned(),
                });
            }
            self.read_provider()?;
        }
        Ok(self.id)
    }

    fn read_provider(&mut self) -> Result<(), Error> {
        self.enter();
        let namespace = self.after_word()?;
        let mut resources: Vec<(String, String)> = Vec::new();
        while resources.is_empty() || !(self.at("providers") || self.next == self.segments.len()) {
            if !resources.is_empty() {
                self.enter();
            }
            let kind = self.take()?;
            let is_repository = resources.len() == 1
                && kind.eq_ignore_ascii_case("repositories")
                && fold_case(&format!("{namespace}/{}", resources[0].0)) == REGISTRY_TYPE;
            let name = if is_repository {
                self.repository_name()?
            } else {
                self.take()?
            };
            resources.push((kind, name));
        }
        self.id.providers.push(Provider { namespace, resources });
        Ok(())
    }

    /// All segments up to the extension, if there is one, else to the end.
    fn repository_name(&mut self) -> Result<String, Error> {
        let rest = &self.segments[self.next..];
        let is_extension = |pair: &[(&str, usize)]| {
            pair[0].0.eq_ignore_ascii_case("providers") && pair[1].0.eq_ignore_ascii_case(AUTHORIZATION)
        };
        let length = rest.windows(2).rposition(is_extension).unwrap_or(rest.len());
        let name: Vec<&str> = rest[..length].iter().map(|(segment, _)| *segment).collect();
        if name.is_empty() {
            return Err(self.incomplete());
        }
        self.next += length;
        Ok(name.join("/"))
    }

    /// Notes that what was read so far is a scope of its own.
    fn enter(&mut self) {
        let end = self.next.checked_sub(1).map_or(0, |last| self.segments[last].1);
        self.id.ancestor_ends.push(end);
    }

    fn at(&self, word: &str) -> bool {
        let next = self.segments.get(self.next);
        next.is_some_and(|(segment, _)| segment.eq_ignore_ascii_case(word))
    }

    /// The segment after the one that stands here.
    fn after_word(&mut self) -> Result<String, Error> {
        self.next += 1;
        self.take()
    }

    fn take(&mut self) -> Result<String, Error> {
        let Some((segment, _)) = self.segments.get(self.next) else {
            return Err(self.incomplete());
        };
        self.next += 1;
        Ok((*segment).to_owned())
    }

    fn incomplete(&self) -> Error {
        Error::Incomplete {
            input: self.input.to_owned(),
            after: self.segments.last().map_or_else(String::new, |(s, _)| (*s).to_owned()),
        }
    }
}

/// ARM refuses `<>%&:\?/` and control characters in any name; `.` and `..` would be resolved by clients on the way.
fn is_segment(segment: &str) -> bool {
    let is_bad = |c: char| {
        c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '%' | '&' | ':' | '\\' | '?' | '#' | '"')
    };
    !segment.is_empty() && segment != "." && segment != ".." && !segment.contains(is_bad)
}
