//! A registry that is deleted while an image is imported out of it or into it, at each read in turn. An operation on two
//! registries says only of the target that it is gone: what was in the source is not found.

use std::time::Duration;

use holdfast_access::{Caller, action, decide};
use holdfast_content::Body;
use holdfast_model::JobState;
use holdfast_resources::{ImportFailureKind, Precondition};
use holdfast_testkit::registry::{Gate, name, tag};

use super::{Algorithm, Digest, World, image, operator};

/// Deletes a registry after so many reads of the import, which then fails for this reason or has succeeded; says whether
/// it read as often.
async fn is_told_after(reads: usize, gone: &str, kind: ImportFailureKind) -> bool {
    let (gate, decorator) = Gate::new();
    let world = World::start_with(Some(decorator)).await;
    let owner = world.owner().await;
    world.make("group", "other").await.unwrap();
    let source = world.make("group", "source").await.unwrap();
    let (registry, document) = (world.registry.operator().clone(), image());
    let caller = Caller::operator();
    for blob in document.blobs() {
        let (push, body) = (
            decide(&caller, source, &name("app")).unwrap(),
            Body::whole(blob.clone()),
        );
        let digest = Digest::of(Algorithm::Sha256, blob);
        registry.content().upload_whole(&push, &digest, body).await.unwrap();
    }
    let push = decide(&caller, source, &name("app")).unwrap();
    registry
        .content()
        .put_manifest(&push, document.put(tag("v1").into()))
        .await
        .unwrap();
    let record = registry.resources().find_registry("source").await.unwrap().unwrap();
    let pull = decide::<action::Pull>(&caller, source, &name("app")).unwrap();
    let id = world.ask_across(&owner, &pull, &record).await;

    let (runner, mut stopped) = (world.runner(&[]), gate.close());
    let mut running = tokio::spawn(async move { runner.run_due().await });
    for read in 1..=reads {
        tokio::select! {
            reached = &mut stopped.reached => reached.unwrap(),
            _ = &mut running => return false,
        }
        if read < reads {
            let next = gate.close();
            stopped.go_on.send(()).unwrap();
            stopped = next;
        }
    }
    let scope = world.scope("group", gone);
    let deleted = registry
        .resources()
        .delete_registry(&operator(&scope), Precondition::default())
        .await;
    assert!(deleted.unwrap());
    stopped.go_on.send(()).unwrap();
    running.await.unwrap();
    if world.outcome(&owner, id).await == Ok(JobState::Open) {
        world.registry.advance(Duration::from_secs(60));
        world.runner(&[]).run_due().await;
    }
    match world.outcome(&owner, id).await {
        Ok(state) => assert_eq!(state, JobState::Succeeded, "read {reads}"),
        Err(failure) => assert_eq!(failure.kind, kind, "read {reads}: {failure:?}"),
    }
    true
}

#[tokio::test]
async fn which_of_two_registries_went_meanwhile_is_told() {
    for (gone, kind) in [
        ("source", ImportFailureKind::Source),
        ("other", ImportFailureKind::TargetGone),
    ] {
        let mut reads = 1;
        while is_told_after(reads, gone, kind).await {
            reads += 1;
        }
        assert!(reads > 5, "an import reads more than {reads} times");
    }
}
