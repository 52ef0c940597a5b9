//! Scope maps and tokens, and what clients can do that sign in with one.

use serde_json::{Value, json};

use crate::shell::Shell;

/// What the tests need to know of a token that az has just made.
struct Token<'a> {
    shell: &'a Shell,
    name: &'a str,
    login_server: String,
}

impl Token<'_> {
    /// Asks for a manifest with a password, as a client that has no token yet.
    fn pull(&self, password: &Value, image: &str) -> holdfast_e2e::Tool<'_> {
        let (name, password) = (self.name, password.as_str().unwrap_or_default());
        self.shell.command(&format!(
            "skopeo inspect --tls-verify=false --no-tags --creds '{name}:{password}' docker://{}/{image}",
            self.login_server
        ))
    }

    fn docker(&self, arguments: &str) -> holdfast_e2e::Tool<'_> {
        self.shell.command(&format!("docker {arguments}"))
    }
}

#[test]
fn az_makes_changes_and_deletes_scope_maps() {
    let shell = Shell::start(&["azmaps1"]);
    shell.run("az group create -n rg1 -l local; az acr create -n azmaps1 -g rg1 --sku Basic");
    let made = shell.json(
        "az acr scope-map create -r azmaps1 -n Team-map --repository Team/App content/read metadata/read \
         --repository 'samples/*' content/read --gateway edge1 config/read --description 'for the team'",
    );
    assert_eq!(made["description"], "for the team");
    assert_eq!(
        (&made["name"], &made["provisioningState"]),
        (&json!("Team-map"), &json!("Succeeded")),
    );
    assert_eq!(
        made["actions"],
        json!([
            "repositories/team/app/content/read",
            "repositories/team/app/metadata/read",
            "repositories/samples/*/content/read",
            "gateway/edge1/config/read",
        ])
    );
    assert_eq!(
        shell.json("az acr scope-map list -r azmaps1 --query '[].name'"),
        json!([
            "_repositories_admin",
            "_repositories_pull",
            "_repositories_pull_metadata_read",
            "_repositories_push",
            "_repositories_push_metadata_write",
            "Team-map",
        ])
    );
    let updated = shell.json(
        "az acr scope-map update -r azmaps1 -n team-map --add-repository team/app content/write \
         --remove-repository 'samples/*' content/read --remove-gateway edge1 config/read --description changed \
         --query '{description: description, actions: sort(actions)}'",
    );
    let expected = json!({
        "description": "changed",
        "actions": [
            "repositories/team/app/content/read",
            "repositories/team/app/content/write",
            "repositories/team/app/metadata/read",
        ],
    });
    assert_eq!(updated, expected);
    let shown = shell.json("az acr scope-map show -r azmaps1 -n _repositories_pull");
    assert_eq!(shown["actions"], json!(["repositories/*/content/read"]));
    for (script, told) in [
        (
            "az acr scope-map create -r azmaps1 -n other-map --repository 'samples*' content/read",
            "repositories/samples*/content/read",
        ),
        (
            "az acr scope-map update -r azmaps1 -n _repositories_pull --add-repository app content/write",
            "defined by the system",
        ),
        (
            "az acr scope-map create -r azmaps1 -n a --repository app content/read",
            "'a'",
        ),
    ] {
        shell.command(script).fail().says(told);
    }
    shell.run("az acr scope-map delete -r azmaps1 -n team-map --yes");
    let gone = shell.command("az acr scope-map show -r azmaps1 -n team-map");
    gone.fail().says("could not be found");
}

#[test]
fn a_token_of_az_pulls_one_repository_and_not_another() {
    let shell = Shell::with_docker(&["aztoken1"]);
    shell.run("az group create -n rg1 -l local; az acr create -n aztoken1 -g rg1 --sku Standard");
    for image in ["team/app:v1", "team/web:v1"] {
        shell.push("aztoken1", image, image);
    }
    let made =
        shell.json("az acr token create -r aztoken1 -n puller1 --repository team/app content/read metadata/read");
    let [first, second] = [0, 1].map(|index: usize| made["credentials"]["passwords"][index]["value"].clone());
    assert_eq!(
        (&made["status"], &made["credentials"]["username"]),
        (&json!("enabled"), &json!("puller1"))
    );
    let login_server = shell.json("az acr show -n aztoken1 --query loginServer");
    let token = Token {
        shell: &shell,
        name: "puller1",
        login_server: login_server.as_str().unwrap_or_default().to_owned(),
    };
    let host = &token.login_server;
    token
        .docker(&format!("login {host} -u puller1 --password-stdin"))
        .stdin(second.as_str().unwrap_or_default())
        .run()
        .says("Login Succeeded");
    token.docker(&format!("pull -q {host}/team/app:v1")).run();
    token.docker(&format!("pull -q {host}/team/web:v1")).fail();
    token
        .docker(&format!(
            "tag {host}/team/app:v1 {host}/team/app:v2 && docker push {host}/team/app:v2"
        ))
        .fail();
    token.pull(&first, "team/app:v1").run();
    token.pull(&first, "team/web:v1").fail().says("unauthorized");

    let as_token = format!("-n aztoken1 -u puller1 -p '{}'", second.as_str().unwrap_or_default());
    assert_eq!(
        shell.json(&format!("az acr repository show-tags {as_token} --repository team/app")),
        json!(["v1"])
    );
    shell.command(&format!("az acr repository list {as_token}")).fail();
    // The map that az made, changed: in force for the docker that is signed in already.
    shell
        .command("az acr scope-map delete -r aztoken1 -n puller1-scope-map --yes")
        .fail()
        .says("in use by the token puller1");
    shell.run(
        "az acr scope-map update -r aztoken1 -n puller1-scope-map --add-repository team/web content/read \
         --remove-repository team/app content/read",
    );
    token.docker(&format!("pull -q {host}/team/web:v1")).run();
    token.pull(&first, "team/app:v1").fail().says("unauthorized");
    // A token for all, with a map of the system.
    let all = shell.json("az acr token create -r aztoken1 -n lister1 --scope-map _repositories_pull_metadata_read");
    let password = all["credentials"]["passwords"][0]["value"].as_str().unwrap_or_default();
    assert_eq!(
        shell.json(&format!(
            "az acr repository list -n aztoken1 -u lister1 -p '{password}'"
        )),
        json!(["team/app", "team/web"])
    );
    assert_eq!(
        shell.json("az acr token list -r aztoken1 --query '[].[name, status]'"),
        json!([["lister1", "enabled"], ["puller1", "enabled"]])
    );
}

#[test]
fn expired_disabled_renewed_and_deleted_credentials_of_a_token_are_refused() {
    let shell = Shell::start(&["aztoken2"]);
    shell.run("az group create -n rg1 -l local; az acr create -n aztoken2 -g rg1 --sku Basic");
    shell.push("aztoken2", "app:v1", "hello");
    shell.run("az acr token create -r aztoken2 -n build1 --scope-map _repositories_pull --no-passwords true");
    let shown = shell.json("az acr token show -r aztoken2 -n build1");
    assert_eq!(shown["credentials"]["passwords"], json!([]));
    let login_server = shell.json("az acr show -n aztoken2 --query loginServer");
    let token = Token {
        shell: &shell,
        name: "build1",
        login_server: login_server.as_str().unwrap_or_default().to_owned(),
    };
    let generate = |options: &str| {
        let generated = shell.json(&format!(
            "az acr token credential generate -r aztoken2 -n build1 {options} --query passwords"
        ));
        generated[0]["value"].clone()
    };
    let first = generate("--password1 --expiration-in-days 30");
    let second = generate("--password2");
    for password in [&first, &second] {
        token.pull(password, "app:v1").run();
    }
    let shown = shell.json("az acr token show -r aztoken2 -n build1 --query credentials.passwords");
    assert_eq!(
        (&shown[0]["name"], &shown[1]["name"]),
        (&json!("password1"), &json!("password2"))
    );
    assert!(
        shown[0]["expiry"].is_string() && shown[1]["expiry"].is_null(),
        "{shown}"
    );
    assert!(shown[0]["value"].is_null() && shown[1]["value"].is_null(), "shown once");

    shell.run("az acr token update -r aztoken2 -n build1 --status disabled");
    token.pull(&second, "app:v1").fail().says("unauthorized");
    shell.run("az acr token update -r aztoken2 -n build1 --status enabled --scope-map _repositories_push");
    token.pull(&second, "app:v1").run();

    let renewed = generate("--password1");
    token.pull(&first, "app:v1").fail().says("unauthorized");
    token.pull(&renewed, "app:v1").run();

    shell.run("az acr token credential delete -r aztoken2 -n build1 --password2");
    token.pull(&second, "app:v1").fail().says("unauthorized");
    let names = shell.json("az acr token show -r aztoken2 -n build1 --query credentials.passwords[].name");
    assert_eq!(names, json!(["password1"]));

    shell
        .command("az acr token credential generate -r aztoken2 -n build1 --password2 --expiration 2020-01-01T00:00:00Z")
        .fail()
        .says("must be in the future");
    let short = generate("--password2 --expiration $(date -u -d '+30 seconds' +%Y-%m-%dT%H:%M:%SZ)");
    // az itself takes seconds to start.
    shell.run("sleep 31");
    token.pull(&short, "app:v1").fail().says("unauthorized");
    token.pull(&renewed, "app:v1").run();

    shell.run("az acr token delete -r aztoken2 -n build1 --yes");
    token.pull(&renewed, "app:v1").fail().says("unauthorized");
    assert_eq!(shell.json("az acr token list -r aztoken2"), json!([]));
}
