//! Graph: who may do what there, applications and service principals.

mod credential;
mod user;

use std::collections::BTreeSet;

use holdfast_access::RoleId;
use holdfast_api_management::GraphRoute;
use holdfast_face::Served;
use holdfast_identity::directory::DirectoryGrant;
use serde_json::{Value, json};

use super::{Cloud, json as body};

const UNKNOWN: &str = "00000000-0000-0000-0000-000000000009";

/// A cloud with the token of an owner of its subscription.
async fn start() -> (Cloud, String) {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    (cloud, owner)
}

impl Cloud {
    /// What Graph answers: status and document.
    pub(super) async fn graph(&self, method: &str, path: &str, token: &str, document: Value) -> (u16, Value) {
        let text = if document.is_null() {
            String::new()
        } else {
            document.to_string()
        };
        let response = self.send(method, &format!("/v1.0{path}"), Some(token), &text).await;
        (response.status().as_u16(), body(&response))
    }

    /// Whether the application gets a token for this password, and which.
    async fn sign_in(&self, app_id: &Value, password: &Value) -> Result<String, u16> {
        let [id, secret] = [app_id, password].map(|text| text.as_str().unwrap().replace('+', "%2B"));
        let form = format!(
            "grant_type=client_credentials&client_id={id}&client_secret={secret}&scope=https%3A%2F%2Flocalhost%3A5443%2F.default"
        );
        let answer = self.send("POST", "/common/oauth2/v2.0/token", None, &form).await;
        match body(&answer)["access_token"].as_str() {
            Some(token) => Ok(token.to_owned()),
            None => Err(answer.status().as_u16()),
        }
    }

    /// An application with a service principal: both documents, and a password.
    pub(super) async fn application(&self, owner: &str, name: &str) -> (Value, Value, Value) {
        let (status, app) = self
            .graph(
                "POST",
                "/applications",
                owner,
                json!({ "displayName": name, "keyCredentials": [] }),
            )
            .await;
        assert_eq!(status, 201, "{app}");
        let id = app["id"].as_str().unwrap();
        let (status, password) = self
            .graph("POST", &format!("/applications/{id}/addPassword"), owner, Value::Null)
            .await;
        assert_eq!(status, 200, "{password}");
        let (status, principal) = self
            .graph("POST", "/servicePrincipals", owner, json!({ "appId": app["appId"] }))
            .await;
        assert_eq!(status, 201, "{principal}");
        (app, principal, password)
    }
}

fn path(kind: &str, object: &Value, below: &str) -> String {
    format!("/{kind}/{}{below}", object["id"].as_str().unwrap())
}

/// The code of an error of Graph.
fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["error"]["code"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn every_route_of_graph_answers_every_kind_of_caller_as_it_should() {
    let (cloud, owner) = start().await;
    let elsewhere = format!("{}/resourcegroups/elsewhere", cloud.subscription);
    let (_, stranger) = cloud.principal(RoleId::OWNER, &elsewhere).await;
    let (_, reader) = cloud.principal(RoleId::READER, &cloud.subscription).await;
    let (_, contributor) = cloud.principal(RoleId::CONTRIBUTOR, &cloud.subscription).await;
    cloud.ann().await;
    let (app, principal, password) = cloud.application(&owner, "one").await;
    let of_app = |below: &str| path("applications", &app, below);
    let of_principal = |below: &str| path("servicePrincipals", &principal, below);
    let federated = json!({
        "name": "ci-1", "issuer": "https://issuer.example", "subject": "repo:a", "audiences": ["api://x"],
    });
    let one = "/federatedIdentityCredentials/ci-1";
    let renamed = json!({ "displayName": "two" });
    // What nobody, a stranger, a reader, a contributor and the owner get.
    let reads = [401, 403, 200, 200, 200];
    let writes = |owner| [401, 403, 403, 403, owner];
    let table = [
        ("GET", "/applications".to_owned(), Value::Null, reads),
        ("POST", "/applications".to_owned(), renamed.clone(), writes(201)),
        ("GET", of_app(""), Value::Null, reads),
        ("PATCH", of_app(""), renamed, writes(204)),
        ("POST", of_app("/federatedIdentityCredentials"), federated, writes(201)),
        ("GET", of_app("/federatedIdentityCredentials"), Value::Null, reads),
        ("GET", of_app(one), Value::Null, reads),
        ("PATCH", of_app(one), json!({ "description": "why" }), writes(204)),
        ("DELETE", of_app(one), Value::Null, writes(204)),
        ("GET", "/servicePrincipals".to_owned(), Value::Null, reads),
        ("GET", of_principal(""), Value::Null, reads),
        (
            "PATCH",
            of_principal(""),
            json!({ "accountEnabled": true }),
            writes(204),
        ),
        ("POST", of_principal("/addPassword"), json!({}), writes(200)),
        (
            "POST",
            of_principal("/removePassword"),
            json!({ "keyId": password["keyId"] }),
            writes(204),
        ),
        (
            "POST",
            "/directoryObjects/getByIds".to_owned(),
            json!({ "ids": [principal["id"]] }),
            reads,
        ),
        ("GET", path("directoryObjects", &app, ""), Value::Null, reads),
        ("GET", "/users".to_owned(), Value::Null, reads),
        ("GET", "/users/ANN@example.org".to_owned(), Value::Null, reads),
        ("GET", "/me".to_owned(), Value::Null, [401, 400, 400, 400, 400]),
        ("DELETE", of_principal(""), Value::Null, writes(204)),
        (
            "POST",
            "/servicePrincipals".to_owned(),
            json!({ "appId": app["appId"] }),
            writes(201),
        ),
        ("DELETE", of_app(""), Value::Null, writes(204)),
    ];
    let callers = [None, Some(&stranger), Some(&reader), Some(&contributor), Some(&owner)];
    let mut seen = BTreeSet::new();
    for (method, path, document, expected) in table {
        for (caller, expected) in callers.iter().zip(expected) {
            let text = if document.is_null() {
                String::new()
            } else {
                document.to_string()
            };
            let response = cloud
                .send(method, &format!("/v1.0{path}"), caller.map(String::as_str), &text)
                .await;
            seen.insert(response.extensions().get::<Served>().unwrap().route);
            assert_eq!(response.status(), expected, "{method} {path}: {}", body(&response));
            let code = body(&response)["error"]["code"].clone();
            match expected {
                401 => assert_eq!(code, "InvalidAuthenticationToken", "{path}"),
                403 => assert_eq!(code, "Authorization_RequestDenied", "{path}"),
                _ => {}
            }
        }
    }
    let all: BTreeSet<&str> = GraphRoute::LABELS.iter().copied().collect();
    assert_eq!(seen, all, "the table misses no route");
}

#[tokio::test]
async fn objects_are_found_by_filter_and_page_by_page() {
    let (cloud, owner) = start().await;
    let (app, principal, _) = cloud.application(&owner, "Web'1").await;
    for name in ["web-a", "WEB-b", "other"] {
        cloud.application(&owner, name).await;
    }
    let list = async |path: &str| {
        let (status, page) = cloud.graph("GET", path, &owner, Value::Null).await;
        assert_eq!(status, 200, "{path}: {page}");
        page
    };
    let names = |page: &Value| -> Vec<String> {
        let items = page["value"].as_array().unwrap().iter();
        items
            .map(|item| item["displayName"].as_str().unwrap().to_owned())
            .collect()
    };
    let quoted = app["appId"].as_str().unwrap();
    for (kind, filter, expected) in [
        (
            "servicePrincipals",
            format!("servicePrincipalNames/any(c:c eq '{quoted}')"),
            vec!["Web'1"],
        ),
        ("applications", format!("appId eq '{quoted}'"), vec!["Web'1"]),
        ("applications", "appId eq 'nobody'".to_owned(), vec![]),
        (
            "applications",
            "identifierUris/any(s:s eq 'api://x')".to_owned(),
            vec![],
        ),
        ("servicePrincipals", "displayName eq 'WEB''1'".to_owned(), vec!["Web'1"]),
        (
            "servicePrincipals",
            "startswith(displayName,'web')".to_owned(),
            vec!["Web'1", "web-a", "WEB-b"],
        ),
        (
            "applications",
            format!("id eq '{}'", app["id"].as_str().unwrap()),
            vec!["Web'1"],
        ),
        (
            "servicePrincipals",
            format!(
                "id eq '{}' or displayName eq 'other'",
                principal["id"].as_str().unwrap()
            ),
            vec!["other", "Web'1"],
        ),
    ] {
        let encoded: String = form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let page = list(&format!("/{kind}?$filter={encoded}")).await;
        assert_eq!(names(&page), expected, "{filter}");
    }
    for kind in ["applications", "servicePrincipals"] {
        let (mut seen, mut next) = (
            Vec::new(),
            Some(format!("/{kind}?$top=2&$filter=startswith(displayName,'WEB')")),
        );
        let mut pages = 0;
        while let Some(path) = next {
            let page = list(&path).await;
            seen.extend(names(&page));
            let link = page["@odata.nextLink"].as_str();
            next = link.map(|link| link.strip_prefix("https://localhost:5443/v1.0").unwrap().to_owned());
            pages += 1;
        }
        assert_eq!(
            (seen, pages),
            (vec!["Web'1".to_owned(), "web-a".into(), "WEB-b".into()], 2),
            "{kind}"
        );
    }
    let by_ids = json!({ "ids": [principal["id"], app["id"], UNKNOWN], "types": ["user", "servicePrincipal"] });
    let (_, found) = cloud.graph("POST", "/directoryObjects/getByIds", &owner, by_ids).await;
    assert_eq!(found["value"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["value"][0]["@odata.type"], "#microsoft.graph.servicePrincipal");
}

#[tokio::test]
async fn a_principal_with_more_rights_than_the_caller_is_out_of_reach() {
    let (cloud, owner) = start().await;
    let (root_app, root) = cloud.principal(RoleId::READER, "/").await;
    let found = cloud
        .registry
        .operator()
        .sign_in()
        .find_client(root_app.parse().unwrap())
        .await
        .unwrap();
    let id = found.unwrap().0.record.id;
    for (method, path, document) in [
        ("POST", format!("/servicePrincipals/{id}/addPassword"), json!({})),
        (
            "POST",
            format!("/applications(appId='{root_app}')/addPassword"),
            json!({}),
        ),
        (
            "PATCH",
            format!("/servicePrincipals/{id}"),
            json!({ "accountEnabled": false }),
        ),
        ("DELETE", format!("/servicePrincipals/{id}"), Value::Null),
        ("DELETE", format!("/applications(appId='{root_app}')"), Value::Null),
    ] {
        let refused = cloud.graph(method, &path, &owner, document).await;
        assert_eq!(code(&refused), (403, "Authorization_RequestDenied"), "{method} {path}");
    }
    let (status, _) = cloud
        .graph("GET", &format!("/servicePrincipals/{id}"), &root, Value::Null)
        .await;
    assert_eq!(status, 200);
    let (_, supreme) = cloud.principal(RoleId::OWNER, "/").await;
    let (status, _) = cloud
        .graph("DELETE", &format!("/servicePrincipals/{id}"), &supreme, Value::Null)
        .await;
    assert_eq!(status, 204);
}

#[tokio::test]
async fn errors_are_graphs_and_tokens_are_for_their_audience() {
    let (cloud, owner) = start().await;
    let (app, _, _) = cloud.application(&owner, "one").await;
    let add = path("applications", &app, "/addPassword");
    let past = json!({ "passwordCredential": { "endDateTime": "2001-01-01T00:00:00Z" } });
    let mut over = past.clone();
    over["passwordCredential"]["startDateTime"] = "2000-01-01T00:00:00Z".into();
    let unknown = json!({ "appId": UNKNOWN });
    for (method, path, document, expected) in [
        (
            "GET",
            format!("/applications/{UNKNOWN}"),
            Value::Null,
            (404, "Request_ResourceNotFound"),
        ),
        (
            "GET",
            "/applications/x".to_owned(),
            Value::Null,
            (400, "Request_BadRequest"),
        ),
        ("GET", "/groups".to_owned(), Value::Null, (400, "Request_BadRequest")),
        (
            "PUT",
            "/applications".to_owned(),
            Value::Null,
            (405, "Request_BadRequest"),
        ),
        (
            "POST",
            "/applications".to_owned(),
            json!({}),
            (400, "Request_BadRequest"),
        ),
        (
            "POST",
            "/applications".to_owned(),
            json!({ "displayName": "" }),
            (400, "Request_BadRequest"),
        ),
        (
            "POST",
            "/applications".to_owned(),
            json!({ "displayName": "x", "web": { "redirectUris": ["https://x"] } }),
            (400, "Request_BadRequest"),
        ),
        (
            "GET",
            "/applications?$filter=color%20eq%20'x'".to_owned(),
            Value::Null,
            (400, "Request_UnsupportedQuery"),
        ),
        (
            "GET",
            "/applications?$filter=appId%20eq".to_owned(),
            Value::Null,
            (400, "Request_BadRequest"),
        ),
        (
            "GET",
            "/applications?$top=1000".to_owned(),
            Value::Null,
            (400, "Request_BadRequest"),
        ),
        (
            "GET",
            "/applications?$skiptoken=x".to_owned(),
            Value::Null,
            (400, "Request_BadRequest"),
        ),
        (
            "POST",
            "/servicePrincipals".to_owned(),
            unknown,
            (400, "Request_BadRequest"),
        ),
        (
            "POST",
            "/servicePrincipals".to_owned(),
            json!({ "appId": app["appId"] }),
            (409, "Request_MultipleObjectsWithSameKeyValue"),
        ),
        ("POST", add.clone(), past, (400, "Request_BadRequest")),
        ("POST", add, over, (400, "Request_BadRequest")),
        (
            "POST",
            path("applications", &app, "/removePassword"),
            json!({ "keyId": UNKNOWN }),
            (400, "Request_BadRequest"),
        ),
    ] {
        let answer = cloud.graph(method, &path, &owner, document).await;
        assert_eq!(code(&answer), expected, "{method} {path}: {}", answer.1);
    }
    let (owner_app, _) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let principal = cloud
        .registry
        .operator()
        .sign_in()
        .find_client(owner_app.parse().unwrap())
        .await
        .unwrap()
        .unwrap()
        .0
        .record;
    for (audience, [arm, graph]) in [
        ("https://localhost:5443/", [200, 200]),
        ("https://graph.microsoft.com", [401, 200]),
        ("https://management.azure.com/", [200, 401]),
        ("https://containerregistry.azure.net", [401, 401]),
        ("https://vault.azure.net", [401, 401]),
    ] {
        let grant = DirectoryGrant {
            audience: audience.to_owned(),
            issuer: "https://localhost:5443/t/v2.0".to_owned(),
            app_id: principal.app_id,
            object_id: principal.id,
            generation: principal.generation,
            source_ends_at: None,
        };
        let token = cloud.directory.issue(grant, cloud.registry.now().unix_secs()).unwrap();
        let of = async |path: &str| cloud.send("GET", path, Some(&token), "").await.status().as_u16();
        let got = [
            of("/subscriptions?api-version=2022-12-01").await,
            of("/v1.0/applications").await,
        ];
        assert_eq!(got, [arm, graph], "{audience}");
    }
}
