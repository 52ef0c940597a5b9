//! Every answer of the provider Microsoft.ContainerRegistry against Microsoft's documents, in each version that there is
//! one of. A route that no request here reaches fails the test.

use std::collections::BTreeSet;

use holdfast_access::RoleId;
use holdfast_api_management::Route;
use holdfast_face::Served;
use holdfast_testkit::openapi::{ARM_VERSIONS, Document};
use serde_json::{Value, json};

use super::{Cloud, R, json as body_of};

/// Routes of other providers and of the directory, which these documents do not describe.
const ELSEWHERE: [&str; 14] = [
    "directory.",
    "arm.metadata",
    "arm.tenants.",
    "arm.subscriptions.",
    "arm.locations.",
    "arm.groups.",
    "arm.resources.",
    "arm.providers.",
    "arm.role-assignments.",
    "arm.role-definitions.",
    "arm.deny-assignments.",
    // What a Location header leads to; the documents say that there is one, and no more.
    "arm.operation-results.",
    "arm.storage-accounts.",
    "graph.",
];
/// What no server may take from a request.
const NONSENSE: &str = "taken-from-a-request";

/// A request, with a path below the registry or, with a slash before it, below the subscription; and the status.
type Step = (&'static str, &'static str, Value, u16);

/// In an order in which each finds what it needs. `{S}` stands for the subscription in bodies too.
fn steps() -> Vec<Step> {
    let registry = json!({
        "location": "local", "sku": {"name": "Premium"}, "tags": {"team": "blue"},
        "properties": {"adminUserEnabled": true},
    });
    let scope_map = json!({"properties": {"actions": ["repositories/app/content/read"], "description": "pulls"}});
    let of_registry = "{S}/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/mine1";
    let token = json!({"properties": {"scopeMapId": format!("{of_registry}/scopeMaps/pullers"), "status": "enabled"}});
    let credentials = json!({
        "tokenId": format!("{of_registry}/tokens/build"), "name": "password1", "expiry": "2099-01-01T00:00:00Z",
    });
    let import = json!({
        "source": {"resourceId": of_registry, "sourceImage": "app:v1"}, "targetTags": ["copy:v1"], "mode": "NoForce",
    });
    let check = json!({"name": "mine1", "type": "Microsoft.ContainerRegistry/registries"});
    let check_name = "/providers/Microsoft.ContainerRegistry/checkNameAvailability";
    let settings = json!({
        "tags": {"team": "green"},
        "properties": {
            "anonymousPullEnabled": true,
            "networkRuleSet": {"defaultAction": "Deny", "ipRules": [{"action": "Allow", "value": "192.0.2.0/24"}]},
            "policies": {"retentionPolicy": {"days": 3, "status": "enabled"}},
        },
    });
    let none = || Value::Null;
    vec![
        ("POST", check_name, check.clone(), 200),
        ("PUT", "", registry.clone(), 201),
        ("PUT", "", registry, 200),
        ("POST", check_name, check, 200),
        ("PATCH", "", settings, 200),
        ("GET", "", none(), 200),
        ("GET", "/providers/Microsoft.ContainerRegistry/registries", none(), 200),
        (
            "GET",
            "/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries",
            none(),
            200,
        ),
        ("POST", "listCredentials", none(), 200),
        ("POST", "regenerateCredential", json!({"name": "password"}), 200),
        ("GET", "listUsages", none(), 200),
        ("POST", "importImage", import, 202),
        ("GET", "listPolicies", none(), 200),
        (
            "POST",
            "updatePolicies",
            json!({"trustPolicy": {"type": "Notary", "status": "disabled"}}),
            200,
        ),
        ("GET", "replications", none(), 200),
        ("GET", "webhooks", none(), 200),
        ("GET", "webhooks/hook1", none(), 404),
        ("PUT", "webhooks/hook1", json!({}), 400),
        ("PUT", "scopeMaps/pullers", scope_map.clone(), 201),
        ("PUT", "scopeMaps/pullers", scope_map, 200),
        ("GET", "scopeMaps/pullers", none(), 200),
        (
            "PATCH",
            "scopeMaps/pullers",
            json!({"properties": {"description": "still"}}),
            200,
        ),
        ("GET", "scopeMaps", none(), 200),
        ("PUT", "tokens/build", token.clone(), 201),
        ("PUT", "tokens/build", token, 200),
        ("POST", "generateCredentials", credentials, 200),
        ("GET", "tokens/build", none(), 200),
        (
            "PATCH",
            "tokens/build",
            json!({"properties": {"status": "disabled"}}),
            200,
        ),
        ("GET", "tokens", none(), 200),
        ("DELETE", "tokens/build", none(), 200),
        ("DELETE", "tokens/build", none(), 204),
        ("GET", "tokens/build", none(), 404),
        ("DELETE", "scopeMaps/pullers", none(), 200),
        ("GET", "scopeMaps/pullers", none(), 404),
        ("PATCH", "", json!({"sku": {"name": "Gold"}}), 400),
        ("DELETE", "", none(), 200),
        ("DELETE", "", none(), 204),
        ("GET", "", none(), 404),
    ]
}

#[tokio::test]
async fn every_answer_has_the_shape_that_its_version_says() {
    let (mut seen, mut described, mut faults) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for version in ARM_VERSIONS {
        let document = Document::arm(version);
        let cloud = Cloud::start().await;
        let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
        let query = format!("?api-version={version}");
        let group = format!("{{S}}/resourceGroups/rg{query}");
        cloud.send("PUT", &group, Some(&owner), r#"{"location":"local"}"#).await;
        for (method, place, body, expected) in steps() {
            let path = match place {
                "" => format!("{R}mine1"),
                _ if place.starts_with('/') => format!("{{S}}{place}"),
                _ => format!("{R}mine1/{place}"),
            };
            let body = match body {
                Value::Null => String::new(),
                body => body.to_string().replace("{S}", &cloud.subscription),
            };
            let response = cloud.send(method, &format!("{path}{query}"), Some(&owner), &body).await;
            let status = response.status().as_u16();
            if status != expected {
                faults.push(format!("{version} {method} {path} {status}: {}", body_of(&response)));
            }
            let served: &Served = response.extensions().get().unwrap();
            seen.insert(served.route);
            let Some(operation) = document.find(method, &path.replace("{S}", &cloud.subscription)) else {
                continue;
            };
            described.insert(served.route);
            for fault in operation.faults(status, response.body()) {
                faults.push(format!("{version} {method} {path} {status}: {fault}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let is_elsewhere = |label: &str| ELSEWHERE.iter().any(|prefix| label.starts_with(prefix));
    let ours = Route::labels().filter(|label| !is_elsewhere(label));
    assert_eq!(ours.collect::<BTreeSet<_>>(), seen, "each route is asked");
    assert_eq!(seen, described, "each route is in some document");
}

#[tokio::test]
async fn what_a_version_calls_read_only_is_not_taken_from_a_request() {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    for version in ARM_VERSIONS {
        let query = format!("?api-version={version}");
        let group = format!("{{S}}/resourceGroups/rg{query}");
        cloud.send("PUT", &group, Some(&owner), r#"{"location":"local"}"#).await;
        let mut body = Document::arm(version).read_only("Registry", NONSENSE);
        body["location"] = json!("local");
        body["sku"]["name"] = json!("Basic");
        for method in ["PUT", "PATCH", "GET"] {
            let path = format!("{R}mine1{query}");
            let response = cloud.send(method, &path, Some(&owner), &body.to_string()).await;
            assert!(response.status().is_success(), "{version}: {}", body_of(&response));
            let answer = body_of(&response).to_string();
            assert!(!answer.contains(NONSENSE), "{version} {method}: {answer}");
        }
        cloud
            .send("DELETE", &format!("{R}mine1{query}"), Some(&owner), "")
            .await;
    }
}
