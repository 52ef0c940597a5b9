//! Claims about registries and their admin passwords.

use holdfast_access::{NetworkAction, NetworkRules, RegistryId, RoleAssignmentMode};
use holdfast_model::{
    AdminPassword, Author, AuthorKind, Metadata, NewRegistry, RegistryAccess, RegistryRecord, ShownSettings, Sku,
    Timestamp,
};

use super::fixture;

/// Every field comes back; switches that a new registry does not name are off.
pub async fn a_registry_reads_back_as_written(metadata: &dyn Metadata) {
    let (new, found) = fixture::write(metadata, |tx| {
        let (subscription, account) = fixture::insert_scope(tx, "contoso")?;
        let new = NewRegistry {
            created_by: Some(Author {
                name: "an application".to_owned(),
                kind: AuthorKind::Application,
            }),
            ..fixture::new_registry("Contoso", subscription, account)
        };
        let id = tx.insert_registry(&new)?;
        Ok((new, tx.find_registry(id)?.expect("it was just inserted")))
    })
    .await;
    let expected = RegistryRecord {
        id: found.id,
        name: new.name,
        rid: new.rid,
        subscription_id: new.subscription_id,
        resource_group: new.resource_group,
        location: new.location,
        sku: new.sku,
        storage_account: new.storage_account,
        admin_enabled: new.admin_enabled,
        anonymous_pull: false,
        accept_sparse_manifests: false,
        retention_days: None,
        network: NetworkRules::default(),
        role_assignment_mode: RoleAssignmentMode::Legacy,
        accept_arm_tokens: true,
        allow_export: true,
        data_endpoint: false,
        shown: ShownSettings::default(),
        created_at: new.created_at,
        created_by: new.created_by.clone(),
        tags: new.tags.clone(),
        is_deleting: false,
        updated_at: new.created_at,
        updated_by: new.created_by,
        revision: 1,
    };
    assert_eq!(found, expected);
    assert_eq!(
        fixture::read(metadata, |read| read.find_registry(RegistryId(4711))).await,
        None
    );
}

/// The name keeps the case it was written in and is found in any.
pub async fn a_registry_is_found_by_name_in_any_case(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "Contoso").await;
    for name in ["Contoso", "contoso", "CONTOSO"] {
        let found = fixture::read(metadata, move |read| read.find_registry_by_name(name)).await;
        assert_eq!(found.as_ref(), Some(&registry), "{name}");
    }
    assert_eq!(
        fixture::read(metadata, |read| read.find_registry_by_name("contos")).await,
        None
    );
}

/// Names are unique without regard to case.
pub async fn a_second_registry_of_a_name_in_another_case_is_refused(metadata: &dyn Metadata) {
    let first = fixture::registry(metadata, "contoso").await;
    let new = fixture::new_registry("CONTOSO", first.subscription_id, first.storage_account);
    assert!(
        fixture::try_write(metadata, move |tx| tx.insert_registry(&new))
            .await
            .is_err()
    );
}

/// The first registry comes first.
pub async fn registries_are_listed_in_the_order_they_were_made(metadata: &dyn Metadata) {
    let first = fixture::registry(metadata, "zebra").await;
    let second = fixture::registry(metadata, "ant").await;
    assert_eq!(
        fixture::read(metadata, |read| read.list_registries()).await,
        [first, second]
    );
}

/// Of one group in any case, each after the other; and the very first of all.
pub async fn registries_of_a_group_come_one_after_the_other(metadata: &dyn Metadata) {
    let first = fixture::registry(metadata, "zebra").await;
    let elsewhere = fixture::registry(metadata, "bee").await;
    let second = fixture::sibling(metadata, &first, "ant").await;
    let subscription = first.subscription_id;
    let next = |after| {
        fixture::read(metadata, move |read| {
            read.find_next_registry_of_group(subscription, "GROUP", after)
        })
    };
    assert_ne!(elsewhere.subscription_id, subscription);
    assert_eq!(next(RegistryId(0)).await.as_ref(), Some(&first));
    assert_eq!(next(first.id).await.as_ref(), Some(&second));
    assert_eq!(next(second.id).await, None);
    let found = fixture::read(metadata, |read| read.find_first_registry()).await;
    assert_eq!(found, Some(first));
}

/// Each after the other, wherever they are.
pub async fn registries_in_an_account_come_one_after_the_other(metadata: &dyn Metadata) {
    let first = fixture::registry(metadata, "zebra").await;
    let elsewhere = fixture::registry(metadata, "bee").await;
    let second = fixture::sibling(metadata, &first, "ant").await;
    let next = |account, after| fixture::read(metadata, move |read| read.find_next_registry_in_account(account, after));
    let account = first.storage_account;
    assert_eq!(second.storage_account, account);
    assert_eq!(next(account, RegistryId(0)).await.as_ref(), Some(&first));
    assert_eq!(next(account, first.id).await.as_ref(), Some(&second));
    assert_eq!(next(account, second.id).await, None);
    let other = next(elsewhere.storage_account, RegistryId(0)).await;
    assert_eq!(other.map(|found| found.id), Some(elsewhere.id));
}

/// What a request asks of the record.
fn access_of(record: &RegistryRecord, network: NetworkRules) -> RegistryAccess {
    RegistryAccess {
        id: record.id,
        name: record.name.clone(),
        rid: record.rid,
        subscription_id: record.subscription_id,
        resource_group: record.resource_group.clone(),
        admin_enabled: record.admin_enabled,
        anonymous_pull: record.anonymous_pull,
        network,
        role_assignment_mode: record.role_assignment_mode,
        accept_arm_tokens: record.accept_arm_tokens,
        is_deleting: record.is_deleting,
    }
}

/// Name, place and birthday stay.
pub async fn an_update_writes_the_changeable_fields_only(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "contoso").await;
    let other = fixture::registry(metadata, "fabrikam").await;
    let changed = RegistryRecord {
        sku: Sku::Basic,
        admin_enabled: false,
        anonymous_pull: true,
        accept_sparse_manifests: true,
        retention_days: Some(30),
        tags: [("team".to_owned(), "blue".to_owned())].into(),
        is_deleting: true,
        network: NetworkRules {
            public_access: false,
            default_action: NetworkAction::Deny,
            ip_rules: vec![
                "10.0.0.1/8".parse().expect("a rule"),
                "2001:db8::1".parse().expect("a rule"),
            ],
        },
        role_assignment_mode: RoleAssignmentMode::Abac,
        accept_arm_tokens: false,
        allow_export: false,
        data_endpoint: true,
        shown: ShownSettings {
            metadata_search: true,
            retention_changed_at: Some(5),
            ..ShownSettings::default()
        },
        updated_at: Timestamp(2_000),
        updated_by: Some(Author {
            name: "somebody@example.org".to_owned(),
            kind: AuthorKind::User,
        }),
        revision: 2,
        ..registry.clone()
    };
    let update = RegistryRecord {
        name: "other".to_owned(),
        location: "moon".to_owned(),
        created_at: Timestamp(7),
        ..changed.clone()
    };
    let network = changed.network.clone();
    fixture::write(metadata, move |tx| tx.update_registry(&update)).await;
    let access = |name| fixture::read(metadata, move |read| read.find_access(name, None));
    let narrow = access_of(&changed, network);
    assert_eq!(narrow.scope(), changed.scope());
    assert_eq!(access("Contoso").await, Some((narrow, None)));
    assert_eq!(
        (access("fabrikam").await, access("nobody").await),
        (Some((access_of(&other, NetworkRules::default()), None)), None)
    );
    let (id, other_id) = (registry.id, other.id);
    assert_eq!(
        fixture::read(metadata, move |read| read.find_registry(id)).await,
        Some(changed)
    );
    assert_eq!(
        fixture::read(metadata, move |read| read.find_registry(other_id)).await,
        Some(other)
    );
}

/// Each renewal of a slot is a generation of its own; the other slot is not touched.
pub async fn an_admin_password_starts_at_generation_one_and_grows(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "contoso").await.id;
    let put = |slot: u8, seal: &'static [u8], at: i64| {
        fixture::write(metadata, move |tx| {
            tx.put_admin_password(registry, slot, seal, &[slot; 32], Timestamp(at))
        })
    };
    let generation = async |slot| {
        let found = fixture::read(metadata, move |read| read.find_access("contoso", Some(slot))).await;
        found.expect("the registry is there").1
    };
    assert_eq!(generation(1).await, None);
    put(2, b"two", 10).await;
    put(1, b"one", 11).await;
    put(1, b"one again", 12).await;
    assert_eq!((generation(1).await, generation(2).await), (Some(2), Some(1)));
    let expected = [
        AdminPassword {
            slot: 1,
            sealed: b"one again".to_vec(),
            verifier: [1; 32],
            generation: 2,
            created_at: Timestamp(12),
        },
        AdminPassword {
            slot: 2,
            sealed: b"two".to_vec(),
            verifier: [2; 32],
            generation: 1,
            created_at: Timestamp(10),
        },
    ];
    assert_eq!(
        fixture::read(metadata, move |read| read.list_admin_passwords(registry)).await,
        expected
    );
}

/// The name is free afterwards; what is still in it keeps it.
pub async fn an_empty_registry_is_removed_with_its_passwords(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "contoso").await;
    let (id, subscription) = (registry.id, registry.subscription_id);
    let repository = fixture::repository(metadata, id, "app").await;
    let put = move |slot: u8| {
        fixture::write(metadata, move |tx| {
            tx.put_admin_password(id, slot, b"sealed", &[slot; 32], Timestamp(1))
        })
    };
    put(1).await;
    let full = fixture::try_write(metadata, move |tx| tx.remove_registry(id)).await;
    assert!(full.is_err(), "a repository is in it");
    let left = fixture::write(metadata, move |tx| {
        assert_eq!(tx.list_every_repository(id, 10)?.len(), 1);
        tx.remove_repository_if_empty(repository.id)?;
        tx.remove_registry(id)?;
        Ok((
            tx.find_registry_by_name("contoso")?,
            tx.list_admin_passwords(id)?,
            tx.find_next_registry_of_group(subscription, "GROUP", RegistryId(0))?,
        ))
    })
    .await;
    assert_eq!(left, (None, vec![], None));
}
