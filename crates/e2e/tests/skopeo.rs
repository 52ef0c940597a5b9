//! Skopeo: copies between layouts and repositories, with the digests kept.

use std::sync::Arc;

use holdfast_e2e::{Output, Sandbox, Server, Shared, image};

static SERVER: Shared<Server> = Shared::new(Server::start);

fn logged_in() -> (Arc<Server>, Sandbox) {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    let login = [
        "login",
        "--tls-verify=false",
        "--username",
        server.username(),
        "--password-stdin",
        &server.http(),
    ];
    sandbox
        .tool("skopeo")
        .args(login)
        .stdin(server.password())
        .run()
        .says("Login Succeeded");
    (server, sandbox)
}

fn copy(sandbox: &Sandbox, options: &[&str], from: &str, to: &str) -> Output {
    let plain = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false"];
    sandbox.tool("skopeo").args(plain).args(options).args([from, to]).run()
}

fn digest_of(sandbox: &Sandbox, reference: &str) -> String {
    let raw = sandbox.run("skopeo", ["inspect", "--tls-verify=false", "--raw", reference]);
    image::digest(&raw.stdout)
}

#[test]
fn an_image_goes_from_a_layout_to_the_registry_and_back() {
    let (server, sandbox) = logged_in();
    let (layout, digest) = image::layout(&sandbox, "there", "1", &[("amd64", "skopeo")]);
    let remote = format!("docker://{}", server.image("skopeo/app:1"));
    copy(&sandbox, &[], &format!("oci:{layout}:1"), &remote);
    assert_eq!(digest_of(&sandbox, &remote), digest);
    copy(&sandbox, &[], &remote, &format!("oci:{}:1", sandbox.path("back")));
    let (_, hex) = digest.split_once(':').expect("a digest has a colon");
    assert_eq!(
        sandbox.read(&format!("back/blobs/sha256/{hex}")),
        sandbox.read(&format!("there/blobs/sha256/{hex}"))
    );
}

#[test]
fn an_image_for_two_platforms_is_copied_whole() {
    let (server, sandbox) = logged_in();
    let images = [("amd64", "two-a"), ("arm64", "two-b")];
    let (layout, digest) = image::layout(&sandbox, "there", "1", &images);
    let [first, second] = ["one", "two"].map(|name| format!("docker://{}", server.image(&format!("skopeo/{name}:1"))));
    copy(&sandbox, &["--all"], &format!("oci:{layout}:1"), &first);
    copy(&sandbox, &["--all"], &first, &second);
    assert_eq!(
        [digest_of(&sandbox, &first), digest_of(&sandbox, &second)],
        [digest.as_str(); 2]
    );
    copy(
        &sandbox,
        &["--all"],
        &second,
        &format!("oci:{}:1", sandbox.path("back")),
    );
    for (architecture, _) in images {
        let choice = [
            format!("--override-arch={architecture}"),
            "inspect".into(),
            "--tls-verify=false".into(),
        ];
        let inspected = sandbox.tool("skopeo").args(choice).args([&second]).run().json();
        assert_eq!(inspected["Architecture"], architecture);
    }
}

#[test]
fn a_copy_converts_to_the_docker_format() {
    let (server, sandbox) = logged_in();
    let (layout, _) = image::layout(&sandbox, "there", "1", &[("amd64", "converted")]);
    let remote = format!("docker://{}", server.image("skopeo/converted:1"));
    copy(&sandbox, &["--format=v2s2"], &format!("oci:{layout}:1"), &remote);
    let manifest = sandbox
        .run("skopeo", ["inspect", "--tls-verify=false", "--raw", &remote])
        .json();
    assert_eq!(
        manifest["mediaType"],
        "application/vnd.docker.distribution.manifest.v2+json"
    );
}

#[test]
fn tags_are_listed_and_an_image_is_deleted() {
    let (server, sandbox) = logged_in();
    let repository = format!("docker://{}", server.image("skopeo/deleted"));
    let [(deleted, _), (kept, _)] =
        ["deleted", "kept"].map(|name| image::layout(&sandbox, name, "1", &[("amd64", name)]));
    for (layout, tag) in [(&deleted, "b"), (&deleted, "a"), (&kept, "c")] {
        copy(
            &sandbox,
            &[],
            &format!("oci:{layout}:1"),
            &format!("{repository}:{tag}"),
        );
    }
    let tags = || {
        sandbox
            .run("skopeo", ["list-tags", "--tls-verify=false", &repository])
            .json()["Tags"]
            .clone()
    };
    assert_eq!(tags(), serde_json::json!(["a", "b", "c"]));
    // Skopeo asks for the tag's digest and deletes that, so the other tag of the same image goes too.
    sandbox.run("skopeo", ["delete", "--tls-verify=false", &format!("{repository}:a")]);
    assert_eq!(tags(), serde_json::json!(["c"]));
    let gone = ["inspect", "--tls-verify=false", &format!("{repository}:b")];
    sandbox.tool("skopeo").args(gone).fail().says("manifest unknown");
}

#[test]
fn a_copy_over_tls_trusts_the_local_authority() {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    let (layout, digest) = image::layout(&sandbox, "there", "1", &[("amd64", "tls")]);
    let authority = std::fs::read(server.ca_file()).expect("the authority's file can be read");
    sandbox.write("trust/ca.crt", authority);
    let remote = format!("docker://{}/skopeo/tls:1", server.https());
    let trust = [
        "--dest-cert-dir",
        &sandbox.path("trust"),
        "--dest-creds",
        &server.login(),
    ];
    sandbox
        .tool("skopeo")
        .args(["copy"])
        .args(trust)
        .args([&format!("oci:{layout}:1"), &remote])
        .run();
    let trust = ["--cert-dir", &sandbox.path("trust"), "--creds", &server.login()];
    let raw = sandbox
        .tool("skopeo")
        .args(["inspect", "--raw"])
        .args(trust)
        .args([&remote])
        .run();
    assert_eq!(image::digest(&raw.stdout), digest);
    // Without the authority there is no trust.
    sandbox
        .tool("skopeo")
        .args(["inspect", "--creds", &server.login(), &remote])
        .fail()
        .says("certificate");
}
