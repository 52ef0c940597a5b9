//! Claims about principals and their roles.

use holdfast_access::RoleId;
use holdfast_registry::Timestamp;
use holdfast_registry::ports::{Metadata, PrincipalRecord, RoleAssignment};
use uuid::Uuid;

use super::fixture;

fn principal() -> PrincipalRecord {
    PrincipalRecord {
        id: Uuid::new_v4(),
        app_id: Uuid::new_v4(),
        display_name: "Büro".to_owned(),
        is_enabled: true,
        generation: 3,
        created_at: Timestamp(4),
    }
}

/// Both ids find the principal with its roles, and nobody else's.
pub async fn a_principal_reads_back_as_written(metadata: &dyn Metadata) {
    let (one, other) = (principal(), principal());
    let assignment = RoleAssignment {
        id: Uuid::new_v4(),
        principal: one.id,
        role: RoleId::ACR_PULL,
        scope: "/subscriptions/s".to_owned(),
        created_at: Timestamp(6),
    };
    let (id, app_id, other_id) = (one.id, one.app_id, other.id);
    let written = (one.clone(), assignment.clone());
    fixture::write(metadata, move |tx| {
        tx.insert_principal(&written.0)?;
        tx.insert_principal(&other)?;
        tx.insert_role_assignment(&written.1)
    })
    .await;
    let found = fixture::read(metadata, move |read| {
        Ok((
            read.find_principal(id)?,
            read.find_principal_by_app(app_id)?,
            read.find_principal_by_app(id)?,
        ))
    })
    .await;
    assert_eq!(found, (Some(one.clone()), Some(one), None));
    let lists = fixture::read(metadata, move |read| {
        Ok((read.list_role_assignments(id)?, read.list_role_assignments(other_id)?))
    })
    .await;
    assert_eq!(lists, (vec![assignment], vec![]));
}

/// One role at one scope is one assignment.
pub async fn a_role_is_assigned_once(metadata: &dyn Metadata) {
    let one = principal();
    let assignment = move || RoleAssignment {
        id: Uuid::new_v4(),
        principal: one.id,
        role: RoleId::READER,
        scope: "/".to_owned(),
        created_at: Timestamp(6),
    };
    let (first, second) = (assignment(), assignment());
    let one = PrincipalRecord {
        id: first.principal,
        ..principal()
    };
    fixture::write(metadata, move |tx| {
        tx.insert_principal(&one)?;
        tx.insert_role_assignment(&first)
    })
    .await;
    let again = fixture::try_write(metadata, move |tx| tx.insert_role_assignment(&second)).await;
    assert!(again.is_err());
}

/// What can change is written; a removed principal takes its roles along, and leaves those of others.
pub async fn a_principal_changes_and_goes_with_its_roles(metadata: &dyn Metadata) {
    let (one, other) = (principal(), principal());
    let changed = PrincipalRecord {
        display_name: "Lager".to_owned(),
        is_enabled: false,
        generation: 4,
        ..one.clone()
    };
    let assignment = |whose: Uuid| RoleAssignment {
        id: Uuid::new_v4(),
        principal: whose,
        role: RoleId::READER,
        scope: "/".to_owned(),
        created_at: Timestamp(6),
    };
    let (first, second) = (assignment(one.id), assignment(other.id));
    let (id, other_id, expected) = (one.id, other.id, changed.clone());
    let found = fixture::write(metadata, move |tx| {
        tx.insert_principal(&one)?;
        tx.insert_principal(&other)?;
        tx.insert_role_assignment(&first)?;
        tx.insert_role_assignment(&second)?;
        tx.update_principal(&changed)?;
        Ok((
            tx.find_principal(id)?,
            tx.remove_principal(id)?,
            tx.remove_principal(id)?,
            tx.list_role_assignments(id)?.len(),
            tx.list_role_assignments(other_id)?.len(),
        ))
    })
    .await;
    assert_eq!(found, (Some(expected), true, false, 0, 1));
}
