//! Tokens of the registry as its clients see them: every way to sign in with one, what its scope map allows, and that a
//! change of token, password or map is in force at the next request.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use holdfast_access::{ControlAction, ControlCaller, ControlGrant, ScopeMap, decide_control};
use holdfast_arm::ResourceId;
use holdfast_identity::{basic::NULL_GUID, throttle::FREE_FAILURES};
use holdfast_model::Timestamp;
use holdfast_resources::{KeptPassword, NewTokenPasswords, ScopeMapChange, TokenChange};
use serde_json::{Value, json};

use crate::{
    harness::{ADMIN, Harness, OTHER, PASSWORD},
    wire::{Answer, Ask},
};

const TOKEN: &str = "/oauth2/token";
const NAME: &str = "Build-1";
const FIRST: &str = "the-first-password-of-build";
const SECOND: &str = "the-second-password-of-build";

/// The control plane of a registry, as its owner uses it.
pub(crate) struct Owner<'a> {
    harness: &'a Harness,
    registry: ResourceId,
}

impl<'a> Owner<'a> {
    pub(crate) async fn of(harness: &'a Harness, registry: &str) -> Self {
        let registry = ResourceId::parse(&harness.record(registry).await.arm_id()).unwrap();
        Self { harness, registry }
    }

    fn may<A: ControlAction>(id: &ResourceId) -> ControlGrant<A> {
        decide_control(&ControlCaller::operator(), id).unwrap()
    }

    fn token(&self, name: &str) -> ResourceId {
        self.registry.child("tokens", name).unwrap()
    }

    fn map(&self, name: &str) -> ResourceId {
        self.registry.child("scopeMaps", name).unwrap()
    }

    pub(crate) async fn put_map(&self, name: &str, actions: &[&str]) {
        let grant = Self::may(&self.map(name));
        let actions = ScopeMap::parse(actions).unwrap();
        let put = self
            .harness
            .operator
            .resources()
            .put_scope_map(&grant, name.to_owned(), None, actions);
        put.await.unwrap();
    }

    async fn change_map(&self, name: &str, actions: &[&str]) {
        let change = ScopeMapChange {
            description: None,
            actions: Some(ScopeMap::parse(actions).unwrap()),
        };
        let grant = Self::may(&self.map(name));
        self.harness
            .operator
            .resources()
            .change_scope_map(&grant, change)
            .await
            .unwrap();
    }

    pub(crate) async fn put_token(&self, name: &str, map: &str) {
        let change = TokenChange {
            scope_map: Some(self.map(map)),
            ..TokenChange::default()
        };
        let grant = Self::may(&self.token(name));
        let put = self
            .harness
            .operator
            .resources()
            .put_token(&grant, name.to_owned(), change);
        put.await.unwrap();
    }

    async fn change(&self, name: &str, change: TokenChange) {
        let grant = Self::may(&self.token(name));
        self.harness
            .operator
            .resources()
            .change_token(&grant, change)
            .await
            .unwrap();
    }

    async fn delete(&self, name: &str) {
        let grant = Self::may(&self.token(name));
        assert!(self.harness.operator.resources().delete_token(&grant).await.unwrap());
    }

    pub(crate) async fn set_password(&self, name: &str, slot: u8, password: &str, expires_at: Option<Timestamp>) {
        let new = NewTokenPasswords {
            verifiers: vec![(slot, self.harness.sealer.verifier(password))],
            expires_at,
        };
        let (grant, token) = (Self::may(&self.registry), self.token(name));
        let set = self
            .harness
            .operator
            .resources()
            .generate_token_passwords(&grant, &token, new);
        set.await.unwrap();
    }

    /// A token with two passwords and a map of its own.
    async fn make(&self, actions: &[&str]) {
        self.put_map("map-of-build", actions).await;
        self.put_token(NAME, "map-of-build").await;
        self.set_password(NAME, 1, FIRST, None).await;
        self.set_password(NAME, 2, SECOND, None).await;
    }
}

fn switch(is_enabled: bool) -> TokenChange {
    TokenChange {
        is_enabled: Some(is_enabled),
        ..TokenChange::default()
    }
}

fn issued(answer: &Answer, field: &str) -> String {
    answer.json()[field].as_str().unwrap().to_owned()
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// An access token and a refresh token for a password.
async fn sign_in(harness: &Harness, password: &str, scope: &str) -> (String, String) {
    let fields = [
        ("grant_type", "password"),
        ("username", NAME),
        ("password", password),
        ("access_type", "offline"),
        ("scope", scope),
    ];
    let answer = harness.ask("POST", TOKEN).form(&fields).send().await.expect(200);
    (issued(&answer, "access_token"), issued(&answer, "refresh_token"))
}

fn refresh(harness: &Harness, refresh_token: &str, scope: &str) -> Ask {
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
        ("scope", scope),
    ];
    harness.ask("POST", TOKEN).form(&fields)
}

const PULL: &str = "/v2/app/manifests/v1";
const PULL_SCOPE: &str = "repository:app:pull";
const READ_APP: &[&str] = &["repositories/app/content/read"];

#[tokio::test]
async fn every_way_to_sign_in_gives_what_the_scope_map_allows() {
    let harness = Harness::new().await;
    let owner = Owner::of(&harness, ADMIN).await;
    owner
        .make(&[
            "repositories/samples/*/content/read",
            "repositories/app/content/read",
            "repositories/app/content/write",
            "gateway/edge1/config/read",
        ])
        .await;
    for repository in ["app", "samples", "samples/a/b", "other"] {
        harness.push_tags(repository, repository, &["v1"]).await;
    }
    let asked = "repository:samples/a/b:pull,push repository:app:* repository:other:pull repository:samples:pull \
                 repository:*:pull registry:catalog:*";
    let query: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("scope", asked)
        .finish();
    let get = harness.ask("GET", &format!("{TOKEN}?{query}"));
    let (first, refresh_token) = sign_in(&harness, FIRST, asked).await;
    let mut tokens = vec![first];
    for ask in [
        get.clone().basic(NAME, FIRST),
        get.clone().basic("BUILD-1", SECOND),
        get.basic(NULL_GUID, &refresh_token),
        refresh(&harness, &refresh_token, asked),
    ] {
        tokens.push(issued(&ask.send().await.expect(200), "access_token"));
    }
    for token in &tokens {
        let claims = claims(token);
        assert_eq!(claims["sub"], NAME);
        let entry = |name: &str, actions: &[&str]| json!({ "type": "repository", "name": name, "actions": actions });
        assert_eq!(
            claims["access"],
            json!([entry("samples/a/b", &["pull"]), entry("app", &["pull", "push"])])
        );
    }
    for (method, target, status) in [
        ("GET", "/v2/", 200),
        ("GET", "/v2/samples/a/b/manifests/v1", 200),
        ("GET", "/v2/app/manifests/v1", 200),
        ("POST", "/v2/app/blobs/uploads/", 202),
        ("POST", "/v2/samples/a/b/blobs/uploads/", 401),
        ("GET", "/v2/samples/manifests/v1", 401),
        ("GET", "/v2/other/manifests/v1", 401),
        ("DELETE", "/v2/app/manifests/v1", 401),
        ("GET", "/acr/v1/app", 401),
        ("GET", "/v2/_catalog", 401),
    ] {
        let ask = harness.ask(method, target).body("");
        for ask in [
            ask.clone().basic(NAME, FIRST),
            ask.clone().bearer(&tokens[0]),
            ask.bearer(&tokens[4]),
        ] {
            let answer = ask.send().await;
            assert_eq!(answer.status, status, "{method} {target}: {answer:?}");
        }
    }
    let served = harness.served.lock().unwrap();
    assert!(served.iter().any(|served| served.actor == "token:Build-1"));
}

#[tokio::test]
async fn the_catalog_is_for_those_who_read_every_repositorys_metadata() {
    let harness = Harness::new().await;
    harness.push_tags("app", "image", &["v1"]).await;
    let owner = Owner::of(&harness, ADMIN).await;
    owner.make(&["repositories/app/metadata/read"]).await;
    let list = harness.ask("GET", "/v2/_catalog").basic(NAME, FIRST);
    list.send().await.expect(401);
    harness
        .ask("GET", "/acr/v1/app")
        .basic(NAME, FIRST)
        .send()
        .await
        .expect(200);
    owner
        .change_map("map-of-build", &["repositories/*/metadata/read"])
        .await;
    assert_eq!(list.send().await.expect(200).json()["repositories"], json!(["app"]));
    let change = TokenChange {
        scope_map: Some(owner.map("_repositories_pull")),
        ..TokenChange::default()
    };
    owner.change(NAME, change).await;
    list.send().await.expect(401);
    harness.ask("GET", PULL).basic(NAME, FIRST).send().await.expect(200);
}

#[tokio::test]
async fn a_change_is_in_force_at_the_next_request() {
    let harness = Harness::new().await;
    harness.push_tags("app", "image", &["v1"]).await;
    let owner = Owner::of(&harness, ADMIN).await;
    owner.make(READ_APP).await;
    let (access, refresh_token) = sign_in(&harness, FIRST, PULL_SCOPE).await;
    let (access2, refresh2) = sign_in(&harness, SECOND, PULL_SCOPE).await;
    // The statuses of: Basic, access token and refresh token of either password.
    let statuses = async || {
        let pull = harness.ask("GET", PULL);
        let asks = [
            pull.clone().basic(NAME, FIRST),
            pull.clone().bearer(&access),
            refresh(&harness, &refresh_token, PULL_SCOPE),
            pull.clone().basic(NAME, SECOND),
            pull.bearer(&access2),
            refresh(&harness, &refresh2, PULL_SCOPE),
        ];
        let mut statuses = Vec::new();
        for ask in asks {
            statuses.push(ask.peer(&Harness::stranger()).send().await.status);
        }
        statuses
    };
    assert_eq!(statuses().await, [200; 6]);

    owner
        .change_map("map-of-build", &["repositories/elsewhere/content/read"])
        .await;
    assert_eq!(
        statuses().await,
        [401, 401, 200, 401, 401, 200],
        "it may sign in, and nothing more"
    );
    owner.change_map("map-of-build", READ_APP).await;
    assert_eq!(statuses().await, [200; 6]);

    owner.change(NAME, switch(false)).await;
    assert_eq!(statuses().await, [401; 6], "disabled");
    owner.change(NAME, switch(true)).await;
    assert_eq!(statuses().await, [200; 6]);

    owner.set_password(NAME, 1, "another", None).await;
    assert_eq!(statuses().await, [401, 401, 401, 200, 200, 200], "renewed");
    owner.set_password(NAME, 1, FIRST, None).await;
    assert_eq!(
        statuses().await,
        [200, 401, 401, 200, 200, 200],
        "what the old one gave stays void"
    );

    let kept = KeptPassword {
        slot: 1,
        expires_at: None,
    };
    let change = TokenChange {
        passwords: Some(vec![kept]),
        ..TokenChange::default()
    };
    owner.change(NAME, change).await;
    assert_eq!(statuses().await, [200, 401, 401, 401, 401, 401], "deleted");

    owner.delete(NAME).await;
    assert_eq!(statuses().await, [401; 6]);
    owner.make(READ_APP).await;
    assert_eq!(
        statuses().await,
        [200, 401, 401, 200, 401, 401],
        "a token made anew under the old name honours nothing old"
    );
}

#[tokio::test]
async fn an_expired_password_ends_with_all_that_it_gave() {
    let harness = Harness::new().await;
    harness.push_tags("app", "image", &["v1"]).await;
    let owner = Owner::of(&harness, ADMIN).await;
    owner.make(READ_APP).await;
    let expires_at = harness.operator.now().plus(Duration::from_secs(2));
    owner.set_password(NAME, 1, FIRST, Some(expires_at)).await;
    let (access, refresh_token) = sign_in(&harness, FIRST, PULL_SCOPE).await;
    harness.ask("GET", PULL).bearer(&access).send().await.expect(200);
    while harness.operator.now() < expires_at {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let pull = harness.ask("GET", PULL);
    pull.clone().basic(NAME, FIRST).send().await.expect(401);
    pull.clone().bearer(&access).send().await.expect(401);
    refresh(&harness, &refresh_token, PULL_SCOPE).send().await.expect(401);
    pull.basic(NAME, SECOND).send().await.expect(200);
}

#[tokio::test]
async fn a_token_is_of_one_registry_and_never_takes_another_accounts_name() {
    let harness = Harness::new().await;
    harness.push_tags("app", "image", &["v1"]).await;
    let owner = Owner::of(&harness, ADMIN).await;
    owner.make(READ_APP).await;
    let pull = harness.ask("GET", PULL);
    let elsewhere = pull.clone().host(&harness.other_host()).basic(NAME, FIRST);
    elsewhere.send().await.expect(401);
    let change = || TokenChange {
        scope_map: Some(owner.map("_repositories_pull")),
        ..TokenChange::default()
    };
    for name in [ADMIN, "HoldFast", "11111111-2222-3333-4444-555555555555"] {
        let grant = Owner::may(&owner.token(name));
        let refused = harness
            .operator
            .resources()
            .put_token(&grant, name.to_owned(), change())
            .await;
        assert!(refused.unwrap_err().to_string().contains("user name of"), "{name}");
    }
    // The other registry's name means nothing here.
    owner.put_token(OTHER, "_repositories_pull").await;
    owner.set_password(OTHER, 1, SECOND, None).await;
    pull.clone().basic(OTHER, SECOND).send().await.expect(200);
    let foreign = Owner::of(&harness, OTHER).await;
    let change = TokenChange {
        scope_map: Some(foreign.map("_repositories_pull")),
        ..TokenChange::default()
    };
    let grant = Owner::may(&owner.token("stranger"));
    let refused = harness
        .operator
        .resources()
        .put_token(&grant, "stranger".to_owned(), change)
        .await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("no scope map of this registry")
    );
    // While the admin account is off, nobody has its name.
    harness.update(|registry| registry.admin_enabled = false).await;
    pull.basic(ADMIN, PASSWORD).send().await.expect(401);
}

#[tokio::test]
async fn guessing_is_slowed_down_for_names_that_exist_and_those_that_do_not() {
    let harness = Harness::new().await;
    harness.push_tags("app", "image", &["v1"]).await;
    let owner = Owner::of(&harness, ADMIN).await;
    owner.make(READ_APP).await;
    for name in [NAME, "nobody"] {
        let here = Harness::stranger();
        let guess = harness.ask("GET", PULL).basic(name, "wrong").peer(&here);
        for _ in 0..FREE_FAILURES {
            guess.send().await.expect(401);
        }
        let braked = guess.send().await.expect(429);
        assert!(braked.header("retry-after").is_some());
        let right = harness.ask("GET", PULL).basic(name, FIRST).peer(&here);
        right.send().await.expect(429);
        let elsewhere = guess.host(&harness.other_host());
        elsewhere.send().await.expect(401);
    }
}

#[tokio::test]
async fn what_everybody_may_read_a_token_may_read_too() {
    let harness = Harness::new().await;
    harness.push_tags("app", "image", &["v1"]).await;
    let owner = Owner::of(&harness, ADMIN).await;
    owner.make(&["repositories/elsewhere/content/write"]).await;
    harness.ask("GET", PULL).basic(NAME, FIRST).send().await.expect(401);
    harness.update(|registry| registry.anonymous_pull = true).await;
    harness.ask("GET", PULL).basic(NAME, FIRST).send().await.expect(200);
    let (access, _) = sign_in(&harness, FIRST, PULL_SCOPE).await;
    harness.ask("GET", PULL).bearer(&access).send().await.expect(200);
    let push = harness.ask("POST", "/v2/app/blobs/uploads/").basic(NAME, FIRST);
    push.body("").send().await.expect(401);
}
