//! From `az cloud register` to `az group delete`, with an image pushed in between.

use holdfast_e2e::image;
use serde_json::json;

use crate::shell::Shell;

#[test]
fn az_makes_uses_and_deletes_a_registry() {
    let shell = Shell::signed_out(&["azreg1"]);
    let owner = shell.principal("owner", "Owner", &[]);
    shell.command(&owner.login_with("wrong")).fail().says("AADSTS7000215");
    assert_eq!(shell.json(&owner.login())[0]["tenantId"], owner.tenant);

    shell.run("az group create -n rg1 -l local");
    assert_eq!(shell.json("az acr check-name -n azreg1")["nameAvailable"], true);
    let made = shell.json("az acr create -n azreg1 -g rg1 --sku Basic --admin-enabled true");
    assert_eq!(made["provisioningState"], "Succeeded");
    assert_eq!(shell.json("az acr check-name -n azreg1")["reason"], "AlreadyExists");
    let updated = shell.json("az acr update -n azreg1 --sku Standard --anonymous-pull-enabled true --tags team=blue");
    assert_eq!(updated["sku"]["name"], "Standard");
    assert_eq!(
        (&updated["anonymousPullEnabled"], &updated["tags"]),
        (&json!(true), &json!({ "team": "blue" }))
    );
    let names = shell.json("az acr list --query '[].name'");
    assert_eq!(names, json!(["holdfast", "azreg1"]));
    let (layout, _) = image::layout(&shell.sandbox, "image", "v1", &[("amd64", "from az")]);
    let login_server = made["loginServer"].as_str().unwrap_or_default();
    let push = format!(
        "token=$(az acr login -n azreg1 --expose-token --query accessToken -o tsv)\n\
         skopeo copy --dest-tls-verify=false --dest-creds 00000000-0000-0000-0000-000000000000:$token \
         oci:{layout}:v1 docker://{login_server}/team/app:v1"
    );
    shell.run(&push);
    assert_eq!(shell.json("az acr repository list -n azreg1"), json!(["team/app"]));
    assert_eq!(
        shell.json("az acr repository show -n azreg1 --repository team/app")["tagCount"],
        1
    );
    assert_eq!(
        shell.json("az acr repository show-tags -n azreg1 --repository team/app"),
        json!(["v1"])
    );
    let used = shell.json("az acr show-usage -n azreg1 --query value[0].currentValue");
    assert!(used.as_u64().is_some_and(|bytes| bytes > 0), "{used}");
    shell.run("az acr repository delete -n azreg1 --image team/app:v1 --yes");
    assert_eq!(shell.json("az acr repository list -n azreg1"), json!([]));

    // With an image in it, which goes too: under the same name there is a new, empty registry.
    shell.run(&push);
    shell.run("az acr delete -n azreg1 --yes");
    shell.command("az acr show -n azreg1").fail().says("could not be found");
    shell.run("az acr create -n azreg1 -g rg1 --sku Premium");
    assert_eq!(shell.json("az acr repository list -n azreg1"), json!([]));
    shell.run("az group delete -n rg1 --yes");
    assert_eq!(shell.json("az group exists -n rg1"), false);
    shell
        .command("az acr delete -n holdfast --yes")
        .fail()
        .says("default registry");
}

#[test]
fn az_shows_the_passwords_of_the_admin_account_and_renews_one() {
    let shell = Shell::start(&[]);
    let [before, after] = [
        "az acr credential show -n holdfast",
        "az acr credential renew -n holdfast --password-name password2",
    ]
    .map(|script| shell.json(script));
    assert_eq!(before["username"], "holdfast");
    assert_eq!(before["passwords"][0], after["passwords"][0]);
    assert_ne!(before["passwords"][1], after["passwords"][1]);
}
