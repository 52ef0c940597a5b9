//! ORAS: artifacts, and what is attached to them.

use std::sync::Arc;

use holdfast_e2e::{Output, Sandbox, Server, Shared, image};
use serde_json::{Value, json};

static SERVER: Shared<Server> = Shared::new(Server::start);

const DATA: &str = "application/vnd.acme.data";
const SBOM: &str = "application/vnd.acme.sbom";

struct Oras {
    server: Arc<Server>,
    sandbox: Sandbox,
}

impl Oras {
    fn logged_in() -> Self {
        let oras = Self {
            server: SERVER.get(),
            sandbox: Sandbox::new(),
        };
        let login = [
            "login",
            "--plain-http",
            "--username",
            oras.server.username(),
            "--password-stdin",
        ];
        let login = oras.sandbox.tool("oras").args(login).args([oras.server.http()]);
        login.stdin(oras.server.password()).run().says("Login Succeeded");
        oras.sandbox.write("data.txt", "some data");
        oras.sandbox.write("sbom.json", r#"{"packages":[]}"#);
        oras
    }

    /// Runs `oras WORDS --plain-http ARGS`; a command may have one word or two.
    fn run(&self, command: &[&str], args: &[&str]) -> Output {
        self.sandbox
            .tool("oras")
            .args(command)
            .args(["--plain-http"])
            .args(args)
            .run()
    }

    /// Pushes `data.txt` as an artifact and gives its digest.
    fn push(&self, reference: &str) -> String {
        let pushed = self.run(
            &["push"],
            &[
                "--format=json",
                "--artifact-type",
                DATA,
                reference,
                "data.txt:text/plain",
            ],
        );
        pushed.json()["digest"]
            .as_str()
            .expect("a push prints the digest")
            .to_owned()
    }

    /// Attaches `sbom.json` to `reference` and gives its digest.
    fn attach(&self, reference: &str) -> String {
        let options = [
            "--format=json",
            "--artifact-type",
            SBOM,
            "--annotation",
            "team=blue",
            reference,
        ];
        let attached = self.run(&["attach"], &[&options[..], &["sbom.json:application/json"]].concat());
        attached.json()["digest"]
            .as_str()
            .expect("an attachment prints the digest")
            .to_owned()
    }

    /// The referrers of `reference` as the registry's own interface lists them, never the fallback tag.
    fn referrers(&self, reference: &str, options: &[&str]) -> Vec<Value> {
        let format = ["--distribution-spec=v1.1-referrers-api", "--format=json", reference];
        let found = self.run(&["discover"], &[options, &format[..]].concat()).json();
        found["referrers"].as_array().cloned().unwrap_or_default()
    }
}

#[test]
fn login_with_a_wrong_password_is_refused() {
    let (server, sandbox) = (SERVER.get(), Sandbox::new());
    let login = [
        "login",
        "--plain-http",
        "--username",
        server.username(),
        "--password-stdin",
        &server.http(),
    ];
    sandbox
        .tool("oras")
        .args(login)
        .stdin("wrong")
        .fail()
        .says("unauthorized");
}

#[test]
fn an_artifact_is_pushed_and_pulled() {
    let oras = Oras::logged_in();
    let reference = oras.server.image("oras/artifact:1");
    let digest = oras.push(&reference);
    assert_eq!(oras.run(&["resolve"], &[&reference]).text(), digest);
    oras.run(&["pull"], &["--output", "out", &reference]);
    assert_eq!(oras.sandbox.read("out/data.txt"), b"some data");
    let manifest = oras.run(&["manifest", "fetch"], &[&reference]).json();
    assert_eq!(manifest["artifactType"], DATA);
}

#[test]
fn attachments_are_discovered_by_type() {
    let oras = Oras::logged_in();
    let reference = oras.server.image("oras/attached:1");
    oras.push(&reference);
    assert_eq!(oras.referrers(&reference, &[]), Vec::<Value>::new());
    let digest = oras.attach(&reference);
    let [found] = oras
        .referrers(&reference, &["--artifact-type", SBOM])
        .try_into()
        .expect("one referrer");
    assert_eq!([&found["digest"], &found["artifactType"]], [digest.as_str(), SBOM]);
    assert_eq!(found["annotations"]["team"], "blue");
    assert_eq!(
        oras.referrers(&reference, &["--artifact-type", DATA]),
        Vec::<Value>::new()
    );
    // The registry has the referrers interface, so no fallback tag is made.
    assert_eq!(
        oras.run(&["repo", "tags"], &[&oras.server.image("oras/attached")])
            .lines(),
        ["1"]
    );
}

#[test]
fn a_recursive_copy_takes_the_attachments_along() {
    let oras = Oras::logged_in();
    let [from, to] = ["oras/from:1", "oras/copies/to:1"].map(|name| oras.server.image(name));
    oras.push(&from);
    let digest = oras.attach(&from);
    let plain = ["cp", "--from-plain-http", "--to-plain-http", "--recursive", &from, &to];
    oras.sandbox.run("oras", plain).says("Mounted");
    let [found] = oras.referrers(&to, &[]).try_into().expect("one referrer");
    assert_eq!(found["digest"], digest);
}

#[test]
fn an_index_of_blobs_is_copied_with_its_blobs() {
    let oras = Oras::logged_in();
    let [from, to] = ["oras/cache:1", "oras/copies/of/cache:1"].map(|name| oras.server.image(name));
    let digest = image::push_cache(&oras.server, "oras/cache", "1");
    let plain = ["cp", "--from-plain-http", "--to-plain-http", &from, &to];
    oras.sandbox.run("oras", plain);
    image::assert_cache(&oras.server, "oras/copies/of/cache", "1", &digest);
}

#[test]
fn tags_are_added_listed_and_deleted_with_their_manifest() {
    let oras = Oras::logged_in();
    let repository = oras.server.image("oras/tags");
    let reference = format!("{repository}:one");
    let digest = oras.push(&reference);
    oras.run(&["tag"], &[&reference, "two", "three"]);
    let tags = |options: &[&str]| oras.run(&["repo", "tags"], &[options, &[&repository]].concat()).lines();
    assert_eq!(tags(&[]), ["one", "three", "two"]);
    assert_eq!(tags(&["--last", "one"]), ["three", "two"]);
    let repositories = oras.run(&["repo", "ls"], &[&oras.server.http()]).lines();
    assert!(repositories.contains(&"oras/tags".to_owned()), "{repositories:?}");

    oras.run(&["manifest", "delete"], &["--force", &format!("{repository}@{digest}")]);
    let gone = oras
        .sandbox
        .tool("oras")
        .args(["resolve", "--plain-http", &reference])
        .fail();
    gone.says("not found");
}

#[test]
fn a_blob_is_pushed_fetched_and_deleted() {
    let oras = Oras::logged_in();
    let repository = oras.server.image("oras/blob");
    let pushed = oras
        .run(&["blob", "push"], &["--descriptor", &repository, "data.txt"])
        .json();
    let digest = pushed["digest"].as_str().expect("a descriptor has a digest");
    let reference = format!("{repository}@{digest}");
    oras.run(&["blob", "fetch"], &["--output", "got.txt", &reference]);
    assert_eq!(oras.sandbox.read("got.txt"), b"some data");
    oras.run(&["blob", "delete"], &["--force", &reference]);
    oras.sandbox
        .tool("oras")
        .args(["blob", "fetch", "--plain-http", "--output", "no", &reference])
        .fail();
}

#[test]
fn an_index_of_artifacts_is_made() {
    let oras = Oras::logged_in();
    let repository = oras.server.image("oras/index");
    let digest = oras.push(&format!("{repository}:part"));
    oras.run(
        &["manifest", "index", "create"],
        &[&format!("{repository}:all"), "part"],
    );
    let index = oras.run(&["manifest", "fetch"], &[&format!("{repository}:all")]).json();
    assert_eq!(index["mediaType"], "application/vnd.oci.image.index.v1+json");
    assert_eq!(index["manifests"][0]["digest"], json!(digest));
}

#[test]
fn push_and_pull_work_over_tls_with_the_local_authority() {
    let oras = Oras::logged_in();
    let reference = format!("{}/oras/tls:1", oras.server.https());
    // Said aloud, because the program takes `localhost` for plain HTTP.
    let trust = [
        "--plain-http=false",
        "--ca-file",
        oras.server.ca_file(),
        "--username",
        oras.server.username(),
    ];
    let run = |command: &[&str]| {
        let tool = oras
            .sandbox
            .tool("oras")
            .args(command)
            .args(trust)
            .args(["--password-stdin"]);
        tool.stdin(oras.server.password()).run()
    };
    run(&["push", &reference, "data.txt:text/plain"]);
    run(&["pull", "--output", "out", &reference]);
    assert_eq!(oras.sandbox.read("out/data.txt"), b"some data");
}
