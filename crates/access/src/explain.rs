//! Why an assignment does or does not count: for people who ask. Each answer is found by asking the decision again with
//! one thing changed, so that it cannot drift from what is decided. It grants nothing.

use std::fmt;

use crate::{Assignment, Rights, RoleAssignmentMode, rights_of};

/// The first thing that keeps an assignment from allowing what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Obstacle {
    /// The role would not allow it anywhere in this registry.
    Role,
    /// The role would allow it in a registry of the other mode.
    Mode,
    /// The condition does not hold, or the role takes none.
    Condition,
    /// The assignment is for another place.
    Scope,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Role => "the role does not allow it",
            Self::Mode => "the role does not count in this registry's role assignment mode",
            Self::Condition => "its condition does not hold",
            Self::Scope => "it is for another scope",
        })
    }
}

/// What keeps an assignment from allowing something in the registry at `registry_scope` (an ARM id in lower case);
/// `None` if it allows it. `wanted` tells whether rights are enough.
pub fn content_obstacle(
    assignment: &Assignment,
    registry_scope: &str,
    mode: RoleAssignmentMode,
    wanted: impl Fn(&Rights) -> bool,
) -> Option<Obstacle> {
    let is_enough = |one: &Assignment, mode| wanted(&rights_of(std::slice::from_ref(one), registry_scope, mode));
    if is_enough(assignment, mode) {
        return None;
    }
    let without_condition = Assignment {
        condition: None,
        ..assignment.clone()
    };
    let everywhere = Assignment {
        scope: registry_scope.to_owned(),
        ..without_condition.clone()
    };
    let other_mode = match mode {
        RoleAssignmentMode::Legacy => RoleAssignmentMode::Abac,
        RoleAssignmentMode::Abac => RoleAssignmentMode::Legacy,
    };
    Some(match () {
        () if !is_enough(&everywhere, mode) && is_enough(&everywhere, other_mode) => Obstacle::Mode,
        () if !is_enough(&everywhere, mode) => Obstacle::Role,
        () if !is_enough(&without_condition, mode) => Obstacle::Scope,
        () => Obstacle::Condition,
    })
}

/// What keeps an assignment from allowing an action of ARM at a scope; `None` if it allows it.
#[must_use]
pub fn control_obstacle(assignment: &Assignment, action: &str, scope: &str) -> Option<Obstacle> {
    let is_role_enough = assignment.role.role().is_some_and(|role| role.allows(action));
    match () {
        () if assignment.allows(action, scope) => None,
        () if !is_role_enough => Some(Obstacle::Role),
        () if !assignment.covers(scope) => Some(Obstacle::Scope),
        () => Some(Obstacle::Condition),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Condition, Permission, Role, RoleId};

    const HERE: &str = "/subscriptions/s/resourcegroups/g/providers/microsoft.containerregistry/registries/r";

    fn reader() -> RoleId {
        Role::find("Container Registry Repository Reader").unwrap().id
    }

    fn under(condition: &str) -> Assignment {
        let name = "@Request[Microsoft.ContainerRegistry/registries/repositories:name]";
        Assignment {
            condition: Some(Condition::parse(&format!("({name} {condition})")).unwrap()),
            ..Assignment::new(reader(), HERE)
        }
    }

    #[test]
    fn the_first_obstacle_is_named() {
        let (legacy, abac) = (RoleAssignmentMode::Legacy, RoleAssignmentMode::Abac);
        let below = |tail: &str, role| Assignment::new(role, format!("{HERE}/repositories/{tail}"));
        for (assignment, mode, expected) in [
            (Assignment::new(RoleId::ACR_PULL, HERE), legacy, None),
            (Assignment::new(RoleId::ACR_PULL, HERE), abac, Some(Obstacle::Mode)),
            (Assignment::new(reader(), HERE), legacy, Some(Obstacle::Mode)),
            (Assignment::new(RoleId::ACR_DELETE, HERE), legacy, Some(Obstacle::Role)),
            (below("team/*", RoleId::ACR_PULL), legacy, None),
            (below("other/*", RoleId::ACR_PULL), legacy, Some(Obstacle::Scope)),
            (
                Assignment::new(RoleId::ACR_PULL, format!("{HERE}2")),
                legacy,
                Some(Obstacle::Scope),
            ),
            (under("StringEquals 'team/app'"), abac, None),
            (under("StringEquals 'team/web'"), abac, Some(Obstacle::Condition)),
            (under("StringEquals 'team/app'"), legacy, Some(Obstacle::Mode)),
        ] {
            let name = "team/app".parse().unwrap();
            let found = content_obstacle(&assignment, HERE, mode, |rights| {
                rights.permissions_on(&name).contains(Permission::Pull)
            });
            assert_eq!(found, expected, "{assignment:?} {mode:?}");
        }
    }

    #[test]
    fn actions_of_arm_have_obstacles_too() {
        let read = "Microsoft.ContainerRegistry/registries/read";
        for (assignment, expected) in [
            (Assignment::new(RoleId::READER, "/subscriptions/s"), None),
            (Assignment::new(RoleId::ACR_PUSH, HERE), Some(Obstacle::Role)),
            (
                Assignment::new(RoleId::READER, "/subscriptions/t"),
                Some(Obstacle::Scope),
            ),
        ] {
            assert_eq!(control_obstacle(&assignment, read, HERE), expected, "{assignment:?}");
        }
    }
}
