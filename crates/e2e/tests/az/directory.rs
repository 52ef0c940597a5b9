//! Service principals: `az ad`, and the documented script that makes one for a registry and pulls with it.

use holdfast_e2e::image;
use serde_json::{Value, json};

use crate::shell::Shell;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn a_service_principal_made_for_a_registry_pulls_until_its_password_is_reset() {
    let shell = Shell::with_docker(&[]);
    shell.push("holdfast", "team/app:v1", "for a principal");
    let host = shell.json("az acr show -n holdfast --query loginServer");
    let host = text(&host);
    // The script of the documentation, its variables included.
    let made = shell.json(
        "registry=$(az acr show --name holdfast --query id --output tsv)\n\
         password=$(az ad sp create-for-rbac --name acr-sp --scopes $registry --role acrpull --query password -o tsv)\n\
         user=$(az ad sp list --display-name acr-sp --query '[].appId' --output tsv)\n\
         echo \"{\\\"user\\\": \\\"$user\\\", \\\"password\\\": \\\"$password\\\"}\"",
    );
    let (user, password) = (text(&made["user"]), text(&made["password"]));
    assert_eq!((user.len(), password.len()), (36, 52));
    let log_in = |password: &str| format!("docker login -u {user} --password-stdin {host} <<< '{password}'");
    shell.run(&log_in(password)).says("Login Succeeded");
    let image = format!("{host}/team/app:v1");
    shell.run(&format!("docker pull --quiet {image}"));
    let context = image::build_context(&shell.sandbox, "mine", "of my own");
    shell.run(&format!(
        "docker build --quiet --network=none --tag {host}/team/mine:v1 {context}"
    ));
    shell.command(&format!("docker push {host}/team/mine:v1")).fail();

    // Made again under the same name it is the same principal with another password.
    let again = shell.json("az ad sp create-for-rbac --name acr-sp --skip-assignment");
    assert_eq!(text(&again["appId"]), user);
    shell.command(&log_in(password)).fail().says("unauthorized");
    let reset = shell.json(&format!("az ad sp credential reset --id {user} --display-name second"));
    assert_eq!((&reset["appId"], &reset["tenant"]), (&again["appId"], &again["tenant"]));
    shell
        .command(&log_in(text(&again["password"])))
        .fail()
        .says("unauthorized");
    shell.run(&log_in(text(&reset["password"]))).says("Login Succeeded");
    shell.run(&format!("docker rmi --force {image}; docker pull --quiet {image}"));

    shell.run(&format!("az ad sp delete --id {user}"));
    shell
        .command(&log_in(text(&reset["password"])))
        .fail()
        .says("unauthorized");
    shell
        .command(&format!("docker rmi --force {image}; docker pull --quiet {image}"))
        .fail();
    assert_eq!(shell.json("az ad sp list --display-name acr-sp"), json!([]));
    let left = shell.json(
        "az role assignment list --scope $(az acr show -n holdfast --query id -o tsv) --query '[].roleDefinitionName'",
    );
    assert_eq!(left, json!([]), "its role went with it");
}

#[test]
fn applications_and_their_credentials_are_managed_with_az_ad() {
    let shell = Shell::start(&[]);
    let app = shell.json("az ad app create --display-name ci");
    let id = text(&app["appId"]);
    assert_eq!(
        (text(&app["displayName"]), text(&app["signInAudience"])),
        ("ci", "AzureADMyOrg")
    );
    let principal = shell.json(&format!("az ad sp create --id {id}"));
    assert_ne!(principal["id"], app["id"]);
    assert_eq!(
        shell.json(&format!("az ad sp show --id {id} --query id")),
        principal["id"]
    );
    shell.run(&format!("az ad app update --id {id} --display-name renamed"));
    assert_eq!(
        shell.json(&format!("az ad app show --id {id} --query displayName")),
        "renamed"
    );
    assert_eq!(
        shell.json("az ad app list --display-name ren --query '[].appId'"),
        json!([id])
    );
    let by_id = format!(
        "az ad sp list --filter \"id eq '{}'\" --query '[].displayName'",
        text(&principal["id"])
    );
    assert_eq!(shell.json(&by_id), json!(["renamed"]));

    // Secrets: two side by side, one taken away.
    let first = shell.json(&format!("az ad app credential reset --id {id} --display-name first"));
    let second = shell.json(&format!(
        "az ad sp credential reset --id {id} --display-name second --append --years 2"
    ));
    let listed = shell.json(&format!(
        "az ad sp credential list --id {id} --query '[].[displayName, hint, keyId]'"
    ));
    assert_eq!((&listed[0][0], &listed[1][0]), (&json!("first"), &json!("second")));
    assert_eq!(text(&listed[1][1]), &text(&second["password"])[..3]);
    shell.run(&format!(
        "az ad app credential delete --id {id} --key-id {}",
        text(&listed[0][2])
    ));
    let cloud = shell.cloud();
    let sign_in = |password: &Value| {
        let (password, tenant) = (text(password), text(&second["tenant"]));
        format!(
            "export AZURE_CONFIG_DIR=$(mktemp -d)\n{cloud}\n\
             az login --service-principal -u {id} -p '{password}' --tenant {tenant} --allow-no-subscriptions"
        )
    };
    shell.command(&sign_in(&first["password"])).fail().says("AADSTS7000215");
    shell.run(&sign_in(&second["password"]));

    // A certificate beside them.
    let with_certificate = shell.json(&format!("az ad sp credential reset --id {id} --create-cert --append"));
    assert!(text(&with_certificate["fileWithCertAndPrivateKey"]).ends_with(".pem"));
    let certificates = shell.json(&format!(
        "az ad sp credential list --id {id} --cert --query '[].[type, keyId]'"
    ));
    assert_eq!(certificates[0][0], "AsymmetricX509Cert");
    shell.run(&format!(
        "az ad sp credential delete --id {id} --cert --key-id {}",
        text(&certificates[0][1])
    ));
    assert_eq!(
        shell.json(&format!("az ad app credential list --id {id} --cert")),
        json!([])
    );

    // Trust in another issuer.
    let parameters = r#"{"name":"main","issuer":"https://token.actions.githubusercontent.com","subject":"repo:contoso/app:ref:refs/heads/main","audiences":["api://AzureADTokenExchange"]}"#;
    let federated = |verb: &str| format!("az ad app federated-credential {verb} --id {id}");
    let made = shell.json(&format!("{} --parameters '{parameters}'", federated("create")));
    let one = format!("--federated-credential-id {}", text(&made["id"]));
    let changed = parameters.replace("heads/main", "heads/release");
    shell.run(&format!("{} {one} --parameters '{changed}'", federated("update")));
    let shown = shell.json(&format!("{} --federated-credential-id main", federated("show")));
    assert_eq!(shown["subject"], "repo:contoso/app:ref:refs/heads/release");
    assert_eq!(
        shell.json(&format!("{} --query '[].name'", federated("list"))),
        json!(["main"])
    );
    shell.run(&format!("{} {one}", federated("delete")));
    assert_eq!(shell.json(&federated("list")), json!([]));

    // A role by application id, shown with the name.
    let group = "az group create -n rg1 -l local --query id -o tsv";
    shell.run(&format!(
        "az role assignment create --assignee {id} --role Reader --scope $({group})"
    ));
    let roles = shell.json(&format!(
        "az role assignment list --assignee {id} --all --query '[].[roleDefinitionName, principalName, principalType]'"
    ));
    assert_eq!(roles, json!([["Reader", id, "ServicePrincipal"]]));
    // And by the name of a person.
    let person = ["user", "create", "ann@example.org", "--output", "json"];
    shell.server.operate(&person);
    let ann = shell.json("az ad user show --id ann@example.org");
    assert_eq!(
        shell.json("az ad user list --upn Ann@example.org --query '[].id'"),
        json!([ann["id"]])
    );
    let scope = "--scope $(az group show -n rg1 --query id -o tsv)";
    let give =
        format!("az role assignment create --assignee ann@example.org --role AcrPull {scope} --query principalId");
    assert_eq!(shell.json(&give), ann["id"]);
    let theirs = format!("az role assignment list --assignee ann@example.org {scope} --query '[].principalName'");
    assert_eq!(shell.json(&theirs), json!(["ann@example.org"]));
    shell.run(&format!("az role assignment delete --assignee ann@example.org {scope}"));

    shell.run(&format!("az ad app delete --id {id}"));
    shell
        .command(&format!("az ad sp show --id {id}"))
        .fail()
        .says("does not exist");
    assert_eq!(
        shell.json("az role assignment list --scope $(az group show -n rg1 --query id -o tsv)"),
        json!([])
    );
}
