//! Buildah: images made from nothing, pushed and pulled back into a storage that has forgotten them.

use holdfast_e2e::{Sandbox, Server, Shared, Tool};

static SERVER: Shared<Server> = Shared::new(Server::start);

fn buildah<'s>(sandbox: &'s Sandbox, args: &[&str]) -> Tool<'s> {
    let [root, run] = ["buildah/root", "buildah/run"].map(|name| sandbox.path(name));
    sandbox
        .tool("buildah")
        .args(["--root", &root, "--runroot", &run, "--storage-driver=vfs"])
        .args(args)
}

fn logged_in() -> (std::sync::Arc<Server>, Sandbox) {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    let login = [
        "login",
        "--tls-verify=false",
        "--username",
        server.username(),
        "--password-stdin",
        &server.http(),
    ];
    buildah(&sandbox, &login)
        .stdin(server.password())
        .run()
        .says("Login Succeeded");
    (server, sandbox)
}

/// The content of `/file` in `image`.
fn file_in(sandbox: &Sandbox, image: &str) -> String {
    let container = buildah(sandbox, &["from", "--pull-never", image]).run().text();
    let root = buildah(sandbox, &["mount", &container]).run().text();
    let content = std::fs::read_to_string(format!("{root}/file")).expect("the image has the file");
    buildah(sandbox, &["rm", &container]).run();
    content
}

#[test]
fn an_image_made_from_scratch_is_pushed_and_pulled() {
    let (server, sandbox) = logged_in();
    let reference = server.image("buildah/scratch:1");
    let file = sandbox.write("file", "made by hand");
    let container = buildah(&sandbox, &["from", "scratch"]).run().text();
    buildah(&sandbox, &["copy", &container, &file, "/file"]).run();
    buildah(&sandbox, &["config", "--label", "made-by=hand", &container]).run();
    buildah(&sandbox, &["commit", "--rm", &container, &reference]).run();
    buildah(&sandbox, &["push", "--tls-verify=false", &reference]).run();
    buildah(&sandbox, &["rmi", "--force", &reference]).run();
    buildah(&sandbox, &["pull", "--tls-verify=false", &reference]).run();
    assert_eq!(file_in(&sandbox, &reference), "made by hand");
    let label = "{{index .OCIv1.Config.Labels \"made-by\"}}";
    assert_eq!(
        buildah(&sandbox, &["inspect", "--type=image", "--format", label, &reference])
            .run()
            .text(),
        "hand"
    );
}

#[test]
fn a_build_on_an_image_of_the_registry_pulls_its_base() {
    let (server, sandbox) = logged_in();
    let [base, app] = ["buildah/base:1", "buildah/app:1"].map(|name| server.image(name));
    sandbox.write("context/file", "in the base");
    sandbox.write("context/Base", "FROM scratch\nCOPY file /file\n");
    sandbox.write("context/App", format!("FROM {base}\nLABEL layer=app\n"));
    let context = sandbox.path("context");
    let build = |recipe: &str, tag: &str| {
        let recipe = sandbox.path(&format!("context/{recipe}"));
        buildah(
            &sandbox,
            &["build", "--tls-verify=false", "--file", &recipe, "--tag", tag, &context],
        )
        .run();
    };
    build("Base", &base);
    buildah(&sandbox, &["push", "--tls-verify=false", &base]).run();
    buildah(&sandbox, &["rmi", "--force", &base]).run();
    build("App", &app);
    buildah(&sandbox, &["push", "--tls-verify=false", &app]).run();
    buildah(&sandbox, &["rmi", "--all", "--force"]).run();
    buildah(&sandbox, &["pull", "--tls-verify=false", &app]).run();
    assert_eq!(file_in(&sandbox, &app), "in the base");
}
