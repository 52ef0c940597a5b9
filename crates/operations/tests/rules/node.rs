//! What nodes share: keys that are told before they sign, and leases that one of them has at a time.

use std::time::Duration;

use holdfast_model::{NodeRecord, ServerKeyRecord, Timestamp};
use holdfast_operations::{OlderKeys, RotateError, ensure_server_key, list_server_keys, rotate_server_keys};
use holdfast_testkit::registry::TestRegistry;
use uuid::Uuid;

const LIFE: OlderKeys = OlderKeys::VerifyFor(Duration::from_secs(100));

fn key(kid: &str, signs_from: Timestamp) -> ServerKeyRecord {
    ServerKeyRecord {
        kid: kid.to_owned(),
        public: Vec::new(),
        sealed: Some(Vec::new()),
        signs_from,
        verifies_until: None,
    }
}

fn names(keys: &[ServerKeyRecord]) -> Vec<&str> {
    keys.iter().map(|key| key.kid.as_str()).collect()
}

#[tokio::test]
async fn of_nodes_that_start_together_one_makes_the_key() {
    let registry = TestRegistry::start().await;
    let (rows, now) = (registry.rows(), registry.operator().now());
    let first = ensure_server_key(rows, key("A", now)).await.unwrap();
    let second = ensure_server_key(rows, key("B", now)).await.unwrap();
    assert_eq!(names(&first), ["A"]);
    assert_eq!(second, first);
}

#[tokio::test]
async fn a_rotation_keeps_what_still_verifies_and_drops_what_has_ended() {
    let registry = TestRegistry::start().await;
    let rows = registry.rows();
    let now = registry.operator().now();
    let told = now.plus(Duration::from_secs(20));
    ensure_server_key(rows, key("A", now)).await.unwrap();
    let keys = rotate_server_keys(rows, key("B", told), LIFE, now).await.unwrap();
    assert_eq!(names(&keys), ["B", "A"]);
    assert_eq!(keys[1].verifies_until, Some(told.plus(Duration::from_secs(100))));
    assert!(keys[1].sealed.is_some(), "it signs until the new one does");
    let later = told.plus(Duration::from_secs(100));
    let keys = rotate_server_keys(rows, key("C", later), LIFE, later).await.unwrap();
    assert_eq!(names(&keys), ["C", "B"]);
    let keys = rotate_server_keys(rows, key("D", later), OlderKeys::AreForgotten, later)
        .await
        .unwrap();
    assert_eq!(names(&keys), ["D"]);
}

#[tokio::test]
async fn rotating_in_a_loop_is_refused_and_changes_nothing() {
    let registry = TestRegistry::start().await;
    let rows = registry.rows();
    let now = registry.operator().now();
    let mut refused = None;
    for number in 0..100 {
        let rotated = rotate_server_keys(rows, key(&number.to_string(), now), LIFE, now).await;
        if let Err(error) = rotated {
            refused = Some((number, error));
            break;
        }
    }
    let (number, error) = refused.unwrap();
    assert!(matches!(error, RotateError::TooMany), "{error}");
    assert_eq!(list_server_keys(rows).await.unwrap().len(), number);
}

#[tokio::test]
async fn a_lease_has_one_owner_until_it_ends_or_is_given_back() {
    let registry = TestRegistry::start().await;
    let operator = registry.operator();
    let (ours, theirs) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let minute = Duration::from_secs(60);
    let take = |owner| operator.take_lease("collect garbage", owner, minute);
    assert!(take(ours).await.unwrap());
    assert!(take(ours).await.unwrap(), "it is renewed");
    assert!(!take(theirs).await.unwrap());
    assert!(operator.take_lease("another", theirs, minute).await.unwrap());
    registry.clock().advance(minute);
    assert!(take(theirs).await.unwrap(), "it has ended");
    assert!(!take(ours).await.unwrap());
    assert!(!operator.end_lease("collect garbage", ours).await.unwrap());
    assert!(!take(ours).await.unwrap(), "only its owner gives it back");
    assert!(operator.end_lease("collect garbage", theirs).await.unwrap());
    assert!(take(ours).await.unwrap());
}

#[tokio::test]
async fn a_node_that_ends_gives_its_leases_back_and_a_silent_one_is_forgotten() {
    let registry = TestRegistry::start().await;
    let operator = registry.operator();
    let node = |id| NodeRecord {
        id: Uuid::from_u128(id),
        host: format!("rack-{id}"),
        version: "1".to_owned(),
        is_draining: false,
        started_at: operator.now(),
        seen_at: operator.now(),
    };
    let (one, two) = (node(1), node(2));
    operator.report_node(one.clone()).await.unwrap();
    operator.report_node(two.clone()).await.unwrap();
    let nodes = async || operator.list_nodes().await.unwrap();
    assert_eq!(nodes().await, [(one.clone(), Vec::new()), (two.clone(), Vec::new())]);
    let day = Duration::from_secs(86_400);
    assert!(operator.take_lease("work", one.id, day).await.unwrap());
    assert!(operator.take_lease("ended", two.id, Duration::ZERO).await.unwrap());
    let listed = nodes().await;
    assert_eq!((listed[0].1[0].name.as_str(), listed[1].1.len()), ("work", 0));
    assert!(operator.forget_node(one.id).await.unwrap());
    assert!(operator.take_lease("work", two.id, day).await.unwrap());
    registry.clock().advance(Duration::from_secs(600));
    operator.report_node(one.clone()).await.unwrap();
    assert!(operator.take_lease("work", one.id, day).await.unwrap());
    assert_eq!(nodes().await.len(), 1);
}
