//! A shell with the Azure CLI in it, set up for a server of its own as `holdfast azure-cli` says. It refuses to share:
//! each test has its own server, configuration and names.

use holdfast_e2e::{Data, Dockerd, Output, Sandbox, Server, Tool, image, project};
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
    // Before the server and the folders: fields drop in this order.
    engine: Option<Dockerd>,
    pub(crate) server: Server,
    pub(crate) sandbox: Sandbox,
    hosts: String,
    setup: String,
}

impl Shell {
    /// A new server and a shell, signed in as the owner of everything. `registries` are the names of the registries that
    /// the test makes: they resolve.
    pub(crate) fn start(registries: &[&str]) -> Self {
        Self::signed_out(registries).owned()
    }

    /// The same with a Docker engine, which knows the registries' names too.
    pub(crate) fn with_docker(registries: &[&str]) -> Self {
        let mut shell = Self::start(registries);
        shell.engine = Some(Dockerd::start_with_hosts(&shell.hosts));
        shell
    }

    /// The same, on a server whose names need no port.
    pub(crate) fn on_the_standard_port(registries: &[&str]) -> Self {
        // Of this process only, so that runs side by side do not want the same port.
        let [.., high, low] = std::process::id().to_be_bytes();
        let address = format!("127.44.{high}.{}", low.max(1));
        let server = Server::open(Data::new(), &["--https", &format!("{address}:443")]);
        let mut shell = Self::at(server, &address, registries).owned();
        shell.engine = Some(Dockerd::start_with_hosts(&shell.hosts));
        shell
    }

    /// The same, on a server with more flags. Its HTTPS port is fixed, so that it is the same after [`Shell::crash`].
    pub(crate) fn with_flags(flags: &[&str], registries: &[&str]) -> Self {
        Self::with_data(Data::new(), flags, registries)
    }

    /// The same, on data that has variables of its own.
    pub(crate) fn with_data(data: Data, flags: &[&str], registries: &[&str]) -> Self {
        let address = holdfast_e2e::free_address().to_string();
        let server = Server::open(data, &[&["--https", &address], flags].concat());
        Self::at(server, "127.0.0.1", registries).owned()
    }

    /// Ends the server as a power switch would, and starts it again.
    pub(crate) fn crash(self) -> Self {
        let server = self.server.crash();
        Self { server, ..self }
    }

    /// The same, signed in as nobody.
    pub(crate) fn signed_out(registries: &[&str]) -> Self {
        Self::at(Server::start(), "127.0.0.1", registries)
    }

    /// The same, on a server that was started with flags of its own.
    pub(crate) fn signed_out_at(server: Server, registries: &[&str]) -> Self {
        Self::at(server, "127.0.0.1", registries)
    }

    fn at(server: Server, address: &str, registries: &[&str]) -> Self {
        let az = project::root().join(".tools/az/bin/az");
        assert!(az.exists(), "the Azure CLI is missing; run tools/install");
        let sandbox = Sandbox::new();
        let names: Vec<String> = registries
            .iter()
            .chain([&DEFAULT_REGISTRY])
            .map(|name| format!("{name}.registry.localhost"))
            .collect();
        let hosts = sandbox.write("hosts", format!("{address} localhost {}\n", names.join(" ")));
        let lines = server.operate(&["azure-cli"]);
        let mut shell = Self {
            engine: None,
            server,
            sandbox,
            hosts,
            setup: String::new(),
        };
        shell.run(&lines);
        shell.setup = environment(&lines);
        shell
    }

    fn owned(self) -> Self {
        let owner = self.principal("owner", "Owner", &[]);
        self.run(&owner.login());
        self
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
        let tool = self.sandbox.tool("unshare").args(["--mount", "bash", "-c", &script]);
        let tool = tool
            .env("AZURE_CORE_COLLECT_TELEMETRY", "false")
            .env("AZURE_CORE_ONLY_SHOW_ERRORS", "true");
        match &self.engine {
            None => tool,
            Some(engine) => tool.env("DOCKER_HOST", engine.host()).env("DOCKER_BUILDKIT", "0"),
        }
    }

    /// What tells a fresh configuration folder of `az` about this server.
    pub(crate) fn cloud(&self) -> String {
        let lines = self.server.operate(&["azure-cli"]);
        let once = lines.lines().filter(|line| line.starts_with("az cloud "));
        once.collect::<Vec<_>>().join("\n")
    }

    /// Signs `az acr login` and the engines' clients out again.
    pub(crate) fn forget_docker_logins(&self) {
        self.run("rm -f \"$DOCKER_CONFIG/config.json\"");
    }

    /// Pushes an image that prints `greeting`, without Docker, and gives its digest. `image` is `REPOSITORY:TAG` in the
    /// registry, whose admin account need not be on.
    pub(crate) fn push(&self, registry: &str, image: &str, greeting: &str) -> String {
        let name = format!("{image} {greeting}").replace(['/', ':', ' '], "-");
        let (layout, digest) = image::layout(&self.sandbox, &name, "pushed", &[("amd64", greeting)]);
        self.run(&format!(
            "eval \"$(az acr login -n {registry} --expose-token --query \
             \"join('', ['host=', loginServer, ' token=', accessToken])\" -o tsv)\"\n\
             skopeo copy --dest-tls-verify=false --dest-creds 00000000-0000-0000-0000-000000000000:$token \
             oci:{layout}:pushed docker://$host/{image}"
        ));
        digest
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
