//! The control plane as its callers see it: every route for every kind of caller, and what errors look like.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose, in their helpers too")]

mod bodies;
mod callers;
mod disturbed;
mod erase;
mod excess;
mod graph;
mod import;
mod longest;
mod openapi;
mod paging;
mod quota;
mod role;
mod settings;
mod sign_in;
mod storage_account;
mod token;
mod unserved;

use std::{
    convert::Infallible,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use holdfast_access::{ControlCaller, RequestOrigin, RoleId, decide_control};
use holdfast_api_management::{Management, ManagementParts, Site};
use holdfast_directory::{NewPrincipal, NewSecret};
use holdfast_face::Budget;
use holdfast_identity::{
    DirectoryIssuer, ExternalIssuers, OwnNames, PasswordHasher, Sealer, ServerKeys, Throttle, directory::DirectoryGrant,
};
use holdfast_testkit::registry::TestRegistry;
use http::{Method, Request, Response};
use http_body_util::Full;
use serde_json::Value;

const SECRET: &str = "a secret";

struct Cloud {
    registry: TestRegistry,
    management: Management,
    directory: Arc<DirectoryIssuer>,
    subscription: String,
    sealer: Arc<Sealer>,
    password_hasher: Arc<PasswordHasher>,
    web: Arc<sign_in::Web>,
    /// Which host of the loopback network calls.
    host: AtomicU8,
    keys: ServerKeys,
}

impl Cloud {
    async fn start() -> Self {
        let keys = keys();
        let registry = TestRegistry::start().await;
        let subscription = registry
            .resources()
            .list_subscriptions(&ControlCaller::operator())
            .await
            .unwrap()[0]
            .id;
        let directory = Arc::new(DirectoryIssuer::new(&keys, subscription, OwnNames::default()));
        let sealer = Arc::new(Sealer::new(&keys));
        let password_hasher = Arc::new(PasswordHasher::new(&keys));
        let web = Arc::new(sign_in::Web::default());
        let management = Management::new(ManagementParts {
            resources: Arc::clone(registry.resources().resources()),
            directory: Arc::clone(registry.directory()),
            sign_in: Arc::clone(registry.sign_in()),
            directory_issuer: Arc::clone(&directory),
            sealer: Arc::clone(&sealer),
            password_hasher: Arc::clone(&password_hasher),
            external_issuers: Arc::new(ExternalIssuers::new(Arc::<sign_in::Web>::clone(&web))),
            throttle: Arc::new(Throttle::new()),
            login_server_suffix: ".registry.localhost:5443".to_owned(),
            body_stall: Duration::from_secs(30),
            budget: Budget::default(),
        });
        Self {
            registry,
            management,
            directory,
            subscription: format!("/subscriptions/{subscription}"),
            sealer,
            password_hasher,
            web,
            host: AtomicU8::new(1),
            keys,
        }
    }

    /// A principal with a role; gives its application id and a token.
    async fn principal(&self, role: RoleId, scope: &str) -> (String, String) {
        let operator = ControlCaller::operator();
        let new = NewPrincipal {
            display_name: "somebody".to_owned(),
            secret: NewSecret {
                display_name: None,
                hint: "a s".to_owned(),
                verifier: self.sealer.verifier(SECRET),
                starts_at: self.registry.now(),
                expires_at: self.registry.now().plus(Duration::from_secs(7200)),
            },
            role,
        };
        let principal = self
            .registry
            .operator()
            .directory()
            .create_principal(
                &decide_control(&operator, "/").unwrap(),
                &decide_control(&operator, scope).unwrap(),
                new,
            )
            .await
            .unwrap();
        let grant = DirectoryGrant {
            audience: "https://localhost:5443/".to_owned(),
            issuer: "https://localhost:5443/t/v2.0".to_owned(),
            app_id: principal.app_id,
            object_id: principal.id,
            generation: principal.generation,
            source_ends_at: None,
        };
        let token = self.directory.issue(grant, self.registry.now().unix_secs()).unwrap();
        (principal.app_id.to_string(), token)
    }

    async fn send(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> Response<Bytes> {
        self.send_with(method, path, token, body, &[]).await
    }

    async fn send_with(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Response<Bytes> {
        let body = Full::new(Bytes::from(body.to_owned()));
        self.send_body(method, path, token, body, headers).await
    }

    async fn send_body<B>(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: B,
        headers: &[(&str, &str)],
    ) -> Response<Bytes>
    where
        B: http_body::Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
    {
        let path = path.replace("{S}", &self.subscription);
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(path);
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).unwrap();
        let site = Site {
            base_url: "https://localhost:5443".to_owned(),
            local: [127, 0, 0, 1].into(),
            origin: Arc::new(RequestOrigin {
                id: "r1".to_owned(),
                address: [127, 0, 0, self.host.load(Ordering::Relaxed)].into(),
                user_agent: None,
                host: "localhost:5443".to_owned(),
            }),
        };
        self.management.serve(request, &site).await
    }
}

/// One folder of keys for all tests: making an RSA key takes a while.
fn keys() -> ServerKeys {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        ServerKeys::open_or_create(folder.path()).unwrap();
        folder
    });
    ServerKeys::open_or_create(folder.path()).unwrap()
}

fn json(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap_or_default()
}

const R: &str = "{S}/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/";
const REGISTRY: &str = r#"{"location":"local","sku":{"name":"Basic"},"properties":{"adminUserEnabled":true}}"#;
const A: &str = "{S}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/";
const V: &str = "?api-version=2025-11-01";
const SCOPE_MAP: &str = r#"{"properties":{"actions":["repositories/app/content/read"]}}"#;
const IMPORT: &str = r#"{"source":{"registryUri":"registry.example","sourceImage":"app:v1"}}"#;
/// Of a scope map that is not there: only a test that knows the subscription can name one that is.
const TOKEN: &str = r#"{"properties":{"scopeMapId":"/subscriptions/s/resourceGroups/g"}}"#;

#[tokio::test]
async fn errors_are_arms() {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let put = |path: String, body: &'static str| ("PUT", path, body);
    let group = r#"{"location":"local"}"#;
    for name in ["rg", "rg2"] {
        let response = cloud
            .send("PUT", &format!("{{S}}/resourceGroups/{name}{V}"), Some(&owner), group)
            .await;
        assert_eq!(response.status(), 201);
    }
    let made = cloud.send("PUT", &format!("{R}mine1{V}"), Some(&owner), REGISTRY).await;
    assert_eq!(
        (
            made.status().as_u16(),
            json(&made)["properties"]["loginServer"].as_str()
        ),
        (201, Some("mine1.registry.localhost:5443"))
    );
    let mine = format!("{R}mine1{V}");
    for ((method, path, body), status, code) in [
        (("GET", format!("{R}other1{V}"), ""), 404, "ResourceNotFound"),
        (
            ("GET", format!("{{S}}/resourceGroups/none{V}"), ""),
            404,
            "ResourceGroupNotFound",
        ),
        (
            (
                "GET",
                format!("/subscriptions/00000000-0000-0000-0000-000000000009{V}"),
                "",
            ),
            404,
            "SubscriptionNotFound",
        ),
        (("GET", mine.replace(V, ""), ""), 400, "MissingApiVersionParameter"),
        (
            ("GET", mine.replace(V, "?api-version=soon"), ""),
            400,
            "InvalidApiVersionParameter",
        ),
        (("GET", format!("{R}a-b{V}"), ""), 400, "ResourceNameInvalid"),
        (
            ("GET", format!("{{S}}/resources{V}&$filter=resourceType%20eq"), ""),
            400,
            "InvalidFilterInQueryString",
        ),
        (("GET", format!("{{S}}/nothing{V}"), ""), 404, "NotFound"),
        (("POST", mine.clone(), ""), 405, "HttpMethodNotSupported"),
        (put(mine.clone(), "{"), 400, "InvalidRequestContent"),
        (
            put(mine.clone(), r#"{"sku":{"name":"Basic"}}"#),
            400,
            "LocationRequired",
        ),
        (
            put(mine.clone(), r#"{"location":"local","sku":{"name":"Gold"}}"#),
            400,
            "InvalidSku",
        ),
        (
            put(mine.clone(), r#"{"location":"mars","sku":{"name":"Basic"}}"#),
            409,
            "InvalidResourceLocation",
        ),
        (
            put(format!("{R}other1{V}"), r#"{"location":"mars","sku":{"name":"Basic"}}"#),
            400,
            "LocationNotAvailableForResourceType",
        ),
        (
            put(mine.replace("/rg/", "/rg2/"), REGISTRY),
            409,
            "RegistryNameAlreadyInUse",
        ),
        (
            put(mine.replace("/rg/", "/rg3/"), REGISTRY),
            404,
            "ResourceGroupNotFound",
        ),
        (
            ("PATCH", mine.clone(), r#"{"properties":{"anonymousPullEnabled":true}}"#),
            400,
            "BadRequest",
        ),
        (
            (
                "PATCH",
                mine.clone(),
                r#"{"properties":{"publicNetworkAccess":"Disabled"}}"#,
            ),
            400,
            "BadRequest",
        ),
        (
            ("PATCH", mine.clone(), r#"{"properties":{"zoneRedundancy":"Enabled"}}"#),
            400,
            "InvalidParameter",
        ),
        (
            put(format!("{{S}}/resourceGroups/rg{V}"), r#"{"location":"moon"}"#),
            409,
            "InvalidResourceGroupLocation",
        ),
    ] {
        let response = cloud.send(method, &path, Some(&owner), body).await;
        assert_eq!(
            (response.status().as_u16(), json(&response)["error"]["code"].as_str()),
            (status, Some(code)),
            "{method} {path}"
        );
        assert_eq!(response.headers()["x-ms-request-id"], "r1");
    }
    let old = cloud
        .send("GET", &mine.replace(V, "?api-version=2017-10-01"), Some(&owner), "")
        .await;
    assert!(
        json(&old)["properties"].get("publicNetworkAccess").is_none(),
        "{}",
        json(&old)
    );
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_changes_nothing() {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let group = format!("{{S}}/resourceGroups/rg{V}");
    let body = |padding: usize| format!(r#"{{"location":"local","tags":{{}}{}}}"#, " ".repeat(padding));
    let limit = 1 << 20;
    let (fits, exceeds) = (limit - body(0).len(), limit + 1 - body(0).len());
    let refused = cloud.send("PUT", &group, Some(&owner), &body(exceeds)).await;
    assert_eq!(
        (refused.status().as_u16(), json(&refused)["error"]["code"].as_str()),
        (413, Some("RequestContentTooLarge"))
    );
    let absent = cloud.send("GET", &group, Some(&owner), "").await;
    assert_eq!(absent.status(), 404, "nothing was made");
    let made = cloud.send("PUT", &group, Some(&owner), &body(fits)).await;
    assert_eq!(made.status(), 201, "{}", json(&made));
    let tagged = body(exceeds).replace("{}", r#"{"a":"b"}"#);
    assert_eq!(cloud.send("PATCH", &group, Some(&owner), &tagged).await.status(), 413);
    let kept = json(&cloud.send("GET", &group, Some(&owner), "").await);
    assert_eq!(kept, json(&made), "nothing was changed");
}

#[tokio::test]
async fn an_empty_filter_is_none() {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let list = format!("{{S}}/resources{V}");
    let all = cloud.send("GET", &list, Some(&owner), "").await;
    let filtered = cloud.send("GET", &format!("{list}&$filter="), Some(&owner), "").await;
    assert_eq!((filtered.status().as_u16(), json(&filtered)), (200, json(&all)));
}

#[tokio::test]
async fn tokens_are_had_for_a_secret_and_end() {
    let cloud = Cloud::start().await;
    let (app, _) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let ask = |app: &str, secret: &str| {
        format!(
            "grant_type=client_credentials&client_id={app}&client_secret={secret}&scope=https%3A%2F%2Flocalhost%2F%2F.default&claims=%7B%7D"
        )
    };
    let path = "/common/oauth2/v2.0/token";
    for (app, secret) in [
        (app.as_str(), "wrong"),
        ("00000000-0000-0000-0000-000000000001", "a+secret"),
    ] {
        let refused = cloud.send("POST", path, None, &ask(app, secret)).await;
        assert_eq!(
            (refused.status().as_u16(), json(&refused)["error"].as_str()),
            (401, Some("invalid_client"))
        );
    }
    let elsewhere = cloud
        .send(
            "POST",
            "/contoso.example/oauth2/v2.0/token",
            None,
            &ask(&app, "a+secret"),
        )
        .await;
    assert_eq!(elsewhere.status(), 400);
    for foreign in ["https%3A%2F%2Fvault.azure.net", "https%3A%2F%2Fevil.example%3A5443%2F"] {
        let asked = ask(&app, "a+secret").replace("https%3A%2F%2Flocalhost%2F", foreign);
        let refused = cloud.send("POST", path, None, &asked).await;
        assert_eq!(
            (refused.status().as_u16(), json(&refused)["error"].as_str()),
            (400, Some("invalid_resource"))
        );
        assert_eq!(json(&refused)["error_codes"][0], 500_011);
    }
    let good = cloud.send("POST", path, None, &ask(&app, "a+secret")).await;
    let token = json(&good)["access_token"].as_str().unwrap().to_owned();
    let list = format!("{{S}}/resourceGroups{V}");
    assert_eq!(cloud.send("GET", &list, Some(&token), "").await.status(), 200);
    cloud.registry.advance(Duration::from_secs(3600));
    let late = cloud.send("GET", &list, Some(&token), "").await;
    assert_eq!(json(&late)["error"]["code"], "ExpiredAuthenticationToken");
    cloud.registry.advance(Duration::from_secs(3600));
    assert_eq!(
        cloud.send("POST", path, None, &ask(&app, "a+secret")).await.status(),
        401,
        "the secret ended"
    );
    assert_eq!(cloud.send("GET", &list, Some("nonsense"), "").await.status(), 401);
}

#[tokio::test]
async fn classic_registries_lie_in_the_accounts_of_those_who_may_write_there() {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let group = format!("{}/resourcegroups/rg", cloud.subscription);
    let (_, neighbour) = cloud.principal(RoleId::OWNER, &group).await;
    for name in ["rg", "rg2"] {
        let path = format!("{{S}}/resourceGroups/{name}{V}");
        let made = cloud.send("PUT", &path, Some(&owner), r#"{"location":"local"}"#).await;
        assert_eq!(json(&made).get("tags"), None, "a group without tags has no such field");
    }
    let account = |group: &str| format!("{}store1", A.replace("/rg/", group)).replace("{S}", &cloud.subscription);
    let (mine, wrong_group) = (account("/rg2/"), account("/rg/"));
    let store = r#"{"location":"Local","kind":"StorageV2","sku":{"name":"Standard_RAGRS"},"tags":{"a":"b"}}"#;
    let made = cloud.send("PUT", &format!("{mine}{V}"), Some(&owner), store).await;
    let shown = json(&made);
    assert_eq!(
        (made.status().as_u16(), &shown["id"]),
        (200, &Value::from(mine.clone()))
    );
    assert_eq!(shown["sku"]["name"], "Standard_LRS");
    let check = r#"{"name":"store1","type":"Microsoft.Storage/storageAccounts"}"#;
    let path = format!("{{S}}/providers/Microsoft.Storage/checkNameAvailability{V}");
    assert_eq!(
        json(&cloud.send("POST", &path, Some(&owner), check).await)["reason"],
        "AlreadyExists"
    );

    let classic = |id: &str, sku: &str| {
        format!(r#"{{"location":"local","sku":{{"name":"{sku}"}},"properties":{{"storageAccount":{{"id":"{id}"}}}}}}"#)
    };
    let registry = format!("{R}mine1?api-version=2017-10-01");
    for (caller, path, body, status, code) in [
        (
            &neighbour,
            &registry,
            classic(&mine, "Classic"),
            403,
            "LinkedAuthorizationFailed",
        ),
        (
            &owner,
            &registry,
            classic("store1", "Classic"),
            400,
            "LinkedInvalidPropertyId",
        ),
        (
            &owner,
            &registry,
            classic(&wrong_group, "Classic"),
            404,
            "ResourceNotFound",
        ),
        (&owner, &registry, classic(&mine, "Basic"), 400, "BadRequest"),
        (
            &owner,
            &registry,
            REGISTRY.replace("Basic", "Classic"),
            400,
            "BadRequest",
        ),
        (
            &owner,
            &format!("{wrong_group}{V}"),
            store.to_owned(),
            409,
            "StorageAccountAlreadyTaken",
        ),
        (
            &owner,
            &format!("{A}Store{V}"),
            store.to_owned(),
            400,
            "ResourceNameInvalid",
        ),
        (
            &owner,
            &format!("{A}other{V}"),
            store.replace("Local", "mars"),
            400,
            "LocationNotAvailableForResourceType",
        ),
        (
            &owner,
            &format!("{A}other{V}"),
            r#"{"location":"local","properties":{"isHnsEnabled":true}}"#.to_owned(),
            400,
            "InvalidParameter",
        ),
    ] {
        let refused = cloud.send("PUT", path, Some(caller), &body).await;
        let found = json(&refused)["error"]["code"].clone();
        assert_eq!(
            (refused.status().as_u16(), found.as_str()),
            (status, Some(code)),
            "{path} {body}"
        );
    }

    let made = cloud
        .send(
            "PUT",
            &registry,
            Some(&owner),
            &classic(&mine.to_uppercase(), "classic"),
        )
        .await;
    let shown = json(&made);
    assert_eq!(
        (made.status().as_u16(), &shown["sku"]["name"]),
        (201, &Value::from("Classic"))
    );
    assert_eq!(shown["properties"]["storageAccount"]["id"], mine);
    let new = cloud.send("GET", &format!("{R}mine1{V}"), Some(&owner), "").await;
    assert!(
        json(&new)["properties"].get("storageAccount").is_none(),
        "{}",
        json(&new)
    );
    for body in [
        r#"{"sku":{"name":"Premium"}}"#,
        r#"{"properties":{"anonymousPullEnabled":true}}"#,
    ] {
        assert_eq!(
            cloud.send("PATCH", &registry, Some(&owner), body).await.status(),
            400,
            "{body}"
        );
    }
    let used = cloud.send("DELETE", &format!("{mine}{V}"), Some(&owner), "").await;
    assert_eq!(json(&used)["error"]["code"], "Conflict");
    let group = format!("{{S}}/resourceGroups/rg2{V}");
    assert_eq!(cloud.send("DELETE", &group, Some(&owner), "").await.status(), 409);
    let filter = "$filter=resourceType%20eq%20'Microsoft.Storage/storageAccounts'";
    let listed = cloud
        .send("GET", &format!("{{S}}/resources{V}&{filter}"), Some(&owner), "")
        .await;
    assert_eq!(json(&listed)["value"][0]["name"], "store1");
    assert_eq!(cloud.send("DELETE", &registry, Some(&owner), "").await.status(), 200);
    assert_eq!(cloud.send("DELETE", &group, Some(&owner), "").await.status(), 200);
    assert_eq!(
        cloud
            .send("DELETE", &format!("{mine}{V}"), Some(&owner), "")
            .await
            .status(),
        204
    );
}
