//! Conditional requests: readers are spared the bytes, and of two writers one loses.

use super::*;

#[tokio::test]
async fn a_reader_that_has_it_is_told_so() {
    let harness = Harness::new().await;
    let digest = harness.push_tags("a", "image", &["v1"]).await;
    let other = sha256("other");
    for reference in ["v1", &digest] {
        for method in ["GET", "HEAD"] {
            let target = format!("/v2/a/manifests/{reference}");
            let ask = |condition: &str| harness.admin(method, &target).header("If-None-Match", condition);
            for condition in [
                format!("\"{digest}\""),
                format!("W/\"{digest}\""),
                format!("\"{other}\", \"{digest}\""),
                "*".to_owned(),
            ] {
                let answer = ask(&condition).send().await.expect(304);
                assert!(answer.body.is_empty());
                assert_eq!(
                    answer.header("etag"),
                    Some(format!("\"{digest}\"").as_str()),
                    "{condition}"
                );
                assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
            }
            for condition in [format!("\"{other}\""), digest.clone(), "\"\"".to_owned(), String::new()] {
                ask(&condition).send().await.expect(200);
            }
        }
    }
    let absent = harness
        .admin("GET", "/v2/a/manifests/gone")
        .header("If-None-Match", "*");
    absent.send().await.expect(404);
}

#[tokio::test]
async fn a_conditional_push_loses_when_somebody_was_faster() {
    let harness = Harness::new().await;
    let [first, second] = [Image::new("first"), Image::new("second")];
    harness.push_image("a", "v1", &first).await;
    harness.push_blob("a", &second.config).await;
    harness.push_blob("a", &second.layer).await;
    let put = |target: &str, name: &str, value: &str| {
        harness
            .put_manifest("a", target, OCI_MANIFEST, &second.manifest)
            .header(name, value)
    };
    let before = harness.remains().await;
    let [stale, current] = [format!("\"{}\"", second.digest), format!("\"{}\"", first.digest)];
    for (target, name, value) in [
        ("v1", "If-Match", stale.as_str()),
        ("v1", "If-Match", "\"no digest\""),
        ("v1", "If-None-Match", "*"),
        ("new", "If-Match", "*"),
        ("new", "If-Match", &current),
        (&second.digest, "If-Match", "*"),
        (&format!("{}?tag=new&tag=v1", second.digest), "If-None-Match", "*"),
        (&format!("{}?tag=v1&tag=new", second.digest), "If-Match", &current),
    ] {
        let answer = put(target, name, value).send().await;
        answer.refuses(412, "DENIED", "not where the request expects it");
        assert_eq!(harness.remains().await, before, "{target} {name}: {value}");
    }
    put("v1", "If-None-Match", &current)
        .send()
        .await
        .refuses(400, "UNSUPPORTED", "*");
    put("v1", "If-Match", &format!("{stale}, {current}"))
        .send()
        .await
        .expect(201);
    put("new", "If-None-Match", "*").send().await.expect(201);
    put("new", "If-Match", "*").send().await.expect(201);
}

#[tokio::test]
async fn of_many_writers_with_one_precondition_one_wins() {
    let harness = Harness::new().await;
    let first = Image::new("first");
    harness.push_image("a", "v1", &first).await;
    let mut writers = Vec::new();
    for index in 0..8 {
        let image = Image::new(&format!("writer {index}"));
        harness.push_blob("a", &image.config).await;
        harness.push_blob("a", &image.layer).await;
        let ask = harness.put_manifest("a", "v1", OCI_MANIFEST, &image.manifest);
        let ask = ask.header("If-Match", &format!("\"{}\"", first.digest));
        writers.push(tokio::spawn(async move { ask.send().await.status }));
    }
    let mut won = 0;
    for writer in writers {
        match writer.await.unwrap() {
            201 => won += 1,
            status => assert_eq!(status, 412),
        }
    }
    assert_eq!(won, 1);
}
