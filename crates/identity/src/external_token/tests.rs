//! Which tokens of others verify, and with which keys.

use jsonwebtoken::{EncodingKey, Header};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256};
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 2_000_000_000;

struct Signer {
    algorithm: jsonwebtoken::Algorithm,
    key: EncodingKey,
    certificate: Vec<u8>,
}

fn signer(algorithm: jsonwebtoken::Algorithm) -> Signer {
    use jsonwebtoken::Algorithm as A;
    let kind = match algorithm {
        A::ES256 => &PKCS_ECDSA_P256_SHA256,
        A::ES384 => &PKCS_ECDSA_P384_SHA384,
        _ => &PKCS_RSA_SHA256,
    };
    let pair = KeyPair::generate_for(kind).unwrap();
    let pem = pair.serialize_pem();
    let key = match algorithm {
        A::ES256 | A::ES384 => EncodingKey::from_ec_pem(pem.as_bytes()),
        _ => EncodingKey::from_rsa_pem(pem.as_bytes()),
    };
    let params = CertificateParams::new(vec!["app.example".to_owned()]).unwrap();
    Signer {
        algorithm,
        key: key.unwrap(),
        certificate: params.self_signed(&pair).unwrap().der().to_vec(),
    }
}

impl Signer {
    fn sign(&self, claims: &Value) -> String {
        jsonwebtoken::encode(&Header::new(self.algorithm), claims, &self.key).unwrap()
    }

    fn key(&self) -> ExternalKey {
        ExternalKey::of_certificate(&self.certificate).unwrap()
    }
}

fn claims() -> Value {
    json!({ "iss": "https://issuer.example", "sub": "repo:a", "aud": ["one", "two"], "exp": NOW + 300, "iat": NOW })
}

fn check(token: &str, key: &ExternalKey) -> Result<ExternalClaims, Error> {
    Unverified::parse(token)?.verify(key, NOW)
}

#[test]
fn tokens_of_every_algorithm_verify_with_their_key_only() {
    use jsonwebtoken::Algorithm as A;
    let rsa = signer(A::RS256);
    for algorithm in [A::RS256, A::RS384, A::RS512, A::PS256, A::PS384, A::PS512] {
        let signer = Signer {
            algorithm,
            key: rsa.key.clone(),
            certificate: rsa.certificate.clone(),
        };
        let claims = check(&signer.sign(&claims()), &signer.key()).unwrap();
        assert!(claims.aud.is_any_of(&["two"]) && !claims.aud.is_any_of(&["three"]));
    }
    let ec: Vec<Signer> = [A::ES256, A::ES384].into_iter().map(signer).collect();
    for signer in &ec {
        assert_eq!(check(&signer.sign(&claims()), &signer.key()).unwrap().sub, "repo:a");
    }
    let other = signer(A::RS256);
    for (token, key) in [
        (rsa.sign(&claims()), other.key()),
        (rsa.sign(&claims()), ec[0].key()),
        (ec[0].sign(&claims()), rsa.key()),
        (ec[0].sign(&claims()), ec[1].key()),
    ] {
        assert!(matches!(check(&token, &key), Err(Error::Signature)));
    }
}

#[test]
fn none_hmac_extensions_and_odd_texts_are_refused() {
    let signer = signer(jsonwebtoken::Algorithm::RS256);
    let token = signer.sign(&claims());
    let (_, rest) = token.split_once('.').unwrap();
    let with = |header: Value| format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()));
    for bad in [
        String::new(),
        "a.b".to_owned(),
        "x".repeat(MAX_TOKEN_BYTES + 1),
        with(json!({ "alg": "none" })),
        with(json!({ "alg": "HS256" })),
        with(json!({ "alg": "rs256" })),
        with(json!({ "alg": "RS256", "crit": ["b64"], "b64": false })),
        with(json!({ "typ": "JWT" })),
        signer.sign(&json!({ "iss": "a", "sub": "b", "aud": "c" })),
        signer.sign(&json!({ "iss": "a", "aud": "c", "exp": NOW })),
        signer.sign(&json!({ "iss": "a", "sub": "b", "aud": 7, "exp": NOW })),
        signer.sign(&json!({ "iss": "a", "sub": "b".repeat(2000), "aud": "c", "exp": NOW })),
        signer.sign(&json!({ "iss": "a", "sub": "b", "aud": "c", "exp": 1e300 })),
    ] {
        assert!(Unverified::parse(&bad).is_err(), "{bad}");
    }
    let padded = with(json!({ "alg": "RS256", "kid": "x".repeat(MAX_TOKEN_BYTES) }));
    assert!(
        matches!(Unverified::parse(&padded), Err(Error::TooLong)),
        "whole, and too long"
    );
    let changed = with(json!({ "alg": "RS256", "kid": "other" }));
    assert!(matches!(check(&changed, &signer.key()), Err(Error::Signature)));
}

#[test]
fn fingerprints_of_certificates_may_be_padded() {
    let signer = signer(jsonwebtoken::Algorithm::ES256);
    for print in ["AAECAw", "AAECAw=="] {
        let mut header = Header::new(signer.algorithm);
        header.x5t = Some(print.to_owned());
        header.x5t_s256 = Some(print.to_owned());
        let token = jsonwebtoken::encode(&header, &claims(), &signer.key).unwrap();
        let read = Unverified::parse(&token).unwrap();
        assert_eq!(read.certificate_sha1(), Some(vec![0, 1, 2, 3]));
        assert_eq!(read.certificate_sha256(), Some(vec![0, 1, 2, 3]));
    }
}

#[test]
fn times_count_with_a_small_skew() {
    let signer = signer(jsonwebtoken::Algorithm::ES256);
    let key = signer.key();
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        check(&signer.sign(&claims), &key)
    };
    assert!(with("exp", json!(NOW - SKEW_SECS + 1)).is_ok());
    assert!(with("exp", json!(NOW as f64 + 10.75)).is_ok(), "MSAL sends fractions");
    assert!(matches!(
        with("exp", json!(NOW - SKEW_SECS)),
        Err(Error::Expired { .. })
    ));
    assert!(with("nbf", json!(NOW + SKEW_SECS)).is_ok());
    assert!(matches!(
        with("nbf", json!(NOW + SKEW_SECS + 1)),
        Err(Error::NotYetValid { .. })
    ));
    assert!(matches!(
        with("iat", json!(NOW + SKEW_SECS + 1)),
        Err(Error::NotYetValid { .. })
    ));
}

#[test]
fn a_key_set_gives_its_signing_keys_by_name() {
    let signer = signer(jsonwebtoken::Algorithm::RS256);
    let ExternalKey::Rsa { modulus, exponent } = signer.key() else {
        panic!("an RSA key");
    };
    let (n, e) = (URL_SAFE_NO_PAD.encode(modulus), URL_SAFE_NO_PAD.encode(exponent));
    let document = json!({ "keys": [
        { "kty": "RSA", "use": "enc", "kid": "encrypts", "n": n, "e": e },
        { "kty": "RSA", "kid": "signs", "n": n, "e": e, "alg": "RS256", "x5c": ["ignored"] },
        { "kty": "oct", "kid": "secret", "k": "AAAA" },
        { "kty": "EC", "kid": "short", "crv": "P-256", "x": "AA", "y": "AA" },
        { "kty": "RSA", "kid": "half", "n": n },
    ]});
    let keys = KeySet::parse(document.to_string().as_bytes()).unwrap();
    assert_eq!(keys.find(Some("signs")), [signer.key()]);
    assert_eq!(keys.find(None), [signer.key()]);
    for kid in ["encrypts", "secret", "short", "half", ""] {
        assert_eq!(keys.find(Some(kid)), []);
    }
    // Numbers of other lengths, some of which add up to a point of the right one.
    let number = |length: usize| URL_SAFE_NO_PAD.encode(vec![1; length]);
    for odd in [
        json!({ "kty": "EC", "crv": "P-256", "x": number(31), "y": number(33) }),
        json!({ "kty": "EC", "crv": "P-256", "x": number(33), "y": number(31) }),
        json!({ "kty": "EC", "crv": "P-384", "x": number(32), "y": number(32) }),
        json!({ "kty": "RSA", "n": number(1026), "e": e }),
        json!({ "kty": "RSA", "n": n, "e": "" }),
        json!({ "kty": "RSA", "n": n, "e": number(9) }),
    ] {
        let document = json!({ "keys": [odd] }).to_string();
        assert_eq!(KeySet::parse(document.as_bytes()).unwrap().find(None), [], "{odd}");
    }
    let many = json!({ "keys": vec![json!({ "kty": "oct" }); MAX_KEYS + 1] });
    assert!(KeySet::parse(many.to_string().as_bytes()).is_err());
    assert!(KeySet::parse(b"[]").is_err());
}
