//! Rows that this build cannot read, as a newer one leaves them behind, or cannot remove: each costs itself alone.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

use std::time::Duration;

use holdfast_access::{ControlAction, ControlCaller, ControlGrant, ScopeMap, decide_control};
use holdfast_content::{self, CheckEvent, CheckOptions, Checked, limits::ROW_BLOB_BYTES};
use holdfast_model::{
    BusyJobs, Durability, JobId, JobKind, JobRecord, JobState, MetadataError, MetadataExt as _, ResourceGroup,
    ScopeMapRecord, StorageError, SystemData, Tags, Tx,
};
use holdfast_oci::{Algorithm, Digest};
use holdfast_resources::{Error, Precondition};
use holdfast_testkit::metadata::fixture;
use holdfast_testkit::registry::{Document, TestRegistry, pattern, tag};
use rusqlite::Connection;
use tokio::sync::mpsc;
use uuid::Uuid;

#[tokio::test]
async fn a_job_that_cannot_be_read_stops_none_behind_it() {
    let world = TestRegistry::start().await;
    let now = world.now();
    let [strange, odd, plain] = ["a", "b", "c"].map(|scope| {
        let id = JobId(Uuid::new_v4());
        JobRecord::new(id, JobKind::EraseGroup, scope.to_owned(), String::new(), now)
    });
    let mut late = plain.clone();
    late.run_after = now.plus(Duration::from_secs(1));
    let jobs = [strange.clone(), odd.clone(), late];
    world
        .rows()
        .transact(Durability::Durable, move |tx| {
            jobs.iter().try_for_each(|job| tx.insert_job(job))
        })
        .await
        .unwrap();
    let rows = Connection::open(world.database_path()).unwrap();
    let strange_kind = "UPDATE job SET kind = 'dance' WHERE id = ?1";
    rows.execute(strange_kind, [strange.id.0.as_bytes()]).unwrap();
    let odd_state = "UPDATE job SET state = 9 WHERE id = ?1";
    rows.execute(odd_state, [odd.id.0.as_bytes()]).unwrap();
    world.advance(Duration::from_secs(2));
    let lease = Duration::from_secs(20);
    let take = || world.resources().take_job(Uuid::new_v4(), lease, BusyJobs::default());
    assert_eq!(take().await.unwrap().map(|job| job.id), Some(plain.id));
    assert_eq!(take().await.unwrap(), None, "they wait");
    let told = "SELECT count(*) FROM job WHERE last_error IS NOT NULL AND due_at IS NOT NULL";
    assert_eq!(rows.query_row(told, [], |row| row.get::<_, i64>(0)).unwrap(), 2);
}

/// Ways in which one row is broken: statements that break row `?1` of a table, and what mends it.
struct Break {
    name: &'static str,
    statement: &'static str,
    mend: &'static str,
}

/// By a connection of its own; the store sees it after its next commit.
async fn by_hand(world: &TestRegistry, statement: &str) {
    {
        let rows = Connection::open(world.database_path()).unwrap();
        rows.pragma_update(None, "foreign_keys", false).unwrap();
        rows.execute_batch(statement).unwrap();
    }
    let commit = world
        .rows()
        .transact(Durability::Relaxed, |_| Ok::<_, MetadataError>(()));
    commit.await.unwrap();
}

#[tokio::test]
async fn one_candidate_that_cannot_be_handled_ends_no_collection() {
    let breaks = [
        Break {
            name: "a name that cannot be read",
            statement: "UPDATE candidate SET name = CAST(x'ff' || name AS BLOB) WHERE id = 2",
            mend: "UPDATE candidate SET name = substr(name, 2) WHERE id = 2",
        },
        Break {
            name: "a blob that cannot be read",
            statement: "UPDATE blob SET size_bytes = -1 WHERE id = 2",
            mend: "UPDATE blob SET size_bytes = 2 + (SELECT min(size_bytes) FROM blob) - 1 WHERE id = 2",
        },
        Break {
            name: "a blob that another row needs",
            statement: "CREATE TABLE keeper (blob_id INTEGER NOT NULL REFERENCES blob (id)); \
                INSERT INTO keeper VALUES (2)",
            mend: "DROP TABLE keeper",
        },
        Break {
            name: "a link that cannot be removed",
            statement: "CREATE TRIGGER kept BEFORE DELETE ON blob_link WHEN old.blob_id = 2 \
                BEGIN SELECT RAISE (ABORT, 'kept'); END",
            mend: "DROP TRIGGER kept",
        },
    ];
    // Blobs that are rows, and blobs in objects.
    let sizes = [0, ROW_BLOB_BYTES];
    for (Break { name, statement, mend }, smaller) in breaks.iter().flat_map(|one| sizes.map(|size| (one, size))) {
        let objects = usize::from(smaller > 0);
        let world = TestRegistry::start().await;
        // More than a batch behind it.
        for size in 1..=120 {
            world.push_blob("app", pattern(1, smaller + size)).await;
        }
        by_hand(&world, statement).await;
        world.pass_grace();
        for _ in 0..2 {
            let dry = world.collect_dry().await;
            let real = world.collect().await;
            assert_eq!(real.failures.count, 1, "{name}: {:?}", real.failures);
            assert_eq!(real.failures.told.len(), 1, "{name}");
            assert_eq!(dry.failures, real.failures, "{name}");
            assert_eq!(
                (dry.row_blobs, dry.objects, dry.freed_bytes),
                (real.row_blobs, real.objects, real.freed_bytes),
                "{name}"
            );
            world.advance(Duration::from_secs(1));
        }
        assert_eq!(
            (world.count_blobs().await, world.count_objects().await),
            (1, objects),
            "{name}"
        );
        let at_once = world.collect_garbage_at_once().await.unwrap();
        assert_eq!(
            at_once.failures.count, 1,
            "{name}: it is passed over until the next run"
        );
        by_hand(&world, mend).await;
        let mended = world.collect().await;
        let freed = (mended.row_blobs + mended.objects, mended.failures.count);
        assert_eq!(freed, (1, 0), "{name}");
        assert_eq!(
            (world.count_blobs().await, world.count_objects().await),
            (0, 0),
            "{name}"
        );
    }
}

#[tokio::test]
async fn one_manifest_that_cannot_be_read_ends_no_collection() {
    let world = TestRegistry::start().await;
    world.switch(|registry| registry.retention_days = Some(0)).await;
    for name in ["a", "b", "c"] {
        world.push("app", Some(name), &Document::image(&[name])).await;
        world.delete_tag(&world.grant("app"), &tag(name)).await.unwrap();
    }
    by_hand(&world, "UPDATE manifest SET subject = x'00' WHERE id = 2").await;
    world.pass_grace();
    let collected = world.collect().await;
    assert_eq!((collected.manifests, collected.failures.count), (2, 1));
    let told = &collected.failures.told[0].what;
    assert!(
        told.starts_with("manifest sha256:") && told.ends_with(" in app"),
        "{told}"
    );
    let at_once = world.collect_garbage_at_once().await.unwrap();
    assert_eq!(at_once.failures.count, 1);
}

#[tokio::test]
async fn one_upload_that_cannot_be_purged_keeps_no_other() {
    for (statement, mend) in [
        (
            "UPDATE upload SET algorithm = 'dance' WHERE actor = 'user:bad'",
            "UPDATE upload SET algorithm = 'sha256'",
        ),
        (
            "CREATE TRIGGER kept BEFORE DELETE ON upload WHEN old.actor = 'user:bad' \
             BEGIN SELECT RAISE (ABORT, 'kept'); END",
            "DROP TRIGGER kept",
        ),
    ] {
        let world = TestRegistry::start().await;
        for actor in ["user:good", "user:bad", "user:good"] {
            let upload = fixture::upload(world.record(), "app", actor, world.now().0);
            let insert = world
                .rows()
                .transact(Durability::Durable, move |tx| tx.insert_upload(&upload));
            insert.await.unwrap();
            world.advance(Duration::from_secs(1));
        }
        by_hand(&world, statement).await;
        world.advance(world.limits().upload_idle);
        for expected in [2, 0] {
            let purged = world.purge_uploads().await.unwrap();
            assert_eq!((purged.uploads, purged.failures.count), (expected, 1), "{statement}");
        }
        by_hand(&world, mend).await;
        assert_eq!(world.purge_uploads().await.unwrap().uploads, 1, "{statement}");
    }
}

#[tokio::test]
async fn a_job_that_cannot_be_taken_stops_none_behind_it() {
    let world = TestRegistry::start().await;
    for (delay, scope) in [(0, "bad"), (1, "good")] {
        let at = world.now().plus(Duration::from_secs(delay));
        let id = JobId(Uuid::new_v4());
        let job = JobRecord::new(id, JobKind::EraseGroup, scope.to_owned(), String::new(), at);
        let insert = world
            .rows()
            .transact(Durability::Durable, move |tx| tx.insert_job(&job));
        insert.await.unwrap();
    }
    by_hand(
        &world,
        "CREATE TRIGGER kept BEFORE UPDATE OF attempts ON job WHEN old.scope = 'bad' \
         BEGIN SELECT RAISE (ABORT, 'kept'); END",
    )
    .await;
    world.advance(Duration::from_secs(2));
    let lease = Duration::from_secs(20);
    let take = || world.resources().take_job(Uuid::new_v4(), lease, BusyJobs::default());
    assert_eq!(take().await.unwrap().map(|job| job.scope), Some("good".to_owned()));
    assert_eq!(take().await.unwrap(), None, "it waits");
    by_hand(&world, "DROP TRIGGER kept").await;
    world.advance(Duration::from_secs(3600));
    let taken = [take().await.unwrap(), take().await.unwrap()];
    assert!(taken.iter().flatten().any(|job| job.scope == "bad"), "{taken:?}");
}

#[tokio::test]
async fn one_ended_job_that_cannot_be_forgotten_keeps_no_other() {
    let world = TestRegistry::start().await;
    for scope in ["a", "b", "c"] {
        let id = JobId(Uuid::new_v4());
        let mut job = JobRecord::new(id, JobKind::ImportImage, scope.to_owned(), String::new(), world.now());
        job.state = JobState::Succeeded;
        let insert = world
            .rows()
            .transact(Durability::Durable, move |tx| tx.insert_job(&job));
        insert.await.unwrap();
        world.advance(Duration::from_secs(1));
    }
    by_hand(
        &world,
        "CREATE TRIGGER kept BEFORE DELETE ON job WHEN old.scope = 'b' BEGIN SELECT RAISE (ABORT, 'kept'); END",
    )
    .await;
    for expected in [2, 0] {
        let (forgotten, failures) = world.resources().forget_ended_jobs(world.now()).await.unwrap();
        assert_eq!((forgotten, failures.count), (expected, 1));
    }
}

fn operator<A: ControlAction>(scope: &str) -> ControlGrant<A> {
    decide_control(&ControlCaller::operator(), &scope.parse().unwrap()).unwrap()
}

/// Makes a registry in a group of its own and puts a row of each kind into it; gives the scope of the group.
async fn full_registry(world: &TestRegistry, name: &str) -> String {
    let subscription = world.record().subscription_id;
    let now = world.now();
    let group = ResourceGroup {
        subscription_id: subscription,
        name: "other".to_owned(),
        location: "local".to_owned(),
        tags: Tags::new(),
        created_at: now,
        revision: 1,
    };
    let mut new = fixture::new_registry(name, subscription, world.record().storage_account);
    new.resource_group.clone_from(&group.name);
    let work = move |tx: &mut dyn Tx| {
        if tx.find_resource_group(subscription, &group.name)?.is_none() {
            tx.insert_resource_group(&group)?;
        }
        let id = tx.insert_registry(&new)?;
        let record = tx.find_registry(id)?.unwrap();
        let target = tx.ensure_repository(id, &fixture::name("app"), now)?;
        let repository = target.expect("the registry is there").repository;
        tx.put_manifest(repository.id, &fixture::manifest("a", 2), 0)?;
        let mut upload = fixture::upload(&record, "app", "me", now.0);
        upload.registry = id;
        tx.insert_upload(&upload)?;
        let job = JobRecord::new(
            JobId(Uuid::new_v4()),
            JobKind::ImportImage,
            record.scope(),
            "{}".to_owned(),
            now,
        );
        tx.insert_job(&job)?;
        tx.insert_scope_map(&ScopeMapRecord {
            registry: id,
            name: "map".to_owned(),
            description: None,
            actions: ScopeMap::parse(&["repositories/app/content/read".to_owned()]).unwrap(),
            system_data: SystemData::new(None, now),
        })
    };
    world.rows().transact(Durability::Durable, work).await.unwrap();
    format!("/subscriptions/{subscription}/resourcegroups/other")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_is_deleted_whatever_its_rows_say() {
    for broken in [
        "UPDATE job SET state = 9",
        "UPDATE manifest SET subject = x'00'",
        "UPDATE repository SET name = '///' WHERE registry_id = 2",
        "UPDATE upload SET algorithm = 'dance'",
        "UPDATE scope_map SET actions = '[\"dance\"]'",
    ] {
        let world = TestRegistry::start().await;
        let group = full_registry(&world, "doomed").await;
        by_hand(&world, broken).await;
        let scope = format!("{group}/providers/microsoft.containerregistry/registries/doomed");
        let deleted = world
            .resources()
            .delete_registry(&operator(&scope), Precondition::default())
            .await;
        assert!(deleted.unwrap(), "{broken}");
        assert!(
            world.resources().find_registry("doomed").await.unwrap().is_none(),
            "{broken}"
        );
        let rows = Connection::open(world.database_path()).unwrap();
        let open: i64 = rows
            .query_row("SELECT count(*) FROM job WHERE due_at IS NOT NULL", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(open, 0, "{broken}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_registry_that_cannot_be_deleted_keeps_none_beside_it() {
    let world = TestRegistry::start().await;
    for name in ["first", "bad", "last"] {
        full_registry(&world, name).await;
    }
    let group = full_registry(&world, "more").await;
    by_hand(
        &world,
        "CREATE TRIGGER kept BEFORE DELETE ON registry WHEN old.name = 'bad' BEGIN SELECT RAISE (ABORT, 'kept'); END",
    )
    .await;
    let registry = world.operator().clone();
    let grant = operator(&group);
    let delete = || {
        registry
            .resources()
            .delete_resource_group(&grant, Precondition::default())
    };
    assert!(matches!(delete().await, Err(Error::Storage(StorageError::Metadata(_)))));
    let left: Vec<String> = registry
        .resources()
        .list_registries()
        .await
        .unwrap()
        .into_iter()
        .map(|r| r.name)
        .collect();
    assert_eq!(left, ["test", "bad"]);
    by_hand(&world, "DROP TRIGGER kept").await;
    delete().await.unwrap();
    assert_eq!(registry.resources().list_registries().await.unwrap().len(), 1);
}

async fn check(world: &TestRegistry) -> (Checked, Vec<String>) {
    let (events, mut told) = mpsc::channel(100);
    let checked = world.check(CheckOptions { at_once: 1 }, events).await.unwrap();
    let mut findings = Vec::new();
    while let Some(event) = told.recv().await {
        if let CheckEvent::Finding(finding) = event {
            findings.push(finding.to_string());
        }
    }
    (checked, findings)
}

#[tokio::test]
async fn a_check_reads_the_bytes_of_blobs_that_are_rows() {
    for (statement, says) in [
        (
            "DELETE FROM blob_content WHERE blob_id = 2",
            "is lost: its bytes are not in the database",
        ),
        (
            "UPDATE blob_content SET bytes = x'00' WHERE blob_id = 2",
            "is damaged: its bytes in the database have digest",
        ),
        (
            "UPDATE blob SET size_bytes = 99 WHERE id = 2",
            "has 5 bytes in the database, but its row says 99",
        ),
        (
            "UPDATE blob SET object_key = randomblob(16) WHERE id = 2",
            "is lost: there is no object",
        ),
    ] {
        let mut world = TestRegistry::start().await;
        for text in ["first", "other", "third"] {
            world.push_blob("app", text).await;
        }
        let digest = Digest::of(Algorithm::Sha256, b"other");
        let (checked, findings) = check(&world).await;
        assert_eq!(
            (checked.blobs, checked.bytes, checked.faults),
            (3, 15, 0),
            "{findings:?}"
        );
        by_hand(&world, statement).await;
        world.reopen().await;
        let (checked, findings) = check(&world).await;
        assert_eq!(
            (checked.blobs, checked.faults, findings.len()),
            (3, 1, 1),
            "{statement}: {findings:?}"
        );
        let found = &findings[0];
        assert!(
            found.starts_with(&format!("blob {digest} ")) && found.contains(says),
            "{found}"
        );
        if says.starts_with("is lost") {
            let read = world.read_blob("app", &digest).await;
            assert!(matches!(read, Err(holdfast_content::Error::Storage(_))), "{read:?}");
        }
    }
}

#[tokio::test]
async fn a_check_tells_rows_that_it_cannot_read_and_goes_on() {
    for (statement, row) in [
        (
            "UPDATE blob SET size_bytes = -1 WHERE id = 2",
            "blob row 2 cannot be read: ",
        ),
        (
            "UPDATE manifest SET subject = x'00' WHERE id = 2",
            "manifest row 2 cannot be read: ",
        ),
        (
            "UPDATE manifest_blob SET digest = CAST(x'ff' || digest AS BLOB) WHERE manifest_id = 2",
            "manifest row 2 cannot be read: ",
        ),
        (
            "UPDATE repository SET tag_count = 7, name = '///'",
            "repository row 1 cannot be read: ",
        ),
    ] {
        let world = TestRegistry::start().await;
        for name in ["a", "b", "c"] {
            world.push("app", Some(name), &Document::image(&[name])).await;
        }
        world.push_blob("app", pattern(1, ROW_BLOB_BYTES + 1)).await;
        by_hand(&world, statement).await;
        let (checked, findings) = check(&world).await;
        let unread = |table: &str| findings.iter().filter(|told| told.starts_with(table)).count() as u64;
        assert!(
            findings.iter().any(|told| told.starts_with(row)),
            "{statement}: {findings:?}"
        );
        assert_eq!(
            checked.manifests + unread("manifest row "),
            3,
            "{statement}: {findings:?}"
        );
        assert_eq!(
            checked.blobs + unread("blob row "),
            world.count_blobs().await,
            "{statement}: {findings:?}"
        );
        assert!(checked.faults > 0 && checked.objects > 0, "{statement}");
    }
}
