//! Claims about nodes and their leases.

use holdfast_model::{Clock as _, Lease, Metadata, NodeRecord, SystemClock, Timestamp};
use uuid::Uuid;

use super::fixture;

fn node(started_at: i64, seen_at: i64) -> NodeRecord {
    NodeRecord {
        id: Uuid::new_v4(),
        host: "rack-7".to_owned(),
        version: "1.2.3".to_owned(),
        is_draining: false,
        started_at: Timestamp(started_at),
        seen_at: Timestamp(seen_at),
    }
}

async fn put(metadata: &dyn Metadata, node: NodeRecord) {
    fixture::write(metadata, move |tx| tx.put_node(&node)).await;
}

async fn put_lease(metadata: &dyn Metadata, name: &str, owner: Uuid, until: i64) -> Lease {
    let (name, until) = (name.to_owned(), Timestamp(until));
    let lease = Lease { name, owner, until };
    let put = lease.clone();
    fixture::write(metadata, move |tx| tx.put_lease(&put)).await;
    lease
}

async fn list(metadata: &dyn Metadata) -> Vec<NodeRecord> {
    fixture::read(metadata, |read| read.list_nodes(10)).await
}

async fn find_lease(metadata: &dyn Metadata, name: &'static str) -> Option<Lease> {
    fixture::read(metadata, move |read| read.find_lease(name)).await
}

/// In the order in which they started; one that is put again is the same node.
pub async fn nodes_are_listed_as_they_started(metadata: &dyn Metadata) {
    let (second, first) = (node(2, 2), node(1, 3));
    put(metadata, second.clone()).await;
    put(metadata, first.clone()).await;
    assert_eq!(list(metadata).await, [first.clone(), second.clone()]);
    let draining = NodeRecord {
        is_draining: true,
        seen_at: Timestamp(4),
        ..first
    };
    put(metadata, draining.clone()).await;
    assert_eq!(list(metadata).await, [draining.clone(), second]);
    let one = fixture::read(metadata, |read| read.list_nodes(1)).await;
    assert_eq!(one, [draining]);
}

/// A lease has one owner, and only that one gives it back.
pub async fn a_lease_is_put_found_and_given_back_by_its_owner(metadata: &dyn Metadata) {
    let (ours, theirs) = (Uuid::new_v4(), Uuid::new_v4());
    assert_eq!(find_lease(metadata, "collect").await, None);
    let lease = put_lease(metadata, "collect", theirs, 5).await;
    assert_eq!(find_lease(metadata, "collect").await, Some(lease));
    let lease = put_lease(metadata, "collect", ours, 6).await;
    assert!(!fixture::write(metadata, move |tx| tx.remove_lease("collect", theirs)).await);
    assert_eq!(find_lease(metadata, "collect").await, Some(lease));
    assert!(fixture::write(metadata, move |tx| tx.remove_lease("collect", ours)).await);
    assert_eq!(find_lease(metadata, "collect").await, None);
}

/// All of them are listed, by name.
pub async fn leases_are_listed_by_name(metadata: &dyn Metadata) {
    let owner = Uuid::new_v4();
    let second = put_lease(metadata, "purge", owner, 5).await;
    let first = put_lease(metadata, "collect", owner, 6).await;
    let listed = fixture::read(metadata, |read| read.list_leases(10)).await;
    assert_eq!(listed, [first.clone(), second]);
    assert_eq!(fixture::read(metadata, |read| read.list_leases(1)).await, [first]);
}

/// The database of a test goes by the clock of this machine.
pub async fn the_database_tells_the_present_moment(metadata: &dyn Metadata) {
    let millisecond = std::time::Duration::from_millis(1);
    let before = SystemClock.now();
    let read = fixture::read(metadata, |read| read.moment()).await;
    let written = fixture::write(metadata, |tx| tx.moment()).await;
    let after = SystemClock.now();
    assert!(before.minus(millisecond) <= read, "{before:?} {read:?}");
    assert!(read <= written, "{read:?} {written:?}");
    assert!(written <= after.plus(millisecond), "{written:?} {after:?}");
}

/// What a node had goes with it.
pub async fn nodes_go_with_their_leases(metadata: &dyn Metadata) {
    let (ended, silent, there) = (node(1, 9), node(2, 4), node(3, 5));
    let names = ["one", "two", "three"];
    for (node, name) in [&ended, &silent, &there].into_iter().zip(names) {
        put(metadata, node.clone()).await;
        put_lease(metadata, name, node.id, 100).await;
    }
    assert!(fixture::write(metadata, move |tx| tx.remove_node(ended.id)).await);
    assert_eq!(find_lease(metadata, "one").await, None);
    assert_eq!(
        fixture::write(metadata, |tx| tx.remove_nodes_before(Timestamp(5))).await,
        1
    );
    assert_eq!(find_lease(metadata, "two").await, None);
    assert!(find_lease(metadata, "three").await.is_some());
    assert_eq!(list(metadata).await, [there]);
}
