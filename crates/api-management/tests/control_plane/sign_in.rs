//! Every way to sign in, as programs and browsers go it.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdfast_access::{ControlCaller, RoleId, decide_control};
use holdfast_directory::{ApplicationChange, ApplicationKey, CertificateChange, NewCertificate, NewPerson};
use holdfast_identity::{
    directory::SignedIn,
    external_issuer::{FetchDocument, FetchError},
    throttle::{FREE_PASSWORDS, MAX_PASSWORDS_AT_ONCE},
};
use holdfast_model::FederatedSubject;
use http::{Response, header};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use secrecy::SecretString;
use serde_json::json;

use super::*;

mod application;
mod code;
mod device;
mod throttle;

use device::start_device;

pub(super) const CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
const PASSWORD: &str = "correct horse battery";
const BASE: &str = "https://localhost:5443";
const TOKEN: &str = "/common/oauth2/v2.0/token";
const SCOPE: &str = "https://localhost:5443//.default offline_access openid profile";
const ISSUER: &str = "https://issuer.example";
/// The example of RFC 7636.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What external issuers publish.
#[derive(Default)]
pub(crate) struct Web(Mutex<HashMap<String, Value>>);

#[async_trait]
impl FetchDocument for Web {
    async fn fetch(&self, url: &str, _limit_bytes: u64) -> Result<Vec<u8>, FetchError> {
        let found = self.0.lock().unwrap().get(url).map(ToString::to_string);
        Ok(found.ok_or("nobody answers")?.into_bytes())
    }
}

/// A browser: it keeps the cookie, and sends a page's form with what it holds.
struct Browser<'a> {
    cloud: &'a Cloud,
    cookie: String,
}

struct Page {
    response: Response<Bytes>,
    fields: Vec<(String, String)>,
}

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.response.body().to_vec()).unwrap()
    }
}

impl<'a> Browser<'a> {
    fn new(cloud: &'a Cloud) -> Self {
        Self {
            cloud,
            cookie: String::new(),
        }
    }

    async fn open(&mut self, path: &str) -> Page {
        let cookie = self.cookie.clone();
        let response = self
            .cloud
            .send_with("GET", path, None, "", &[("Cookie", &cookie)])
            .await;
        self.read(response)
    }

    /// Sends the page's form, filled in, from a page of `origin`.
    async fn send(&mut self, path: &str, page: &Page, filled: &[(&str, &str)], origin: &str) -> Page {
        let hidden = page.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let body = form(&hidden.chain(filled.iter().copied()).collect::<Vec<_>>());
        let headers = [("Cookie", self.cookie.as_str()), ("Origin", origin)];
        let response = self.cloud.send_with("POST", path, None, &body, &headers).await;
        self.read(response)
    }

    fn read(&mut self, response: Response<Bytes>) -> Page {
        let text = String::from_utf8_lossy(response.body()).into_owned();
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(
            policy.contains("frame-ancestors 'none'") && policy.starts_with("default-src 'none'"),
            "{policy}"
        );
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
        assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Secure"), "{cookie}");
        self.cookie = cookie.split(';').next().unwrap().to_owned();
        let hidden = text.split("<input type=\"hidden\" name=\"").skip(1);
        let fields = hidden.map(|input| {
            let (name, rest) = input.split_once("\" value=\"").unwrap();
            let value = rest
                .split_once('"')
                .unwrap()
                .0
                .replace("&#38;", "&")
                .replace("&#39;", "'");
            (name.to_owned(), value)
        });
        Page {
            fields: fields.collect(),
            response,
        }
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

impl Cloud {
    /// A person who reads the subscription; gives a token.
    pub(super) async fn ann(&self) -> String {
        let operator = ControlCaller::operator();
        let new = NewPerson {
            user_name: "ann@example.org".parse().unwrap(),
            display_name: "Ann".to_owned(),
            verifier: self.password_hasher.verifier(&SecretString::from(PASSWORD)).unwrap(),
        };
        let role = (
            RoleId::READER,
            decide_control(&operator, &self.subscription.parse().unwrap()).unwrap(),
        );
        let everywhere = decide_control(&operator, &ResourceId::root()).unwrap();
        let ann = self
            .registry
            .directory()
            .create_person(&everywhere, Some(role), new)
            .await
            .unwrap();
        let who = SignedIn {
            issuer: format!("{BASE}/t/v2.0"),
            client_id: CLI.parse().unwrap(),
            object_id: ann.principal.id,
            user_name: "ann@example.org".to_owned(),
            display_name: ann.principal.display_name,
            generation: ann.principal.generation,
            source_ends_at: None,
        };
        let now = self.registry.now().unix_secs();
        self.directory.issue_signed_in(&who, &format!("{BASE}/"), now).unwrap()
    }

    async fn token(&self, fields: &[(&str, &str)]) -> (u16, Value) {
        let response = self.send("POST", TOKEN, None, &form(fields)).await;
        (response.status().as_u16(), json(&response))
    }

    /// Whether a token opens ARM.
    async fn opens(&self, token: &Value) -> u16 {
        let token = token["access_token"].as_str().unwrap();
        let answer = self
            .send("GET", &format!("{{S}}/resourceGroups{V}"), Some(token), "")
            .await;
        answer.status().as_u16()
    }
}

fn authorize(redirect: &str, mode: &str) -> String {
    let query = form(&[
        ("client_id", CLI),
        ("response_type", "code"),
        ("redirect_uri", redirect),
        ("scope", SCOPE),
        ("state", "s&'1"),
        ("nonce", "n1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("response_mode", mode),
        ("login_hint", "\"><script>alert(1)</script>"),
    ]);
    format!("/organizations/oauth2/v2.0/authorize?{query}")
}

fn redeem<'a>(code: &'a str, verifier: &'a str, redirect: &'a str) -> [(&'static str, &'a str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", CLI),
        ("code", code),
        ("code_verifier", verifier),
        ("redirect_uri", redirect),
    ]
}

const AUTHORIZE: &str = "/organizations/oauth2/v2.0/authorize";
const SIGN_IN: [(&str, &str); 3] = [
    ("user_name", "ann@example.org"),
    ("password", PASSWORD),
    ("action", "sign-in"),
];

/// A code, sent in a redirect.
async fn code(cloud: &Cloud) -> String {
    let mut browser = Browser::new(cloud);
    let page = browser.open(&authorize("http://localhost:8400", "query")).await;
    assert!(!page.text().contains("<script>alert"), "{}", page.text());
    let sent = browser.send(AUTHORIZE, &page, &SIGN_IN, BASE).await;
    assert_eq!(sent.response.status(), 303, "{}", sent.text());
    let location = sent.response.headers()[header::LOCATION].to_str().unwrap();
    let query = location.strip_prefix("http://localhost:8400?").unwrap();
    let values: HashMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    assert_eq!(values["state"], "s&'1");
    values["code"].clone()
}

#[tokio::test]
async fn refresh_tokens_end_with_the_password_and_with_the_account() {
    let cloud = Cloud::start().await;
    cloud.ann().await;
    let signed_in = || async {
        let code = code(&cloud).await;
        cloud.token(&redeem(&code, VERIFIER, "http://localhost:8400")).await.1
    };
    let refresh_for = |tokens: &Value, client: &'static str, scope: &'static str| {
        let token = tokens["refresh_token"].as_str().unwrap().to_owned();
        let cloud = &cloud;
        async move {
            let fields = [
                ("grant_type", "refresh_token"),
                ("client_id", client),
                ("refresh_token", token.as_str()),
                ("scope", scope),
            ];
            cloud.token(&fields).await
        }
    };
    let refresh = |tokens: &Value, client: &'static str| {
        let scope = "https://containerregistry.azure.net/.default offline_access";
        refresh_for(tokens, client, scope)
    };
    let first = signed_in().await;
    let (status, second) = refresh(&first, CLI).await;
    assert_eq!(
        (status, second["scope"].as_str()),
        (200, Some("https://containerregistry.azure.net/.default"))
    );
    assert_eq!(
        cloud.opens(&second).await,
        401,
        "a token for registries is none for ARM"
    );
    assert_eq!(refresh(&second, CLI).await.0, 200);
    let elsewhere = refresh_for(&second, CLI, "https://vault.azure.net/.default").await;
    assert_eq!(
        (elsewhere.1["error"].as_str(), number(&elsewhere)),
        (Some("invalid_resource"), 500_011)
    );
    assert_eq!(refresh(&first, "1950a258-227b-4e31-a9cf-717495945fc2").await.0, 400);
    let everywhere = decide_control(&ControlCaller::operator(), &ResourceId::root()).unwrap();
    let name = || "ann@example.org".parse().unwrap();
    cloud
        .registry
        .directory()
        .enable_person(&everywhere, name(), false)
        .await
        .unwrap();
    assert_eq!((refresh(&first, CLI).await.0, cloud.opens(&first).await), (400, 401));
    let mut browser = Browser::new(&cloud);
    let page = browser.open(&authorize("http://localhost:8400", "query")).await;
    let refused = browser.send(AUTHORIZE, &page, &SIGN_IN, BASE).await;
    assert!(refused.text().contains("AADSTS50057"), "{}", refused.text());
    cloud
        .registry
        .directory()
        .enable_person(&everywhere, name(), true)
        .await
        .unwrap();
    assert_eq!(refresh(&first, CLI).await.0, 400, "what was voided stays void");
    let third = signed_in().await;
    cloud.registry.advance(Duration::from_secs(90 * 24 * 3600));
    assert_eq!(refresh(&third, CLI).await.0, 400);
    let ropc = [
        ("grant_type", "password"),
        ("username", "ann@example.org"),
        ("password", PASSWORD),
    ];
    assert_eq!(cloud.token(&ropc).await.1["error"], "unsupported_grant_type");
}

fn number(answer: &(u16, Value)) -> u64 {
    answer.1["error_codes"][0].as_u64().unwrap_or_default()
}
