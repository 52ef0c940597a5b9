//! containerd, by its client `ctr`: what Kubernetes nodes pull with.

use std::sync::Arc;

use holdfast_e2e::{Containerd, Output, Sandbox, Server, Shared, Tool, image};

static SERVER: Shared<Server> = Shared::new(Server::start);
static CONTAINERD: Shared<Containerd> = Shared::new(Containerd::start);

struct Ctr {
    server: Arc<Server>,
    containerd: Arc<Containerd>,
    sandbox: Sandbox,
}

impl Ctr {
    fn new() -> Self {
        Self {
            server: SERVER.get(),
            containerd: CONTAINERD.get(),
            sandbox: Sandbox::new(),
        }
    }

    fn images(&self, verb: &str, login: &str, args: &[&str]) -> Tool<'_> {
        let plain = ["images", verb, "--plain-http", "--user", login];
        self.containerd.ctr(&self.sandbox).args(plain).args(args)
    }

    fn run(&self, args: &[&str]) -> Output {
        self.containerd.ctr(&self.sandbox).args(args).run()
    }

    /// Imports an image for these platforms under `reference` and pushes it; gives its digest.
    fn push(&self, reference: &str, images: &[(&str, &str)]) -> String {
        let (layout, digest) = image::layout(&self.sandbox, "image", "1", images);
        let archive = self.sandbox.path("image-archive.tar");
        self.sandbox
            .run("tar", ["--create", "--file", &archive, "--directory", &layout, "."]);
        let base = format!("import-{}", digest.replace(':', "-"));
        self.run(&[
            "images",
            "import",
            "--all-platforms",
            "--no-unpack",
            "--base-name",
            &base,
            &archive,
        ]);
        self.run(&["images", "tag", &format!("{base}:1"), reference]);
        self.images("push", &self.server.login(), &[reference]).run();
        self.run(&["images", "rm", "--sync", &format!("{base}:1"), reference]);
        digest
    }
}

#[test]
fn an_image_is_pushed_pulled_and_run() {
    let ctr = Ctr::new();
    let reference = ctr.server.image("containerd/app:1");
    let digest = ctr.push(&reference, &[(image::native(), "from-containerd")]);
    ctr.images("pull", &ctr.server.login(), &["--snapshotter=native", &reference])
        .run()
        .says(&digest);
    let run = ["run", "--rm", "--snapshotter=native", &reference, "e2e-app"];
    assert_eq!(ctr.run(&run).text(), "from-containerd");
}

#[test]
fn an_image_is_pulled_by_digest() {
    let ctr = Ctr::new();
    let digest = ctr.push(&ctr.server.image("containerd/pinned:1"), &[(image::native(), "pinned")]);
    let reference = format!("{}@{digest}", ctr.server.image("containerd/pinned"));
    ctr.images("pull", &ctr.server.login(), &["--snapshotter=native", &reference])
        .run();
    let listed = ctr.run(&["images", "list", &format!("name=={reference}")]);
    listed.says(&digest);
}

#[test]
fn all_platforms_of_an_index_are_pushed_and_pulled() {
    let ctr = Ctr::new();
    let reference = ctr.server.image("containerd/multi:1");
    let digest = ctr.push(&reference, &[("amd64", "multi-a"), ("arm64", "multi-b")]);
    let all = ["--snapshotter=native", "--all-platforms", &reference];
    ctr.images("pull", &ctr.server.login(), &all).run().says(&digest);
    ctr.run(&["images", "list", &format!("name=={reference}")])
        .says("linux/amd64,linux/arm64");
}

#[test]
fn a_pull_with_a_wrong_password_or_none_is_refused() {
    let ctr = Ctr::new();
    let reference = ctr.server.image("containerd/private:1");
    ctr.push(&reference, &[(image::native(), "private")]);
    let wrong = format!("{}:wrong", ctr.server.username());
    ctr.images("pull", &wrong, &[&reference]).fail();
    ctr.containerd
        .ctr(&ctr.sandbox)
        .args(["images", "pull", "--plain-http", &reference])
        .fail();
}
