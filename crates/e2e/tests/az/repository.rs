//! `az acr repository`: what is there, what may change, and its end.

use serde_json::{Value, json};

use crate::shell::Shell;

#[test]
fn az_shows_repositories_tags_and_manifests() {
    let shell = Shell::start(&[]);
    let first = shell.push("holdfast", "team/app:v1", "first");
    let second = shell.push("holdfast", "team/app:v2", "second");
    shell.push("holdfast", "base/one:latest", "first");
    let list = "az acr repository list -n holdfast";
    assert_eq!(shell.json(list), json!(["base/one", "team/app"]));
    assert_eq!(shell.json(&format!("{list} --top 1")), json!(["base/one"]));

    let shown = shell.json("az acr repository show -n holdfast --repository team/app");
    assert_eq!((&shown["manifestCount"], &shown["tagCount"]), (&json!(2), &json!(2)));
    assert_eq!(shown["imageName"], "team/app");
    let unlocked = json!({"deleteEnabled": true, "listEnabled": true, "readEnabled": true, "writeEnabled": true});
    assert_eq!(shown["changeableAttributes"], unlocked);
    let tag = shell.json("az acr repository show -n holdfast --image team/app:v1");
    assert_eq!((&tag["name"], &tag["digest"]), (&json!("v1"), &json!(first)));
    let manifest = shell.json(&format!("az acr repository show -n holdfast --image team/app@{first}"));
    assert_eq!(
        (&manifest["digest"], &manifest["tags"]),
        (&json!(first), &json!(["v1"]))
    );
    assert_eq!(
        (&manifest["architecture"], &manifest["os"]),
        (&json!("amd64"), &json!("linux"))
    );
    assert!(
        manifest["imageSize"].as_u64().is_some_and(|bytes| bytes > 0),
        "{manifest}"
    );

    let tags = "az acr repository show-tags -n holdfast --repository team/app";
    assert_eq!(shell.json(tags), json!(["v1", "v2"]));
    assert_eq!(
        shell.json(&format!("{tags} --orderby time_desc --top 1")),
        json!(["v2"])
    );
    let detailed = shell.json(&format!("{tags} --detail --orderby time_asc"));
    assert_eq!(detailed[1]["digest"], json!(second));
    let manifests =
        shell.json("az acr repository show-manifests -n holdfast --repository team/app --orderby time_desc");
    let digests: Vec<&Value> = manifests
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| &row["digest"])
        .collect();
    assert_eq!(digests, [&json!(second), &json!(first)]);
    for missing in ["--repository team/none", "--image team/app:none"] {
        let refused = shell
            .command(&format!("az acr repository show -n holdfast {missing}"))
            .fail();
        refused.says("Error: ");
        assert_eq!(refused.code(), Some(3), "{refused}");
    }
}

#[test]
fn a_locked_image_or_repository_is_neither_deleted_nor_replaced() {
    let shell = Shell::start(&[]);
    let digest = shell.push("holdfast", "team/app:v1", "kept");
    shell.push("holdfast", "team/app:v2", "let go");
    let update = |what: &str| shell.json(&format!("az acr repository update -n holdfast {what}"));
    let refused = |script: &str| {
        shell.command(script).fail().says("is locked");
    };
    let (layout, _) = holdfast_e2e::image::layout(&shell.sandbox, "other", "pushed", &[("amd64", "other")]);
    let replace = |tag: &str| {
        let to = format!("docker://{}/team/app:{tag}", shell.server.http());
        let login = shell.server.login();
        format!("skopeo copy --dest-tls-verify=false --dest-creds {login} oci:{layout}:pushed {to}")
    };

    let locked = update("--image team/app:v1 --write-enabled false");
    assert_eq!(locked["changeableAttributes"]["writeEnabled"], false);
    assert_eq!(locked["name"], "v1");
    refused("az acr repository untag -n holdfast --image team/app:v1");
    shell.command(&replace("v1")).fail().says("locked");
    let by_digest = update(&format!(
        "--image team/app@{digest} --delete-enabled false --write-enabled true"
    ));
    assert_eq!(by_digest["changeableAttributes"]["deleteEnabled"], false);
    refused("az acr repository delete -n holdfast --image team/app:v1 --yes");
    refused(&format!(
        "az acr repository delete -n holdfast --image team/app@{digest} --yes"
    ));
    refused("az acr repository delete -n holdfast --repository team/app --yes");
    update(&format!("--image team/app@{digest} --delete-enabled true"));
    update("--image team/app:v1 --write-enabled true");
    shell.run(&replace("v1"));

    assert_eq!(
        update("--repository team/app --write-enabled false")["changeableAttributes"]["writeEnabled"],
        false
    );
    shell.command(&replace("v3")).fail().says("locked");
    refused("az acr repository delete -n holdfast --repository team/app --yes");
    update("--repository team/app --write-enabled true --read-enabled false");
    let pull = format!(
        "skopeo inspect --tls-verify=false --creds {} docker://{}/team/app:v1",
        shell.server.login(),
        shell.server.http()
    );
    shell.command(&pull).fail().says("locked");
    update("--repository team/app --read-enabled true");
    shell.run(&pull);

    shell.run("az acr repository untag -n holdfast --image team/app:v2");
    let tags = "az acr repository show-tags -n holdfast --repository team/app";
    assert_eq!(shell.json(tags), json!(["v1"]));
    shell.run("az acr repository delete -n holdfast --image team/app:v1 --yes");
    assert_eq!(shell.json(tags), json!([]));
    let gone = shell.json("az acr repository delete -n holdfast --repository team/app --yes");
    assert_eq!(gone["tagsDeleted"], json!([]));
    assert!(
        gone["manifestsDeleted"].as_array().is_some_and(|all| !all.is_empty()),
        "{gone}"
    );
    assert_eq!(shell.json("az acr repository list -n holdfast"), json!([]));
}
