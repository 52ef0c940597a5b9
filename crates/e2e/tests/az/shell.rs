//! A shell with the Azure CLI in it, set up for a server of its own as `holdfast azure-cli` says. It refuses to share:
//! each test has its own server, configuration and names.

use holdfast_e2e::{Output, Sandbox, Server, Tool, project};
use serde_json::Value;

/// The registry that the first start makes.
const DEFAULT_REGISTRY: &str = "holdfast";

/// A service principal, as `holdfast principal create` prints it.
pub(crate) struct Principal {
    pub(crate) app_id: String,
    pub(crate) password: String,
    pub(crate) tenant: String,
}

/// A shell in which the registries' names lead to this machine (in a mount namespace of its own: nobody else's
/// `/etc/hosts` changes), and in which `az` was told what `holdfast azure-cli` prints.
pub(crate) struct Shell {
    pub(crate) server: Server,
    pub(crate) sandbox: Sandbox,
    hosts: String,
    setup: String,
}

impl Shell {
    /// A new server and a shell, signed in as the owner of everything. `registries` are the names of the registries that
    /// the test makes: they resolve.
    pub(crate) fn start(registries: &[&str]) -> Self {
        let shell = Self::signed_out(registries);
        let owner = shell.principal("owner", "Owner", &[]);
        shell.run(&owner.login());
        shell
    }

    /// The same, signed in as nobody.
    pub(crate) fn signed_out(registries: &[&str]) -> Self {
        let az = project::root().join(".tools/az/bin/az");
        assert!(az.exists(), "the Azure CLI is missing; run tools/install");
        let (server, sandbox) = (Server::start(), Sandbox::new());
        let names: Vec<String> = registries
            .iter()
            .chain([&DEFAULT_REGISTRY])
            .map(|name| format!("{name}.registry.localhost"))
            .collect();
        let hosts = sandbox.write("hosts", format!("127.0.0.1 localhost {}\n", names.join(" ")));
        let lines = server.operate(&["azure-cli"]);
        let mut shell = Self {
            server,
            sandbox,
            hosts,
            setup: String::new(),
        };
        shell.run(&lines);
        shell.setup = environment(&lines);
        shell
    }

    /// A new service principal with a role, made by the operator; `more` are further flags, such as `--scope`.
    pub(crate) fn principal(&self, name: &str, role: &str, more: &[&str]) -> Principal {
        let arguments = [&["principal", "create", name, "--role", role, "--output", "json"], more].concat();
        let printed: Value =
            serde_json::from_str(&self.server.operate(&arguments)).expect("a principal is printed as JSON");
        let text = |key: &str| printed[key].as_str().unwrap_or_default().to_owned();
        Principal {
            app_id: text("appId"),
            password: text("password"),
            tenant: text("tenant"),
        }
    }

    /// A script that runs with `az` at hand and stops at its first error.
    pub(crate) fn command(&self, script: &str) -> Tool<'_> {
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

    /// What the script prints; it must succeed.
    pub(crate) fn run(&self, script: &str) -> Output {
        self.command(script).run()
    }

    /// The same as JSON.
    pub(crate) fn json(&self, script: &str) -> Value {
        self.run(script).json()
    }
}

impl Principal {
    /// The command that signs it in.
    pub(crate) fn login(&self) -> String {
        self.login_with(&self.password)
    }

    /// The same, with a password of your choice.
    pub(crate) fn login_with(&self, password: &str) -> String {
        let Self { app_id, tenant, .. } = self;
        format!("az login --service-principal -u {app_id} -p '{password}' --tenant {tenant}")
    }
}

/// The lines that each shell needs, without those that are run once.
fn environment(lines: &str) -> String {
    let exports = lines.lines().filter(|line| line.starts_with("export "));
    exports.collect::<Vec<_>>().join("\n")
}
