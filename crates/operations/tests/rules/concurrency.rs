//! Many tasks at once over the same repositories: pushes, moves of tags, deletes, and collections
//! with hardly any grace. What was acknowledged is there, and what is there is whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use holdfast_access::action;
use holdfast_content::{CollectOptions, Error, Limits, Precondition};
use holdfast_model::{BlobId, BlobPlace, Blobs as _, ManifestId, MetadataError, MetadataExt as _};
use holdfast_oci::Digest;
use holdfast_testkit::{
    blobs::list,
    registry::{Document, TestRegistry, pattern, read_all, tag},
};
use tokio::{sync::Barrier, task::JoinSet};

use crate::claims::{assert_nothing_left, freed_blobs, sha256};

/// More rows than there are.
const ALL: usize = 100_000;
const REPOSITORIES: [&str; 2] = ["app", "base"];
/// How far the clock moves before each collection.
const STEP: Duration = Duration::from_millis(1);
/// So many collections spare a candidate: enough for most pushes, not for all.
const RUNS_OF_GRACE: u32 = 10;
const TAGS: [&str; 3] = ["v1", "v2", "latest"];

/// An image of layers that everybody pushes, one of them streamed, told apart by a note.
fn image(note: &str, number: u64) -> Document {
    Document::image(&layers(number)).with_note(&format!("{note} {number}"))
}

fn layers(number: u64) -> Vec<Bytes> {
    (0..4)
        .filter(|layer| number >> layer & 1 == 1)
        .map(|layer| pattern(layer, if layer == 3 { 70_000 } else { 100 }))
        .collect()
}

/// The same with a layer that nobody else pushes: when the image goes, the collector has something to take.
fn image_of_its_own(note: &str, number: u64) -> Document {
    let mut layers = layers(number);
    layers.push(format!("layer of {note} {number}").into());
    Document::image(&layers).with_note(&format!("{note} {number}"))
}

/// Pushes as clients do: asks for each blob first, and starts again when the collector was faster.
async fn push(world: &TestRegistry, repository: &str, document: &Document, tagged: Option<&str>) -> Result<(), Error> {
    let pull = world.grant::<action::Pull>(repository);
    for _ in 0..200 {
        for blob in document.blobs() {
            match world.stat_blob(&pull, &sha256(blob)).await {
                Ok(_) => {}
                Err(Error::BlobUnknown { .. }) => world.try_push_blob(repository, blob.clone()).await.map(drop)?,
                Err(error) => return Err(error),
            }
        }
        let reference = tagged.map_or_else(|| document.digest().into(), |text| tag(text).into());
        match world
            .put_manifest(&world.grant(repository), document.put(reference))
            .await
        {
            Ok(_) => return Ok(()),
            // An index's children are not pushed here, so trying again is of no use.
            Err(Error::ManifestBlobsMissing { .. }) if !document.blobs().is_empty() => {}
            Err(error) => return Err(error),
        }
    }
    panic!("the collector was faster two hundred times")
}

/// A registry whose clock only the collector moves, a step a run.
async fn world() -> Arc<TestRegistry> {
    let limits = Limits {
        grace: STEP * RUNS_OF_GRACE,
        ..Limits::default()
    };
    Arc::new(TestRegistry::start_with(limits, None).await)
}

/// Collects over and over, dry in between, and counts the objects that go.
async fn collect_until(world: Arc<TestRegistry>, is_over: Arc<AtomicBool>, objects: Arc<AtomicU64>) {
    while !is_over.load(Ordering::SeqCst) {
        for dry_run in [true, false] {
            world.advance(STEP);
            let grace = world.limits().grace;
            let collected = world.collect_garbage(CollectOptions { grace, dry_run }).await.unwrap();
            if !dry_run {
                objects.fetch_add(freed_blobs(&collected), Ordering::SeqCst);
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Every manifest has its blobs and children, every blob its bytes, every object a reason.
async fn assert_whole(world: &TestRegistry) {
    let rows = world.rows();
    let missing = rows
        .query(|read| {
            let mut missing = Vec::new();
            for (repository, manifest) in read.scan_manifests(ManifestId(0), ALL)? {
                for blob in read.list_manifest_blobs(manifest.id)? {
                    if read.find_linked_blob(repository, &blob)?.is_none() {
                        missing.push((manifest.digest, blob));
                    }
                }
            }
            Ok::<_, MetadataError>(missing)
        })
        .await
        .unwrap();
    assert_eq!(missing, [], "manifests without a blob");
    let blobs = rows.query(|read| read.scan_blobs(BlobId(0), ALL)).await.unwrap();
    for blob in &blobs {
        let bytes = match &blob.place {
            BlobPlace::Object(key) => read_all(world.blobs().open(key, 0..blob.size_bytes).await.unwrap()).await,
            BlobPlace::Row => {
                let id = blob.id;
                let bytes = rows.query(move |read| read.find_blob_bytes(id)).await;
                bytes.unwrap().expect("its bytes are there")
            }
        };
        assert_eq!(sha256(&bytes), blob.digest);
    }
    let keys: BTreeSet<_> = blobs
        .iter()
        .filter_map(|blob| match &blob.place {
            BlobPlace::Object(key) => Some(key.clone()),
            BlobPlace::Row => None,
        })
        .collect();
    let objects = list(world.blobs()).await;
    let objects: BTreeSet<_> = objects.into_iter().map(|object| object.key).collect();
    assert_eq!(objects, keys, "objects in the store and in the rows");
}

async fn delete_everything(world: &TestRegistry) {
    for repository in world.catalog().await {
        world
            .delete_repository(&world.grant(repository.as_str()))
            .await
            .unwrap();
    }
    for _ in 0..3 {
        world.pass_grace();
        world.collect().await;
    }
    assert_nothing_left(world).await;
}

/// Who wrote what to a tag, between which two ticks.
#[derive(Debug, Clone, Copy)]
struct Write {
    began: u64,
    ended: u64,
    /// `None`: the tag was removed.
    digest: Option<Digest>,
}

type History = Arc<Mutex<BTreeMap<(usize, usize), Vec<Write>>>>;

/// The last value must be one that no later write follows.
fn assert_last_writer(key: (usize, usize), writes: &[Write], found: Option<Digest>) {
    let possible: Vec<_> = writes
        .iter()
        // A write that had ended before another began is not the last.
        .filter(|write| !writes.iter().any(|other| other.began > write.ended))
        .map(|write| write.digest)
        .collect();
    assert!(
        possible.contains(&found),
        "tag {} of {} is {found:?}; the last writes were {possible:?}",
        TAGS[key.1],
        REPOSITORIES[key.0]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_acknowledged_push_is_lost_among_pushes_deletes_and_collections() {
    const WRITERS: u64 = 5;
    const ROUNDS: u64 = 25;
    /// The writers go on until the collector, which may be slower, has taken something from among them.
    const MAX_ROUNDS: u64 = 40 * ROUNDS;
    let world = world().await;
    world.switch(|registry| registry.retention_days = None).await;
    let (ticks, history) = (Arc::new(AtomicU64::new(1)), History::default());
    let (is_over, collected) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let collector = collect_until(Arc::clone(&world), Arc::clone(&is_over), Arc::clone(&collected));
    let collector = tokio::spawn(collector);
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (world, ticks, history) = (Arc::clone(&world), Arc::clone(&ticks), Arc::clone(&history));
        let collected = Arc::clone(&collected);
        writers.spawn(async move {
            let mut kept = Vec::new();
            for round in 0..MAX_ROUNDS {
                if round >= ROUNDS && collected.load(Ordering::SeqCst) > 0 {
                    break;
                }
                let number = writer * 31 + round * 7;
                let key = ((number % 2) as usize, (number % 3) as usize);
                let repository = REPOSITORIES[key.0];
                let document = image(&format!("writer {writer}"), number);
                let began = ticks.fetch_add(1, Ordering::SeqCst);
                let digest = if round % 6 == 5 {
                    match world.delete_tag(&world.grant(repository), &tag(TAGS[key.1])).await {
                        Ok(()) => None,
                        Err(Error::TagUnknown { .. }) => continue,
                        Err(error) => panic!("{error:?}"),
                    }
                } else {
                    push(&world, repository, &document, Some(TAGS[key.1])).await.unwrap();
                    kept.push((repository, document.clone()));
                    Some(document.digest())
                };
                let ended = ticks.fetch_add(1, Ordering::SeqCst);
                let write = Write { began, ended, digest };
                history.lock().unwrap().entry(key).or_default().push(write);
                scratch(&world, writer, round).await;
            }
            kept
        });
    }
    let mut kept = Vec::new();
    while let Some(done) = writers.join_next().await {
        kept.extend(done.unwrap());
    }
    is_over.store(true, Ordering::SeqCst);
    collector.await.unwrap();
    assert!(
        collected.load(Ordering::SeqCst) > 0,
        "the collector had something to do"
    );

    for (repository, document) in kept {
        let content = world.pull(repository, &document.digest().to_string()).await.unwrap();
        assert_eq!(content.bytes, document.bytes());
        for blob in document.blobs() {
            assert_eq!(&world.read_blob(repository, &sha256(blob)).await.unwrap(), blob);
        }
    }
    let history = std::mem::take(&mut *history.lock().unwrap());
    for (key, writes) in &history {
        let tags = world.tags(REPOSITORIES[key.0]).await;
        let found = tags.unwrap().into_iter().find(|found| found.name == tag(TAGS[key.1]));
        assert_last_writer(*key, writes, found.map(|found| found.digest));
    }
    assert_whole(&world).await;
    delete_everything(&world).await;
}

/// Pushes and deletes what nobody else looks at, of layers that everybody uses and of one of its own: an index with its
/// children and a referrer, by manifest or with the whole repository.
async fn scratch(world: &TestRegistry, writer: u64, round: u64) {
    let repository = format!("scratch/{}", writer % 2);
    let note = format!("scratch of {writer}");
    let child = image_of_its_own(&note, round * 3);
    let index = Document::index(&[&child]).with_note(&format!("{note} {round}"));
    let referrer = image_of_its_own(&note, round * 3 + 1).referring_to(&index);
    for document in [&child, &index, &referrer] {
        match push(world, &repository, document, None).await {
            Ok(()) => {}
            // Another task deleted the child.
            Err(Error::ManifestBlobsMissing { .. }) => return,
            Err(error) => panic!("{error:?}"),
        }
        if document.digest() == child.digest() && round % 5 == 4 {
            let deleted = world.delete_repository(&world.grant(&repository)).await;
            assert!(
                matches!(deleted, Ok(_) | Err(Error::RepositoryUnknown { .. })),
                "{deleted:?}"
            );
            return;
        }
    }
    for document in [&index, &child] {
        let deleted = world
            .delete_manifest(&world.grant(&repository), &document.digest())
            .await;
        assert!(
            matches!(
                deleted,
                Ok(()) | Err(Error::ManifestUnknown { .. } | Error::RepositoryUnknown { .. })
            ),
            "{deleted:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_conditional_writers_exactly_one_wins() {
    const WRITERS: u64 = 8;
    let world = world().await;
    let base = image("base", 15);
    push(&world, "app", &base, Some("base")).await.unwrap();
    let mut current: Option<Digest> = None;
    for round in 0..12 {
        // The first round makes the tag, the others move it.
        let precondition = current.map_or(Precondition::Absent, |digest| Precondition::OneOf(vec![digest]));
        let start = Arc::new(Barrier::new(WRITERS as usize));
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let (world, start, precondition) = (Arc::clone(&world), Arc::clone(&start), precondition.clone());
            writers.spawn(async move {
                let document = base_like(writer, round);
                let mut put = document.put(tag("v1").into());
                put.precondition = Some(precondition);
                let grant = world.grant("app");
                start.wait().await;
                (document.digest(), world.put_manifest(&grant, put).await)
            });
        }
        let mut winners = Vec::new();
        while let Some(done) = writers.join_next().await {
            match done.unwrap() {
                (digest, Ok(_)) => winners.push(digest),
                (_, Err(Error::PreconditionFailed { .. })) => {}
                (_, Err(error)) => panic!("{error:?}"),
            }
        }
        assert_eq!(winners.len(), 1, "round {round}");
        assert_eq!(world.pull("app", "v1").await.unwrap().digest, winners[0]);
        current = winners.pop();
    }
    let view = world.load_repository(&world.grant("app")).await.unwrap();
    assert_eq!(view.manifest_count, 1 + 12, "the losers left nothing");
}

fn base_like(writer: u64, round: u64) -> Document {
    image("base", 15).with_note(&format!("writer {writer}, round {round}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_counter_behind_if_match_counts_every_success() {
    const WRITERS: u64 = 6;
    const EACH: u64 = 10;
    let world = world().await;
    push(&world, "app", &image("base", 15), Some("counter")).await.unwrap();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let world = Arc::clone(&world);
        writers.spawn(async move {
            let mut replaced = Vec::new();
            while replaced.len() < EACH as usize {
                let seen = world.pull("app", "counter").await.unwrap().digest;
                let document = base_like(writer, replaced.len() as u64);
                let mut put = document.put(tag("counter").into());
                put.precondition = Some(Precondition::OneOf(vec![seen]));
                match world.put_manifest(&world.grant("app"), put).await {
                    Ok(_) => replaced.push(seen),
                    Err(Error::PreconditionFailed { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
            replaced
        });
    }
    let mut replaced = Vec::new();
    while let Some(done) = writers.join_next().await {
        replaced.extend(done.unwrap());
    }
    let each_once: BTreeSet<_> = replaced.iter().collect();
    assert_eq!(
        (replaced.len() as u64, each_once.len() as u64),
        (WRITERS * EACH, WRITERS * EACH),
        "no value was replaced twice"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_blob_pushed_by_many_at_once_is_stored_once() {
    let world = world().await;
    for length in [100, 16_384, 16_385, 100_000] {
        let bytes = pattern(length, length as usize);
        let mut pushers = JoinSet::new();
        for pusher in 0..8 {
            let (world, bytes) = (Arc::clone(&world), bytes.clone());
            pushers.spawn(async move {
                let repository = format!("r{}", pusher % 3);
                world.push_blob(&repository, bytes).await;
            });
        }
        while let Some(done) = pushers.join_next().await {
            done.unwrap();
        }
        for repository in ["r0", "r1", "r2"] {
            assert_eq!(world.read_blob(repository, &sha256(&bytes)).await.unwrap(), bytes);
        }
    }
    assert_eq!((world.count_blobs().await, world.count_objects().await), (4, 2));
    assert_whole(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_never_meet_half_an_image() {
    let world = world().await;
    let is_over = Arc::new(AtomicBool::new(false));
    let collector = collect_until(Arc::clone(&world), Arc::clone(&is_over), Arc::default());
    let collector = tokio::spawn(collector);
    let mut readers = JoinSet::new();
    for _ in 0..3 {
        let (world, is_over) = (Arc::clone(&world), Arc::clone(&is_over));
        readers.spawn(async move {
            let mut whole = 0_u64;
            while !is_over.load(Ordering::SeqCst) {
                whole += u64::from(read_image(&world).await);
            }
            whole
        });
    }
    for round in 0..60 {
        let document = image("round", round);
        push(&world, "app", &document, Some("v1")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
        if round % 3 == 2 {
            world
                .delete_manifest(&world.grant("app"), &document.digest())
                .await
                .unwrap();
        }
    }
    is_over.store(true, Ordering::SeqCst);
    collector.await.unwrap();
    let mut whole = 0;
    while let Some(done) = readers.join_next().await {
        whole += done.unwrap();
    }
    assert!(whole > 0, "the readers read something");
}

/// Reads `app:v1` and its blobs; whatever is missing must be missing because it was deleted.
async fn read_image(world: &TestRegistry) -> bool {
    let content = match world.pull("app", "v1").await {
        Ok(content) => content,
        Err(Error::ManifestTagUnknown { .. } | Error::RepositoryUnknown { .. }) => return false,
        Err(error) => panic!("{error:?}"),
    };
    let manifest = holdfast_oci::Manifest::parse(None, &content.bytes).unwrap();
    for (digest, _) in manifest.required_blobs() {
        match world.read_blob("app", &digest).await {
            Ok(bytes) => assert_eq!(sha256(&bytes), digest),
            Err(Error::BlobUnknown { .. }) => {
                let still = world.pull("app", &content.digest.to_string()).await;
                assert!(
                    matches!(
                        still,
                        Err(Error::ManifestUnknown { .. } | Error::RepositoryUnknown { .. })
                    ),
                    "a blob of a living image is gone"
                );
                return false;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    true
}
