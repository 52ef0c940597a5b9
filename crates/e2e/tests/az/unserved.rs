//! What Azure has and Holdfast does not: lists are empty, and `az` is told so in words about Holdfast.

use serde_json::json;

use crate::shell::Shell;

#[test]
fn az_is_told_what_is_not_served_and_lists_are_empty() {
    let shell = Shell::start(&["azgone1"]);
    shell.run("az group create -n rg -l local");
    shell.run("az acr create -n azgone1 -g rg --sku Premium");
    for script in [
        "az acr webhook list -r azgone1",
        "az acr cache list -r azgone1",
        "az acr credential-set list -r azgone1",
        "az acr connected-registry list -r azgone1",
        "az acr private-endpoint-connection list -r azgone1",
        "az acr agentpool list -r azgone1",
        "az acr task list -r azgone1",
        "az acr task list-runs -r azgone1",
    ] {
        assert_eq!(shell.json(script), json!([]), "{script}");
    }
    let homes = shell.json("az acr replication list -r azgone1");
    assert_eq!(homes[0]["location"], "local");
    assert_eq!(homes.as_array().map(Vec::len), Some(1), "{homes}");
    for (script, feature) in [
        (
            "az acr webhook create -r azgone1 -n hook1 --uri http://hook.example/ --actions push",
            "webhooks",
        ),
        ("az acr webhook show -r azgone1 -n hook1", "webhooks"),
        ("az acr webhook ping -r azgone1 -n hook1", "webhooks"),
        ("az acr replication create -r azgone1 -l eastus", "replications"),
        (
            "az acr cache create -r azgone1 -n hub -s docker.io/library/busybox -t busybox",
            "cache rules",
        ),
        ("az acr agentpool create -r azgone1 -n pool --tier S1", "agent pools"),
        ("az acr run -r azgone1 --cmd 'echo hello' /dev/null", "tasks"),
        (
            "az acr artifact-streaming show -n azgone1 --repository team/app",
            "artifact streaming",
        ),
    ] {
        let refused = shell.command(script).fail();
        refused.says(&format!("Holdfast does not serve {feature}"));
    }
    let nowhere = shell
        .command("az acr create -n azgone2 -g rg --sku Basic -l eastus")
        .fail();
    nowhere.says("holdfast serve --location eastus");
}
