//! What ACR has below a registry and this server does not: lists are empty, everything else says so.

use holdfast_access::RoleId;

use super::{Cloud, R, REGISTRY, V, json};

/// Lists, and the words for what they would hold.
const LISTS: [(&str, &str); 14] = [
    ("agentPools", "agent pools"),
    ("cacheRules", "cache rules"),
    ("connectedRegistries", "connected registries"),
    ("credentialSets", "credential sets"),
    ("exportPipelines", "transfer pipelines"),
    ("importPipelines", "transfer pipelines"),
    ("packages/chart/archives", "archives"),
    ("pipelineRuns", "transfer pipelines"),
    ("privateEndpointConnections", "private endpoints"),
    ("privateLinkResources", "private links"),
    ("runs", "tasks"),
    ("taskRuns", "tasks"),
    ("tasks", "tasks"),
    ("WebHooks", "webhooks"),
];

/// What `az acr` sends besides.
const OTHERS: [(&str, &str, &str); 8] = [
    ("POST", "listBuildSourceUploadUrl", "tasks"),
    ("POST", "scheduleRun", "tasks"),
    ("POST", "runs/cb1/listLogSasUrl", "tasks"),
    ("PUT", "replications/local", "replications"),
    ("PATCH", "replications/local", "replications"),
    ("POST", "webhooks/hook1/ping", "webhooks"),
    ("POST", "connectedRegistries/edge/deactivate", "connected registries"),
    ("PATCH", "cacheRules/hub", "cache rules"),
];

#[tokio::test]
async fn what_is_not_served_is_an_empty_list_or_says_so() {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let ask = async |method: &str, path: &str| {
        let response = cloud.send(method, &format!("{R}{path}{V}"), Some(&owner), "{}").await;
        (response.status().as_u16(), json(&response))
    };
    let group = format!("{{S}}/resourceGroups/rg{V}");
    cloud.send("PUT", &group, Some(&owner), r#"{"location":"local"}"#).await;
    assert_eq!(ask("GET", "mine1/webhooks").await.0, 404, "there is no registry yet");
    cloud.send("PUT", &format!("{R}mine1{V}"), Some(&owner), REGISTRY).await;
    let says = |answer: &serde_json::Value, feature: &str| {
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        message.contains(&format!("Holdfast does not serve {feature};")) && message.contains("docs/azure-cli.md")
    };
    for (list, feature) in LISTS {
        let (status, answer) = ask("GET", &format!("mine1/{list}")).await;
        assert_eq!(
            (status, answer.to_string().as_str()),
            (200, r#"{"value":[]}"#),
            "{list}"
        );
        for (method, expected) in [("PUT", 400), ("GET", 404), ("DELETE", 404)] {
            let (status, answer) = ask(method, &format!("mine1/{list}/one")).await;
            assert_eq!(status, expected, "{method} {list}");
            assert!(says(&answer, feature), "{method} {list}: {answer}");
        }
    }
    for (method, path, feature) in OTHERS {
        let (status, answer) = ask(method, &format!("mine1/{path}")).await;
        assert_eq!(status, 400, "{method} {path}");
        assert!(says(&answer, feature), "{method} {path}: {answer}");
    }
    assert_eq!(ask("GET", "mine1/nonsense").await.0, 404);
}

/// Terraform asks before it deletes a group, and deletes none with something in it.
#[tokio::test]
async fn a_group_lists_its_own_resources() {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    for group in ["rg", "other"] {
        let path = format!("{{S}}/resourceGroups/{group}{V}");
        cloud.send("PUT", &path, Some(&owner), r#"{"location":"local"}"#).await;
    }
    cloud.send("PUT", &format!("{R}mine1{V}"), Some(&owner), REGISTRY).await;
    let list = async |group: &str, more: &str| {
        let path = format!("{{S}}/resourceGroups/{group}/resources{V}{more}");
        let response = cloud.send("GET", &path, Some(&owner), "").await;
        (response.status().as_u16(), json(&response))
    };
    let (status, answer) = list("RG", "").await;
    assert_eq!(
        (status, &answer["value"][0]["name"]),
        (200, &"mine1".into()),
        "{answer}"
    );
    assert_eq!(answer["value"].as_array().map(Vec::len), Some(1));
    assert_eq!(list("other", "").await.1["value"].as_array().map(Vec::len), Some(0));
    let (_, filtered) = list("rg", "&$filter=resourceType%20eq%20%27nothing%27").await;
    assert_eq!(filtered["value"].as_array().map(Vec::len), Some(0));
    let (status, answer) = list("nowhere", "").await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (404, &"ResourceGroupNotFound".into())
    );
}

/// The PUT refuses such a label, so the name is not to be had.
#[tokio::test]
async fn a_name_with_a_label_is_not_available() {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let path = format!("{{S}}/providers/Microsoft.ContainerRegistry/checkNameAvailability{V}");
    for (scope, is_available) in [("Unsecure", true), ("TenantReuse", false), ("NoReuse", false)] {
        let request = serde_json::json!({
            "name": "mine1", "type": "Microsoft.ContainerRegistry/registries",
            "autoGeneratedDomainNameLabelScope": scope, "resourceGroupName": "rg",
        });
        let answer = json(&cloud.send("POST", &path, Some(&owner), &request.to_string()).await);
        assert_eq!(answer["nameAvailable"], is_available, "{scope}: {answer}");
        let message = answer["message"].as_str().unwrap_or_default();
        assert_eq!(
            message.contains("autoGeneratedDomainNameLabelScope"),
            !is_available,
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_location_that_is_not_there_names_the_setting_that_adds_it() {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let group = format!("{{S}}/resourceGroups/rg{V}");
    cloud
        .send("PUT", &group, Some(&owner), r#"{"location":"eastus"}"#)
        .await;
    let body = REGISTRY.replace("local", "East US");
    let answer = json(&cloud.send("PUT", &format!("{R}mine1{V}"), Some(&owner), &body).await);
    let message = answer["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("holdfast serve --location eastus"), "{answer}");
}
