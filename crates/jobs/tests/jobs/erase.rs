//! Deletions.

use std::time::Duration;

use holdfast_access::{Caller, ControlCaller, Grant, RegistryId, RepositoryAction, control, decide, decide_control};
use holdfast_content::{Body, Error, Repositories};
use holdfast_model::{JobKind, MetadataExt as _, Tags};
use holdfast_oci::{Algorithm, Digest, Tag};
use holdfast_resources::Precondition;
use holdfast_testkit::registry::{Document, name, pattern};
use tokio::task::JoinSet;

use super::{World, operator};

fn grant<A: RepositoryAction>(registry: RegistryId, repository: &str) -> Grant<A> {
    decide(&Caller::operator(), registry, &name(repository)).unwrap()
}

async fn push(content: &Repositories, id: RegistryId, repository: &str, number: u64) -> Result<(), Error> {
    let document = Document::image(&[pattern(number, 2000)]);
    for blob in document.blobs() {
        let digest = Digest::of(Algorithm::Sha256, blob);
        content
            .upload_whole(&grant(id, repository), &digest, Body::whole(blob.clone()))
            .await?;
    }
    let tag: Tag = format!("v{number}").parse().unwrap();
    content
        .put_manifest(&grant(id, repository), document.put(tag.into()))
        .await
        .map(drop)
}

impl World {
    async fn open_jobs(&self, kind: JobKind, scope: &str) -> usize {
        let scope = scope.to_owned();
        let found = self
            .registry
            .rows()
            .query(move |read| read.list_open_jobs(kind, &scope, 10))
            .await;
        found.unwrap().len()
    }

    async fn assert_nothing_is_left(&self) {
        self.registry.pass_grace();
        self.registry.collect().await;
        self.registry.pass_grace();
        self.registry.collect().await;
        assert_eq!(
            (self.registry.count_blobs().await, self.registry.count_objects().await),
            (0, 0)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_while_pushes_run_leaves_nothing_and_tells_them_so() {
    let world = World::start().await;
    let id = world.make("group", "doomed").await.unwrap();
    let registry = world.registry.operator().clone();
    let mut pushes = JoinSet::new();
    for task in 0..4_u64 {
        let registry = registry.clone();
        pushes.spawn(async move {
            let mut number = task * 1000;
            loop {
                if let Err(error) = push(registry.repositories(), id, &format!("app{task}"), number).await {
                    return (number - task * 1000, error);
                }
                number += 1;
            }
        });
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let scope = world.scope("group", "doomed");
    let deleted = registry
        .resources()
        .delete_registry(&operator(&scope), Precondition::default())
        .await
        .unwrap();
    assert!(deleted);
    while let Some(ended) = pushes.join_next().await {
        let (_, error) = ended.unwrap();
        let is_clean = matches!(error, Error::RegistryUnknown { .. } | Error::UploadUnknown { .. });
        assert!(is_clean, "{error:?}");
    }
    assert!(registry.resources().find_registry("doomed").await.unwrap().is_none());
    assert_eq!(world.open_jobs(JobKind::EraseRegistry, &scope).await, 0);
    world.assert_nothing_is_left().await;
    // The name is free, and the new one is no heir.
    world.make("group", "doomed").await.unwrap();
    world.registry.advance(Duration::from_secs(3600));
    assert_eq!(world.runner(&[]).run_due().await, 0);
    assert!(registry.resources().find_registry("doomed").await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_that_was_cut_off_is_finished_by_the_next_process() {
    let mut world = World::start().await;
    let id = world.make("group", "doomed").await.unwrap();
    for number in 0..30 {
        push(world.registry.repositories(), id, &format!("app{number}"), number)
            .await
            .unwrap();
    }
    let (registry, scope) = (world.registry.operator().clone(), world.scope("group", "doomed"));
    let deleting = tokio::spawn({
        let (registry, scope) = (registry.clone(), scope.clone());
        async move {
            registry
                .resources()
                .delete_registry(&operator(&scope), Precondition::default())
                .await
        }
    });
    while registry.resources().find_registry("doomed").await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    deleting.abort();
    drop((deleting.await, registry));
    world.registry.reopen().await;
    assert_eq!(world.open_jobs(JobKind::EraseRegistry, &scope).await, 1);
    assert!(matches!(
        world.make("group", "doomed").await,
        Err(holdfast_resources::Error::RegistryNameTaken { .. })
    ));
    let runner = world.runner(&[]);
    assert_eq!(runner.run_due().await, 0, "whoever asked may still be at it");
    world.registry.advance(Duration::from_secs(10));
    assert_eq!(runner.run_due().await, 1);
    assert_eq!(world.open_jobs(JobKind::EraseRegistry, &scope).await, 0);
    world.assert_nothing_is_left().await;
    world.make("group", "doomed").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_whose_deletion_was_cut_off_takes_nothing_new_and_goes() {
    let mut world = World::start().await;
    let group = format!("{}/resourcegroups/gone", world.subscription);
    let grant = decide_control(&ControlCaller::operator(), &group.parse().unwrap()).unwrap();
    let (location, none) = ("local".to_owned(), Precondition::default());
    let made = world
        .registry
        .operator()
        .resources()
        .put_resource_group(&grant, location, Tags::new(), none)
        .await;
    made.unwrap();
    for registry in ["first1", "second1"] {
        let id = world.make("gone", registry).await.unwrap();
        for number in 0..20 {
            push(world.registry.repositories(), id, &format!("app{number}"), number)
                .await
                .unwrap();
        }
    }
    let registry = world.registry.operator().clone();
    let deleting = tokio::spawn({
        let (registry, group) = (registry.clone(), group.clone());
        async move {
            registry
                .resources()
                .delete_resource_group(&operator(&group), Precondition::default())
                .await
        }
    });
    while registry.resources().find_registry("first1").await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    deleting.abort();
    drop((deleting.await, registry));
    world.registry.reopen().await;
    assert!(matches!(
        world.make("gone", "third1").await,
        Err(holdfast_resources::Error::ResourceGroupBeingDeleted { .. })
    ));
    world.registry.advance(Duration::from_secs(10));
    let runner = world.runner(&[]);
    runner.run_due().await;
    world.registry.advance(Duration::from_secs(10));
    runner.run_due().await;
    let read = operator::<control::ResourceGroupsRead>(&group);
    let found = world.registry.resources().load_resource_group(&read).await;
    assert!(
        matches!(found, Err(holdfast_resources::Error::ResourceGroupUnknown { .. })),
        "{found:?}"
    );
    world.assert_nothing_is_left().await;
}
