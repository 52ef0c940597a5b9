//! The one decision: may this caller do this here?
//!
//! It also settles 401, 403 and 404, for the whole data plane, by what it does not know. It runs before any row of the
//! repository is read, so its answer is the same whether the repository exists or not: what a caller may not see is
//! never told apart from what is not there. A [`Refusal`] is always a 401 with a challenge that names the scope demanded
//! (ACR answers so to nobody, to a bad token and to a token that lacks the scope alike; the Azure clients then fetch a
//! wider token). A 404 comes only from an operation, which already holds a grant, and a 403 only from network rules.

use std::fmt;

use holdfast_oci::RepositoryName;

use crate::{
    Caller, ControlGrant, Grant, Permission, Permissions, RegistryAction, RegistryGrant, RegistryId, RepositoryAction,
    Scope, action, control,
};

/// The value of `error` in the challenge to a caller whose credential is good and allows too little (RFC 6750 §3.1).
pub const INSUFFICIENT_SCOPE: &str = "insufficient_scope";

/// Decides whether the caller may do `A` in the repository.
///
/// # Errors
/// The [`Refusal`] that the challenge is written from.
pub fn decide<A: RepositoryAction>(
    caller: &Caller,
    registry: RegistryId,
    repository: &RepositoryName,
) -> Result<Grant<A>, Refusal> {
    if caller.permissions_on(repository).intersects(A::SUFFICIENT) {
        Ok(Grant::new(registry, repository.clone(), caller.origin().clone()))
    } else {
        Err(Refusal::new(caller, demanded(A::SUFFICIENT, repository)))
    }
}

/// What an import may write: ACR asks whoever imports for no right to push of their own, so this is the push into the
/// registry that the grant to import is for. The caller of this has looked that `registry` is that one.
#[must_use]
pub fn push_of_import(
    import: &ControlGrant<control::ImportImage>,
    registry: RegistryId,
    repository: &RepositoryName,
) -> Grant<action::Push> {
    Grant::new(registry, repository.clone(), import.origin().clone())
}

/// Decides whether the caller may do `A` with the registry as a whole.
///
/// # Errors
/// The [`Refusal`] that the challenge is written from.
pub fn decide_registry<A: RegistryAction>(caller: &Caller, registry: RegistryId) -> Result<RegistryGrant<A>, Refusal> {
    if A::PERMISSION == Permission::CatalogRead && caller.may_list_catalog() {
        Ok(RegistryGrant::new(registry, caller.origin().clone()))
    } else {
        Err(Refusal::new(caller, Scope::catalog()))
    }
}

/// The scope that a challenge names for `A` in the repository, also when nobody was asked to decide.
#[must_use]
pub fn demanded_scope<A: RepositoryAction>(repository: &RepositoryName) -> Scope {
    demanded(A::SUFFICIENT, repository)
}

/// The scope that a client should ask for: all that would do, since who is challenged may have but one of them. ACR: a
/// push is challenged for `pull,push`, since clients that push also look whether a blob is there.
fn demanded(sufficient: Permissions, repository: &RepositoryName) -> Scope {
    Scope::repository(
        repository,
        if sufficient.contains(Permission::Push) {
            sufficient.with(Permission::Pull)
        } else {
            sufficient
        },
    )
}

/// A no, with what the challenge needs. Says nothing of whether the thing exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    scope: Scope,
    error: Option<&'static str>,
    authenticated: bool,
}

impl Refusal {
    fn new(caller: &Caller, scope: Scope) -> Self {
        let error = caller.presented_credential().then_some(INSUFFICIENT_SCOPE);
        Self {
            scope,
            error,
            authenticated: caller.is_authenticated(),
        }
    }

    /// The scope to ask for.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// [`INSUFFICIENT_SCOPE`] when a credential came along, `None` when the caller only has to sign in.
    #[must_use]
    pub fn error(&self) -> Option<&'static str> {
        self.error
    }

    /// Whether the caller is somebody.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.authenticated
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = if self.authenticated {
            "the credential does not allow"
        } else {
            "authentication is needed for"
        };
        write!(f, "{who} {}", self.scope)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use holdfast_arm::ResourceId;

    use super::*;
    use crate::{Actor, ControlCaller, Origin, RequestOrigin, Rights, decide_control, reach_of};

    const HERE: RegistryId = RegistryId(7);

    fn app() -> RepositoryName {
        "team/app".parse().unwrap()
    }

    fn admin() -> Actor {
        Actor::Admin {
            registry: "r".to_owned(),
        }
    }

    /// The answer to each action in turn: `yes`, or the scope demanded.
    fn answers(caller: &Caller) -> [String; 7] {
        fn say<G>(answer: Result<G, Refusal>) -> String {
            answer.map_or_else(|refusal| refusal.scope().to_string(), |_| "yes".to_owned())
        }
        [
            say(decide::<action::Pull>(caller, HERE, &app())),
            say(decide::<action::Push>(caller, HERE, &app())),
            say(decide::<action::Delete>(caller, HERE, &app())),
            say(decide::<action::MetadataRead>(caller, HERE, &app())),
            say(decide::<action::MetadataWrite>(caller, HERE, &app())),
            say(decide_registry::<action::CatalogRead>(caller, HERE)),
            say(decide::<action::TagsList>(caller, HERE, &app())),
        ]
    }

    #[test]
    fn every_grant_says_by_which_request_it_was_asked_for() {
        let request = Arc::new(RequestOrigin {
            id: "r1".to_owned(),
            address: [192, 0, 2, 1].into(),
            user_agent: Some("docker/28".to_owned()),
            host: "registry.example:5443".to_owned(),
        });
        let caller = Caller::with_basic(admin(), Rights::everything()).by(Arc::clone(&request));
        let pull = decide::<action::Pull>(&caller, HERE, &app()).unwrap();
        let catalog = decide_registry::<action::CatalogRead>(&caller, HERE).unwrap();
        let expected = Origin::of(admin()).by(Arc::clone(&request));
        assert_eq!((pull.origin(), catalog.origin()), (&expected, &expected));
        assert_eq!(pull.clone().origin().request(), Some(&*request));

        let control = ControlCaller::operator().by(Arc::clone(&request));
        let import = decide_control::<control::ImportImage>(&control, &ResourceId::root()).unwrap();
        let expected = Origin::of(Actor::Operator).by(request);
        assert_eq!(import.origin(), &expected);
        assert_eq!(push_of_import(&import, HERE, &app()).origin(), &expected);
        let reach = reach_of::<control::ImportImage>(&control);
        assert_eq!(reach.grant(&ResourceId::root()).unwrap().origin(), &expected);
        assert_eq!(Caller::operator().origin().request(), None);
    }

    #[test]
    fn a_refusal_names_the_scope_that_acr_demands() {
        assert_eq!(
            answers(&Caller::anonymous(Rights::none())),
            [
                "repository:team/app:pull",
                "repository:team/app:pull,push",
                "repository:team/app:delete",
                "repository:team/app:metadata_read",
                "repository:team/app:metadata_write",
                "registry:catalog:*",
                "repository:team/app:pull,metadata_read",
            ]
        );
    }

    #[test]
    fn each_caller_gets_what_is_due() {
        let token =
            |claims: &str| Caller::with_token(admin(), Rights::everything(), Scope::parse_list(claims).unwrap());
        let anonymous_token = Caller::with_token(
            Actor::Anonymous,
            Rights::read_only(),
            Scope::parse_list("repository:*:pull").unwrap(),
        );
        for (caller, allowed) in [
            (Caller::anonymous(Rights::none()), "-------"),
            (Caller::anonymous(Rights::read_only()), "y--y-yy"),
            (anonymous_token, "y--y-yy"),
            (Caller::with_basic(admin(), Rights::everything()), "yyyyyyy"),
            (Caller::operator(), "yyyyyyy"),
            (token(""), "-------"),
            (token("repository:team/app:pull"), "y--y--y"),
            (token("repository:team/app:push"), "-y-----"),
            (token("repository:team/app:delete"), "--y----"),
            (token("repository:team/app:metadata_read"), "---y--y"),
            (token("repository:team/app:metadata_write"), "----y--"),
            (token("repository:team/app:*"), "yyyyy-y"),
            (token("repository:team:* repository:team/app2:*"), "-------"),
            (token("registry:catalog:*"), "-----y-"),
        ] {
            let got: String = answers(&caller)
                .iter()
                .map(|a| if a == "yes" { 'y' } else { '-' })
                .collect();
            assert_eq!(got, allowed, "{caller:?}");
        }
    }

    #[test]
    fn push_does_not_delete_and_delete_does_not_push() {
        for (claims, pushes, deletes) in [
            ("repository:team/app:push", true, false),
            ("repository:team/app:delete", false, true),
        ] {
            let caller = Caller::with_token(admin(), Rights::everything(), Scope::parse_list(claims).unwrap());
            assert_eq!(decide::<action::Push>(&caller, HERE, &app()).is_ok(), pushes);
            assert_eq!(decide::<action::Delete>(&caller, HERE, &app()).is_ok(), deletes);
        }
    }

    #[test]
    fn only_a_presented_credential_is_called_insufficient() {
        let refusal = |caller: &Caller| decide::<action::Push>(caller, HERE, &app()).unwrap_err();
        assert_eq!(refusal(&Caller::anonymous(Rights::read_only())).error(), None);
        let bearer = Caller::with_token(Actor::Anonymous, Rights::read_only(), vec![]);
        assert_eq!(refusal(&bearer).error(), Some(INSUFFICIENT_SCOPE));
        assert!(!refusal(&bearer).is_authenticated());
        let basic = Caller::with_basic(admin(), Rights::none());
        assert_eq!(refusal(&basic).error(), Some(INSUFFICIENT_SCOPE));
        assert!(refusal(&basic).is_authenticated());
    }

    #[test]
    fn a_grant_says_what_it_is_for() {
        let grant = decide::<action::Push>(&Caller::operator(), HERE, &app()).unwrap();
        assert_eq!(format!("{:?}", grant.clone()), "Grant(push on 7/team/app for operator)");
        assert_eq!(
            (grant.registry(), grant.repository(), grant.actor()),
            (HERE, &app(), &Actor::Operator)
        );
    }
}
