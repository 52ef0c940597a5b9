//! Images made without a network: a root file system from Debian's static busybox, as a tar file, as a Docker build
//! context, and as an OCI layout written by hand.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::project;
use crate::server::Server;
use crate::tool::Sandbox;

/// Media type of an OCI image manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an OCI image index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of an OCI image configuration.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Media type of a compressed OCI layer.
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// This machine's architecture as images name it.
#[must_use]
pub fn native() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The digest of `content`, as `sha256:HEX`.
#[must_use]
pub fn digest(content: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(content)))
}

/// A descriptor of `content`.
#[must_use]
pub fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(content), "size": content.len()})
}

/// Writes a folder `name` that can be the root of a container, with `greeting` in the file `/greeting`, and gives its
/// full path. Different greetings make different layers.
///
/// # Panics
/// When it cannot be written.
pub fn root_file_system(sandbox: &Sandbox, name: &str, greeting: &str) -> String {
    sandbox.write(&format!("{name}/greeting"), greeting);
    let bin = sandbox.work().join(name).join("bin");
    fs::create_dir_all(&bin).expect("the sandbox is writable");
    fs::copy(project::program("busybox"), bin.join("busybox")).expect("busybox can be copied");
    for applet in ["sh", "cat", "sha256sum"] {
        symlink("busybox", bin.join(applet)).expect("the sandbox takes links");
    }
    sandbox.path(name)
}

/// The same as a tar file, `name.tar`; gives its full path.
pub fn root_tar(sandbox: &Sandbox, name: &str, greeting: &str) -> String {
    let folder = root_file_system(sandbox, name, greeting);
    let file = sandbox.path(&format!("{name}.tar"));
    sandbox.run(
        "tar",
        [
            "--create",
            "--file",
            &file,
            "--numeric-owner",
            "--directory",
            &folder,
            ".",
        ],
    );
    file
}

/// A folder `name` to build from: an image whose two layers are nowhere else and which prints `greeting`.
pub fn build_context(sandbox: &Sandbox, name: &str, greeting: &str) -> String {
    let folder = root_file_system(sandbox, name, greeting);
    let recipe = "FROM scratch\nCOPY bin /bin\nCOPY greeting /greeting\nCMD [\"/bin/cat\", \"/greeting\"]\n";
    sandbox.write(&format!("{name}/Dockerfile"), recipe);
    folder
}

/// Writes the OCI layout `name` with one image tagged `tag` for each platform given as (architecture, greeting), all
/// under one index when there are several. Gives the full path of the layout and the digest that the tag means.
///
/// # Panics
/// When no image is asked for, or the layout cannot be written.
pub fn layout(sandbox: &Sandbox, name: &str, tag: &str, images: &[(&str, &str)]) -> (String, String) {
    let blob = |media_type: &str, content: &[u8]| {
        let hex = hex::encode(Sha256::digest(content));
        sandbox.write(&format!("{name}/blobs/sha256/{hex}"), content);
        descriptor(media_type, content)
    };
    let mut manifests = Vec::new();
    for (architecture, greeting) in images {
        let tar = root_tar(sandbox, &format!("{name}-{architecture}"), greeting);
        let plain = fs::read(&tar).expect("the tar file was just written");
        let packed = sandbox.run("gzip", ["--no-name", "--stdout", &tar]).stdout;
        let layer = blob(LAYER, &packed);
        let config = json!({
            "os": "linux", "architecture": architecture,
            "config": {"Cmd": ["/bin/cat", "/greeting"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(&plain)]},
        });
        let config = blob(CONFIG, config.to_string().as_bytes());
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
        let mut entry = blob(MANIFEST, manifest.to_string().as_bytes());
        entry["platform"] = json!({"os": "linux", "architecture": architecture});
        manifests.push(entry);
    }
    let mut top = match manifests.as_slice() {
        [] => panic!("a layout needs an image"),
        [only] => only.clone(),
        _ => {
            let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
            blob(INDEX, index.to_string().as_bytes())
        }
    };
    let digest = top["digest"].as_str().expect("a descriptor has a digest").to_owned();
    top["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [top]});
    sandbox.write(&format!("{name}/index.json"), index.to_string());
    sandbox.write(
        &format!("{name}/oci-layout"),
        json!({"imageLayoutVersion": "1.0.0"}).to_string(),
    );
    (sandbox.path(name), digest)
}

/// Pushes a cache as BuildKit writes it, an index that lists blobs, and gives its digest.
///
/// # Panics
/// When the server does not take it.
pub fn push_cache(server: &Server, repository: &str, tag: &str) -> String {
    let blobs = [
        (LAYER, format!("a layer of {repository}")),
        (
            "application/vnd.buildkit.cacheconfig.v0",
            format!("{{\"of\":\"{repository}\"}}"),
        ),
    ];
    let mut connection = server.connect().expect("the server listens");
    let mut entries = Vec::new();
    for (media_type, content) in &blobs {
        let path = format!("/v2/{repository}/blobs/uploads/?digest={}", digest(content.as_bytes()));
        let pushed = connection.ask("POST", &path, &[], content.as_bytes());
        assert_eq!(pushed.expect("it answers").status, 201);
        entries.push(descriptor(media_type, content.as_bytes()));
    }
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).to_string();
    let path = format!("/v2/{repository}/manifests/{tag}");
    let pushed = connection.ask("PUT", &path, &[("Content-Type", INDEX)], index.as_bytes());
    assert_eq!(pushed.expect("it answers").status, 201);
    digest(index.as_bytes())
}

/// Asserts that a repository has the whole of a cache: an index of this digest, and every blob that it lists.
///
/// # Panics
/// When something is missing.
pub fn assert_cache(server: &Server, repository: &str, tag: &str, expected: &str) {
    let mut connection = server.connect().expect("the server listens");
    let mut get = |path: String| connection.ask("GET", &path, &[], b"").expect("it answers");
    let index = get(format!("/v2/{repository}/manifests/{tag}"));
    assert_eq!((index.status, digest(&index.body).as_str()), (200, expected));
    let entries = index.json()["manifests"].as_array().expect("an index").clone();
    assert_eq!(entries.len(), 2);
    for entry in entries {
        let name = entry["digest"].as_str().expect("a digest").to_owned();
        let blob = get(format!("/v2/{repository}/blobs/{name}"));
        assert_eq!((blob.status, digest(&blob.body)), (200, name));
    }
}
