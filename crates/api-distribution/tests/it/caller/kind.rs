//! The kinds of callers: bad ones, those whose credential is limited, and good ones.

use super::*;

/// A kind of caller: what it sends, and where it succeeds.
pub(super) struct Caller {
    pub(super) name: &'static str,
    pub(super) authorization: Vec<String>,
    /// `error` of the challenge where it fails.
    pub(super) error: Option<&'static str>,
    pub(super) may: fn(Demand) -> bool,
}

pub(super) fn nothing(_: Demand) -> bool {
    false
}

pub(super) fn bad(name: &'static str, authorization: &str, error: Option<&'static str>) -> Caller {
    Caller {
        name,
        authorization: vec![authorization.to_owned()],
        error,
        may: nothing,
    }
}

pub(super) fn forged(name: &'static str, token: &str) -> Caller {
    bad(name, &format!("Bearer {token}"), Some("invalid_token"))
}

pub(super) fn limited(name: &'static str, token: &str, may: fn(Demand) -> bool) -> Caller {
    Caller {
        name,
        authorization: vec![format!("Bearer {token}")],
        error: Some("insufficient_scope"),
        may,
    }
}

/// The token with another header and, for unsigned kinds, without its signature.
pub(super) fn with_header(token: &str, header: &Value, signature: Option<&str>) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    format!("{header}.{}.{}", parts[1], signature.unwrap_or(parts[2]))
}

pub(super) fn header_of(token: &str) -> Value {
    let header = token.split('.').next().unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()
}

/// Callers whose credential is bad or says nothing.
pub(super) async fn bad_callers(harness: &Harness, repository: &str) -> Vec<Caller> {
    let everything = format!("repository:{repository}:* registry:catalog:*");
    let good = harness.token(&everything).await;
    let claims = harness.claims(&everything).await;
    let issue = |claims, at| harness.issuer.issue_access(claims, at).unwrap();
    let now = harness.now();
    let other = holdfast_identity::token::AccessClaims {
        audience: OTHER_LOGIN_SERVER.to_owned(),
        ..claims.clone()
    };
    let renamed = holdfast_identity::token::AccessClaims {
        registry_rid: "0123456789abcdef0123456789abcdef".to_owned(),
        ..claims.clone()
    };
    let folder = tempfile::tempdir().unwrap();
    let foreign = Issuer::new(&foreign_keys(folder.path()))
        .issue_access(claims.clone(), now)
        .unwrap();
    let kid = header_of(&good)["kid"].clone();
    let none = json!({ "alg": "none", "typ": "JWT", "kid": kid });
    let hs256 = json!({ "alg": "HS256", "typ": "JWT", "kid": kid });
    let mut with_jwk = header_of(&foreign);
    with_jwk["jwk"] = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" });
    let mut parts: Vec<String> = good.split('.').map(str::to_owned).collect();
    parts[1] = URL_SAFE_NO_PAD.encode(
        String::from_utf8(URL_SAFE_NO_PAD.decode(&parts[1]).unwrap())
            .unwrap()
            .replace(ADMIN, "root"),
    );
    vec![
        Caller {
            name: "nobody",
            authorization: vec![],
            error: None,
            may: nothing,
        },
        bad("a wrong password", &basic(ADMIN, "wrong"), None),
        bad("an empty password", &basic(ADMIN, ""), None),
        bad("an unknown user", &basic("stranger", PASSWORD), None),
        bad(
            "another registry's admin",
            &basic("othershop", crate::harness::OTHER_PASSWORD),
            None,
        ),
        bad("broken base64", "Basic !!!", None),
        bad("no colon", "Basic aG9sZGZhc3Q=", None),
        bad("an unknown scheme", "Digest username=holdfast", None),
        bad("a scheme alone", "Bearer", None),
        bad("no scheme", &good, None),
        Caller {
            name: "two credentials",
            authorization: vec![basic(ADMIN, PASSWORD), format!("Bearer {good}")],
            error: None,
            may: nothing,
        },
        bad("a token with a space", "Bearer a b", None),
        bad(
            "a null GUID without a token",
            &basic(NULL_GUID, PASSWORD),
            Some("invalid_token"),
        ),
        forged("garbage", "garbage"),
        forged("three parts of garbage", "a.b.c"),
        forged("a token cut short", &good[..good.len() - 4]),
        forged("a token of another registry", &issue(other, now)),
        forged("a token of a registry made anew", &issue(renamed, now)),
        forged("an expired token", &issue(claims.clone(), now - 3601)),
        forged("a token from the future", &issue(claims, now + 3600)),
        forged("an unsigned token", &with_header(&good, &none, Some(""))),
        forged("an unsigned token with a signature", &with_header(&good, &none, None)),
        forged("a token with a symmetric algorithm", &with_header(&good, &hs256, None)),
        forged("a token of an unknown key", &foreign),
        forged(
            "a token of another key under our name",
            &with_header(&foreign, &header_of(&good), None),
        ),
        forged("a token that brings its key", &with_header(&foreign, &with_jwk, None)),
        forged("a token with other claims", &parts.join(".")),
        Caller {
            may: |demand| demand == Demand::Token,
            ..forged("a refresh token", &harness.refresh_token().await)
        },
    ]
}

/// Tokens that are good for something.
pub(super) async fn limited_callers(harness: &Harness, repository: &str) -> Vec<Caller> {
    let token = |scope: String| async move { harness.token(&scope).await };
    let own = |actions: &str| token(format!("repository:{repository}:{actions}"));
    vec![
        limited("a token without scope", &token(String::new()).await, |demand| {
            demand == Demand::SignIn
        }),
        limited("a token to pull", &own("pull").await, |demand| {
            matches!(
                demand,
                Demand::SignIn | Demand::Pull | Demand::TagsList | Demand::MetadataRead
            )
        }),
        limited("a token to push", &own("push").await, |demand| {
            matches!(demand, Demand::SignIn | Demand::Push)
        }),
        limited("a token to delete", &own("delete").await, |demand| {
            matches!(demand, Demand::SignIn | Demand::Delete)
        }),
        limited("a token to read metadata", &own("metadata_read").await, |demand| {
            matches!(demand, Demand::SignIn | Demand::TagsList | Demand::MetadataRead)
        }),
        limited("a token to write metadata", &own("metadata_write").await, |demand| {
            matches!(demand, Demand::SignIn | Demand::MetadataWrite)
        }),
        limited(
            "a token for words without meaning",
            &own("zap,quarantine_read").await,
            |demand| demand == Demand::SignIn,
        ),
        limited(
            "a token for other repositories",
            &token(format!(
                "repository:{repository}x:* repository:x/{repository}:* repository:{repository}/x:*"
            ))
            .await,
            |demand| demand == Demand::SignIn,
        ),
        limited(
            "a token for the catalog",
            &token("registry:catalog:*".to_owned()).await,
            |demand| matches!(demand, Demand::SignIn | Demand::Catalog),
        ),
    ]
}

pub(super) async fn good_callers(harness: &Harness) -> Vec<Caller> {
    let all = |demand| demand != Demand::Token;
    let token = harness.token("repository:*:* registry:catalog:*").await;
    let refresh = harness.refresh_token().await;
    vec![
        Caller {
            name: "the admin",
            authorization: vec![basic(ADMIN, PASSWORD)],
            error: None,
            may: all,
        },
        Caller {
            name: "the admin's name in capitals",
            authorization: vec![basic(&ADMIN.to_uppercase(), crate::harness::PASSWORD2)],
            error: None,
            may: all,
        },
        Caller {
            name: "a refresh token as password",
            authorization: vec![basic(NULL_GUID, &refresh)],
            error: None,
            may: all,
        },
        limited("a token for everything", &token, all),
    ]
}
