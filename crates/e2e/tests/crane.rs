//! Crane: the Go library that most build tools push with.

use std::sync::Arc;

use holdfast_e2e::{Output, Sandbox, Server, Shared, image};

static SERVER: Shared<Server> = Shared::new(Server::start);

struct Crane {
    server: Arc<Server>,
    sandbox: Sandbox,
}

impl Crane {
    fn logged_in() -> Self {
        let crane = Self {
            server: SERVER.get(),
            sandbox: Sandbox::new(),
        };
        crane.log_in(&crane.server.http(), &[]);
        crane
    }

    fn log_in(&self, host: &str, options: &[&str]) {
        let login = [
            "auth",
            "login",
            host,
            "--username",
            self.server.username(),
            "--password-stdin",
        ];
        self.sandbox
            .tool("crane")
            .args(login)
            .args(options)
            .stdin(self.server.password())
            .run();
    }

    fn run(&self, args: &[&str]) -> Output {
        self.sandbox.run("crane", args)
    }

    fn fail(&self, args: &[&str]) -> Output {
        self.sandbox.tool("crane").args(args).fail()
    }

    /// Pushes an image for these platforms and gives its digest.
    fn push(&self, reference: &str, images: &[(&str, &str)]) -> String {
        let (layout, digest) = image::layout(&self.sandbox, "image", "1", images);
        let pushed = self.run(&["push", "--index", &layout, &format!("{reference}-wrapped")]);
        pushed.says("sha256:");
        // `push` takes the layout's own index; the image is what it lists.
        let repository = reference.rsplit_once(':').expect("the reference has a tag").0;
        self.run(&["copy", &format!("{repository}@{digest}"), reference]);
        digest
    }

    fn tags(&self, repository: &str) -> Vec<String> {
        self.run(&["ls", repository]).lines()
    }
}

#[test]
fn an_image_grown_by_a_layer_can_be_changed_and_exported() {
    let crane = Crane::logged_in();
    let [base, named] = ["crane/grown:1", "crane/grown:2"].map(|name| crane.server.image(name));
    let layer = image::root_tar(&crane.sandbox, "layer", "crane");
    crane.run(&["append", "--oci-empty-base", "--new_layer", &layer, "--new_tag", &base]);
    crane.run(&[
        "mutate",
        &base,
        "--label",
        "owner=crane",
        "--entrypoint",
        "/bin/sh",
        "--tag",
        &named,
    ]);
    let config = crane.run(&["config", &named]).json();
    assert_eq!(config["config"]["Labels"]["owner"], "crane");
    crane.run(&["validate", "--remote", &named]).says("PASS");

    crane.run(&["export", &named, &crane.sandbox.path("out.tar")]);
    let files = crane.sandbox.run("tar", ["--list", "--file", "out.tar"]).lines();
    assert!(files.contains(&"bin/busybox".to_owned()), "{files:?}");
}

#[test]
fn an_index_is_pushed_copied_and_pulled_with_its_digest_kept() {
    let crane = Crane::logged_in();
    let [first, second] = ["crane/index:1", "crane/deep/copy/of/index:1"].map(|name| crane.server.image(name));
    let digest = crane.push(&first, &[("amd64", "index-a"), ("arm64", "index-b")]);
    crane.run(&["copy", &first, &second]).says("mounted blob");
    assert_eq!(crane.run(&["digest", &second]).text(), digest);
    crane.run(&["pull", "--format=oci", &second, &crane.sandbox.path("back")]);
    let config = crane.run(&["config", "--platform=linux/arm64", &second]).json();
    assert_eq!(config["architecture"], "arm64");
    crane.run(&["validate", "--remote", &second]).says("PASS");
}

#[test]
fn an_index_of_blobs_is_copied_with_its_blobs() {
    let crane = Crane::logged_in();
    let [first, second] = ["crane/cache:1", "crane/copy/of/cache:1"].map(|name| crane.server.image(name));
    let digest = image::push_cache(&crane.server, "crane/cache", "1");
    crane.run(&["copy", &first, &second]);
    image::assert_cache(&crane.server, "crane/copy/of/cache", "1", &digest);
}

#[test]
fn tags_and_repositories_are_listed_in_order() {
    let crane = Crane::logged_in();
    let repository = crane.server.image("crane/tags");
    crane.push(&format!("{repository}:b"), &[("amd64", "tags")]);
    for tag in ["a", "B", "1.0"] {
        crane.run(&["tag", &format!("{repository}:b"), tag]);
    }
    assert_eq!(crane.tags(&repository), ["1.0", "B", "a", "b", "b-wrapped"]);
    let catalog = crane.run(&["catalog", &crane.server.http()]).lines();
    assert!(catalog.contains(&"crane/tags".to_owned()), "{catalog:?}");
    assert!(catalog.is_sorted(), "{catalog:?}");
}

#[test]
fn a_deleted_tag_leaves_the_manifest_and_a_deleted_manifest_leaves_nothing() {
    let crane = Crane::logged_in();
    let repository = crane.server.image("crane/deleted");
    let digest = crane.push(&format!("{repository}:keep"), &[("amd64", "deleted")]);
    crane.run(&["tag", &format!("{repository}:keep"), "gone"]);
    crane.run(&["delete", &format!("{repository}:gone")]);
    assert_eq!(crane.tags(&repository), ["keep", "keep-wrapped"]);
    let pinned = format!("{repository}@{digest}");
    crane.run(&["manifest", &pinned]);
    crane.run(&["delete", &format!("{repository}:keep-wrapped")]);
    crane.run(&["delete", &pinned]);
    crane.fail(&["manifest", &pinned]).says("MANIFEST_UNKNOWN");
    crane
        .fail(&["manifest", &format!("{repository}:keep")])
        .says("MANIFEST_UNKNOWN");
}

#[test]
fn a_blob_is_fetched_by_its_digest() {
    let crane = Crane::logged_in();
    let reference = crane.server.image("crane/blob:1");
    crane.push(&reference, &[("amd64", "blob")]);
    let manifest = crane.run(&["manifest", &reference]).json();
    let config = manifest["config"]["digest"]
        .as_str()
        .expect("a manifest names its configuration");
    let blob = crane.run(&["blob", &format!("{}@{config}", crane.server.image("crane/blob"))]);
    assert_eq!(image::digest(&blob.stdout), config);
}

#[test]
fn push_and_pull_work_over_http2_with_the_local_authority() {
    let crane = Crane::logged_in();
    let host = crane.server.https();
    crane.log_in(&host, &[]);
    let trusting = |args: &[&str]| {
        let tool = crane.sandbox.tool("crane").env("SSL_CERT_FILE", crane.server.ca_file());
        tool.env("GODEBUG", "http2debug=1").args(args).run()
    };
    let reference = format!("{host}/crane/tls:1");
    let layer = image::root_tar(&crane.sandbox, "layer", "tls");
    trusting(&[
        "append",
        "--oci-empty-base",
        "--new_layer",
        &layer,
        "--new_tag",
        &reference,
    ])
    .says("http2: Transport");
    trusting(&["validate", "--remote", &reference]).says("PASS");
    crane.fail(&["manifest", &reference]).says("certificate");
}
