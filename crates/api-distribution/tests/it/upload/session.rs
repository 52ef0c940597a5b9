//! Who knows an upload session, how many there may be, and when it ends.

use super::*;

/// Everything one can do with a session.
fn uses(harness: &Harness, place: &str) -> Vec<Ask> {
    let closing = format!("{place}?digest={}", sha256("more"));
    vec![
        harness.ask("GET", place),
        harness.ask("HEAD", place),
        harness.ask("PATCH", place).body("more"),
        chunk(harness.ask("PATCH", place), b"more", 4),
        harness.ask("PUT", &closing).body("more"),
        harness.ask("PUT", &closing),
        harness.ask("DELETE", place),
    ]
}

async fn is_unknown(answer: Answer, named: &str) {
    let answer = answer.expect(404);
    if !answer.body.is_empty() {
        answer.refuses(404, "BLOB_UPLOAD_UNKNOWN", named);
    }
}

#[tokio::test]
async fn a_session_is_known_only_to_its_repository_registry_and_caller() {
    let harness = Harness::new().await;
    let place = harness.start("team/app").await;
    harness.admin("PATCH", &place).body("four").send().await.expect(202);
    let id = place.rsplit('/').next().unwrap().to_owned();
    let before = harness.remains().await;
    for repository in ["team/other", "team", "team/app/blobs", "app", "team/app/uploads"] {
        for ask in uses(&harness, &format!("/v2/{repository}/blobs/uploads/{id}")) {
            is_unknown(ask.basic(ADMIN, crate::harness::PASSWORD).send().await, &id).await;
        }
    }
    for ask in uses(&harness, &place) {
        let ask = ask.host(&harness.other_host()).basic(OTHER, OTHER_PASSWORD);
        is_unknown(ask.send().await, &id).await;
    }
    assert_eq!(harness.remains().await, before);
    location(&harness.get(&place).await, "team/app", 204, 4);
    // The same session in the hands of another caller, then in another registry.
    let other = harness.record(OTHER).await.id;
    for stolen in [
        |record: &mut UploadRecord, _| record.actor = "token:somebody".to_owned(),
        |record: &mut UploadRecord, other| record.registry = other,
    ] {
        change(&harness, &id, move |record| stolen(record, other)).await;
        for ask in uses(&harness, &place) {
            is_unknown(ask.basic(ADMIN, crate::harness::PASSWORD).send().await, &id).await;
        }
        assert_eq!(harness.remains().await, before);
        change(&harness, &id, |record| record.actor = format!("admin:{ADMIN}")).await;
    }
}

/// Changes the row of a session.
async fn change(harness: &Harness, id: &str, change: impl Fn(&mut UploadRecord) + Send + Sync + 'static) {
    let id = UploadId(id.parse().unwrap());
    harness
        .metadata()
        .transact(Durability::Relaxed, move |tx| {
            let mut record = tx.find_upload(id)?.unwrap();
            tx.remove_upload(id)?;
            change(&mut record);
            tx.insert_upload(&record)
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_session_that_is_over_or_never_was_is_unknown() {
    let harness = Harness::new().await;
    let finished = harness.start("a").await;
    let closing = format!("{finished}?digest={}", sha256("done"));
    harness.admin("PUT", &closing).body("done").send().await.expect(201);
    let cancelled = harness.start("a").await;
    harness
        .admin("PATCH", &cancelled)
        .body("x".repeat(100_000))
        .send()
        .await
        .expect(202);
    let gone = harness.admin("DELETE", &cancelled).send().await.expect(204);
    assert_eq!((gone.header("content-length"), gone.body.len()), (None, 0));
    let failed = harness.start("a").await;
    let wrong = format!("{failed}?digest={}", sha256("other"));
    harness.admin("PUT", &wrong).body("done").send().await.expect(400);
    let never = "/v2/a/blobs/uploads/6ba7b810-9dad-41d1-80b4-00c04fd430c8".to_owned();
    for place in [finished, cancelled, failed, never] {
        for ask in uses(&harness, &place) {
            let id = place.rsplit('/').next().unwrap();
            is_unknown(ask.basic(ADMIN, crate::harness::PASSWORD).send().await, id).await;
        }
    }
    for id in [
        "x",
        "..",
        "0",
        "6ba7b810",
        "6ba7b810-9dad-41d1-80b4-00c04fd430c8x",
        "%3A%3A",
        "_state",
        "~",
    ] {
        for ask in uses(&harness, &format!("/v2/a/blobs/uploads/{id}")) {
            let answer = ask.basic(ADMIN, crate::harness::PASSWORD).send().await;
            is_unknown(answer, "").await;
        }
    }
    let remains = harness.remains().await;
    assert_eq!((remains.uploads(), remains.blobs(), remains.objects()), (0, 1, 0));
}

#[tokio::test]
async fn only_so_many_uploads_may_be_open() {
    let harness = Harness::with_limits(Limits {
        max_uploads_per_caller: 3,
        ..Limits::default()
    })
    .await;
    let mut places = Vec::new();
    for repository in ["a", "b", "c"] {
        places.push(harness.start(repository).await);
    }
    let before = harness.remains().await;
    for target in [
        "/v2/d/blobs/uploads/".to_owned(),
        format!("/v2/d/blobs/uploads/?digest={}", sha256("d")),
        format!("/v2/d/blobs/uploads/?mount={}", sha256("d")),
    ] {
        let refused = harness.admin("POST", &target).body("d").send().await;
        let refused = refused.refuses(429, "TOOMANYREQUESTS", "3 uploads");
        // When the first of them gives way.
        let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=600).contains(&wait), "{wait}");
        refused.refuses(429, "TOOMANYREQUESTS", &format!("in {wait} second"));
    }
    assert_eq!(harness.remains().await, before);
    let other = harness.ask("POST", "/v2/d/blobs/uploads/").host(&harness.other_host());
    other.basic(OTHER, OTHER_PASSWORD).send().await.expect(202);
    harness.admin("DELETE", &places[0]).send().await.expect(204);
    harness.start("d").await;
}

#[tokio::test]
async fn sessions_of_a_registry_end_after_a_day_without_progress() {
    let harness = Harness::new().await;
    let place = harness.start("a").await;
    harness
        .admin("PATCH", &place)
        .body("x".repeat(70_000))
        .send()
        .await
        .expect(202);
    assert_eq!(harness.operator.content().purge_uploads().await.unwrap().uploads, 0);
    let id = place.rsplit('/').next().unwrap();
    let day_ago = |record: &mut UploadRecord| record.updated_at = Timestamp(record.updated_at.0 - 86_400_000_001);
    change(&harness, id, day_ago).await;
    assert_eq!(harness.operator.content().purge_uploads().await.unwrap().uploads, 1);
    let remains = harness.remains().await;
    assert_eq!((remains.uploads(), remains.objects()), (0, 0));
}
