//! Claims about counts.

use std::net::IpAddr;

use holdfast_access::RoleId;
use holdfast_model::{ApplicationRecord, Counted, DeviceCode, Metadata, NewRegistry, RoleAssignment, Timestamp};
use uuid::Uuid;

use super::{
    application::application,
    fixture,
    principal::principal,
    role_assignment::assignment,
    sign_in::device,
    storage_account::{group, resource},
};

async fn counts<const N: usize>(metadata: &dyn Metadata, counted: [Counted<'static>; N]) -> [u64; N] {
    fixture::read(metadata, move |read| {
        let mut counts = [0; N];
        for (count, counted) in counts.iter_mut().zip(counted) {
            *count = read.count(counted)?;
        }
        Ok(counts)
    })
    .await
}

/// Role assignments are counted in all and by who gave them, until they, or whom they were given to, go.
pub async fn role_assignments_are_counted_by_author(metadata: &dyn Metadata) {
    let all = [
        Counted::RoleAssignments,
        Counted::RoleAssignmentsBy("ann"),
        Counted::RoleAssignmentsBy("operator"),
        Counted::RoleAssignmentsBy("nobody"),
    ];
    let before = counts(metadata, all).await;
    let one = principal();
    let id = one.id;
    let given = |scope: &str, by: &str| RoleAssignment {
        created_by: by.to_owned(),
        ..assignment(id, RoleId::READER, scope)
    };
    let rows = [
        given("/", "operator"),
        given("/s/a", "ann"),
        given("/s/a/b", "ann"),
        given("/s/c", "ann"),
    ];
    let written = rows.clone();
    fixture::write(metadata, move |tx| {
        tx.insert_principal(&one)?;
        written.iter().try_for_each(|row| tx.insert_role_assignment(row))
    })
    .await;
    let since = |now: [u64; 4]| [0, 1, 2, 3].map(|index| now[index] - before[index]);
    assert_eq!(since(counts(metadata, all).await), [4, 3, 1, 0]);
    fixture::write(metadata, move |tx| {
        tx.update_role_assignment(&rows[3])?;
        tx.remove_role_assignments_within("/s/a").map(drop)
    })
    .await;
    assert_eq!(since(counts(metadata, all).await), [2, 1, 1, 0]);
    fixture::write(metadata, move |tx| tx.remove_principal(id)).await;
    assert_eq!(counts(metadata, all).await, before);
}

/// Applications, likewise.
pub async fn applications_are_counted_by_author(metadata: &dyn Metadata) {
    let all = [
        Counted::Applications,
        Counted::ApplicationsBy("ann"),
        Counted::ApplicationsBy("ben"),
    ];
    let made = |by: &str| ApplicationRecord {
        created_by: by.to_owned(),
        ..application("one")
    };
    let rows = [made("ann"), made("ann"), made("ben")];
    let first = rows[0].id;
    fixture::write(metadata, move |tx| {
        rows.iter().try_for_each(|row| tx.insert_application(row))
    })
    .await;
    assert_eq!(counts(metadata, all).await, [3, 2, 1]);
    fixture::write(metadata, move |tx| tx.remove_application(first)).await;
    assert_eq!(counts(metadata, all).await, [2, 1, 1]);
}

/// Devices are counted by where they asked from, until they expire or are done.
pub async fn devices_are_counted_by_network(metadata: &dyn Metadata) {
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    let (v4, v6, far) = (address("192.0.2.1"), address("2001:db8:0:100::"), address("2001:db8::"));
    let all = [
        Counted::Devices,
        Counted::DevicesNear(v4),
        Counted::DevicesNear(v6),
        Counted::DevicesFar(far),
    ];
    let at = |seed, expires_at, near, far| DeviceCode {
        near,
        far,
        ..device(seed, expires_at)
    };
    let rows = [
        at(1, 10, v4, None),
        at(2, 20, v4, None),
        at(3, 10, v6, Some(far)),
        at(4, 20, v6, Some(far)),
        at(5, 20, far, Some(far)),
    ];
    fixture::write(metadata, move |tx| {
        rows.iter().try_for_each(|row| tx.insert_device_code(row))
    })
    .await;
    assert_eq!(counts(metadata, all).await, [5, 2, 2, 3]);
    fixture::write(metadata, |tx| tx.remove_expired_sign_ins(Timestamp(11))).await;
    assert_eq!(counts(metadata, all).await, [3, 1, 1, 2]);
    fixture::write(metadata, |tx| tx.remove_device_code(&[2; 32])).await;
    assert_eq!(counts(metadata, all).await, [2, 0, 1, 2]);
}

/// Groups and what is in them are counted by subscription and by group, whose name is the same in any case.
pub async fn resources_are_counted_by_subscription_and_group(metadata: &dyn Metadata) {
    let home = fixture::registry(metadata, "home").await;
    let (subscription, own) = (home.subscription_id, home.resource_group.clone());
    let own: &'static str = own.leak();
    let all = [
        Counted::ResourceGroups(subscription),
        Counted::Registries(subscription),
        Counted::RegistriesIn(subscription, own),
        Counted::RegistriesIn(subscription, "WEB"),
        Counted::StorageAccounts(subscription),
        Counted::StorageAccountsIn(subscription, "wEb"),
    ];
    assert_eq!(counts(metadata, all).await, [1, 1, 1, 0, 0, 0]);
    let (registry, account) = fixture::write(metadata, move |tx| {
        tx.insert_resource_group(&group(subscription))?;
        let account = tx.insert_storage_account("mine", "local", Timestamp(8))?;
        tx.put_storage_resource(account, &resource(subscription, "Web", 8))?;
        tx.put_storage_resource(account, &resource(subscription, "web", 9))?;
        let registry = tx.insert_registry(&NewRegistry {
            resource_group: "Web".to_owned(),
            ..fixture::new_registry("other", subscription, account)
        })?;
        Ok((registry, account))
    })
    .await;
    assert_eq!(counts(metadata, all).await, [2, 2, 1, 1, 1, 1]);
    let elsewhere = Counted::Registries(Uuid::from_u128(7));
    assert_eq!(counts(metadata, [elsewhere]).await, [0]);
    fixture::write(metadata, move |tx| {
        tx.remove_registry(registry)?;
        tx.remove_storage_account(account)?;
        tx.remove_resource_group(subscription, "WEB")
    })
    .await;
    assert_eq!(counts(metadata, all).await, [1, 1, 1, 0, 0, 0]);
}
