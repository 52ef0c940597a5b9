//! Every body of every route, too large and of the wrong kind: refused in the face's own form, and nothing is left behind.
//! A new route fails the test until its body is here, or it is said to have none.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::stream;
use holdfast_access::RoleId;
use holdfast_api_management::{GraphRoute, Route};
use holdfast_face::Served;
use http::Response;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use serde_json::{Value, json};

use super::{A, Cloud, R, REGISTRY, SCOPE_MAP, V, json as body_of, role::ASSIGNMENTS};

/// The largest body, and the largest form.
const LIMITS: (usize, usize) = (1 << 20, 64 << 10);
/// Routes with these last words read no body; nor do these.
const READING: [&str; 9] = [
    "list",
    "list-of-group",
    "get",
    "delete",
    "head",
    "list-credentials",
    "list-usages",
    "list-policies",
    "me",
];
const WITHOUT: [&str; 10] = [
    "arm.metadata",
    "arm.providers.register",
    "arm.providers.operations",
    "arm.unserved.child",
    "arm.unserved.change",
    "directory.openid-configuration",
    "directory.keys",
    "directory.device-page",
    "directory.authorize-page",
    "directory.user-realm",
];
/// Forms: what they are sent to, and one that would do.
const FORMS: [(&str, &str); 4] = [
    ("/common/oauth2/v2.0/token", "grant_type=client_credentials"),
    (
        "/common/oauth2/v2.0/devicecode",
        "client_id=04b07795-8ddb-461a-bbee-02f9e1bf7b46&scope=https%3A%2F%2Flocalhost%3A5443%2F.default",
    ),
    ("/devicelogin", "user_code=ABCD-EFGH"),
    ("/common/oauth2/v2.0/authorize", "state=x"),
];
/// No object.
const NO_OBJECTS: [&str; 12] = [
    "",
    "{",
    "x",
    "\u{feff}{}",
    "null",
    "7",
    "true",
    "\"x\"",
    "[]",
    "[null]",
    "[{}]",
    "{}{}",
];

struct Stage {
    cloud: Cloud,
    owner: String,
    app: String,
}

impl Stage {
    async fn set() -> Self {
        let cloud = Cloud::start().await;
        let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
        for (path, body) in [
            (format!("{{S}}/resourceGroups/rg{V}"), r#"{"location":"local"}"#),
            (format!("{R}mine1{V}"), &REGISTRY.replace("Basic", "Premium")),
            (format!("{A}store1{V}"), r#"{"location":"local"}"#),
            (format!("{R}mine1/scopeMaps/pullers{V}"), SCOPE_MAP),
        ] {
            let made = cloud.send("PUT", &path, Some(&owner), body).await;
            assert!(made.status().is_success(), "{path}: {}", body_of(&made));
        }
        let (_, app) = cloud
            .graph("POST", "/applications", &owner, json!({ "displayName": "one" }))
            .await;
        let app = app["id"].as_str().unwrap().to_owned();
        let stage = Self { cloud, owner, app };
        let build = format!("{R}mine1/tokens/build{V}");
        let made = stage.send("PUT", &build, sized(&stage.token_body().to_string())).await;
        assert_eq!(made.status(), 201);
        let federated = format!("/applications/{}/federatedIdentityCredentials", stage.app);
        let made = stage
            .cloud
            .graph("POST", &federated, &stage.owner, federated_body("ci-1"))
            .await;
        assert_eq!(made.0, 201);
        stage
    }

    fn id(&self, below: &str) -> String {
        format!("{R}mine1{below}").replace("{S}", &self.cloud.subscription)
    }

    fn token_body(&self) -> Value {
        json!({ "properties": { "scopeMapId": self.id("/scopeMaps/pullers"), "status": "enabled" } })
    }

    /// Every route that reads an object: one that would do.
    fn bodies(&self) -> Vec<(&'static str, String, Value)> {
        let check = |kind: &str| json!({ "name": "free1", "type": kind });
        let registry = json!({
            "location": "local", "sku": { "name": "Premium" }, "tags": { "a": "b" }, "identity": { "type": "None" },
            "properties": {
                "adminUserEnabled": true, "publicNetworkAccess": "Enabled",
                "networkRuleSet": { "defaultAction": "Allow", "ipRules": [{ "action": "Allow", "value": "192.0.2.1" }] },
                "policies": { "retentionPolicy": { "days": 3, "status": "enabled" } },
            },
        });
        let account = json!({ "location": "local", "kind": "StorageV2", "tags": { "a": "b" } });
        let group = json!({ "location": "local", "tags": { "a": "b" } });
        let map = json!({ "properties": { "actions": ["repositories/a/content/read"], "description": "d" } });
        let import = json!({
            "source": { "registryUri": "up.example", "sourceImage": "app:v1",
                "credentials": { "username": "u", "password": "p" } },
            "targetTags": ["app:v1"], "untaggedTargetRepositories": ["copy"], "mode": "Force",
        });
        let credentials = json!({
            "tokenId": self.id("/tokens/build"), "name": "password1", "expiry": "2099-01-01T00:00:00Z",
        });
        let assignment = json!({ "properties": {
            "roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{}", RoleId::READER),
            "principalId": "00000000-0000-4000-8000-000000000002", "principalType": "ServicePrincipal",
            "description": "d", "condition": null, "conditionVersion": "2.0",
        } });
        let application = json!({ "displayName": "two", "signInAudience": "AzureADMyOrg", "keyCredentials": [] });
        let password = json!({ "passwordCredential": { "displayName": "d", "endDateTime": "2098-01-01T00:00:00Z" } });
        let principal = json!({ "accountEnabled": true, "keyCredentials": [] });
        let ids = json!({ "ids": ["00000000-0000-4000-8000-000000000002"], "types": ["user"] });
        let s = |rest: &str| format!("{{S}}/{rest}{V}");
        let r = |rest: &str| format!("{R}mine1{rest}{V}");
        let app = |below: &str| format!("/v1.0/applications/{}{below}", self.app);
        let federated = "/federatedIdentityCredentials";
        vec![
            ("PUT", s("resourceGroups/free"), group.clone()),
            ("PATCH", s("resourceGroups/rg"), json!({ "tags": { "a": "b" } })),
            (
                "POST",
                s("providers/Microsoft.ContainerRegistry/checkNameAvailability"),
                check("Microsoft.ContainerRegistry/registries"),
            ),
            (
                "POST",
                s("providers/Microsoft.Storage/checkNameAvailability"),
                check("Microsoft.Storage/storageAccounts"),
            ),
            ("PUT", r("").replace("mine1", "free1"), registry.clone()),
            ("PATCH", r(""), unplaced(&registry)),
            ("POST", r("/regenerateCredential"), json!({ "name": "password" })),
            ("POST", r("/importImage"), import),
            (
                "POST",
                r("/updatePolicies"),
                json!({ "quarantinePolicy": { "status": "disabled" } }),
            ),
            ("PUT", r("/scopeMaps/other"), map.clone()),
            ("PATCH", r("/scopeMaps/pullers"), map),
            ("PUT", r("/tokens/other"), self.token_body()),
            ("PATCH", r("/tokens/build"), self.token_body()),
            ("POST", r("/generateCredentials"), credentials),
            (
                "PUT",
                r(&format!("{ASSIGNMENTS}/00000000-0000-4000-8000-000000000001")),
                assignment,
            ),
            ("PUT", format!("{A}free1{V}"), account.clone()),
            ("PATCH", format!("{A}store1{V}"), unplaced(&account)),
            ("POST", "/v1.0/applications".to_owned(), application.clone()),
            ("PATCH", app(""), application),
            ("POST", app(federated), federated_body("ci-2")),
            (
                "PATCH",
                app(&format!("{federated}/ci-1")),
                json!({ "description": "d", "audiences": ["api://y"] }),
            ),
            ("POST", app("/addPassword"), password),
            (
                "POST",
                app("/removePassword"),
                json!({ "keyId": "00000000-0000-4000-8000-000000000002" }),
            ),
            (
                "POST",
                "/v1.0/servicePrincipals".to_owned(),
                json!({ "appId": self.app, "accountEnabled": true }),
            ),
            (
                "PATCH",
                app("").replace("applications/", "servicePrincipals/"),
                principal,
            ),
            ("POST", "/v1.0/directoryObjects/getByIds".to_owned(), ids),
        ]
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        body: UnsyncBoxBody<Bytes, std::convert::Infallible>,
    ) -> Response<Bytes> {
        self.cloud.send_body(method, path, Some(&self.owner), body, &[]).await
    }

    /// Everything that can be read here.
    async fn all(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for path in [
            format!("{{S}}/resourceGroups{V}"),
            format!("{{S}}/resources{V}"),
            format!("{{S}}{ASSIGNMENTS}{V}"),
            format!("{R}mine1{V}"),
            format!("{R}mine1/scopeMaps{V}"),
            format!("{R}mine1/tokens{V}"),
            format!("{A}store1{V}"),
            "/v1.0/applications".to_owned(),
            "/v1.0/servicePrincipals".to_owned(),
            format!("/v1.0/applications/{}/federatedIdentityCredentials", self.app),
        ] {
            let read = self.cloud.send("GET", &path, Some(&self.owner), "").await;
            assert_eq!(read.status(), 200, "{path}");
            all.push(body_of(&read));
        }
        let credentials = format!("{R}mine1/listCredentials{V}");
        all.push(body_of(&self.send("POST", &credentials, sized("")).await));
        all
    }
}

/// A change does not say where a thing is.
fn unplaced(body: &Value) -> Value {
    let mut body = body.clone();
    body.as_object_mut().unwrap().remove("location");
    body
}

fn federated_body(name: &str) -> Value {
    json!({
        "name": name, "issuer": "https://issuer.example", "subject": "repo:a", "audiences": ["api://x"],
        "description": "d",
    })
}

fn sized(text: &str) -> UnsyncBoxBody<Bytes, std::convert::Infallible> {
    Full::new(Bytes::from(text.to_owned())).boxed_unsync()
}

/// The same in parts, without its length.
fn chunked(text: &str) -> UnsyncBoxBody<Bytes, std::convert::Infallible> {
    let parts: Vec<Bytes> = text.as_bytes().chunks(10_000).map(Bytes::copy_from_slice).collect();
    let frames = parts.into_iter().map(|part| Ok(http_body::Frame::data(part)));
    StreamBody::new(stream::iter(frames)).boxed_unsync()
}

/// The body with each value in it, in turn, of another kind.
fn of_wrong_kind(body: &Value) -> Vec<Value> {
    let other = |value: &Value| match value {
        Value::Object(_) => vec![json!([]), json!([null]), json!("x"), json!(7)],
        Value::Array(_) => vec![json!({}), json!("x"), json!(7)],
        Value::String(_) => vec![json!({}), json!([]), json!(7)],
        Value::Number(_) | Value::Bool(_) => vec![json!({}), json!([]), json!("x")],
        Value::Null => vec![json!({}), json!([]), json!(7)],
    };
    let mut found = Vec::new();
    let mut within = |value: &Value, with: &dyn Fn(Value) -> Value| {
        found.extend(other(value).into_iter().chain(of_wrong_kind(value)).map(with));
    };
    match body {
        Value::Object(fields) => {
            for (name, value) in fields {
                within(value, &|value| {
                    let mut body = body.clone();
                    body[name] = value;
                    body
                });
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                within(value, &|value| {
                    let mut body = body.clone();
                    body[index] = value;
                    body
                });
            }
        }
        _ => {}
    }
    found
}

/// Asserts a refusal of a status in the form of the face that the path is on.
fn refused(answer: &Response<Bytes>, status: u16, path: &str, place: &str) {
    let body = body_of(answer);
    assert_eq!(answer.status(), status, "{place}: {body}");
    let (code, message) = match path {
        _ if path.starts_with('/') && !path.starts_with("/v1.0") => (&body["error"], &body["error_description"]),
        _ => (&body["error"]["code"], &body["error"]["message"]),
    };
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    assert!(is_text(code) && is_text(message), "{place}: {body}");
}

#[tokio::test]
async fn no_body_of_the_wrong_kind_is_taken_or_leaves_anything() {
    let stage = Stage::set().await;
    let before = stage.all().await;
    let mut taken = Vec::new();
    for (method, path, good) in stage.bodies() {
        let mut bodies: Vec<String> = NO_OBJECTS.iter().map(|text| (*text).to_owned()).collect();
        bodies.push(json!([good]).to_string());
        bodies.extend(of_wrong_kind(&good).iter().map(Value::to_string));
        // What Graph adds without a word about it.
        bodies.retain(|body| !(body.is_empty() && path.ends_with("/addPassword")));
        for body in bodies {
            let answer = stage.send(method, &path, sized(&body)).await;
            if answer.status().is_success() {
                taken.push(format!("{method} {path} {body}"));
            } else {
                refused(&answer, 400, &path, &format!("{method} {path} {body}"));
            }
        }
        let after = stage.all().await;
        assert!(!taken.is_empty() || after == before, "{method} {path}: {after:?}");
    }
    assert!(taken.is_empty(), "{}", taken.join("\n"));
}

#[tokio::test]
async fn no_body_beyond_its_limit_is_taken_or_leaves_anything() {
    let stage = Stage::set().await;
    let before = stage.all().await;
    let mut seen = BTreeSet::new();
    let objects = stage
        .bodies()
        .into_iter()
        .map(|(method, path, good)| (method, path, good.to_string(), LIMITS.0));
    let forms = FORMS.map(|(path, form)| ("POST", path.to_owned(), format!("{form}&x="), LIMITS.1));
    for (method, path, good, limit) in objects.chain(forms) {
        let long = format!("{good}{}", " ".repeat(limit + 1 - good.len()));
        for body in [sized(&long), chunked(&long)] {
            let answer = stage.send(method, &path, body).await;
            refused(&answer, 413, &path, &format!("{method} {path}"));
            let served: &Served = answer.extensions().get().unwrap();
            seen.insert(served.route);
        }
    }
    assert_eq!(stage.all().await, before);
    let reads = |label: &&str| {
        let last = label.rsplit('.').next().unwrap();
        READING.contains(&last) || WITHOUT.contains(label)
    };
    let all = Route::labels().chain(GraphRoute::LABELS.iter().copied());
    assert_eq!(seen, all.filter(|label| !reads(label)).collect());
}
