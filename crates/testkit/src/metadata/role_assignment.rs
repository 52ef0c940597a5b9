//! Claims about role assignments.

use holdfast_access::RoleId;
use holdfast_model::{Counted, Metadata, PrincipalType, RoleAssignment, Timestamp, WrittenCondition};
use uuid::Uuid;

use super::{fixture, principal::principal};

/// An assignment without anything optional.
pub(super) fn assignment(principal: Uuid, role: RoleId, scope: &str) -> RoleAssignment {
    RoleAssignment {
        id: Uuid::new_v4(),
        principal,
        principal_type: PrincipalType::ServicePrincipal,
        role,
        scope: scope.to_lowercase(),
        shown_scope: scope.to_owned(),
        condition: None,
        description: None,
        created_at: Timestamp(6),
        created_by: "operator".to_owned(),
        updated_at: Timestamp(7),
        updated_by: "somebody".to_owned(),
    }
}

/// Makes a principal with a role at each scope.
async fn with_roles(metadata: &dyn Metadata, scopes: &[&str]) -> (Uuid, Vec<RoleAssignment>) {
    let owner = principal();
    let id = owner.id;
    let made: Vec<RoleAssignment> = scopes
        .iter()
        .map(|scope| assignment(id, RoleId::READER, scope))
        .collect();
    let written = made.clone();
    fixture::write(metadata, move |tx| {
        tx.insert_principal(&owner)?;
        written.iter().try_for_each(|one| tx.insert_role_assignment(one))
    })
    .await;
    (id, made)
}

fn scopes(assignments: &[RoleAssignment]) -> Vec<&str> {
    assignments.iter().map(|assignment| assignment.scope.as_str()).collect()
}

/// Its id finds it, and so does its principal, nobody else.
pub async fn a_role_assignment_reads_back_as_written(metadata: &dyn Metadata) {
    let (one, other) = (principal(), principal());
    let full = RoleAssignment {
        principal_type: PrincipalType::User,
        condition: Some(WrittenCondition {
            text: "(@Request[a:b] StringEquals 'ü')".to_owned(),
            version: "2.0".to_owned(),
        }),
        description: Some("für Büro".to_owned()),
        ..assignment(one.id, RoleId::ACR_PULL, "/subscriptions/S")
    };
    let bare = assignment(other.id, RoleId::READER, "/");
    let (principal, written) = (one.id, (full.clone(), bare.clone()));
    fixture::write(metadata, move |tx| {
        tx.insert_principal(&one)?;
        tx.insert_principal(&other)?;
        tx.insert_role_assignment(&written.0)?;
        tx.insert_role_assignment(&written.1)
    })
    .await;
    let ids = (full.id, bare.id);
    let found = fixture::read(metadata, move |read| {
        Ok((
            read.find_role_assignment(ids.0)?,
            read.find_role_assignment(ids.1)?,
            read.find_role_assignment(principal)?,
            read.list_role_assignments(principal)?,
            read.count(Counted::RoleAssignments)?,
        ))
    })
    .await;
    assert_eq!(found, (Some(full.clone()), Some(bare), None, vec![full], 2));
}

/// One role of one principal at one scope is one assignment, and so is one id.
pub async fn a_role_is_assigned_once(metadata: &dyn Metadata) {
    let (principal, made) = with_roles(metadata, &["/"]).await;
    let again = assignment(principal, RoleId::READER, "/");
    let same_id = RoleAssignment {
        id: made[0].id,
        ..assignment(principal, RoleId::OWNER, "/")
    };
    for refused in [again, same_id] {
        let written = fixture::try_write(metadata, move |tx| tx.insert_role_assignment(&refused)).await;
        assert!(written.is_err());
    }
}

/// A scope's neighbours whose names begin alike are not in it.
pub async fn assignments_are_listed_by_scope(metadata: &dyn Metadata) {
    let all = ["/", "/s/A", "/s/a/g/x", "/s/a-b", "/s/a.b", "/s/a0", "/s/ab/g/x"];
    with_roles(metadata, &all).await;
    for (scope, at, below) in [
        ("/", vec!["/"], all[1..].to_vec()),
        ("/s/a", vec!["/s/a"], vec!["/s/a/g/x"]),
        ("/s/a/g", vec![], vec!["/s/a/g/x"]),
        ("/s/a/g/x", vec!["/s/a/g/x"], vec![]),
        ("/s/b", vec![], vec![]),
    ] {
        let within = fixture::read(metadata, move |read| read.count_role_assignments_within(scope)).await;
        assert_eq!(within, (at.len() + below.len()) as u64, "{scope}");
        let found = fixture::read(metadata, move |read| {
            Ok((
                read.list_role_assignments_at(scope)?,
                read.list_role_assignments_below(scope)?,
            ))
        })
        .await;
        let mut below: Vec<String> = below.iter().map(|scope| scope.to_lowercase()).collect();
        below.sort();
        assert_eq!(scopes(&found.0), at, "at {scope}");
        assert_eq!(scopes(&found.1), below, "below {scope}");
    }
}

/// Who, what and where stay whatever an update says.
pub async fn an_update_writes_condition_and_description_only(metadata: &dyn Metadata) {
    let (_, made) = with_roles(metadata, &["/s/a", "/s/b"]).await;
    let changed = RoleAssignment {
        condition: Some(WrittenCondition {
            text: "a".to_owned(),
            version: "2.0".to_owned(),
        }),
        description: Some("why".to_owned()),
        updated_at: Timestamp(90),
        updated_by: "another".to_owned(),
        ..made[0].clone()
    };
    let update = RoleAssignment {
        role: RoleId::OWNER,
        scope: "/".to_owned(),
        shown_scope: "/".to_owned(),
        created_at: Timestamp(80),
        ..changed.clone()
    };
    fixture::write(metadata, move |tx| tx.update_role_assignment(&update)).await;
    let ids = (made[0].id, made[1].id);
    let found = fixture::read(metadata, move |read| {
        Ok((read.find_role_assignment(ids.0)?, read.find_role_assignment(ids.1)?))
    })
    .await;
    assert_eq!(found, (Some(changed), Some(made[1].clone())));
}

/// By id, and by what the scope names.
pub async fn assignments_are_removed(metadata: &dyn Metadata) {
    let (_, made) = with_roles(metadata, &["/s/a", "/s/a/r", "/s/a/r/x", "/s/a/rr"]).await;
    let id = made[0].id;
    let done = fixture::write(metadata, move |tx| {
        Ok((
            tx.remove_role_assignment(id)?,
            tx.remove_role_assignment(id)?,
            tx.remove_role_assignments_within("/s/a/r")?,
            tx.remove_role_assignments_within("/s/a/r")?,
            tx.list_role_assignments_below("/")?,
        ))
    })
    .await;
    assert_eq!((done.0, done.1, done.2, done.3), (true, false, 2, 0));
    assert_eq!(scopes(&done.4), ["/s/a/rr"]);
}
