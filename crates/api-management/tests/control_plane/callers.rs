//! Every route for every kind of caller: nobody gets more than his roles give, and nobody else sees what is there.

use std::collections::BTreeSet;

use holdfast_access::RoleId;
use holdfast_api_management::Route;
use holdfast_face::Served;
use holdfast_identity::{DirectoryIssuer, OwnNames, directory::DirectoryGrant};
use uuid::Uuid;

use super::{A, Cloud, IMPORT, R, REGISTRY, SCOPE_MAP, TOKEN, V, json, role};

/// Who calls, from the least to the most. But for the first three, each has a role for the subscription.
const CALLERS: [&str; 9] = [
    "nobody",
    "owner of another subscription",
    "owner of another group",
    "AcrPull",
    "Reader",
    "person who is Reader",
    "User Access Administrator",
    "Contributor",
    "Owner",
];
/// Those who see nothing of what the table makes.
const STRANGERS: [&str; 3] = [CALLERS[1], CALLERS[2], CALLERS[3]];

/// Lists that tell everybody the same, or whoever has a role in it that a subscription is there.
const PUBLIC: [&str; 3] = ["arm.tenants.list", "arm.providers.operations", "arm.subscriptions.list"];

/// The status that each of [`CALLERS`] gets.
type Expected = [u16; CALLERS.len()];

fn everybody(status: u16) -> Expected {
    [status; CALLERS.len()]
}

fn signed_in(status: u16) -> Expected {
    let s = status;
    [401, s, s, s, s, s, s, s, s]
}

fn readers(status: u16) -> Expected {
    let s = status;
    [401, 403, 403, 403, s, s, s, s, s]
}

/// Contributors before owners, who may find the work done.
fn writers(contributor: u16, owner: u16) -> Expected {
    [401, 403, 403, 403, 403, 403, 403, contributor, owner]
}

/// Those who may say what others may.
fn granters(status: u16) -> Expected {
    [401, 403, 403, 403, 403, 403, status, 403, status]
}

/// It takes a role for everything, which none of them has.
fn nobody_here() -> Expected {
    [401, 403, 403, 403, 403, 403, 403, 403, 403]
}

/// Every route: method, path, body and what each caller gets. Rows are gone through from first to last.
fn table() -> Vec<(&'static str, String, &'static str, Expected)> {
    let s = |path: &str| format!("{{S}}{path}{V}");
    let r = |path: &str| format!("{R}mine1{path}{V}");
    let a = |path: &str| format!("{A}store1{path}{V}");
    let check = r#"{"name":"free1","type":"Microsoft.ContainerRegistry/registries"}"#;
    vec![
        ("GET", format!("/metadata/endpoints{V}"), "", everybody(200)),
        (
            "GET",
            "/common/v2.0/.well-known/openid-configuration".to_owned(),
            "",
            everybody(200),
        ),
        ("GET", "/common/discovery/v2.0/keys".to_owned(), "", everybody(200)),
        ("POST", "/common/oauth2/v2.0/token".to_owned(), "", everybody(400)),
        ("POST", "/common/oauth2/v2.0/devicecode".to_owned(), "", everybody(400)),
        ("GET", "/devicelogin".to_owned(), "", everybody(200)),
        ("POST", "/devicelogin".to_owned(), "", everybody(400)),
        ("GET", "/common/oauth2/v2.0/authorize".to_owned(), "", everybody(400)),
        ("POST", "/common/oauth2/v2.0/authorize".to_owned(), "", everybody(400)),
        ("GET", "/common/userrealm/ann@x".to_owned(), "", everybody(200)),
        ("GET", format!("/tenants{V}"), "", signed_in(200)),
        ("GET", format!("/subscriptions{V}"), "", signed_in(200)),
        ("GET", s(""), "", readers(200)),
        ("GET", s("/locations"), "", readers(200)),
        (
            "PUT",
            s("/resourcegroups/rg"),
            r#"{"location":"Local"}"#,
            writers(201, 200),
        ),
        ("GET", s("/resourceGroups"), "", signed_in(200)),
        ("GET", s("/resourceGroups/RG"), "", readers(200)),
        ("HEAD", s("/resourceGroups/rg"), "", readers(204)),
        (
            "PATCH",
            s("/resourceGroups/rg"),
            r#"{"tags":{"a":"b"}}"#,
            writers(200, 200),
        ),
        ("GET", s("/providers"), "", readers(200)),
        ("GET", s("/providers/Microsoft.ContainerRegistry"), "", readers(200)),
        (
            "POST",
            s("/providers/Microsoft.ContainerRegistry/register"),
            "",
            writers(200, 200),
        ),
        (
            "POST",
            s("/providers/Microsoft.ContainerRegistry/checkNameAvailability"),
            check,
            readers(200),
        ),
        ("PUT", r(""), REGISTRY, writers(201, 200)),
        ("GET", r(""), "", readers(200)),
        ("PATCH", r(""), r#"{"sku":{"name":"Premium"}}"#, writers(200, 200)),
        ("GET", s("/resources"), "", signed_in(200)),
        ("GET", s("/resourceGroups/rg/resources"), "", signed_in(200)),
        (
            "GET",
            s("/providers/Microsoft.ContainerRegistry/registries"),
            "",
            signed_in(200),
        ),
        (
            "GET",
            s("/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries"),
            "",
            signed_in(200),
        ),
        ("POST", r("/listCredentials"), "", writers(200, 200)),
        (
            "POST",
            r("/regenerateCredential"),
            r#"{"name":"password2"}"#,
            writers(200, 200),
        ),
        ("GET", r("/listUsages"), "", readers(200)),
        ("POST", r("/importImage"), IMPORT, writers(202, 202)),
        (
            "GET",
            s("/providers/Microsoft.ContainerRegistry/locations/local/operationResults/registries-none"),
            "",
            signed_in(404),
        ),
        ("GET", r("/listPolicies"), "", readers(200)),
        ("POST", r("/updatePolicies"), "{}", writers(200, 200)),
        ("GET", r("/replications"), "", readers(200)),
        ("GET", r("/webhooks"), "", readers(200)),
        ("GET", r("/webhooks/hook1"), "", readers(404)),
        ("PUT", r("/webhooks/hook1"), "{}", readers(400)),
        (
            "GET",
            format!("/providers/Microsoft.ContainerRegistry/operations{V}"),
            "",
            signed_in(200),
        ),
        ("PUT", r("/scopeMaps/pullers"), SCOPE_MAP, writers(201, 200)),
        ("GET", r("/scopemaps/Pullers"), "", readers(200)),
        ("PATCH", r("/scopeMaps/pullers"), "{}", writers(200, 200)),
        ("GET", r("/scopeMaps"), "", readers(200)),
        ("PUT", r("/tokens/build"), TOKEN, writers(400, 400)),
        ("GET", r("/tokens/build"), "", readers(404)),
        ("PATCH", r("/tokens/build"), "{}", writers(404, 404)),
        ("GET", r("/tokens"), "", readers(200)),
        (
            "POST",
            r("/generateCredentials"),
            r#"{"tokenId":"/subscriptions/s/resourceGroups/g"}"#,
            writers(400, 400),
        ),
        ("DELETE", r("/tokens/build"), "", writers(204, 204)),
        ("DELETE", r("/scopeMaps/pullers"), "", writers(200, 204)),
        ("GET", r(role::DEFINITIONS), "", readers(200)),
        (
            "GET",
            r(&format!("{}/{}", role::DEFINITIONS, RoleId::ACR_PULL)),
            "",
            readers(200),
        ),
        ("GET", r(role::ASSIGNMENTS), "", readers(200)),
        ("GET", format!("{}{V}", role::ASSIGNMENTS), "", nobody_here()),
        ("PUT", r(role::ONE), "{}", granters(400)),
        ("GET", r(role::ONE), "", readers(404)),
        ("DELETE", r(role::ONE), "", granters(204)),
        ("GET", r(role::DENIALS), "", readers(200)),
        ("DELETE", r(""), "", writers(200, 204)),
        (
            "POST",
            s("/providers/Microsoft.Storage/checkNameAvailability"),
            r#"{"name":"store1","type":"Microsoft.Storage/storageAccounts"}"#,
            readers(200),
        ),
        ("PUT", a(""), r#"{"location":"local"}"#, writers(200, 200)),
        ("GET", a(""), "", readers(200)),
        ("PATCH", a(""), r#"{"tags":{"a":"b"}}"#, writers(200, 200)),
        (
            "GET",
            s("/providers/Microsoft.Storage/storageAccounts"),
            "",
            signed_in(200),
        ),
        (
            "GET",
            s("/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts"),
            "",
            signed_in(200),
        ),
        ("DELETE", a(""), "", writers(200, 204)),
        ("DELETE", s("/resourceGroups/rg"), "", writers(200, 404)),
    ]
}

/// The tokens of [`CALLERS`].
async fn tokens(cloud: &Cloud) -> [Option<String>; CALLERS.len()] {
    let here = cloud.subscription.clone();
    let of = async |role, scope: &str| Some(cloud.principal(role, scope).await.1);
    [
        None,
        of(RoleId::OWNER, &format!("/subscriptions/{}", Uuid::from_u128(9))).await,
        of(RoleId::OWNER, &format!("{here}/resourcegroups/elsewhere")).await,
        of(RoleId::ACR_PULL, &here).await,
        of(RoleId::READER, &here).await,
        Some(cloud.ann().await),
        of(RoleId::USER_ACCESS_ADMINISTRATOR, &here).await,
        of(RoleId::CONTRIBUTOR, &here).await,
        of(RoleId::OWNER, &here).await,
    ]
}

/// Tokens of an owner that are good for nothing here, and ARM's word for each.
async fn useless_tokens(cloud: &Cloud) -> [(&'static str, String); 3] {
    let (app, _) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let found = cloud.registry.sign_in().find_client(app.parse().unwrap()).await;
    let owner = found.unwrap().unwrap().0.record;
    let grant = |audience: &str| DirectoryGrant {
        audience: audience.to_owned(),
        issuer: "https://localhost:5443/t/v2.0".to_owned(),
        app_id: owner.app_id,
        object_id: owner.id,
        generation: owner.generation,
        source_ends_at: None,
    };
    let now = cloud.registry.now().unix_secs();
    let (arm, registries) = (
        grant("https://localhost:5443/"),
        grant("https://containerregistry.azure.net"),
    );
    let other = DirectoryIssuer::new(&cloud.keys, Uuid::from_u128(9), OwnNames::default());
    [
        (
            "ExpiredAuthenticationToken",
            cloud.directory.issue(arm.clone(), now - 24 * 60 * 60).unwrap(),
        ),
        ("InvalidAuthenticationTokenTenant", other.issue(arm, now).unwrap()),
        (
            "InvalidAuthenticationTokenAudience",
            cloud.directory.issue(registries, now).unwrap(),
        ),
    ]
}

#[tokio::test]
async fn every_route_answers_every_kind_of_caller_as_it_should() {
    let cloud = Cloud::start().await;
    let tokens = tokens(&cloud).await;
    let useless = useless_tokens(&cloud).await;
    let mut seen = BTreeSet::new();
    for (method, path, body, statuses) in table() {
        for (code, token) in &useless {
            let response = cloud.send(method, &path, Some(token), body).await;
            assert_eq!(response.status(), statuses[0], "{method} {path}: {code}");
            if statuses[0] == 401 {
                assert_eq!(json(&response)["error"]["code"], *code, "{method} {path}");
            }
        }
        for ((caller, token), expected) in CALLERS.iter().zip(&tokens).zip(statuses) {
            let response = cloud.send(method, &path, token.as_deref(), body).await;
            let served: &Served = response.extensions().get().unwrap();
            seen.insert(served.route);
            let answer = json(&response);
            assert_eq!(response.status(), expected, "{method} {path} by {caller}: {answer}");
            match expected {
                401 => assert_eq!(answer["error"]["code"], "AuthenticationFailed", "{path}"),
                403 => assert_eq!(answer["error"]["code"], "AuthorizationFailed", "{path}"),
                _ => {}
            }
            let items = answer["value"].as_array().map(Vec::len);
            match items.filter(|_| expected == 200 && !PUBLIC.contains(&served.route)) {
                Some(count) if STRANGERS.contains(caller) => {
                    assert_eq!(count, 0, "{method} {path} by {caller}: {answer}")
                }
                Some(count) if *caller == "Owner" && statuses[1] == 200 => {
                    assert_ne!(count, 0, "{method} {path}: empty for strangers alone");
                }
                _ => {}
            }
        }
    }
    let all: BTreeSet<&str> = Route::labels().collect();
    assert_eq!(seen, all, "the table misses no route");
}
