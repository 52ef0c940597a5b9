//! Every way to sign in, as programs and browsers go it.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdfast_access::{ControlCaller, RoleId, decide_control};
use holdfast_identity::{
    directory::SignedIn,
    external_issuer::{FetchDocument, FetchError},
    throttle::{FREE_PASSWORDS, MAX_PASSWORDS_AT_ONCE},
};
use holdfast_model::FederatedSubject;
use holdfast_registry::{ApplicationChange, ApplicationKey, CertificateChange, NewCertificate, NewPerson};
use http::{Response, header};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use secrecy::SecretString;
use serde_json::json;

use super::*;

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
        let role = (RoleId::READER, decide_control(&operator, &self.subscription).unwrap());
        let everywhere = decide_control(&operator, "/").unwrap();
        let ann = self.registry.create_person(&everywhere, Some(role), new).await.unwrap();
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

async fn start_device(cloud: &Cloud) -> Value {
    let body = form(&[("client_id", CLI), ("scope", SCOPE)]);
    json(&cloud.send("POST", "/common/oauth2/v2.0/devicecode", None, &body).await)
}

fn poll(device: &Value) -> [(&'static str, &str); 3] {
    [
        ("grant_type", "device_code"),
        ("client_id", CLI),
        ("device_code", device["device_code"].as_str().unwrap()),
    ]
}

#[tokio::test]
async fn a_device_is_signed_in_by_a_person_at_the_page() {
    let cloud = Cloud::start().await;
    cloud.ann().await;
    let device = start_device(&cloud).await;
    assert_eq!(device["verification_uri"], format!("{BASE}/devicelogin"));
    let user_code = device["user_code"].as_str().unwrap();
    let refused = |answer: &(u16, Value), error: &str| {
        assert_eq!(
            (answer.0, answer.1["error"].as_str()),
            (400, Some(error)),
            "{}",
            answer.1
        );
    };
    refused(&cloud.token(&poll(&device)).await, "authorization_pending");
    refused(&cloud.token(&poll(&device)).await, "slow_down");

    let mut browser = Browser::new(&cloud);
    let first = browser.open("/devicelogin").await;
    let wrong = browser
        .send("/devicelogin", &first, &[("user_code", "BCDFGHJKL")], BASE)
        .await;
    assert!(wrong.text().contains("not right"), "{}", wrong.text());
    let second = browser
        .send("/devicelogin", &first, &[("user_code", user_code)], BASE)
        .await;
    assert!(second.text().contains("the Azure CLI"), "{}", second.text());
    let sign_in = |password| {
        [
            ("user_name", "Ann@example.org"),
            ("password", password),
            ("action", "sign-in"),
        ]
    };
    let again = browser
        .send("/devicelogin", &second, &sign_in("a wrong password"), BASE)
        .await;
    assert!(again.text().contains("AADSTS50126"), "{}", again.text());
    for origin in ["https://evil.example", "null"] {
        let foreign = browser.send("/devicelogin", &again, &sign_in(PASSWORD), origin).await;
        assert!(foreign.text().contains("AADSTS900561"), "{}", foreign.text());
    }
    let mut other = Browser::new(&cloud);
    other.open("/devicelogin").await;
    let foreign = other.send("/devicelogin", &again, &sign_in(PASSWORD), BASE).await;
    assert!(foreign.text().contains("AADSTS900561"), "a form of another browser");
    let done = browser.send("/devicelogin", &again, &sign_in(PASSWORD), BASE).await;
    assert!(done.text().contains("You are signed in"), "{}", done.text());

    let stranger = "1950a258-227b-4e31-a9cf-717495945fc2";
    let theft = [poll(&device)[0], ("client_id", stranger), poll(&device)[2]];
    refused(&cloud.token(&theft).await, "bad_verification_code");
    let (status, tokens) = cloud.token(&poll(&device)).await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(tokens["scope"], "https://localhost:5443//.default openid profile");
    assert!(tokens["expires_in"].is_number() && tokens["client_info"].is_string());
    let claims = tokens["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(claims["preferred_username"], "ann@example.org");
    assert_eq!(cloud.opens(&tokens).await, 200);
    refused(&cloud.token(&poll(&device)).await, "bad_verification_code");
}

#[tokio::test]
async fn a_device_is_denied_or_forgotten() {
    let cloud = Cloud::start().await;
    let mut browser = Browser::new(&cloud);
    let device = start_device(&cloud).await;
    let first = browser.open("/common/oauth2/deviceauth").await;
    let user_code = device["user_code"].as_str().unwrap();
    let second = browser
        .send("/devicelogin", &first, &[("user_code", user_code)], BASE)
        .await;
    let denied = browser.send("/devicelogin", &second, &[("action", "deny")], BASE).await;
    assert!(denied.text().contains("Nobody was signed in"), "{}", denied.text());
    assert_eq!(cloud.token(&poll(&device)).await.1["error"], "access_denied");
    let device = start_device(&cloud).await;
    cloud.registry.advance(Duration::from_secs(15 * 60));
    assert_eq!(cloud.token(&poll(&device)).await.1["error"], "expired_token");
    let unknown = form(&[("client_id", "00000000-0000-0000-0000-000000000001")]);
    let refused = cloud
        .send("POST", "/common/oauth2/v2.0/devicecode", None, &unknown)
        .await;
    assert!(
        json(&refused)["error_description"]
            .as_str()
            .unwrap()
            .starts_with("AADSTS700016")
    );
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
async fn a_code_is_redeemed_once_by_who_asked_for_it() {
    let cloud = Cloud::start().await;
    cloud.ann().await;
    let here = "http://localhost:8400";
    let good = code(&cloud).await;
    let (status, tokens) = cloud.token(&redeem(&good, VERIFIER, here)).await;
    assert_eq!((status, cloud.opens(&tokens).await), (200, 200), "{tokens}");
    let claims = tokens["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(
        (claims["nonce"].as_str(), claims["aud"].as_str()),
        (Some("n1"), Some(CLI))
    );
    assert_eq!(cloud.token(&redeem(&good, VERIFIER, here)).await.0, 400, "used");
    let other = VERIFIER.replace('d', "e");
    for (verifier, redirect) in [(other.as_str(), here), (VERIFIER, "http://localhost:8401"), ("", here)] {
        let stolen = code(&cloud).await;
        let refused = cloud.token(&redeem(&stolen, verifier, redirect)).await;
        assert_eq!((refused.0, refused.1["error"].as_str()), (400, Some("invalid_grant")));
        assert_eq!(
            cloud.token(&redeem(&stolen, VERIFIER, here)).await.0,
            400,
            "a failed try ends it"
        );
    }
    let late = code(&cloud).await;
    cloud.registry.advance(Duration::from_secs(5 * 60));
    assert_eq!(cloud.token(&redeem(&late, VERIFIER, here)).await.0, 400);
}

#[tokio::test]
async fn a_code_is_posted_to_the_program_without_a_script_if_need_be() {
    let cloud = Cloud::start().await;
    cloud.ann().await;
    let mut browser = Browser::new(&cloud);
    let page = browser.open(&authorize("http://localhost:8400", "form_post")).await;
    let sent = browser.send(AUTHORIZE, &page, &SIGN_IN, BASE).await;
    let text = sent.text();
    assert!(
        text.contains("action=\"http://localhost:8400\"") && text.contains("<button>Continue"),
        "{text}"
    );
    let values: HashMap<_, _> = sent.fields.into_iter().collect();
    assert_eq!(values["state"], "s&'1");
    let tokens = cloud
        .token(&redeem(&values["code"], VERIFIER, "http://localhost:8400"))
        .await;
    assert_eq!(tokens.0, 200);
    let denied = browser.send(AUTHORIZE, &page, &[("action", "deny")], BASE).await;
    assert!(denied.text().contains("access_denied"));
}

#[tokio::test]
async fn the_page_sends_nobody_elsewhere() {
    let cloud = Cloud::start().await;
    cloud.ann().await;
    let mut browser = Browser::new(&cloud);
    for (redirect, number) in [
        ("https://evil.example", "AADSTS50011"),
        ("http://localhost@evil.example", "AADSTS50011"),
        ("http://localhost:1/\\evil.example", "AADSTS50011"),
    ] {
        let page = browser.open(&authorize(redirect, "query")).await;
        assert!(
            page.text().contains(number) && !page.text().contains("evil"),
            "{}",
            page.text()
        );
        assert!(!page.response.headers().contains_key(header::LOCATION));
    }
    // What the page carried along is checked again when it comes back.
    let mut page = browser.open(&authorize("http://localhost:8400", "query")).await;
    let redirect = page.fields.iter_mut().find(|(name, _)| name == "redirect_uri").unwrap();
    redirect.1 = "https://evil.example".to_owned();
    let sent = browser.send(AUTHORIZE, &page, &SIGN_IN, BASE).await;
    assert!(sent.text().contains("AADSTS50011"));
    for (from, to, number) in [
        ("S256", "plain", "AADSTS50148"),
        ("response_type=code", "response_type=token", "AADSTS70005"),
        ("response_mode=query", "response_mode=fragment", "AADSTS70005"),
        (CLI, "00000000-0000-0000-0000-000000000001", "AADSTS700016"),
    ] {
        let page = browser
            .open(&authorize("http://localhost", "query").replace(from, to))
            .await;
        assert!(page.text().contains(number), "{}", page.text());
    }
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
    let everywhere = decide_control(&ControlCaller::operator(), "/").unwrap();
    let name = || "ann@example.org".parse().unwrap();
    cloud.registry.enable_person(&everywhere, name(), false).await.unwrap();
    assert_eq!((refresh(&first, CLI).await.0, cloud.opens(&first).await), (400, 401));
    let mut browser = Browser::new(&cloud);
    let page = browser.open(&authorize("http://localhost:8400", "query")).await;
    let refused = browser.send(AUTHORIZE, &page, &SIGN_IN, BASE).await;
    assert!(refused.text().contains("AADSTS50057"), "{}", refused.text());
    cloud.registry.enable_person(&everywhere, name(), true).await.unwrap();
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

#[tokio::test]
async fn guessing_passwords_is_throttled() {
    let cloud = Cloud::start().await;
    cloud.ann().await;
    let mut browser = Browser::new(&cloud);
    let page = browser.open(&authorize("http://localhost:8400", "query")).await;
    let wrong = [
        ("user_name", "ann@example.org"),
        ("password", "wrong"),
        ("action", "sign-in"),
    ];
    for _ in 0..10 {
        assert_eq!(
            browser.send(AUTHORIZE, &page, &wrong, BASE).await.response.status(),
            400
        );
    }
    let braked = browser.send(AUTHORIZE, &page, &SIGN_IN, BASE).await;
    assert_eq!(braked.response.status(), 429, "{}", braked.text());
    cloud.registry.advance(Duration::from_secs(60));
    assert_eq!(
        browser.send(AUTHORIZE, &page, &SIGN_IN, BASE).await.response.status(),
        303
    );
}

#[tokio::test]
async fn made_up_names_are_braked_together() {
    let cloud = Cloud::start().await;
    cloud.ann().await;
    let mut browser = Browser::new(&cloud);
    let page = browser.open(&authorize("http://localhost:8400", "query")).await;
    let guess = |name: String| {
        let (cloud, page) = (&cloud, &page);
        let cookie = browser.cookie.clone();
        async move {
            let mut browser = Browser { cloud, cookie };
            let wrong = [
                ("user_name", name.as_str()),
                ("password", "wrong"),
                ("action", "sign-in"),
            ];
            browser
                .send(AUTHORIZE, page, &wrong, BASE)
                .await
                .response
                .status()
                .as_u16()
        }
    };
    let burst = futures_util::future::join_all((0..100).map(|index| guess(format!("nobody{index}")))).await;
    let looked_at = burst.iter().filter(|status| **status == 400).count();
    assert_eq!(looked_at, MAX_PASSWORDS_AT_ONCE as usize, "{burst:?}");
    for index in MAX_PASSWORDS_AT_ONCE..FREE_PASSWORDS {
        assert_eq!(guess(format!("somebody{index}")).await, 400);
    }
    assert_eq!(guess("yet another".to_owned()).await, 429);
    cloud.registry.advance(Duration::from_secs(60));
    assert_eq!(
        browser.send(AUTHORIZE, &page, &SIGN_IN, BASE).await.response.status(),
        303
    );
}

#[tokio::test]
async fn a_crowd_is_told_at_once_that_there_is_no_room_to_wait() {
    const MAX_QUEUED: usize = 64;
    let cloud = Cloud::start().await;
    cloud.ann().await;
    let mut browser = Browser::new(&cloud);
    let page = browser.open(&authorize("http://localhost:8400", "query")).await;
    let guesses = (1..=6u8).flat_map(|host| (0..MAX_PASSWORDS_AT_ONCE).map(move |index| (host, index)));
    let crowd = futures_util::future::join_all(guesses.map(|(host, index)| {
        let (cloud, page) = (&cloud, &page);
        let cookie = browser.cookie.clone();
        async move {
            cloud.host.store(host, Ordering::Relaxed);
            let name = format!("nobody{index}");
            let wrong = [
                ("user_name", name.as_str()),
                ("password", "wrong"),
                ("action", "sign-in"),
            ];
            let mut browser = Browser { cloud, cookie };
            browser
                .send(AUTHORIZE, page, &wrong, BASE)
                .await
                .response
                .status()
                .as_u16()
        }
    }));
    let crowd = crowd.await;
    let looked_at = crowd.iter().filter(|status| **status == 400).count();
    let turned_away = crowd.iter().filter(|status| **status == 429).count();
    assert_eq!(looked_at + turned_away, crowd.len());
    // A slow machine turns away some of those who wait too, when they have waited too long.
    assert!((1..=MAX_QUEUED).contains(&looked_at), "{looked_at}");
    let right = browser.send(AUTHORIZE, &page, &SIGN_IN, BASE).await;
    assert_eq!(right.response.status(), 303, "it is no failure to be turned away");
}

#[tokio::test]
async fn those_behind_one_address_do_not_lock_each_other_out() {
    let cloud = Cloud::start().await;
    cloud.ann().await;
    let mut browser = Browser::new(&cloud);
    let first = browser.open("/devicelogin").await;
    for _ in 0..30 {
        let stray = [
            ("grant_type", "authorization_code"),
            ("client_id", CLI),
            ("code", "stray"),
            ("redirect_uri", "http://localhost:8400"),
            ("code_verifier", VERIFIER),
        ];
        let (status, refused) = cloud.token(&stray).await;
        assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));
        assert!(start_device(&cloud).await["device_code"].is_string());
        let typed = browser
            .send("/devicelogin", &first, &[("user_code", "BCDFGHJKL")], BASE)
            .await;
        assert!(typed.text().contains("That code is not right"), "{}", typed.text());
    }
}

#[tokio::test]
async fn a_device_keeps_a_bounded_scope() {
    let cloud = Cloud::start().await;
    for (length, status) in [(2048, 200), (2049, 400)] {
        let body = form(&[("client_id", CLI), ("scope", &"s".repeat(length))]);
        let answer = cloud.send("POST", "/common/oauth2/v2.0/devicecode", None, &body).await;
        assert_eq!(answer.status().as_u16(), status, "{length}");
    }
}

#[tokio::test]
async fn what_the_page_carries_along_is_whole_or_refused() {
    let cloud = Cloud::start().await;
    for parameter in ["scope", "state", "nonce", "login_hint"] {
        for (length, status) in [(2048, 200), (2049, 400)] {
            let value = "v".repeat(length);
            let path = format!("{}&{parameter}={value}", authorize("http://localhost:8400/", "query"));
            let page = cloud.send("GET", &path, None, "").await;
            let text = str::from_utf8(page.body()).unwrap();
            assert_eq!(page.status(), status, "{parameter}: {text}");
            let told = format!("parameter &#39;{parameter}&#39; is longer than 2048 bytes");
            let told = if status == 200 { value } else { told };
            assert!(text.contains(&told), "{parameter} of {length}: {text}");
        }
    }
}

/// A key with a certificate.
struct Signer {
    key: jsonwebtoken::EncodingKey,
    der: Vec<u8>,
    n: String,
}

impl Signer {
    fn new() -> Self {
        let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let params = CertificateParams::new(vec!["app.example".to_owned()]).unwrap();
        let der = params.self_signed(&pair).unwrap().der().to_vec();
        let Some(holdfast_identity::external_token::ExternalKey::Rsa { modulus, .. }) =
            holdfast_identity::external_token::ExternalKey::of_certificate(&der)
        else {
            panic!("an RSA key");
        };
        Self {
            key: jsonwebtoken::EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap(),
            n: URL_SAFE_NO_PAD.encode(modulus),
            der,
        }
    }

    fn sign(&self, thumbprint: Option<[u8; 32]>, claims: &Value) -> String {
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::PS256);
        header.x5t_s256 = thumbprint.map(|print| URL_SAFE_NO_PAD.encode(print));
        header.kid = Some("k1".to_owned());
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }
}

impl Cloud {
    /// Gives the application a certificate that is good for so many seconds.
    async fn add_certificate(&self, app: &str, signer: &Signer, sha256: [u8; 32], secs: u64) {
        let certificate = NewCertificate {
            id: uuid::Uuid::from_u128(1),
            display_name: None,
            der: signer.der.clone(),
            sha256,
            sha1: [8; 20],
            starts_at: self.registry.now(),
            expires_at: self.registry.now().plus(Duration::from_secs(secs)),
        };
        let everywhere = decide_control(&ControlCaller::operator(), "/").unwrap();
        let change = ApplicationChange {
            certificates: Some(vec![CertificateChange::Add(Box::new(certificate))]),
            ..ApplicationChange::default()
        };
        let key = ApplicationKey::App(app.parse().unwrap());
        let updated = self.registry.update_application(&everywhere, key, change);
        updated.await.unwrap();
    }

    /// Lets the application in with tokens of the external issuer.
    async fn trust_issuer(&self, app: &str) {
        let everywhere = decide_control(&ControlCaller::operator(), "/").unwrap();
        let subject = FederatedSubject::Exact("repo:me/app:ref:refs/heads/main".to_owned());
        let audiences = vec!["api://AzureADTokenExchange".to_owned()];
        let trusted = (ISSUER.to_owned(), subject, audiences);
        let key = ApplicationKey::App(app.parse().unwrap());
        let added = self
            .registry
            .add_federated_credential(&everywhere, key, "main".to_owned(), trusted, None);
        added.await.unwrap();
    }

    /// The external issuer shows this key.
    fn publish(&self, signer: &Signer) {
        let mut web = self.web.0.lock().unwrap();
        let configuration = json!({ "issuer": ISSUER, "jwks_uri": "https://issuer.example/keys" });
        web.insert(format!("{ISSUER}/.well-known/openid-configuration"), configuration);
        let keys = json!({ "keys": [{ "kty": "RSA", "kid": "k1", "n": signer.n, "e": "AQAB" }] });
        web.insert(format!("{ISSUER}/keys"), keys);
    }
}

async fn assert_with(cloud: &Cloud, app: &str, assertion: &str, resource: &str) -> (u16, Value) {
    let scope = format!("{resource}/.default");
    cloud
        .token(&[
            ("grant_type", "client_credentials"),
            ("client_id", app),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", assertion),
            ("scope", &scope),
        ])
        .await
}

fn number(answer: &(u16, Value)) -> u64 {
    answer.1["error_codes"][0].as_u64().unwrap_or_default()
}

#[tokio::test]
async fn an_application_signs_with_its_certificate() {
    let cloud = Cloud::start().await;
    let (app, _) = cloud.principal(RoleId::READER, &cloud.subscription).await;
    let (signer, other) = (Signer::new(), Signer::new());
    let thumbprint = [7; 32];
    cloud.add_certificate(&app, &signer, thumbprint, 7200).await;
    let now = cloud.registry.now().unix_secs();
    let tenant = cloud.directory.tenant();
    let endpoint = format!("{BASE}/{tenant}/oauth2/v2.0/token");
    let claims = |id: u32| json!({ "iss": app, "sub": app, "aud": endpoint, "exp": now + 600, "jti": id.to_string() });
    let good = signer.sign(Some(thumbprint), &claims(1));
    let (status, tokens) = assert_with(&cloud, &app, &good, "https://localhost").await;
    assert_eq!((status, cloud.opens(&tokens).await), (200, 200), "{tokens}");
    assert_eq!(
        assert_with(&cloud, &app, &good, "https://containerregistry.azure.net")
            .await
            .0,
        200
    );
    assert_eq!(
        number(&assert_with(&cloud, &app, &good, "https://LOCALHOST:5443//").await),
        700_027,
        "used, under another spelling"
    );
    let with = |name: &str, value: Value| {
        let mut claims = claims(2);
        claims[name] = value;
        signer.sign(Some(thumbprint), &claims)
    };
    for (bad, expected) in [
        (other.sign(Some(thumbprint), &claims(3)), 700_027),
        (signer.sign(Some([9; 32]), &claims(3)), 700_027),
        (signer.sign(None, &claims(3)), 700_027),
        (
            with(
                "aud",
                json!("https://login.microsoftonline.com/common/oauth2/v2.0/token"),
            ),
            700_023,
        ),
        (with("sub", json!("00000000-0000-0000-0000-000000000001")), 700_021),
        (with("exp", json!(now - 61)), 700_024),
        (with("exp", json!(now + 7200)), 700_024),
        ("a.b.c".to_owned(), 50027),
    ] {
        let refused = assert_with(&cloud, &app, &bad, "https://localhost").await;
        assert_eq!(number(&refused), expected, "{}", refused.1);
    }
    cloud.registry.advance(Duration::from_secs(7200));
    let later = json!({ "iss": app, "sub": app, "aud": endpoint, "exp": now + 7800 });
    let expired = assert_with(
        &cloud,
        &app,
        &signer.sign(Some(thumbprint), &later),
        "https://localhost",
    )
    .await;
    assert_eq!(number(&expired), 700_027, "the certificate has expired");
}

#[tokio::test]
async fn an_application_brings_a_token_of_an_issuer_that_it_trusts() {
    let cloud = Cloud::start().await;
    let (app, _) = cloud.principal(RoleId::READER, &cloud.subscription).await;
    let signer = Signer::new();
    cloud.trust_issuer(&app).await;
    let now = cloud.registry.now().unix_secs();
    let claims = json!({
        "iss": ISSUER, "sub": "repo:me/app:ref:refs/heads/main", "aud": "api://AzureADTokenExchange", "exp": now + 300,
    });
    let token = signer.sign(None, &claims);
    assert_eq!(
        number(&assert_with(&cloud, &app, &token, "https://localhost").await),
        90033,
        "nobody answers there"
    );
    cloud.registry.advance(Duration::from_secs(60));
    cloud.publish(&signer);
    // As az does: the same token for each resource.
    for resource in [
        "https://localhost",
        "https://localhost",
        "https://containerregistry.azure.net",
    ] {
        let (status, answer) = assert_with(&cloud, &app, &token, resource).await;
        assert_eq!(status, 200, "{answer}");
    }
    let with = |name: &str, value: &str| {
        let mut claims = claims.clone();
        claims[name] = json!(value);
        signer.sign(None, &claims)
    };
    for (bad, expected) in [
        (with("iss", "https://issuer.example/"), 700_211),
        (with("sub", "repo:me/app:ref:refs/heads/other"), 700_213),
        (with("aud", "api://other"), 700_212),
        (Signer::new().sign(None, &claims), 700_027),
    ] {
        let refused = assert_with(&cloud, &app, &bad, "https://localhost").await;
        assert_eq!(number(&refused), expected, "{}", refused.1);
    }
    let stranger = "00000000-0000-0000-0000-000000000001";
    assert_eq!(
        number(&assert_with(&cloud, stranger, &token, "https://localhost").await),
        700_016
    );
}

#[tokio::test]
async fn no_token_of_an_application_outlives_its_secret_or_certificate_and_none_renews_itself() {
    const LONGEST_SECS: i64 = 3600;
    let cloud = Cloud::start().await;
    let (app, _) = cloud.principal(RoleId::READER, &cloud.subscription).await;
    let (signer, thumbprint) = (Signer::new(), [7; 32]);
    // The secret has 500 seconds left.
    cloud.registry.advance(Duration::from_secs(7200 - 500));
    cloud.add_certificate(&app, &signer, thumbprint, 400).await;
    cloud.trust_issuer(&app).await;
    cloud.publish(&signer);
    let now = cloud.registry.now().unix_secs();
    let endpoint = format!("{BASE}/{}/oauth2/v2.0/token", cloud.directory.tenant());
    let own = json!({ "iss": app, "sub": app, "aud": endpoint, "exp": now + 300 });
    let brought = json!({
        "iss": ISSUER, "sub": "repo:me/app:ref:refs/heads/main", "aud": "api://AzureADTokenExchange", "exp": now + 300,
    });
    let by_secret = [
        ("grant_type", "client_credentials"),
        ("client_id", &app),
        ("client_secret", SECRET),
        ("scope", "https://localhost/.default"),
    ];
    let resource = "https://localhost";
    for (what, answer, secs) in [
        ("a secret", cloud.token(&by_secret).await, 500),
        (
            "a certificate",
            assert_with(&cloud, &app, &signer.sign(Some(thumbprint), &own), resource).await,
            400,
        ),
        // The assertion proves this moment and no more (RFC 7521, section 4.1); who trusts its issuer has no end.
        (
            "a token of another issuer",
            assert_with(&cloud, &app, &signer.sign(None, &brought), resource).await,
            LONGEST_SECS,
        ),
    ] {
        let (status, tokens) = answer;
        assert_eq!(status, 200, "{what}: {tokens}");
        assert_eq!(tokens["expires_in"], secs, "{what}");
        let claims = tokens["access_token"].as_str().unwrap().split('.').nth(1).unwrap();
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert_eq!(claims["exp"], now + secs, "{what}");
        // Nor is it given what would renew it (RFC 6749, section 4.4.3).
        assert_eq!(tokens["refresh_token"], Value::Null, "{what}");
    }
    cloud.registry.advance(Duration::from_secs(301));
    let late = assert_with(&cloud, &app, &signer.sign(None, &brought), resource).await;
    assert_eq!(late.0, 200, "clocks may differ by a minute");
    cloud.registry.advance(Duration::from_secs(60));
    let late = assert_with(&cloud, &app, &signer.sign(None, &brought), resource).await;
    assert_eq!(number(&late), 700_024, "the other issuer's token has ended");
}
