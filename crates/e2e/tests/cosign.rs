//! Cosign 2: signatures and attestations with a local key, kept beside the image by tag or as referrers.

use std::sync::Arc;

use holdfast_e2e::{Output, Sandbox, Server, Shared, Tool, image};

static SERVER: Shared<Server> = Shared::new(Server::start);

/// An image in the registry and a key pair to sign it with.
struct Signing {
    server: Arc<Server>,
    sandbox: Sandbox,
    /// The image by digest.
    image: String,
}

impl Signing {
    fn of(name: &str) -> Self {
        let (server, sandbox) = (SERVER.get(), Sandbox::new());
        let login = [
            "login",
            &server.http(),
            "--username",
            server.username(),
            "--password",
            server.password(),
        ];
        sandbox.run("cosign", login);
        let (layout, digest) = image::layout(&sandbox, "image", "1", &[("amd64", name)]);
        let repository = server.image(name);
        let copy = ["copy", "--dest-tls-verify=false", "--dest-creds", &server.login()];
        sandbox
            .tool("skopeo")
            .args(copy)
            .args([format!("oci:{layout}:1"), format!("docker://{repository}:1")])
            .run();
        let signing = Self {
            image: format!("{repository}@{digest}"),
            server,
            sandbox,
        };
        signing.cosign(&["generate-key-pair"]).run();
        signing
    }

    fn cosign(&self, args: &[&str]) -> Tool<'_> {
        self.sandbox.tool("cosign").env("COSIGN_PASSWORD", "secret").args(args)
    }

    /// Runs a command that speaks to the registry, on the image.
    fn on_image(&self, args: &[&str]) -> Tool<'_> {
        let plain = [
            "--allow-http-registry",
            "--allow-insecure-registry",
            self.image.as_str(),
        ];
        self.cosign(args).args(plain)
    }

    fn sign(&self, options: &[&str]) -> Output {
        let tool = self
            .on_image(&["sign", "--yes", "--tlog-upload=false", "--key=cosign.key"])
            .args(options);
        tool.env("COSIGN_EXPERIMENTAL", "1").run()
    }

    fn verify(&self, options: &[&str]) -> Tool<'_> {
        self.on_image(&["verify", "--insecure-ignore-tlog", "--key=cosign.pub"])
            .args(options)
    }

    fn tags(&self) -> Vec<String> {
        let (repository, _) = self.image.split_once('@').expect("the image is named by digest");
        let login = self.server.login();
        let list = [
            "list-tags",
            "--tls-verify=false",
            "--creds",
            &login,
            &format!("docker://{repository}"),
        ];
        let tags = self.sandbox.run("skopeo", list).json()["Tags"].clone();
        serde_json::from_value(tags).expect("tags are strings")
    }

    /// What oras finds attached to the image.
    fn referrers(&self) -> usize {
        let sign_in = [
            "--username",
            self.server.username(),
            "--password",
            self.server.password(),
        ];
        let shown = ["discover", "--plain-http", "--format=json", self.image.as_str()];
        let found = self.sandbox.tool("oras").args(shown).args(sign_in).run().json();
        found["referrers"].as_array().map_or(0, Vec::len)
    }

    /// The tag under which cosign keeps something of the image: `sha256-HEX.SUFFIX`.
    fn tag(&self, suffix: &str) -> String {
        let (_, digest) = self.image.split_once('@').expect("the image is named by digest");
        format!("{}.{suffix}", digest.replace(':', "-"))
    }
}

#[test]
fn a_signed_image_verifies_and_an_unsigned_one_does_not() {
    let signing = Signing::of("cosign/tagged");
    signing.verify(&[]).fail().says("no signatures found");
    signing.sign(&[]);
    let verified = signing.verify(&[]).run().json();
    let (_, digest) = signing.image.split_once('@').expect("the image is named by digest");
    assert_eq!(verified[0]["critical"]["image"]["docker-manifest-digest"], digest);
    assert_eq!(signing.tags(), ["1", &signing.tag("sig")]);
    assert_eq!(signing.referrers(), 0, "docs/clients.md says so");
}

#[test]
fn a_signature_by_another_key_does_not_verify() {
    let signing = Signing::of("cosign/other-key");
    signing.sign(&[]);
    signing
        .cosign(&["generate-key-pair", "--output-key-prefix=other"])
        .run();
    let verify = ["verify", "--insecure-ignore-tlog", "--key=other.pub"];
    signing.on_image(&verify).fail().says("invalid signature");
}

#[test]
fn a_signature_kept_as_a_referrer_verifies_and_leaves_no_tag() {
    let signing = Signing::of("cosign/referrer");
    signing.sign(&["--registry-referrers-mode=oci-1-1"]);
    assert_eq!(signing.tags(), ["1"]);
    assert_eq!(signing.referrers(), 1);
    signing
        .verify(&["--experimental-oci11"])
        .run()
        .says(&signing.image[signing.image.len() - 64..]);
}

#[test]
fn an_attestation_verifies() {
    let signing = Signing::of("cosign/attested");
    signing.sandbox.write("predicate.json", r#"{"built":"by hand"}"#);
    let attest = [
        "attest",
        "--yes",
        "--tlog-upload=false",
        "--key=cosign.key",
        "--predicate=predicate.json",
    ];
    signing.on_image(&attest).args(["--type=custom"]).run();
    let verify = [
        "verify-attestation",
        "--insecure-ignore-tlog",
        "--key=cosign.pub",
        "--type=custom",
    ];
    let envelope = signing.on_image(&verify).run().json();
    assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
    assert_eq!(signing.tags(), ["1", &signing.tag("att")]);
    assert_eq!(signing.referrers(), 0, "docs/clients.md says so");
}
