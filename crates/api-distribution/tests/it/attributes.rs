//! `/acr/v1`: the exact shapes of repositories, tags and manifests, and locks, which hold everywhere.

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

/// What one may try on a tagged image and its repository.
struct Attempts {
    pull_tag: Ask,
    pull_digest: Ask,
    pull_blob: Ask,
    overwrite: Ask,
    retag: Ask,
    new_image: Ask,
    start: Ask,
    mount: Ask,
    untag: Ask,
    delete_tag: Ask,
    delete_manifest: Ask,
    delete_repository: Ask,
}

async fn attempts(harness: &Harness) -> Attempts {
    let [image, other] = [Image::new("image"), Image::new("other")];
    harness.push_image("app", "v1", &image).await;
    harness.push_blob("app", &other.config).await;
    harness.push_blob("app", &other.layer).await;
    let elsewhere = harness.push_blob("elsewhere", b"elsewhere").await;
    let digest = &image.digest;
    let put = |reference: &str, image: &Image| harness.put_manifest("app", reference, OCI_MANIFEST, &image.manifest);
    Attempts {
        pull_tag: harness.admin("GET", "/v2/app/manifests/v1"),
        pull_digest: harness.admin("GET", &format!("/v2/app/manifests/{digest}")),
        pull_blob: harness.admin("GET", &format!("/v2/app/blobs/{}", sha256(&image.layer))),
        overwrite: put("v1", &other),
        retag: put("again", &image),
        new_image: put("new", &other),
        start: harness.admin("POST", "/v2/app/blobs/uploads/").body(""),
        mount: harness
            .admin(
                "POST",
                &format!("/v2/app/blobs/uploads/?mount={elsewhere}&from=elsewhere"),
            )
            .body(""),
        untag: harness.admin("DELETE", "/acr/v1/app/_tags/v1"),
        delete_tag: harness.admin("DELETE", "/v2/app/manifests/v1"),
        delete_manifest: harness.admin("DELETE", &format!("/v2/app/manifests/{digest}")),
        delete_repository: harness.admin("DELETE", "/acr/v1/app"),
    }
}

async fn disallowed(harness: &Harness, asks: &[&Ask]) {
    for ask in asks {
        let before = harness.remains().await;
        let answer = ask.send().await;
        let answer = answer.refuses(405, "REGISTRY_DISALLOWED_OPERATION", "is locked");
        assert_eq!(answer.detail(), json!({}));
        assert_eq!(harness.remains().await, before, "{ask:?}");
    }
}

async fn allowed(asks: &[&Ask]) {
    for ask in asks {
        let answer = ask.send().await;
        assert!((200..300).contains(&answer.status), "{ask:?} {answer:?}");
    }
}

/// A harness with an image, one lock on it, and the attempts.
async fn locked(place: &str, switch: &str) -> (Harness, Attempts) {
    let harness = Harness::new().await;
    let attempts = attempts(&harness).await;
    let target = place.replace("{D}", &Image::new("image").digest);
    let lock = harness.admin("PATCH", &target).body(format!("{{\"{switch}\":false}}"));
    lock.send().await.expect(200);
    (harness, attempts)
}

const TAG: &str = "/acr/v1/app/_tags/v1";
const MANIFEST: &str = "/acr/v1/app/_manifests/{D}";
const REPOSITORY: &str = "/acr/v1/app";

#[tokio::test]
async fn a_tag_that_may_not_be_deleted_stays_and_moves() {
    let (harness, a) = locked(TAG, "deleteEnabled").await;
    disallowed(
        &harness,
        &[&a.untag, &a.delete_tag, &a.delete_manifest, &a.delete_repository],
    )
    .await;
    allowed(&[&a.pull_tag, &a.retag, &a.overwrite, &a.new_image]).await;
    disallowed(&harness, &[&a.untag]).await;
}

#[tokio::test]
async fn a_tag_that_may_not_be_written_neither_moves_nor_goes() {
    let (harness, a) = locked(TAG, "writeEnabled").await;
    disallowed(
        &harness,
        &[
            &a.overwrite,
            &a.untag,
            &a.delete_tag,
            &a.delete_manifest,
            &a.delete_repository,
        ],
    )
    .await;
    let other = Image::new("other");
    let by_query = harness.put_manifest(
        "app",
        &format!("{}?tag=v1", other.digest),
        OCI_MANIFEST,
        &other.manifest,
    );
    disallowed(&harness, &[&by_query]).await;
    allowed(&[&a.pull_tag, &a.pull_digest, &a.retag, &a.new_image]).await;
    harness
        .admin("PATCH", TAG)
        .body("{\"writeEnabled\":true}")
        .send()
        .await
        .expect(200);
    allowed(&[&a.overwrite, &a.untag]).await;
}

#[tokio::test]
async fn a_tag_that_may_not_be_read_can_be_read_by_digest_only() {
    let (harness, a) = locked(TAG, "readEnabled").await;
    let head = harness.admin("HEAD", "/v2/app/manifests/v1").send().await;
    head.expect(405);
    disallowed(&harness, &[&a.pull_tag]).await;
    allowed(&[&a.pull_digest, &a.pull_blob, &a.overwrite, &a.untag]).await;
}

#[tokio::test]
async fn a_manifest_that_may_not_be_deleted_stays() {
    let (harness, a) = locked(MANIFEST, "deleteEnabled").await;
    disallowed(&harness, &[&a.delete_manifest, &a.delete_repository]).await;
    allowed(&[&a.pull_tag, &a.retag, &a.overwrite, &a.untag]).await;
    disallowed(&harness, &[&a.delete_manifest]).await;
}

#[tokio::test]
async fn a_manifest_that_may_not_be_written_stays_as_it_is() {
    let (harness, a) = locked(MANIFEST, "writeEnabled").await;
    disallowed(&harness, &[&a.delete_manifest, &a.delete_repository, &a.retag]).await;
    allowed(&[&a.pull_tag, &a.pull_digest, &a.new_image]).await;
}

#[tokio::test]
async fn a_manifest_that_may_not_be_read_is_not_read_by_any_name() {
    let (harness, a) = locked(MANIFEST, "readEnabled").await;
    disallowed(&harness, &[&a.pull_tag, &a.pull_digest]).await;
    allowed(&[&a.new_image, &a.untag, &a.delete_manifest]).await;
}

#[tokio::test]
async fn a_repository_that_may_not_be_deleted_is_otherwise_free() {
    let (harness, a) = locked(REPOSITORY, "deleteEnabled").await;
    disallowed(&harness, &[&a.delete_repository]).await;
    allowed(&[
        &a.pull_tag,
        &a.overwrite,
        &a.new_image,
        &a.start,
        &a.mount,
        &a.untag,
        &a.delete_manifest,
    ])
    .await;
}

#[tokio::test]
async fn a_repository_that_may_not_be_written_is_frozen() {
    let (harness, a) = locked(REPOSITORY, "writeEnabled").await;
    let loose = harness.admin(
        "DELETE",
        &format!("/v2/app/blobs/{}", sha256(&Image::new("other").layer)),
    );
    disallowed(
        &harness,
        &[
            &a.overwrite,
            &a.retag,
            &a.new_image,
            &a.start,
            &a.mount,
            &a.untag,
            &a.delete_tag,
            &a.delete_manifest,
            &a.delete_repository,
            &loose,
        ],
    )
    .await;
    let whole = format!("/v2/app/blobs/uploads/?digest={}", sha256("x"));
    disallowed(&harness, &[&harness.admin("POST", &whole).body("x")]).await;
    allowed(&[&a.pull_tag, &a.pull_digest, &a.pull_blob]).await;
    // Locks themselves can be changed, or nobody could ever unlock.
    harness
        .admin("PATCH", REPOSITORY)
        .body("{\"writeEnabled\":true}")
        .send()
        .await
        .expect(200);
    allowed(&[&a.overwrite, &a.untag]).await;
}

#[tokio::test]
async fn an_upload_that_was_open_when_its_repository_was_frozen_cannot_end() {
    let harness = Harness::new().await;
    let a = attempts(&harness).await;
    let place = harness.start("app").await;
    harness
        .admin("PATCH", &place)
        .body("x".repeat(70_000))
        .send()
        .await
        .expect(202);
    harness
        .admin("PATCH", REPOSITORY)
        .body("{\"writeEnabled\":false}")
        .send()
        .await
        .expect(200);
    let digest = sha256("x".repeat(70_000));
    let finish = harness.admin("PUT", &format!("{place}?digest={digest}"));
    disallowed(&harness, &[&finish]).await;
    harness.get(&format!("/v2/app/blobs/{digest}")).await.expect(404);
    allowed(&[&a.pull_tag]).await;
}

#[tokio::test]
async fn a_repository_that_may_not_be_read_gives_nothing_away() {
    let (harness, a) = locked(REPOSITORY, "readEnabled").await;
    disallowed(&harness, &[&a.pull_tag, &a.pull_digest, &a.pull_blob]).await;
    // Nor by way of another repository.
    let layer = sha256(&Image::new("image").layer);
    for query in [format!("mount={layer}&from=app"), format!("mount={layer}")] {
        let target = format!("/v2/thief/blobs/uploads/?{query}");
        harness.admin("POST", &target).body("").send().await.expect(202);
    }
    allowed(&[&a.overwrite, &a.new_image]).await;
}
