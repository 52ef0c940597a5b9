//! Tier, policies and ARM's own lists, as `az` changes and shows them.

use serde_json::json;

use crate::shell::Shell;

#[test]
fn az_changes_policies_and_the_tier() {
    let shell = Shell::start(&["azset1"]);
    shell.run("az group create -n rg -l local");
    let made = shell.json("az acr create -n azset1 -g rg --sku Premium --role-assignment-mode rbac-abac");
    assert_eq!(made["roleAssignmentMode"], "AbacRepositoryPermissions");
    assert_eq!(made["systemData"]["createdByType"], "Application");
    let updated = shell.json("az acr update -n azset1 --role-assignment-mode rbac --allow-metadata-search true");
    assert_eq!(
        (&updated["roleAssignmentMode"], &updated["metadataSearch"]),
        (&json!("LegacyRegistryPermissions"), &json!("Enabled"))
    );

    let retention =
        shell.json("az acr config retention update -r azset1 --status enabled --days 30 --type UntaggedManifests");
    assert_eq!(
        (&retention["status"], &retention["days"]),
        (&json!("enabled"), &json!(30))
    );
    assert_eq!(shell.json("az acr config retention show -r azset1")["days"], 30);
    let arm = shell.json("az acr config authentication-as-arm update -r azset1 --status disabled");
    assert_eq!(arm["status"], "disabled");
    assert_eq!(
        shell.json("az acr config authentication-as-arm show -r azset1")["status"],
        "disabled"
    );
    // The other audience is taken still.
    shell.run("az acr login -n azset1 --expose-token");
    assert_eq!(
        shell.json("az acr config content-trust show -r azset1")["status"],
        "disabled"
    );
    assert_eq!(
        shell.json("az acr config soft-delete show -r azset1")["retentionDays"],
        7
    );
    shell
        .command("az acr config soft-delete update -r azset1 --status enabled")
        .fail()
        .says("does not support another value");
    shell.run("az acr config soft-delete update -r azset1 --days 14");
    assert_eq!(
        shell.json("az acr config soft-delete show -r azset1")["retentionDays"],
        14
    );

    // A folder has no address of its own: blobs go on coming from the login server.
    let with_endpoint = shell.json("az acr update -n azset1 --data-endpoint-enabled true");
    assert_eq!(
        (
            &with_endpoint["dataEndpointEnabled"],
            &with_endpoint["dataEndpointHostNames"]
        ),
        (&json!(true), &json!([]))
    );
    let refused = shell.command("az acr update -n azset1 --sku Basic").fail();
    refused.says("Retention policy");
    refused.says("Dedicated data endpoint");
    shell.json("az acr update -n azset1 --data-endpoint-enabled false");
    shell.json("az acr config retention update -r azset1 --status disabled --type UntaggedManifests");
    assert_eq!(
        shell.json("az acr update -n azset1 --sku Basic")["sku"]["tier"],
        "Basic"
    );
    let usages = shell.json("az acr show-usage -n azset1 --query 'value[].[name,limit]'");
    assert_eq!(
        usages,
        json!([
            ["Size", 10_737_418_240_u64],
            ["Webhooks", 2],
            ["ScopeMaps", 100],
            ["Tokens", 100]
        ])
    );
    shell
        .command("az acr update -n azset1 --anonymous-pull-enabled true")
        .fail()
        .says("Anonymous pull is not supported for SKU Managed_Basic");
}

#[test]
fn az_reads_and_tags_groups_and_resources() {
    let shell = Shell::start(&["azgrp1"]);
    shell.run("az group create -n rg -l local --tags team=blue");
    assert_eq!(shell.json("az group show -n rg")["tags"], json!({ "team": "blue" }));
    assert_eq!(
        shell.json("az group update -n rg --set tags.cost=7")["tags"],
        json!({ "team": "blue", "cost": "7" })
    );
    let names = shell.json("az group list --query '[].name'");
    assert!(
        names.as_array().is_some_and(|names| names.contains(&json!("rg"))),
        "{names}"
    );
    let made = shell.json("az acr create -n azgrp1 -g rg --sku Basic --tags a=b");
    let id = made["id"].as_str().unwrap_or_default();
    let listed = shell.json("az resource list -g rg --query '[].[name,type]'");
    assert_eq!(listed, json!([["azgrp1", "Microsoft.ContainerRegistry/registries"]]));
    let tagged = shell.json("az resource list --tag a=b --query '[].name'");
    assert_eq!(tagged, json!(["azgrp1"]));
    let shown = shell.json(&format!("az resource show --ids {id}"));
    assert_eq!(shown["properties"]["loginServer"], made["loginServer"]);
    let provider = shell.json("az provider show -n Microsoft.ContainerRegistry");
    assert_eq!(provider["registrationState"], "Registered");
    shell.run("az provider register -n Microsoft.ContainerRegistry");
    assert_eq!(
        shell.json("az account list-locations --query '[].name'"),
        json!(["local"])
    );
    let endpoints = shell.json("az acr show-endpoints -n azgrp1");
    assert_eq!(endpoints["loginServer"], made["loginServer"]);
    shell.run("az group delete -n rg --yes");
    assert_eq!(shell.json("az group exists -n rg"), json!(false));
    assert_eq!(shell.json("az acr check-name -n azgrp1")["nameAvailable"], true);
}
