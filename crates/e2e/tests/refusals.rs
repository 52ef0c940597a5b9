//! Refusals of large bodies: ORAS and Skopeo say what the registry said, at every try, straight and through a reverse
//! proxy, and never that the connection broke. And what is gone is said to be gone.

use std::sync::Arc;

use holdfast_e2e::{Data, Output, Proxy, Random, Sandbox, Server, Shared, Tool, image};
use serde_json::{Value, json};

static SERVER: Shared<Server> = Shared::new(|| Server::open(Data::new(), &["--max-blob-size", "1MiB"]));
static PROXY: Shared<Proxy> = Shared::new(|| Proxy::start(&SERVER.get()));

const TRIES: usize = 20;
/// More than all buffers on the way take.
const LARGE_BYTES: usize = 27 << 20;
/// The largest manifest that ORAS sends is of 4 MiB.
const LARGE_MANIFEST_BYTES: usize = 4_000_000;
/// What clients say of an answer that they did not get.
const LOST: [&str; 6] = [
    "broken pipe",
    "connection reset",
    "eof",
    "bad gateway",
    "closed network connection",
    "timeout",
];

/// What pushes and pulls: the programs, what they push, and as whom.
struct Client {
    server: Arc<Server>,
    _proxy: Arc<Proxy>,
    sandbox: Sandbox,
    login: (String, String),
    /// `HOST:PORT` with the options of ORAS for it.
    places: Vec<(String, Vec<String>)>,
}

impl Client {
    /// The admin account.
    fn new() -> Self {
        let (server, proxy, sandbox) = (SERVER.get(), PROXY.get(), Sandbox::new());
        sandbox.write("large", Random::new(27).bytes(LARGE_BYTES));
        let mut manifest = manifest(&[]);
        manifest["annotations"] = json!({"long": "x".repeat(LARGE_MANIFEST_BYTES)});
        sandbox.write("manifest.json", manifest.to_string());
        write_layout(&sandbox, "layout", &Random::new(28).bytes(LARGE_BYTES));
        let plain = || vec!["--plain-http".to_owned()];
        let trusting = ["--plain-http=false", "--ca-file", server.ca_file()];
        Self {
            login: (server.username().to_owned(), server.password().to_owned()),
            places: vec![
                (server.http(), plain()),
                (proxy.http(), plain()),
                (server.https(), trusting.map(str::to_owned).to_vec()),
            ],
            server,
            _proxy: proxy,
            sandbox,
        }
    }

    /// A principal who may only pull.
    fn reader(name: &str) -> Self {
        let client = Self::new();
        let create = ["principal", "create", name, "--role", "AcrPull", "--output", "json"];
        let principal: Value = serde_json::from_str(&client.server.operate(&create)).expect("it is printed as JSON");
        let text = |key: &str| principal[key].as_str().expect("a principal has it").to_owned();
        let login = (text("appId"), text("password"));
        Self { login, ..client }
    }

    /// `oras WORDS HOST/NAME FILE`.
    fn oras(&self, (host, options): &(String, Vec<String>), words: &[&str], name: &str, file: &str) -> Tool<'_> {
        let (username, password) = &self.login;
        let oras = self.sandbox.tool("oras").args(words).args(options);
        let oras = oras
            .args(["--username", username, "--password-stdin"])
            .stdin(password.as_str());
        oras.args([&format!("{host}/{name}"), file])
    }

    /// `skopeo copy` of the layout with a large layer.
    fn skopeo(&self, host: &str, name: &str) -> Tool<'_> {
        let (username, password) = &self.login;
        let copy = ["copy", "--dest-tls-verify=false", "--dest-creds"];
        let (from, to) = (self.sandbox.path("layout"), format!("docker://{host}/{name}"));
        let skopeo = self.sandbox.tool("skopeo").args(copy);
        skopeo.args([&format!("{username}:{password}"), &format!("oci:{from}:1"), &to])
    }
}

fn manifest(layers: &[Value]) -> Value {
    let config = image::descriptor(image::CONFIG, b"{}");
    json!({"schemaVersion": 2, "mediaType": image::MANIFEST, "config": config, "layers": layers})
}

/// An image with one layer, tagged `1`.
fn write_layout(sandbox: &Sandbox, name: &str, layer: &[u8]) {
    let blob = |media_type: &str, content: &[u8]| {
        let descriptor = image::descriptor(media_type, content);
        let digest = descriptor["digest"].as_str().expect("a descriptor has a digest");
        sandbox.write(&format!("{name}/blobs/{}", digest.replace(':', "/")), content);
        descriptor
    };
    blob(image::CONFIG, b"{}");
    // Skopeo would pack a layer that is not packed, and takes the word of a manifest for it.
    let manifest = manifest(&[blob(image::LAYER, layer)]).to_string();
    let mut top = blob(image::MANIFEST, manifest.as_bytes());
    top["annotations"] = json!({"org.opencontainers.image.ref.name": "1"});
    let index = json!({"schemaVersion": 2, "mediaType": image::INDEX, "manifests": [top]});
    sandbox.write(&format!("{name}/index.json"), index.to_string());
    let version = json!({"imageLayoutVersion": "1.0.0"});
    sandbox.write(&format!("{name}/oci-layout"), version.to_string());
}

/// Expects every try to end with the registry's words.
fn refuses<'s>(words: &str, run: impl Fn() -> Tool<'s>) {
    for _ in 0..TRIES {
        says_only(&run().fail(), words);
    }
}

fn says_only(refused: &Output, words: &str) {
    refused.says(words);
    let told = refused.stderr.to_lowercase();
    for lost in LOST {
        assert!(!told.contains(lost), "{lost}: {refused}");
    }
}

#[test]
fn oras_is_told_that_a_blob_is_too_large() {
    let client = Client::new();
    for place in &client.places {
        let push = || client.oras(place, &["blob", "push"], "refusals/large", "large");
        refuses("the blob is larger than 1048576 bytes", push);
    }
}

#[test]
fn skopeo_is_told_that_a_blob_is_too_large() {
    let client = Client::new();
    for (host, _) in &client.places {
        let copy = || client.skopeo(host, "refusals/large/image:1");
        refuses("the blob is larger than 1048576 bytes", copy);
    }
}

#[test]
fn who_may_not_push_is_told_so() {
    let client = Client::reader("refused");
    for place in &client.places {
        let push = |words, file| client.oras(place, words, "refusals/right:1", file);
        refuses("unauthorized", || push(&["manifest", "push"], "manifest.json"));
        says_only(&push(&["push"], "large").fail(), "unauthorized");
        says_only(&client.skopeo(&place.0, "refusals/right:1").fail(), "unauthorized");
    }
}

#[test]
fn a_push_to_a_locked_repository_is_told_so() {
    let client = Client::new();
    let name = "refusals/locked:1";
    let mut connection = client.server.connect().expect("the server listens");
    let small = json!({"schemaVersion": 2, "mediaType": image::INDEX, "manifests": []}).to_string();
    let headers = [("Content-Type", image::INDEX)];
    let mut ask = |method: &str, path: &str, body: &[u8], status: u16| {
        let answer = connection.ask(method, path, &headers, body).expect("it answers");
        assert_eq!(answer.status, status, "{path}");
    };
    ask("PUT", "/v2/refusals/locked/manifests/0", small.as_bytes(), 201);
    ask("PATCH", "/acr/v1/refusals/locked", br#"{"writeEnabled":false}"#, 200);
    let locked = "repository refusals/locked is locked; unlock it first";
    for place in &client.places {
        let push = |words, file| client.oras(place, words, name, file);
        refuses(locked, || push(&["manifest", "push"], "manifest.json"));
        says_only(&push(&["push"], "large").fail(), locked);
        says_only(&client.skopeo(&place.0, name).fail(), locked);
    }
}

#[test]
fn a_push_to_a_full_disk_is_told_so() {
    const DISK_MIB: u32 = 24;
    let server = Server::open(Data::on_a_disk_of(DISK_MIB), &[]);
    let client = Client::new();
    let place = (server.http(), client.places[0].1.clone());
    let client = Client {
        login: (server.username().to_owned(), server.password().to_owned()),
        ..client
    };
    let push = || client.oras(&place, &["blob", "push"], "refusals/full", "large");
    refuses("the registry's storage is full; nothing was stored", push);
    // Skopeo reads no words that come with a status of the fives.
    refuses("507 Insufficient Storage", || {
        client.skopeo(&place.0, "refusals/full:1")
    });
}

#[test]
fn a_pull_of_what_is_gone_is_told_so() {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    write_layout(&sandbox, "layout", b"a small layer");
    let (login, layout) = (server.login(), sandbox.path("layout"));
    let reference = |name: &str| server.image(&format!("refusals/gone{name}"));
    let copy = ["copy", "--dest-tls-verify=false", "--dest-creds", &login];
    let to = format!("docker://{}", reference(":1"));
    sandbox
        .tool("skopeo")
        .args(copy)
        .args([&format!("oci:{layout}:1"), &to])
        .run();
    let inspect = ["inspect", "--raw", "--tls-verify=false", "--creds", &login, &to];
    let digest = image::digest(&sandbox.run("skopeo", inspect).stdout);
    // With it goes the last of the repository.
    sandbox.run("skopeo", ["delete", "--tls-verify=false", "--creds", &login, &to]);
    let gone = [reference(":1"), reference(&format!("@{digest}")), reference("/never:1")];
    for reference in &gone {
        let from = format!("docker://{reference}");
        let copy = [
            "copy",
            "--src-tls-verify=false",
            "--src-creds",
            &login,
            &from,
            "dir:out",
        ];
        says_only(&sandbox.tool("skopeo").args(copy).fail(), "manifest unknown");
        for words in [&["pull"][..], &["manifest", "fetch"]] {
            let oras = sandbox.tool("oras").args(words).args(["--plain-http", "--username"]);
            let oras = oras.args([server.username(), "--password-stdin", reference]);
            says_only(
                &oras.stdin(server.password()).fail(),
                &format!("{reference}: not found"),
            );
        }
    }
}
