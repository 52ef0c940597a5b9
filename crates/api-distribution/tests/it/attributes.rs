//! `/acr/v1`: the exact shapes of repositories, tags and manifests, and locks, which hold everywhere.

mod locked;

use serde_json::{Value, json};

use crate::{
    harness::{Harness, Image, LOGIN_SERVER, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, descriptor, sha256},
    wire::Ask,
};

const ON: &str = "{\"deleteEnabled\":true,\"writeEnabled\":true,\"readEnabled\":true,\"listEnabled\":true}";

/// Every moment in a body becomes `T`, after it was looked at: seven digits, UTC.
fn without_times(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("Time\":\"") {
        let (before, after) = rest.split_at(at + 7);
        let (moment, tail) = after.split_at(after.find('"').unwrap());
        let shape: String = moment
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        assert_eq!(shape, "0000-00-00T00:00:00.0000000Z", "{moment}");
        out.push_str(before);
        out.push('T');
        rest = tail;
    }
    out + rest
}

async fn shows(harness: &Harness, target: &str, expected: &str) {
    let answer = harness.get(target).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(without_times(answer.text()), format!("{expected}\n"), "{target}");
    let head = harness.admin("HEAD", target).send().await.expect(200);
    assert_eq!(head.header("content-length"), answer.header("content-length"));
    // What the SDKs add is ignored.
    let separator = if target.contains('?') { '&' } else { '?' };
    harness
        .get(&format!("{target}{separator}api-version=2021-07-01"))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_repository_looks_as_in_acr() {
    let harness = Harness::new().await;
    harness.push_tags("library/busybox", "first", &["v1", "v2"]).await;
    harness.push_tags("library/busybox", "second", &["v3"]).await;
    let expected = format!(
        "{{\"registry\":\"{LOGIN_SERVER}:5443\",\"imageName\":\"library/busybox\",\"createdTime\":\"T\",\"lastUpdateTime\":\"T\",\
         \"manifestCount\":2,\"tagCount\":3,\"changeableAttributes\":{ON}}}"
    );
    shows(&harness, "/acr/v1/library/busybox", &expected).await;
    shows(&harness, "/acr/v1/library%2Fbusybox", &expected).await;
    let patched = harness
        .admin("PATCH", "/acr/v1/library%2Fbusybox")
        .body("{\"deleteEnabled\":false}");
    let patched = patched.send().await.expect(200);
    let expected = expected.replace("\"deleteEnabled\":true", "\"deleteEnabled\":false");
    assert_eq!(without_times(patched.text()), format!("{expected}\n"));
    shows(&harness, "/acr/v1/library%2Fbusybox", &expected).await;
    for method in ["GET", "DELETE"] {
        let gap = harness.admin(method, "/acr/v1/library/gap").send().await;
        let gap = gap.refuses(404, "NAME_UNKNOWN", "library/gap");
        assert_eq!(gap.detail(), json!({ "name": "library/gap" }));
    }
    harness
        .admin("PATCH", "/acr/v1/gap")
        .body("{}")
        .send()
        .await
        .refuses(404, "NAME_UNKNOWN", "gap");
}

#[tokio::test]
async fn a_tag_looks_as_in_acr() {
    let harness = Harness::new().await;
    let digest = harness.push_tags("foo", "image", &["v1", "v2"]).await;
    let tag = |name: &str| {
        format!(
            "{{\"name\":\"{name}\",\"digest\":\"{digest}\",\"createdTime\":\"T\",\"lastUpdateTime\":\"T\",\"signed\":false,\
             \"changeableAttributes\":{ON}}}"
        )
    };
    let list = format!(
        "{{\"registry\":\"{LOGIN_SERVER}:5443\",\"imageName\":\"foo\",\"tags\":[{},{}]}}",
        tag("v1"),
        tag("v2")
    );
    shows(&harness, "/acr/v1/foo/_tags", &list).await;
    shows(&harness, "/acr/v1/foo/_tags?orderby=none&n=100&last=", &list).await;
    let one = format!(
        "{{\"registry\":\"{LOGIN_SERVER}:5443\",\"imageName\":\"foo\",\"tag\":{}}}",
        tag("v1")
    );
    shows(&harness, "/acr/v1/foo/_tags/v1", &one).await;
    let patched = harness
        .admin("PATCH", "/acr/v1/foo/_tags/v1")
        .body("{\"listEnabled\":false,\"unknown\":1}");
    let patched = patched.send().await.expect(200);
    let hidden = one.replace("\"listEnabled\":true", "\"listEnabled\":false");
    assert_eq!(without_times(patched.text()), format!("{hidden}\n"));
    for method in ["GET", "PATCH", "DELETE"] {
        for target in ["/acr/v1/foo/_tags/gone", "/acr/v1/gap/_tags/v1"] {
            let answer = harness.admin(method, target).body("{}").send().await;
            let is_gap = target.contains("gap") && method != "DELETE";
            let code = if is_gap { "NAME_UNKNOWN" } else { "TAG_UNKNOWN" };
            answer.refuses(404, code, "");
        }
    }
    let untagged = harness.admin("DELETE", "/acr/v1/foo/_tags/v2").send().await.expect(202);
    assert_eq!((untagged.header("content-length"), untagged.body.len()), (Some("0"), 0));
    harness
        .get("/acr/v1/foo/_tags/v2")
        .await
        .refuses(404, "TAG_UNKNOWN", "v2");
    harness.get(&format!("/v2/foo/manifests/{digest}")).await.expect(200);
}

#[tokio::test]
async fn a_manifest_looks_as_in_acr() {
    let harness = Harness::new().await;
    let image = Image::new("image");
    harness.push_image("foo", "v1", &image).await;
    harness
        .put_manifest("foo", "latest", OCI_MANIFEST, &image.manifest)
        .send()
        .await
        .expect(201);
    let size = image.config.len() + image.layer.len();
    let manifest = |tags: &str| {
        format!(
            "{{\"digest\":\"{}\",\"imageSize\":{size},\"createdTime\":\"T\",\"lastUpdateTime\":\"T\",\"architecture\":\"arm64\",\
             \"os\":\"linux\",\"mediaType\":\"{OCI_MANIFEST}\",\"configMediaType\":\"{OCI_CONFIG}\",{tags}\
             \"changeableAttributes\":{ON}}}",
            image.digest
        )
    };
    let tagged = manifest("\"tags\":[\"latest\",\"v1\"],");
    let encoded = image.digest.replace(':', "%3A");
    let list = format!("{{\"registry\":\"{LOGIN_SERVER}:5443\",\"imageName\":\"foo\",\"manifests\":[{tagged}]}}");
    shows(&harness, "/acr/v1/foo/_manifests", &list).await;
    let one = format!("{{\"registry\":\"{LOGIN_SERVER}:5443\",\"imageName\":\"foo\",\"manifest\":{tagged}}}");
    shows(&harness, &format!("/acr/v1/foo/_manifests/{encoded}"), &one).await;
    for tag in ["v1", "latest"] {
        harness
            .admin("DELETE", &format!("/acr/v1/foo/_tags/{tag}"))
            .send()
            .await
            .expect(202);
    }
    let one = format!(
        "{{\"registry\":\"{LOGIN_SERVER}:5443\",\"imageName\":\"foo\",\"manifest\":{}}}",
        manifest("")
    );
    shows(&harness, &format!("/acr/v1/foo/_manifests/{}", image.digest), &one).await;
    let target = format!("/acr/v1/foo/_manifests/{encoded}");
    let patched = harness
        .admin("PATCH", &target)
        .body("{\"writeEnabled\":false,\"quarantineState\":\"Passed\"}");
    let patched = patched.send().await.expect(200).json();
    assert_eq!(
        patched["manifest"]["changeableAttributes"]["writeEnabled"],
        json!(false)
    );
    for target in [
        format!("/acr/v1/foo/_manifests/{}", sha256("gone")),
        format!("/acr/v1/gap/_manifests/{encoded}"),
    ] {
        let code = if target.contains("gap") {
            "NAME_UNKNOWN"
        } else {
            "MANIFEST_UNKNOWN"
        };
        for method in ["GET", "PATCH"] {
            harness
                .admin(method, &target)
                .body("{}")
                .send()
                .await
                .refuses(404, code, "");
        }
    }
}

#[tokio::test]
async fn an_index_looks_as_in_acr() {
    let harness = Harness::new().await;
    let images = [Image::new("one"), Image::new("two")];
    for image in &images {
        harness.push_image("foo", "child", image).await;
    }
    let mut children = images.each_ref().map(|image| descriptor(OCI_MANIFEST, &image.manifest));
    children.sort_by_key(|child| child["digest"].as_str().unwrap().to_owned());
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children })
        .to_string()
        .into_bytes();
    harness
        .put_manifest("foo", "multi", OCI_INDEX, &index)
        .send()
        .await
        .expect(201);
    let references: Vec<String> = children
        .iter()
        .map(|child| {
            format!(
                "{{\"digest\":{},\"architecture\":\"arm64\",\"os\":\"linux\"}}",
                child["digest"]
            )
        })
        .collect();
    let size: usize = images.iter().map(|image| image.config.len() + image.layer.len()).sum();
    let one = format!(
        "{{\"registry\":\"{LOGIN_SERVER}:5443\",\"imageName\":\"foo\",\"manifest\":{{\"digest\":\"{}\",\"imageSize\":{size},\
         \"createdTime\":\"T\",\"lastUpdateTime\":\"T\",\"mediaType\":\"{OCI_INDEX}\",\"tags\":[\"multi\"],\
         \"changeableAttributes\":{ON},\"references\":[{}]}}}}",
        sha256(&index),
        references.join(",")
    );
    shows(&harness, &format!("/acr/v1/foo/_manifests/{}", sha256(&index)), &one).await;
    let list = harness.get("/acr/v1/foo/_manifests").await.expect(200).json();
    let entry = list["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["mediaType"] == OCI_INDEX)
        .unwrap();
    assert_eq!(entry["references"], Value::Null);
}

#[tokio::test]
async fn a_deleted_repository_says_what_went_with_it() {
    let harness = Harness::new().await;
    let mut digests = vec![
        harness.push_tags("team/app", "first", &["v1", "latest"]).await,
        harness.push_tags("team/app", "second", &["v2"]).await,
    ];
    digests.sort();
    harness.push_tags("team/app2", "first", &["v1"]).await;
    let deleted = harness.admin("DELETE", "/acr/v1/team%2Fapp").send().await.expect(202);
    assert_eq!(deleted.header("content-type"), Some("application/json; charset=utf-8"));
    assert!(
        deleted.text().starts_with("{\"manifestsDeleted\":["),
        "{}",
        deleted.text()
    );
    let mut body = deleted.json();
    for field in ["manifestsDeleted", "tagsDeleted"] {
        body[field].as_array_mut().unwrap().sort_by_key(ToString::to_string);
    }
    assert_eq!(
        body,
        json!({ "manifestsDeleted": digests, "tagsDeleted": ["latest", "v1", "v2"] })
    );
    harness
        .get("/v2/team/app/manifests/v1")
        .await
        .refuses(404, "MANIFEST_UNKNOWN", "v1");
    harness
        .get("/v2/team/app/tags/list")
        .await
        .refuses(404, "NAME_UNKNOWN", "team/app");
    harness.get("/acr/v1/team/app").await.expect(404);
    harness.get("/v2/team/app2/manifests/v1").await.expect(200);
    // Born again, it has no locks of its past.
    harness.push_tags("team/app", "third", &["v1"]).await;
    harness
        .get("/v2/team/app/manifests/latest")
        .await
        .refuses(404, "MANIFEST_UNKNOWN", "latest");
}

#[tokio::test]
async fn attributes_that_cannot_be_read_change_nothing() {
    let harness = Harness::new().await;
    let digest = harness.push_tags("foo", "image", &["v1"]).await;
    for target in [
        "/acr/v1/foo".to_owned(),
        "/acr/v1/foo/_tags/v1".to_owned(),
        format!("/acr/v1/foo/_manifests/{digest}"),
    ] {
        let before = harness.get(&target).await.json();
        for body in [
            "",
            "x",
            "7",
            "\"x\"",
            "{\"deleteEnabled\":\"false\"}",
            "{\"deleteEnabled\":0}",
            "{\"deleteEnabled\":[]}",
            "{\"deleteEnabled\":false,\"deleteEnabled\":true}",
            "{\"deleteEnabled\":false}x",
            "{\"deleteEnabled\":false",
            "\u{feff}{}",
            "[false]",
            "[]",
            "null",
            "[false,false,false,false]",
            " [null,null,null,null]",
        ] {
            let answer = harness.admin("PATCH", &target).body(body).send().await;
            assert!(!answer.text().contains("Patch"), "{}", answer.text());
            answer.refuses(400, "UNSUPPORTED", "body cannot be read");
        }
        let huge = format!("{{\"x\":\"{}\"}}", "x".repeat(64 << 10));
        harness
            .admin("PATCH", &target)
            .body(huge.clone())
            .send()
            .await
            .refuses(413, "SIZE_INVALID", "65536");
        harness
            .admin("PATCH", &target)
            .chunked(huge)
            .send()
            .await
            .refuses(413, "SIZE_INVALID", "65536");
        let deep = "[".repeat(60_000);
        harness
            .admin("PATCH", &target)
            .body(format!("{{\"x\":{deep}"))
            .send()
            .await
            .expect(400);
        assert_eq!(harness.get(&target).await.json(), before);
        // Nothing asked, nothing changed, not even the time. ACR has more attributes, so others are taken and left out.
        for body in [
            "{}",
            "{\"deleteEnabled\":null}",
            " {\"other\":{\"a\":[1]}} ",
            "{\"deleteEnabled\":true,\"listEnabled\":true}",
        ] {
            let answer = harness.admin("PATCH", &target).body(body).send().await.expect(200);
            assert!(without_times(answer.text()).contains(ON), "{}", answer.text());
            assert_eq!(answer.json(), before, "{body}");
        }
    }
}
