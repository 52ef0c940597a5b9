//! Who may not: clients without credentials, or with wrong ones, learn nothing.

use holdfast_e2e::{Sandbox, Server, Shared, http, image};

static SERVER: Shared<Server> = Shared::new(Server::start);

/// Pushes an image and gives the references of that image and of one that does not exist.
fn references(server: &Server, sandbox: &Sandbox) -> [String; 2] {
    let (layout, _) = image::layout(sandbox, "image", "1", &[("amd64", "private")]);
    let reference = server.image("access/private:1");
    let copy = [
        "copy",
        "--dest-tls-verify=false",
        "--dest-creds",
        &server.login(),
        &format!("oci:{layout}:1"),
    ];
    sandbox
        .tool("skopeo")
        .args(copy)
        .args([format!("docker://{reference}")])
        .run();
    [reference, server.image("access/missing:1")]
}

#[test]
fn clients_without_credentials_cannot_tell_what_exists() {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    sandbox.run(
        "regctl",
        ["registry", "set", "--skip-check", "--tls=disabled", &server.http()],
    );
    for reference in references(&server, &sandbox) {
        let clients: [&[&str]; 4] = [
            &["crane", "manifest", &reference],
            &["oras", "manifest", "fetch", "--plain-http", &reference],
            &["regctl", "manifest", "head", &reference],
            &[
                "skopeo",
                "inspect",
                "--tls-verify=false",
                &format!("docker://{reference}"),
            ],
        ];
        for client in clients {
            sandbox.tool(client[0]).args(&client[1..]).fail().says("unauthorized");
        }
    }
}

#[test]
fn clients_with_a_wrong_password_are_refused() {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    let wrong = format!("{}:wrong", server.username());
    for reference in references(&server, &sandbox) {
        let inspect = [
            "inspect",
            "--tls-verify=false",
            "--creds",
            &wrong,
            &format!("docker://{reference}"),
        ];
        sandbox
            .tool("skopeo")
            .args(inspect)
            .fail()
            .says("invalid username/password");
    }
}

#[test]
fn an_anonymous_request_is_told_where_tokens_are_had() {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    let answer = http::send(
        &sandbox,
        &[],
        &format!("http://{}/v2/access/private/manifests/1", server.http()),
    );
    assert_eq!((answer.status, answer.error_code().as_str()), (401, "UNAUTHORIZED"));
    let challenge = answer.header("WWW-Authenticate").expect("a 401 has a challenge");
    let expected = format!(
        "Bearer realm=\"http://{host}/oauth2/token\",service=\"{host}\",scope=\"repository:access/private:pull\"",
        host = server.http()
    );
    assert_eq!(challenge, expected);
}
