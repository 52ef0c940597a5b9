//! Graph: applications, service principals and their credentials.

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use holdfast_access::RoleId;
use holdfast_api_management::{GraphRoute, Served};
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
    async fn graph(&self, method: &str, path: &str, token: &str, document: Value) -> (u16, Value) {
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
    async fn application(&self, owner: &str, name: &str) -> (Value, Value, Value) {
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
async fn what_is_taken_away_is_useless_at_the_next_request() {
    let (cloud, owner) = start().await;
    let (app, principal, password) = cloud.application(&owner, "one").await;
    assert_eq!(password["secretText"].as_str().map(str::len), Some(52));
    assert!(
        password["secretText"]
            .as_str()
            .unwrap()
            .starts_with(password["hint"].as_str().unwrap())
    );
    let works = async |token: &str| {
        cloud
            .send("GET", "/tenants?api-version=2022-12-01", Some(token), "")
            .await
            .status()
            == 200
    };

    let token = cloud.sign_in(&app["appId"], &password["secretText"]).await.unwrap();
    assert!(works(&token).await);
    let (_, second) = cloud
        .graph(
            "POST",
            &path("servicePrincipals", &principal, "/addPassword"),
            &owner,
            json!({}),
        )
        .await;
    assert!(works(&token).await, "adding takes nothing away");
    let (status, _) = cloud
        .graph(
            "POST",
            &path("servicePrincipals", &principal, "/removePassword"),
            &owner,
            json!({ "keyId": password["keyId"] }),
        )
        .await;
    assert_eq!(status, 204);
    assert!(!works(&token).await);
    assert_eq!(cloud.sign_in(&app["appId"], &password["secretText"]).await, Err(401));

    let token = cloud.sign_in(&app["appId"], &second["secretText"]).await.unwrap();
    let enable = async |enabled: bool| {
        let change = json!({ "accountEnabled": enabled });
        let (status, _) = cloud
            .graph("PATCH", &path("servicePrincipals", &principal, ""), &owner, change)
            .await;
        assert_eq!(status, 204);
    };
    enable(false).await;
    assert!(!works(&token).await);
    assert_eq!(cloud.sign_in(&app["appId"], &second["secretText"]).await, Err(401));
    enable(true).await;
    assert!(!works(&token).await, "a token that was void stays void");
    let token = cloud.sign_in(&app["appId"], &second["secretText"]).await.unwrap();
    assert!(works(&token).await);

    let (status, _) = cloud
        .graph(
            "DELETE",
            &path("servicePrincipals", &principal, ""),
            &owner,
            Value::Null,
        )
        .await;
    assert_eq!(status, 204);
    assert!(!works(&token).await);
    let (_, left) = cloud
        .graph("GET", &path("applications", &app, ""), &owner, Value::Null)
        .await;
    assert_eq!(left["passwordCredentials"], json!([]), "{left}");
    let (status, again) = cloud
        .graph("POST", "/servicePrincipals", &owner, json!({ "appId": app["appId"] }))
        .await;
    assert_eq!(status, 201);
    assert_ne!(again["id"], principal["id"]);
    assert!(!works(&token).await, "tokens of the one before are not the new one's");
    let (status, _) = cloud
        .graph("DELETE", &path("applications", &app, ""), &owner, Value::Null)
        .await;
    assert_eq!(status, 204);
    let gone = cloud
        .graph("GET", &path("servicePrincipals", &again, ""), &owner, Value::Null)
        .await;
    assert_eq!(code(&gone), (404, "Request_ResourceNotFound"));
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
async fn certificates_are_added_kept_and_removed_by_the_whole_list() {
    let (cloud, owner) = start().await;
    let (app, principal, _) = cloud.application(&owner, "one").await;
    let key = rcgen::KeyPair::generate().unwrap();
    let der = rcgen::CertificateParams::default()
        .self_signed(&key)
        .unwrap()
        .der()
        .to_vec();
    let new = |name: &str| json!({ "displayName": name, "key": STANDARD.encode(&der), "type": "AsymmetricX509Cert", "usage": "Verify" });
    let put = async |kind: &str, object: &Value, keys: Value| {
        cloud
            .graph(
                "PATCH",
                &path(kind, object, ""),
                &owner,
                json!({ "keyCredentials": keys }),
            )
            .await
    };
    let keys = async || {
        let (_, shown) = cloud
            .graph("GET", &path("servicePrincipals", &principal, ""), &owner, Value::Null)
            .await;
        shown["keyCredentials"].as_array().unwrap().clone()
    };
    assert_eq!(put("applications", &app, json!([new("first")])).await.0, 204);
    let first = keys().await.remove(0);
    assert_eq!((&first["displayName"], &first["key"]), (&json!("first"), &Value::Null));
    assert_eq!(first["customKeyIdentifier"].as_str().map(str::len), Some(40));
    cloud.registry.advance(Duration::from_secs(1));
    assert_eq!(
        put("servicePrincipals", &principal, json!([first, new("second")]))
            .await
            .0,
        204
    );
    let both = keys().await;
    assert_eq!((both.len(), &both[0]), (2, &first));
    assert_eq!(put("applications", &app, json!([both[1]])).await.0, 204);
    assert_eq!(keys().await, both[1..]);
    let unknown = json!([{ "keyId": UNKNOWN }]);
    assert_eq!(put("applications", &app, unknown).await.0, 400);
    let garbage = put("applications", &app, json!([{ "key": "bm90aGluZw==" }])).await;
    assert_eq!(code(&garbage), (400, "Request_BadRequest"));
    assert_eq!(keys().await.len(), 1, "a refused list changes nothing");
}

#[tokio::test]
async fn federated_credentials_trust_a_subject_or_a_pattern_once() {
    let (cloud, owner) = start().await;
    let (app, _, _) = cloud.application(&owner, "one").await;
    let all = path("applications", &app, "/federatedIdentityCredentials");
    let add = async |document: Value| cloud.graph("POST", &all, &owner, document).await;
    let new = |name: &str, subject: &str| json!({ "name": name, "issuer": "https://issuer.example/", "subject": subject, "audiences": ["api://x"] });
    let (status, made) = add(new("main", "repo:a:ref:refs/heads/main")).await;
    assert_eq!((status, &made["subject"]), (201, &json!("repo:a:ref:refs/heads/main")));
    let expression = json!({ "value": "claims['sub'] matches 'repo:a''s:*'", "languageVersion": 1 });
    let mut pattern = new("any", "");
    pattern.as_object_mut().unwrap().remove("subject");
    pattern["claimsMatchingExpression"] = expression.clone();
    let (status, made) = add(pattern.clone()).await;
    assert_eq!((status, &made["claimsMatchingExpression"]), (201, &expression));
    let twin = add(new("main", "other")).await;
    assert_eq!(code(&twin), (409, "Request_MultipleObjectsWithSameKeyValue"));
    let twin = add(new("other", "repo:a:ref:refs/heads/main")).await;
    assert_eq!(code(&twin), (409, "Request_MultipleObjectsWithSameKeyValue"));
    let mut wrong = vec![new("a", "s"), new("with space", "s"), new("good", "")];
    for (property, value) in [
        ("issuer", json!("http://issuer.example")),
        ("issuer", json!("https:///path")),
        ("audiences", json!([])),
        ("claimsMatchingExpression", json!({ "value": "claims['sub'] eq 'x'" })),
    ] {
        let mut document = new("good", "s");
        document[property] = value;
        wrong.push(document);
    }
    let mut odd = pattern;
    odd["name"] = "good".into();
    odd["claimsMatchingExpression"]["value"] = "claims['ref'] matches '*'".into();
    wrong.push(odd);
    for document in wrong {
        let refused = add(document.clone()).await;
        assert_eq!(code(&refused), (400, "Request_BadRequest"), "{document}");
    }
    let (_, listed) = cloud.graph("GET", &all, &owner, Value::Null).await;
    assert_eq!(
        (&listed["value"][0]["name"], &listed["value"][1]["name"]),
        (&json!("any"), &json!("main"))
    );
    let by_id = format!("{all}/{}", made["id"].as_str().unwrap());
    assert_eq!(
        cloud
            .graph("PATCH", &by_id, &owner, json!({ "subject": "exactly" }))
            .await
            .0,
        204
    );
    let (_, changed) = cloud.graph("GET", &format!("{all}/any"), &owner, Value::Null).await;
    assert_eq!(
        (&changed["subject"], changed.get("claimsMatchingExpression")),
        (&json!("exactly"), None)
    );
    assert_eq!(cloud.graph("DELETE", &by_id, &owner, Value::Null).await.0, 204);
    assert_eq!(
        code(&cloud.graph("GET", &by_id, &owner, Value::Null).await),
        (404, "Request_ResourceNotFound")
    );
}

#[tokio::test]
async fn a_principal_with_more_rights_than_the_caller_is_out_of_reach() {
    let (cloud, owner) = start().await;
    let (root_app, root) = cloud.principal(RoleId::READER, "/").await;
    let found = cloud
        .registry
        .find_principal_by_app(root_app.parse().unwrap())
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
async fn people_are_found_by_name_and_id_and_know_who_they_are() {
    let (cloud, owner) = start().await;
    cloud.ann().await;
    let get = async |path: &str| cloud.graph("GET", path, &owner, Value::Null).await;
    let (_, listed) = get("/users?$filter=userPrincipalName%20eq%20'ANN@example.org'").await;
    let ann = listed["value"][0].clone();
    assert_eq!(
        (&ann["displayName"], &ann["userPrincipalName"]),
        (&json!("Ann"), &json!("ann@example.org"))
    );
    let (_, listed) = get("/users?$filter=startswith(displayName,'a')").await;
    assert_eq!(listed["value"], json!([ann]));
    let link = listed["@odata.nextLink"].as_str().unwrap();
    let (_, rest) = get(link.strip_prefix("https://localhost:5443/v1.0").unwrap()).await;
    assert_eq!((&rest["value"], rest.get("@odata.nextLink")), (&json!([]), None));
    for filter in ["userPrincipalName%20eq%20'bob@example.org'", "displayName%20eq%20'bob'"] {
        assert_eq!(get(&format!("/users?$filter={filter}")).await.1["value"], json!([]));
    }
    assert_eq!(get(&path("users", &ann, "")).await.1, ann);
    assert_eq!(
        code(&get("/users/bob@example.org").await),
        (404, "Request_ResourceNotFound")
    );
    let ids = json!({ "ids": [ann["id"]], "types": ["user"] });
    let (_, found) = cloud.graph("POST", "/directoryObjects/getByIds", &owner, ids).await;
    assert_eq!(found["value"], json!([ann]));
    let id = ann["id"].as_str().unwrap().parse().unwrap();
    let grant = DirectoryGrant {
        audience: "https://localhost:5443/".to_owned(),
        issuer: "https://localhost:5443/t/v2.0".to_owned(),
        app_id: id,
        object_id: id,
        generation: 1,
    };
    let token = cloud.directory.issue(grant, cloud.registry.now().unix_secs()).unwrap();
    assert_eq!(cloud.graph("GET", "/me", &token, Value::Null).await, (200, ann));
}

#[tokio::test]
async fn errors_are_graphs_and_tokens_are_for_their_audience() {
    let (cloud, owner) = start().await;
    let (app, _, _) = cloud.application(&owner, "one").await;
    let add = path("applications", &app, "/addPassword");
    let past = json!({ "passwordCredential": { "endDateTime": "2001-01-01T00:00:00Z" } });
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
        ("POST", add, past, (400, "Request_BadRequest")),
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
        .find_principal_by_app(owner_app.parse().unwrap())
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
    ] {
        let grant = DirectoryGrant {
            audience: audience.to_owned(),
            issuer: "https://localhost:5443/t/v2.0".to_owned(),
            app_id: principal.app_id,
            object_id: principal.id,
            generation: principal.generation,
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
