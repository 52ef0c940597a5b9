//! Claims about the directory, subscriptions and resource groups.

use holdfast_model::{Metadata, ResourceGroup, Subscription, Tags, Timestamp};
use uuid::Uuid;

use super::fixture;

/// `find_directory` gives what `insert_directory` was given.
pub async fn the_directory_is_found_once_made(metadata: &dyn Metadata) {
    assert_eq!(fixture::read(metadata, |read| read.find_directory()).await, None);
    let directory = fixture::directory();
    let expected = directory.clone();
    fixture::write(metadata, move |tx| tx.insert_directory(&directory)).await;
    assert_eq!(
        fixture::read(metadata, |read| read.find_directory()).await,
        Some(expected)
    );
}

/// There is one directory.
pub async fn a_second_directory_is_refused(metadata: &dyn Metadata) {
    let first = fixture::directory();
    let expected = first.clone();
    fixture::write(metadata, move |tx| tx.insert_directory(&first)).await;
    let second = fixture::try_write(metadata, |tx| tx.insert_directory(&fixture::directory())).await;
    assert!(second.is_err());
    assert_eq!(
        fixture::read(metadata, |read| read.find_directory()).await,
        Some(expected)
    );
}

/// Rows come back whole, groups by subscription.
pub async fn subscriptions_and_groups_read_back_as_written(metadata: &dyn Metadata) {
    let subscription = Subscription {
        id: Uuid::new_v4(),
        display_name: "Zahlung €".to_owned(),
        created_at: Timestamp(3),
    };
    let other = Subscription {
        id: Uuid::new_v4(),
        display_name: "other".to_owned(),
        created_at: Timestamp(4),
    };
    let group = group(subscription.id, "Web");
    let (inserted, inserted_other, inserted_group) = (subscription.clone(), other.clone(), group.clone());
    fixture::write(metadata, move |tx| {
        tx.insert_subscription(&inserted)?;
        tx.insert_subscription(&inserted_other)?;
        tx.insert_resource_group(&inserted_group)
    })
    .await;
    let found = fixture::read(metadata, |read| read.list_subscriptions()).await;
    assert_eq!(found.len(), 2);
    assert!(found.contains(&subscription) && found.contains(&other));
    let find = |id| fixture::read(metadata, move |read| read.find_subscription(id));
    assert_eq!(find(other.id).await.as_ref(), Some(&other));
    assert_eq!(find(Uuid::new_v4()).await, None);
    let groups = fixture::read(metadata, move |read| read.list_resource_groups(subscription.id)).await;
    assert_eq!(groups, [group]);
    assert_eq!(
        fixture::read(metadata, move |read| read.list_resource_groups(other.id)).await,
        []
    );
}

/// `web` and `WEB` are one group of a subscription.
pub async fn resource_groups_are_compared_without_case(metadata: &dyn Metadata) {
    let subscription = Uuid::new_v4();
    fixture::write(metadata, move |tx| {
        tx.insert_subscription(&Subscription {
            id: subscription,
            display_name: "one".to_owned(),
            created_at: Timestamp(3),
        })?;
        tx.insert_resource_group(&group(subscription, "web"))
    })
    .await;
    let again = fixture::try_write(metadata, move |tx| {
        tx.insert_resource_group(&group(subscription, "WEB"))
    })
    .await;
    assert!(again.is_err());
}

/// Tags change, location and name do not; a removed group is gone.
pub async fn a_group_is_found_tagged_and_removed(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await;
    let subscription = registry.subscription_id;
    let tagged = fixture::write(metadata, move |tx| {
        tx.insert_resource_group(&group(subscription, "web"))?;
        let tags: Tags = [("team".to_owned(), "blue".to_owned())].into();
        tx.update_resource_group(&ResourceGroup {
            tags,
            revision: 2,
            ..group(subscription, "WEB")
        })?;
        tx.find_resource_group(subscription, "Web")
    })
    .await
    .expect("the group is there");
    assert_eq!(
        (tagged.name.as_str(), tagged.tags.len(), tagged.revision),
        ("web", 1, 2)
    );
    let removed = fixture::write(metadata, move |tx| {
        Ok((
            tx.remove_resource_group(subscription, "web")?,
            tx.remove_resource_group(subscription, "web")?,
        ))
    })
    .await;
    assert_eq!(removed, (true, false));
    let full = fixture::try_write(metadata, move |tx| tx.remove_resource_group(subscription, "group")).await;
    assert!(full.is_err(), "a registry is in it");
}

fn group(subscription_id: Uuid, name: &str) -> ResourceGroup {
    ResourceGroup {
        subscription_id,
        name: name.to_owned(),
        location: "local".to_owned(),
        tags: Tags::new(),
        created_at: Timestamp(5),
        revision: 1,
    }
}
