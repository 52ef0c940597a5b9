//! The control plane as its callers see it: every route for every kind of caller, and what errors look like.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose, in their helpers too")]

mod bodies;
mod callers;
mod classic;
mod disturbed;
mod erase;
mod error;
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
use holdfast_arm::ResourceId;
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
                &decide_control(&operator, &ResourceId::root()).unwrap(),
                &decide_control(&operator, &scope.parse().unwrap()).unwrap(),
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
