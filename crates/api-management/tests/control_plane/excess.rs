//! Requests for too much, or for what is no such thing: each is refused by the name of what is wrong with it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use holdfast_access::RoleId;
use serde_json::{Value, json};

use super::{A, Cloud, R, REGISTRY, V, json as body_of};

/// A cloud with the group `rg`, the registry `mine1` in it, and the token of their owner.
async fn start() -> (Cloud, String) {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let group = format!("{{S}}/resourceGroups/rg{V}");
    for (path, body) in [
        (group, r#"{"location":"local"}"#),
        (format!("{R}mine1{V}"), REGISTRY),
        (format!("{A}store1{V}"), r#"{"location":"local"}"#),
    ] {
        let made = cloud.send("PUT", &path, Some(&owner), body).await;
        assert!(made.status().is_success(), "{path}");
    }
    (cloud, owner)
}

fn registry(properties: Value) -> Value {
    json!({ "location": "local", "sku": { "name": "Premium" }, "properties": properties })
}

fn import(source: Value, tags: usize) -> Value {
    let mut source = source;
    source["sourceImage"] = json!("app:v1");
    let tags: Vec<String> = (0..tags).map(|number| format!("app:t{number}")).collect();
    json!({ "source": source, "targetTags": tags })
}

#[tokio::test]
async fn arm_names_the_part_of_a_request_that_it_does_not_take() {
    let (cloud, owner) = start().await;
    let (mine, more) = (format!("{R}mine1{V}"), format!("{R}more1{V}"));
    let imports = format!("{R}mine1/importImage{V}");
    let upstream = |password: &str| json!({ "registryUri": "up.example", "credentials": { "password": password } });
    let rules: Vec<Value> = (0..=1000)
        .map(|number| json!({ "value": format!("10.0.{}.{}", number / 250, number % 250) }))
        .collect();
    let other = format!(
        "{}/resourceGroups/rg/providers/Microsoft.Web/sites/store1",
        cloud.subscription
    );
    let role =
        format!("{{S}}/providers/Microsoft.Authorization/roleAssignments/00000000-0000-4000-8000-000000000001{V}");
    let described = json!({ "properties": {
        "roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{}", RoleId::READER),
        "principalId": "00000000-0000-4000-8000-000000000002",
        "description": "d".repeat(1025),
    } });
    for (what, (method, path, body), wanted) in [
        (
            "a registry's name of another type",
            (
                "POST",
                format!("{{S}}/providers/Microsoft.ContainerRegistry/checkNameAvailability{V}"),
                json!({ "name": "more1", "type": "Microsoft.Web/sites" }),
            ),
            (400, "InvalidParameter"),
        ),
        (
            "an account's name of another type",
            (
                "POST",
                format!("{{S}}/providers/Microsoft.Storage/checkNameAvailability{V}"),
                json!({ "name": "more1", "type": "Microsoft.Web/sites" }),
            ),
            (400, "InvalidParameter"),
        ),
        (
            "a registry without a tier",
            ("PUT", more.clone(), json!({ "location": "local" })),
            (400, "InvalidRequestContent"),
        ),
        (
            "1001 IP rules",
            (
                "PUT",
                more.clone(),
                registry(json!({ "networkRuleSet": { "ipRules": rules } })),
            ),
            (400, "InvalidParameter"),
        ),
        (
            "an account of another type",
            (
                "PATCH",
                mine.clone(),
                json!({ "properties": { "storageAccount": { "id": other } } }),
            ),
            (400, "LinkedInvalidPropertyId"),
        ),
        (
            "an account of a registry that is not Classic",
            (
                "PATCH",
                mine,
                json!({ "properties": { "storageAccount": { "id": format!("{A}store1").replace("{S}", &cloud.subscription) } } }),
            ),
            (400, "BadRequest"),
        ),
        (
            "a description of 1025 characters",
            ("PUT", role, described),
            (400, "InvalidParameter"),
        ),
        (
            "credentials without a password",
            ("POST", imports.clone(), import(upstream(""), 1)),
            (400, "InvalidParameter"),
        ),
        (
            "a password of 16 KiB and one",
            (
                "POST",
                imports.clone(),
                import(upstream(&"p".repeat((16 << 10) + 1)), 1),
            ),
            (400, "InvalidParameter"),
        ),
        (
            "101 tags at once",
            ("POST", imports, import(json!({ "registryUri": "up.example" }), 101)),
            (400, "InvalidParameter"),
        ),
    ] {
        let refused = cloud.send(method, &path, Some(&owner), &body.to_string()).await;
        let shown = body_of(&refused);
        let found = (
            refused.status().as_u16(),
            shown["error"]["code"].as_str().unwrap_or_default(),
        );
        assert_eq!(found, wanted, "{what}: {shown}");
    }
    assert_eq!(cloud.send("GET", &more, Some(&owner), "").await.status(), 404);
}

#[tokio::test]
async fn a_condition_names_32_entity_tags_and_no_more() {
    let (cloud, owner) = start().await;
    let mine = format!("{R}mine1{V}");
    for (count, status) in [(32, 412), (33, 400)] {
        let tags = vec!["\"a\""; count].join(",");
        let body = r#"{"tags":{"a":"b"}}"#;
        let answer = cloud
            .send_with("PATCH", &mine, Some(&owner), body, &[("If-Match", &tags)])
            .await;
        assert_eq!(answer.status().as_u16(), status, "{count}");
    }
}

#[tokio::test]
async fn a_hundred_imports_into_a_registry_wait_and_no_more() {
    let (cloud, owner) = start().await;
    let imports = format!("{R}mine1/importImage{V}");
    for number in 0..=100 {
        let body = json!({
            "source": { "registryUri": "up.example", "sourceImage": "app:v1" },
            "targetTags": [format!("app:t{number}")],
        });
        let answer = cloud.send("POST", &imports, Some(&owner), &body.to_string()).await;
        let wanted = if number < 100 { 202 } else { 429 };
        assert_eq!(answer.status().as_u16(), wanted, "{number}: {}", body_of(&answer));
    }
}

#[tokio::test]
async fn graph_names_the_part_of_a_request_that_it_does_not_take() {
    let (cloud, owner) = start().await;
    let (status, app) = cloud
        .graph("POST", "/applications", &owner, json!({ "displayName": "one" }))
        .await;
    assert_eq!(status, 201);
    let of_app = |below: &str| format!("/applications/{}{below}", app["id"].as_str().unwrap());
    let key = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    let certificate = |kind: &str, start: &str, end: &str| {
        json!({
            "type": kind, "usage": "Verify", "key": STANDARD.encode(made.der()),
            "startDateTime": start, "endDateTime": end,
        })
    };
    let x509 = "AsymmetricX509Cert";
    let (early, late) = ("2031-01-01T00:00:00Z", "2032-01-01T00:00:00Z");
    let ids = vec!["00000000-0000-4000-8000-000000000002"; 1001];
    let certificates = vec![certificate(x509, early, late); 51];
    let keys = |keys: Vec<Value>| ("PATCH", of_app(""), json!({ "keyCredentials": keys }));
    for (what, (method, path, body)) in [
        (
            "1001 ids",
            ("POST", "/directoryObjects/getByIds".to_owned(), json!({ "ids": ids })),
        ),
        (
            "applications of many directories",
            ("PATCH", of_app(""), json!({ "signInAudience": "AzureADMultipleOrgs" })),
        ),
        (
            "a key that is no certificate",
            keys(vec![certificate("Symmetric", early, late)]),
        ),
        (
            "a certificate that ends before it starts",
            keys(vec![certificate(x509, late, early)]),
        ),
        ("51 certificates", keys(certificates)),
        (
            "a password that ends before it starts",
            (
                "POST",
                of_app("/addPassword"),
                json!({ "passwordCredential": { "startDateTime": late, "endDateTime": early } }),
            ),
        ),
    ] {
        let (status, answer) = cloud.graph(method, &path, &owner, body).await;
        assert_eq!(status, 400, "{what}: {answer}");
    }
    let (_, kept) = cloud.graph("GET", &of_app(""), &owner, Value::Null).await;
    for list in ["keyCredentials", "passwordCredentials"] {
        assert_eq!(kept[list], json!([]), "{kept}");
    }
}

#[tokio::test]
async fn an_application_has_so_many_credentials_and_each_name_once() {
    let (cloud, owner) = start().await;
    let (status, app) = cloud
        .graph("POST", "/applications", &owner, json!({ "displayName": "one" }))
        .await;
    assert_eq!(status, 201);
    let of_app = |below: &str| format!("/applications/{}{below}", app["id"].as_str().unwrap());
    let federated = |number: usize, name: &str| {
        let subject = format!("repo:{number}");
        json!({ "name": name, "issuer": "https://issuer.example", "subject": subject, "audiences": ["api://x"] })
    };
    let path = of_app("/federatedIdentityCredentials");
    let made = cloud.graph("POST", &path, &owner, federated(0, "ci-0")).await;
    assert_eq!(made.0, 201, "{}", made.1);
    let twin = cloud.graph("POST", &path, &owner, federated(1, "ci-0")).await;
    assert_eq!(twin.0, 409, "{}", twin.1);
    for number in 1..=20 {
        let answer = cloud
            .graph("POST", &path, &owner, federated(number, &format!("ci-{number}")))
            .await;
        assert_eq!(answer.0, if number < 20 { 201 } else { 400 }, "{number}: {}", answer.1);
    }
    for number in 1..=51 {
        let answer = cloud.graph("POST", &of_app("/addPassword"), &owner, json!({})).await;
        assert_eq!(answer.0, if number <= 50 { 200 } else { 400 }, "{number}: {}", answer.1);
    }
}
