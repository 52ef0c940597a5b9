//! How many statements a request costs, whoever asks and however large the thing is: over a network each one is a round
//! trip.

use holdfast_model::{Durability, MetadataExt as _, NewManifest};
use serde_json::json;

use crate::{
    harness::{ADMIN, Harness, OCI_INDEX, OCI_MANIFEST, PASSWORD, descriptor, large, sha256},
    named_token::Owner,
    principal,
    wire::Ask,
};

/// What a pull costs at most: who asks and where, and what is there.
const PULL: u64 = 2;
/// The most that a push of a manifest may cost.
const PUSH: u64 = 8;

async fn issued(harness: &Harness, fields: &[(&str, &str)]) -> String {
    let answer = harness
        .ask("POST", "/oauth2/token")
        .form(fields)
        .send()
        .await
        .expect(200);
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

async fn token(harness: &Harness, user: &str, password: &str) -> String {
    let scope = "repository:team/app:pull,push";
    let fields = [
        ("grant_type", "password"),
        ("username", user),
        ("password", password),
        ("scope", scope),
    ];
    issued(harness, &fields).await
}

/// A token of the admin, of a named token, and of an application.
async fn tokens(harness: &Harness) -> [(&'static str, String); 3] {
    let owner = Owner::of(harness, ADMIN).await;
    let actions = [
        "repositories/team/app/content/read",
        "repositories/team/app/content/write",
    ];
    owner.put_map("builders", &actions).await;
    owner.put_token("build", "builders").await;
    owner.set_password("build", 1, "the-password-of-build", None).await;
    let application = principal::pusher(harness).await.to_string();
    [
        ("admin", token(harness, ADMIN, PASSWORD).await),
        ("token", token(harness, "build", "the-password-of-build").await),
        ("application", token(harness, &application, principal::SECRET).await),
    ]
}

#[tokio::test]
async fn a_pull_costs_two_statements_whoever_asks() {
    let harness = Harness::new().await;
    let digest = harness.push_tags("team/app", "a", &["v1"]).await;
    for (whose, token) in tokens(&harness).await {
        for reference in ["v1", &digest] {
            for method in ["GET", "HEAD"] {
                let ask = harness.ask(method, &format!("/v2/team/app/manifests/{reference}"));
                let (answer, statements) = harness.count_statements(ask.bearer(&token)).await;
                answer.expect(200);
                assert!(statements <= PULL, "{method} {reference} as {whose}: {statements}");
            }
        }
    }
}

/// Makes the rows of a manifest that no push of this process has brought: its bytes are the tag's name.
async fn insert_unseen(harness: &Harness, tag: &'static str) {
    let registry = harness.record(ADMIN).await.id;
    let now = harness.operator.now();
    let manifest = NewManifest {
        digest: sha256(tag).parse().unwrap(),
        media_type: OCI_MANIFEST.to_owned(),
        bytes: tag.into(),
        subject: None,
        artifact_type: None,
        config_media_type: None,
        annotations: None,
        architecture: None,
        os: None,
        image_size_bytes: 0,
        blobs: Vec::new(),
        children: Vec::new(),
        created_at: now,
    };
    let insert = harness.metadata().transact(Durability::Durable, move |tx| {
        let repository = tx.find_repository(registry, &"team/app".parse().unwrap())?.unwrap();
        let id = tx.put_manifest(repository.id, &manifest, 0)?.id;
        tx.put_tags(repository.id, &[tag.parse().unwrap()], id, now).map(drop)
    });
    insert.await.unwrap();
}

#[tokio::test]
async fn a_manifest_that_is_not_in_memory_costs_a_pull_no_more() {
    let harness = Harness::new().await;
    harness.push_tags("team/app", "a", &["v1"]).await;
    for (whose, token) in tokens(&harness).await {
        insert_unseen(&harness, whose).await;
        let ask = harness
            .ask("GET", &format!("/v2/team/app/manifests/{whose}"))
            .bearer(&token);
        let (answer, statements) = harness.count_statements(ask).await;
        assert_eq!(answer.expect(200).text(), whose);
        assert!(statements <= PULL, "as {whose}: {statements}");
    }
}

#[tokio::test]
async fn a_blob_costs_two_statements_whoever_asks() {
    let harness = Harness::new().await;
    let digest = harness.push_blob("team/app", b"a layer").await;
    for (whose, token) in tokens(&harness).await {
        for (method, more) in [("GET", 0), ("HEAD", 1)] {
            let ask = harness.ask(method, &format!("/v2/team/app/blobs/{digest}"));
            let (answer, statements) = harness.count_statements(ask.bearer(&token)).await;
            answer.expect(200);
            // HEAD looks whether the blob waits for the collector.
            assert!(statements <= PULL + more, "{method} as {whose}: {statements}");
        }
    }
}

#[tokio::test]
async fn a_pull_that_is_repeated_costs_nothing_until_the_next_commit() {
    let harness = Harness::new().await;
    let digest = harness.push_tags("team/app", "a", &["v1"]).await;
    let blob = harness.push_blob("team/app", b"a layer").await;
    let [(_, admin), _, (_, application)] = tokens(&harness).await;
    let paths = [
        "/v2/team/app/manifests/v1".to_owned(),
        format!("/v2/team/app/manifests/{digest}"),
        format!("/v2/team/app/blobs/{blob}"),
    ];
    for token in [&admin, &application] {
        for path in &paths {
            let pull = || harness.ask("GET", path).bearer(token);
            pull().send().await.expect(200);
            let (answer, statements) = harness.count_statements(pull()).await;
            answer.expect(200);
            assert_eq!(statements, 0, "{path}");
            harness.push_blob("team/other", path.as_bytes()).await;
            let (answer, statements) = harness.count_statements(pull()).await;
            answer.expect(200);
            assert_eq!(statements, PULL, "{path} after a commit");
        }
    }
}

/// What a push of a blob costs, with the look at who asks and where.
const SMALL_BLOB: u64 = 9;
const START: u64 = 3;
const CHUNK: u64 = 3;
const FINISH: u64 = 10;

#[tokio::test]
async fn a_push_of_a_blob_costs_few_statements_and_one_more_when_it_is_large() {
    let harness = Harness::new().await;
    harness.push_blob("team/app", b"the repository is there").await;
    for (whose, token) in tokens(&harness).await {
        for (bytes, more) in [(format!("small, of {whose}").into_bytes(), 0), (large(whose), 1)] {
            let digest = sha256(&bytes);
            let cost = async |what: &str, ask: Ask, status, most: u64| {
                let (answer, statements) = harness.count_statements(ask.bearer(&token)).await;
                let answer = answer.expect(status);
                assert!(
                    statements <= most,
                    "{what} of {} bytes as {whose}: {statements}",
                    bytes.len()
                );
                answer.header("location").unwrap_or_default().to_owned()
            };
            let uploads = "/v2/team/app/blobs/uploads/";
            let blob = format!("/v2/team/app/blobs/{digest}");
            let gone = async || drop(harness.admin("DELETE", &blob).send().await.expect(202));
            let whole = harness
                .ask("POST", &format!("{uploads}?digest={digest}"))
                .body(&bytes[..]);
            // A large one is a session for a moment.
            cost("a push in one request", whole, 201, SMALL_BLOB + 3 * more).await;
            gone().await;

            let place = cost("a start", harness.ask("POST", uploads).body(""), 202, START).await;
            let closing = format!("{place}?digest={digest}");
            cost(
                "all at the end",
                harness.ask("PUT", &closing).body(&bytes[..]),
                201,
                FINISH + more,
            )
            .await;
            gone().await;

            let place = cost("a start", harness.ask("POST", uploads).body(""), 202, START).await;
            cost(
                "a chunk",
                harness.ask("PATCH", &place).body(&bytes[..]),
                202,
                CHUNK + more,
            )
            .await;
            let closing = format!("{place}?digest={digest}");
            cost("nothing at the end", harness.ask("PUT", &closing).body(""), 201, FINISH).await;
            gone().await;
        }
    }
}

/// An image of so many layers, all of them pushed.
async fn image(harness: &Harness, layers: usize) -> Vec<u8> {
    let config = json!({ "architecture": "arm64", "os": "linux", "layers": layers }).to_string();
    harness.push_blob("team/app", config.as_bytes()).await;
    let mut descriptors = Vec::new();
    for number in 0..layers {
        let layer = format!("layer {number} of {layers}");
        harness.push_blob("team/app", layer.as_bytes()).await;
        descriptors.push(descriptor("application/vnd.oci.image.layer.v1.tar", layer.as_bytes()));
    }
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", config.as_bytes()),
        "layers": descriptors,
    });
    manifest.to_string().into_bytes()
}

fn put(harness: &Harness, reference: &str, media_type: &str, bytes: &[u8], token: &str) -> Ask {
    harness
        .ask("PUT", &format!("/v2/team/app/manifests/{reference}"))
        .header("Content-Type", media_type)
        .bearer(token)
        .body(bytes)
}

#[tokio::test]
async fn a_push_costs_eight_statements_however_many_layers_it_names() {
    let harness = Harness::new().await;
    for (whose, token) in tokens(&harness).await {
        for layers in [2, 100] {
            let manifest = image(&harness, layers).await;
            let tag = format!("{whose}-{layers}");
            let (answer, statements) = harness
                .count_statements(put(&harness, &tag, OCI_MANIFEST, &manifest, &token))
                .await;
            answer.expect(201);
            assert!(statements <= PUSH, "{layers} layers as {whose}: {statements}");
        }
    }
}

#[tokio::test]
async fn a_push_of_an_index_costs_eight_statements_however_many_images_it_lists() {
    let harness = Harness::new().await;
    let token = token(&harness, ADMIN, PASSWORD).await;
    for images in [2_usize, 30] {
        let mut listed = Vec::new();
        for number in 0..images {
            let digest = harness
                .push_tags("team/app", &format!("{number} of {images}"), &["part"])
                .await;
            let size = harness
                .get(&format!("/v2/team/app/manifests/{digest}"))
                .await
                .body
                .len();
            listed.push(json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": size }));
        }
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed }).to_string();
        let (answer, statements) = harness
            .count_statements(put(
                &harness,
                &format!("all-{images}"),
                OCI_INDEX,
                index.as_bytes(),
                &token,
            ))
            .await;
        answer.expect(201);
        assert!(statements <= PUSH, "{images} images: {statements}");
        assert_eq!(
            sha256(&index),
            harness
                .get(&format!("/v2/team/app/manifests/all-{images}"))
                .await
                .header("docker-content-digest")
                .unwrap()
        );
    }
}
