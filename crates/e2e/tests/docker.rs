//! Docker: a real engine and Debian's client against the real registry.

use holdfast_e2e::{Dockerd, Output, Sandbox, Server, Shared, image};

static SERVER: Shared<Server> = Shared::new(Server::start);
static DOCKERD: Shared<Dockerd> = Shared::new(Dockerd::start);

/// One test's view of the registry and the engine.
struct Docker {
    server: std::sync::Arc<Server>,
    dockerd: std::sync::Arc<Dockerd>,
    sandbox: Sandbox,
}

impl Docker {
    fn new() -> Self {
        Self {
            server: SERVER.get(),
            dockerd: DOCKERD.get(),
            sandbox: Sandbox::new(),
        }
    }

    fn logged_in() -> Self {
        let docker = Self::new();
        docker.log_in(&docker.server.localhost());
        docker
    }

    fn log_in(&self, host: &str) {
        let login = ["login", "--username", self.server.username(), "--password-stdin", host];
        self.dockerd
            .docker(&self.sandbox)
            .args(login)
            .stdin(self.server.password())
            .run()
            .says("Login Succeeded");
    }

    fn run(&self, args: &[&str]) -> Output {
        self.dockerd.docker(&self.sandbox).args(args).run()
    }

    fn fail(&self, args: &[&str]) -> Output {
        self.dockerd.docker(&self.sandbox).args(args).fail()
    }

    /// Builds an image that prints `greeting`, with layers that no other image has.
    fn build(&self, reference: &str, greeting: &str, options: &[&str]) {
        let context = image::build_context(&self.sandbox, greeting, greeting);
        self.build_in(&context, reference, options);
    }

    /// Builds what the folder `context` says. Without the cache, because tests side by side would share layers in it
    /// and remove them from each other.
    fn build_in(&self, context: &str, reference: &str, options: &[&str]) {
        let build = ["build", "--quiet", "--no-cache", "--network=none", "--tag", reference];
        self.run(&[&build, options, &[context]].concat());
    }

    fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.server.localhost())
    }

    /// The greeting that an image prints when it runs.
    fn greeting(&self, reference: &str) -> String {
        self.run(&["run", "--rm", "--network=none", reference]).text()
    }
}

/// The digest in the last line of a push: `1: digest: sha256:… size: 735`.
fn pushed_digest(push: &Output) -> String {
    let line = push.lines().pop().expect("a push prints lines");
    line.split(' ')
        .find(|word| word.starts_with("sha256:"))
        .expect("a push prints the digest")
        .to_owned()
}

#[test]
fn login_with_a_wrong_password_is_refused() {
    let docker = Docker::new();
    let login = [
        "login",
        "--username",
        docker.server.username(),
        "--password-stdin",
        &docker.server.localhost(),
    ];
    let refused = docker.dockerd.docker(&docker.sandbox).args(login).stdin("wrong").fail();
    refused.says("unauthorized");
}

#[test]
fn anonymous_pull_and_push_are_refused() {
    let owner = Docker::logged_in();
    let reference = owner.reference("docker/private:1");
    owner.build(&reference, "private", &[]);
    owner.run(&["push", &reference]);
    let stranger = Docker::new();
    stranger.fail(&["pull", &reference]);
    stranger.fail(&["push", &reference]);
    stranger.fail(&["manifest", "inspect", "--insecure", &reference]);
}

#[test]
fn a_built_image_is_pushed_pulled_by_tag_and_run() {
    let docker = Docker::logged_in();
    let reference = docker.reference("docker/by-tag:1");
    docker.build(&reference, "by-tag", &[]);
    docker.run(&["push", &reference]).says("Pushed");
    docker.run(&["rmi", "--force", &reference]);
    docker.run(&["pull", &reference]).says("Downloaded newer image");
    assert_eq!(docker.greeting(&reference), "by-tag");
}

#[test]
fn a_pushed_image_is_pulled_by_digest_and_run() {
    let docker = Docker::logged_in();
    let tag = docker.reference("docker/by-digest:1");
    docker.build(&tag, "by-digest", &[]);
    let digest = pushed_digest(&docker.run(&["push", &tag]));
    docker.run(&["rmi", "--force", &tag]);
    let reference = format!("{}@{digest}", docker.reference("docker/by-digest"));
    docker
        .run(&["pull", &reference])
        .says(&digest)
        .says("Downloaded newer image");
    assert_eq!(docker.greeting(&reference), "by-digest");
}

#[test]
fn a_second_push_finds_the_layers_there() {
    let docker = Docker::logged_in();
    let reference = docker.reference("docker/twice:1");
    docker.build(&reference, "twice", &[]);
    let first = pushed_digest(&docker.run(&["push", &reference]));
    let again = docker.run(&["push", &reference]);
    again.says("Layer already exists");
    assert!(!again.text().contains("Pushed"), "{again}");
    assert_eq!(pushed_digest(&again), first);
}

#[test]
fn a_push_to_another_repository_mounts_the_layers() {
    let docker = Docker::logged_in();
    let [first, second] = ["docker/mount-from:1", "docker/mount/to:1"].map(|name| docker.reference(name));
    docker.build(&first, "mount", &[]);
    docker.run(&["push", &first]);
    docker.run(&["tag", &first, &second]);
    docker.run(&["push", &second]).says("Mounted from docker/mount-from");
    docker.run(&["rmi", "--force", &first, &second]);
    docker.run(&["pull", &second]).says("Downloaded newer image");
    assert_eq!(docker.greeting(&second), "mount");
}

#[test]
fn a_manifest_list_is_pushed_and_each_platform_pulled() {
    let docker = Docker::logged_in();
    let [list, amd64, arm64] = ["1", "amd64", "arm64"].map(|tag| docker.reference(&format!("docker/multi:{tag}")));
    docker.build(&amd64, "for-amd64", &["--platform=linux/amd64"]);
    docker.build(&arm64, "for-arm64", &["--platform=linux/arm64"]);
    docker.run(&["push", &amd64]);
    docker.run(&["push", &arm64]);
    docker.run(&["manifest", "create", "--insecure", &list, &amd64, &arm64]);
    docker.run(&["manifest", "annotate", "--os=linux", "--arch=arm64", &list, &arm64]);
    let digest = docker.run(&["manifest", "push", "--insecure", "--purge", &list]).text();

    let inspected = docker.run(&["manifest", "inspect", "--insecure", &list]).json();
    assert_eq!(
        inspected["mediaType"],
        "application/vnd.docker.distribution.manifest.list.v2+json"
    );
    let architectures = ["/manifests/0", "/manifests/1"].map(|at| inspected.pointer(at).expect("two manifests"));
    assert_eq!(
        architectures.map(|entry| entry["platform"]["architecture"].clone()),
        ["amd64", "arm64"]
    );

    docker.run(&["rmi", "--force", &amd64, &arm64]);
    for (architecture, greeting) in [("amd64", "for-amd64"), ("arm64", "for-arm64")] {
        let platform = format!("--platform=linux/{architecture}");
        docker
            .run(&["pull", &platform, &list])
            .says(&digest)
            .says("Downloaded newer image");
        // The programs in it are for this machine, whatever the label says; so both run.
        assert_eq!(
            docker.run(&["run", "--rm", "--network=none", &platform, &list]).text(),
            greeting
        );
        docker.run(&["rmi", "--force", &list]);
    }
}

#[test]
fn large_layers_pushed_side_by_side_come_back_unchanged() {
    const LAYERS: usize = 6;
    const SIZE: usize = 4 << 20;
    let docker = Docker::logged_in();
    let reference = docker.reference("docker/large/image:latest");
    let context = image::root_file_system(&docker.sandbox, "large", "large");
    let mut recipe = String::from("FROM scratch\nCOPY bin /bin\n");
    let mut sums = Vec::new();
    for layer in 0..LAYERS {
        let content = noise(layer as u64 + 1, SIZE);
        docker.sandbox.write(&format!("large/data{layer}"), &content);
        recipe.push_str(&format!("COPY data{layer} /data{layer}\n"));
        sums.push(format!(
            "{}  /data{layer}",
            image::digest(&content).replace("sha256:", "")
        ));
    }
    docker.sandbox.write("large/Dockerfile", recipe);
    docker.build_in(&context, &reference, &[]);
    docker.run(&["push", &reference]);
    docker.run(&["rmi", "--force", &reference]);
    docker.run(&["pull", &reference]).says("Downloaded newer image");
    let files: Vec<String> = (0..LAYERS).map(|layer| format!("/data{layer}")).collect();
    let mut command = vec!["run", "--rm", "--network=none", &reference, "/bin/sha256sum"];
    command.extend(files.iter().map(String::as_str));
    assert_eq!(docker.run(&command).lines(), sums);
}

#[test]
fn push_and_pull_work_over_tls() {
    let docker = Docker::new();
    let host = docker.server.https();
    docker.log_in(&host);
    let reference = format!("{host}/docker/tls:1");
    docker.build(&reference, "over-tls", &[]);
    docker.run(&["push", &reference]);
    docker.run(&["rmi", "--force", &reference]);
    docker.run(&["pull", &reference]).says("Downloaded newer image");
    assert_eq!(docker.greeting(&reference), "over-tls");
}

/// Bytes that do not compress, the same for the same seed.
fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..size / 8).flat_map(|_| word()).collect()
}
