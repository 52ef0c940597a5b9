//! People: each name once, and so many.

use holdfast_access::{ControlAction, ControlCaller, ControlGrant, decide_control};
use holdfast_arm::ResourceId;
use holdfast_directory::{NewPerson, person::Error};
use holdfast_model::{Durability, MetadataExt as _, PersonRecord, PrincipalRecord};
use holdfast_testkit::registry::TestRegistry;
use uuid::Uuid;

fn may<A: ControlAction>() -> ControlGrant<A> {
    decide_control(&ControlCaller::operator(), &ResourceId::root()).unwrap()
}

async fn make(world: &TestRegistry, name: &str) -> Result<PersonRecord, Error> {
    let new = NewPerson {
        user_name: name.parse().unwrap(),
        display_name: "Ann".to_owned(),
        verifier: "a verifier".to_owned(),
    };
    world.directory().create_person(&may(), None, new).await
}

#[tokio::test]
async fn a_name_is_one_persons_in_any_case() {
    let world = TestRegistry::start().await;
    let ann = make(&world, "ann@example.org").await.unwrap();
    for name in ["ann@example.org", "ANN@example.org"] {
        let twin = make(&world, name).await;
        assert!(matches!(twin, Err(Error::NameTaken { .. })), "{name}: {twin:?}");
    }
    let kept = world.sign_in().find_principal(ann.principal.id).await.unwrap();
    assert_eq!(kept.map(|kept| kept.record), Some(ann.principal));
}

#[tokio::test]
async fn there_are_ten_thousand_people_and_no_more() {
    let world = TestRegistry::start().await;
    let now = world.now();
    let filled = world.rows().transact(Durability::Relaxed, move |tx| {
        (1..10_000_u128).try_for_each(|number| {
            let id = Uuid::from_u128(number);
            let principal = PrincipalRecord {
                id,
                app_id: id,
                display_name: "somebody".to_owned(),
                is_enabled: true,
                generation: 1,
                created_at: now,
            };
            tx.insert_principal(&principal)?;
            tx.insert_person(&PersonRecord {
                principal,
                user_name: format!("p{number}@example.org").parse().unwrap(),
                verifier: "a verifier".to_owned(),
            })
        })
    });
    filled.await.unwrap();
    make(&world, "last@example.org").await.unwrap();
    let more = make(&world, "more@example.org").await;
    assert!(matches!(more, Err(Error::TooMany)), "{more:?}");
}
