//! `kill -9` and a power cut at every step of everything that writes, over both stores of bytes: what was acknowledged is there, nothing
//! is there by half, what was begun goes on or begins anew, and nothing is left over in the end.

use std::{mem, sync::Mutex, time::Duration};

use bytes::Bytes;
use holdfast_access::action;
use holdfast_content::{Body, CheckEvent, CheckOptions, CollectOptions, Error, limits::ROW_BLOB_BYTES};
use holdfast_model::UploadId;
use holdfast_testkit::registry::{Document, Moment, TestRegistry, pattern, tag};
use tokio::sync::mpsc;

use crate::claims::{append, assert_nothing_left, finish, offset, sha256};

/// Bytes of the layer that is in parts in a store of objects.
const LAYER_BYTES: usize = 100_000;

/// The test's clock is behind that of the stores, by less than this.
const AGES: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// What the process is at when it dies.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Work {
    PushOfASmallBlob,
    PushOfALargeBlob,
    SessionOfASmallBlob,
    SessionOfAByteMore,
    SessionOfALargeBlob,
    SessionInChunks,
    SessionThatIsGivenUp,
    Manifest,
    Mount,
    DeleteOfATag,
    DeleteOfAManifest,
    DeleteOfARepository,
    Collection,
    Purge,
}

const ALL: [Work; 14] = [
    Work::PushOfASmallBlob,
    Work::PushOfALargeBlob,
    Work::SessionOfASmallBlob,
    Work::SessionOfAByteMore,
    Work::SessionOfALargeBlob,
    Work::SessionInChunks,
    Work::SessionThatIsGivenUp,
    Work::Manifest,
    Work::Mount,
    Work::DeleteOfATag,
    Work::DeleteOfAManifest,
    Work::DeleteOfARepository,
    Work::Collection,
    Work::Purge,
];

/// What a client knows when the server dies under it.
#[derive(Default)]
struct Known {
    session: Mutex<Option<UploadId>>,
}

/// The image that is there before.
fn base() -> Document {
    Document::image(&[pattern(1, 1_000), pattern(2, LAYER_BYTES)])
}

/// The image whose blobs are there before, and whose manifest is pushed.
fn next() -> Document {
    base().with_note("next")
}

impl Work {
    fn bytes(self) -> Bytes {
        match self {
            Self::PushOfASmallBlob | Self::SessionOfASmallBlob => pattern(3, ROW_BLOB_BYTES),
            Self::SessionOfAByteMore => pattern(3, ROW_BLOB_BYTES + 1),
            _ => pattern(3, LAYER_BYTES),
        }
    }

    /// Where the chunks of a session end that come before its last request.
    fn chunks(self) -> &'static [usize] {
        match self {
            Self::SessionOfASmallBlob => &[500],
            Self::SessionOfAByteMore => &[ROW_BLOB_BYTES],
            Self::SessionOfALargeBlob => &[LAYER_BYTES],
            _ => &[700, 30_000, 90_000],
        }
    }

    async fn prepare(self, world: &TestRegistry) {
        world.push("app", Some("base"), &base()).await;
        match self {
            Self::Collection => {
                world.push("app", Some("gone"), &next()).await;
                world.push_blob("app", pattern(4, LAYER_BYTES)).await;
                let gone = next().digest().to_string().parse().unwrap();
                world.delete_manifest(&world.grant("app"), &gone).await.unwrap();
                world.pass_grace();
            }
            Self::Purge => {
                let grant = world.grant::<action::Push>("app");
                for length in [0, 700, 90_000] {
                    let id = world.start_upload(&grant, None).await.unwrap().id;
                    append(world, "app", id, &pattern(5, length)).await.unwrap();
                }
                world.advance(world.limits().upload_idle * 2);
            }
            Self::DeleteOfATag | Self::DeleteOfAManifest | Self::DeleteOfARepository => {
                world.push("other", Some("v1"), &next()).await;
            }
            _ => {}
        }
    }

    async fn run(self, world: &TestRegistry, known: &Known) -> Result<(), Error> {
        let digest = next().digest();
        match self {
            Self::PushOfASmallBlob | Self::PushOfALargeBlob => {
                let (grant, bytes) = (world.grant("app"), self.bytes());
                world.upload_whole(&grant, &sha256(&bytes), Body::whole(bytes)).await
            }
            Self::SessionOfASmallBlob
            | Self::SessionOfAByteMore
            | Self::SessionOfALargeBlob
            | Self::SessionInChunks
            | Self::SessionThatIsGivenUp => self.run_session(world, known).await,
            Self::Manifest => world.try_push("app", Some("next"), &next()).await.map(drop),
            Self::Mount => {
                let (to, from) = (world.grant("other"), world.grant("app"));
                world
                    .mount_blob(&to, &from, &sha256(&pattern(2, LAYER_BYTES)))
                    .await
                    .map(drop)
            }
            Self::DeleteOfATag => world.delete_tag(&world.grant("other"), &tag("v1")).await,
            Self::DeleteOfAManifest => {
                let reference = digest.to_string().parse().unwrap();
                world.delete_manifest(&world.grant("other"), &reference).await.map(drop)
            }
            Self::DeleteOfARepository => world.delete_repository(&world.grant("other")).await.map(drop),
            Self::Collection => {
                let grace = world.limits().grace;
                world
                    .collect_garbage(CollectOptions { grace, dry_run: false })
                    .await
                    .map(drop)
            }
            Self::Purge => Ok(world.purge_uploads().await.map(drop)?),
        }
    }

    async fn run_session(self, world: &TestRegistry, known: &Known) -> Result<(), Error> {
        let started = world.start_upload(&world.grant::<action::Push>("app"), None).await?;
        *known.session.lock().unwrap() = Some(started.id);
        let (bytes, mut at) = (self.bytes(), 0);
        for end in self.chunks() {
            append(world, "app", started.id, &bytes.slice(at..*end)).await?;
            at = *end;
        }
        if self == Self::SessionThatIsGivenUp {
            return world.abandon_upload(&world.grant("app"), started.id).await;
        }
        finish(world, "app", started.id, &sha256(&bytes), &bytes.slice(at..)).await
    }

    /// A client goes on where the server says, or begins anew.
    async fn go_on(self, world: &TestRegistry, known: &Known) {
        let session = *known.session.lock().unwrap();
        if let Some(id) = session
            && self != Self::SessionThatIsGivenUp
            && let Ok(at) = offset(world, "app", id).await
        {
            let (bytes, at) = (self.bytes(), usize::try_from(at).unwrap());
            let finished = finish(world, "app", id, &sha256(&bytes), &bytes.slice(at..)).await;
            finished.unwrap_or_else(|error| panic!("{self:?} at byte {at}: {error:?}"));
            return;
        }
        match self.run(world, &Known::default()).await {
            Ok(())
            | Err(Error::TagUnknown { .. } | Error::ManifestUnknown { .. } | Error::RepositoryUnknown { .. }) => {}
            Err(error) => panic!("{self:?} begun anew: {error:?}"),
        }
    }

    /// What there is once it was acknowledged.
    async fn assert_done(self, world: &TestRegistry) {
        match self {
            Self::PushOfASmallBlob
            | Self::PushOfALargeBlob
            | Self::SessionOfASmallBlob
            | Self::SessionOfAByteMore
            | Self::SessionOfALargeBlob
            | Self::SessionInChunks => {
                let bytes = self.bytes();
                assert_eq!(
                    world.read_blob("app", &sha256(&bytes)).await.unwrap(),
                    bytes,
                    "{self:?}"
                );
            }
            Self::Manifest => {
                assert_eq!(world.pull("app", "next").await.unwrap().bytes, *next().bytes());
            }
            Self::Mount => {
                let bytes = pattern(2, LAYER_BYTES);
                assert_eq!(world.read_blob("other", &sha256(&bytes)).await.unwrap(), bytes);
            }
            Self::DeleteOfATag => assert!(world.pull("other", "v1").await.is_err()),
            Self::DeleteOfAManifest | Self::DeleteOfARepository => {
                assert!(world.pull("other", &next().digest().to_string()).await.is_err());
            }
            Self::SessionThatIsGivenUp | Self::Collection | Self::Purge => {}
        }
    }
}

/// Lets it run until it is done or dies. What was under way then is neither dropped nor asked again: nothing cleans up.
async fn run_or_die(work: Work, world: &TestRegistry, known: &Known) -> bool {
    let mut running = Box::pin(work.run(world, known));
    let done = tokio::select! {
        done = &mut running => Some(done),
        () = world.kill().died() => None,
    };
    mem::forget(running);
    world.kill().spare();
    done.map(|done| done.unwrap_or_else(|error| panic!("{work:?}: {error:?}")))
        .is_some()
}

async fn assert_sound(world: &TestRegistry, when: &str) {
    let (events, mut told) = mpsc::channel(1);
    // Heard at once: while a database is waited for, Tokio's clock jumps from one moment to tell of progress to the next.
    let listening = async {
        let mut findings = Vec::new();
        while let Some(event) = told.recv().await {
            if let CheckEvent::Finding(finding) = event {
                findings.push(finding);
            }
        }
        findings
    };
    let (checked, findings) = tokio::join!(world.check(CheckOptions { at_once: 1 }, events), listening);
    let checked = checked.unwrap();
    assert_eq!(checked.faults, 0, "{when}: {findings:?}");
    assert_eq!(
        world.pull("app", "base").await.unwrap().bytes,
        *base().bytes(),
        "{when}"
    );
    for blob in base().blobs() {
        assert_eq!(world.read_blob("app", &sha256(blob)).await.unwrap(), *blob, "{when}");
    }
    // A manifest that is there is there with its blobs.
    for repository in ["app", "other"] {
        if world.pull(repository, &next().digest().to_string()).await.is_ok() {
            for blob in next().blobs() {
                assert_eq!(
                    world.read_blob(repository, &sha256(blob)).await.unwrap(),
                    *blob,
                    "{when}"
                );
            }
        }
    }
}

/// Everything is deleted and collected, what no row names too.
async fn assert_all_can_go(world: &TestRegistry) {
    for repository in world.catalog().await {
        world
            .delete_repository(&world.grant(repository.as_str()))
            .await
            .unwrap();
    }
    world.advance(world.limits().upload_idle * 2);
    world.purge_uploads().await.unwrap();
    let grace = world.limits().grace;
    for _ in 0..3 {
        world.pass_grace();
        world.collect().await;
    }
    // The stores tell by their own clock when an object was written.
    world.advance(AGES);
    world
        .collect_strays(CollectOptions { grace, dry_run: false })
        .await
        .unwrap();
    assert_nothing_left(world).await;
}

/// How a process ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Killed(Moment),
    /// With what was not flushed of the rows.
    PowerCut,
}

/// Whether it died at this step; it has fewer when it did not.
async fn die_at(work: Work, end: End, nth: i64) -> bool {
    let when = format!("{work:?}, {end:?} at step {nth}");
    let (mut world, known) = (TestRegistry::start().await, Known::default());
    work.prepare(&world).await;
    match end {
        End::Killed(moment) => world.kill().at(nth, moment),
        End::PowerCut => {
            world.expect_power_cut();
            world.kill().at(nth, Moment::After);
        }
    }
    if run_or_die(work, &world, &known).await {
        work.assert_done(&world).await;
        return false;
    }
    match end {
        End::Killed(_) => world.reopen().await,
        End::PowerCut => world.reopen_after_power_cut().await,
    }
    assert_sound(&world, &when).await;
    work.go_on(&world, &known).await;
    work.assert_done(&world).await;
    assert_sound(&world, &when).await;
    assert_all_can_go(&world).await;
    true
}

/// Tokio's clock stands still, for a look at what no row names waits a moment for rows on their way.
async fn die_at_every_step(end: End) {
    for work in ALL {
        let mut nth = 1;
        while die_at(work, end, nth).await {
            nth += 1;
        }
        assert!(nth > 1, "{work:?} has no step");
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_killed_before_any_step_loses_nothing_and_leaves_nothing_by_half() {
    die_at_every_step(End::Killed(Moment::Before)).await;
}

#[tokio::test(start_paused = true)]
async fn a_process_killed_after_any_step_loses_nothing_and_leaves_nothing_by_half() {
    die_at_every_step(End::Killed(Moment::After)).await;
}

#[tokio::test(start_paused = true)]
async fn a_power_cut_after_any_step_loses_nothing_acknowledged_and_leaves_nothing_by_half() {
    die_at_every_step(End::PowerCut).await;
}
