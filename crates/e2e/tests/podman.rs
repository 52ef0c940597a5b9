//! Podman, without a daemon: its own storage in the test's folder.

use holdfast_e2e::{Sandbox, Server, Shared, Tool, image};

static SERVER: Shared<Server> = Shared::new(Server::start);

/// Podman with its own storage; the plain `vfs` driver works on any file system.
fn podman<'s>(sandbox: &'s Sandbox, args: &[&str]) -> Tool<'s> {
    let [root, run] = ["podman/root", "podman/run"].map(|name| sandbox.path(name));
    let own = [
        "--root",
        &root,
        "--runroot",
        &run,
        "--storage-driver=vfs",
        "--cgroup-manager=cgroupfs",
    ];
    sandbox
        .tool("podman")
        .args(own)
        .args(["--events-backend=none"])
        .args(args)
}

fn log_in(sandbox: &Sandbox, server: &Server) {
    let login = [
        "login",
        "--tls-verify=false",
        "--username",
        server.username(),
        "--password-stdin",
        &server.http(),
    ];
    podman(sandbox, &login)
        .stdin(server.password())
        .run()
        .says("Login Succeeded");
}

/// Gives `reference` to an image that prints `greeting`.
fn import(sandbox: &Sandbox, reference: &str, greeting: &str) {
    let tar = image::root_tar(sandbox, greeting, greeting);
    podman(
        sandbox,
        &[
            "import",
            "--change",
            "CMD [\"/bin/cat\", \"/greeting\"]",
            &tar,
            reference,
        ],
    )
    .run();
}

/// What a container of `reference` prints. The limits are named because podman's own defaults are above what an
/// unprivileged machine allows.
fn greeting(sandbox: &Sandbox, reference: &str) -> String {
    let limits = ["--ulimit=nofile=512:512", "--ulimit=nproc=512:512"];
    podman(sandbox, &["run", "--rm", "--network=none"])
        .args(limits)
        .args([reference])
        .run()
        .text()
}

#[test]
fn login_with_a_wrong_password_is_refused() {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    let login = [
        "login",
        "--tls-verify=false",
        "--username",
        server.username(),
        "--password-stdin",
        &server.http(),
    ];
    podman(&sandbox, &login)
        .stdin("wrong")
        .fail()
        .says("invalid username/password");
}

#[test]
fn an_image_is_pushed_pulled_and_run() {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    let reference = server.image("podman/app:1");
    log_in(&sandbox, &server);
    import(&sandbox, &reference, "from-podman");
    podman(&sandbox, &["push", "--tls-verify=false", &reference]).run();
    podman(&sandbox, &["rmi", "--force", &reference]).run();
    podman(&sandbox, &["pull", "--tls-verify=false", &reference]).run();
    assert_eq!(greeting(&sandbox, &reference), "from-podman");
}

#[test]
fn an_image_pushed_in_docker_format_is_pulled_by_digest() {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    let reference = server.image("podman/docker-format:1");
    log_in(&sandbox, &server);
    import(&sandbox, &reference, "docker-format");
    let file = sandbox.path("digest");
    podman(
        &sandbox,
        &[
            "push",
            "--tls-verify=false",
            "--format=v2s2",
            "--digestfile",
            &file,
            &reference,
        ],
    )
    .run();
    let digest = String::from_utf8(sandbox.read("digest")).expect("a digest is text");
    podman(&sandbox, &["rmi", "--force", &reference]).run();
    let pinned = format!("{}@{digest}", server.image("podman/docker-format"));
    podman(&sandbox, &["pull", "--tls-verify=false", &pinned]).run();
    assert_eq!(greeting(&sandbox, &pinned), "docker-format");
}

#[test]
fn a_manifest_list_is_made_pushed_and_pulled() {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    log_in(&sandbox, &server);
    let list = server.image("podman/multi:1");
    import(&sandbox, "localhost/one:1", "one");
    podman(&sandbox, &["manifest", "create", &list]).run();
    podman(
        &sandbox,
        &["manifest", "add", &list, "containers-storage:localhost/one:1"],
    )
    .run();
    podman(
        &sandbox,
        &[
            "manifest",
            "push",
            "--all",
            "--tls-verify=false",
            &list,
            &format!("docker://{list}"),
        ],
    )
    .run();
    podman(&sandbox, &["manifest", "rm", &list]).run();
    podman(&sandbox, &["pull", "--tls-verify=false", &list]).run();
    assert_eq!(greeting(&sandbox, &list), "one");
}

#[test]
fn search_lists_the_tags_of_a_repository() {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    log_in(&sandbox, &server);
    import(&sandbox, &server.image("podman/tags:b"), "tags");
    podman(
        &sandbox,
        &["tag", &server.image("podman/tags:b"), &server.image("podman/tags:a")],
    )
    .run();
    for tag in ["a", "b"] {
        podman(
            &sandbox,
            &[
                "push",
                "--tls-verify=false",
                &server.image(&format!("podman/tags:{tag}")),
            ],
        )
        .run();
    }
    let search = [
        "search",
        "--tls-verify=false",
        "--list-tags",
        "--format=json",
        &server.image("podman/tags"),
    ];
    let found = podman(&sandbox, &search).run().json();
    assert_eq!(found[0]["Tags"], serde_json::json!(["a", "b"]));
}
