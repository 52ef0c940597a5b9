//! `az role`: definitions, assignments at every kind of scope, and conditions on repositories.

use holdfast_e2e::image;
use serde_json::json;

use crate::shell::{Principal, Shell};

/// By its id, which `az` looks nothing up for.
const READER_ID: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
const READER: &str = "Container Registry Repository Reader";

/// The condition that lets read the repositories of these names or beginnings alone, as the documentation of ACR has it.
fn only(comparison: &str) -> String {
    let action =
        |verb: &str| format!("!(ActionMatches{{'Microsoft.ContainerRegistry/registries/repositories/{verb}/read'}})");
    format!(
        "(({} AND {}) OR (@Request[Microsoft.ContainerRegistry/registries/repositories:name] {comparison}))",
        action("content"),
        action("metadata")
    )
}

/// A copy from or to a registry with the credentials of a principal.
fn copy(principal: &Principal, from: &str, to: &str) -> String {
    let Principal { app_id, password, .. } = principal;
    let registry = if from.starts_with("docker:") { "src" } else { "dest" };
    format!("skopeo copy --{registry}-tls-verify=false --{registry}-creds {app_id}:{password} {from} {to}")
}

/// A principal with a role that is no use to it, so that it can be found by `az`; and its object id.
fn nobody(shell: &Shell, name: &str) -> (Principal, String) {
    let principal = shell.principal(name, "AcrImageSigner", &[]);
    let found = shell
        .json("az role assignment list --role AcrImageSigner --fill-principal-name false --query '[].principalId'");
    (principal, found[0].as_str().unwrap_or_default().to_owned())
}

#[test]
fn az_limits_a_role_to_repositories_by_a_condition() {
    let shell = Shell::start(&["azrole1"]);
    shell.run("az group create -n rg1 -l local");
    let made = shell
        .json("az acr create -n azrole1 -g rg1 --sku Standard --admin-enabled true --role-assignment-mode rbac-abac");
    assert_eq!(made["roleAssignmentMode"], "AbacRepositoryPermissions");
    let text = |key: &str| made[key].as_str().unwrap_or_default().to_owned();
    let (id, server) = (text("id"), text("loginServer"));
    let (layout, _) = image::layout(&shell.sandbox, "image", "v1", &[("amd64", "for roles")]);
    shell.run(&format!(
        "password=$(az acr credential show -n azrole1 --query passwords[0].value -o tsv)\n\
         for name in team/app other/app; do skopeo copy --dest-tls-verify=false --dest-creds azrole1:$password \
         oci:{layout}:v1 docker://{server}/$name:v1; done"
    ));
    let (reader, object) = nobody(&shell, "reader");
    let pull = |name: &str| {
        let local = format!("dir:{}", shell.sandbox.path("pulled"));
        shell.command(&copy(&reader, &format!("docker://{server}/{name}:v1"), &local))
    };
    pull("team/app").fail();

    let given = shell.json(&format!(
        "az role assignment create --assignee-object-id {object} --assignee-principal-type ServicePrincipal \
         --role '{READER}' --scope {id} --description 'the team reads' --condition \"{}\"",
        only("StringStartsWithIgnoreCase 'team/'")
    ));
    assert_eq!((&given["scope"], &given["principalId"]), (&json!(id), &json!(object)));
    assert_eq!(
        (&given["conditionVersion"], &given["description"]),
        (&json!("2.0"), &json!("the team reads"))
    );
    pull("team/app").run();
    pull("other/app").fail();

    // Another condition on the same assignment is in force at the next request.
    shell.run(&format!(
        "az role assignment list --scope {id} --fill-principal-name false --query \"[?principalId=='{object}'] | [0]\" \
         | sed \"s#StringStartsWithIgnoreCase 'team/'#StringEqualsIgnoreCase 'other/app'#\" > changed.json\n\
         az role assignment update --role-assignment changed.json"
    ));
    pull("other/app").run();
    pull("team/app").fail();
    shell.run(&format!(
        "az role assignment delete --assignee-object-id {object} --role '{READER}' --scope {id}"
    ));
    pull("other/app").fail();
    // What says nothing of repositories says nothing here; and a condition that is not understood is not taken.
    let create = format!(
        "az role assignment create --assignee-object-id {object} --assignee-principal-type ServicePrincipal --scope {id}"
    );
    shell.run(&format!("{create} --role AcrPull"));
    pull("team/app").fail();
    shell
        .command(&format!(
            "{create} --role '{READER}' --condition \"(@Resource[a] StringEquals 'b')\""
        ))
        .fail()
        .says("InvalidConditionSyntax");
}

#[test]
fn az_gives_roles_in_one_repository_and_takes_them_away() {
    let shell = Shell::start(&[]);
    let definition = shell.json("az role definition list --name AcrPull --query [0]");
    assert_eq!(definition["roleName"], "AcrPull");
    assert_eq!(definition["name"], "7f951dda-4ed3-4680-a7ca-43fe172d538d");
    assert_eq!(
        definition["permissions"][0]["actions"],
        json!(["Microsoft.ContainerRegistry/registries/pull/read"])
    );
    let shown = format!(
        "az role definition show --id {}",
        definition["id"].as_str().unwrap_or_default()
    );
    assert_eq!(shell.json(&shown), definition);
    let (writer, object) = nobody(&shell, "writer");
    let registry = shell.json("az acr show -n holdfast --query '[id, loginServer]'");
    let text = |index: usize| registry[index].as_str().unwrap_or_default().to_owned();
    let (id, server) = (text(0), text(1));
    let (layout, _) = image::layout(&shell.sandbox, "image", "v1", &[("amd64", "for one repository")]);
    let push = |name: &str| {
        shell.command(&copy(
            &writer,
            &format!("oci:{layout}:v1"),
            &format!("docker://{server}/{name}:v1"),
        ))
    };
    push("team/app").fail();
    // az refuses what it takes for half a pair of type and name, but only after this very word.
    let repositories = format!("{}/repositories", id.replace("/subscriptions/", "/Subscriptions/"));
    let create =
        format!("az role assignment create --assignee-object-id {object} --assignee-principal-type ServicePrincipal");
    shell.run(&format!("{create} --scope {repositories}/team/app --role AcrPush"));
    push("team/app").run();
    push("team/web").fail();
    let pattern = format!("{create} --scope '{repositories}/team/*' --role AcrPush");
    let given = shell.json(&pattern);
    push("team/web").run();
    push("team").fail();
    // Given again, it is the same one: az expects so.
    assert_eq!(shell.json(&pattern)["id"], given["id"]);
    let names = "--fill-principal-name false --query 'sort([].roleDefinitionName)'";
    let list = |more: &str| shell.json(&format!("az role assignment list {more} {names}"));
    assert_eq!(list(&format!("--scope '{repositories}/team/*'")), json!(["AcrPush"]));
    assert_eq!(list("--all"), json!(["AcrImageSigner", "AcrPush", "AcrPush", "Owner"]));
    assert_eq!(
        list(&format!("--scope {id} --include-inherited")),
        json!(["AcrImageSigner", "Owner"])
    );
    let given = given["id"].as_str().unwrap_or_default();
    shell.run(&format!("az role assignment delete --ids '{given}'"));
    push("team/web").fail();
    push("team/app").run();
    // By the application's id, which az finds in the directory, as it does the name to show.
    let app_id = &writer.app_id;
    shell.run(&format!(
        "az role assignment create --assignee {app_id} --scope {id} --role AcrDelete"
    ));
    let named = format!("az role assignment list --assignee {app_id} --scope {id} --query [0].principalName");
    assert_eq!(shell.json(&named), json!(app_id));
    assert_eq!(shell.json("az role deny-assignment list"), json!([]));
    // Who may push may not give that right to others.
    shell.run(&writer.login());
    shell
        .command(&format!("{create} --scope {id} --role {READER_ID}"))
        .fail()
        .says("does not have authorization");
}
