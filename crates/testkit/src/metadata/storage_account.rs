//! Claims about storage accounts.

use holdfast_model::{
    Candidate, GarbageObject, Metadata, ResourceGroup, StorageAccount, StorageAccountId, StorageKind, StorageResource,
    Tags, Timestamp,
};
use uuid::Uuid;

use super::fixture;

/// Accounts keep the id they were given; what no user made is the service's own.
pub async fn storage_accounts_read_back_as_written(metadata: &dyn Metadata) {
    let (first, second) = fixture::write(metadata, |tx| {
        let first = tx.insert_storage_account("near", "local", Timestamp(8))?;
        Ok((first, tx.insert_storage_account("far", "westeurope", Timestamp(9))?))
    })
    .await;
    let found = fixture::read(metadata, |read| read.list_storage_accounts()).await;
    let expected = [
        StorageAccount {
            id: first,
            name: "near".to_owned(),
            location: "local".to_owned(),
            created_at: Timestamp(8),
            resource: None,
        },
        StorageAccount {
            id: second,
            name: "far".to_owned(),
            location: "westeurope".to_owned(),
            created_at: Timestamp(9),
            resource: None,
        },
    ];
    assert_eq!(found, expected);
    let by_id = fixture::read(metadata, move |read| read.find_storage_account(second)).await;
    assert_eq!(by_id.as_ref(), expected.get(1));
    let none = fixture::read(metadata, |read| read.find_storage_account(StorageAccountId(4711))).await;
    assert_eq!(none, None);
}

/// Many are looked up by id in one read; those that are not there are left out.
pub async fn several_accounts_are_found_at_once(metadata: &dyn Metadata) {
    let ids = fixture::write(metadata, |tx| {
        let near = tx.insert_storage_account("near", "local", Timestamp(8))?;
        let far = tx.insert_storage_account("far", "westeurope", Timestamp(9))?;
        tx.insert_storage_account("other", "moon", Timestamp(9))?;
        Ok([near, far])
    })
    .await;
    let find = |ids: Vec<StorageAccountId>| fixture::read(metadata, move |read| read.find_storage_accounts(&ids));
    let mut found = find(vec![ids[1], StorageAccountId(4711), ids[0]]).await;
    found.sort_by_key(|account| account.id.0);
    let names: Vec<&str> = found.iter().map(|account| account.name.as_str()).collect();
    assert_eq!(names, ["near", "far"]);
    assert_eq!(found.iter().map(|account| account.id).collect::<Vec<_>>(), ids);
    assert_eq!(find(Vec::new()).await, []);
}

/// Names are unique without regard to case.
pub async fn an_account_is_found_by_name_in_any_case_and_named_once(metadata: &dyn Metadata) {
    let id = fixture::write(metadata, |tx| tx.insert_storage_account("near", "local", Timestamp(8))).await;
    let found = fixture::read(metadata, |read| read.find_storage_account_by_name("NEAR")).await;
    assert_eq!(found.map(|account| account.id), Some(id));
    let none = fixture::read(metadata, |read| read.find_storage_account_by_name("nea")).await;
    assert_eq!(none, None);
    let again = fixture::try_write(metadata, |tx| tx.insert_storage_account("Near", "moon", Timestamp(9))).await;
    assert!(again.is_err());
}

/// Tags change, the group does not; the group stays as long as the account.
pub async fn a_users_account_belongs_to_its_group(metadata: &dyn Metadata) {
    let subscription = fixture::registry(metadata, "home").await.subscription_id;
    let (id, made) = fixture::write(metadata, move |tx| {
        tx.insert_resource_group(&group(subscription))?;
        let id = tx.insert_storage_account("mine", "local", Timestamp(8))?;
        tx.put_storage_resource(id, &resource(subscription, "web", 8))?;
        Ok((id, tx.find_storage_account(id)?))
    })
    .await;
    assert_eq!(
        made.and_then(|account| account.resource),
        Some(resource(subscription, "web", 8))
    );
    let changed = fixture::write(metadata, move |tx| {
        let mut change = resource(subscription, "elsewhere", 9);
        change.tags = Tags::from([("team".to_owned(), "blue".to_owned())]);
        change.kind = StorageKind::FileStorage;
        tx.put_storage_resource(id, &change)?;
        tx.find_storage_account_by_name("mine")
    })
    .await;
    let expected = StorageResource {
        tags: Tags::from([("team".to_owned(), "blue".to_owned())]),
        kind: StorageKind::FileStorage,
        ..resource(subscription, "web", 9)
    };
    assert_eq!(changed.and_then(|account| account.resource), Some(expected));
    let full = fixture::try_write(metadata, move |tx| tx.remove_resource_group(subscription, "web")).await;
    assert!(full.is_err(), "an account is in it");
    let left = fixture::write(metadata, move |tx| {
        tx.remove_storage_account(id)?;
        tx.remove_resource_group(subscription, "web")?;
        tx.find_storage_account(id)
    })
    .await;
    assert_eq!(left, None);
    let nowhere = fixture::try_write(metadata, move |tx| {
        let id = tx.insert_storage_account("lost", "local", Timestamp(8))?;
        tx.put_storage_resource(id, &resource(subscription, "web", 8))
    })
    .await;
    assert!(nowhere.is_err(), "the group is gone");
}

/// A location's own account is found among those of users, and users' among the service's.
pub async fn the_services_accounts_are_told_from_users(metadata: &dyn Metadata) {
    let subscription = fixture::registry(metadata, "home").await.subscription_id;
    let own = |location: &'static str| {
        fixture::read(metadata, move |read| {
            let own = read.find_own_storage_account(location)?.map(|account| account.name);
            Ok((own, read.has_users_storage_account(location)?))
        })
    };
    fixture::write(metadata, move |tx| {
        tx.insert_resource_group(&group(subscription))?;
        for (name, location) in [("mine", "moon"), ("yours", "mars")] {
            let id = tx.insert_storage_account(name, location, Timestamp(8))?;
            tx.put_storage_resource(id, &resource(subscription, "web", 8))?;
        }
        tx.insert_storage_account("default-moon", "moon", Timestamp(9))?;
        tx.insert_storage_account("default-io", "io", Timestamp(9)).map(drop)
    })
    .await;
    assert_eq!(own("moon").await, (Some("default-moon".to_owned()), true));
    assert_eq!(own("mars").await, (None, true));
    assert_eq!(own("io").await, (Some("default-io".to_owned()), false));
    assert_eq!(own("nowhere").await, (None, false));
    let listed = fixture::read(metadata, |read| read.list_own_storage_accounts()).await;
    let listed: Vec<String> = listed.into_iter().map(|account| account.location).collect();
    assert_eq!(listed, ["io", "local", "moon"]);
}

/// A registry, a blob or an upload keeps it, also against removal.
pub async fn an_account_is_used_while_something_lies_in_it(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await;
    let (blob, upload) = fixture::write(metadata, |tx| {
        let blob = tx.insert_storage_account("blob", "local", Timestamp(8))?;
        Ok((blob, tx.insert_storage_account("upload", "local", Timestamp(8))?))
    })
    .await;
    let is_used = |id| fixture::read(metadata, move |read| read.is_storage_account_used(id));
    assert!(is_used(registry.storage_account).await);
    assert!(!is_used(blob).await && !is_used(upload).await);
    let inserted = fixture::insert_blob(metadata, fixture::blob(blob, "layer", 5)).await;
    let mut session = fixture::upload(&registry, "app", "me", 5);
    session.storage_account = upload;
    let id = session.id;
    fixture::write(metadata, move |tx| tx.insert_upload(&session)).await;
    for account in [registry.storage_account, blob, upload] {
        assert!(is_used(account).await);
        let removed = fixture::try_write(metadata, move |tx| tx.remove_storage_account(account)).await;
        assert!(removed.is_err());
    }
    fixture::write(metadata, move |tx| {
        tx.remove_blob(inserted)?;
        tx.remove_upload(id).map(drop)
    })
    .await;
    assert!(!is_used(blob).await && !is_used(upload).await);
}

/// Of users, in any case of the group's name, the first one made first.
pub async fn accounts_are_listed_by_group(metadata: &dyn Metadata) {
    let subscription = fixture::registry(metadata, "home").await.subscription_id;
    let elsewhere = fixture::registry(metadata, "bee").await.subscription_id;
    let made = fixture::write(metadata, move |tx| {
        tx.insert_resource_group(&group(subscription))?;
        tx.insert_resource_group(&group(elsewhere))?;
        let mut made = Vec::new();
        for (name, owner) in [("zebra", subscription), ("other", elsewhere), ("ant", subscription)] {
            let id = tx.insert_storage_account(name, "local", Timestamp(8))?;
            tx.put_storage_resource(id, &resource(owner, "web", 8))?;
            made.push(id);
        }
        Ok(made)
    })
    .await;
    let listed = |subscription, group: &'static str| async move {
        let found = fixture::read(metadata, move |read| {
            read.list_storage_accounts_of_group(subscription, group)
        });
        found.await.into_iter().map(|account| account.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(subscription, "WEB").await, [made[0], made[2]]);
    assert_eq!(listed(elsewhere, "web").await, [made[1]]);
    assert_eq!(listed(subscription, "group").await, []);
}

/// Objects in the queue, and nothing else in it.
pub async fn objects_to_delete_are_those_of_the_account(metadata: &dyn Metadata) {
    let (registry, repository) = fixture::home(metadata).await;
    let account = registry.storage_account;
    let (mine, others) = (fixture::object_key(), fixture::object_key());
    let object = |storage_account, key: &holdfast_model::ObjectKey| GarbageObject {
        storage_account,
        object_key: key.clone(),
        size_bytes: 7,
        unfinished: Some(vec![6; 5]),
    };
    let expected = object(account, &mine);
    let candidates = [
        Candidate::Object(expected.clone()),
        Candidate::Object(object(StorageAccountId(4711), &others)),
        Candidate::BlobLink {
            repository,
            digest: fixture::digest("layer"),
        },
    ];
    fixture::write(metadata, move |tx| {
        candidates
            .iter()
            .try_for_each(|candidate| tx.queue_candidate(candidate, Timestamp(3)))
    })
    .await;
    let found = fixture::read(metadata, move |read| read.list_objects_to_delete(account, 10)).await;
    assert_eq!(found, [expected]);
    let none = fixture::read(metadata, move |read| read.list_objects_to_delete(account, 0)).await;
    assert_eq!(none, []);
}

pub(super) fn group(subscription_id: Uuid) -> ResourceGroup {
    ResourceGroup {
        subscription_id,
        name: "web".to_owned(),
        location: "local".to_owned(),
        tags: Tags::new(),
        created_at: Timestamp(5),
        revision: 1,
    }
}

pub(super) fn resource(subscription_id: Uuid, resource_group: &str, updated_at: i64) -> StorageResource {
    StorageResource {
        subscription_id,
        resource_group: resource_group.to_owned(),
        tags: Tags::new(),
        kind: StorageKind::StorageV2,
        updated_at: Timestamp(updated_at),
    }
}
