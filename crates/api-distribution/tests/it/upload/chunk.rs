//! Chunks: their order, their length, and ranges that cannot be read.

use super::*;

#[tokio::test]
async fn a_chunk_out_of_order_is_refused_and_the_session_goes_on() {
    let harness = Harness::new().await;
    let bytes = b"0123456789".repeat(30_000);
    let (first, second) = bytes.split_at(100_000);
    let digest = sha256(&bytes);
    let place = harness.start("team/app").await;
    let closing = format!("{place}?digest={digest}");
    let refused = |answer: Answer, offset: usize, start: usize| {
        location(&answer, "team/app", 416, offset_of(&answer));
        assert_eq!(offset_of(&answer), offset.saturating_sub(1) + 1, "{answer:?}");
        let answer = answer.refuses(416, "BLOB_UPLOAD_INVALID", &format!("byte {start}"));
        assert!(
            answer.message().contains(&format!("byte {offset}")),
            "{}",
            answer.text()
        );
    };
    for target in [&place, &closing] {
        let method = if target == &place { "PATCH" } else { "PUT" };
        let ahead = chunk(harness.admin(method, target), second, 100_000).send().await;
        refused(ahead, 0, 100_000);
        location(&harness.get(target).await, "team/app", 204, 0);
    }
    chunk(harness.admin("PATCH", &place), first, 0).send().await.expect(202);
    let before = harness.remains().await;
    for (start, sent) in [
        (0, first),
        (0, second),
        (99_999, second),
        (100_001, second),
        (50_000, &bytes[50_000..]),
        (1 << 40, second),
    ] {
        for (method, target) in [("PATCH", &place), ("PUT", &closing)] {
            refused(
                chunk(harness.admin(method, target), sent, start).send().await,
                100_000,
                start,
            );
            location(&harness.get(target).await, "team/app", 204, 100_000);
        }
    }
    assert_eq!(harness.remains().await, before);
    chunk(harness.admin("PUT", &closing), second, 100_000)
        .send()
        .await
        .expect(201);
    let pulled = harness.get(&format!("/v2/team/app/blobs/{digest}")).await;
    assert!(pulled.body == bytes);
}

/// The offset that a `Range` tells, taking `0-0` for one byte.
fn offset_of(answer: &Answer) -> usize {
    let (_, last) = answer.header("range").unwrap().split_once('-').unwrap();
    last.parse::<usize>().unwrap() + 1
}

#[tokio::test]
async fn a_chunk_that_is_not_what_it_declares_counts_as_not_sent() {
    let harness = Harness::new().await;
    let bytes = b"abcdefghij".repeat(20_000);
    let place = harness.start("a").await;
    chunk(harness.admin("PATCH", &place), &bytes[..1000], 0)
        .send()
        .await
        .expect(202);
    let closing = format!("{place}?digest={}", sha256(&bytes));
    for (method, target) in [("PATCH", &place), ("PUT", &closing)] {
        for (last, sent) in [
            (1099, &bytes[1000..1099]),
            (1099, &bytes[1000..1101]),
            (1000, &bytes[1000..]),
            (1000, b""),
        ] {
            let ask = || {
                harness
                    .admin(method, target)
                    .header("Content-Range", &format!("1000-{last}"))
            };
            let named = sent.len().to_string();
            ask().body(sent).send().await.refuses(400, "SIZE_INVALID", &named);
            ask()
                .chunked(sent)
                .send()
                .await
                .refuses(400, "SIZE_INVALID", "declared");
            location(&harness.get(&place).await, "a", 204, 1000);
        }
    }
    chunk(harness.admin("PUT", &closing), &bytes[1000..], 1000)
        .send()
        .await
        .expect(201);
    let pulled = harness.get(&format!("/v2/a/blobs/{}", sha256(&bytes))).await;
    assert!(pulled.body == bytes);
}

#[tokio::test]
async fn a_range_that_cannot_be_read_is_refused_before_a_byte_is_kept() {
    let harness = Harness::new().await;
    let place = harness.start("a").await;
    let closing = format!("{place}?digest={}", sha256("abc"));
    let before = harness.remains().await;
    for range in [
        "",
        "abc",
        "0",
        "-",
        "0-",
        "-2",
        "2-0",
        "0--2",
        "-1-1",
        "0-2-4",
        "+0-2",
        "0 - 2",
        "0-2/3",
        "bytes 0-2",
        "bytes=0-2",
        "bytes 0-2/2",
        "bytes */3",
        "bytes 0-2/x",
        "0-9223372036854775807",
        "0-18446744073709551615",
        "0-99999999999999999999999999",
        "18446744073709551616-18446744073709551619",
        "0x0-0x2",
    ] {
        for (method, target) in [("PATCH", &place), ("PUT", &closing)] {
            let ask = harness.admin(method, target).header("Content-Range", range).body("abc");
            let named = if range.is_empty() { "Content-Range" } else { range };
            ask.send().await.refuses(400, "BLOB_UPLOAD_INVALID", named);
            location(&harness.get(&place).await, "a", 204, 0);
        }
    }
    let ask = harness
        .admin("PATCH", &place)
        .header("Content-Range", "\u{663}-\u{664}")
        .body("abc");
    ask.send().await.refuses(400, "BLOB_UPLOAD_INVALID", "Content-Range");
    assert_eq!(harness.remains().await, before);
    // HTTP's own spelling says the same as the specification's.
    let ask = harness
        .admin("PUT", &closing)
        .header("Content-Range", "bytes 0-2/*")
        .body("abc");
    ask.send().await.expect(201);
}
