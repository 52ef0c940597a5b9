//! The decision of the control plane: may this caller do this to this resource? Its answer, a [`ControlGrant`], is what
//! the operations on registries, groups, principals and assignments demand.
//!
//! The counterpart of [`decide`](crate::decide) for ARM. Here callers have role assignments and things have scopes,
//! and a refusal says whether the caller may know that the thing is there: a face answers 403 `AuthorizationFailed` if
//! so, else as if there were nothing. It runs before any row of the thing is read.

mod action;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

pub use action::*;
use holdfast_arm::ResourceId;

use crate::{Actor, Assignment, Origin, RequestOrigin, RoleId, assignment::scope_covers};

/// Who calls ARM, with the role assignments of today. Made by a face for each request after it checked the token.
#[derive(Clone, Debug)]
pub struct ControlCaller {
    origin: Origin,
    assignments: Vec<Assignment>,
}

impl ControlCaller {
    /// A caller with all assignments of the principal, whatever their scope.
    #[must_use]
    pub fn new(actor: Actor, assignments: Vec<Assignment>) -> Self {
        Self {
            origin: Origin::of(actor),
            assignments,
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

    /// The operator of this server, and its background jobs: owner of everything.
    #[must_use]
    pub fn operator() -> Self {
        Self::new(Actor::Operator, vec![Assignment::new(RoleId::OWNER, "/")])
    }

    /// Who calls.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        self.origin.actor()
    }

    /// The assignments that the caller's rights come from.
    #[must_use]
    pub fn assignments(&self) -> &[Assignment] {
        &self.assignments
    }

    /// Whether some assignment allows an action of ARM at a scope (an id in lower case).
    #[must_use]
    pub fn allows(&self, action: &str, scope: &str) -> bool {
        self.reasons(action, scope).next().is_some()
    }

    /// The assignments that allow it, for those who explain a decision.
    pub fn reasons(&self, action: &str, scope: &str) -> impl Iterator<Item = &Assignment> {
        self.assignments
            .iter()
            .filter(move |assignment| assignment.allows(action, scope))
    }

    /// Whether the caller has any role at the scope, around it or inside it: who has one in a subscription sees the
    /// subscription's name, as in Azure.
    #[must_use]
    pub fn has_role_near(&self, scope: &str) -> bool {
        let near = |assignment: &Assignment| assignment.covers(scope) || scope_covers(scope, &assignment.scope);
        self.assignments.iter().any(|a| a.role.role().is_some() && near(a))
    }
}

/// Decides whether the caller may do `A` at a scope: the id of the thing itself, or of where it is to be made. For a role assignment that is the scope which it is for.
///
/// # Errors
/// The [`ControlRefusal`] that the error is written from.
pub fn decide_control<A: ControlAction>(
    caller: &ControlCaller,
    scope: &ResourceId,
) -> Result<ControlGrant<A>, ControlRefusal> {
    if caller.allows(A::ACTION, scope.key()) {
        return Ok(ControlGrant::new(caller.origin.clone(), scope.clone()));
    }
    Err(ControlRefusal {
        actor: caller.actor().clone(),
        action: A::ACTION,
        scope: scope.key().to_owned(),
        may_know: caller.allows(A::READ, scope.key()),
    })
}

/// Where the caller may do `A`: for lists, which are never refused but hold only what the caller may see.
#[must_use]
pub fn reach_of<A: ControlAction>(caller: &ControlCaller) -> ControlReach<A> {
    let allowing = caller.assignments.iter().filter(|a| a.allows(A::ACTION, &a.scope));
    ControlReach {
        origin: caller.origin.clone(),
        scopes: allowing.map(|assignment| assignment.scope.clone()).collect(),
        action: PhantomData,
    }
}

/// Proof that `actor` may do `A` at one scope.
///
/// ```
/// use holdfast_access::{ControlCaller, ControlGrant, control, decide_control};
/// use holdfast_arm::ResourceId;
///
/// fn erase(grant: &ControlGrant<control::RegistriesDelete>) -> String {
///     format!("{} erases {}", grant.actor(), grant.scope())
/// }
///
/// let scope: ResourceId = "/subscriptions/s".parse().unwrap();
/// let grant = decide_control(&ControlCaller::operator(), &scope).unwrap();
/// assert_eq!(erase(&grant), "operator erases /subscriptions/s");
/// ```
///
/// There is no other way to one, and one for another action does not do:
///
/// ```compile_fail,E0624
/// use holdfast_access::{Actor, ControlGrant, Origin, control};
/// use holdfast_arm::ResourceId;
/// let _ = ControlGrant::<control::RegistriesDelete>::new(Origin::of(Actor::Operator), ResourceId::root());
/// ```
///
/// ```compile_fail,E0308
/// use holdfast_access::{ControlCaller, ControlGrant, control, decide_control};
/// use holdfast_arm::ResourceId;
/// fn erase(_: ControlGrant<control::RegistriesDelete>) {}
/// let grant = decide_control::<control::RegistriesRead>(&ControlCaller::operator(), &ResourceId::root());
/// erase(grant.unwrap());
/// ```
pub struct ControlGrant<A> {
    origin: Origin,
    scope: ResourceId,
    action: PhantomData<fn() -> A>,
}

/// Proof of where `actor` may do `A`.
pub struct ControlReach<A> {
    origin: Origin,
    scopes: Vec<String>,
    action: PhantomData<fn() -> A>,
}

/// A no. What an error may tell is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{actor} has no role that allows {action} at {scope}")]
pub struct ControlRefusal {
    /// Who was refused.
    pub actor: Actor,
    /// The action of ARM.
    pub action: &'static str,
    /// The scope, in lower case.
    pub scope: String,
    /// Whether the caller may read the thing, and so may be told that it is the right which is lacking. Otherwise the
    /// answer must be the same as if there were nothing.
    pub may_know: bool,
}

impl<A: ControlAction> ControlGrant<A> {
    fn new(origin: Origin, scope: ResourceId) -> Self {
        Self {
            origin,
            scope,
            action: PhantomData,
        }
    }

    /// The scope that was decided on, as it was written: what is made there is shown in that spelling.
    #[must_use]
    pub fn scope(&self) -> &ResourceId {
        &self.scope
    }

    /// Who acts.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        self.origin.actor()
    }

    /// Who acts, and by which request.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl<A: ControlAction> ControlReach<A> {
    /// The scopes at and inside of which the caller may do it: ARM ids in lower case, or patterns of repositories.
    /// Some may lie inside others.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Whether it may be done at a scope.
    #[must_use]
    pub fn covers(&self, scope: &str) -> bool {
        self.scopes.iter().any(|own| scope_covers(own, scope))
    }

    /// The grant for one scope that is covered.
    #[must_use]
    pub fn grant(&self, scope: &ResourceId) -> Option<ControlGrant<A>> {
        self.covers(scope.key())
            .then(|| ControlGrant::new(self.origin.clone(), scope.clone()))
    }

    /// Who acts.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        self.origin.actor()
    }

    /// Who acts, and by which request.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

// By hand, because a derive would demand the traits of the marker too.
impl<A> Clone for ControlGrant<A> {
    fn clone(&self) -> Self {
        Self {
            origin: self.origin.clone(),
            scope: self.scope.clone(),
            action: PhantomData,
        }
    }
}

impl<A> PartialEq for ControlGrant<A> {
    fn eq(&self, other: &Self) -> bool {
        self.origin == other.origin && self.scope == other.scope
    }
}

impl<A> Eq for ControlGrant<A> {}

impl<A> Clone for ControlReach<A> {
    fn clone(&self) -> Self {
        Self {
            origin: self.origin.clone(),
            scopes: self.scopes.clone(),
            action: PhantomData,
        }
    }
}

impl<A: ControlAction> fmt::Debug for ControlGrant<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ControlGrant({} on {} for {})",
            A::ACTION,
            self.scope,
            self.origin.actor()
        )
    }
}

impl<A: ControlAction> fmt::Debug for ControlReach<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ControlReach({} on {:?} for {})",
            A::ACTION,
            self.scopes,
            self.origin.actor()
        )
    }
}

mod sealed {
    pub trait Sealed {}
}

/// An action of ARM. Sealed: the actions are those in [`control`](crate::control).
pub trait ControlAction: sealed::Sealed + 'static {
    /// The action, as roles name it.
    const ACTION: &'static str;
    /// The action of reading the same thing: who lacks it must not learn whether the thing exists.
    const READ: &'static str;
}
