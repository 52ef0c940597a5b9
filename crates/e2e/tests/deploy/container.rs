//! The image in a container of Docker, read-only, without capabilities, as a user that is nobody.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::sync::Arc;

use holdfast_e2e::{Dockerd, Output, Sandbox, Server, Shared, free_address, image};

use crate::checkout::{Image, becomes_ready, version};

static DOCKERD: Shared<Dockerd> = Shared::new(Dockerd::start);

/// The user that the image runs as.
const USER: u32 = 65532;

/// A container of the image in the host's network, as the engine of the tests has no other.
struct Container {
    dockerd: Arc<Dockerd>,
    sandbox: Sandbox,
    name: String,
    /// Where it listens, as `docker login` is told.
    host: String,
}

impl Container {
    /// Starts one of the image `reference` on the volume, which is a folder or a name.
    fn start(sandbox: Sandbox, dockerd: Arc<Dockerd>, reference: &str, volume: &str) -> Self {
        let port = free_address().port();
        let container = Self {
            dockerd,
            sandbox,
            name: format!("holdfast-{port}"),
            host: format!("localhost:{port}"),
        };
        let listen = format!("HOLDFAST_HTTPS=127.0.0.1:{port}");
        let volume = format!("{volume}:/var/lib/holdfast");
        let closed = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"];
        let run = ["run", "--detach", "--network=host", "--name", &container.name];
        let rest = ["--env", &listen, "--volume", &volume, reference];
        container.docker(&[&run[..], &closed, &rest].concat());
        container.wait();
        container
    }

    fn wait(&self) {
        let is_ready = becomes_ready(&self.sandbox, &self.host);
        assert!(is_ready, "{}", self.docker(&["logs", &self.name]));
    }

    fn docker(&self, args: &[&str]) -> Output {
        self.dockerd.docker(&self.sandbox).args(args).run()
    }

    /// A field of what `docker inspect` knows.
    fn field(&self, field: &str) -> String {
        let format = format!("--format={{{{{field}}}}}");
        self.docker(&["inspect", &format, &self.name]).text()
    }

    /// A file of its process in `/proc`.
    fn process(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.field(".State.Pid"));
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Signs in with what the registry in it has made.
    fn log_in(&self) {
        let password = self.docker(&["exec", &self.name, "holdfast", "credentials", "--password"]);
        let login = ["login", "--username=holdfast", "--password-stdin", &self.host];
        let login = self.dockerd.docker(&self.sandbox).args(login).stdin(password.text());
        login.run().says("Login Succeeded");
    }
}

/// Asserts that the process can do nothing that any user may not, and write nowhere but in its volume.
fn assert_confined(container: &Container) {
    let status = container.process("status");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name}: {status}")).trim().to_owned()
    };
    assert_eq!(field("Uid:"), [USER; 4].map(|id| id.to_string()).join("\t"));
    for set in ["CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(field(set), "0".repeat(16), "{set}");
    }
    assert_eq!(
        (field("NoNewPrivs:"), field("Seccomp:")),
        ("1".to_owned(), "2".to_owned())
    );
    // The fields: id, parent, device, root, mount point, options.
    let mounts = container.process("mountinfo");
    let mut mounts = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let root = mounts.find(|mount| mount[4] == "/").expect("there is a root");
    assert!(root[5].split(',').any(|option| option == "ro"), "{root:?}");
}

#[test]
fn the_image_pushed_into_holdfast_runs_from_there_and_takes_pushes() {
    let (built, server, sandbox) = (Image::get(), Server::start(), Sandbox::new());
    let version = version();
    let pushed = format!("docker://{}", server.image(&format!("holdfast:{version}")));
    let source = format!("oci:{}:{version}", built.layout());
    let login = server.login();
    let copy = [
        "copy",
        "--quiet",
        "--dest-tls-verify=false",
        "--dest-creds",
        &login,
        &source,
        &pushed,
    ];
    sandbox.run("skopeo", copy);

    let dockerd = DOCKERD.get();
    let login = [
        "login",
        "--username",
        server.username(),
        "--password-stdin",
        &server.localhost(),
    ];
    dockerd.docker(&sandbox).args(login).stdin(server.password()).run();
    let reference = format!("{}/holdfast@{}", server.localhost(), built.digest);
    dockerd
        .docker(&sandbox)
        .args(["pull", &reference])
        .run()
        .says(&built.digest);

    let container = Container::start(sandbox, dockerd, &reference, "of-its-own");
    assert_confined(&container);
    let shell = ["exec", &container.name, "sh", "-c", "true"];
    container.dockerd.docker(&container.sandbox).args(shell).fail();

    container.log_in();
    let context = image::build_context(&container.sandbox, "app", "from the second registry");
    let app = format!("{}/team/app:1", container.host);
    container.docker(&[
        "build",
        "--quiet",
        "--no-cache",
        "--network=none",
        "--tag",
        &app,
        &context,
    ]);
    container.docker(&["push", &app]);
    pull_and_run(&container, &app);

    // What it keeps is in the volume: another container goes on with it.
    container.docker(&["stop", "--time=60", &container.name]);
    assert_eq!(container.field(".State.ExitCode"), "0");
    container.docker(&["start", &container.name]);
    container.wait();
    pull_and_run(&container, &app);
}

/// Pulls an image that this engine has no more, and runs it.
fn pull_and_run(container: &Container, app: &str) {
    container.docker(&["rmi", "--force", app]);
    container.docker(&["pull", app]).says("Downloaded newer image");
    let greeting = container.docker(&["run", "--rm", "--network=none", app]);
    assert_eq!(greeting.text(), "from the second registry");
}

#[test]
fn a_fresh_volume_as_kubernetes_mounts_it_is_taken() {
    let (built, sandbox, dockerd) = (Image::get(), Sandbox::new(), DOCKERD.get());
    let archive = built.sandbox.path("target/image/docker.tar");
    dockerd.docker(&sandbox).args(["load", "--input", &archive]).run();
    // A fresh ext4: root's, opened to fsGroup, with the folder that it begins with.
    let volume = sandbox.path("volume");
    fs::create_dir_all(Path::new(&volume).join("lost+found")).expect("the sandbox is writable");
    chown(&volume, Some(0), Some(USER)).expect("the tests run as root");
    fs::set_permissions(&volume, fs::Permissions::from_mode(0o2775)).expect("the sandbox is writable");
    let container = Container::start(sandbox, dockerd, &format!("holdfast:{}", version()), &volume);
    assert_confined(&container);
    let data = fs::metadata(Path::new(&volume).join("data")).expect("the data folder is in the volume");
    assert_eq!(data.permissions().mode() & 0o777, 0o700, "nobody else may enter it");
}
