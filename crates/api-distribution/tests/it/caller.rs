//! Who may do what: every endpoint, driven as every kind of caller. A new endpoint fails until it has a
//! sample.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use holdfast_api_distribution::{ContentRoute, Route, TokenRoute};
use holdfast_identity::{Issuer, basic::NULL_GUID};
use http::Method;
use serde_json::{Value, json};

use crate::{
    harness::{ADMIN, Harness, Image, OCI_MANIFEST, OTHER_LOGIN_SERVER, PASSWORD, foreign_keys, sha256},
    wire::{Answer, Ask, basic},
};

mod kind;
mod sample;

use kind::{Caller, bad, bad_callers, forged, good_callers, limited, limited_callers, nothing};
use sample::{Demand, ENDPOINTS, endpoint};
pub(crate) use sample::{SAMPLES, Sample, Stage};

fn as_caller(ask: Ask, caller: &Caller) -> Ask {
    caller
        .authorization
        .iter()
        .fold(ask.peer(&Harness::stranger()), |ask, value| {
            ask.header("Authorization", value)
        })
}

/// Whether the caller gets through. The token endpoint looks for Basic, or a form; never at access tokens.
fn gets_through(caller: &Caller, sample: &Sample) -> bool {
    if sample.demand == Demand::Token {
        let with_basic = caller.authorization.iter().any(|value| value.starts_with("Basic"));
        sample.method == "GET" && ((caller.may)(Demand::Token) || with_basic && (caller.may)(Demand::Pull))
    } else {
        (caller.may)(sample.demand)
    }
}

/// What the challenge says is wrong: at the token endpoint an access token is no credential.
fn error_of(caller: &Caller, sample: &Sample) -> Option<&'static str> {
    let is_bearer = caller.authorization.iter().any(|value| value.starts_with("Bearer "));
    match (sample.demand, sample.method) {
        // Its credential is the token in the form, which is nobody's here.
        (Demand::Token, "POST") if sample.target == "/oauth2/exchange" => Some("invalid_token"),
        (Demand::Token, "POST") => None,
        (Demand::Token, _) if is_bearer && caller.error.is_some() => Some("invalid_token"),
        _ => caller.error,
    }
}

/// Drives one sample as one caller, on a stage of its own where something would change.
async fn drive(harness: &Harness, stage: &Stage, sample: &Sample, caller: &Caller) {
    if !gets_through(caller, sample) {
        let answer = as_caller(stage.ask(harness, sample), caller).send().await;
        stage.refused(harness, sample, error_of(caller, sample), &answer, caller.name);
        return;
    }
    let changes = !matches!(sample.method, "GET" | "HEAD");
    let own = if changes {
        Some(Stage::set(harness, &stage.repository).await)
    } else {
        None
    };
    let answer = as_caller(own.as_ref().unwrap_or(stage).ask(harness, sample), caller)
        .send()
        .await;
    let place = format!("{}: {} {}", caller.name, sample.method, sample.target);
    assert_eq!(answer.status, sample.status, "{place}: {answer:?}");
    if sample.demand == Demand::Delete {
        Stage::set(harness, &stage.repository).await;
    }
}

#[test]
fn every_endpoint_has_a_sample() {
    let stage = Stage {
        repository: "team/app".to_owned(),
        image: Image::new("sample"),
        blob: sha256("blob"),
        upload: "6ba7b810-9dad-41d1-80b4-00c04fd430c8".to_owned(),
    };
    let route = |sample: &Sample| {
        let method = Method::from_bytes(sample.method.as_bytes()).unwrap();
        Route::parse(&method, &stage.fill(sample.target)).unwrap()
    };
    let sampled: BTreeSet<&str> = SAMPLES.iter().map(|sample| endpoint(&route(sample))).collect();
    assert_eq!(sampled, ENDPOINTS.iter().copied().collect());
}

#[tokio::test]
async fn a_bad_credential_gets_the_challenge_everywhere_and_changes_nothing() {
    let harness = Harness::new().await;
    let stage = Stage::set(&harness, "team/app").await;
    let before = harness.remains().await;
    for caller in bad_callers(&harness, "team/app").await {
        for sample in SAMPLES {
            drive(&harness, &stage, sample, &caller).await;
        }
    }
    assert_eq!(harness.remains().await, before);
}

#[tokio::test]
async fn what_exists_and_what_does_not_look_the_same_to_who_may_not_see_it() {
    let harness = Harness::new().await;
    let stage = Stage::set(&harness, "team/app").await;
    let missing = stage.missing("team/gap");
    let mut callers = bad_callers(&harness, "team/app").await;
    callers.push(limited(
        "a token for others",
        &harness.token("repository:others:*").await,
        nothing,
    ));
    for caller in callers {
        let samples = SAMPLES.iter().filter(|sample| sample.target.contains("{R}"));
        for sample in samples.filter(|sample| sample.demand != Demand::Token) {
            let there = as_caller(stage.ask(&harness, sample), &caller).send().await;
            let gone = as_caller(missing.ask(&harness, sample), &caller).send().await;
            let place = format!("{}: {} {}", caller.name, sample.method, sample.target);
            assert_eq!(there.status, 401, "{place}");
            assert_eq!(there.status, gone.status, "{place}");
            assert_eq!(there.text().replace("team/app", "team/gap"), gone.text(), "{place}");
            let shown = |answer: &Answer| {
                let headers = answer.headers.iter().filter(|(name, _)| name != "date");
                format!("{:?}", headers.collect::<Vec<_>>()).replace("team/app", "team/gap")
            };
            assert_eq!(shown(&there), shown(&gone), "{place}");
        }
    }
}

#[tokio::test]
async fn a_token_opens_exactly_what_its_scope_says() {
    let harness = Harness::new().await;
    let stage = Stage::set(&harness, "team/app").await;
    for caller in limited_callers(&harness, "team/app").await {
        for sample in SAMPLES {
            drive(&harness, &stage, sample, &caller).await;
        }
    }
}

#[tokio::test]
async fn who_may_do_everything_gets_through_everywhere() {
    let harness = Harness::new().await;
    for caller in good_callers(&harness).await {
        let stage = Stage::set(&harness, "team/app").await;
        for sample in SAMPLES {
            drive(&harness, &stage, sample, &caller).await;
        }
    }
}

#[tokio::test]
async fn anonymous_pull_reads_and_lists_and_nothing_else() {
    let harness = Harness::new().await;
    let stage = Stage::set(&harness, "team/app").await;
    harness.update(|registry| registry.anonymous_pull = true).await;
    let before = harness.remains().await;
    let reads = |demand| {
        matches!(
            demand,
            Demand::Catalog | Demand::Pull | Demand::TagsList | Demand::MetadataRead
        )
    };
    let nobody = Caller {
        name: "nobody",
        authorization: vec![],
        error: None,
        may: reads,
    };
    let issued = harness.ask("GET", "/oauth2/token").send().await.expect(200);
    let token = issued.json()["access_token"].as_str().unwrap().to_owned();
    let with_token = limited("an anonymous token", &token, |demand| {
        matches!(
            demand,
            Demand::SignIn | Demand::Catalog | Demand::Pull | Demand::TagsList | Demand::MetadataRead
        )
    });
    let wrong = bad("a wrong password", &basic(ADMIN, "wrong"), None);
    for sample in SAMPLES.iter().filter(|sample| sample.demand != Demand::Token) {
        drive(&harness, &stage, sample, &nobody).await;
        drive(&harness, &stage, sample, &with_token).await;
        drive(&harness, &stage, sample, &wrong).await;
    }
    assert_eq!(harness.remains().await, before);
    harness.update(|registry| registry.anonymous_pull = false).await;
    for sample in SAMPLES {
        drive(
            &harness,
            &stage,
            sample,
            &forged("an anonymous token of yesterday", &token),
        )
        .await;
    }
}

#[tokio::test]
async fn a_renewed_password_revokes_its_tokens_at_once_and_no_others() {
    let harness = Harness::new().await;
    let stage = Stage::set(&harness, "team/app").await;
    let everything = "repository:team/app:* registry:catalog:*";
    let access = harness.token(everything).await;
    let refresh = harness.refresh_token().await;
    let mut claims = harness.claims(everything).await;
    claims.credential = harness.credential(2).await;
    let of_second = harness.issuer.issue_access(claims, harness.now()).unwrap();
    harness.ask("GET", "/v2/").bearer(&access).send().await.expect(200);
    harness.renew(1, "the-new-password").await;
    for sample in SAMPLES {
        for caller in [
            forged("a revoked token", &access),
            bad(
                "a revoked refresh token",
                &basic(NULL_GUID, &refresh),
                Some("invalid_token"),
            ),
            bad("the old password", &basic(ADMIN, PASSWORD), None),
        ] {
            drive(&harness, &stage, sample, &caller).await;
        }
    }
    harness.ask("GET", "/v2/").bearer(&of_second).send().await.expect(200);
    harness
        .ask("GET", "/v2/")
        .basic(ADMIN, "the-new-password")
        .send()
        .await
        .expect(200);
}

#[tokio::test]
async fn a_disabled_admin_account_closes_all_doors_at_once() {
    let harness = Harness::new().await;
    let stage = Stage::set(&harness, "team/app").await;
    let access = harness.token("repository:team/app:* registry:catalog:*").await;
    let refresh = harness.refresh_token().await;
    harness.update(|registry| registry.admin_enabled = false).await;
    for sample in SAMPLES {
        for caller in [
            forged("a token of a closed account", &access),
            bad("its refresh token", &basic(NULL_GUID, &refresh), Some("invalid_token")),
            bad("its password", &basic(ADMIN, PASSWORD), None),
        ] {
            drive(&harness, &stage, sample, &caller).await;
        }
    }
    harness.update(|registry| registry.admin_enabled = true).await;
    harness.ask("GET", "/v2/").bearer(&access).send().await.expect(200);
}

#[tokio::test]
async fn registries_on_one_server_know_nothing_of_each_other() {
    let harness = Harness::new().await;
    let image = Image::new("mine");
    harness.push_image("team/app", "v1", &image).await;
    let layer = sha256(&image.layer);
    let there = |method: &str, target: &str| {
        harness
            .ask(method, target)
            .host(&harness.other_host())
            .basic("othershop", crate::harness::OTHER_PASSWORD)
    };
    let catalog = there("GET", "/v2/_catalog").send().await.expect(200);
    assert_eq!(catalog.json(), json!({ "repositories": [] }));
    for target in ["/v2/team/app/tags/list", "/acr/v1/team/app"] {
        there("GET", target)
            .send()
            .await
            .refuses(404, "NAME_UNKNOWN", "team/app");
    }
    let target = format!("/v2/team/app/blobs/{layer}");
    there("GET", &target).send().await.refuses(404, "BLOB_UNKNOWN", &layer);
    // Tokens are good for the registry that issued them only, in both directions.
    let token = harness.token("repository:*:* registry:catalog:*").await;
    let ask = harness
        .ask("GET", "/v2/_catalog")
        .host(&harness.other_host())
        .bearer(&token);
    let challenge = ask.send().await.expect(401);
    let host = harness.other_host();
    assert_eq!(
        challenge.header("www-authenticate").unwrap(),
        format!(
            "Bearer realm=\"http://{host}/oauth2/token\",service=\"{host}\",scope=\"registry:catalog:*\",error=\"invalid_token\""
        )
    );
    // A host that is no registry of ours.
    let gone = harness.admin("GET", "/v2/").host("nosuchshop.registry.localhost");
    gone.send().await.refuses(404, "NAME_UNKNOWN", "nosuchshop");
}
