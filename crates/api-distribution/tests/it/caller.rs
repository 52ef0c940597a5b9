//! Who may do what: every endpoint, driven as every kind of caller. A new endpoint does not compile until it has an arm
//! below, and fails until it has a sample.

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

/// Names every endpoint once.
macro_rules! endpoints {
    ($($pattern:pat => $name:literal,)*) => {
        const ENDPOINTS: &[&str] = &[$($name),*];

        fn endpoint(route: &Route) -> &'static str {
            match route {
                $($pattern => $name,)*
            }
        }
    };
}

endpoints! {
    Route::Content(ContentRoute::Base) => "base",
    Route::Content(ContentRoute::CatalogList(_)) => "catalog",
    Route::Content(ContentRoute::TagsList(..)) => "tags",
    Route::Content(ContentRoute::ReferrersList(..)) => "referrers",
    Route::Content(ContentRoute::ManifestGet(..)) => "manifest get",
    Route::Content(ContentRoute::ManifestPut(..)) => "manifest put",
    Route::Content(ContentRoute::ManifestDelete(..)) => "manifest delete",
    Route::Content(ContentRoute::BlobGet(..)) => "blob get",
    Route::Content(ContentRoute::BlobDelete(..)) => "blob delete",
    Route::Content(ContentRoute::UploadStart(..)) => "upload start",
    Route::Content(ContentRoute::UploadAppend(..)) => "upload append",
    Route::Content(ContentRoute::UploadFinish(..)) => "upload finish",
    Route::Content(ContentRoute::UploadStatus(..)) => "upload status",
    Route::Content(ContentRoute::UploadCancel(..)) => "upload cancel",
    Route::Content(ContentRoute::RepositoryGet(_)) => "repository get",
    Route::Content(ContentRoute::RepositoryPatch(_)) => "repository patch",
    Route::Content(ContentRoute::RepositoryDelete(_)) => "repository delete",
    Route::Content(ContentRoute::AcrTagsList(..)) => "acr tags",
    Route::Content(ContentRoute::AcrTagGet(..)) => "acr tag get",
    Route::Content(ContentRoute::AcrTagPatch(..)) => "acr tag patch",
    Route::Content(ContentRoute::AcrTagDelete(..)) => "acr tag delete",
    Route::Content(ContentRoute::AcrManifestsList(..)) => "acr manifests",
    Route::Content(ContentRoute::AcrManifestGet(..)) => "acr manifest get",
    Route::Content(ContentRoute::AcrManifestPatch(..)) => "acr manifest patch",
    Route::Token(TokenRoute::Get(_)) => "token get",
    Route::Token(TokenRoute::Post) => "token post",
    Route::Token(TokenRoute::Exchange) => "exchange",
}

/// What an endpoint demands, as ACR does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Demand {
    SignIn,
    Catalog,
    Pull,
    /// Either right will do.
    TagsList,
    Push,
    Delete,
    MetadataRead,
    MetadataWrite,
    /// `/oauth2/token` looks at credentials itself.
    Token,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) method: &'static str,
    /// `{R}` is the repository, `{T}` its tag, `{M}` its manifest, `{L}` a layer of it, `{B}` a blob that no manifest
    /// needs, `{U}` an upload, `{N}` the digest of the body sent.
    pub(crate) target: &'static str,
    pub(crate) body: Option<&'static str>,
    demand: Demand,
    /// The status of success.
    status: u16,
}

const NEW: &str = "new bytes";

const fn sample(method: &'static str, target: &'static str, demand: Demand, status: u16) -> Sample {
    Sample {
        method,
        target,
        body: None,
        demand,
        status,
    }
}

const fn with_body(sample: Sample, body: &'static str) -> Sample {
    Sample {
        body: Some(body),
        ..sample
    }
}

pub(crate) const SAMPLES: &[Sample] = &[
    sample("GET", "/v2/", Demand::SignIn, 200),
    sample("GET", "/v2", Demand::SignIn, 200),
    sample("GET", "/v2/_catalog", Demand::Catalog, 200),
    sample("GET", "/acr/v1/_catalog", Demand::Catalog, 200),
    sample("GET", "/v2/{R}/tags/list", Demand::TagsList, 200),
    sample("GET", "/v2/{R}/referrers/{M}", Demand::Pull, 200),
    sample("GET", "/v2/{R}/manifests/{T}", Demand::Pull, 200),
    sample("HEAD", "/v2/{R}/manifests/{M}", Demand::Pull, 200),
    with_body(sample("PUT", "/v2/{R}/manifests/new", Demand::Push, 201), "{manifest}"),
    sample("DELETE", "/v2/{R}/manifests/{M}", Demand::Delete, 202),
    sample("DELETE", "/v2/{R}/manifests/{T}", Demand::Delete, 202),
    sample("GET", "/v2/{R}/blobs/{L}", Demand::Pull, 200),
    sample("HEAD", "/v2/{R}/blobs/{L}", Demand::Pull, 200),
    sample("DELETE", "/v2/{R}/blobs/{B}", Demand::Delete, 202),
    with_body(sample("POST", "/v2/{R}/blobs/uploads/", Demand::Push, 202), ""),
    with_body(
        sample("POST", "/v2/{R}/blobs/uploads/?digest={N}", Demand::Push, 201),
        NEW,
    ),
    with_body(sample("PATCH", "/v2/{R}/blobs/uploads/{U}", Demand::Push, 202), NEW),
    with_body(
        sample("PUT", "/v2/{R}/blobs/uploads/{U}?digest={N}", Demand::Push, 201),
        NEW,
    ),
    sample("GET", "/v2/{R}/blobs/uploads/{U}", Demand::Push, 204),
    sample("DELETE", "/v2/{R}/blobs/uploads/{U}", Demand::Push, 204),
    sample("GET", "/acr/v1/{R}", Demand::MetadataRead, 200),
    with_body(sample("PATCH", "/acr/v1/{R}", Demand::MetadataWrite, 200), "{}"),
    sample("DELETE", "/acr/v1/{R}", Demand::Delete, 202),
    sample("GET", "/acr/v1/{R}/_tags", Demand::MetadataRead, 200),
    sample("GET", "/acr/v1/{R}/_tags/{T}", Demand::MetadataRead, 200),
    with_body(
        sample("PATCH", "/acr/v1/{R}/_tags/{T}", Demand::MetadataWrite, 200),
        "{}",
    ),
    sample("DELETE", "/acr/v1/{R}/_tags/{T}", Demand::Delete, 202),
    sample("GET", "/acr/v1/{R}/_manifests", Demand::MetadataRead, 200),
    sample("GET", "/acr/v1/{R}/_manifests/{M}", Demand::MetadataRead, 200),
    with_body(
        sample("PATCH", "/acr/v1/{R}/_manifests/{M}", Demand::MetadataWrite, 200),
        "{}",
    ),
    sample(
        "GET",
        "/oauth2/token?service=holdfast.registry.localhost&scope=repository:{R}:pull",
        Demand::Token,
        200,
    ),
    with_body(
        sample("POST", "/oauth2/token", Demand::Token, 200),
        "grant_type=password&scope=repository:{R}:pull",
    ),
    with_body(
        sample("POST", "/oauth2/exchange", Demand::Token, 200),
        "grant_type=access_token&access_token=nobody",
    ),
];

/// What a repository holds that the samples are about.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    repository: String,
    image: Image,
    blob: String,
    upload: String,
}

impl Stage {
    pub(crate) async fn set(harness: &Harness, repository: &str) -> Self {
        let image = Image::new(repository);
        harness.push_image(repository, "v1", &image).await;
        let blob = harness
            .push_blob(repository, format!("loose in {repository}").as_bytes())
            .await;
        let location = harness.start(repository).await;
        Self {
            repository: repository.to_owned(),
            image,
            blob,
            upload: location.rsplit('/').next().unwrap().to_owned(),
        }
    }

    /// The same words for a repository that does not exist.
    fn missing(&self, repository: &str) -> Self {
        Self {
            repository: repository.to_owned(),
            ..self.clone()
        }
    }

    pub(crate) fn fill(&self, text: &str) -> String {
        text.replace("{R}", &self.repository)
            .replace("{T}", "v1")
            .replace("{M}", &self.image.digest)
            .replace("{L}", &sha256(&self.image.layer))
            .replace("{B}", &self.blob)
            .replace("{U}", &self.upload)
            .replace("{N}", &sha256(NEW))
    }

    fn ask(&self, harness: &Harness, sample: &Sample) -> Ask {
        let ask = harness.ask(sample.method, &self.fill(sample.target));
        match sample.body {
            None => ask,
            Some("{manifest}") => ask
                .header("Content-Type", OCI_MANIFEST)
                .body(self.image.manifest.clone()),
            Some(body) => ask.body(self.fill(body)),
        }
    }

    /// The scope that the challenge names.
    fn scope(&self, demand: Demand) -> Option<String> {
        let actions = match demand {
            Demand::SignIn | Demand::Token => return None,
            Demand::Catalog => return Some("registry:catalog:*".to_owned()),
            Demand::Pull => "pull",
            Demand::TagsList => "pull,metadata_read",
            Demand::Push => "pull,push",
            Demand::Delete => "delete",
            Demand::MetadataRead => "metadata_read",
            Demand::MetadataWrite => "metadata_write",
        };
        Some(format!("repository:{}:{actions}", self.repository))
    }

    /// Asserts a 401 with exactly ACR's challenge and nothing else of interest.
    #[track_caller]
    fn refused(&self, harness: &Harness, sample: &Sample, error: Option<&str>, answer: &Answer, who: &str) {
        let place = format!("{who}: {} {}", sample.method, sample.target);
        assert_eq!(answer.status, 401, "{place}: {answer:?}");
        let scope = self.scope(sample.demand);
        let mut challenge = format!(
            "Bearer realm=\"http://{0}/oauth2/token\",service=\"{0}\"",
            harness.address
        );
        if let Some(scope) = &scope {
            challenge.push_str(&format!(",scope=\"{scope}\""));
        }
        if let Some(error) = error {
            challenge.push_str(&format!(",error=\"{error}\""));
        }
        assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()), "{place}");
        if sample.method == "HEAD" {
            return;
        }
        assert_eq!(answer.code(), "UNAUTHORIZED", "{place}");
        let detail = scope.map_or(Value::Null, |scope| {
            let (resource, actions) = scope.rsplit_once(':').unwrap();
            let (kind, name) = resource.split_once(':').unwrap();
            let entry = |action| json!({ "Type": kind, "Name": name, "Action": action });
            actions.split(',').map(entry).collect()
        });
        assert_eq!(answer.detail(), detail, "{place}");
    }
}

/// A kind of caller: what it sends, and where it succeeds.
struct Caller {
    name: &'static str,
    authorization: Vec<String>,
    /// `error` of the challenge where it fails.
    error: Option<&'static str>,
    may: fn(Demand) -> bool,
}

fn nothing(_: Demand) -> bool {
    false
}

fn bad(name: &'static str, authorization: &str, error: Option<&'static str>) -> Caller {
    Caller {
        name,
        authorization: vec![authorization.to_owned()],
        error,
        may: nothing,
    }
}

fn forged(name: &'static str, token: &str) -> Caller {
    bad(name, &format!("Bearer {token}"), Some("invalid_token"))
}

fn limited(name: &'static str, token: &str, may: fn(Demand) -> bool) -> Caller {
    Caller {
        name,
        authorization: vec![format!("Bearer {token}")],
        error: Some("insufficient_scope"),
        may,
    }
}

/// The token with another header and, for unsigned kinds, without its signature.
fn with_header(token: &str, header: &Value, signature: Option<&str>) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    format!("{header}.{}.{}", parts[1], signature.unwrap_or(parts[2]))
}

fn header_of(token: &str) -> Value {
    let header = token.split('.').next().unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()
}

/// Callers whose credential is bad or says nothing.
async fn bad_callers(harness: &Harness, repository: &str) -> Vec<Caller> {
    let everything = format!("repository:{repository}:* registry:catalog:*");
    let good = harness.token(&everything).await;
    let claims = harness.claims(&everything).await;
    let issue = |claims, at| harness.issuer.issue_access(claims, at).unwrap();
    let now = harness.now();
    let other = holdfast_identity::token::AccessClaims {
        audience: OTHER_LOGIN_SERVER.to_owned(),
        ..claims.clone()
    };
    let renamed = holdfast_identity::token::AccessClaims {
        registry_rid: "0123456789abcdef0123456789abcdef".to_owned(),
        ..claims.clone()
    };
    let folder = tempfile::tempdir().unwrap();
    let foreign = Issuer::new(&foreign_keys(folder.path()))
        .issue_access(claims.clone(), now)
        .unwrap();
    let kid = header_of(&good)["kid"].clone();
    let none = json!({ "alg": "none", "typ": "JWT", "kid": kid });
    let hs256 = json!({ "alg": "HS256", "typ": "JWT", "kid": kid });
    let mut with_jwk = header_of(&foreign);
    with_jwk["jwk"] = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" });
    let mut parts: Vec<String> = good.split('.').map(str::to_owned).collect();
    parts[1] = URL_SAFE_NO_PAD.encode(
        String::from_utf8(URL_SAFE_NO_PAD.decode(&parts[1]).unwrap())
            .unwrap()
            .replace(ADMIN, "root"),
    );
    vec![
        Caller {
            name: "nobody",
            authorization: vec![],
            error: None,
            may: nothing,
        },
        bad("a wrong password", &basic(ADMIN, "wrong"), None),
        bad("an empty password", &basic(ADMIN, ""), None),
        bad("an unknown user", &basic("stranger", PASSWORD), None),
        bad(
            "another registry's admin",
            &basic("othershop", crate::harness::OTHER_PASSWORD),
            None,
        ),
        bad("broken base64", "Basic !!!", None),
        bad("no colon", "Basic aG9sZGZhc3Q=", None),
        bad("an unknown scheme", "Digest username=holdfast", None),
        bad("a scheme alone", "Bearer", None),
        bad("no scheme", &good, None),
        Caller {
            name: "two credentials",
            authorization: vec![basic(ADMIN, PASSWORD), format!("Bearer {good}")],
            error: None,
            may: nothing,
        },
        bad("a token with a space", "Bearer a b", None),
        bad(
            "a null GUID without a token",
            &basic(NULL_GUID, PASSWORD),
            Some("invalid_token"),
        ),
        forged("garbage", "garbage"),
        forged("three parts of garbage", "a.b.c"),
        forged("a token cut short", &good[..good.len() - 4]),
        forged("a token of another registry", &issue(other, now)),
        forged("a token of a registry made anew", &issue(renamed, now)),
        forged("an expired token", &issue(claims.clone(), now - 3601)),
        forged("a token from the future", &issue(claims, now + 3600)),
        forged("an unsigned token", &with_header(&good, &none, Some(""))),
        forged("an unsigned token with a signature", &with_header(&good, &none, None)),
        forged("a token with a symmetric algorithm", &with_header(&good, &hs256, None)),
        forged("a token of an unknown key", &foreign),
        forged(
            "a token of another key under our name",
            &with_header(&foreign, &header_of(&good), None),
        ),
        forged("a token that brings its key", &with_header(&foreign, &with_jwk, None)),
        forged("a token with other claims", &parts.join(".")),
        Caller {
            may: |demand| demand == Demand::Token,
            ..forged("a refresh token", &harness.refresh_token().await)
        },
    ]
}

/// Tokens that are good for something.
async fn limited_callers(harness: &Harness, repository: &str) -> Vec<Caller> {
    let token = |scope: String| async move { harness.token(&scope).await };
    let own = |actions: &str| token(format!("repository:{repository}:{actions}"));
    vec![
        limited("a token without scope", &token(String::new()).await, |demand| {
            demand == Demand::SignIn
        }),
        limited("a token to pull", &own("pull").await, |demand| {
            matches!(
                demand,
                Demand::SignIn | Demand::Pull | Demand::TagsList | Demand::MetadataRead
            )
        }),
        limited("a token to push", &own("push").await, |demand| {
            matches!(demand, Demand::SignIn | Demand::Push)
        }),
        limited("a token to delete", &own("delete").await, |demand| {
            matches!(demand, Demand::SignIn | Demand::Delete)
        }),
        limited("a token to read metadata", &own("metadata_read").await, |demand| {
            matches!(demand, Demand::SignIn | Demand::TagsList | Demand::MetadataRead)
        }),
        limited("a token to write metadata", &own("metadata_write").await, |demand| {
            matches!(demand, Demand::SignIn | Demand::MetadataWrite)
        }),
        limited(
            "a token for words without meaning",
            &own("zap,quarantine_read").await,
            |demand| demand == Demand::SignIn,
        ),
        limited(
            "a token for other repositories",
            &token(format!(
                "repository:{repository}x:* repository:x/{repository}:* repository:{repository}/x:*"
            ))
            .await,
            |demand| demand == Demand::SignIn,
        ),
        limited(
            "a token for the catalog",
            &token("registry:catalog:*".to_owned()).await,
            |demand| matches!(demand, Demand::SignIn | Demand::Catalog),
        ),
    ]
}

async fn good_callers(harness: &Harness) -> Vec<Caller> {
    let all = |demand| demand != Demand::Token;
    let token = harness.token("repository:*:* registry:catalog:*").await;
    let refresh = harness.refresh_token().await;
    vec![
        Caller {
            name: "the admin",
            authorization: vec![basic(ADMIN, PASSWORD)],
            error: None,
            may: all,
        },
        Caller {
            name: "the admin's name in capitals",
            authorization: vec![basic(&ADMIN.to_uppercase(), crate::harness::PASSWORD2)],
            error: None,
            may: all,
        },
        Caller {
            name: "a refresh token as password",
            authorization: vec![basic(NULL_GUID, &refresh)],
            error: None,
            may: all,
        },
        limited("a token for everything", &token, all),
    ]
}

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
