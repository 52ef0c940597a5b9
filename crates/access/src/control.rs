//! The decision of the control plane: may this caller do this to this resource? Its answer, a [`ControlGrant`], is what
//! the operations on registries, groups, principals and assignments demand.
//!
//! The counterpart of [`decide`](crate::decide) for ARM. Here callers have role assignments and things have scopes, and a
//! refusal says whether the caller may know that the thing is there: a face answers 403 `AuthorizationFailed` if so, else
//! as if there were nothing. It runs before any row of the thing is read.

use std::fmt;
use std::marker::PhantomData;

use crate::{Actor, Assignment, RoleId, assignment::scope_covers};

/// Who calls ARM, with the role assignments of today. Made by a face for each request after it checked the token.
#[derive(Clone, Debug)]
pub struct ControlCaller {
    actor: Actor,
    assignments: Vec<Assignment>,
}

impl ControlCaller {
    /// A caller with all assignments of the principal, whatever their scope.
    #[must_use]
    pub fn new(actor: Actor, assignments: Vec<Assignment>) -> Self {
        Self { actor, assignments }
    }

    /// The operator of this server, and its background jobs: owner of everything.
    #[must_use]
    pub fn operator() -> Self {
        Self::new(Actor::Operator, vec![Assignment::new(RoleId::OWNER, "/")])
    }

    /// Who calls.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
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

/// Decides whether the caller may do `A` at a scope: the ARM id, in lower case, of the thing itself, or of where it is to
/// be made. For a role assignment that is the scope which it is for.
///
/// # Errors
/// The [`ControlRefusal`] that the error is written from.
pub fn decide_control<A: ControlAction>(
    caller: &ControlCaller,
    scope: &str,
) -> Result<ControlGrant<A>, ControlRefusal> {
    if caller.allows(A::ACTION, scope) {
        return Ok(ControlGrant::new(caller.actor.clone(), scope));
    }
    Err(ControlRefusal {
        actor: caller.actor.clone(),
        action: A::ACTION,
        scope: scope.to_owned(),
        may_know: caller.allows(A::READ, scope),
    })
}

/// Where the caller may do `A`: for lists, which are never refused but hold only what the caller may see.
#[must_use]
pub fn reach_of<A: ControlAction>(caller: &ControlCaller) -> ControlReach<A> {
    let allowing = caller.assignments.iter().filter(|a| a.allows(A::ACTION, &a.scope));
    ControlReach {
        actor: caller.actor.clone(),
        scopes: allowing.map(|assignment| assignment.scope.clone()).collect(),
        action: PhantomData,
    }
}

/// Proof that `actor` may do `A` at one scope.
///
/// ```
/// use holdfast_access::{ControlCaller, ControlGrant, control, decide_control};
///
/// fn erase(grant: &ControlGrant<control::RegistriesDelete>) -> String {
///     format!("{} erases {}", grant.actor(), grant.scope())
/// }
///
/// let grant = decide_control(&ControlCaller::operator(), "/subscriptions/s").unwrap();
/// assert_eq!(erase(&grant), "operator erases /subscriptions/s");
/// ```
///
/// There is no other way to one, and one for another action does not do:
///
/// ```compile_fail,E0624
/// use holdfast_access::{Actor, ControlGrant, control};
/// let _ = ControlGrant::<control::RegistriesDelete>::new(Actor::Operator, "/");
/// ```
///
/// ```compile_fail,E0308
/// use holdfast_access::{ControlCaller, ControlGrant, control, decide_control};
/// fn erase(_: ControlGrant<control::RegistriesDelete>) {}
/// let grant = decide_control::<control::RegistriesRead>(&ControlCaller::operator(), "/");
/// erase(grant.unwrap());
/// ```
pub struct ControlGrant<A> {
    actor: Actor,
    scope: String,
    action: PhantomData<fn() -> A>,
}

/// Proof of where `actor` may do `A`.
pub struct ControlReach<A> {
    actor: Actor,
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
    fn new(actor: Actor, scope: &str) -> Self {
        Self {
            actor,
            scope: scope.to_owned(),
            action: PhantomData,
        }
    }

    /// The scope that was decided on: an ARM id in lower case.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Who acts.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }
}

impl<A: ControlAction> ControlReach<A> {
    /// The scopes at and inside of which the caller may do it: ARM ids in lower case, or patterns of repositories. Some may
    /// lie inside others.
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
    pub fn grant(&self, scope: &str) -> Option<ControlGrant<A>> {
        self.covers(scope).then(|| ControlGrant::new(self.actor.clone(), scope))
    }

    /// Who acts.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }
}

// By hand, because a derive would demand the traits of the marker too.
impl<A> Clone for ControlGrant<A> {
    fn clone(&self) -> Self {
        Self {
            actor: self.actor.clone(),
            scope: self.scope.clone(),
            action: PhantomData,
        }
    }
}

impl<A> Clone for ControlReach<A> {
    fn clone(&self) -> Self {
        Self {
            actor: self.actor.clone(),
            scopes: self.scopes.clone(),
            action: PhantomData,
        }
    }
}

impl<A: ControlAction> fmt::Debug for ControlGrant<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ControlGrant({} on {} for {})", A::ACTION, self.scope, self.actor)
    }
}

impl<A: ControlAction> fmt::Debug for ControlReach<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ControlReach({} on {:?} for {})", A::ACTION, self.scopes, self.actor)
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

macro_rules! control_actions {
    ($($name:ident: $action:literal, read by $read:literal;)+) => {
        $(
            #[doc = concat!("`", $action, "`")]
            #[derive(Debug)]
            pub enum $name {}
            impl sealed::Sealed for $name {}
            impl ControlAction for $name {
                const ACTION: &'static str = $action;
                const READ: &'static str = $read;
            }
        )+

        /// Every action of ARM that this server asks roles for, with the one that reads the same thing: for the list of
        /// operations, and for tests that must miss none.
        pub const ACTIONS: &[(&str, &str)] = &[$(($action, $read),)+];
    };
}

control_actions! {
    SubscriptionsRead: "Microsoft.Resources/subscriptions/read", read by "Microsoft.Resources/subscriptions/read";
    LocationsRead: "Microsoft.Resources/subscriptions/locations/read", read by "Microsoft.Resources/subscriptions/read";
    ProvidersRead: "Microsoft.Resources/subscriptions/providers/read", read by "Microsoft.Resources/subscriptions/read";
    ResourcesRead: "Microsoft.Resources/subscriptions/resources/read", read by "Microsoft.Resources/subscriptions/resources/read";
    ResourceGroupsRead: "Microsoft.Resources/subscriptions/resourceGroups/read", read by "Microsoft.Resources/subscriptions/resourceGroups/read";
    ResourceGroupsWrite: "Microsoft.Resources/subscriptions/resourceGroups/write", read by "Microsoft.Resources/subscriptions/resourceGroups/read";
    ResourceGroupsDelete: "Microsoft.Resources/subscriptions/resourceGroups/delete", read by "Microsoft.Resources/subscriptions/resourceGroups/read";

    RegisterProvider: "Microsoft.ContainerRegistry/register/action", read by "Microsoft.Resources/subscriptions/read";
    CheckNameAvailability: "Microsoft.ContainerRegistry/checkNameAvailability/read", read by "Microsoft.Resources/subscriptions/read";
    OperationResultsRead: "Microsoft.ContainerRegistry/locations/operationResults/read", read by "Microsoft.Resources/subscriptions/read";
    RegistriesRead: "Microsoft.ContainerRegistry/registries/read", read by "Microsoft.ContainerRegistry/registries/read";
    RegistriesWrite: "Microsoft.ContainerRegistry/registries/write", read by "Microsoft.ContainerRegistry/registries/read";
    RegistriesDelete: "Microsoft.ContainerRegistry/registries/delete", read by "Microsoft.ContainerRegistry/registries/read";
    OperationStatusesRead: "Microsoft.ContainerRegistry/registries/operationStatuses/read", read by "Microsoft.ContainerRegistry/registries/read";
    ImportImage: "Microsoft.ContainerRegistry/registries/importImage/action", read by "Microsoft.ContainerRegistry/registries/read";
    ListCredentials: "Microsoft.ContainerRegistry/registries/listCredentials/action", read by "Microsoft.ContainerRegistry/registries/read";
    RegenerateCredential: "Microsoft.ContainerRegistry/registries/regenerateCredential/action", read by "Microsoft.ContainerRegistry/registries/read";
    GenerateCredentials: "Microsoft.ContainerRegistry/registries/generateCredentials/action", read by "Microsoft.ContainerRegistry/registries/read";
    ListUsages: "Microsoft.ContainerRegistry/registries/listUsages/read", read by "Microsoft.ContainerRegistry/registries/read";
    ListPolicies: "Microsoft.ContainerRegistry/registries/listPolicies/read", read by "Microsoft.ContainerRegistry/registries/read";
    UpdatePolicies: "Microsoft.ContainerRegistry/registries/updatePolicies/write", read by "Microsoft.ContainerRegistry/registries/read";
    PrivateLinkResourcesRead: "Microsoft.ContainerRegistry/registries/privateLinkResources/read", read by "Microsoft.ContainerRegistry/registries/read";
    PullRead: "Microsoft.ContainerRegistry/registries/pull/read", read by "Microsoft.ContainerRegistry/registries/read";

    ScopeMapsRead: "Microsoft.ContainerRegistry/registries/scopeMaps/read", read by "Microsoft.ContainerRegistry/registries/scopeMaps/read";
    ScopeMapsWrite: "Microsoft.ContainerRegistry/registries/scopeMaps/write", read by "Microsoft.ContainerRegistry/registries/scopeMaps/read";
    ScopeMapsDelete: "Microsoft.ContainerRegistry/registries/scopeMaps/delete", read by "Microsoft.ContainerRegistry/registries/scopeMaps/read";
    TokensRead: "Microsoft.ContainerRegistry/registries/tokens/read", read by "Microsoft.ContainerRegistry/registries/tokens/read";
    TokensWrite: "Microsoft.ContainerRegistry/registries/tokens/write", read by "Microsoft.ContainerRegistry/registries/tokens/read";
    TokensDelete: "Microsoft.ContainerRegistry/registries/tokens/delete", read by "Microsoft.ContainerRegistry/registries/tokens/read";
    WebhooksRead: "Microsoft.ContainerRegistry/registries/webhooks/read", read by "Microsoft.ContainerRegistry/registries/webhooks/read";
    WebhooksWrite: "Microsoft.ContainerRegistry/registries/webhooks/write", read by "Microsoft.ContainerRegistry/registries/webhooks/read";
    WebhooksDelete: "Microsoft.ContainerRegistry/registries/webhooks/delete", read by "Microsoft.ContainerRegistry/registries/webhooks/read";
    WebhooksPing: "Microsoft.ContainerRegistry/registries/webhooks/ping/action", read by "Microsoft.ContainerRegistry/registries/webhooks/read";
    WebhooksListEvents: "Microsoft.ContainerRegistry/registries/webhooks/listEvents/action", read by "Microsoft.ContainerRegistry/registries/webhooks/read";
    WebhooksGetCallbackConfig: "Microsoft.ContainerRegistry/registries/webhooks/getCallbackConfig/action", read by "Microsoft.ContainerRegistry/registries/webhooks/read";
    ReplicationsRead: "Microsoft.ContainerRegistry/registries/replications/read", read by "Microsoft.ContainerRegistry/registries/replications/read";
    ReplicationsWrite: "Microsoft.ContainerRegistry/registries/replications/write", read by "Microsoft.ContainerRegistry/registries/replications/read";
    ReplicationsDelete: "Microsoft.ContainerRegistry/registries/replications/delete", read by "Microsoft.ContainerRegistry/registries/replications/read";
    CacheRulesRead: "Microsoft.ContainerRegistry/registries/cacheRules/read", read by "Microsoft.ContainerRegistry/registries/cacheRules/read";
    CacheRulesWrite: "Microsoft.ContainerRegistry/registries/cacheRules/write", read by "Microsoft.ContainerRegistry/registries/cacheRules/read";
    CacheRulesDelete: "Microsoft.ContainerRegistry/registries/cacheRules/delete", read by "Microsoft.ContainerRegistry/registries/cacheRules/read";
    CredentialSetsRead: "Microsoft.ContainerRegistry/registries/credentialSets/read", read by "Microsoft.ContainerRegistry/registries/credentialSets/read";
    CredentialSetsWrite: "Microsoft.ContainerRegistry/registries/credentialSets/write", read by "Microsoft.ContainerRegistry/registries/credentialSets/read";
    CredentialSetsDelete: "Microsoft.ContainerRegistry/registries/credentialSets/delete", read by "Microsoft.ContainerRegistry/registries/credentialSets/read";
    ConnectedRegistriesRead: "Microsoft.ContainerRegistry/registries/connectedRegistries/read", read by "Microsoft.ContainerRegistry/registries/connectedRegistries/read";
    PrivateEndpointConnectionsRead: "Microsoft.ContainerRegistry/registries/privateEndpointConnections/read", read by "Microsoft.ContainerRegistry/registries/privateEndpointConnections/read";
    TasksRead: "Microsoft.ContainerRegistry/registries/tasks/read", read by "Microsoft.ContainerRegistry/registries/tasks/read";
    TaskRunsRead: "Microsoft.ContainerRegistry/registries/taskruns/read", read by "Microsoft.ContainerRegistry/registries/taskruns/read";
    RunsRead: "Microsoft.ContainerRegistry/registries/runs/read", read by "Microsoft.ContainerRegistry/registries/runs/read";
    AgentPoolsRead: "Microsoft.ContainerRegistry/registries/agentpools/read", read by "Microsoft.ContainerRegistry/registries/agentpools/read";

    StorageAccountsRead: "Microsoft.Storage/storageAccounts/read", read by "Microsoft.Storage/storageAccounts/read";
    StorageAccountsWrite: "Microsoft.Storage/storageAccounts/write", read by "Microsoft.Storage/storageAccounts/read";
    StorageAccountsDelete: "Microsoft.Storage/storageAccounts/delete", read by "Microsoft.Storage/storageAccounts/read";

    RoleAssignmentsRead: "Microsoft.Authorization/roleAssignments/read", read by "Microsoft.Authorization/roleAssignments/read";
    RoleAssignmentsWrite: "Microsoft.Authorization/roleAssignments/write", read by "Microsoft.Authorization/roleAssignments/read";
    RoleAssignmentsDelete: "Microsoft.Authorization/roleAssignments/delete", read by "Microsoft.Authorization/roleAssignments/read";
    RoleDefinitionsRead: "Microsoft.Authorization/roleDefinitions/read", read by "Microsoft.Authorization/roleDefinitions/read";

    // Holdfast's own: Azure guards its directory with directory roles. In this namespace a Contributor, whom Azure keeps
    // from giving rights away, cannot give a password to a principal that has more rights.
    PrincipalsRead: "Microsoft.Authorization/principals/read", read by "Microsoft.Authorization/principals/read";
    PrincipalsWrite: "Microsoft.Authorization/principals/write", read by "Microsoft.Authorization/principals/read";
    PrincipalsDelete: "Microsoft.Authorization/principals/delete", read by "Microsoft.Authorization/principals/read";
}
