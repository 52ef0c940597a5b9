//! Locations, storage accounts of users, and a Classic registry in one of them.

use std::{fs, path::Path};

use holdfast_e2e::{Data, image};
use holdfast_testkit::object_server::ObjectServer;
use serde_json::json;

use crate::shell::Shell;

/// The files of objects in a storage account's folder.
fn objects(account: &Path) -> usize {
    let shards = fs::read_dir(account.join("objects")).expect("the account has a folder");
    shards
        .map(|shard| fs::read_dir(shard.expect("it is read").path()).map_or(0, Iterator::count))
        .sum()
}

#[test]
fn a_classic_registry_lies_in_its_owners_storage_account() {
    let disk = tempfile::tempdir().expect("a folder can be made");
    let folder = disk.path().join("west");
    let west = format!("West Europe={}", folder.display());
    let flags = ["--location", "eastus", "--location", &west];
    let shell = Shell::with_flags(&flags, &["managed1", "classic1"]);
    assert_eq!(
        shell.json("az account list-locations --query '[].[name, displayName]'"),
        json!([["eastus", "East US"], ["local", "Local"], ["westeurope", "West Europe"]])
    );
    shell.run("az group create -n rg1 -l 'West Europe'");
    assert_eq!(
        shell.json("az storage account check-name -n store1")["nameAvailable"],
        true
    );
    let account = shell.json("az storage account create -n store1 -g rg1 --tags team=blue");
    assert_eq!(
        (&account["location"], &account["tags"], &account["sku"]["name"]),
        (&json!("westeurope"), &json!({ "team": "blue" }), &json!("Standard_LRS"))
    );
    assert_eq!(
        shell.json("az storage account check-name -n store1")["reason"],
        "AlreadyExists"
    );

    shell
        .command("az acr create -n managed1 -g rg1 --sku Basic -l northeurope")
        .fail()
        .says("'eastus,local,westeurope'");
    let managed = shell.json("az acr create -n managed1 -g rg1 --sku Basic -l 'East US'");
    assert_eq!(managed["location"], "eastus");
    let id = account["id"].as_str().unwrap_or_default();
    let classic = |location: &str| {
        let body = json!({
            "location": location,
            "sku": { "name": "Classic" },
            "properties": { "adminUserEnabled": true, "storageAccount": { "id": id } },
        });
        format!(
            "az rest --method put --url '/subscriptions/{{subscriptionId}}/resourceGroups/rg1/providers/\
             Microsoft.ContainerRegistry/registries/classic1?api-version=2017-10-01' --body '{body}'"
        )
    };
    shell
        .command(&classic("eastus"))
        .fail()
        .says("must be in the same location");
    let made = shell.json(&classic("westeurope"));
    assert_eq!(made["properties"]["storageAccount"]["id"], id);
    assert_eq!(shell.json("az acr show -n classic1 --query sku.name"), "Classic");

    let (layout, _) = image::layout(&shell.sandbox, "image", "v1", &[("amd64", "from az")]);
    let login_server = made["properties"]["loginServer"].as_str().unwrap_or_default();
    let copied = shell.sandbox.path("copied");
    // The admin account, for `az acr login` gets no token of a Classic registry.
    let push = format!(
        "password=$(az acr credential show -n classic1 --query passwords[0].value -o tsv)\n\
         skopeo copy --dest-tls-verify=false --dest-creds classic1:$password oci:{layout}:v1 \
         docker://{login_server}/team/app:v1"
    );
    shell.run(&format!(
        "{push}\n\
         skopeo copy --src-tls-verify=false --src-creds classic1:$password docker://{login_server}/team/app:v1 \
         oci:{copied}:v1"
    ));
    let store = folder.join("store1");
    assert!(objects(&store) > 0, "the bytes are in the account's own folder");
    assert_eq!(objects(&folder.join("default-westeurope")), 0);
    let status: serde_json::Value =
        serde_json::from_str(&shell.server.operate(&["status", "--output", "json"])).expect("it is JSON");
    let accounts = status["storageAccounts"].as_array().into_iter().flatten();
    let shown = accounts.clone().find(|account| account["name"] == "store1");
    assert_eq!(shown.map(|account| &account["registries"]), Some(&json!(["classic1"])));
    assert!(
        shell
            .server
            .operate(&["check"])
            .contains("everything is as it should be")
    );

    assert_eq!(
        shell.json("az acr update -n classic1 --tags a=b")["tags"],
        json!({ "a": "b" })
    );
    shell
        .command("az acr update -n classic1 --sku Premium")
        .fail()
        .says("cannot change between Classic and a managed SKU");
    shell
        .command("az storage account delete -n store1 -g rg1 --yes")
        .fail()
        .says("registry classic1 lies in it");
    shell.run("az acr delete -n classic1 --yes");
    shell.run("az storage account delete -n store1 -g rg1 --yes");
    assert!(!store.exists(), "the folder goes with the account");
    assert_eq!(shell.json("az storage account list"), json!([]));

    shell.run("az storage account create -n store1 -g rg1");
    shell.run(&classic("westeurope"));
    shell.run(&push);
    assert!(objects(&store) > 0);
    shell.run("az group delete -n rg1 --yes");
    assert!(!store.exists(), "a group takes its registries and their accounts along");
    assert_eq!(shell.json("az group exists -n rg1"), false);
    let left = "az resource list --query \"[?resourceGroup=='rg1']\"";
    assert_eq!(shell.json(left), json!([]));
    assert_eq!(
        shell.json("az storage account check-name -n store1")["nameAvailable"],
        true
    );
    assert_eq!(shell.json("az acr check-name -n classic1")["nameAvailable"], true);
    assert_eq!(shell.json("az acr check-name -n managed1")["nameAvailable"], true);
}

#[test]
fn a_classic_registry_lies_in_an_account_in_a_bucket() {
    let store = ObjectServer::s3();
    let url = store.url(&store.make_bucket(), None);
    let data = Data::new().with_variables(&store.variables());
    let west = format!("West Europe={url}");
    let shell = Shell::with_data(data, &["--location", &west], &["classic1"]);
    shell.run("az group create -n rg1 -l westeurope");
    let account = shell.json("az storage account create -n store1 -g rg1");
    let id = account["id"].as_str().unwrap_or_default();
    let body = json!({
        "location": "westeurope",
        "sku": { "name": "Classic" },
        "properties": { "adminUserEnabled": true, "storageAccount": { "id": id } },
    });
    let made = shell.json(&format!(
        "az rest --method put --url '/subscriptions/{{subscriptionId}}/resourceGroups/rg1/providers/\
         Microsoft.ContainerRegistry/registries/classic1?api-version=2017-10-01' --body '{body}'"
    ));
    let (layout, _) = image::layout(&shell.sandbox, "image", "v1", &[("amd64", "from a bucket")]);
    let login_server = made["properties"]["loginServer"].as_str().unwrap_or_default();
    let copied = shell.sandbox.path("copied");
    shell.run(&format!(
        "password=$(az acr credential show -n classic1 --query passwords[0].value -o tsv)\n\
         skopeo copy --dest-tls-verify=false --dest-creds classic1:$password oci:{layout}:v1 \
         docker://{login_server}/team/app:v1\n\
         skopeo copy --src-tls-verify=false --src-creds classic1:$password docker://{login_server}/team/app:v1 \
         oci:{copied}:v1"
    ));
    assert!(
        !store.objects(&url, "store1").is_empty(),
        "the bytes are in the account's own prefix"
    );
    assert!(store.objects(&url, "default-westeurope").is_empty());
    let status: serde_json::Value =
        serde_json::from_str(&shell.server.operate(&["status", "--output", "json"])).expect("it is JSON");
    let accounts = status["storageAccounts"].as_array().into_iter().flatten();
    let shown = accounts.clone().find(|account| account["name"] == "store1");
    let (path, _) = url.split_once('?').expect("it has parameters");
    let lies_at = shown.and_then(|account| account["url"].as_str()).unwrap_or_default();
    assert!(lies_at.starts_with(&format!("{path}/store1?")), "{status}");
    let shell = shell.crash();
    let check = shell.server.operate(&["check"]);
    assert!(check.contains("everything is as it should be"), "{check}");
    shell
        .command("az storage account delete -n store1 -g rg1 --yes")
        .fail()
        .says("registry classic1 lies in it");
    shell.run("az acr delete -n classic1 --yes");
    shell.run("az storage account delete -n store1 -g rg1 --yes");
    assert!(
        store.objects(&url, "store1").is_empty(),
        "the objects go with the account"
    );
    assert_eq!(shell.json("az storage account list"), json!([]));
    shell.run("az storage account create -n store1 -g rg1");
}
