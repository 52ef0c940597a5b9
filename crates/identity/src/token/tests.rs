//! Which tokens verify, and everything that makes one be refused.

mod refused;

use aws_lc_rs::hmac;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::keys::KeyFolder;

/// 2026-01-01.
const NOW: i64 = 1_767_225_600;
const HERE: &str = "myreg.registry.localhost";

/// Keys take a while to make, so all tests share these.
fn keys() -> &'static ServerKeys {
    static KEYS: std::sync::OnceLock<ServerKeys> = std::sync::OnceLock::new();
    KEYS.get_or_init(new_keys)
}

fn new_keys() -> ServerKeys {
    ServerKeys::open_or_create(tempfile::tempdir().unwrap().path()).unwrap()
}

fn issuer() -> Issuer {
    Issuer::new(keys())
}

fn access_claims(scopes: &str) -> AccessClaims {
    AccessClaims {
        audience: HERE.to_owned(),
        subject: "myreg".to_owned(),
        registry_rid: "5175494a2b4442dcb887a01e6919b36b".to_owned(),
        credential: Credential::Admin { slot: 1, generation: 3 },
        access: Scope::parse_list(scopes).unwrap(),
        source_ends_at: None,
    }
}

fn refresh_claims() -> RefreshClaims {
    RefreshClaims {
        audience: HERE.to_owned(),
        subject: "myreg".to_owned(),
        registry_rid: "5175494a2b4442dcb887a01e6919b36b".to_owned(),
        credential: Credential::Principal {
            id: "8e3a".to_owned(),
            generation: 0,
        },
        tenant: Some("6f1c".to_owned()),
        permissions: Permissions::all(),
        source_ends_at: None,
    }
}

fn access_token() -> String {
    issuer()
        .issue_access(access_claims("repository:foo:pull"), NOW)
        .unwrap()
}

fn part(token: &str, index: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
}

fn verify(token: &str) -> Result<Arc<Claims>, Error> {
    issuer().verify(token, Kind::Access, HERE, NOW)
}

/// A token with any header and claims, truly signed by the key.
fn signed(keys: &ServerKeys, header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = keys.ring().current().signing().sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn good_header() -> Value {
    json!({"alg": "RS256", "typ": "JWT", "kid": keys().kid()})
}

fn good_claims() -> Value {
    part(&access_token(), 1)
}

/// The good claims with some changed, or taken away with null.
fn claims_with(changes: Value) -> String {
    let mut claims = good_claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    signed(keys(), &good_header(), &claims)
}

#[test]
fn an_access_token_has_acrs_shape() {
    let token = access_token();
    assert_eq!(
        part(&token, 0),
        json!({"alg": "RS256", "typ": "JWT", "kid": keys().kid()})
    );
    let claims = part(&token, 1);
    let id = claims["jti"].as_str().unwrap();
    assert_eq!(id.parse::<Uuid>().unwrap().get_version_num(), 4);
    assert_eq!(
        claims,
        json!({
            "jti": id, "sub": "myreg", "nbf": NOW - 900, "exp": NOW + 3600, "iat": NOW - 900,
            "iss": "Azure Container Registry", "aud": HERE, "version": "1.0",
            "rid": "5175494a2b4442dcb887a01e6919b36b", "grant_type": "access_token",
            "access": [{"type": "repository", "name": "foo", "actions": ["pull"]}], "roles": [],
            "credential": {"kind": "admin", "slot": 1, "generation": 3},
        })
    );
    let metadata = issuer()
        .issue_access(access_claims("repository:foo:pull,metadata_read"), NOW)
        .unwrap();
    assert_eq!(part(&metadata, 1)["version"], "2.0");
}

#[test]
fn a_refresh_token_has_acrs_shape() {
    let claims = part(&issuer().issue_refresh(refresh_claims(), NOW).unwrap(), 1);
    let all = ["read", "write", "delete", "metadata/read", "metadata/write"];
    assert_eq!(claims["permissions"], json!({"Actions": all, "NotActions": null}));
    assert_eq!(claims["grant_type"], "refresh_token");
    assert_eq!(claims["tenant"], "6f1c");
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        11_700
    );
    assert_eq!(claims.get("access"), None);
}

#[test]
fn an_anonymous_token_lives_five_minutes() {
    let claims = AccessClaims {
        subject: ANONYMOUS_SUBJECT.to_owned(),
        credential: Credential::Anonymous,
        ..access_claims("repository:*:pull")
    };
    let claims = part(&issuer().issue_access(claims, NOW).unwrap(), 1);
    assert_eq!(claims["sub"], "acr_anon_pull");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 1_200);
    assert_eq!(claims["credential"], json!({"kind": "anonymous"}));
}

#[test]
fn a_good_token_says_what_it_was_issued_with() {
    let issuer = issuer();
    let token = issuer
        .issue_access(access_claims("repository:foo:pull,push registry:catalog:*"), NOW)
        .unwrap();
    for now in [NOW, NOW + ACCESS_SECS - 1, NOW - BACKDATE_SECS - MAX_SKEW_SECS] {
        let claims = issuer.verify(&token, Kind::Access, HERE, now).unwrap();
        assert_eq!(
            claims.access(),
            Scope::parse_list("repository:foo:pull,push registry:catalog:*").unwrap()
        );
        assert_eq!(claims.credential(), &Credential::Admin { slot: 1, generation: 3 });
        assert_eq!(
            (claims.subject(), claims.registry_rid()),
            ("myreg", "5175494a2b4442dcb887a01e6919b36b")
        );
        assert_eq!(claims.expires_at(), NOW + ACCESS_SECS);
        assert_eq!(claims.id().len(), 36);
    }
    let refresh = issuer.issue_refresh(refresh_claims(), NOW).unwrap();
    let claims = issuer
        .verify(&refresh, Kind::Refresh, HERE, NOW + REFRESH_SECS - 1)
        .unwrap();
    assert_eq!(claims.credential(), &refresh_claims().credential);
    assert!(claims.access().is_empty());
}

#[test]
fn every_credential_survives_the_journey() {
    for credential in [
        Credential::Anonymous,
        Credential::Admin {
            slot: 2,
            generation: i64::MAX,
        },
        Credential::Token {
            name: "ci".to_owned(),
            slot: 1,
            generation: 0,
        },
        Credential::Principal {
            id: "p".to_owned(),
            generation: -1,
        },
    ] {
        let token = issuer().issue_access(
            AccessClaims {
                credential: credential.clone(),
                ..access_claims("")
            },
            NOW,
        );
        assert_eq!(verify(&token.unwrap()).unwrap().credential(), &credential);
    }
}

#[test]
fn another_library_agrees_that_the_token_is_good() {
    let key = keys().ring().current().published(0)[0].1.to_vec();
    let key = jsonwebtoken::DecodingKey::from_rsa_der(&key);
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    validation.validate_exp = false;
    validation.set_audience(&[HERE]);
    let read = jsonwebtoken::decode::<Value>(access_token(), &key, &validation).unwrap();
    assert_eq!(read.header.kid.as_deref(), Some(keys().kid().as_str()));
    assert_eq!(read.claims["sub"], "myreg");
}

#[test]
fn a_token_expires_to_the_second() {
    let issuer = issuer();
    let token = issuer.issue_access(access_claims(""), NOW).unwrap();
    // Twice each: the second answer comes from what is remembered.
    for _ in 0..2 {
        assert!(issuer.verify(&token, Kind::Access, HERE, NOW + ACCESS_SECS - 1).is_ok());
        let late = issuer.verify(&token, Kind::Access, HERE, NOW + ACCESS_SECS);
        assert!(matches!(late, Err(Error::Expired { .. })), "{late:?}");
        let early = issuer.verify(&token, Kind::Access, HERE, NOW - BACKDATE_SECS - MAX_SKEW_SECS - 1);
        assert!(matches!(early, Err(Error::NotYetValid { .. })), "{early:?}");
    }
}

#[test]
fn a_token_is_remembered_only_when_it_was_good() {
    let issuer = issuer();
    let token = issuer.issue_access(access_claims(""), NOW).unwrap();
    issuer
        .verify(&format!("{token}AA"), Kind::Access, HERE, NOW)
        .unwrap_err();
    issuer.checked.run_pending_tasks();
    assert_eq!(issuer.checked.entry_count(), 0);
    let first = issuer.verify(&token, Kind::Access, HERE, NOW).unwrap();
    let second = issuer.verify(&token, Kind::Access, HERE, NOW).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
}

#[test]
fn a_python_client_can_read_the_claims_whatever_the_names() {
    for subject in ["a>b?c~d\x7f", ">>>???~~~", "jos\u{e9} \u{1f980}", "\u{0}\"\\", "plain"] {
        let claims = RefreshClaims {
            subject: subject.to_owned(),
            ..refresh_claims()
        };
        let token = issuer().issue_refresh(claims, NOW).unwrap();
        let payload = token.split('.').nth(1).unwrap();
        assert!(!payload.contains(['-', '_']), "{subject:?}");
        assert_eq!(part(&token, 1)["sub"], subject);
    }
}

#[test]
fn errors_do_not_hold_the_token() {
    let token = access_token();
    let error = issuer().verify(&token, Kind::Refresh, HERE, NOW).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(&token[..20]));
}

proptest! {
    #[test]
    fn verifying_never_panics(token in "[A-Za-z0-9_.=-]{0,200}") {
        prop_assert!(verify(&token).is_err());
    }

    #[test]
    fn claims_never_need_url_letters(subject in any::<String>(), tenant in any::<String>()) {
        let claims = RefreshClaims { subject: subject.clone(), tenant: Some(tenant), ..refresh_claims() };
        let mut payload = Payload::new(GrantType::RefreshToken, NOW, 60, claims.credential);
        payload.sub = claims.subject;
        payload.tenant = claims.tenant;
        let json = payload.to_plain_json();
        prop_assert!(!URL_SAFE_NO_PAD.encode(&json).contains(['-', '_']));
        prop_assert_eq!(serde_json::from_str::<Payload>(&json).unwrap().sub, subject);
    }
}

#[test]
fn tokens_outlive_a_rotation_and_not_the_removal_of_their_key() {
    let folder = tempfile::tempdir().unwrap();
    let keys = ServerKeys::open_or_create(folder.path()).unwrap();
    let issuer = Issuer::new(&keys);
    let claims = || AccessClaims {
        audience: "a".to_owned(),
        subject: "s".to_owned(),
        registry_rid: "r".to_owned(),
        credential: Credential::Anonymous,
        access: Vec::new(),
        source_ends_at: None,
    };
    let verify = |token: &str, now| issuer.verify(token, Kind::Access, "a", now);
    let old = issuer.issue_access(claims(), 1_000).unwrap();
    verify(&old, 1_000).unwrap();
    KeyFolder::at(folder.path()).rotate(&keys, 1_000).unwrap();
    let new = issuer.issue_access(claims(), 1_000).unwrap();
    verify(&old, 1_001).unwrap();
    verify(&new, 1_001).unwrap();
    KeyFolder::at(folder.path()).forget_retired(&keys).unwrap();
    assert!(
        matches!(verify(&old, 1_002), Err(Error::UnknownKey)),
        "also when it was checked before"
    );
    verify(&new, 1_002).unwrap();
}

/// Anybody may have tokens made, where anonymous pull is on: what is remembered of them is bounded in bytes.
#[test]
fn a_remembered_token_weighs_what_it_takes() {
    let issuer = issuer();
    let scopes: Vec<_> = (0..16)
        .map(|number| format!("repository:{number}{}:pull", "a".repeat(200)))
        .collect();
    let tokens = ["repository:a:pull", &scopes.join(" ")].map(|scopes| {
        let token = issuer.issue_access(access_claims(scopes), NOW).unwrap();
        issuer.verify(&token, Kind::Access, HERE, NOW).unwrap();
        token
    });
    issuer.checked.run_pending_tasks();
    let bytes: usize = tokens.iter().map(String::len).sum();
    assert!(tokens[1].len() > 4 * 1024, "{}", tokens[1].len());
    assert!(issuer.checked.weighted_size() >= 3 * bytes as u64);
    assert_eq!(issuer.checked.policy().max_capacity(), Some(16 << 20));
}
