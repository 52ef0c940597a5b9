//! How often external issuers are asked for keys, and what they may say.

use serde_json::json;

use super::*;

const ISSUER: &str = "https://issuer.example";

/// An issuer whose answers a test writes.
#[derive(Default)]
struct Web {
    pages: SyncMutex<HashMap<String, String>>,
    asked: SyncMutex<usize>,
}

#[async_trait]
impl FetchDocument for Web {
    async fn fetch(&self, url: &str, _limit_bytes: u64) -> Result<Vec<u8>, FetchError> {
        *self.asked.lock().unwrap() += 1;
        let pages = self.pages.lock().unwrap();
        Ok(pages.get(url).ok_or("nobody answers")?.clone().into_bytes())
    }
}

impl Web {
    fn answer(&self, url: &str, document: &serde_json::Value) {
        self.pages.lock().unwrap().insert(url.to_owned(), document.to_string());
    }

    fn publish(&self, kids: &[&str]) {
        let configuration = json!({ "issuer": ISSUER, "jwks_uri": "https://keys.example/jwks" });
        self.answer(
            "https://issuer.example/.well-known/openid-configuration",
            &configuration,
        );
        let key = |kid: &&str| json!({ "kty": "RSA", "kid": kid, "n": "AQAB", "e": "AQAB" });
        let keys: Vec<_> = kids.iter().map(key).collect();
        self.answer("https://keys.example/jwks", &json!({ "keys": keys }));
    }

    fn asked(&self) -> usize {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn issuers() -> (Arc<Web>, ExternalIssuers) {
    let web = Arc::new(Web::default());
    let fetch = Arc::<Web>::clone(&web);
    (web, ExternalIssuers::new(fetch))
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_when_they_rotate() {
    let (web, issuers) = issuers();
    web.publish(&["one"]);
    for now in [1_000, 1_001] {
        assert_eq!(issuers.find_keys(ISSUER, Some("one"), now).await.unwrap().len(), 1);
    }
    assert_eq!(web.asked(), 2, "the configuration and the keys");
    web.publish(&["one", "two"]);
    let now = 1_000 + REFETCH_SECS;
    assert_eq!(issuers.find_keys(ISSUER, Some("two"), now).await.unwrap().len(), 1);
    assert_eq!(web.asked(), 2);
}

#[tokio::test]
async fn unknown_names_do_not_make_the_server_ask_again_and_again() {
    let (web, issuers) = issuers();
    web.publish(&["one"]);
    for index in 0..50 {
        let kid = format!("made up {index}");
        let error = issuers.find_keys(ISSUER, Some(&kid), 1_000).await.unwrap_err();
        assert!(matches!(error, Error::UnknownKey { .. }), "{error}");
    }
    assert_eq!(web.asked(), 2);
    assert!(issuers.find_keys(ISSUER, Some("one"), 1_000).await.is_ok());
}

#[tokio::test]
async fn an_issuer_that_is_away_takes_no_good_keys_along() {
    let (web, issuers) = issuers();
    web.publish(&["one"]);
    issuers.find_keys(ISSUER, Some("one"), 1_000).await.unwrap();
    web.pages.lock().unwrap().clear();
    for (age, is_good) in [
        (FRESH_SECS, true),
        (STALE_SECS - 1, true),
        (STALE_SECS + REFETCH_SECS, false),
    ] {
        let found = issuers.find_keys(ISSUER, Some("one"), 1_000 + age).await;
        assert_eq!(found.is_ok(), is_good, "{age}");
    }
}

#[tokio::test]
async fn an_issuer_speaks_for_itself_only() {
    let (web, issuers) = issuers();
    web.publish(&["one"]);
    let configuration = json!({ "issuer": "https://other.example", "jwks_uri": "https://keys.example/jwks" });
    web.answer(
        "https://issuer.example/.well-known/openid-configuration",
        &configuration,
    );
    let error = issuers.find_keys(ISSUER, Some("one"), 1_000).await.unwrap_err();
    assert!(matches!(error, Error::OtherIssuer { .. }), "{error}");
    let error = issuers
        .find_keys("https://nobody.example", None, 1_000)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn an_issuer_beyond_the_bound_is_remembered_and_the_one_unused_longest_forgotten() {
    let (web, issuers) = issuers();
    web.publish(&["one"]);
    for index in 0..MAX_ISSUERS {
        let now = 1_000 + i64::try_from(index).unwrap();
        let other = format!("https://{index}.example");
        issuers.find_keys(&other, None, now).await.unwrap_err();
    }
    web.asked();
    let now = 1_000 + i64::try_from(MAX_ISSUERS).unwrap();
    issuers.find_keys("https://0.example", None, now).await.unwrap_err();
    assert_eq!(web.asked(), 1, "the pause is over; it is used again");
    for _ in 0..3 {
        assert_eq!(issuers.find_keys(ISSUER, Some("one"), now).await.unwrap().len(), 1);
        issuers.find_keys("https://0.example", None, now).await.unwrap_err();
    }
    assert_eq!(web.asked(), 2, "the configuration and the keys, once");
    assert_eq!(issuers.known.lock().unwrap().len(), MAX_ISSUERS);
    assert!(!issuers.known.lock().unwrap().contains_key("https://1.example"));
}
