//! What no deletion takes away: the default registry, asked for alone or with its group.

use holdfast_access::{ControlAction, ControlCaller, ControlGrant, control, decide_control};
use holdfast_model::{JobKind, MetadataExt as _};
use holdfast_resources::{Error, Precondition};
use holdfast_testkit::registry::{Document, TestRegistry, pattern};

/// The operator's grant, which nothing but the rule itself stops.
fn may<A: ControlAction>(scope: &str) -> ControlGrant<A> {
    decide_control(&ControlCaller::operator(), &scope.to_lowercase().parse().unwrap()).unwrap()
}

async fn open_jobs(world: &TestRegistry, kind: JobKind, scope: String) -> usize {
    let rows = world.rows();
    let open = rows.query(move |read| read.list_open_jobs(kind, &scope, 10)).await;
    open.unwrap().len()
}

#[tokio::test]
async fn the_default_registry_is_deleted_neither_alone_nor_with_its_group() {
    let world = TestRegistry::start().await;
    let image = Document::image(&[pattern(1, 2000)]);
    world.push("app", Some("v1"), &image).await;
    let record = world.record().clone();
    let registry = record.scope();
    let group = format!(
        "/subscriptions/{}/resourcegroups/{}",
        record.subscription_id,
        record.resource_group.to_lowercase()
    );
    let (alone, whole) = (may::<control::RegistriesDelete>(&registry), may(&group));
    for way in ["alone", "with its group", "alone, tried again"] {
        let refused = match way {
            "with its group" => {
                let group = world.operator().clone();
                group
                    .resources()
                    .delete_resource_group(&whole, Precondition::default())
                    .await
            }
            _ => world
                .resources()
                .delete_registry(&alone, Precondition::default())
                .await
                .map(drop),
        };
        assert!(
            matches!(&refused, Err(Error::RegistryProtected { name }) if *name == record.name),
            "{way}: {refused:?}"
        );
        let kept = world.resources().find_registry(&record.name).await.unwrap();
        assert!(kept.is_some_and(|kept| !kept.is_deleting), "{way}");
        assert_eq!(world.pull("app", "v1").await.unwrap().digest, image.digest(), "{way}");
        for (kind, scope) in [(JobKind::EraseRegistry, &registry), (JobKind::EraseGroup, &group)] {
            assert_eq!(open_jobs(&world, kind, scope.clone()).await, 0, "{way}");
        }
    }
}
