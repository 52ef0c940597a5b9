//! Claims about principals, their secrets and their roles.

use holdfast_access::RoleId;
use holdfast_registry::Timestamp;
use holdfast_registry::ports::{Metadata, PrincipalRecord, PrincipalSecret, RoleAssignment};
use uuid::Uuid;

use super::fixture;

fn principal() -> PrincipalRecord {
    PrincipalRecord {
        id: Uuid::new_v4(),
        app_id: Uuid::new_v4(),
        display_name: "Büro".to_owned(),
        generation: 3,
        created_at: Timestamp(4),
    }
}

/// Both ids find the principal with its secrets and roles, and nobody else's.
pub async fn a_principal_reads_back_as_written(metadata: &dyn Metadata) {
    let (one, other) = (principal(), principal());
    let secret = PrincipalSecret {
        id: Uuid::new_v4(),
        principal: one.id,
        verifier: [7; 32],
        expires_at: Timestamp(9),
        created_at: Timestamp(5),
    };
    let assignment = RoleAssignment {
        id: Uuid::new_v4(),
        principal: one.id,
        role: RoleId::ACR_PULL,
        scope: "/subscriptions/s".to_owned(),
        created_at: Timestamp(6),
    };
    let (id, app_id, other_id) = (one.id, one.app_id, other.id);
    let written = (one.clone(), secret.clone(), assignment.clone());
    fixture::write(metadata, move |tx| {
        tx.insert_principal(&written.0)?;
        tx.insert_principal(&other)?;
        tx.insert_principal_secret(&written.1)?;
        tx.insert_role_assignment(&written.2)
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
        Ok((
            read.list_principal_secrets(id)?,
            read.list_role_assignments(id)?,
            read.list_principal_secrets(other_id)?,
            read.list_role_assignments(other_id)?,
        ))
    })
    .await;
    assert_eq!(lists, (vec![secret], vec![assignment], vec![], vec![]));
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
