//! The unmodified Azure CLI: from `az cloud register` to `az group delete`, with an image pushed in between.

use holdfast_e2e::{Output, Sandbox, Server, Shared, image, project};
use serde_json::{Value, json};

static SERVER: Shared<Server> = Shared::new(Server::start);

/// A shell in which the registries' names lead to this machine (in a mount namespace of its own: nobody else's
/// `/etc/hosts` changes), and in which `az` was told what `holdfast azure-cli` prints.
struct Shell<'s> {
    sandbox: &'s Sandbox,
    hosts: String,
    setup: String,
}

impl Shell<'_> {
    fn command(&self, script: &str) -> holdfast_e2e::Tool<'_> {
        let az = project::root().join(".tools/az/bin");
        let script = format!(
            "set -e; mount --bind '{}' /etc/hosts; PATH='{}':$PATH; {}\n{script}",
            self.hosts,
            az.display(),
            self.setup
        );
        self.sandbox
            .tool("unshare")
            .args(["--mount", "bash", "-c", &script])
            .env("AZURE_CORE_COLLECT_TELEMETRY", "false")
            .env("AZURE_CORE_ONLY_SHOW_ERRORS", "true")
    }

    fn run(&self, script: &str) -> Output {
        self.command(script).run()
    }

    fn json(&self, script: &str) -> Value {
        self.run(script).json()
    }
}

/// The lines that are for a shell to run, apart from those that are run once.
fn environment(lines: &str) -> String {
    let exports = lines.lines().filter(|line| line.starts_with("export "));
    exports.collect::<Vec<_>>().join("\n")
}

#[test]
fn az_makes_uses_and_deletes_a_registry() {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    let lines = server.operate(&["azure-cli"]);
    let owner = server.operate(&["principal", "create", "owner", "--role", "Owner", "--output", "json"]);
    let owner: Value = serde_json::from_str(&owner).expect("a principal is printed as JSON");
    let [app, secret, tenant] = ["appId", "password", "tenant"].map(|key| owner[key].as_str().unwrap_or_default());
    let hosts = sandbox.write(
        "hosts",
        "127.0.0.1 localhost azreg1.registry.localhost holdfast.registry.localhost\n",
    );
    let mut shell = Shell {
        sandbox: &sandbox,
        hosts,
        setup: String::new(),
    };
    shell.run(&lines);
    shell.setup = environment(&lines);
    let login = |secret: &str| format!("az login --service-principal -u {app} -p '{secret}' --tenant {tenant}");
    shell.command(&login("wrong")).fail().says("AADSTS7000215");
    assert_eq!(shell.json(&login(secret))[0]["tenantId"], tenant);

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
    let [before, after] = [
        "az acr credential show -n azreg1",
        "az acr credential renew -n azreg1 --password-name password2",
    ]
    .map(|script| shell.json(script));
    assert_eq!(before["username"], "azreg1");
    assert_eq!(before["passwords"][0], after["passwords"][0]);
    assert_ne!(before["passwords"][1], after["passwords"][1]);

    let (layout, _) = image::layout(&sandbox, "image", "v1", &[("amd64", "from az")]);
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
