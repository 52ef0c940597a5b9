//! regctl: regclient's view of images, artifacts and tags.

use std::sync::Arc;

use holdfast_e2e::{Output, Sandbox, Server, Shared, image};
use serde_json::json;

static SERVER: Shared<Server> = Shared::new(Server::start);

const DATA: &str = "application/vnd.acme.data";
const SIGNATURE: &str = "application/vnd.acme.signature";

struct Regctl {
    server: Arc<Server>,
    sandbox: Sandbox,
}

impl Regctl {
    fn logged_in() -> Self {
        let regctl = Self {
            server: SERVER.get(),
            sandbox: Sandbox::new(),
        };
        let host = regctl.server.http();
        regctl.run(&["registry", "set", "--skip-check", "--tls=disabled", &host]);
        let login = [
            "registry",
            "login",
            "--user",
            regctl.server.username(),
            "--pass-stdin",
            &host,
        ];
        regctl
            .sandbox
            .tool("regctl")
            .args(login)
            .stdin(regctl.server.password())
            .run();
        regctl
    }

    fn run(&self, args: &[&str]) -> Output {
        self.sandbox.run("regctl", args)
    }

    fn fail(&self, args: &[&str]) -> Output {
        self.sandbox.tool("regctl").args(args).fail()
    }

    /// Copies an image for these platforms into the registry and gives its digest.
    fn push(&self, reference: &str, images: &[(&str, &str)]) -> String {
        let (layout, digest) = image::layout(&self.sandbox, "image", "1", images);
        self.run(&["image", "copy", &format!("ocidir://{layout}:1"), reference]);
        digest
    }

    /// Puts an artifact of this type; `options` say where.
    fn put(&self, artifact_type: &str, content: &str, options: &[&str]) {
        let file = self.sandbox.write("artifact", content);
        let put = [
            "artifact",
            "put",
            "--artifact-type",
            artifact_type,
            "--file-media-type=text/plain",
            "--file",
            &file,
        ];
        self.run(&[&put, options].concat());
    }
}

#[test]
fn login_with_a_wrong_password_is_refused() {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    sandbox.run(
        "regctl",
        ["registry", "set", "--skip-check", "--tls=disabled", &server.http()],
    );
    let login = [
        "registry",
        "login",
        "--user",
        server.username(),
        "--pass-stdin",
        &server.http(),
    ];
    sandbox
        .tool("regctl")
        .args(login)
        .stdin("wrong")
        .finish()
        .says("unauthorized");
    sandbox
        .tool("regctl")
        .args(["repo", "ls", &server.http()])
        .fail()
        .says("unauthorized");
}

#[test]
fn an_index_of_blobs_is_copied_with_its_blobs() {
    let regctl = Regctl::logged_in();
    let [first, second] = ["regctl/cache:1", "regctl/copy/of/cache:1"].map(|name| regctl.server.image(name));
    let digest = image::push_cache(&regctl.server, "regctl/cache", "1");
    regctl.run(&["image", "copy", &first, &second]);
    image::assert_cache(&regctl.server, "regctl/copy/of/cache", "1", &digest);
}

#[test]
fn an_image_is_copied_whole_with_its_digest_kept() {
    let regctl = Regctl::logged_in();
    let [first, second] = ["regctl/first:1", "regctl/second:1"].map(|name| regctl.server.image(name));
    let digest = regctl.push(&first, &[("amd64", "copy-a"), ("arm64", "copy-b")]);
    regctl.run(&["image", "copy", &first, &second]);
    assert_eq!(regctl.run(&["image", "digest", &second]).text(), digest);
    let config = [
        "image",
        "inspect",
        "--platform=linux/arm64",
        "--format={{.Architecture}}",
        &second,
    ];
    assert_eq!(regctl.run(&config).text(), "arm64");
    let archive = regctl.sandbox.path("archive.tar");
    regctl.run(&["image", "export", &second, &archive]);
    let third = regctl.server.image("regctl/third:1");
    regctl.run(&["image", "import", &third, &archive]);
    assert_eq!(regctl.run(&["image", "digest", &third]).text(), digest);
}

#[test]
fn an_image_is_modified_in_the_registry() {
    let regctl = Regctl::logged_in();
    let [from, to] = ["regctl/modified:1", "regctl/modified:2"].map(|name| regctl.server.image(name));
    regctl.push(&from, &[("amd64", "modified")]);
    regctl.run(&["image", "mod", "--create", &to, "--label", "team=blue", &from]);
    let label = ["image", "inspect", "--format={{index .Config.Labels \"team\"}}", &to];
    assert_eq!(regctl.run(&label).text(), "blue");
}

#[test]
fn artifacts_are_put_listed_by_type_and_got() {
    let regctl = Regctl::logged_in();
    let reference = regctl.server.image("regctl/artifact:1");
    regctl.put(DATA, "the subject", &[&reference]);
    regctl.put(SIGNATURE, "one", &["--subject", &reference]);
    regctl.put(DATA, "two", &["--subject", &reference]);
    let list = |options: &[&str]| {
        let listed = regctl
            .run(&[&["artifact", "list", "--format={{json .}}", &reference], options].concat())
            .json();
        let all = listed["descriptors"].as_array().cloned().unwrap_or_default();
        let mut types: Vec<String> = all.iter().map(|entry| entry["artifactType"].to_string()).collect();
        types.sort();
        types
    };
    assert_eq!(list(&[]), [json!(DATA).to_string(), json!(SIGNATURE).to_string()]);
    assert_eq!(
        list(&["--filter-artifact-type", SIGNATURE]),
        [json!(SIGNATURE).to_string()]
    );
    assert_eq!(regctl.run(&["artifact", "get", &reference]).text(), "the subject");
    let attached = [
        "artifact",
        "get",
        "--subject",
        &reference,
        "--filter-artifact-type",
        SIGNATURE,
    ];
    assert_eq!(regctl.run(&attached).text(), "one");
    // The registry has the referrers interface, so no fallback tag is made.
    assert_eq!(
        regctl
            .run(&["tag", "ls", &regctl.server.image("regctl/artifact")])
            .lines(),
        ["1"]
    );
}

#[test]
fn a_copy_takes_referrers_and_digest_tags_along() {
    let regctl = Regctl::logged_in();
    let [from, to] = ["regctl/signed:1", "regctl/signed-copy:1"].map(|name| regctl.server.image(name));
    let digest = regctl.push(&from, &[("amd64", "signed")]);
    regctl.put(SIGNATURE, "attached", &["--subject", &from]);
    // A signature as older programs keep it: a tag named after the digest.
    let tag = format!("{}.sig", digest.replace(':', "-"));
    regctl.put(
        SIGNATURE,
        "tagged",
        &[&regctl.server.image(&format!("regctl/signed:{tag}"))],
    );
    regctl.run(&["image", "copy", "--digest-tags", "--referrers", &from, &to]);
    assert_eq!(
        regctl
            .run(&["tag", "ls", &regctl.server.image("regctl/signed-copy")])
            .lines(),
        ["1", &tag]
    );
    assert_eq!(regctl.run(&["artifact", "get", "--subject", &to]).text(), "attached");
}

#[test]
fn an_index_is_created_from_single_images() {
    let regctl = Regctl::logged_in();
    let [index, amd64, arm64] =
        ["all", "amd64", "arm64"].map(|tag| regctl.server.image(&format!("regctl/index:{tag}")));
    let first = regctl.push(&amd64, &[("amd64", "index-a")]);
    let second = regctl.push(&arm64, &[("arm64", "index-b")]);
    regctl.run(&["index", "create", &index, "--ref", &amd64, "--ref", &arm64]);
    let manifest = regctl.run(&["manifest", "get", "--format=raw-body", &index]).json();
    let digests = [0, 1].map(|at| manifest["manifests"][at]["digest"].clone());
    assert_eq!(digests, [json!(first), json!(second)]);
}

#[test]
fn a_deleted_tag_leaves_the_others_alone() {
    let regctl = Regctl::logged_in();
    let repository = regctl.server.image("regctl/tags");
    let digest = regctl.push(&format!("{repository}:gone"), &[("amd64", "tags")]);
    regctl.run(&[
        "image",
        "copy",
        &format!("{repository}:gone"),
        &format!("{repository}:kept"),
    ]);
    regctl.run(&["tag", "rm", &format!("{repository}:gone")]);
    assert_eq!(regctl.run(&["tag", "ls", &repository]).lines(), ["kept"]);
    assert_eq!(
        regctl.run(&["image", "digest", &format!("{repository}:kept")]).text(),
        digest
    );
    regctl.run(&["manifest", "delete", &format!("{repository}@{digest}")]);
    regctl.fail(&["manifest", "head", &format!("{repository}:kept")]);
}

#[test]
fn a_blob_is_put_looked_at_and_got() {
    let regctl = Regctl::logged_in();
    let repository = regctl.server.image("regctl/blob");
    let digest = regctl
        .sandbox
        .tool("regctl")
        .args(["blob", "put", &repository])
        .stdin("a blob")
        .run()
        .text();
    assert_eq!(digest, image::digest(b"a blob"));
    regctl
        .run(&["blob", "head", &repository, &digest])
        .says("Content-Length: 6");
    assert_eq!(regctl.run(&["blob", "get", &repository, &digest]).stdout, b"a blob");
}

#[test]
fn content_is_named_by_sha512() {
    let regctl = Regctl::logged_in();
    let [from, to] = ["regctl/sha512:256", "regctl/sha512:512"].map(|name| regctl.server.image(name));
    regctl.push(&from, &[("amd64", "sha512")]);
    regctl.run(&["image", "mod", "--create", &to, "--digest-algo=sha512", &from]);
    let digest = regctl.run(&["image", "digest", &to]).text();
    assert!(digest.starts_with("sha512:"), "{digest}");
    let pinned = format!("{}@{digest}", regctl.server.image("regctl/sha512"));
    let manifest = regctl.run(&["manifest", "get", "--format=raw-body", &pinned]).json();
    let layer = manifest["layers"][0]["digest"].as_str().expect("a layer has a digest");
    assert!(layer.starts_with("sha512:"), "{layer}");
    regctl
        .run(&["blob", "head", &regctl.server.image("regctl/sha512"), layer])
        .says(layer);
}
