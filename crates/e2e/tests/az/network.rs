//! Network rules that `az` writes, in force for a real client.

use holdfast_e2e::image;
use serde_json::json;

use crate::shell::Shell;

#[test]
fn az_shuts_clients_out_and_lets_them_in() {
    let shell = Shell::start(&["aznet1"]);
    shell.run("az group create -n rg -l local");
    let made = shell.json("az acr create -n aznet1 -g rg --sku Premium --admin-enabled true");
    let login_server = made["loginServer"].as_str().unwrap_or_default();
    let (layout, _) = image::layout(&shell.sandbox, "image", "v1", &[("amd64", "walled")]);
    let copy = format!(
        "password=$(az acr credential show -n aznet1 --query passwords[0].value -o tsv)\n\
         skopeo copy --retry-times 0 --dest-tls-verify=false --dest-creds aznet1:$password oci:{layout}:v1 \
         docker://{login_server}/app:v1"
    );
    shell.run(&copy);

    // Addresses of documentation are nobody's: this machine is outside.
    shell.run("az acr network-rule add -n aznet1 --ip-address 192.0.2.0/24");
    let rules = shell.json("az acr network-rule add -n aznet1 --ip-address 2001:db8::/32");
    assert_eq!(rules["networkRuleSet"]["defaultAction"], "Allow");
    shell.run(&copy);
    let shut = shell.json("az acr update -n aznet1 --default-action Deny");
    assert_eq!(shut["networkRuleSet"]["defaultAction"], "Deny");
    assert_eq!(shut["networkRuleSet"]["ipRules"].as_array().map(Vec::len), Some(2));
    shell.command(&copy).fail();
    let told = "client with IP '127.0.0.1' is not allowed access";
    shell.run(&format!("curl -sk https://{login_server}/v2/")).says(told);
    for command in [
        "az acr login -n aznet1 --expose-token",
        "az acr repository list -n aznet1",
    ] {
        shell
            .command(command)
            .fail()
            .says("Looks like you don't have access to registry");
    }

    shell.run("az acr network-rule add -n aznet1 --ip-address 127.0.0.1");
    shell.run(&copy);
    assert_eq!(shell.json("az acr repository list -n aznet1"), json!(["app"]));
    let listed = shell.json("az acr network-rule list -n aznet1 --query ipRules[].ipAddressOrRange");
    assert_eq!(listed, json!(["192.0.2.0/24", "2001:db8::/32", "127.0.0.1"]));
    shell.run("az acr network-rule remove -n aznet1 --ip-address 127.0.0.1");
    shell.command(&copy).fail();

    shell.run("az acr network-rule add -n aznet1 --ip-address 127.0.0.0/8");
    shell.run(&copy);
    let closed = shell.json("az acr update -n aznet1 --public-network-enabled false --allow-trusted-services false");
    assert_eq!(
        (&closed["publicNetworkAccess"], &closed["networkRuleBypassOptions"]),
        (&json!("Disabled"), &json!("None"))
    );
    shell.command(&copy).fail();
    shell
        .command("az acr update -n aznet1 --sku Standard")
        .fail()
        .says("Network rule set");
    shell.run("az acr update -n aznet1 --public-network-enabled true --default-action Allow");
    shell.run(&copy);
    shell
        .command("az acr network-rule add -n aznet1 --ip-address example.org")
        .fail()
        .says("is not an IPv4 or IPv6 address");
}
