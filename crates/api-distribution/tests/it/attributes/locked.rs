//! Locks: what a tag, a manifest or a repository with an attribute off still takes, and what not.

use super::*;

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
