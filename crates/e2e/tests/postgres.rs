//! A server whose rows lie in PostgreSQL: what it keeps, what it refuses, and what the operator's commands do without it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use holdfast_e2e::{Data, Sandbox, Server, image};
use holdfast_testkit::postgres;

/// A server on an empty database, and the database's URL.
fn started() -> (Server, String) {
    let cluster = postgres::shared();
    let url = cluster.url(&cluster.database());
    (Server::open(Data::new(), &["--database", &url]), url)
}

/// Copies an image with the admin account's credentials.
fn copy(sandbox: &Sandbox, server: &Server, from: &str, to: &str) {
    let plain = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false"];
    let credentials = server.login();
    let login = ["--src-creds", &credentials, "--dest-creds", &credentials];
    sandbox.tool("skopeo").args(plain).args(login).args([from, to]).run();
}

/// Pulls an image into a fresh layout, and finds it to be the one of this digest.
fn pull(sandbox: &Sandbox, server: &Server, name: &str, into: &str, digest: &str) {
    let from = format!("docker://{}", server.image(name));
    copy(sandbox, server, &from, &format!("oci:{}:1", sandbox.path(into)));
    let (_, hex) = digest.split_once(':').expect("a digest has a colon");
    let manifest = sandbox.read(&format!("{into}/blobs/sha256/{hex}"));
    assert_eq!(image::digest(&manifest), digest);
}

/// Starts a server that is to be refused; what it said.
fn refused(data: &Data, flags: &[&str]) -> String {
    let serve = ["serve", "--http", "127.0.0.1:0", "--https", "off"];
    let (status, _, told) = data.try_operate(&[&serve, flags].concat());
    assert_eq!(status.code(), Some(1), "{told}");
    told
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn an_image_and_the_credentials_outlive_a_restart_and_a_kill() {
    let ((mut server, url), sandbox) = (started(), Sandbox::new());
    let (layout, digest) = image::layout(&sandbox, "image", "1", &[("amd64", "postgres")]);
    let to = format!("docker://{}", server.image("team/app:1"));
    copy(&sandbox, &server, &format!("oci:{layout}:1"), &to);
    let credentials = server.login();
    assert!(!server.data().path().join("metadata.db").exists());
    assert_eq!(mode(&server.data().path().join("keys/master.key")), 0o600);
    let (_, password) = url.split_once("holdfast:").expect("the URL has a password");
    let (password, _) = password.split_once('@').expect("and then a host");
    assert!(!server.daemon().log().contains(password), "the password was logged");
    server = server.restart();
    assert_eq!(server.login(), credentials);
    pull(&sandbox, &server, "team/app:1", "after-restart", &digest);
    server = server.crash();
    pull(&sandbox, &server, "team/app:1", "after-kill", &digest);
    assert_eq!(server.data().check().faults, Vec::<String>::new());
}

#[test]
fn commands_open_the_database_themselves_when_no_server_runs() {
    let (server, url) = started();
    let running = server.data().operate_json(&["status"]);
    let nodes = running["nodes"].as_array().expect("it lists nodes");
    assert!(nodes.len() == 1 && nodes[0]["isDraining"] == false, "{running}");
    let login = server.login();
    let data = server.stop();
    let with_database = |command: &'static str| data.operate_json(&[command, "--database", &url]);
    let status = with_database("status");
    assert_eq!(status["registries"], running["registries"]);
    assert_eq!(status["nodes"].as_array().map(Vec::len), Some(0), "it took its leave");
    let credentials = with_database("credentials");
    let password = credentials["passwords"][0]["value"].as_str().expect("there is one");
    assert_eq!(format!("holdfast:{password}"), login);
    let (outcome, _, told) = data.try_operate(&["status"]);
    assert!(!outcome.success() && told.contains("holds no registry"), "{told}");
}

#[test]
fn a_database_that_holds_no_registry_is_told_from_one_that_does() {
    let cluster = postgres::shared();
    let empty = cluster.url(&cluster.database());
    let (status, _, told) = Data::new().try_operate(&["status", "--database", &empty]);
    assert!(
        !status.success() && told.contains("make one with: holdfast serve"),
        "{told}"
    );
    // The folder of another registry's objects.
    let (server, _) = started();
    let mut connection = server.connect().expect("it listens");
    let bytes = vec![b'.'; 64 << 10];
    let path = format!("/v2/team/app/blobs/uploads/?digest={}", image::digest(&bytes));
    assert_eq!(
        connection.ask("POST", &path, &[], &bytes).expect("it answers").status,
        201
    );
    let data = server.stop();
    let told = refused(&data, &["--database", &empty]);
    assert!(
        told.contains("holds no registry, but") && told.contains("1 objects"),
        "{told}"
    );
    let told = refused(&data, &[]);
    assert!(told.contains("metadata.db is missing"), "{told}");
    // A folder with a database of its own.
    let data = Server::start().stop();
    let told = refused(&data, &["--database", &empty]);
    assert!(told.contains("metadata.db") && told.contains("--data-dir"), "{told}");
}

#[test]
fn a_node_without_the_master_key_or_without_the_bytes_does_not_start() {
    let (server, url) = started();
    let data = server.stop();
    let key = data.path().join("keys/master.key");
    let kept = data.beside("kept.key");
    fs::rename(&key, &kept).expect("it can be moved");
    let told = refused(&data, &["--database", &url]);
    assert!(
        told.contains("there is no master key") && told.contains("--master-key"),
        "{told}"
    );
    assert!(!key.exists(), "no other one was made");
    fs::write(&key, STANDARD.encode([7; 32])).expect("it can be written");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let told = refused(&data, &["--database", &url]);
    assert!(told.contains("does not open with this master key"), "{told}");
    let kept = kept.display().to_string();
    let flags = ["--database", &url, "--master-key", &kept];
    let elsewhere = refused(&Data::new(), &flags);
    assert!(elsewhere.contains("cannot open the blobs in"), "{elsewhere}");
    drop(Server::open(data, &flags));
}

#[test]
fn keys_are_rotated_for_all_nodes_at_once() {
    let (server, _) = started();
    let before = server.data().operate_json(&["keys", "list"]);
    let after = server.data().operate_json(&["keys", "rotate"]);
    let keys = after.as_array().expect("it is a list");
    assert_eq!(keys.len(), 2, "{after}");
    assert_eq!(
        (&keys[0]["kid"], &keys[0]["isSigning"]),
        (&before[0]["kid"], &true.into())
    );
    assert!(
        keys[1]["signsFrom"].is_i64(),
        "the new one is told to all nodes first: {after}"
    );
    let server = server.restart();
    assert_eq!(
        server.data().operate_json(&["keys", "list"]).as_array().map(Vec::len),
        Some(2)
    );
}

#[test]
fn a_database_that_went_away_is_told_and_comes_back_by_itself() {
    let cluster = postgres::Postgres::start();
    let url = cluster.url(&cluster.database());
    let (mut server, sandbox) = (Server::open(Data::new(), &["--database", &url]), Sandbox::new());
    let (layout, digest) = image::layout(&sandbox, "image", "1", &[("amd64", "restarted")]);
    cluster.restart();
    let to = format!("docker://{}", server.image("team/app:1"));
    copy(&sandbox, &server, &format!("oci:{layout}:1"), &to);
    cluster.stop();
    let ready = |server: &Server, purpose: &str| {
        let path = format!("/readyz?for={purpose}");
        let mut connection = server.connect().expect("it listens");
        connection.ask("GET", &path, &[], b"").expect("it answers").status
    };
    for purpose in ["read", "write"] {
        assert_eq!(ready(&server, purpose), 503, "{purpose}");
    }
    let mut connection = server.connect().expect("it listens");
    let answer = connection
        .ask("GET", "/v2/team/app/manifests/1", &[], b"")
        .expect("it answers");
    assert!(
        answer.status == 503 && answer.header("retry-after").is_some(),
        "{}",
        answer.status
    );
    cluster.resume();
    pull(&sandbox, &server, "team/app:1", "back", &digest);
    assert!(server.daemon().is_running());
}
