//! Role assignments: giving principals roles at scopes, and taking them away. A scope is what the grant is for; it must
//! exist, but for a repository, which may come later. It refuses to decide what a role allows: `holdfast_access` does.

use holdfast_access::{
    Actor, Assignment, Condition, ControlGrant, RoleId, assignment::scope_covers, condition::CONDITION_VERSION, control,
};
use holdfast_arm::ResourceId;
use uuid::Uuid;

use holdfast_model::{
    Counted, Durability, MetadataError, MetadataExt, PrincipalRecord, PrincipalType, Read, RoleAssignment,
    StorageError, Timestamp, Tx, WrittenCondition,
};
mod error;

use crate::{
    Directory,
    limits::{
        MAX_ROLE_ASSIGNMENTS, MAX_ROLE_ASSIGNMENTS_BELOW_ROOT, MAX_ROLE_ASSIGNMENTS_IN_GROUPS,
        MAX_ROLE_ASSIGNMENTS_PER_AUTHOR, MAX_ROLE_ASSIGNMENTS_PER_GROUP,
    },
    person::is_person,
};
pub use error::RoleError;
use holdfast_resources::find_storage_account;

/// A role for a principal, as asked for.
#[derive(Debug, Clone)]
pub struct NewRoleAssignment {
    /// The id that the caller chose.
    pub id: Uuid,
    /// Who gets the role.
    pub principal: Uuid,
    /// What the caller takes the principal for; `None` if it did not say.
    pub principal_type: Option<String>,
    /// The role; a built-in one.
    pub role: RoleId,
    /// What limits it.
    pub condition: Option<Condition>,
    /// A text for people.
    pub description: Option<String>,
}

impl Directory {
    /// Gives the role at the scope of the grant, or, when the id is that of the same role for the same principal there,
    /// replaces its condition and description. Says whether the assignment is new.
    ///
    /// # Errors
    /// [`RoleError::ScopeUnknown`], [`RoleError::PrincipalUnknown`], [`RoleError::PrincipalTypeDiffers`],
    /// [`RoleError::TakesNoCondition`], [`RoleError::AlreadyAssigned`], [`RoleError::AssignmentFixed`],
    /// [`RoleError::TooMany`], [`RoleError::Storage`].
    pub async fn put_role_assignment(
        &self,
        grant: &ControlGrant<control::RoleAssignmentsWrite>,
        new: NewRoleAssignment,
    ) -> Result<(RoleAssignment, bool), RoleError> {
        if let (Some(role), Some(_)) = (new.role.role(), &new.condition)
            && !role.takes_condition()
        {
            return Err(RoleError::TakesNoCondition { role: role.name });
        }
        let (by, now) = (written_by(grant.actor()), self.clock.now());
        let scope = grant.scope().clone();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                check_scope(tx, &scope)?;
                let principal_type = check_principal(tx, &new)?;
                let wanted = new.clone().record(&scope, principal_type, by.clone(), now);
                match tx.find_role_assignment(wanted.id)? {
                    Some(found) => replace(tx, found, wanted).map(|assignment| (assignment, false)),
                    None => {
                        insert(tx, &wanted)?;
                        Ok((wanted, true))
                    }
                }
            })
            .await
    }

    /// The assignment of an id at exactly the scope that the grant is for.
    ///
    /// # Errors
    /// [`RoleError::AssignmentUnknown`], [`RoleError::Storage`].
    pub async fn load_role_assignment(
        &self,
        grant: &ControlGrant<control::RoleAssignmentsRead>,
        id: Uuid,
    ) -> Result<RoleAssignment, RoleError> {
        let scope = grant.scope().clone();
        self.metadata
            .query(move |read| find_at(read, id, scope.key())?.ok_or_else(|| RoleError::AssignmentUnknown { id }))
            .await
    }

    /// Takes the role away and returns what it was; `None` when there is no such assignment at the scope.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn remove_role_assignment(
        &self,
        grant: &ControlGrant<control::RoleAssignmentsDelete>,
        id: Uuid,
    ) -> Result<Option<RoleAssignment>, StorageError> {
        let scope = grant.scope().clone();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let found = find_at(tx, id, scope.key())?;
                if found.is_some() {
                    tx.remove_role_assignment(id)?;
                }
                Ok(found)
            })
            .await
    }

    /// The assignments that count at the scope of the grant or inside it: those at it, around it and below it. At most
    /// as many as there can be in all.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_role_assignments(
        &self,
        grant: &ControlGrant<control::RoleAssignmentsRead>,
    ) -> Result<Vec<RoleAssignment>, StorageError> {
        let scope = grant.scope().clone();
        Ok(self.metadata.query(move |read| list_near(read, &scope)).await?)
    }
}

impl NewRoleAssignment {
    fn record(self, scope: &ResourceId, principal_type: PrincipalType, by: String, now: Timestamp) -> RoleAssignment {
        RoleAssignment {
            id: self.id,
            principal: self.principal,
            principal_type,
            role: self.role,
            scope: scope.key().to_owned(),
            shown_scope: scope.as_str().to_owned(),
            condition: self.condition.map(|condition| WrittenCondition {
                text: condition.as_str().to_owned(),
                version: CONDITION_VERSION.to_owned(),
            }),
            description: self.description,
            created_at: now,
            created_by: by.clone(),
            updated_at: now,
            updated_by: by,
        }
    }
}

/// The role that a principal starts with, made together with it, at the scope of the grant to assign it.
pub(crate) fn first_role(
    id: Uuid,
    principal: &PrincipalRecord,
    role: RoleId,
    assign: &ControlGrant<control::RoleAssignmentsWrite>,
) -> RoleAssignment {
    let (by, at) = (written_by(assign.actor()), principal.created_at);
    RoleAssignment {
        id,
        principal: principal.id,
        principal_type: type_of(principal),
        role,
        scope: assign.scope().key().to_owned(),
        shown_scope: assign.scope().key().to_owned(),
        condition: None,
        description: None,
        created_at: at,
        created_by: by.clone(),
        updated_at: at,
        updated_by: by,
    }
}

/// Inserts an assignment unless there are too many, or the principal has the role there already.
pub(crate) fn insert(tx: &mut dyn Tx, assignment: &RoleAssignment) -> Result<(), RoleError> {
    let others = tx.list_role_assignments(assignment.principal)?;
    let is_same = |other: &&RoleAssignment| other.role == assignment.role && other.scope == assignment.scope;
    if let Some(other) = others.iter().find(is_same) {
        return Err(RoleError::AlreadyAssigned { id: other.id });
    }
    check_room(tx, &assignment.scope, &assignment.created_by)?;
    Ok(tx.insert_role_assignment(assignment)?)
}

/// Whether there is room for another assignment at a scope. The wider the scope, the more of the whole it may use, so that
/// nobody who gives out roles in a group takes away the means of those above; and nobody but the operator may use it all.
fn check_room(read: &mut dyn Read, scope: &str, author: &str) -> Result<(), RoleError> {
    let group = group_of(scope);
    let most = match &group {
        Some(_) => MAX_ROLE_ASSIGNMENTS_IN_GROUPS,
        None if scope != "/" => MAX_ROLE_ASSIGNMENTS_BELOW_ROOT,
        None => MAX_ROLE_ASSIGNMENTS,
    };
    if read.count(Counted::RoleAssignments)? >= most {
        return Err(RoleError::TooMany { limit: most });
    }
    if author != Actor::Operator.key()
        && read.count(Counted::RoleAssignmentsBy(author))? >= MAX_ROLE_ASSIGNMENTS_PER_AUTHOR
    {
        let limit = MAX_ROLE_ASSIGNMENTS_PER_AUTHOR;
        return Err(RoleError::TooManyByAuthor { limit });
    }
    if let Some(group) = group
        && read.count_role_assignments_within(group.key())? >= MAX_ROLE_ASSIGNMENTS_PER_GROUP
    {
        let limit = MAX_ROLE_ASSIGNMENTS_PER_GROUP;
        return Err(RoleError::TooManyInGroup { limit });
    }
    Ok(())
}

/// The resource group that a scope is or lies in.
fn group_of(scope: &str) -> Option<ResourceId> {
    let id = ResourceId::parse(scope).ok()?;
    std::iter::successors(Some(id), ResourceId::parent)
        .find(|id| id.resource_group().is_some() && id.providers().is_empty())
}

/// The assignments as decisions take them. One whose condition cannot be read any more allows nothing.
#[must_use]
pub fn in_force(rows: Vec<RoleAssignment>) -> Vec<Assignment> {
    let assignment = |row: RoleAssignment| {
        let condition = row.condition.map(|written| Condition::parse(&written.text));
        Some(Assignment {
            role: row.role,
            scope: row.scope,
            condition: condition.transpose().ok()?,
        })
    };
    rows.into_iter().filter_map(assignment).collect()
}

/// Who did it, as assignments and applications keep it.
pub(crate) fn written_by(actor: &Actor) -> String {
    match actor {
        Actor::Principal { id } => id.clone(),
        other => other.to_string(),
    }
}

fn replace(tx: &mut dyn Tx, found: RoleAssignment, wanted: RoleAssignment) -> Result<RoleAssignment, RoleError> {
    let what = |one: &RoleAssignment| (one.principal, one.role, one.scope.clone());
    if what(&found) != what(&wanted) {
        return Err(RoleError::AssignmentFixed { id: found.id });
    }
    let changed = RoleAssignment {
        condition: wanted.condition,
        description: wanted.description,
        updated_at: wanted.updated_at,
        updated_by: wanted.updated_by,
        ..found
    };
    tx.update_role_assignment(&changed)?;
    Ok(changed)
}

/// What the principal is.
fn check_principal(read: &mut dyn Read, new: &NewRoleAssignment) -> Result<PrincipalType, RoleError> {
    let id = new.principal;
    let Some(principal) = read.find_principal(id)? else {
        let directory = read
            .find_directory()?
            .map_or(Uuid::nil(), |directory| directory.tenant_id);
        return Err(RoleError::PrincipalUnknown { id, directory });
    };
    let found = type_of(&principal);
    match &new.principal_type {
        Some(wanted) if !wanted.eq_ignore_ascii_case(found.as_str()) => Err(RoleError::PrincipalTypeDiffers {
            id,
            wanted: wanted.clone(),
            found,
        }),
        _ => Ok(found),
    }
}

fn type_of(principal: &PrincipalRecord) -> PrincipalType {
    if is_person(principal) {
        PrincipalType::User
    } else {
        PrincipalType::ServicePrincipal
    }
}

/// Roles are given at the root, a subscription, a group, a storage account, a registry, and its repositories.
fn check_scope(read: &mut dyn Read, scope: &ResourceId) -> Result<(), RoleError> {
    let unknown = || RoleError::ScopeUnknown {
        scope: scope.as_str().to_owned(),
    };
    if scope.is_root() {
        return Ok(());
    }
    let subscription = scope.subscription().and_then(|id| Uuid::parse_str(id).ok());
    let subscription = subscription.ok_or_else(unknown)?;
    let is_ours = read.find_subscription(subscription)?.is_some();
    let is_there = match (scope.resource_group(), scope.registry_id()) {
        (None, _) => scope.providers().is_empty(),
        (Some(group), None) if scope.providers().is_empty() => read.find_resource_group(subscription, group)?.is_some(),
        (Some(_), None) => find_storage_account(read, scope)?.is_some(),
        (Some(_), Some(registry)) => {
            let is_place = registry == *scope || scope.repository().is_some();
            // A malformed name or pattern covers not even itself.
            let is_formed = scope_covers(scope.key(), scope.key());
            let found = read.find_registry_by_name(registry.name())?;
            is_place && is_formed && found.is_some_and(|found| found.scope() == registry.key() && !found.is_deleting)
        }
    };
    if is_ours && is_there { Ok(()) } else { Err(unknown()) }
}

fn find_at(read: &mut dyn Read, id: Uuid, scope: &str) -> Result<Option<RoleAssignment>, MetadataError> {
    Ok(read.find_role_assignment(id)?.filter(|found| found.scope == scope))
}

fn list_near(read: &mut dyn Read, scope: &ResourceId) -> Result<Vec<RoleAssignment>, MetadataError> {
    // Patterns of repositories overlap, so for a repository all those of its registry are looked at.
    let base = match scope.registry_id() {
        Some(registry) if scope.repository().is_some() => registry,
        _ => scope.clone(),
    };
    let around = std::iter::successors(base.parent(), ResourceId::parent);
    let mut found = Vec::new();
    for outer in around.collect::<Vec<_>>().iter().rev() {
        found.extend(read.list_role_assignments_at(outer.key())?);
    }
    found.extend(read.list_role_assignments_at(base.key())?);
    found.extend(read.list_role_assignments_below(base.key())?);
    found.retain(|one| scope_covers(&one.scope, scope.key()) || scope_covers(scope.key(), &one.scope));
    Ok(found)
}
