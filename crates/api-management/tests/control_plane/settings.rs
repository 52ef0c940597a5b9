//! The settings of a registry: kept, shown, checked against its tier and against each other; conditional requests.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{Cloud, R, V, json as body_of};
use holdfast_access::RoleId;

/// A cloud with the group `rg` and its owner's application id and token.
async fn start() -> (Cloud, String, String) {
    let cloud = Cloud::start().await;
    let (app, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let group = format!("{{S}}/resourceGroups/rg{V}");
    let made = cloud.send("PUT", &group, Some(&owner), r#"{"location":"local"}"#).await;
    assert_eq!(made.status(), 201);
    (cloud, app, owner)
}

fn path() -> String {
    format!("{R}mine1?api-version=2026-09-01-preview")
}

async fn put(cloud: &Cloud, owner: &str, sku: &str, properties: Value) -> (u16, Value) {
    let body = json!({ "location": "local", "sku": { "name": sku }, "properties": properties });
    let response = cloud.send("PUT", &path(), Some(owner), &body.to_string()).await;
    (response.status().as_u16(), body_of(&response))
}

async fn patch(cloud: &Cloud, owner: &str, body: Value) -> (u16, Value) {
    let response = cloud.send("PATCH", &path(), Some(owner), &body.to_string()).await;
    (response.status().as_u16(), body_of(&response))
}

#[tokio::test]
async fn settings_are_kept_and_shown() {
    let (cloud, app, owner) = start().await;
    let (status, made) = put(
        &cloud,
        &owner,
        "Premium",
        json!({ "roleAssignmentMode": "abacRepositoryPermissions" }),
    )
    .await;
    assert_eq!(
        (status, &made["properties"]["roleAssignmentMode"]),
        (201, &json!("AbacRepositoryPermissions"))
    );
    assert_eq!(made["systemData"]["createdBy"], json!(app));
    assert_eq!(made["systemData"]["createdByType"], "Application");
    let rules = json!([{ "value": "192.0.2.0/24" }, { "value": "192.0.2.9/24" }, { "value": "2001:db8::1" }]);
    let change = json!({ "properties": {
        "networkRuleSet": { "defaultAction": "deny", "ipRules": rules },
        "networkRuleBypassOptions": "none",
        "metadataSearch": "Enabled",
        "policies": {
            "retentionPolicy": { "days": 30 },
            "softDeletePolicy": { "retentionDays": 14, "status": "disabled" },
            "azureADAuthenticationAsArmPolicy": { "status": "disabled" },
        },
    } });
    let (status, changed) = patch(&cloud, &owner, change).await;
    assert_eq!(status, 200, "{changed}");
    let properties = &changed["properties"];
    let expected = json!({
        "defaultAction": "Deny",
        "ipRules": [{ "action": "Allow", "value": "192.0.2.0/24" }, { "action": "Allow", "value": "2001:db8::1" }],
        "virtualNetworkRules": [],
    });
    assert_eq!(
        properties["networkRuleSet"], expected,
        "two names of one range are one rule"
    );
    assert_eq!(properties["networkRuleBypassOptions"], "None");
    let moments = [
        &changed["systemData"]["createdAt"],
        &changed["systemData"]["lastModifiedAt"],
        &properties["policies"]["retentionPolicy"]["lastUpdatedTime"],
    ];
    for moment in moments {
        assert!(
            moment.as_str().is_some_and(|moment| moment.ends_with("+00:00")),
            "{changed}"
        );
    }
    assert_eq!(properties["metadataSearch"], "Enabled");
    assert_eq!(properties["roleAssignmentMode"], "AbacRepositoryPermissions");
    let policies = &properties["policies"];
    assert_eq!(
        (
            &policies["retentionPolicy"]["days"],
            &policies["retentionPolicy"]["status"]
        ),
        (&json!(30), &json!("disabled"))
    );
    assert_eq!(policies["softDeletePolicy"]["retentionDays"], 14);
    assert_eq!(policies["azureADAuthenticationAsArmPolicy"]["status"], "disabled");
    // What is shown can be sent back whole, and a part of the rules leaves the others.
    let (_, again) = patch(&cloud, &owner, json!({ "properties": properties })).await;
    assert_eq!(&again["properties"], properties);
    let open = json!({ "properties": { "networkRuleSet": { "defaultAction": "Allow" },
        "policies": { "retentionPolicy": { "status": "enabled" } } } });
    let (_, opened) = patch(&cloud, &owner, open).await;
    assert_eq!(
        opened["properties"]["networkRuleSet"]["ipRules"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    assert_eq!(opened["properties"]["policies"]["retentionPolicy"]["days"], 30);
}

#[tokio::test]
async fn a_tier_has_what_it_has() {
    let (cloud, _, owner) = start().await;
    for (sku, properties, told) in [
        (
            "Basic",
            json!({ "anonymousPullEnabled": true }),
            "Anonymous pull is not supported for SKU Managed_Basic",
        ),
        (
            "Standard",
            json!({ "publicNetworkAccess": "Disabled" }),
            "Network rule set is not supported",
        ),
        (
            "Standard",
            json!({ "networkRuleSet": { "defaultAction": "Allow", "ipRules": [{ "value": "10.0.0.1" }] } }),
            "Network rule set is not supported",
        ),
        (
            "Basic",
            json!({ "policies": { "retentionPolicy": { "status": "enabled" } } }),
            "Retention policy",
        ),
        (
            "Standard",
            json!({ "dataEndpointEnabled": true }),
            "Dedicated data endpoint",
        ),
        (
            "Premium",
            json!({ "policies": { "exportPolicy": { "status": "disabled" } } }),
            "only while public network",
        ),
    ] {
        let (status, answer) = put(&cloud, &owner, sku, properties).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(status == 400 && message.contains(told), "{status} {answer}");
    }
    let many: Vec<Value> = (0..201).map(|n| json!({ "value": format!("10.0.0.{n}/32") })).collect();
    let (status, _) = put(
        &cloud,
        &owner,
        "Premium",
        json!({ "networkRuleSet": { "ipRules": many[..200] } }),
    )
    .await;
    assert_eq!(status, 201);
    let (_, refused) = patch(
        &cloud,
        &owner,
        json!({ "properties": { "networkRuleSet": { "ipRules": many } } }),
    )
    .await;
    let quota = "The requested feature IP rule exceeds allowed quota 200 for the SKU Premium.";
    assert_eq!(refused["error"]["message"], quota);

    let closed = json!({ "properties": { "publicNetworkAccess": "Disabled", "anonymousPullEnabled": true,
        "policies": { "exportPolicy": { "status": "disabled" } } } });
    assert_eq!(patch(&cloud, &owner, closed).await.0, 200);
    let (status, refused) = patch(&cloud, &owner, json!({ "sku": { "name": "Basic" } })).await;
    let message = refused["error"]["message"].as_str().unwrap_or_default();
    for feature in ["Anonymous pull", "Network rule set", "Export policy"] {
        assert!(status == 400 && message.contains(feature), "{message}");
    }
    let open = json!({ "sku": { "name": "Standard" }, "properties": { "publicNetworkAccess": "Enabled",
        "networkRuleSet": { "ipRules": [] }, "policies": { "exportPolicy": { "status": "enabled" } } } });
    assert_eq!(
        patch(&cloud, &owner, open).await.0,
        200,
        "what is in the way can go in the same request"
    );
}

#[tokio::test]
async fn a_change_from_an_old_state_is_refused() {
    let (cloud, _, owner) = start().await;
    let conditional = async |method, path: &str, name, value: &str, body| {
        let response = cloud
            .send_with(method, path, Some(&owner), body, &[(name, value)])
            .await;
        let tag = response
            .headers()
            .get("etag")
            .map(|tag| tag.to_str().unwrap_or_default().to_owned());
        (response.status().as_u16(), tag.unwrap_or_default(), body_of(&response))
    };
    let registry = json!({ "location": "local", "sku": { "name": "Basic" } }).to_string();
    let admin = r#"{"properties":{"adminUserEnabled":true}}"#;
    let (group, mine) = (format!("{{S}}/resourceGroups/rg{V}"), path());
    for (path, put, change) in [
        (&group, r#"{"location":"local"}"#, r#"{"tags":{"a":"b"}}"#),
        (&mine, registry.as_str(), admin),
    ] {
        if path == &mine {
            assert_eq!(
                conditional("PUT", path, "if-match", "*", put).await.0,
                412,
                "it is not there"
            );
            assert_eq!(conditional("PUT", path, "if-none-match", "*", put).await.0, 201);
        }
        let (status, _, refused) = conditional("PUT", path, "if-none-match", "*", put).await;
        assert_eq!((status, &refused["error"]["code"]), (412, &json!("PreconditionFailed")));
        let (_, first, _) = conditional("GET", path, "accept", "*/*", "").await;
        let (status, second, _) = conditional("PATCH", path, "if-match", &first, change).await;
        assert_eq!(status, 200);
        assert_ne!(first, second);
        assert_eq!(conditional("PATCH", path, "if-match", &first, change).await.0, 412);
        assert_eq!(conditional("DELETE", path, "if-match", &first, "").await.0, 412);
        assert_eq!(conditional("PUT", path, "if-match", &second, put).await.0, 200);
    }
    let (_, tag, _) = conditional("GET", &mine, "accept", "*/*", "").await;
    assert_eq!(conditional("DELETE", &mine, "if-match", &tag, "").await.0, 200);
    assert_eq!(conditional("PUT", &mine, "if-match", "*", &registry).await.0, 412);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_changes_lose_no_field() {
    let (cloud, _, owner) = start().await;
    let cloud = Arc::new(cloud);
    assert_eq!(put(&cloud, &owner, "Premium", json!({})).await.0, 201);
    let changes = [
        json!({ "properties": { "adminUserEnabled": true } }),
        json!({ "properties": { "anonymousPullEnabled": true } }),
        json!({ "properties": { "networkRuleSet": { "defaultAction": "Deny" } } }),
        json!({ "properties": { "networkRuleSet": { "ipRules": [{ "value": "::1" }] } } }),
        json!({ "properties": { "policies": { "retentionPolicy": { "status": "enabled" } } } }),
        json!({ "properties": { "policies": { "retentionPolicy": { "days": 3 } } } }),
        json!({ "properties": { "roleAssignmentMode": "AbacRepositoryPermissions" } }),
        json!({ "tags": { "team": "blue" } }),
    ];
    let mut sent = tokio::task::JoinSet::new();
    for change in changes {
        let (cloud, owner) = (Arc::clone(&cloud), owner.clone());
        sent.spawn(async move { patch(&cloud, &owner, change).await });
    }
    for (status, answer) in sent.join_all().await {
        assert_eq!(status, 200, "{answer}");
    }
    let response = cloud.send("GET", &path(), Some(&owner), "").await;
    let (body, etag) = (
        body_of(&response),
        response.headers()["etag"].to_str().unwrap_or_default(),
    );
    let properties = &body["properties"];
    assert_eq!(
        (&properties["adminUserEnabled"], &properties["anonymousPullEnabled"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(properties["networkRuleSet"]["defaultAction"], "Deny");
    assert_eq!(properties["networkRuleSet"]["ipRules"][0]["value"], "::1");
    let retention = &properties["policies"]["retentionPolicy"];
    assert_eq!(
        (&retention["status"], &retention["days"]),
        (&json!("enabled"), &json!(3))
    );
    assert_eq!(
        (&properties["roleAssignmentMode"], &body["tags"]["team"]),
        (&json!("AbacRepositoryPermissions"), &json!("blue"))
    );
    assert!(
        etag.ends_with("-a\""),
        "one revision for the PUT, one for each change: {etag}"
    );
}

#[tokio::test]
async fn lists_come_in_pages_under_the_host_that_was_called() {
    let (cloud, _, owner) = start().await;
    for name in ["abcde1", "abcde2", "abcde3"] {
        let made = cloud
            .send(
                "PUT",
                &format!("{R}{name}{V}"),
                Some(&owner),
                r#"{"location":"local","sku":{"name":"Basic"},"tags":{"Team":"blue","x":"y"}}"#,
            )
            .await;
        assert_eq!(made.status(), 201);
        let group = format!("{{S}}/resourceGroups/group{name}{V}");
        cloud.send("PUT", &group, Some(&owner), r#"{"location":"local"}"#).await;
    }
    let provider = "providers/Microsoft.ContainerRegistry/registries";
    for (path, expected) in [
        (format!("{{S}}/resourceGroups/RG/{provider}{V}&$top=2"), 3),
        (format!("{{S}}/{provider}{V}&$top=1"), 4),
        (format!("{{S}}/resourceGroups{V}&$top=2"), 5),
        (
            format!("{{S}}/resources{V}&$top=2&$filter=tagName%20eq%20'team'%20and%20tagValue%20eq%20'blue'"),
            3,
        ),
        (
            format!("{{S}}/resources{V}&$filter=tagName%20eq%20'team'%20and%20tagValue%20eq%20'y'"),
            0,
        ),
    ] {
        let (mut next, mut seen) = (Some(path.clone()), Vec::new());
        while let Some(path) = next {
            let response = cloud.send("GET", &path, Some(&owner), "").await;
            assert_eq!(response.status(), 200, "{path}");
            let page = body_of(&response);
            let names = page["value"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["name"].to_string());
            seen.extend(names);
            next = page["nextLink"].as_str().map(|link| {
                let path = link
                    .strip_prefix("https://localhost:5443")
                    .expect("the link is absolute");
                path.to_owned()
            });
        }
        let mut once = seen.clone();
        once.dedup();
        assert_eq!((seen.len(), once), (expected, seen), "{path}");
    }
    let refused = cloud
        .send("GET", &format!("{{S}}/{provider}{V}&$top=0"), Some(&owner), "")
        .await;
    assert_eq!(refused.status(), 400);
    let none = cloud
        .send(
            "GET",
            &format!("{{S}}/resourceGroups/none/{provider}{V}"),
            Some(&owner),
            "",
        )
        .await;
    assert_eq!(body_of(&none)["error"]["code"], "ResourceGroupNotFound");
}

#[tokio::test]
async fn answers_of_arm_have_its_headers() {
    let (cloud, _, owner) = start().await;
    let response = cloud.send("GET", &path(), Some(&owner), "").await;
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(response.status(), 404);
    assert_eq!(
        (header("x-ms-request-id"), header("x-ms-correlation-request-id")),
        ("r1".into(), "r1".into())
    );
    assert!(
        header("x-ms-routing-request-id").starts_with("HOLDFAST:")
            && header("x-ms-routing-request-id").ends_with("Z:r1")
    );
    assert!(header("api-supported-versions").contains("2025-11-01"));
    assert_eq!(
        (header("cache-control"), header("pragma"), header("expires")),
        ("no-cache".into(), "no-cache".into(), "-1".into())
    );
    assert_eq!(header("x-content-type-options"), "nosniff");
    let operations = cloud
        .send(
            "GET",
            &format!("/providers/Microsoft.ContainerRegistry/operations{V}"),
            Some(&owner),
            "",
        )
        .await;
    let names: Vec<String> = body_of(&operations)["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["name"].to_string())
        .collect();
    assert!(
        names.contains(&"\"Microsoft.ContainerRegistry/registries/read\"".to_owned()),
        "{names:?}"
    );
    assert!(!names.iter().any(|name| name.contains("agentpools")), "{names:?}");
}

#[tokio::test]
async fn policies_of_2017_are_read_and_written_by_actions() {
    let (cloud, _, owner) = start().await;
    assert_eq!(put(&cloud, &owner, "Premium", json!({})).await.0, 201);
    let old = |name: &str| format!("{R}mine1/{name}?api-version=2017-10-01");
    let shown = cloud.send("GET", &old("listPolicies"), Some(&owner), "").await;
    let expected = json!({
        "quarantinePolicy": { "status": "disabled" },
        "trustPolicy": { "type": "Notary", "status": "disabled" },
    });
    assert_eq!(body_of(&shown), expected);
    let same = cloud
        .send("POST", &old("updatePolicies"), Some(&owner), &expected.to_string())
        .await;
    assert_eq!(body_of(&same), expected);
    let trust = json!({ "trustPolicy": { "status": "enabled" } }).to_string();
    let refused = cloud.send("POST", &old("updatePolicies"), Some(&owner), &trust).await;
    assert_eq!(
        (refused.status().as_u16(), &body_of(&refused)["error"]["target"]),
        (400, &json!("trustPolicy.status"))
    );
}

#[tokio::test]
async fn usages_are_counted_and_a_smaller_tier_must_have_room() {
    let (cloud, _, owner) = start().await;
    let rules = json!({ "networkRuleSet": { "ipRules": [{ "value": "10.0.0.1" }] } });
    assert_eq!(put(&cloud, &owner, "Premium", rules).await.0, 201);
    for n in 0..101 {
        let map = format!("{R}mine1/scopeMaps/scope{n}{V}");
        let body = r#"{"properties":{"actions":["repositories/app/content/read"]}}"#;
        assert_eq!(cloud.send("PUT", &map, Some(&owner), body).await.status(), 201);
    }
    let usages = async || {
        let response = cloud
            .send("GET", &format!("{R}mine1/listUsages{V}"), Some(&owner), "")
            .await;
        let rows = body_of(&response)["value"].as_array().unwrap().clone();
        rows.iter()
            .map(|row| {
                (
                    row["name"].as_str().unwrap().to_owned(),
                    row["currentValue"].clone(),
                    row["limit"].clone(),
                )
            })
            .collect::<Vec<_>>()
    };
    let row = |name: &str, count: u64, most: i64| (name.to_owned(), json!(count), json!(most));
    let expected = [
        row("Size", 0, 536_870_912_000),
        row("Webhooks", 0, 500),
        row("Geo-replications", 0, -1),
        row("IPRules", 1, 200),
        row("VNetRules", 0, 100),
        row("PrivateEndpointConnections", 0, 200),
        row("ScopeMaps", 101, 50_000),
        row("Tokens", 0, 50_000),
    ];
    assert_eq!(usages().await, expected);
    let smaller = json!({ "sku": { "name": "Basic" }, "properties": { "networkRuleSet": { "ipRules": [] } } });
    let (status, refused) = patch(&cloud, &owner, smaller.clone()).await;
    let message = refused["error"]["message"].as_str().unwrap_or_default();
    assert!(
        status == 400 && message.contains("101 scope maps (at most 100)"),
        "{message}"
    );
    cloud
        .send("DELETE", &format!("{R}mine1/scopeMaps/scope7{V}"), Some(&owner), "")
        .await;
    assert_eq!(patch(&cloud, &owner, smaller).await.0, 200);
    assert_eq!(usages().await[2], row("ScopeMaps", 100, 100));
}

#[tokio::test]
async fn nothing_is_imported_from_a_registry_whose_export_policy_is_disabled() {
    let (cloud, _, owner) = start().await;
    let policy = |status: &str| json!({ "exportPolicy": { "status": status } });
    let closed = json!({ "publicNetworkAccess": "Disabled", "policies": policy("disabled") });
    assert_eq!(put(&cloud, &owner, "Premium", closed).await.0, 201);
    let other = format!("{R}other1{V}");
    let body = r#"{"location":"local","sku":{"name":"Basic"}}"#;
    assert_eq!(cloud.send("PUT", &other, Some(&owner), body).await.status(), 201);
    let source = format!("{R}mine1").replace("{S}", &cloud.subscription);
    let import = json!({ "source": { "resourceId": source, "sourceImage": "app:v1" }, "targetTags": ["app:v1"] });
    let ask = async |target: &str| {
        let path = format!("{R}{target}/importImage{V}");
        cloud.send("POST", &path, Some(&owner), &import.to_string()).await
    };
    let refused = ask("other1").await;
    let message = body_of(&refused)["error"]["message"].to_string();
    assert!(
        refused.status() == 409 && message.contains("export policy of the registry mine1"),
        "{message}"
    );
    let within = ask("mine1").await;
    assert_eq!(within.status(), 202, "{}", body_of(&within));
    patch(
        &cloud,
        &owner,
        json!({ "properties": { "policies": policy("enabled") } }),
    )
    .await;
    assert_eq!(ask("other1").await.status(), 202);
}
