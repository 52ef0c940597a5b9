//! Blobs: whole, in ranges, conditionally, from other repositories, and gone.

use serde_json::json;

use crate::{
    harness::{Harness, Image, OTHER, OTHER_PASSWORD, large, sha256},
    wire::{Answer, Ask},
};

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 247) as u8).collect()
}

fn ranged(harness: &Harness, digest: &str, range: &str) -> Ask {
    harness
        .admin("GET", &format!("/v2/a/blobs/{digest}"))
        .header("Range", range)
}

#[tokio::test]
async fn a_blob_has_its_length_digest_and_a_head_that_says_the_same() {
    let harness = Harness::new().await;
    for length in [0, 1, 16_384, 16_385, 65_536, 65_537, 1_200_000] {
        let bytes = content(length);
        let digest = harness.push_blob("a", &bytes).await;
        let target = format!("/v2/a/blobs/{}", digest.replace(':', "%3A"));
        let pulled = harness.get(&target).await.expect(200);
        assert!(pulled.body == bytes);
        let mut head = harness.admin("HEAD", &target).send().await.expect(200);
        for answer in [&pulled, &head] {
            assert_eq!(answer.header("content-length"), Some(length.to_string().as_str()));
            assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
            assert_eq!(answer.header("etag"), Some(format!("\"{digest}\"").as_str()));
            assert_eq!(answer.header("accept-ranges"), Some("bytes"));
            assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
        }
        let mut pulled = pulled;
        for answer in [&mut pulled, &mut head] {
            answer.headers.retain(|(name, _)| name != "date");
            answer.headers.sort();
        }
        assert_eq!(pulled.headers, head.headers);
    }
}

#[tokio::test]
async fn one_range_is_answered_with_exactly_its_bytes() {
    let harness = Harness::new().await;
    for length in [2_048, 300_000] {
        let bytes = content(length);
        let digest = harness.push_blob("a", &bytes).await;
        let last = length - 1;
        for (range, first, end) in [
            ("bytes=500-1499".to_owned(), 500, 1499),
            ("bytes=0-0".to_owned(), 0, 0),
            ("bytes=500-".to_owned(), 500, last),
            ("bytes=-500".to_owned(), length - 500, last),
            ("bytes=-99999999999999999999".to_owned(), 0, last),
            (
                format!("bytes={}-999999999999999999999999", length - 48),
                length - 48,
                last,
            ),
            (format!("bytes={last}-"), last, last),
            ("BYTES=1-2".to_owned(), 1, 2),
            ("bytes= 1-2 ,".to_owned(), 1, 2),
            // Touching and overlapping ranges are one.
            ("bytes=0-9,10-19".to_owned(), 0, 19),
            ("bytes=5-9,0-6".to_owned(), 0, 9),
        ] {
            let answer = ranged(&harness, &digest, &range).send().await.expect(206);
            let shown = format!("bytes {first}-{end}/{length}");
            assert_eq!(answer.header("content-range"), Some(shown.as_str()), "{range}");
            assert_eq!(
                answer.header("content-length"),
                Some((end - first + 1).to_string().as_str())
            );
            assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
            assert!(answer.body == bytes[first..=end], "{range}");
        }
    }
}

#[tokio::test]
async fn a_range_outside_the_blob_is_unsatisfiable_and_nonsense_is_ignored() {
    let harness = Harness::new().await;
    let bytes = content(2_048);
    let digest = harness.push_blob("a", &bytes).await;
    let empty = harness.push_blob("a", b"").await;
    for (digest, range, length) in [
        (&digest, "bytes=500-0", 2_048),
        (&digest, "bytes=5000-10000", 2_048),
        (&digest, "bytes=2048-", 2_048),
        (&digest, "bytes=-0", 2_048),
        (&digest, "bytes=99999999999999999999-", 2_048),
        (&digest, "bytes=3000-4000,5000-6000", 2_048),
        (&digest, "bytes=0-1,9-3", 2_048),
    ] {
        let answer = ranged(&harness, digest, range).send().await;
        let answer = answer.refuses(416, "RANGE_INVALID", range);
        assert_eq!(
            answer.header("content-range"),
            Some(format!("bytes */{length}").as_str())
        );
    }
    for range in ["bytes=0-", "bytes=0-0", "bytes=-5", "bytes=0-4194303"] {
        let answer = ranged(&harness, &empty, range).send().await.expect(200);
        assert_eq!(
            (answer.header("content-length"), answer.header("content-range")),
            (Some("0"), None),
            "an empty blob has no range, and the SDKs always ask for one"
        );
    }
    let crowd = format!(
        "bytes={}",
        (0..17)
            .map(|index| format!("{0}-{0}", index * 10))
            .collect::<Vec<_>>()
            .join(",")
    );
    for range in [
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=a-b",
        "bytes=1",
        "bytes=--1",
        "bytes=1-2-3",
        "items=0-1",
        "0-1",
        "",
        &crowd,
        "bytes=+1-2",
        "bytes=0x1-2",
        "\u{e9}",
    ] {
        let answer = ranged(&harness, &digest, range).send().await.expect(200);
        assert!(answer.body == bytes, "{range}");
    }
    // A range means something for GET only.
    let head = harness
        .admin("HEAD", &format!("/v2/a/blobs/{digest}"))
        .header("Range", "bytes=0-1");
    assert_eq!(head.send().await.expect(200).header("content-length"), Some("2048"));
}

#[tokio::test]
async fn several_ranges_come_in_parts_in_the_order_asked_for() {
    let harness = Harness::new().await;
    for length in [10_000, 400_000] {
        let bytes = content(length);
        let digest = harness.push_blob("a", &bytes).await;
        let answer = ranged(&harness, &digest, "bytes=5000-5099, -10, 0-0")
            .send()
            .await
            .expect(206);
        let content_type = answer.header("content-type").unwrap();
        let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").unwrap();
        assert_eq!(answer.header("content-range"), None);
        let mut expected = Vec::new();
        for range in [5000..=5099, length - 10..=length - 1, 0..=0] {
            let head = format!(
                "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {}-{}/{length}\r\n\r\n",
                range.start(),
                range.end()
            );
            expected.extend(head.bytes());
            expected.extend(&bytes[range]);
        }
        expected.extend(format!("\r\n--{boundary}--\r\n").bytes());
        assert_eq!(
            answer.header("content-length"),
            Some(expected.len().to_string().as_str())
        );
        assert!(answer.body == expected);
        assert_eq!(answer.header("etag"), Some(format!("\"{digest}\"").as_str()));
    }
}

#[tokio::test]
async fn conditions_spare_the_bytes() {
    let harness = Harness::new().await;
    let bytes = content(100_000);
    let digest = harness.push_blob("a", &bytes).await;
    let target = format!("/v2/a/blobs/{digest}");
    let other = sha256("other");
    for method in ["GET", "HEAD"] {
        for condition in [
            format!("\"{digest}\""),
            "*".to_owned(),
            format!("\"{other}\",W/\"{digest}\""),
        ] {
            let ask = harness.admin(method, &target).header("If-None-Match", &condition);
            // The condition comes before the range (RFC 9110 section 13.2.2).
            let answer = ask.header("Range", "bytes=0-1").send().await.expect(304);
            assert!(answer.body.is_empty());
            assert_eq!(answer.header("etag"), Some(format!("\"{digest}\"").as_str()));
            assert_eq!(answer.header("content-length"), None);
        }
        let ask = harness
            .admin(method, &target)
            .header("If-None-Match", &format!("\"{other}\""));
        ask.send().await.expect(200);
    }
    for (tag, status) in [
        (format!("\"{digest}\""), 206),
        (format!("\"{other}\""), 200),
        // Weak tags and dates never match here.
        (format!("W/\"{digest}\""), 200),
        ("Mon, 23 Nov 2026 12:00:00 GMT".to_owned(), 200),
    ] {
        let answer = ranged(&harness, &digest, "bytes=0-1")
            .header("If-Range", &tag)
            .send()
            .await;
        let answer = answer.expect(status);
        assert_eq!(answer.body.len(), if status == 206 { 2 } else { bytes.len() });
    }
    let absent = harness
        .admin("GET", &format!("/v2/a/blobs/{other}"))
        .header("If-None-Match", "*");
    absent.send().await.expect(404);
}

#[tokio::test]
async fn a_blob_is_known_only_where_it_was_pushed() {
    let harness = Harness::new().await;
    let digest = harness.push_blob("team/app", b"bytes").await;
    for repository in ["team", "team/app2", "app", "team/app/more"] {
        let target = format!("/v2/{repository}/blobs/{digest}");
        for method in ["GET", "DELETE"] {
            let answer = harness.admin(method, &target).send().await;
            let answer = answer.refuses(404, "BLOB_UNKNOWN", &digest);
            assert_eq!(answer.detail(), json!({ "digest": digest }));
        }
        harness.admin("HEAD", &target).send().await.expect(404);
    }
    // The same bytes under the other algorithm are another name.
    let other = format!("/v2/team/app/blobs/{}", crate::harness::sha512(b"bytes"));
    harness.get(&other).await.refuses(404, "BLOB_UNKNOWN", "sha512:");
}

#[tokio::test]
async fn a_blob_that_a_manifest_needs_stays() {
    let harness = Harness::new().await;
    let image = Image::new("image");
    harness.push_image("a", "v1", &image).await;
    for bytes in [&image.config, &image.layer] {
        let target = format!("/v2/a/blobs/{}", sha256(bytes));
        let refused = harness.admin("DELETE", &target).send().await;
        refused.refuses(405, "UNSUPPORTED", &image.digest);
        harness.get(&target).await.expect(200);
    }
    harness
        .admin("DELETE", &format!("/v2/a/manifests/{}", image.digest))
        .send()
        .await
        .expect(202);
    let target = format!("/v2/a/blobs/{}", sha256(&image.layer));
    let gone = harness.admin("DELETE", &target).send().await.expect(202);
    assert_eq!((gone.header("content-length"), gone.body.len()), (Some("0"), 0));
    harness.get(&target).await.expect(404);
    harness.admin("HEAD", &target).send().await.expect(404);
    harness
        .admin("DELETE", &target)
        .send()
        .await
        .refuses(404, "BLOB_UNKNOWN", "sha256:");
}

/// A mount into `to`, with a token of these scopes.
async fn mount(harness: &Harness, to: &str, query: &str, scope: &str) -> Answer {
    let token = harness.token(scope).await;
    let target = format!("/v2/{to}/blobs/uploads/?{query}");
    harness.ask("POST", &target).bearer(&token).body("").send().await
}

#[tokio::test]
async fn a_mount_needs_the_right_to_push_here_and_to_pull_there() {
    let harness = Harness::new().await;
    let digest = harness.push_blob("source", &large("bytes to mount")).await;
    let before = harness.remains().await;
    let both = "repository:target:pull,push repository:source:pull";
    for query in [format!("mount={digest}&from=source"), format!("mount={digest}")] {
        for scope in [
            "repository:target:pull,push",
            "repository:target:push repository:source:push",
            "repository:target:push repository:source:metadata_read",
            "repository:target:push repository:sourc:pull",
        ] {
            let refused = mount(&harness, "target", &query, scope).await.expect(401);
            let challenge = format!(
                "Bearer realm=\"http://{0}/oauth2/token\",service=\"{0}\",scope=\"{both}\",error=\"insufficient_scope\"",
                harness.address
            );
            assert_eq!(
                refused.header("www-authenticate"),
                Some(challenge.as_str()),
                "{query} {scope}"
            );
            let entry = |name, action| json!({ "Type": "repository", "Name": name, "Action": action });
            assert_eq!(
                refused.detail(),
                json!([
                    entry("target", "pull"),
                    entry("target", "push"),
                    entry("source", "pull")
                ])
            );
        }
        // Without the right to push, the source is not even looked for.
        let refused = mount(&harness, "target", &query, "repository:source:pull")
            .await
            .expect(401);
        assert!(!refused.header("www-authenticate").unwrap().contains("source"));
        assert_eq!(harness.remains().await, before);
    }
    // Who comes without a token is told both scopes at once: clients that answer one challenge get no other.
    let named = format!("/v2/target/blobs/uploads/?mount={digest}&from=source");
    let first = harness.ask("POST", &named).body("").send().await.expect(401);
    let challenge = format!(
        "Bearer realm=\"http://{0}/oauth2/token\",service=\"{0}\",scope=\"{both}\"",
        harness.address
    );
    assert_eq!(first.header("www-authenticate"), Some(challenge.as_str()));
    // The challenge's scope, passed on as it stands, is what it takes.
    for (to, query) in [
        ("target", format!("mount={digest}&from=source")),
        ("target2", format!("mount={digest}")),
    ] {
        let scope = both.replace("target", to);
        let mounted = mount(&harness, to, &query, &scope).await.expect(201);
        let location = format!("/v2/{to}/blobs/{digest}");
        assert_eq!(mounted.header("location"), Some(location.as_str()));
        assert_eq!(mounted.header("docker-content-digest"), Some(digest.as_str()));
        assert_eq!(mounted.header("content-length"), Some("0"));
        assert_eq!(harness.get(&location).await.expect(200).body, large("bytes to mount"));
    }
    assert_eq!(harness.remains().await.objects(), 1);
}

#[tokio::test]
async fn a_mount_that_cannot_be_done_is_an_upload() {
    let harness = Harness::new().await;
    let digest = harness.push_blob("source", b"bytes").await;
    let missing = sha256("missing");
    harness.push_tags("app", "image", &["v1"]).await;
    for query in [
        format!("mount={missing}&from=source"),
        format!("mount={missing}"),
        format!("mount={digest}&from=app"),
        format!("mount={digest}&from=nowhere"),
        format!("mount={missing}&from="),
    ] {
        let target = format!("/v2/target/blobs/uploads/?{query}");
        let started = harness.admin("POST", &target).body("").send().await.expect(202);
        let place = started.header("location").unwrap().to_owned();
        assert_eq!(started.header("docker-content-digest"), None);
        let closing = format!("{place}?digest={missing}");
        harness.admin("PUT", &closing).body("missing").send().await.expect(201);
        let blob = format!("/v2/target/blobs/{missing}");
        harness.admin("DELETE", &blob).send().await.expect(202);
    }
    harness.get(&format!("/v2/target/blobs/{digest}")).await.expect(404);
}

#[tokio::test]
async fn a_blob_that_only_another_registry_has_cannot_be_mounted() {
    let harness = Harness::new().await;
    let bytes = large("private to the first registry");
    let digest = harness.push_blob("source", &bytes).await;
    let there = |method: &str, target: &str| {
        harness
            .ask(method, target)
            .host(&harness.other_host())
            .basic(OTHER, OTHER_PASSWORD)
    };
    for query in [format!("mount={digest}&from=source"), format!("mount={digest}")] {
        let target = format!("/v2/source/blobs/uploads/?{query}");
        there("POST", &target).body("").send().await.expect(202);
    }
    there("GET", &format!("/v2/source/blobs/{digest}"))
        .send()
        .await
        .expect(404);
    // Who has the bytes may push them, and gets no second copy.
    let target = format!("/v2/mine/blobs/uploads/?digest={digest}");
    there("POST", &target).body(&bytes[..]).send().await.expect(201);
    assert_eq!(harness.remains().await.objects(), 1);
    there("GET", &format!("/v2/mine/blobs/{digest}"))
        .send()
        .await
        .expect(200);
    // And taking it away there takes nothing away here.
    there("DELETE", &format!("/v2/mine/blobs/{digest}"))
        .send()
        .await
        .expect(202);
    harness.get(&format!("/v2/source/blobs/{digest}")).await.expect(200);
}
