//! Imports.

mod excess;
mod gone;

use std::time::Duration;

use holdfast_access::{Actor, ControlCaller, Grant, RoleId, action, control, decide_control, reach_of};
use holdfast_directory::{NewPrincipal, NewSecret};
use holdfast_model::{BusyJobs, JobId, JobState, RegistryRecord};
use holdfast_oci::{Algorithm, Digest};
use holdfast_resources::{Error, ImportError, ImportFailure, ImportFailureKind, ImportTag, NewImport, NewImportSource};
use holdfast_testkit::registry::{Document, name, pattern, tag};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::upstream::{Mood, Upstream};
use super::{World, operator};

fn image() -> Document {
    Document::image(&[pattern(1, 300_000), pattern(2, 100)])
}

fn blob_path(document: &Document, index: usize) -> String {
    format!(
        "/v2/app/blobs/{}",
        Digest::of(Algorithm::Sha256, &document.blobs()[index])
    )
}

impl World {
    /// Somebody who may do everything in the registry `test`.
    async fn owner(&self) -> ControlCaller {
        let now = self.registry.now();
        let secret = NewSecret {
            display_name: None,
            hint: "abc".to_owned(),
            verifier: self.sealer.verifier("secret"),
            starts_at: now,
            expires_at: now.plus(Duration::from_secs(7200)),
        };
        let new = NewPrincipal {
            display_name: "owner".to_owned(),
            secret,
            role: RoleId::OWNER,
        };
        let made = self
            .registry
            .operator()
            .directory()
            .create_principal(&operator("/"), &operator(&self.subscription), new)
            .await
            .unwrap();
        let found = self
            .registry
            .operator()
            .sign_in()
            .find_principal(made.id)
            .await
            .unwrap()
            .unwrap();
        ControlCaller::new(
            Actor::Principal {
                id: made.id.to_string(),
            },
            found.assignments,
        )
    }

    async fn ask(&self, who: &ControlCaller, from: &Upstream, is_forced: bool) -> Result<JobId, Error> {
        self.ask_into("test", who, from, is_forced).await
    }

    async fn ask_into(
        &self,
        registry: &str,
        who: &ControlCaller,
        from: &Upstream,
        is_forced: bool,
    ) -> Result<JobId, Error> {
        let host = from.host.parse().unwrap();
        let sealed = self
            .sealer
            .seal(&SecretString::from("secret"), &NewImportSource::secret_context(&host))
            .unwrap();
        let new = NewImport {
            source: NewImportSource::Upstream {
                host,
                repository: name("app"),
                username: Some("puller".to_owned()),
                password: Some(sealed),
            },
            reference: tag("v1").into(),
            tags: vec![ImportTag {
                repository: name("here"),
                tag: tag("v1"),
            }],
            untagged: vec![name("bare")],
            is_forced,
        };
        let grant = decide_control(who, &self.scope("group", registry).parse().unwrap()).unwrap();
        let asked = self.registry.operator().resources().ask_for_import(&grant, new).await?;
        Ok(asked.0)
    }

    /// Asks for an import into the registry `other` out of a registry of this server.
    async fn ask_across(&self, who: &ControlCaller, pull: &Grant<action::Pull>, source: &RegistryRecord) -> JobId {
        let new = NewImport {
            source: NewImportSource::Registry {
                pull: pull.clone(),
                scope: source.scope(),
            },
            reference: tag("v1").into(),
            tags: Vec::new(),
            untagged: vec![name("here")],
            is_forced: false,
        };
        let grant = decide_control(who, &self.scope("group", "other").parse().unwrap()).unwrap();
        let asked = self.registry.operator().resources().ask_for_import(&grant, new).await;
        asked.unwrap().0
    }

    async fn outcome(&self, who: &ControlCaller, id: JobId) -> Result<JobState, ImportFailure> {
        let reach = reach_of::<control::ImportImage>(who);
        let job = self
            .registry
            .operator()
            .resources()
            .find_import(&reach, id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            job.sealed.is_none(),
            job.state != JobState::Open,
            "a secret is kept as long as it is needed"
        );
        match job.state {
            JobState::Failed => Err(ImportFailure::of(&job)),
            state => Ok(state),
        }
    }
}

#[tokio::test]
async fn what_breaks_off_is_taken_up_where_it_ended_and_what_is_there_is_not_fetched() {
    let (world, document) = (World::start().await, image());
    let upstream = Upstream::start(&document).await;
    let (owner, runner) = (
        world.owner().await,
        world.runner(&[format!("http://{}", upstream.host)]),
    );
    let large = blob_path(&document, 1);
    assert_eq!(document.blobs()[1].len(), 300_000, "the first layer follows the config");
    upstream.will(&large, &[Mood::CutOff(200_000), Mood::CutOff(50_000)]);
    let id = world.ask(&owner, &upstream, false).await.unwrap();
    assert_eq!(world.outcome(&owner, id).await, Ok(JobState::Open));
    assert_eq!(runner.run_due().await, 1);
    assert_eq!(world.outcome(&owner, id).await, Ok(JobState::Succeeded));
    let ranges: Vec<String> = upstream.asked(&large);
    assert_eq!(
        ranges.iter().filter(|line| line.ends_with(" 100000-")).count(),
        1,
        "{ranges:?}"
    );
    assert_eq!(
        ranges.iter().filter(|line| line.ends_with(" 250000-")).count(),
        1,
        "{ranges:?}"
    );
    let digest = document.digest();
    for (repository, reference) in [("here", "v1".to_owned()), ("bare", digest.to_string())] {
        assert_eq!(
            world.registry.pull(repository, &reference).await.unwrap().digest,
            digest
        );
    }
    assert!(world.registry.tags("bare").await.unwrap().is_empty());
    // A second time nothing is left to fetch but the manifest; and a tag that is there stays.
    let before = upstream.asked("/v2/app/blobs/").len();
    assert!(matches!(
        world.ask(&owner, &upstream, false).await,
        Err(Error::Import(ImportError::TagExists { .. }))
    ));
    let id = world.ask(&owner, &upstream, true).await.unwrap();
    runner.run_due().await;
    assert_eq!(world.outcome(&owner, id).await, Ok(JobState::Succeeded));
    assert_eq!(upstream.asked("/v2/app/blobs/").len(), before);
}

#[tokio::test]
async fn an_index_of_blobs_comes_with_its_blobs() {
    let (world, document) = (World::start().await, Document::cache(&["layer", "config of the cache"]));
    let upstream = Upstream::start(&document).await;
    let (owner, runner) = (
        world.owner().await,
        world.runner(&[format!("http://{}", upstream.host)]),
    );
    let id = world.ask(&owner, &upstream, false).await.unwrap();
    assert_eq!(runner.run_due().await, 1);
    assert_eq!(world.outcome(&owner, id).await, Ok(JobState::Succeeded));
    assert_eq!(
        world.registry.pull("here", "v1").await.unwrap().digest,
        document.digest()
    );
    for blob in document.blobs() {
        let digest = Digest::of(Algorithm::Sha256, blob);
        assert_eq!(world.registry.read_blob("here", &digest).await.unwrap(), blob);
    }
}

#[tokio::test]
async fn blobs_whose_size_the_manifest_leaves_out_come_whole() {
    let without_size = |json: &mut serde_json::Value| drop(json.as_object_mut().unwrap().remove("size"));
    let document = image().edited(|json| {
        without_size(&mut json["config"]);
        without_size(&mut json["layers"][0]);
    });
    let (world, upstream) = (World::start().await, Upstream::start(&document).await);
    let owner = world.owner().await;
    let runner = world.runner(&[format!("http://{}", upstream.host)]);
    upstream.will(&blob_path(&document, 1), &[Mood::CutOff(100_000)]);
    let id = world.ask(&owner, &upstream, false).await.unwrap();
    assert_eq!(runner.run_due().await, 1);
    assert_eq!(world.outcome(&owner, id).await, Ok(JobState::Succeeded));
    for blob in document.blobs() {
        let digest = Digest::of(Algorithm::Sha256, blob);
        assert_eq!(world.registry.read_blob("here", &digest).await.unwrap(), blob);
    }
}

#[tokio::test]
async fn a_content_type_that_says_nothing_leaves_it_to_the_manifest() {
    for content_type in ["application/octet-stream", "text/plain; charset=utf-8", ""] {
        let (world, document) = (World::start().await, image());
        let upstream = Upstream::start_as(&document, content_type).await;
        let (owner, runner) = (
            world.owner().await,
            world.runner(&[format!("http://{}", upstream.host)]),
        );
        let id = world.ask(&owner, &upstream, false).await.unwrap();
        runner.run_due().await;
        assert_eq!(
            world.outcome(&owner, id).await,
            Ok(JobState::Succeeded),
            "{content_type}"
        );
        let pulled = world.registry.pull("here", "v1").await.unwrap();
        assert_eq!(pulled.media_type, document.media_type(), "{content_type}");
    }
}

#[tokio::test]
async fn a_manifest_without_any_type_is_named() {
    let world = World::start().await;
    let document = image().edited(|json| drop(json.as_object_mut().unwrap().remove("mediaType")));
    let upstream = Upstream::start_as(&document, "text/plain").await;
    let (owner, runner) = (
        world.owner().await,
        world.runner(&[format!("http://{}", upstream.host)]),
    );
    let id = world.ask(&owner, &upstream, false).await.unwrap();
    runner.run_due().await;
    let failure = world.outcome(&owner, id).await.unwrap_err();
    let expected = format!("manifest {} v1: ", document.digest());
    assert!(failure.message.starts_with(&expected), "{failure:?}");
    assert!(failure.message.contains("no media type"), "{failure:?}");
}

#[tokio::test]
async fn a_registry_that_does_not_answer_is_asked_later_and_one_that_lies_is_not_believed() {
    let (world, document) = (World::start().await, image());
    let upstream = Upstream::start(&document).await;
    let (owner, runner) = (
        world.owner().await,
        world.runner(&[format!("http://{}", upstream.host)]),
    );
    upstream.will("/v2/app/manifests/v1", &[Mood::Status(503)]);
    let id = world.ask(&owner, &upstream, false).await.unwrap();
    assert_eq!((runner.run_due().await, runner.run_due().await), (1, 0), "it waits");
    assert_eq!(world.outcome(&owner, id).await, Ok(JobState::Open));
    world.registry.advance(Duration::from_secs(10));
    upstream.will(&blob_path(&document, 1), &[Mood::Lies]);
    assert_eq!(runner.run_due().await, 1);
    let failure = world.outcome(&owner, id).await.unwrap_err();
    assert_eq!(failure.kind, ImportFailureKind::Source, "{failure:?}");
    assert!(
        world.registry.pull("here", "v1").await.is_err(),
        "nothing is half there"
    );
    // A tag that came to be while the image was fetched.
    let id = world.ask(&owner, &upstream, false).await.unwrap();
    let other = Document::image(&[pattern(9, 10)]);
    world.registry.push("here", Some("v1"), &other).await;
    runner.run_due().await;
    assert_eq!(
        world.outcome(&owner, id).await.unwrap_err().kind,
        ImportFailureKind::Conflict
    );
    assert_eq!(world.registry.pull("here", "v1").await.unwrap().digest, other.digest());
    // What the other registry says is passed on; where it may not be asked, the setting is named.
    upstream.will("/v2/app/manifests/v1", &[Mood::Status(418)]);
    let id = world.ask(&owner, &upstream, true).await.unwrap();
    runner.run_due().await;
    let said = world.outcome(&owner, id).await.unwrap_err().message;
    assert!(said.contains("418") && said.contains("sad"), "{said}");
    let id = world.ask(&owner, &upstream, true).await.unwrap();
    world.runner(&[]).run_due().await;
    let said = world.outcome(&owner, id).await.unwrap_err().message;
    assert!(said.contains("--allow-outgoing 127.0.0.1"), "{said}");
}

/// What a name of the network inside leads to is nobody's business: whether it is there neither.
#[tokio::test]
async fn a_name_that_leads_nowhere_and_one_that_leads_inside_are_told_alike_and_tried_twice() {
    let (world, document) = (World::start().await, image());
    let mut upstream = Upstream::start(&document).await;
    let (owner, runner) = (world.owner().await, world.runner(&[]));
    let mut told = Vec::new();
    for host in ["localhost:1", "nobody.invalid"] {
        upstream.host = host.to_owned();
        let id = world.ask(&owner, &upstream, false).await.unwrap();
        assert_eq!(runner.run_due().await, 1, "{host}");
        assert_eq!(world.outcome(&owner, id).await, Ok(JobState::Open), "{host}");
        world.registry.advance(Duration::from_secs(60));
        assert_eq!(runner.run_due().await, 1, "{host}");
        let failure = world.outcome(&owner, id).await.unwrap_err();
        assert_eq!(failure.kind, ImportFailureKind::Source, "{host}");
        let name = host.split(':').next().unwrap();
        assert!(
            failure.message.contains(&format!("--allow-outgoing {name}")),
            "{failure:?}"
        );
        told.push(failure.message.replace(name, "NAME"));
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn a_job_whose_holder_died_is_done_by_another_and_a_right_taken_away_ends_it() {
    let (mut world, document) = (World::start().await, image());
    let upstream = Upstream::start(&document).await;
    let owner = world.owner().await;
    let id = world.ask(&owner, &upstream, false).await.unwrap();
    let (dead, lease) = (Uuid::new_v4(), Duration::from_secs(20));
    let taken = world
        .registry
        .operator()
        .resources()
        .take_job(dead, lease, BusyJobs::default())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((taken.id, taken.attempts), (id, 1));
    world.registry.reopen().await;
    let runner = world.runner(&[format!("http://{}", upstream.host)]);
    assert_eq!(runner.run_due().await, 0, "it is held still");
    world.registry.advance(lease);
    assert_eq!(runner.run_due().await, 1);
    assert_eq!(world.outcome(&owner, id).await, Ok(JobState::Succeeded));
    let kept = world
        .registry
        .operator()
        .resources()
        .keep_job(id, dead, lease, None)
        .await
        .unwrap();
    assert!(!kept, "who lost the lease changes nothing");
    // Who asked is nobody any more.
    let nobody = ControlCaller::new(
        Actor::Principal {
            id: Uuid::new_v4().to_string(),
        },
        owner.assignments().to_vec(),
    );
    let id = world.ask(&nobody, &upstream, true).await.unwrap();
    runner.run_due().await;
    assert_eq!(
        world.outcome(&owner, id).await.unwrap_err().kind,
        ImportFailureKind::NotAllowed
    );
    let stranger = ControlCaller::new(Actor::Anonymous, Vec::new());
    let reach = reach_of::<control::ImportImage>(&stranger);
    assert!(
        world
            .registry
            .operator()
            .resources()
            .find_import(&reach, id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(world.registry.pull("here", "v1").await.is_ok());
    let grant = world.registry.grant::<action::Push>("here");
    assert!(
        world
            .registry
            .operator()
            .resources()
            .keep_blob(&grant, &Digest::of(Algorithm::Sha256, &document.blobs()[1]))
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn an_attempt_ends_in_time_and_one_that_kills_its_holder_is_not_begun_for_ever() {
    let (world, document) = (World::start().await, image());
    let upstream = Upstream::start(&document).await;
    let owner = world.owner().await;
    upstream.will("/v2/app/manifests/v1", &[Mood::Stalls]);
    let allowed = [format!("http://{}", upstream.host)];
    let id = world.ask(&owner, &upstream, false).await.unwrap();
    let runner = world.hasty_runner(&allowed, Duration::from_millis(200));
    assert_eq!(runner.run_due().await, 1, "it comes back");
    assert_eq!(world.outcome(&owner, id).await, Ok(JobState::Open));
    world.registry.advance(Duration::from_secs(10));
    let lease = Duration::from_secs(20);
    while let Some(taken) = world
        .registry
        .operator()
        .resources()
        .take_job(Uuid::new_v4(), lease, BusyJobs::default())
        .await
        .unwrap()
    {
        world.registry.advance(lease);
        if taken.attempts == 6 {
            break;
        }
    }
    assert_eq!(world.runner(&allowed).run_due().await, 1);
    let failure = world.outcome(&owner, id).await.unwrap_err();
    assert!(failure.message.contains("did not come within"), "{failure:?}");
    assert_eq!(
        upstream.asked("/v2/app/manifests/v1").len(),
        1,
        "it was not begun again"
    );
}

#[tokio::test]
async fn imports_that_hang_hold_up_no_other_registry() {
    let (world, document) = (World::start().await, image());
    let (slow, upstream) = (Upstream::start(&document).await, Upstream::start(&document).await);
    let owner = world.owner().await;
    world.make("group", "other").await.unwrap();
    slow.will("/v2/app/manifests/v1", &vec![Mood::Stalls; 5]);
    for _ in 0..5 {
        world.ask(&owner, &slow, true).await.unwrap();
    }
    let id = world.ask_into("other", &owner, &upstream, false).await.unwrap();
    let runner = world.runner(&[format!("http://{}", slow.host), format!("http://{}", upstream.host)]);
    let stopping = CancellationToken::new();
    let running = tokio::spawn(runner.run(stopping.clone()));
    let ended = tokio::time::timeout(Duration::from_secs(30), async {
        while world.outcome(&owner, id).await == Ok(JobState::Open) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    ended.await.expect("the other registry has its turn");
    assert_eq!(world.outcome(&owner, id).await, Ok(JobState::Succeeded));
    stopping.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn what_became_of_the_source_meanwhile_is_told_as_that() {
    let (world, document) = (World::start().await, image());
    let owner = world.owner().await;
    world.make("group", "other").await.unwrap();
    world.registry.push("app", Some("v1"), &document).await;
    let pull = world.registry.grant::<action::Pull>("app");
    let id = world.ask_across(&owner, &pull, world.registry.record()).await;
    let keep_in = |record: &mut RegistryRecord| (record.allow_export, record.network.public_access) = (false, false);
    world.registry.switch(keep_in).await;
    world.runner(&[]).run_due().await;
    let failure = world.outcome(&owner, id).await.unwrap_err();
    assert_eq!(failure.kind, ImportFailureKind::NotAllowed, "{failure:?}");
    assert!(failure.message.contains("export"), "{failure:?}");
}
