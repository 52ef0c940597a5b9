//! Signing in: the challenge, `/oauth2/token` by GET and POST, what tokens say, and the brake on guessing.

mod refused;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use holdfast_access::{Scope, ScopeAction};
use holdfast_identity::{basic::NULL_GUID, throttle::FREE_FAILURES};
use proptest::{
    strategy::Strategy as _,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

use crate::{
    harness::{ADMIN, Harness, LOGIN_SERVER, OTHER, OTHER_LOGIN_SERVER, OTHER_PASSWORD, PASSWORD, PASSWORD2},
    wire::{Answer, Ask},
};

const TOKEN: &str = "/oauth2/token";

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn access_token(answer: &Answer) -> String {
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

/// The scopes of an access token as clients write them, joined by spaces.
fn scope_of(token: &str) -> String {
    let claims = claims(token);
    let access = claims["access"].as_array().cloned().unwrap_or_default();
    let scopes = access.iter().map(|entry| {
        let actions = entry["actions"].as_array().unwrap().iter();
        let actions: Vec<&str> = actions.map(|action| action.as_str().unwrap()).collect();
        let word = |field: &str| entry[field].as_str().unwrap().to_owned();
        format!("{}:{}:{}", word("type"), word("name"), actions.join(","))
    });
    scopes.collect::<Vec<_>>().join(" ")
}

/// A GET with Basic for these scopes.
fn get(harness: &Harness, scopes: &[&str]) -> Ask {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("service", LOGIN_SERVER);
    query.extend_pairs(scopes.iter().map(|scope| ("scope", *scope)));
    harness.admin("GET", &format!("{TOKEN}?{}", query.finish()))
}

fn post(harness: &Harness, fields: &[(&str, &str)]) -> Ask {
    harness.ask("POST", TOKEN).form(fields)
}

#[tokio::test]
async fn the_challenge_is_spelled_as_clients_split_it() {
    let harness = Harness::new().await;
    for anonymous_pull in [false, true] {
        harness
            .update(move |registry| registry.anonymous_pull = anonymous_pull)
            .await;
        for host in [
            harness.address.to_string(),
            "localhost:5000".to_owned(),
            "registry.example".to_owned(),
            harness.other_host(),
        ] {
            let answer = harness.ask("GET", "/v2/").host(&host).send().await.expect(401);
            assert_eq!(
                answer.header("www-authenticate").unwrap(),
                format!("Bearer realm=\"http://{host}/oauth2/token\",service=\"{host}\"")
            );
            assert_eq!(
                answer.json(),
                json!({ "errors": [{
                    "code": "UNAUTHORIZED",
                    "message": "authentication required, visit https://aka.ms/acr/authorization for more information.",
                    "detail": null,
                }] })
            );
        }
    }
    let signed_in = harness.get("/v2/").await.expect(200);
    assert_eq!(signed_in.text(), "{}\n");
}

#[tokio::test]
async fn a_token_says_what_acr_says() {
    let harness = Harness::new().await;
    let answer = get(&harness, &["repository:team/app:push,pull"])
        .send()
        .await
        .expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    let fields: Vec<String> = answer.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["access_token"]);
    let claims = claims(&access_token(&answer));
    let now = harness.now();
    assert_eq!(claims["iss"], "Azure Container Registry");
    assert_eq!(claims["aud"], LOGIN_SERVER);
    assert_eq!(claims["sub"], ADMIN);
    assert_eq!(claims["grant_type"], "access_token");
    assert_eq!(claims["version"], "1.0");
    assert_eq!(claims["roles"], json!([]));
    assert_eq!(claims["rid"], harness.record(ADMIN).await.rid.simple().to_string());
    assert_eq!(
        claims["access"],
        json!([{ "type": "repository", "name": "team/app", "actions": ["pull", "push"] }])
    );
    let [nbf, iat, exp] = ["nbf", "iat", "exp"].map(|name| claims[name].as_i64().unwrap());
    assert_eq!((nbf, exp - iat), (iat, 4500));
    assert!(
        (now - 900 - iat).abs() <= 5,
        "{iat} is a quarter of an hour before {now}"
    );
    let metadata = get(&harness, &["repository:team/app:metadata_read"]).send().await;
    assert_eq!(self::claims(&access_token(&metadata))["version"], "2.0");
}

#[tokio::test]
async fn every_way_to_sign_in_gives_a_token_that_works() {
    let harness = Harness::new().await;
    harness.push_tags("team/app", "image", &["v1"]).await;
    let scope = ("scope", "repository:team/app:pull");
    let (grant, service) = (("grant_type", "password"), ("service", LOGIN_SERVER));
    let refresh = harness.refresh_token().await;
    let first = ("password", PASSWORD);
    for ask in [
        get(&harness, &[scope.1]),
        harness
            .ask("GET", &format!("{TOKEN}?scope={}", scope.1))
            .basic(ADMIN, PASSWORD2),
        harness
            .ask("GET", &format!("{TOKEN}?scope={}", scope.1))
            .basic(NULL_GUID, &refresh),
        post(&harness, &[grant, service, scope, ("username", ADMIN), first]),
        post(
            &harness,
            &[grant, service, scope, ("username", ADMIN), ("password", PASSWORD2)],
        ),
        post(&harness, &[grant, scope, ("username", "HoldFast"), first]),
        post(
            &harness,
            &[grant, service, scope, ("username", NULL_GUID), ("password", &refresh)],
        ),
        post(
            &harness,
            &[
                ("grant_type", "refresh_token"),
                service,
                scope,
                ("refresh_token", &refresh),
            ],
        ),
        // As docker sends it.
        post(
            &harness,
            &[
                grant,
                service,
                scope,
                ("client_id", "docker"),
                ("access_type", "offline"),
                ("username", ADMIN),
                first,
            ],
        ),
    ] {
        let answer = ask.clone().send().await.expect(200);
        let token = access_token(&answer);
        assert_eq!(scope_of(&token), "repository:team/app:pull", "{ask:?}");
        let pull = harness.ask("GET", "/v2/team/app/manifests/v1").bearer(&token);
        pull.send().await.expect(200);
    }
}

#[tokio::test]
async fn only_who_asks_to_stay_gets_a_refresh_token() {
    let harness = Harness::new().await;
    let fields = [("grant_type", "password"), ("username", ADMIN), ("password", PASSWORD)];
    let without = post(&harness, &fields).send().await.expect(200);
    assert_eq!(without.json()["refresh_token"], Value::Null);
    let fields = [&fields[..], &[("access_type", "offline")]].concat();
    let with = post(&harness, &fields).send().await.expect(200);
    assert_eq!(with.header("cache-control"), Some("no-store"));
    let refresh = with.json()["refresh_token"].as_str().unwrap().to_owned();
    let claims = claims(&refresh);
    assert_eq!(claims["grant_type"], "refresh_token");
    assert_eq!(claims["access"], Value::Null);
    let [iat, exp] = ["iat", "exp"].map(|name| claims[name].as_i64().unwrap());
    assert_eq!(exp - iat, 11_700);
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    post(&harness, &fields).send().await.expect(200);
    harness.renew(1, "another").await;
    let refused = post(&harness, &fields).send().await.expect(401);
    assert!(
        refused
            .header("www-authenticate")
            .unwrap()
            .ends_with(",error=\"invalid_token\"")
    );
}

#[tokio::test]
async fn scopes_may_be_repeated_or_joined_and_what_is_not_known_is_dropped() {
    let harness = Harness::new().await;
    for (asked, given) in [
        (
            &["repository:a:pull", "repository:b:push"][..],
            "repository:a:pull repository:b:push",
        ),
        (
            &["repository:a:pull repository:b:push"],
            "repository:a:pull repository:b:push",
        ),
        (&["repository:a:pull", "repository:a:push"], "repository:a:pull,push"),
        (&["repository:a:push,pull,zap"], "repository:a:pull,push"),
        (
            &["repository:a:*"],
            "repository:a:pull,push,delete,metadata_read,metadata_write",
        ),
        (&["repository:*:pull"], "repository:*:pull"),
        (&["registry:catalog:*"], "registry:catalog:*"),
        (
            &[
                "registry:deleted_catalog:*",
                "artifact-repository:repo:pull",
                "registry:None:*",
            ],
            "",
        ),
        (&["repository:UPPER:pull", "repository:a/../b:pull"], ""),
        (&["repository:a:quarantine_read"], ""),
        (&["repository:a", "repository:b:pull"], "repository:b:pull"),
        (&["repository:\u{e9}:pull", "repository:a\0:pull"], ""),
        (&[""], ""),
        (&[], ""),
    ] {
        let answer = get(&harness, asked).send().await.expect(200);
        assert_eq!(scope_of(&access_token(&answer)), given, "{asked:?}");
    }
}

/// Whether every action of every scope was asked for.
fn is_narrower(given: &str, asked: &[Scope]) -> bool {
    let given = Scope::parse_list(given).unwrap();
    given.iter().all(|scope| {
        let on_same = asked.iter().filter(|asked| asked.resource() == scope.resource());
        let allowed: Vec<&ScopeAction> = on_same.flat_map(Scope::actions).collect();
        let is_asked = |action| allowed.contains(&action) || allowed.contains(&&ScopeAction::All);
        !scope.actions().is_empty() && scope.actions().iter().all(is_asked)
    })
}

#[test]
fn a_token_never_says_more_than_was_asked() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let harness = runtime.block_on(Harness::new());
    let scope = "(repository:([ab](/[ab]){0,2}|\\*|A|a:5000/b)|registry:(catalog|None)|x:y):\
                 (\\*|pull|push|delete|zap)?(,(pull|push|metadata_read|metadata_write|\\*)){0,3}";
    let scopes = proptest::collection::vec(scope.prop_filter("has actions", |text| !text.ends_with(':')), 0..8);
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(60)
    });
    runner
        .run(&scopes, |scopes| {
            let texts: Vec<&str> = scopes.iter().map(String::as_str).collect();
            let asked: Vec<Scope> = texts.iter().map(|text| Scope::parse(text).unwrap()).collect();
            let answer = runtime.block_on(get(&harness, &texts).send()).expect(200);
            let given = scope_of(&access_token(&answer));
            proptest::prop_assert!(is_narrower(&given, &asked), "{given:?} for {texts:?}");
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn an_access_token_as_password_never_becomes_more_and_never_lasts_longer() {
    let harness = Harness::new().await;
    harness.push_tags("team/app", "image", &["v1"]).await;
    harness.push_tags("team/secret", "secret", &["v1"]).await;
    let token = harness.token("repository:team/app:pull").await;
    // ACR takes one where it takes a password, and it opens what it opens as a token.
    let with_password = |method: &str, target: &str| harness.ask(method, target).basic(NULL_GUID, &token);
    with_password("GET", "/v2/team/app/manifests/v1")
        .send()
        .await
        .expect(200);
    with_password("GET", "/v2/team/secret/manifests/v1")
        .send()
        .await
        .expect(401);
    with_password("DELETE", "/acr/v1/team/app").send().await.expect(401);
    let wide = "repository:team/secret:pull repository:team/app:* repository:*:* registry:catalog:*";
    let query = format!("{TOKEN}?scope={}", wide.replace(' ', "+"));
    let form = [
        ("grant_type", "password"),
        ("username", NULL_GUID),
        ("password", token.as_str()),
        ("scope", wide),
        ("access_type", "offline"),
    ];
    for answer in [
        with_password("GET", &query).send().await.expect(200),
        post(&harness, &form).send().await.expect(200),
    ] {
        let exchanged = access_token(&answer);
        assert_eq!(scope_of(&exchanged), "repository:team/app:pull");
        assert_eq!(claims(&exchanged)["exp"], claims(&token)["exp"]);
        assert_eq!(answer.json()["refresh_token"], Value::Null);
    }
    // Nor is it a refresh token.
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token.as_str()),
        ("scope", wide),
    ];
    post(&harness, &fields).send().await.expect(401);
}
