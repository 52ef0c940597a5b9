//! Names: login servers, the host itself, further names, and names that are none of ours; over plain HTTP and over HTTPS
//! with the local certificate authority.

use std::net::UdpSocket;

use holdfast_e2e::http::{Response, send};
use holdfast_e2e::{Data, Sandbox, Server, Shared, image};

static SERVER: Shared<Server> = Shared::new(Server::start);

fn port_of(address: &str) -> String {
    let (_, port) = address.rsplit_once(':').expect("it is HOST:PORT");
    port.to_owned()
}

/// Asks over HTTPS for a name that resolves to this machine, trusting nobody but the local CA.
fn ask(server: &Server, sandbox: &Sandbox, name: &str, options: &[&str], path: &str) -> Response {
    let port = port_of(&server.https());
    let resolve = format!("{name}:{port}:127.0.0.1");
    let usual = ["--resolve", &resolve, "--cacert", server.ca_file()];
    send(
        sandbox,
        &[&usual, options].concat(),
        &format!("https://{name}:{port}{path}"),
    )
}

#[test]
fn a_login_server_is_the_same_registry_as_the_host() {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    let name = "holdfast.registry.localhost";
    let port = port_of(&server.https());
    let answer = ask(&server, &sandbox, name, &[], "/v2/");
    assert_eq!(answer.status, 401);
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    assert_eq!(
        challenge,
        format!("Bearer realm=\"https://{name}:{port}/oauth2/token\",service=\"{name}:{port}\"")
    );
    let login = server.login();
    assert_eq!(ask(&server, &sandbox, name, &["--user", &login], "/v2/").status, 200);

    let content = "pushed by the login server's name";
    let digest = image::digest(content.as_bytes());
    let path = format!("/v2/hosts/app/blobs/uploads/?digest={digest}");
    let push = ["--user", &login, "--request", "POST", "--data-binary", content];
    assert_eq!(ask(&server, &sandbox, name, &push, &path).status, 201);
    let url = format!("http://{}/v2/hosts/app/blobs/{digest}", server.http());
    let answer = send(&sandbox, &["--user", &login], &url);
    assert_eq!((answer.status, answer.body.as_slice()), (200, content.as_bytes()));
}

#[test]
fn a_token_from_a_login_server_is_good_there() {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    let name = "holdfast.registry.localhost";
    let path = format!("/oauth2/token?service={name}&scope=registry:catalog:*");
    let answer = ask(&server, &sandbox, name, &["--user", &server.login()], &path);
    let token = answer.json()["access_token"].as_str().unwrap_or_default().to_owned();
    let bearer = format!("Authorization: Bearer {token}");
    let catalog = |host: &str| ask(&server, &sandbox, host, &["--header", &bearer], "/v2/_catalog").status;
    assert_eq!(catalog(name), 200);
    // The host itself stands for the same registry.
    assert_eq!(catalog("localhost"), 200);
}

#[test]
fn unknown_names_are_misdirected_and_told_what_to_do() {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    let url = format!("http://{}/v2/", server.http());
    for name in [
        "registry.example.com",
        "registry.localhost.example.com",
        "evilregistry.localhost",
    ] {
        let host = format!("Host: {name}");
        let answer = send(&sandbox, &["--header", &host], &url);
        assert_eq!(answer.status, 421, "{name}");
        assert_eq!(answer.header("www-authenticate"), None, "{name} would get passwords");
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(body.contains(&format!("--hostname {name}")), "{body}");
    }
}

#[test]
fn a_further_name_of_the_host_is_known_and_certified() {
    let (server, sandbox) = (
        Server::open(Data::new(), &["--hostname", "registry.example.com"]),
        Sandbox::new(),
    );
    let login = server.login();
    let answer = ask(&server, &sandbox, "registry.example.com", &["--user", &login], "/v2/");
    assert_eq!(answer.status, 200);
    let answer = ask(&server, &sandbox, "registry.example.com", &[], "/v2/");
    let challenge = answer.header("www-authenticate").unwrap_or_default().to_owned();
    assert!(
        challenge.contains("realm=\"https://registry.example.com:"),
        "{challenge}"
    );
}

#[test]
fn a_domain_of_ones_own_names_login_servers() {
    let (server, sandbox) = (Server::open(Data::new(), &["--domain", "example.com"]), Sandbox::new());
    let login = server.login();
    let status = |name: &str| ask(&server, &sandbox, name, &["--user", &login], "/v2/").status;
    assert_eq!(status("holdfast.example.com"), 200);
    assert_eq!(status("example.com"), 200);
    let host = "Host: holdfast.registry.localhost";
    assert_eq!(
        send(&sandbox, &["--header", host], &format!("http://{}/v2/", server.http())).status,
        421
    );
}

#[test]
fn a_login_server_that_nobody_made_has_no_content_and_takes_no_password() {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    for path in ["/v2/", "/v2/app/tags/list"] {
        let answer = ask(
            &server,
            &sandbox,
            "nobody.registry.localhost",
            &["--user", &server.login()],
            path,
        );
        assert!([401, 404].contains(&answer.status), "{path}: {}", answer.status);
    }
}

/// An address of this machine that is not loopback, if it has one.
fn outer_address() -> Option<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent; the system only chooses the address it would send from.
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback()).then(|| address.to_string())
}

#[test]
fn metrics_are_for_this_machine_only() {
    let flags = [
        "--http",
        "0.0.0.0:0",
        "--allow-plain-http",
        "--trusted-proxy",
        "127.0.0.1",
    ];
    let (server, sandbox) = (Server::open(Data::new(), &flags), Sandbox::new());
    let url = format!("http://{}/metrics", server.http());
    let answer = send(&sandbox, &[], &url);
    assert_eq!(answer.status, 200);
    let numbers = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(numbers.contains("holdfast_connections{scheme=\"http\"} 1"), "{numbers}");
    let forwarded = "X-Forwarded-For: 198.51.100.7";
    assert_eq!(send(&sandbox, &["--header", forwarded], &url).status, 404);
    if let Some(address) = outer_address() {
        let port = port_of(&server.http());
        assert_eq!(
            send(&sandbox, &[], &format!("http://{address}:{port}/metrics")).status,
            404
        );
        assert_eq!(
            send(&sandbox, &[], &format!("http://{address}:{port}/healthz")).status,
            200
        );
    }
}
