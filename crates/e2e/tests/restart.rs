//! A server stopped as a service manager stops it, and started again on the same data.

use holdfast_e2e::{Sandbox, Server, image};

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
