//! A full disk: pushes are refused with 507 and leave nothing, pulls go on, and everything works again as soon as there
//! is room, without a restart.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use holdfast_e2e::http::Response;
use holdfast_e2e::{Connection, Data, Random, Server, image};
use serde_json::json;

const DISK_MIB: u32 = 32;
const LAYER_BYTES: usize = 3 << 20;

/// A client of a server whose disk is small.
struct Client {
    server: Server,
    connection: Connection,
    random: Random,
}

impl Client {
    fn new() -> Self {
        Self::on(Server::open(Data::on_a_disk_of(DISK_MIB), &[]))
    }

    fn on(server: Server) -> Self {
        let connection = server.connect().expect("the server listens");
        Self {
            server,
            connection,
            random: Random::new(3),
        }
    }

    fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> Response {
        let headers = [("Content-Type", image::MANIFEST)];
        // A server that refuses a body may close the connection.
        let answer = self.connection.ask(method, path, &headers, body).or_else(|_| {
            self.connection = self.server.connect()?;
            self.connection.ask(method, path, &headers, body)
        });
        let answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        if answer.header("connection") == Some("close") {
            self.connection = self.server.connect().expect("the server listens");
        }
        answer
    }

    fn push_blob(&mut self, content: &[u8]) -> u16 {
        let path = format!("/v2/full/app/blobs/uploads/?digest={}", image::digest(content));
        self.ask("POST", &path, content).status
    }

    /// Pushes an image with one layer of so many bytes; the status of what failed first, or 201.
    fn push(&mut self, tag: &str, layer_bytes: usize) -> (u16, Vec<u8>) {
        let layer = self.random.bytes(layer_bytes);
        let config = format!("{{\"nonce\":{}}}", self.random.number()).into_bytes();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": image::MANIFEST,
            "config": image::descriptor(image::CONFIG, &config),
            "layers": [image::descriptor(image::LAYER, &layer)],
        });
        let pushed = [self.push_blob(&layer), self.push_blob(&config)];
        if let Some(refused) = pushed.into_iter().find(|status| *status != 201) {
            return (refused, layer);
        }
        let path = format!("/v2/full/app/manifests/{tag}");
        (self.ask("PUT", &path, manifest.to_string().as_bytes()).status, layer)
    }

    #[track_caller]
    fn pulls(&mut self, tag: &str, layer: &[u8]) {
        let answer = self.ask("GET", &format!("/v2/full/app/manifests/{tag}"), b"");
        assert_eq!(answer.status, 200);
        let digest = answer.json()["layers"][0]["digest"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let answer = self.ask("GET", &format!("/v2/full/app/blobs/{digest}"), b"");
        assert!(answer.status == 200 && answer.body == layer, "{tag}: {}", answer.status);
    }

    fn tags(&mut self) -> Vec<String> {
        let answer = self.ask("GET", "/v2/full/app/tags/list", b"").json();
        let tags = answer["tags"].as_array().cloned().unwrap_or_default();
        tags.iter().filter_map(|tag| Some(tag.as_str()?.to_owned())).collect()
    }

    #[track_caller]
    fn is_sound(&self) {
        let check = self.server.data().check();
        assert_eq!((check.code, check.faults.len()), (Some(0), 0), "{}", check.told);
    }
}

#[test]
fn pushes_onto_a_full_disk_are_refused_and_a_collection_makes_room() {
    let mut client = Client::new();
    let (status, first) = client.push("first", LAYER_BYTES);
    assert_eq!(status, 201);
    let mut pushed = Vec::new();
    let refused = loop {
        let tag = format!("v{}", pushed.len());
        match client.push(&tag, LAYER_BYTES).0 {
            201 => pushed.push(tag),
            status => break status,
        }
        assert!(pushed.len() < DISK_MIB as usize, "the disk never gets full");
    };
    assert_eq!(refused, 507);
    assert!(pushed.len() > 3, "the disk was full at once: {pushed:?}");
    // What could not be stored holds no room: smaller things still fit, and another try fails the same way.
    assert_eq!(client.push("again", LAYER_BYTES).0, 507);
    assert_eq!(client.push("small", 1000).0, 201);
    client.pulls("first", &first);
    client.is_sound();

    for tag in &pushed {
        let answer = client.ask("HEAD", &format!("/v2/full/app/manifests/{tag}"), b"");
        let digest = answer
            .header("docker-content-digest")
            .expect("a manifest has a digest")
            .to_owned();
        let answer = client.ask("DELETE", &format!("/v2/full/app/manifests/{digest}"), b"");
        assert_eq!(answer.status, 202, "{tag}");
    }
    client.server.operate(&["gc", "--grace", "0s"]);
    let (status, again) = client.push("again", LAYER_BYTES);
    assert_eq!(status, 201, "a collection made no room");
    client.pulls("again", &again);
    client.pulls("first", &first);
    client.is_sound();
}

/// Takes all room that is left on the disk, to the last block.
fn fill(client: &Client) -> PathBuf {
    let path = client.server.data().path().join("lost+found");
    let mut file = File::create(&path).expect("there is room for a file");
    for step in [1 << 20, 4096, 1] {
        let bytes = vec![0; step];
        while file.write_all(&bytes).is_ok() {}
    }
    path
}

#[test]
fn a_disk_without_a_byte_left_harms_nothing() {
    let mut client = Client::new();
    let (status, first) = client.push("first", LAYER_BYTES);
    assert_eq!(status, 201);
    let filler = fill(&client);
    let mut refused = 0;
    for round in 0..40 {
        // The database may have a little room of its own left: for layers that are rows.
        let layer_bytes = if round % 2 == 0 { 2000 } else { 20_000 };
        let (status, _) = client.push(&format!("full{round}"), layer_bytes);
        assert!([201, 507].contains(&status), "round {round}: {status}");
        refused += usize::from(status == 507);
        client.pulls("first", &first);
    }
    assert!(refused > 0, "the disk was not full");
    let tags = client.tags();
    for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/readyz?for=write", 503)] {
        assert_eq!(client.ask("GET", path, b"").status, status, "{path}");
    }
    // A start needs no room either.
    let Client { server, .. } = client;
    let mut client = Client::on(Server::open(server.kill(), &[]));
    client.pulls("first", &first);
    assert_eq!(client.ask("GET", "/readyz", b"").status, 200);

    std::fs::remove_file(filler).expect("it can be removed");
    let (status, later) = client.push("later", LAYER_BYTES);
    assert_eq!(status, 201, "room was made, but the push was refused");
    client.pulls("later", &later);
    client.pulls("first", &first);
    assert_eq!(client.tags().len(), tags.len() + 1);
    client.is_sound();
    let Client { server, .. } = client;
    let server = Server::open(server.kill(), &[]);
    let check = server.data().check();
    assert_eq!(check.code, Some(0), "{}", check.told);
}

/// Room that a collection may need for its own notes.
const NOTES_BYTES: u64 = 1 << 20;

#[test]
fn a_collection_needs_a_little_room_of_its_own() {
    let mut client = Client::new();
    let (status, first) = client.push("first", LAYER_BYTES);
    assert_eq!(status, 201);
    let garbage = client.random.bytes(LAYER_BYTES);
    assert_eq!(client.push_blob(&garbage), 201);
    let filler = fill(&client);
    let (status, _, told) = client.server.data().try_operate(&["gc", "--grace", "0s"]);
    assert!(status.success() || told.contains("full"), "{told}");
    client.pulls("first", &first);

    let file = File::options().write(true).open(filler).expect("it is there");
    let length = file.metadata().expect("it has a length").len();
    file.set_len(length - NOTES_BYTES).expect("it can be cut");
    client.server.operate(&["gc", "--grace", "0s"]);
    let (status, later) = client.push("later", LAYER_BYTES - (LAYER_BYTES >> 2));
    assert_eq!(status, 201, "a collection made no room");
    client.pulls("later", &later);
    client.pulls("first", &first);
    client.is_sound();
}
