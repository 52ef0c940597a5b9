//! Claims about jobs.

use holdfast_model::{BusyJobs, EndedJob, JobId, JobKind, JobLease, JobRecord, JobState, Metadata, Timestamp};
use uuid::Uuid;

use super::fixture;

fn job(scope: &str, run_after: i64) -> JobRecord {
    let id = JobId(Uuid::new_v4());
    let now = Timestamp(run_after);
    JobRecord::new(id, JobKind::ImportImage, scope.to_owned(), "{}".to_owned(), now)
}

async fn insert(metadata: &dyn Metadata, job: &JobRecord) {
    let job = job.clone();
    fixture::write(metadata, move |tx| tx.insert_job(&job)).await;
}

async fn update(metadata: &dyn Metadata, job: &JobRecord) {
    let job = job.clone();
    fixture::write(metadata, move |tx| tx.update_job(&job)).await;
}

async fn find(metadata: &dyn Metadata, id: JobId) -> Option<JobRecord> {
    fixture::read(metadata, move |read| read.find_job(id)).await
}

async fn due(metadata: &dyn Metadata, now: i64) -> Vec<JobId> {
    due_beside(metadata, now, BusyJobs::default()).await
}

async fn due_beside(metadata: &dyn Metadata, now: i64, busy: BusyJobs) -> Vec<JobId> {
    fixture::read(metadata, move |read| read.list_due_jobs(Timestamp(now), &busy, 10)).await
}

/// Every field comes back, at first and after each change.
pub async fn a_job_reads_back_as_written(metadata: &dyn Metadata) {
    let mut written = job("/subscriptions/s", 30);
    written.sealed = Some(vec![0, 255]);
    assert_eq!(find(metadata, written.id).await, None);
    insert(metadata, &written).await;
    assert_eq!(find(metadata, written.id).await, Some(written.clone()));
    written.lease = Some(JobLease {
        owner: Uuid::new_v4(),
        until: Timestamp(90),
    });
    (written.attempts, written.run_after, written.updated_at) = (3, Timestamp(40), Timestamp(50));
    (written.progress, written.last_error) = ("{\"blobs\":1}".to_owned(), Some("{}".to_owned()));
    update(metadata, &written).await;
    assert_eq!(find(metadata, written.id).await, Some(written.clone()));
    (written.state, written.sealed, written.lease) = (JobState::Failed, None, None);
    update(metadata, &written).await;
    assert_eq!(find(metadata, written.id).await, Some(written));
}

/// Neither early, nor while somebody is at it, nor after its end.
pub async fn a_job_is_due_when_its_time_came_and_nobody_holds_it(metadata: &dyn Metadata) {
    let (mut first, second) = (job("a", 20), job("a", 30));
    insert(metadata, &second).await;
    insert(metadata, &first).await;
    assert!(due(metadata, 19).await.is_empty());
    assert_eq!(due(metadata, 20).await, [first.id]);
    assert_eq!(due(metadata, 30).await, [first.id, second.id]);
    first.lease = Some(JobLease {
        owner: Uuid::new_v4(),
        until: Timestamp(50),
    });
    update(metadata, &first).await;
    assert_eq!(due(metadata, 49).await, [second.id]);
    assert_eq!(due(metadata, 50).await, [second.id, first.id]);
    first.state = JobState::Succeeded;
    update(metadata, &first).await;
    assert_eq!(due(metadata, 90).await, [second.id]);
}

/// It is nobody's until then, and says why; one that ended stays as it is.
pub async fn a_job_is_postponed_unread(metadata: &dyn Metadata) {
    let (mut held, mut ended) = (job("a", 10), job("a", 10));
    let (owner, until) = (Uuid::new_v4(), Timestamp(20));
    held.lease = Some(JobLease { owner, until });
    ended.state = JobState::Succeeded;
    for job in [&held, &ended] {
        insert(metadata, job).await;
        let id = job.id;
        fixture::write(metadata, move |tx| {
            tx.postpone_job(id, Timestamp(50), "strange", Timestamp(30))
        })
        .await;
    }
    assert!(due(metadata, 49).await.is_empty());
    assert_eq!(due(metadata, 50).await, [held.id]);
    (held.lease, held.run_after, held.updated_at) = (None, Timestamp(50), Timestamp(30));
    held.last_error = Some("strange".to_owned());
    assert_eq!(find(metadata, held.id).await, Some(held));
    assert_eq!(find(metadata, ended.id).await, Some(ended));
}

/// Nobody holds it any more, its secret is gone, and it says why; one that ended stays as it is.
pub async fn a_job_is_failed_unread(metadata: &dyn Metadata) {
    let (mut held, mut ended) = (job("a", 10), job("a", 10));
    let (owner, until) = (Uuid::new_v4(), Timestamp(20));
    (held.lease, held.sealed) = (Some(JobLease { owner, until }), Some(vec![1]));
    ended.state = JobState::Succeeded;
    for job in [&held, &ended] {
        insert(metadata, job).await;
        let id = job.id;
        fixture::write(metadata, move |tx| tx.fail_job(id, "deleted", Timestamp(30))).await;
    }
    assert!(due(metadata, i64::MAX).await.is_empty());
    (held.state, held.lease, held.sealed) = (JobState::Failed, None, None);
    (held.last_error, held.updated_at) = (Some("deleted".to_owned()), Timestamp(30));
    assert_eq!(find(metadata, held.id).await, Some(held));
    assert_eq!(find(metadata, ended.id).await, Some(ended));
}

/// A kind as a whole, and a kind about one scope; the start of a scope's name is not that scope.
pub async fn due_jobs_of_what_is_busy_are_passed_over(metadata: &dyn Metadata) {
    let (first, second, mut erase) = (job("a", 10), job("ab", 20), job("a", 30));
    erase.kind = JobKind::EraseRegistry;
    for job in [&first, &second, &erase] {
        insert(metadata, job).await;
    }
    let import = JobKind::ImportImage;
    let scopes = |scopes: &[&str]| BusyJobs {
        scopes: scopes.iter().map(|scope| (import, (*scope).to_owned())).collect(),
        kinds: Vec::new(),
    };
    assert_eq!(due_beside(metadata, 90, scopes(&["a"])).await, [second.id, erase.id]);
    assert_eq!(due_beside(metadata, 90, scopes(&["a", "ab"])).await, [erase.id]);
    assert_eq!(
        due_beside(metadata, 90, scopes(&["b"])).await,
        [first.id, second.id, erase.id]
    );
    let kinds = BusyJobs {
        kinds: vec![import],
        scopes: Vec::new(),
    };
    assert_eq!(due_beside(metadata, 90, kinds).await, [erase.id]);
}

/// By kind and scope, in the order they were asked for.
pub async fn open_jobs_are_found_by_what_they_are_about(metadata: &dyn Metadata) {
    let (late, early, elsewhere, mut ended) = (job("a", 40), job("a", 20), job("b", 10), job("a", 5));
    let mut other = job("a", 1);
    other.kind = JobKind::EraseRegistry;
    ended.state = JobState::Succeeded;
    for job in [&late, &early, &elsewhere, &ended, &other] {
        insert(metadata, job).await;
    }
    let open = |limit| {
        fixture::read(metadata, move |read| {
            read.list_open_jobs(JobKind::ImportImage, "a", limit)
        })
    };
    assert_eq!(open(10).await, [early.id, late.id]);
    assert_eq!(open(1).await, [early.id]);
}

/// Those that are open stay.
pub async fn ended_jobs_are_listed_and_removed(metadata: &dyn Metadata) {
    let (open, mut ended, mut young) = (job("a", 10), job("a", 10), job("a", 60));
    (ended.state, young.state) = (JobState::Failed, JobState::Succeeded);
    for job in [&open, &ended, &young] {
        insert(metadata, job).await;
    }
    let id = ended.id;
    let list_after = |after| fixture::read(metadata, move |read| read.list_ended_jobs(Timestamp(60), after, 10));
    let list = || list_after(None);
    let updated_at = ended.updated_at;
    assert_eq!(list().await, [EndedJob { updated_at, id }]);
    assert!(list_after(Some(EndedJob { updated_at, id })).await.is_empty());
    assert!(fixture::write(metadata, move |tx| tx.remove_job(id)).await);
    assert!(!fixture::write(metadata, move |tx| tx.remove_job(id)).await);
    assert!(list().await.is_empty());
    assert_eq!(find(metadata, open.id).await, Some(open));
}
