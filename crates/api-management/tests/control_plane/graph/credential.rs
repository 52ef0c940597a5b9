//! Passwords, certificates and federated credentials of applications.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{UNKNOWN, code, path, start};

#[tokio::test]
async fn what_is_taken_away_is_useless_at_the_next_request() {
    let (cloud, owner) = start().await;
    let (app, principal, password) = cloud.application(&owner, "one").await;
    assert_eq!(password["secretText"].as_str().map(str::len), Some(52));
    assert!(
        password["secretText"]
            .as_str()
            .unwrap()
            .starts_with(password["hint"].as_str().unwrap())
    );
    let works = async |token: &str| {
        cloud
            .send("GET", "/tenants?api-version=2022-12-01", Some(token), "")
            .await
            .status()
            == 200
    };

    let token = cloud.sign_in(&app["appId"], &password["secretText"]).await.unwrap();
    assert!(works(&token).await);
    let (_, second) = cloud
        .graph(
            "POST",
            &path("servicePrincipals", &principal, "/addPassword"),
            &owner,
            json!({}),
        )
        .await;
    assert!(works(&token).await, "adding takes nothing away");
    let (status, _) = cloud
        .graph(
            "POST",
            &path("servicePrincipals", &principal, "/removePassword"),
            &owner,
            json!({ "keyId": password["keyId"] }),
        )
        .await;
    assert_eq!(status, 204);
    assert!(!works(&token).await);
    assert_eq!(cloud.sign_in(&app["appId"], &password["secretText"]).await, Err(401));

    let token = cloud.sign_in(&app["appId"], &second["secretText"]).await.unwrap();
    let enable = async |enabled: bool| {
        let change = json!({ "accountEnabled": enabled });
        let (status, _) = cloud
            .graph("PATCH", &path("servicePrincipals", &principal, ""), &owner, change)
            .await;
        assert_eq!(status, 204);
    };
    enable(false).await;
    assert!(!works(&token).await);
    assert_eq!(cloud.sign_in(&app["appId"], &second["secretText"]).await, Err(401));
    enable(true).await;
    assert!(!works(&token).await, "a token that was void stays void");
    let token = cloud.sign_in(&app["appId"], &second["secretText"]).await.unwrap();
    assert!(works(&token).await);

    let (status, _) = cloud
        .graph(
            "DELETE",
            &path("servicePrincipals", &principal, ""),
            &owner,
            Value::Null,
        )
        .await;
    assert_eq!(status, 204);
    assert!(!works(&token).await);
    let (_, left) = cloud
        .graph("GET", &path("applications", &app, ""), &owner, Value::Null)
        .await;
    assert_eq!(left["passwordCredentials"], json!([]), "{left}");
    let (status, again) = cloud
        .graph("POST", "/servicePrincipals", &owner, json!({ "appId": app["appId"] }))
        .await;
    assert_eq!(status, 201);
    assert_ne!(again["id"], principal["id"]);
    assert!(!works(&token).await, "tokens of the one before are not the new one's");
    let (status, _) = cloud
        .graph("DELETE", &path("applications", &app, ""), &owner, Value::Null)
        .await;
    assert_eq!(status, 204);
    let gone = cloud
        .graph("GET", &path("servicePrincipals", &again, ""), &owner, Value::Null)
        .await;
    assert_eq!(code(&gone), (404, "Request_ResourceNotFound"));
}

#[tokio::test]
async fn certificates_are_added_kept_and_removed_by_the_whole_list() {
    let (cloud, owner) = start().await;
    let (app, principal, _) = cloud.application(&owner, "one").await;
    let key = rcgen::KeyPair::generate().unwrap();
    let der = rcgen::CertificateParams::default()
        .self_signed(&key)
        .unwrap()
        .der()
        .to_vec();
    let new = |name: &str| json!({ "displayName": name, "key": STANDARD.encode(&der), "type": "AsymmetricX509Cert", "usage": "Verify" });
    let put = async |kind: &str, object: &Value, keys: Value| {
        cloud
            .graph(
                "PATCH",
                &path(kind, object, ""),
                &owner,
                json!({ "keyCredentials": keys }),
            )
            .await
    };
    let keys = async || {
        let (_, shown) = cloud
            .graph("GET", &path("servicePrincipals", &principal, ""), &owner, Value::Null)
            .await;
        shown["keyCredentials"].as_array().unwrap().clone()
    };
    assert_eq!(put("applications", &app, json!([new("first")])).await.0, 204);
    let first = keys().await.remove(0);
    assert_eq!((&first["displayName"], &first["key"]), (&json!("first"), &Value::Null));
    assert_eq!(first["customKeyIdentifier"].as_str().map(str::len), Some(40));
    cloud.registry.advance(Duration::from_secs(1));
    assert_eq!(
        put("servicePrincipals", &principal, json!([first, new("second")]))
            .await
            .0,
        204
    );
    let both = keys().await;
    assert_eq!((both.len(), &both[0]), (2, &first));
    assert_eq!(put("applications", &app, json!([both[1]])).await.0, 204);
    assert_eq!(keys().await, both[1..]);
    let unknown = json!([{ "keyId": UNKNOWN }]);
    assert_eq!(put("applications", &app, unknown).await.0, 400);
    let garbage = put("applications", &app, json!([{ "key": "bm90aGluZw==" }])).await;
    assert_eq!(code(&garbage), (400, "Request_BadRequest"));
    assert_eq!(keys().await.len(), 1, "a refused list changes nothing");
}

#[tokio::test]
async fn federated_credentials_trust_a_subject_or_a_pattern_once() {
    let (cloud, owner) = start().await;
    let (app, _, _) = cloud.application(&owner, "one").await;
    let all = path("applications", &app, "/federatedIdentityCredentials");
    let add = async |document: Value| cloud.graph("POST", &all, &owner, document).await;
    let new = |name: &str, subject: &str| json!({ "name": name, "issuer": "https://issuer.example/", "subject": subject, "audiences": ["api://x"] });
    let (status, made) = add(new("main", "repo:a:ref:refs/heads/main")).await;
    assert_eq!((status, &made["subject"]), (201, &json!("repo:a:ref:refs/heads/main")));
    let expression = json!({ "value": "claims['sub'] matches 'repo:a''s:*'", "languageVersion": 1 });
    let mut pattern = new("any", "");
    pattern.as_object_mut().unwrap().remove("subject");
    pattern["claimsMatchingExpression"] = expression.clone();
    let (status, made) = add(pattern.clone()).await;
    assert_eq!((status, &made["claimsMatchingExpression"]), (201, &expression));
    let twin = add(new("main", "other")).await;
    assert_eq!(code(&twin), (409, "Request_MultipleObjectsWithSameKeyValue"));
    let twin = add(new("other", "repo:a:ref:refs/heads/main")).await;
    assert_eq!(code(&twin), (409, "Request_MultipleObjectsWithSameKeyValue"));
    let mut wrong = vec![new("a", "s"), new("with space", "s"), new("good", "")];
    for (property, value) in [
        ("issuer", json!("http://issuer.example")),
        ("issuer", json!("https:///path")),
        ("audiences", json!([])),
        ("claimsMatchingExpression", json!({ "value": "claims['sub'] eq 'x'" })),
    ] {
        let mut document = new("good", "s");
        document[property] = value;
        wrong.push(document);
    }
    for expression in [
        "claims['ref'] matches 'repo:*'",
        "claims['sub'] matches '*'",
        "claims['sub'] matches '*:ref:refs/heads/main'",
        "claims['sub'] matches '?epo:a'",
    ] {
        let mut odd = pattern.clone();
        odd["name"] = "good".into();
        odd["claimsMatchingExpression"]["value"] = expression.into();
        wrong.push(odd);
    }
    for document in wrong {
        let refused = add(document.clone()).await;
        assert_eq!(code(&refused), (400, "Request_BadRequest"), "{document}");
    }
    let (_, listed) = cloud.graph("GET", &all, &owner, Value::Null).await;
    assert_eq!(
        (&listed["value"][0]["name"], &listed["value"][1]["name"]),
        (&json!("any"), &json!("main"))
    );
    let by_id = format!("{all}/{}", made["id"].as_str().unwrap());
    assert_eq!(
        cloud
            .graph("PATCH", &by_id, &owner, json!({ "subject": "exactly" }))
            .await
            .0,
        204
    );
    let (_, changed) = cloud.graph("GET", &format!("{all}/any"), &owner, Value::Null).await;
    assert_eq!(
        (&changed["subject"], changed.get("claimsMatchingExpression")),
        (&json!("exactly"), None)
    );
    assert_eq!(cloud.graph("DELETE", &by_id, &owner, Value::Null).await.0, 204);
    assert_eq!(
        code(&cloud.graph("GET", &by_id, &owner, Value::Null).await),
        (404, "Request_ResourceNotFound")
    );
}
