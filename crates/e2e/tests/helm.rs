//! Helm 3: charts as artifacts.

use std::sync::Arc;

use holdfast_e2e::{Output, Sandbox, Server, Shared};

static SERVER: Shared<Server> = Shared::new(Server::start);

struct Helm {
    server: Arc<Server>,
    sandbox: Sandbox,
}

impl Helm {
    fn logged_in() -> Self {
        let helm = Self {
            server: SERVER.get(),
            sandbox: Sandbox::new(),
        };
        let login = [
            "registry",
            "login",
            "--plain-http",
            "--username",
            helm.server.username(),
            "--password-stdin",
        ];
        let login = helm.sandbox.tool("helm").args(login).args([helm.server.http()]);
        login.stdin(helm.server.password()).run().says("Login Succeeded");
        helm
    }

    fn run(&self, args: &[&str]) -> Output {
        self.sandbox.run("helm", args)
    }

    /// Packages a chart of this name and version and pushes it under `charts/`.
    fn push(&self, name: &str, version: &str) -> Output {
        let chart = format!("apiVersion: v2\nname: {name}\nversion: {version}\ndescription: version {version}\n");
        let template = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n";
        self.sandbox.write(&format!("{name}/Chart.yaml"), chart);
        self.sandbox.write(&format!("{name}/templates/map.yaml"), template);
        self.run(&["package", name]);
        let target = format!("oci://{}/charts", self.server.http());
        self.run(&["push", "--plain-http", &format!("{name}-{version}.tgz"), &target])
    }

    fn reference(&self, name: &str) -> String {
        format!("oci://{}/charts/{name}", self.server.http())
    }
}

#[test]
fn login_with_a_wrong_password_is_refused() {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    let login = [
        "registry",
        "login",
        "--plain-http",
        "--username",
        server.username(),
        "--password-stdin",
    ];
    sandbox
        .tool("helm")
        .args(login)
        .args([server.http()])
        .stdin("wrong")
        .fail()
        .says("unauthorized");
}

#[test]
fn a_chart_is_pushed_shown_pulled_and_rendered() {
    let helm = Helm::logged_in();
    helm.push("web", "1.2.3").says("Digest: sha256:");
    let reference = helm.reference("web");
    helm.run(&["show", "chart", "--plain-http", &reference, "--version=1.2.3"])
        .says("version 1.2.3");
    helm.sandbox.write("pulled/.keep", "");
    helm.run(&[
        "pull",
        "--plain-http",
        &reference,
        "--version=1.2.3",
        "--destination=pulled",
    ]);
    assert_eq!(
        helm.sandbox.read("pulled/web-1.2.3.tgz"),
        helm.sandbox.read("web-1.2.3.tgz")
    );
    helm.run(&["template", "--plain-http", "blue", &reference, "--version=1.2.3"])
        .says("name: blue");
}

#[test]
fn without_a_version_the_newest_chart_is_taken() {
    let helm = Helm::logged_in();
    for version in ["1.9.0", "1.10.0", "1.2.0"] {
        helm.push("newest", version);
    }
    helm.run(&["show", "chart", "--plain-http", &helm.reference("newest")])
        .says("version 1.10.0");
    let range = [
        "show",
        "chart",
        "--plain-http",
        &helm.reference("newest"),
        "--version=<1.10",
    ];
    helm.run(&range).says("version 1.9.0");
}

#[test]
fn a_version_with_build_metadata_is_kept() {
    let helm = Helm::logged_in();
    helm.push("metadata", "1.0.0+build.7");
    let show = [
        "show",
        "chart",
        "--plain-http",
        &helm.reference("metadata"),
        "--version=1.0.0+build.7",
    ];
    helm.run(&show).says("version 1.0.0+build.7");
}

#[test]
fn push_and_pull_work_over_tls_with_the_local_authority() {
    let helm = Helm::logged_in();
    let (host, authority) = (helm.server.https(), helm.server.ca_file());
    let login = [
        "registry",
        "login",
        "--ca-file",
        authority,
        "--username",
        helm.server.username(),
        "--password-stdin",
    ];
    helm.sandbox
        .tool("helm")
        .args(login)
        .args([&host])
        .stdin(helm.server.password())
        .run()
        .says("Login Succeeded");
    helm.push("over-tls", "1.0.0");
    let target = format!("oci://{host}/charts/secure");
    helm.run(&["push", "--ca-file", authority, "over-tls-1.0.0.tgz", &target]);
    helm.run(&["show", "chart", "--ca-file", authority, &format!("{target}/over-tls")])
        .says("version 1.0.0");
}
