//! A disk without room: 507, nothing half-visible, and the service goes on. One that is away for a while: 503.

use holdfast_blobs::fault::{Fault, Operation};
use holdfast_content::limits::ROW_BLOB_BYTES;

use crate::{
    harness::{Harness, Image, sha256},
    wire::Ask,
};

/// Ways to bring bytes, small and large, each with an operation of the store that may find no room.
async fn pushes(harness: &Harness, bytes: &[u8]) -> Vec<Ask> {
    let digest = sha256(bytes);
    let target = format!("/v2/a/blobs/uploads/?digest={digest}");
    let [first, second] = [harness.start("a").await, harness.start("a").await];
    vec![
        harness.admin("POST", &target).body(bytes),
        harness.admin("POST", &target).chunked(bytes),
        harness.admin("PUT", &format!("{first}?digest={digest}")).body(bytes),
        harness.admin("PATCH", &second).chunked(bytes),
    ]
}

#[tokio::test]
async fn a_push_into_a_full_store_says_so_and_leaves_nothing() {
    let harness = Harness::new().await;
    let image = Image::new("image");
    harness.push_image("a", "v1", &image).await;
    clean(&harness, b"nothing").await;
    let before = harness.remains().await;
    for length in [ROW_BLOB_BYTES, ROW_BLOB_BYTES + 1, 2_000_000] {
        let bytes = vec![7; length];
        for operation in [
            Operation::Put,
            Operation::Begin,
            Operation::Write,
            Operation::Save,
            Operation::Complete,
        ] {
            for fault in [Fault::Full, Fault::CutShort { kept_bytes: 60 }] {
                let pushes = pushes(&harness, &bytes).await;
                harness.blobs.fail_always(operation, fault);
                let mut reached = 0;
                for ask in &pushes {
                    let answer = ask.send().await;
                    if answer.status < 300 {
                        continue;
                    }
                    answer.refuses(507, "UNAVAILABLE", "storage is full");
                    reached += 1;
                }
                // What was there is served meanwhile.
                harness.get("/v2/a/manifests/v1").await.expect(200);
                harness
                    .get(&format!("/v2/a/blobs/{}", sha256(&image.layer)))
                    .await
                    .expect(200);
                harness.blobs.heal();
                assert!(
                    reached > 0 || length < 100_000 || operation == Operation::Put,
                    "{operation:?} is never used"
                );
                assert!(reached == 0 || length > ROW_BLOB_BYTES, "no store is asked for a row");
                clean(&harness, &bytes).await;
                assert_eq!(harness.remains().await, before, "{operation:?} {fault:?} {length}");
            }
        }
    }
    // And everything works again.
    harness.push_tags("b", "later", &["v1"]).await;
}

/// Takes away what pushes that did get through left.
async fn clean(harness: &Harness, bytes: &[u8]) {
    let digest = sha256(bytes);
    let target = format!("/v2/a/blobs/{digest}");
    let answer = harness.admin("DELETE", &target).send().await;
    assert!(matches!(answer.status, 202 | 404), "{answer:?}");
    let uploads = harness.open_uploads("a").await;
    for id in uploads {
        let target = format!("/v2/a/blobs/uploads/{id}");
        harness.admin("DELETE", &target).send().await.expect(204);
    }
    let all = holdfast_content::CollectOptions {
        grace: std::time::Duration::ZERO,
        dry_run: false,
    };
    harness.operator.content().collect_garbage(all).await.unwrap();
}

#[tokio::test]
async fn a_session_whose_disk_filled_up_is_over_and_another_can_be_had() {
    let harness = Harness::new().await;
    let bytes = vec![9; 300_000];
    let place = harness.start("a").await;
    harness
        .admin("PATCH", &place)
        .body(&bytes[..200_000])
        .send()
        .await
        .expect(202);
    harness
        .blobs
        .fail_nth(Operation::Write, 1, Fault::CutShort { kept_bytes: 1_000 });
    let full = harness.admin("PATCH", &place).body(&bytes[200_000..]).send().await;
    full.refuses(507, "UNAVAILABLE", "nothing was stored");
    harness.get(&place).await.refuses(404, "BLOB_UPLOAD_UNKNOWN", "");
    let remains = harness.remains().await;
    assert_eq!((remains.uploads(), remains.objects()), (0, 0));
    harness.push_blob("a", &bytes).await;
}

#[tokio::test]
async fn an_empty_closing_request_on_a_full_disk_is_no_success() {
    let harness = Harness::new().await;
    let bytes = vec![9; 300_000];
    let place = harness.start("a").await;
    harness
        .admin("PATCH", &place)
        .body(bytes.clone())
        .send()
        .await
        .expect(202);
    harness.blobs.fail_nth(Operation::Complete, 1, Fault::Full);
    let closing = harness.admin("PUT", &format!("{place}?digest={}", sha256(&bytes)));
    closing.send().await.refuses(507, "UNAVAILABLE", "storage is full");
    harness
        .get(&format!("/v2/a/blobs/{}", sha256(&bytes)))
        .await
        .expect(404);
    assert_eq!(harness.remains().await.uploads(), 0);
    harness.push_blob("a", &bytes).await;
}

#[tokio::test]
async fn a_store_that_is_away_says_when_to_ask_again() {
    let harness = Harness::new().await;
    let bytes = vec![9; 300_000];
    harness.push_blob("a", &bytes).await;
    let target = format!("/v2/a/blobs/{}", sha256(&bytes));
    harness.blobs.fail_nth(Operation::Open, 1, Fault::Unavailable);
    let away = harness.get(&target).await.refuses(503, "UNAVAILABLE", "");
    assert_eq!(away.header("retry-after"), Some("1"));
    harness.get(&target).await.expect(200);
}
