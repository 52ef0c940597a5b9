//! BuildKit: what it built is found again in the registry by a BuildKit that has forgotten it.

use holdfast_e2e::{Buildkit, Output, Sandbox, Server, image};

/// A server and a builder that nobody else empties.
struct Builder {
    buildkit: Buildkit,
    server: Server,
    sandbox: Sandbox,
}

impl Builder {
    fn logged_in() -> Self {
        let (server, sandbox) = (Server::start(), Sandbox::new());
        // Crane writes the file that buildctl reads.
        server.sign_in_crane(&sandbox);
        image::root_file_system(&sandbox, "context", "hello");
        // No two runs of the second step make the same file.
        let recipe = "FROM scratch\nCOPY bin /bin\nRUN [\"/bin/sh\", \"-c\", \"/bin/cat /proc/sys/kernel/random/uuid > /made\"]\n\
             RUN [\"/bin/sh\", \"-c\", \"/bin/cat /made /made > /twice\"]\nCOPY greeting /greeting\n";
        sandbox.write("context/Dockerfile", recipe);
        Self {
            buildkit: Buildkit::start(),
            server,
            sandbox,
        }
    }

    /// A build, with what it says step by step.
    fn build(&self, options: &[&str]) -> Output {
        let context = self.sandbox.path("context");
        let [context, dockerfile] = ["context", "dockerfile"].map(|name| format!("--local={name}={context}"));
        let build = [
            "build",
            "--frontend=dockerfile.v0",
            "--progress=plain",
            &context,
            &dockerfile,
        ];
        self.buildkit.buildctl(&self.sandbox).args(build).args(options).run()
    }

    /// What the build makes that no other build makes.
    fn made(&self, folder: &str, options: &[&str]) -> (String, Output) {
        let output = format!("--output=type=local,dest={}", self.sandbox.path(folder));
        let told = self.build(&[options, &[&output]].concat());
        let made = String::from_utf8_lossy(&self.sandbox.read(&format!("{folder}/made"))).into_owned();
        let twice = self.sandbox.read(&format!("{folder}/twice"));
        assert_eq!(twice, format!("{made}{made}").as_bytes());
        (made, told)
    }

    fn reference(&self, tag: &str) -> String {
        format!("type=registry,ref={},registry.insecure=true", self.server.image(tag))
    }

    /// Forgets all that it built here.
    fn forget(&self) {
        self.buildkit.buildctl(&self.sandbox).args(["prune", "--all"]).run();
    }

    fn media_type(&self, tag: &str) -> String {
        let manifest = self.sandbox.run("crane", ["manifest", &self.server.image(tag)]).json();
        manifest["mediaType"]
            .as_str()
            .expect("a manifest says its type")
            .to_owned()
    }
}

const STEPS: usize = 4;

/// Expects that no step ran. The last one may be shown as what it downloads instead.
#[track_caller]
fn assert_cached(told: &Output) {
    let cached = told.stderr.lines().filter(|line| line.ends_with(" CACHED")).count();
    assert!((STEPS - 1..=STEPS).contains(&cached), "{told}");
}

/// The forms of a cache: an index that lists blobs, in OCI's words and in Docker's, and an image.
const FORMS: [(&str, &str, &str); 3] = [
    ("index", "image-manifest=false,oci-mediatypes=true", image::INDEX),
    (
        "list",
        "image-manifest=false,oci-mediatypes=false",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    ),
    ("image", "image-manifest=true,oci-mediatypes=true", image::MANIFEST),
];

#[test]
fn a_cache_in_the_registry_is_used_by_a_builder_that_has_forgotten_it() {
    let builder = Builder::logged_in();
    let mut made_before = Vec::new();
    for (form, options, media_type) in FORMS {
        let tag = format!("buildkit/cache:{form}");
        let reference = builder.reference(&tag);
        let export = format!("--export-cache={reference},mode=max,{options}");
        let (made, told) = builder.made(&format!("{form}-first"), &[&export]);
        assert!(!told.stderr.contains("CACHED"), "{told}");
        assert!(!made_before.contains(&made), "{form} was built from what was forgotten");
        assert_eq!(builder.media_type(&tag), media_type);
        builder.forget();
        builder.server.operate(&["gc", "--grace", "0s"]);
        let import = format!("--import-cache={reference}");
        let (again, told) = builder.made(&format!("{form}-again"), &[&import]);
        assert_cached(&told);
        assert_eq!(again, made, "{told}");
        builder.forget();
        made_before.push(made);
    }
}

#[test]
fn a_cache_inside_an_image_is_used_and_the_image_runs_on() {
    let builder = Builder::logged_in();
    let name = builder.server.image("buildkit/app:1");
    let output = format!("--output=type=image,name={name},push=true,registry.insecure=true");
    builder.build(&["--export-cache=type=inline", &output]);
    let digest = builder.sandbox.run("crane", ["digest", &name]).text();
    builder.forget();
    builder.server.operate(&["gc", "--grace", "0s"]);
    let import = format!("--import-cache={}", builder.reference("buildkit/app:1"));
    let told = builder.build(&[&import, "--export-cache=type=inline", &output]);
    assert_cached(&told);
    assert_eq!(builder.sandbox.run("crane", ["digest", &name]).text(), digest);
}
