//! Everything that makes a token be refused.

use super::*;

#[test]
fn a_token_of_another_registry_or_kind_is_refused_though_remembered() {
    let issuer = issuer();
    let access = issuer.issue_access(access_claims("repository:foo:pull"), NOW).unwrap();
    let refresh = issuer.issue_refresh(refresh_claims(), NOW).unwrap();
    for _ in 0..2 {
        assert!(issuer.verify(&access, Kind::Access, HERE, NOW).is_ok());
        assert!(issuer.verify(&refresh, Kind::Refresh, HERE, NOW).is_ok());
        for audience in [
            "other.registry.localhost",
            "",
            "MYREG.registry.localhost",
            "myreg.registry.localhost:5000",
        ] {
            let answer = issuer.verify(&access, Kind::Access, audience, NOW);
            assert!(matches!(answer, Err(Error::Audience { .. })), "{audience}: {answer:?}");
        }
        assert!(matches!(
            issuer.verify(&access, Kind::Refresh, HERE, NOW),
            Err(Error::Kind { .. })
        ));
        assert!(matches!(
            issuer.verify(&refresh, Kind::Access, HERE, NOW),
            Err(Error::Kind { .. })
        ));
    }
}

#[test]
fn other_algorithms_are_refused() {
    let claims = good_claims();
    for alg in [
        "none", "None", "NONE", "", "HS256", "HS512", "RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256",
    ] {
        let header = json!({"alg": alg, "typ": "JWT", "kid": keys().kid()});
        let token = signed(keys(), &header, &claims);
        assert!(matches!(verify(&token), Err(Error::Header { .. })), "{alg}");
        let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
        assert!(matches!(verify(&unsigned), Err(Error::Header { .. })), "{alg} unsigned");
    }
    let unsigned = format!("{}.", access_token().rsplit_once('.').unwrap().0);
    assert!(matches!(verify(&unsigned), Err(Error::Signature)));
}

#[test]
fn the_public_key_is_no_password_for_hs256() {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    for alg in ["HS256", "RS256"] {
        let header = json!({"alg": alg, "typ": "JWT", "kid": keys().kid()});
        let message = format!("{}.{}", encode(&header), encode(&good_claims()));
        let mac = hmac::Key::new(hmac::HMAC_SHA256, keys().ring().current().published(0)[0].1);
        let tag = hmac::sign(&mac, message.as_bytes());
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag));
        assert!(
            matches!(verify(&token), Err(Error::Header { .. } | Error::Signature)),
            "{alg}"
        );
    }
}

#[test]
fn a_header_that_brings_its_own_key_or_extensions_is_refused() {
    let theirs = new_keys();
    for (name, value) in [
        ("jwk", json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"})),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/cert")),
        ("x5c", json!(["AAAA"])),
        ("x5t", json!("AAAA")),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("enc", json!("A256GCM")),
        ("zip", json!("DEF")),
        ("anything", json!(1)),
    ] {
        let mut header = good_header();
        header[name] = value;
        for key in [keys(), &theirs] {
            assert!(
                matches!(verify(&signed(key, &header, &good_claims())), Err(Error::Header { .. })),
                "{name}"
            );
        }
    }
    for missing in ["alg", "typ", "kid"] {
        let mut header = good_header();
        header.as_object_mut().unwrap().remove(missing);
        assert!(
            matches!(
                verify(&signed(keys(), &header, &good_claims())),
                Err(Error::Header { .. })
            ),
            "{missing}"
        );
    }
}

#[test]
fn another_servers_key_is_refused_under_its_own_name_and_under_ours() {
    let theirs = new_keys();
    let own_name = json!({"alg": "RS256", "typ": "JWT", "kid": theirs.kid()});
    assert!(matches!(
        verify(&signed(&theirs, &own_name, &good_claims())),
        Err(Error::UnknownKey)
    ));
    assert!(matches!(
        verify(&signed(&theirs, &good_header(), &good_claims())),
        Err(Error::Signature)
    ));
    for kid in ["", "../../etc/passwd", "' or 1=1", "AAAA"] {
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": kid});
        assert!(
            matches!(verify(&signed(keys(), &header, &good_claims())), Err(Error::UnknownKey)),
            "{kid}"
        );
    }
}

#[test]
fn every_claim_is_required() {
    assert!(verify(&claims_with(json!({}))).is_ok());
    for claim in [
        "exp",
        "nbf",
        "iat",
        "aud",
        "iss",
        "sub",
        "jti",
        "rid",
        "version",
        "grant_type",
        "roles",
        "credential",
    ] {
        let answer = verify(&claims_with(json!({ claim: null })));
        assert!(matches!(answer, Err(Error::Claims { .. })), "{claim}: {answer:?}");
    }
}

#[test]
fn odd_claims_are_refused() {
    for changes in [
        json!({"exp": NOW}),
        json!({"exp": -1}),
        json!({"exp": i64::MAX}),
        json!({"exp": 1e300}),
        json!({"exp": (NOW + 10).to_string()}),
        json!({"exp": NOW + ACCESS_SECS + 1}),
        json!({"iat": i64::MIN}),
        json!({"iat": NOW + MAX_SKEW_SECS + 1}),
        json!({"nbf": NOW + MAX_SKEW_SECS + 1}),
        json!({"nbf": i64::MAX}),
        json!({"iss": "Somebody Else"}),
        json!({"aud": [HERE]}),
        json!({"aud": "*"}),
        json!({"grant_type": "refresh_token"}),
        json!({"grant_type": "password"}),
        json!({"credential": {"kind": "root"}}),
        json!({"credential": {"kind": "admin", "slot": 1}}),
        json!({"credential": {"kind": "admin", "slot": 999, "generation": 1}}),
        json!({"access": "everything"}),
        json!({"access": [{"type": "repository"}]}),
    ] {
        assert!(verify(&claims_with(changes.clone())).is_err(), "{changes}");
    }
}

#[test]
fn a_claim_said_twice_is_refused() {
    let mut claims = good_claims().to_string();
    claims.insert_str(1, &format!("\"exp\":{},", NOW + 30));
    let header = URL_SAFE_NO_PAD.encode(good_header().to_string());
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    let signature = keys().ring().current().signing().sign(message.as_bytes());
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
    assert!(matches!(verify(&token), Err(Error::Claims { .. })));
}

#[test]
fn damaged_tokens_are_refused() {
    let token = access_token();
    for end in 0..token.len() {
        assert!(verify(&token[..end]).is_err(), "cut at {end}");
    }
    for index in (0..token.len()).step_by(7) {
        let mut damaged = token.clone().into_bytes();
        damaged[index] = if damaged[index] == b'A' { b'B' } else { b'A' };
        assert!(verify(std::str::from_utf8(&damaged).unwrap()).is_err(), "byte {index}");
    }
    for odd in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{token}"),
        format!("{token}="),
        format!("{token}AA"),
        format!(" {token}"),
        format!("{token}\n"),
        token.replace('.', " "),
    ] {
        assert!(verify(&odd).is_err(), "{odd:?}");
    }
}

#[test]
fn parts_of_two_good_tokens_make_no_third() {
    let issuer = issuer();
    let one = issuer.issue_access(access_claims("repository:foo:pull"), NOW).unwrap();
    let two = issuer
        .issue_access(access_claims("repository:foo:pull,push"), NOW)
        .unwrap();
    let (message, _) = two.rsplit_once('.').unwrap();
    let (_, signature) = one.rsplit_once('.').unwrap();
    assert!(matches!(
        issuer.verify(&format!("{message}.{signature}"), Kind::Access, HERE, NOW),
        Err(Error::Signature)
    ));
}

#[test]
fn an_oversized_token_is_neither_read_nor_issued() {
    let huge = format!("{}.{}.{}", "A".repeat(MAX_TOKEN_BYTES), "A", "A");
    assert!(matches!(verify(&huge), Err(Error::TooLong { .. })));
    let wordy = AccessClaims {
        subject: "x".repeat(MAX_TOKEN_BYTES),
        ..access_claims("")
    };
    assert!(matches!(issuer().issue_access(wordy, NOW), Err(Error::TooLong { .. })));
    let many: Vec<String> = (0..32)
        .map(|i| format!("repository:{i}{}:pull,push,delete", "a".repeat(150)))
        .collect();
    let token = issuer().issue_access(access_claims(&many.join(" ")), NOW).unwrap();
    assert_eq!(verify(&token).unwrap().access().len(), 32);
}
