//! Uploads: every style and its exact headers, chunks out of order, digests that do not fit, sessions of others.

use holdfast_content::Limits;
use holdfast_model::{Durability, MetadataExt as _, Timestamp, UploadId, UploadRecord};
use serde_json::json;

use crate::{
    harness::{ADMIN, Harness, OTHER, OTHER_PASSWORD, sha256, sha512},
    wire::{Answer, Ask},
};

mod chunk;
mod session;

const STREAM: &str = "application/octet-stream";

/// Every style a client may choose (dist-spec 1.1 §Pushing Blobs).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// One POST with the digest.
    SinglePost,
    /// POST, then everything in the PUT.
    PostThenPut,
    /// POST, one PATCH without range or length, and an empty PUT: docker.
    Streamed,
    /// POST, PATCHes with ranges, and an empty PUT.
    Chunked,
    /// POST, PATCHes with ranges, the last chunk in the PUT.
    ChunkedToTheEnd,
}

const STYLES: [Style; 5] = [
    Style::SinglePost,
    Style::PostThenPut,
    Style::Streamed,
    Style::Chunked,
    Style::ChunkedToTheEnd,
];

/// Where the server says that the upload goes on: checks everything such an answer has.
#[track_caller]
fn location(answer: &Answer, repository: &str, status: u16, offset: usize) -> String {
    assert_eq!(answer.status, status, "{answer:?}");
    let id = answer.header("docker-upload-uuid").unwrap().to_owned();
    let location = answer.header("location").unwrap().to_owned();
    assert_eq!(location, format!("/v2/{repository}/blobs/uploads/{id}"));
    assert_eq!(
        answer.header("range"),
        Some(format!("0-{}", offset.saturating_sub(1)).as_str())
    );
    match status {
        202 => assert_eq!(answer.header("content-length"), Some("0")),
        204 => assert_eq!(answer.header("content-length"), None),
        _ => {}
    }
    location
}

fn chunk(ask: Ask, bytes: &[u8], start: usize) -> Ask {
    ask.header("Content-Type", STREAM)
        .header("Content-Range", &format!("{start}-{}", start + bytes.len() - 1))
        .body(bytes)
}

/// Uploads in a style, checking all answers but the last, which is returned.
async fn upload(harness: &Harness, style: Style, repository: &str, bytes: &[u8], digest: &str) -> Answer {
    if style == Style::SinglePost {
        let target = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        return harness
            .admin("POST", &target)
            .header("Content-Type", STREAM)
            .body(bytes)
            .send()
            .await;
    }
    // Without any body header, as some clients send it.
    let started = harness
        .admin("POST", &format!("/v2/{repository}/blobs/uploads/"))
        .send()
        .await;
    let mut place = location(&started, repository, 202, 0);
    let finish = |place: &str| harness.admin("PUT", &format!("{place}?digest={digest}"));
    let middle = bytes.len() / 2;
    let chunks: &[&[u8]] = match style {
        Style::SinglePost | Style::PostThenPut => return finish(&place).body(bytes).send().await,
        Style::Streamed => {
            let streamed = harness
                .admin("PATCH", &place)
                .header("Content-Type", STREAM)
                .chunked(bytes);
            place = location(&streamed.send().await, repository, 202, bytes.len());
            return finish(&place).body("").send().await;
        }
        Style::Chunked => &[&bytes[..middle], &bytes[middle..]],
        Style::ChunkedToTheEnd => &[&bytes[..middle]],
    };
    let mut offset = 0;
    for bytes in chunks {
        let patch = harness.admin("PATCH", &place);
        // A range cannot say that it is empty.
        let patch = if bytes.is_empty() {
            patch.body("")
        } else {
            chunk(patch, bytes, offset)
        };
        offset += bytes.len();
        place = location(&patch.send().await, repository, 202, offset);
        location(&harness.get(&place).await, repository, 204, offset);
    }
    match &bytes[offset..] {
        [] => finish(&place).send().await,
        rest => chunk(finish(&place), rest, offset).send().await,
    }
}

#[tokio::test]
async fn every_style_stores_the_same_bytes() {
    let harness = Harness::new().await;
    for style in STYLES {
        for size in [0, 1, 2, 65_536, 65_537, 1_500_000] {
            let bytes: Vec<u8> = (0..size)
                .map(|index: usize| (index * 7 + style as usize) as u8)
                .collect();
            for digest in [sha256(&bytes), sha512(&bytes)] {
                let created = upload(&harness, style, "team/app", &bytes, &digest).await.expect(201);
                let place = format!("/v2/team/app/blobs/{digest}");
                assert_eq!(created.header("location"), Some(place.as_str()), "{style:?} {size}");
                assert_eq!(created.header("docker-content-digest"), Some(digest.as_str()));
                assert_eq!(created.header("content-length"), Some("0"));
                let pulled = harness.get(&place).await.expect(200);
                assert!(pulled.body == bytes, "{style:?} {size} {digest}");
                assert_eq!(pulled.header("docker-content-digest"), Some(digest.as_str()));
            }
        }
    }
    assert_eq!(harness.remains().await.uploads(), 0);
}

#[tokio::test]
async fn the_algorithm_may_be_announced() {
    let harness = Harness::new().await;
    let bytes = b"announced".repeat(20_000);
    let digest = sha512(&bytes);
    let start = "/v2/a/blobs/uploads/?digest-algorithm=sha512";
    let place = location(&harness.admin("POST", start).body("").send().await, "a", 202, 0);
    harness
        .admin("PATCH", &place)
        .body(bytes.clone())
        .send()
        .await
        .expect(202);
    let done = harness
        .admin("PUT", &format!("{place}?digest={digest}"))
        .send()
        .await
        .expect(201);
    assert_eq!(done.header("docker-content-digest"), Some(digest.as_str()));
    // Announced and then ended with another: what counts is what the end says.
    let place = location(&harness.admin("POST", start).body("").send().await, "a", 202, 0);
    harness
        .admin("PATCH", &place)
        .body(bytes.clone())
        .send()
        .await
        .expect(202);
    let target = format!("{place}?digest={}", sha256(&bytes));
    harness.admin("PUT", &target).send().await.expect(201);
    for unknown in ["md5", "", "SHA512", "sha256:", "sha384"] {
        let target = format!("/v2/a/blobs/uploads/?digest-algorithm={unknown}");
        let named = format!("\"{unknown}\"");
        harness
            .admin("POST", &target)
            .send()
            .await
            .refuses(400, "DIGEST_INVALID", &named);
    }
}

#[tokio::test]
async fn content_that_is_not_its_digest_is_refused_and_leaves_nothing() {
    let harness = Harness::new().await;
    harness.push_tags("team/app", "image", &["v1"]).await;
    let before = harness.remains().await;
    for style in STYLES {
        for size in [1, 300, 65_537, 400_000] {
            let bytes: Vec<u8> = (0..size).map(|index: usize| (index % 251) as u8).collect();
            // One byte less than was sent; the conformance program does the same.
            let promised = &bytes[..size - 1];
            for digest in [sha256(promised), sha512(promised)] {
                let answer = upload(&harness, style, "team/new", &bytes, &digest).await;
                answer.refuses(400, "DIGEST_INVALID", &digest);
                let gone = harness.get(&format!("/v2/team/new/blobs/{digest}")).await;
                gone.refuses(404, "BLOB_UNKNOWN", &digest);
                assert_eq!(harness.remains().await, before, "{style:?} {size}");
            }
        }
    }
    harness.get("/acr/v1/team/new").await.expect(404);
    assert_eq!(
        harness.get("/v2/_catalog").await.json(),
        json!({ "repositories": ["team/app"] })
    );
}

/// Everything that looks like a digest and is none.
fn bad_digests() -> Vec<String> {
    let hex = sha256("x")[7..].to_owned();
    let hex512 = sha512("x")[7..].to_owned();
    vec![
        String::new(),
        "sha256".to_owned(),
        "sha256:".to_owned(),
        format!(":{hex}"),
        format!("sha256:{}", &hex[1..]),
        format!("sha256:{hex}0"),
        format!("sha256:{hex512}"),
        format!("sha512:{hex}"),
        format!("sha256:{}", hex.to_uppercase()),
        format!("SHA256:{hex}"),
        format!("sha384:{}", &hex512[..96]),
        "md5:d41d8cd98f00b204e9800998ecf8427e".to_owned(),
        format!("blake3:{hex}"),
        format!("sha256:{}g", &hex[1..]),
        format!("sha256:{hex}:{hex}"),
        "sha256:..".to_owned(),
        "sha256:../../../etc/passwd".to_owned(),
        format!("sha256+b64:{hex}"),
    ]
}

#[tokio::test]
async fn no_digest_out_of_grammar_is_taken_anywhere() {
    let harness = Harness::new().await;
    harness.push_tags("a", "image", &["v1"]).await;
    let place = harness.start("a").await;
    let before = harness.remains().await;
    for digest in bad_digests() {
        let shown = holdfast_oci::message::excerpt(&digest);
        let algorithm = holdfast_oci::message::excerpt(digest.split(':').next().unwrap());
        for (method, target) in [
            ("PUT", format!("{place}?digest={digest}")),
            ("POST", format!("/v2/a/blobs/uploads/?digest={digest}")),
            ("POST", format!("/v2/a/blobs/uploads/?mount={digest}")),
            ("POST", format!("/v2/a/blobs/uploads/?mount={digest}&from=b")),
            ("GET", format!("/acr/v1/a/_tags?digest={digest}")),
            ("GET", format!("/v2/a/referrers/{}?last={digest}", sha256("x"))),
        ] {
            // In a query, a plus sign is a space.
            let answer = harness.admin(method, &target.replace('+', "%2B")).send().await;
            let answer = answer.refuses(400, "DIGEST_INVALID", "");
            let message = answer.message();
            assert!(
                message.contains(&shown) || message.contains(&algorithm),
                "{digest}: {message}"
            );
        }
        if digest.is_empty() || digest.contains('/') {
            continue;
        }
        for (method, target) in [
            ("GET", format!("/v2/a/blobs/{digest}")),
            ("HEAD", format!("/v2/a/blobs/{digest}")),
            ("DELETE", format!("/v2/a/blobs/{digest}")),
            ("GET", format!("/v2/a/referrers/{digest}")),
            ("GET", format!("/acr/v1/a/_manifests/{digest}")),
            ("PATCH", format!("/acr/v1/a/_manifests/{digest}")),
        ] {
            let answer = harness.admin(method, &target).send().await.expect(400);
            assert!(
                method == "HEAD" || answer.code() == "DIGEST_INVALID",
                "{method} {target}"
            );
        }
        for method in ["GET", "PUT", "DELETE"] {
            let target = format!("/v2/a/manifests/{digest}");
            let answer = harness
                .admin(method, &target)
                .send()
                .await
                .expect(400 + u16::from(digest == "sha256" && method != "PUT") * 4);
            let is_tag = !digest.contains(':');
            assert!(is_tag || answer.code() == "DIGEST_INVALID", "{method} {target}");
        }
    }
    for spelled in ["sha256%253A", "sha256%00:", "%2e%2e"] {
        let target = format!("{place}?digest={spelled}{}", &sha256("x")[7..]);
        harness
            .admin("PUT", &target)
            .send()
            .await
            .refuses(400, "DIGEST_INVALID", "");
    }
    let missing = harness.admin("PUT", &place).body("bytes").send().await;
    missing.refuses(400, "DIGEST_INVALID", "digest parameter is missing");
    assert_eq!(harness.remains().await, before);
}

#[tokio::test]
async fn equal_blobs_share_one_object() {
    let harness = Harness::new().await;
    let bytes = b"shared".repeat(20_000);
    for repository in ["a", "b", "a"] {
        for style in STYLES {
            upload(&harness, style, repository, &bytes, &sha256(&bytes))
                .await
                .expect(201);
        }
    }
    let remains = harness.remains().await;
    assert_eq!((remains.uploads(), remains.objects()), (0, 1));
    let target = format!("/v2/c/blobs/{}", sha256(&bytes));
    harness.get(&target).await.refuses(404, "BLOB_UNKNOWN", "c");
}

#[tokio::test]
async fn a_blob_over_the_limit_is_refused_and_leaves_nothing() {
    let harness = Harness::with_limits(Limits {
        max_blob_bytes: 100_000,
        ..Limits::default()
    })
    .await;
    let before = harness.remains().await;
    let bytes = vec![7; 100_001];
    let digest = sha256(&bytes);
    for style in STYLES
        .into_iter()
        .filter(|style| !matches!(style, Style::Chunked | Style::Streamed))
    {
        let answer = upload(&harness, style, "a", &bytes, &digest).await;
        answer.refuses(413, "SIZE_INVALID", "100000");
        assert_eq!(harness.remains().await, before, "{style:?}");
    }
    for ask in [
        |ask: Ask, bytes: &[u8]| ask.chunked(bytes),
        |ask: Ask, bytes: &[u8]| chunk(ask, bytes, 0),
    ] {
        let place = harness.start("a").await;
        let answer = ask(harness.admin("PATCH", &place), &bytes).send().await;
        answer.refuses(413, "SIZE_INVALID", "100000");
        assert_eq!(harness.remains().await, before);
    }
    upload(&harness, Style::Chunked, "a", &bytes[1..], &sha256(&bytes[1..]))
        .await
        .expect(201);
}
