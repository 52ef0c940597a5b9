//! Applications that prove themselves by an assertion.

use super::*;

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
        let everywhere = decide_control(&ControlCaller::operator(), &ResourceId::root()).unwrap();
        let change = ApplicationChange {
            certificates: Some(vec![CertificateChange::Add(Box::new(certificate))]),
            ..ApplicationChange::default()
        };
        let key = ApplicationKey::App(app.parse().unwrap());
        let updated = self.registry.directory().update_application(&everywhere, key, change);
        updated.await.unwrap();
    }

    /// Lets the application in with tokens of the external issuer.
    async fn trust_issuer(&self, app: &str) {
        let everywhere = decide_control(&ControlCaller::operator(), &ResourceId::root()).unwrap();
        let subject = FederatedSubject::Exact("repo:me/app:ref:refs/heads/main".to_owned());
        let audiences = vec!["api://AzureADTokenExchange".to_owned()];
        let trusted = (ISSUER.to_owned(), subject, audiences);
        let key = ApplicationKey::App(app.parse().unwrap());
        let added =
            self.registry
                .directory()
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
