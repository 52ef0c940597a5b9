//! Rows that this build cannot read, as a newer one leaves them behind.

use std::time::Duration;

use holdfast_registry::ports::{BusyJobs, Durability, JobId, JobKind, JobRecord, MetadataExt as _};
use holdfast_testkit::registry::TestRegistry;
use rusqlite::Connection;
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
    let take = || world.take_job(Uuid::new_v4(), lease, BusyJobs::default());
    assert_eq!(take().await.unwrap().map(|job| job.id), Some(plain.id));
    assert_eq!(take().await.unwrap(), None, "they wait");
    let told = "SELECT count(*) FROM job WHERE last_error IS NOT NULL AND due_at IS NOT NULL";
    assert_eq!(rows.query_row(told, [], |row| row.get::<_, i64>(0)).unwrap(), 2);
}
