//! `az acr manifest`: manifests themselves, what is known of them, and what refers to them.

use holdfast_e2e::image;
use serde_json::json;

use crate::shell::Shell;

#[test]
fn az_shows_changes_and_deletes_manifests() {
    let shell = Shell::start(&[]);
    let digest = shell.push("holdfast", "team/app:v1", "one");
    let other = shell.push("holdfast", "team/app:v2", "two");
    let host = shell.json("az acr show -n holdfast --query loginServer");
    let host = host.as_str().expect("it has a login server");

    let manifest = shell.json("az acr manifest show -r holdfast -n team/app:v1");
    assert_eq!(manifest["mediaType"], image::MANIFEST);
    // Byte for byte: what it prints has the digest that it was asked for.
    let raw = shell.run(&format!("az acr manifest show --raw {host}/team/app@{digest}"));
    assert_eq!(image::digest(&raw.stdout), digest);
    let all = shell.json(&format!("az acr manifest list {host}/team/app"));
    assert_eq!(all.as_array().map(Vec::len), Some(2));
    let known = shell.json("az acr manifest list-metadata -r holdfast -n team/app --orderby time_asc");
    assert_eq!(
        (&known[0]["digest"], &known[1]["digest"]),
        (&json!(digest), &json!(other))
    );
    let shown = shell.json(&format!("az acr manifest show-metadata {host}/team/app@{digest}"));
    assert_eq!((&shown["digest"], &shown["tags"]), (&json!(digest), &json!(["v1"])));
    // The old names of the same commands.
    assert_eq!(
        shell.json("az acr manifest metadata list -r holdfast -n team/app --orderby time_asc"),
        known
    );
    let tag = shell.json("az acr manifest metadata show -r holdfast -n team/app:v1");
    assert_eq!(tag["digest"], json!(digest));

    let update = format!("az acr manifest update-metadata {host}/team/app@{digest}");
    let locked = shell.json(&format!("{update} --delete-enabled false"));
    assert_eq!(locked["changeableAttributes"]["deleteEnabled"], false);
    let delete = "az acr manifest delete -r holdfast -n team/app:v1 --yes";
    shell.command(delete).fail().says("is locked");
    let unlock = format!("az acr manifest metadata update -r holdfast -n team/app@{digest} --delete-enabled true");
    assert_eq!(shell.json(&unlock)["changeableAttributes"]["deleteEnabled"], true);
    shell.run(delete);
    let gone = shell.command("az acr manifest show -r holdfast -n team/app:v1").fail();
    assert_eq!(gone.says("manifest tagged by").code(), Some(3));
    let left = shell.json("az acr manifest list-metadata -r holdfast -n team/app --query '[].digest'");
    assert_eq!(left, json!([other]));
}

#[test]
fn az_lists_what_refers_to_a_manifest() {
    let shell = Shell::start(&[]);
    shell.push("holdfast", "team/app:v1", "signed");
    let subject = format!("{}/team/app:v1", shell.server.http());
    let bill = shell.sandbox.write("bill.json", "{}");
    let login = format!("-u {} -p {}", shell.server.username(), shell.server.password());
    for kind in ["application/vnd.example.bill", "application/vnd.example.signature"] {
        let attach = format!(
            "oras attach --plain-http {login} --disable-path-validation --artifact-type {kind} {subject} {bill}"
        );
        shell.run(&attach);
    }
    let list = "az acr manifest list-referrers -r holdfast -n team/app:v1";
    let referrers = shell.json(list);
    assert_eq!(
        referrers["referrers"]
            .as_array()
            .or(referrers["manifests"].as_array())
            .map(Vec::len),
        Some(2)
    );
    let filtered = shell.json(&format!("{list} --artifact-type application/vnd.example.bill"));
    assert_eq!(filtered["manifests"][0]["artifactType"], "application/vnd.example.bill");
    assert_eq!(filtered["manifests"].as_array().map(Vec::len), Some(1));
}
