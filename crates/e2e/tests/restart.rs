//! A server stopped as a service manager stops it, and started again on the same data.

use std::process::Command;
use std::thread;
use std::time::Duration;

use holdfast_e2e::connection::Length;
use holdfast_e2e::{Sandbox, Server, image, project};
use rustix::process::Signal;

#[test]
fn an_image_and_the_credentials_outlive_a_restart() {
    let (server, sandbox) = (Server::start(), Sandbox::new());
    let (layout, digest) = image::layout(&sandbox, "image", "1", &[("amd64", "restart")]);
    let credentials = server.login();
    let copy = |from: &str, to: &str| {
        let plain = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false"];
        let login = ["--src-creds", &credentials, "--dest-creds", &credentials];
        sandbox.tool("skopeo").args(plain).args(login).args([from, to]).run();
    };
    copy(
        &format!("oci:{layout}:1"),
        &format!("docker://{}", server.image("restart/app:1")),
    );
    let server = server.restart();
    assert_eq!(server.login(), credentials);
    copy(
        &format!("docker://{}", server.image("restart/app:1")),
        &format!("oci:{}:1", sandbox.path("back")),
    );
    let (_, hex) = digest.split_once(':').expect("a digest has a colon");
    assert_eq!(
        image::digest(&sandbox.read(&format!("back/blobs/sha256/{hex}"))),
        digest
    );
}

#[test]
fn a_running_upload_finishes_before_the_end() {
    let mut server = Server::start();
    let content: Vec<u8> = (0..500_000_u32).flat_map(u32::to_le_bytes).collect();
    let digest = image::digest(&content);
    let path = format!("/v2/restart/late/blobs/uploads/?digest={digest}");
    let mut connection = server.connect().expect("the server listens");
    connection
        .begin("POST", &path, &[], Length::Of(content.len()))
        .expect("it is read");
    let mut pieces = content.chunks(content.len() / 8);
    connection
        .send(pieces.next().expect("there are eight"))
        .expect("it is read");
    server.daemon().signal(Signal::TERM);
    for piece in pieces {
        thread::sleep(Duration::from_millis(150));
        assert!(server.daemon().is_running(), "it ended under an upload");
        connection.send(piece).expect("it is read");
    }
    assert_eq!(connection.answer().expect("it answers").status, 201);
    assert!(server.connect().is_err(), "nobody new is let in");
    let server = server.restart();
    let mut connection = server.connect().expect("the server listens");
    let answer = connection.ask("GET", &format!("/v2/restart/late/blobs/{digest}"), &[], b"");
    let answer = answer.expect("it answers");
    assert!(answer.status == 200 && answer.body == content, "{}", answer.status);
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let server = Server::start();
    let output = Command::new(project::holdfast())
        .args(["serve", "--http", "127.0.0.1:0", "--https", "off", "--data-dir"])
        .arg(server.data().path())
        .output()
        .expect("holdfast starts");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("another holdfast serves") && told.contains("--data-dir"),
        "{told}"
    );
    // The first one goes on.
    let mut connection = server.connect().expect("the server listens");
    assert_eq!(connection.ask("GET", "/v2/", &[], b"").expect("it answers").status, 200);
}
