//! The caller of one request: who, with what rights, limited by what token. Made by a face for each request after it
//! checked the credential; a bad credential is an error there and never becomes an anonymous caller here.

use std::sync::Arc;

use holdfast_oci::RepositoryName;

use crate::{Actor, Origin, Permission, Permissions, RequestOrigin, Resource, Rights, Scope};

/// The caller of one request.
#[derive(Clone, Debug)]
pub struct Caller {
    origin: Origin,
    rights: Rights,
    /// The claims of the access token; `None` without one, where the rights alone count.
    limit: Option<Vec<Scope>>,
}

impl Caller {
    /// A request without credentials. `rights` is [`Rights::read_only`] where anonymous pull is on, else [`Rights::none`].
    #[must_use]
    pub fn anonymous(rights: Rights) -> Self {
        Self {
            origin: Origin::of(Actor::Anonymous),
            rights,
            limit: None,
        }
    }

    /// A request with Basic credentials that were right.
    #[must_use]
    pub fn with_basic(actor: Actor, rights: Rights) -> Self {
        Self {
            origin: Origin::of(actor),
            rights,
            limit: None,
        }
    }

    /// A request with an access token: `claims` limit the rights of today, so a token outlives no right.
    #[must_use]
    pub fn with_token(actor: Actor, rights: Rights, claims: Vec<Scope>) -> Self {
        Self {
            origin: Origin::of(actor),
            rights,
            limit: Some(claims),
        }
    }

    /// The operator of this server, and its background jobs: everything is allowed.
    #[must_use]
    pub fn operator() -> Self {
        Self {
            origin: Origin::of(Actor::Operator),
            rights: Rights::everything(),
            limit: None,
        }
    }

    /// The same by this request.
    #[must_use]
    pub fn by(self, request: Arc<RequestOrigin>) -> Self {
        Self {
            origin: self.origin.by(request),
            ..self
        }
    }

    /// Who calls.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        self.origin.actor()
    }

    /// Who calls, and by which request.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What the caller may do at most, whatever the token says; tokens are issued from this.
    #[must_use]
    pub fn rights(&self) -> &Rights {
        &self.rights
    }

    /// Whether the caller is somebody.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        *self.actor() != Actor::Anonymous
    }

    /// Whether a credential came with the request, be it an anonymous token.
    #[must_use]
    pub fn presented_credential(&self) -> bool {
        self.is_authenticated() || self.limit.is_some()
    }

    /// What the caller may do in this repository now.
    #[must_use]
    pub fn permissions_on(&self, repository: &RepositoryName) -> Permissions {
        let allowed = self.rights.permissions_on(repository);
        match &self.limit {
            None => allowed,
            Some(claims) => {
                let claimed = claims.iter().filter(|scope| scope.is_about(repository));
                allowed.intersect(claimed.fold(Permissions::empty(), |sum, scope| sum.union(claimed_by(scope))))
            }
        }
    }

    /// Whether the caller may list the registry's repositories now.
    #[must_use]
    pub fn may_list_catalog(&self) -> bool {
        self.rights.may_list_catalog()
            && self
                .limit
                .as_ref()
                .is_none_or(|claims| claims.iter().any(|scope| self.opens_catalog(scope)))
    }

    /// ACR: the anonymous token says only `repository:*:pull`, and yet its bearer can list the catalog.
    fn opens_catalog(&self, scope: &Scope) -> bool {
        let anonymous_pull = *self.actor() == Actor::Anonymous
            && scope.is_about_every_repository()
            && scope.permissions().contains(Permission::Pull);
        anonymous_pull || (*scope.resource() == Resource::RegistryCatalog && !scope.permissions().is_empty())
    }
}

/// ACR: `pull` in a token of version 1.0 also reads metadata.
fn claimed_by(scope: &Scope) -> Permissions {
    let claimed = scope.permissions();
    if claimed.contains(Permission::Pull) {
        claimed.with(Permission::MetadataRead)
    } else {
        claimed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RepositoryName {
        text.parse().unwrap()
    }

    fn admin(claims: &str) -> Caller {
        let actor = Actor::Admin {
            registry: "r".to_owned(),
        };
        Caller::with_token(actor, Rights::everything(), Scope::parse_list(claims).unwrap())
    }

    #[test]
    fn a_token_limits_the_rights() {
        let caller = admin("repository:a:pull,push repository:b:delete");
        assert_eq!(
            format!("{:?}", caller.permissions_on(&name("a"))),
            "{Pull, Push, MetadataRead}"
        );
        assert_eq!(format!("{:?}", caller.permissions_on(&name("b"))), "{Delete}");
        assert!(caller.permissions_on(&name("c")).is_empty());
        assert!(!caller.may_list_catalog());
    }

    #[test]
    fn a_token_never_adds_to_the_rights_of_today() {
        let actor = Actor::Token { name: "t".to_owned() };
        let claims = Scope::parse_list("repository:*:* registry:catalog:*").unwrap();
        let caller = Caller::with_token(actor.clone(), Rights::none(), claims.clone());
        assert!(caller.permissions_on(&name("a")).is_empty() && !caller.may_list_catalog());
        let pull_only = Rights::new(
            vec![(
                crate::RepositoryPattern::All,
                Permissions::empty().with(Permission::Pull),
            )],
            false,
        );
        let caller = Caller::with_token(actor, pull_only, claims);
        assert_eq!(
            format!("{:?}", caller.permissions_on(&name("a"))),
            "{Pull}",
            "pull implies no metadata beyond the rights"
        );
        assert!(!caller.may_list_catalog());
    }

    #[test]
    fn an_anonymous_token_lists_the_catalog_and_an_admins_does_not() {
        let claims = Scope::parse_list("repository:*:pull").unwrap();
        let anonymous = Caller::with_token(Actor::Anonymous, Rights::read_only(), claims);
        assert!(anonymous.may_list_catalog() && !anonymous.is_authenticated() && anonymous.presented_credential());
        assert!(!admin("repository:*:pull").may_list_catalog());
        assert!(admin("registry:catalog:*").may_list_catalog());
    }

    #[test]
    fn an_empty_token_allows_nothing() {
        let caller = admin("");
        assert!(caller.permissions_on(&name("a")).is_empty() && !caller.may_list_catalog());
    }
}
