//! How many statements a request costs, whoever asks and however large the thing is: over a network each one is a round
//! trip.

use holdfast_registry::ports::{Durability, MetadataExt as _, NewManifest};

use crate::{
    house::{ADMIN, House, OCI_MANIFEST, PASSWORD, sha256},
    named_token::Owner,
    principal,
};

/// What a pull costs at most: who asks and where, and what is there.
const PULL: u64 = 2;

async fn issued(house: &House, fields: &[(&str, &str)]) -> String {
    let answer = house.ask("POST", "/oauth2/token").form(fields).send().await.expect(200);
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

async fn token(house: &House, user: &str, password: &str) -> String {
    let scope = "repository:team/app:pull,push";
    let fields = [
        ("grant_type", "password"),
        ("username", user),
        ("password", password),
        ("scope", scope),
    ];
    issued(house, &fields).await
}

/// A token of the admin, of a named token, and of an application.
async fn tokens(house: &House) -> [(&'static str, String); 3] {
    let owner = Owner::of(house, ADMIN).await;
    let actions = [
        "repositories/team/app/content/read",
        "repositories/team/app/content/write",
    ];
    owner.put_map("builders", &actions).await;
    owner.put_token("build", "builders").await;
    owner.set_password("build", 1, "the-password-of-build", None).await;
    let application = principal::pusher(house).await.to_string();
    [
        ("admin", token(house, ADMIN, PASSWORD).await),
        ("token", token(house, "build", "the-password-of-build").await),
        ("application", token(house, &application, principal::SECRET).await),
    ]
}

#[tokio::test]
async fn a_pull_costs_two_statements_whoever_asks() {
    let house = House::new().await;
    let digest = house.push_tags("team/app", "a", &["v1"]).await;
    for (whose, token) in tokens(&house).await {
        for reference in ["v1", &digest] {
            for method in ["GET", "HEAD"] {
                let ask = house.ask(method, &format!("/v2/team/app/manifests/{reference}"));
                let (answer, statements) = house.count_statements(ask.bearer(&token)).await;
                answer.expect(200);
                assert!(statements <= PULL, "{method} {reference} as {whose}: {statements}");
            }
        }
    }
}

/// Makes the rows of a manifest that no push of this process has brought: its bytes are the tag's name.
async fn insert_unseen(house: &House, tag: &'static str) {
    let registry = house.record(ADMIN).await.id;
    let now = house.registry.now();
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
    let insert = house.metadata().transact(Durability::Durable, move |tx| {
        let repository = tx.find_repository(registry, &"team/app".parse().unwrap())?.unwrap();
        let id = tx.insert_manifest(repository.id, &manifest)?;
        tx.put_tag(repository.id, &tag.parse().unwrap(), id, now)
    });
    insert.await.unwrap();
}

#[tokio::test]
async fn a_manifest_that_is_not_in_memory_costs_a_pull_no_more() {
    let house = House::new().await;
    house.push_tags("team/app", "a", &["v1"]).await;
    for (whose, token) in tokens(&house).await {
        insert_unseen(&house, whose).await;
        let ask = house
            .ask("GET", &format!("/v2/team/app/manifests/{whose}"))
            .bearer(&token);
        let (answer, statements) = house.count_statements(ask).await;
        assert_eq!(answer.expect(200).text(), whose);
        assert!(statements <= PULL, "as {whose}: {statements}");
    }
}

#[tokio::test]
async fn a_blob_costs_two_statements_whoever_asks() {
    let house = House::new().await;
    let digest = house.push_blob("team/app", b"a layer").await;
    for (whose, token) in tokens(&house).await {
        for (method, more) in [("GET", 0), ("HEAD", 1)] {
            let ask = house.ask(method, &format!("/v2/team/app/blobs/{digest}"));
            let (answer, statements) = house.count_statements(ask.bearer(&token)).await;
            answer.expect(200);
            // HEAD looks whether the blob waits for the collector.
            assert!(statements <= PULL + more, "{method} as {whose}: {statements}");
        }
    }
}
