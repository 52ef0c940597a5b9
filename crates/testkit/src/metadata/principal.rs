//! Claims about principals.

use holdfast_access::RoleId;
use holdfast_model::{Metadata, PrincipalKey, PrincipalRecord, Timestamp};
use uuid::Uuid;

use super::{fixture, role_assignment::assignment};

/// A principal that nobody else is.
pub(super) fn principal() -> PrincipalRecord {
    PrincipalRecord {
        id: Uuid::new_v4(),
        app_id: Uuid::new_v4(),
        display_name: "Büro".to_owned(),
        is_enabled: true,
        generation: 3,
        created_at: Timestamp(4),
    }
}

/// Both ids find the principal, and nobody else.
pub async fn a_principal_reads_back_as_written(metadata: &dyn Metadata) {
    let (one, other) = (principal(), principal());
    let (id, app_id, written) = (one.id, one.app_id, one.clone());
    fixture::write(metadata, move |tx| {
        tx.insert_principal(&written)?;
        tx.insert_principal(&other)
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
}

/// Many are looked up in one read, by either id; what is not there is left out.
pub async fn several_principals_are_found_at_once(metadata: &dyn Metadata) {
    let mut all = [principal(), principal(), principal()];
    all.sort_by_key(|one| one.id);
    let written = all.clone();
    fixture::write(metadata, move |tx| {
        written.iter().try_for_each(|one| tx.insert_principal(one))
    })
    .await;
    let (ids, app_ids) = (
        [all[1].id, Uuid::new_v4(), all[0].id],
        [all[0].app_id, all[2].app_id, all[2].id],
    );
    let (mut by_id, mut by_app) = fixture::read(metadata, move |read| {
        Ok((read.find_principals(&ids)?, read.find_principals_by_app(&app_ids)?))
    })
    .await;
    by_id.sort_by_key(|one| one.id);
    by_app.sort_by_key(|one| one.id);
    assert_eq!(by_id, all[..2]);
    assert_eq!(by_app, [all[0].clone(), all[2].clone()]);
}

/// Its roles come with it, in the order in which they are listed; none is no reason not to find it.
pub async fn a_principal_is_found_with_its_roles(metadata: &dyn Metadata) {
    let (one, other) = (principal(), principal());
    let roles = [
        assignment(one.id, RoleId::READER, "/subscriptions/two"),
        assignment(one.id, RoleId::READER, "/"),
        assignment(one.id, RoleId::ACR_PULL, "/"),
    ];
    let (written, also) = (one.clone(), other.clone());
    let listed = fixture::write(metadata, move |tx| {
        tx.insert_principal(&written)?;
        tx.insert_principal(&also)?;
        for role in &roles {
            tx.insert_role_assignment(role)?;
        }
        tx.list_role_assignments(written.id)
    })
    .await;
    assert_eq!(listed.len(), 3);
    let registry = fixture::registry(metadata, "home").await.id;
    let find = async |key| {
        let found = fixture::read(metadata, move |read| read.find_access_and_principal("HOME", key)).await;
        let (access, principal) = found.expect("the registry is there");
        assert_eq!(access.id, registry);
        principal
    };
    for key in [PrincipalKey::Object(one.id), PrincipalKey::Application(one.app_id)] {
        assert_eq!(find(key).await, Some((one.clone(), listed.clone())));
    }
    assert_eq!(find(PrincipalKey::Object(other.id)).await, Some((other, Vec::new())));
    assert_eq!(find(PrincipalKey::Object(one.app_id)).await, None);
    assert_eq!(find(PrincipalKey::Application(one.id)).await, None);
    let nowhere = fixture::read(metadata, move |read| {
        read.find_access_and_principal("nowhere", PrincipalKey::Object(one.id))
    });
    assert_eq!(nowhere.await, None);
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
    let (first, second) = (
        assignment(one.id, RoleId::READER, "/"),
        assignment(other.id, RoleId::READER, "/"),
    );
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
