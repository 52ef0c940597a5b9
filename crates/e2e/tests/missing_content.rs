//! Manifests that refer to content which is not in the registry: foreign layers are fine, holes are refused unless the
//! registry accepts sparse manifests.

use holdfast_e2e::{Sandbox, Server, Shared, http, image};
use serde_json::{Value, json};

static SERVER: Shared<Server> = Shared::new(Server::start);
static SPARSE: Shared<Server> = Shared::new(Server::start_accepting_sparse_manifests);

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const FOREIGN_LAYER: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

/// The OCI layout `windows` with a Windows image: a base layer that stays with its vendor, and one of our own.
fn windows_layout(sandbox: &Sandbox) -> (String, Vec<u8>, String) {
    let blob = |media_type: &str, content: &[u8]| {
        let digest = image::digest(content).replace("sha256:", "");
        sandbox.write(&format!("windows/blobs/sha256/{digest}"), content);
        image::descriptor(media_type, content)
    };
    let tar = image::root_tar(sandbox, "own", "windows");
    let layer = sandbox.run("gzip", ["--no-name", "--stdout", &tar]).stdout;
    let plain = std::fs::read(&tar).expect("the tar file was just written");
    let foreign = image::digest(b"the vendor's layer");
    let config = json!({
        "os": "windows", "os.version": "10.0.20348.2700", "architecture": "amd64", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [image::digest(b"unpacked"), image::digest(&plain)]},
    });
    let base = json!({
        "mediaType": FOREIGN_LAYER, "digest": foreign, "size": 123_456_789,
        "urls": [format!("https://vendor.invalid/layers/{foreign}")],
    });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": DOCKER_MANIFEST,
        "config": blob(DOCKER_CONFIG, config.to_string().as_bytes()),
        "layers": [base, blob(DOCKER_LAYER, &layer)],
    });
    let manifest = manifest.to_string().into_bytes();
    let index = json!({"schemaVersion": 2, "manifests": [blob(DOCKER_MANIFEST, &manifest)]});
    sandbox.write("windows/index.json", index.to_string());
    sandbox.write("windows/oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
    (sandbox.path("windows"), manifest, foreign)
}

#[test]
fn a_windows_image_is_pushed_copied_and_pulled_without_its_foreign_layer() {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    let (layout, manifest, foreign) = windows_layout(&sandbox);
    let [first, second, third] = ["first", "second", "third"].map(|name| server.image(&format!("windows/{name}:1")));
    server.sign_in_crane(&sandbox);

    sandbox.run("crane", ["push", &layout, &first]);
    assert_eq!(sandbox.run("crane", ["manifest", &first]).stdout, manifest);
    sandbox.run("crane", ["copy", &first, &second]);
    assert_eq!(sandbox.run("crane", ["manifest", &second]).stdout, manifest);

    let copy = [
        "copy",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        "--override-os=windows",
    ];
    let login = ["--src-creds", &server.login(), "--dest-creds", &server.login()];
    let [from, to] = [&second, &third].map(|reference| format!("docker://{reference}"));
    sandbox.tool("skopeo").args(copy).args(login).args([from, to]).run();
    assert_eq!(sandbox.run("crane", ["manifest", &third]).stdout, manifest);

    let url = format!("http://{}/v2/windows/first/blobs/{foreign}", server.http());
    let answer = http::send(&sandbox, &["--user", &server.login()], &url);
    assert_eq!((answer.status, answer.error_code().as_str()), (404, "BLOB_UNKNOWN"));
}

/// An image manifest and an index, each with one piece that nobody has pushed.
fn manifests_with_holes() -> [(&'static str, &'static str, Value); 2] {
    let hole = |media_type: &str| image::descriptor(media_type, b"never pushed");
    let config = image::descriptor("application/vnd.oci.empty.v1+json", b"{}");
    let with_layer = json!({
        "schemaVersion": 2, "mediaType": image::MANIFEST, "config": config, "layers": [hole(image::LAYER)],
    });
    let with_child = json!({"schemaVersion": 2, "mediaType": image::INDEX, "manifests": [hole(image::MANIFEST)]});
    [
        ("layer", image::MANIFEST, with_layer),
        ("child", image::INDEX, with_child),
    ]
}

/// Pushes a manifest by tag and gives the status and, unless it was taken, the error code.
fn put(server: &Server, sandbox: &Sandbox, tag: &str, media_type: &str, manifest: &Value) -> (u16, String) {
    let file = sandbox.write("config", "{}");
    let login = ["--username", server.username(), "--password-stdin"];
    let push = ["blob", "push", "--plain-http", &server.image("missing"), &file];
    sandbox
        .tool("oras")
        .args(push)
        .args(login)
        .stdin(server.password())
        .run();
    let body = sandbox.write("manifest", manifest.to_string());
    let (data, content_type) = (format!("@{body}"), format!("Content-Type: {media_type}"));
    let options = [
        "--request",
        "PUT",
        "--data-binary",
        &data,
        "--header",
        &content_type,
        "--user",
        &server.login(),
    ];
    let answer = http::send(
        sandbox,
        &options,
        &format!("http://{}/v2/missing/manifests/{tag}", server.http()),
    );
    let code = if answer.status == 201 {
        String::new()
    } else {
        answer.error_code()
    };
    (answer.status, code)
}

#[test]
fn a_manifest_with_a_missing_blob_or_child_is_refused() {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    for (tag, media_type, manifest) in manifests_with_holes() {
        let (status, code) = put(&server, &sandbox, tag, media_type, &manifest);
        // The specification has one code for both; ACR tells a missing child apart.
        let known = ["MANIFEST_BLOB_UNKNOWN", "MANIFEST_UNKNOWN"];
        assert!(
            matches!(status, 400 | 404) && known.contains(&code.as_str()),
            "{tag}: {status} {code}"
        );
        let url = format!("http://{}/v2/missing/manifests/{tag}", server.http());
        assert_eq!(http::send(&sandbox, &["--user", &server.login()], &url).status, 404);
    }
}

#[test]
fn a_registry_that_accepts_sparse_manifests_takes_them() {
    let (server, sandbox) = (SPARSE.get(), Sandbox::new());
    for (tag, media_type, manifest) in manifests_with_holes() {
        assert_eq!(
            put(&server, &sandbox, tag, media_type, &manifest),
            (201, String::new()),
            "{tag}"
        );
    }
}
