//! The project's folder as somebody has it who built Holdfast and installs it: what deploy/ and tools/ have, the program
//! under test as `target/release/holdfast`, and the image made of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use holdfast_e2e::{Output, Sandbox, Shared, project};
use serde_json::Value;

static IMAGE: Shared<Image> = Shared::new(Image::make);

/// How long the program may take to be stripped and packed, on a machine that does other things too.
pub(crate) const MAKING: Duration = Duration::from_secs(400);
/// How long something that was started may take to answer.
const READY: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

/// A sandbox whose folder is such a checkout.
pub(crate) fn checkout() -> Sandbox {
    let sandbox = Sandbox::new();
    let work = sandbox.work();
    fs::create_dir_all(work.join("target/release")).expect("the sandbox is writable");
    for name in ["deploy", "tools"] {
        let there = fs::canonicalize(project::root().join(name)).expect("the project has it");
        symlink(there, work.join(name)).expect("the sandbox takes links");
    }
    symlink(binary(), work.join("target/release/holdfast")).expect("the sandbox takes links");
    sandbox
}

/// The program under test.
pub(crate) fn binary() -> PathBuf {
    fs::canonicalize(project::holdfast()).expect("the binary is there")
}

/// The program's version, which its image has as a tag.
pub(crate) fn version() -> String {
    let output = Command::new(project::holdfast()).arg("--version").output();
    let told = String::from_utf8(output.expect("holdfast starts").stdout).expect("it tells text");
    told.trim()
        .rsplit(' ')
        .next()
        .expect("a line has a last word")
        .to_owned()
}

/// The image, made once for all tests that run at the same time.
pub(crate) struct Image {
    pub(crate) sandbox: Sandbox,
    /// The digest of its manifest.
    pub(crate) digest: String,
}

impl Image {
    pub(crate) fn get() -> Arc<Self> {
        IMAGE.get()
    }

    fn make() -> Self {
        let sandbox = checkout();
        let told = sandbox.tool("bash").args(["-c", "tools/image"]).within(MAKING).run();
        Self {
            digest: digest(&told),
            sandbox,
        }
    }

    /// Its OCI layout, as skopeo and others are told.
    pub(crate) fn layout(&self) -> String {
        self.sandbox.path("target/image/oci")
    }

    /// A blob of the layout.
    pub(crate) fn blob(&self, digest: &str) -> PathBuf {
        PathBuf::from(self.layout())
            .join("blobs")
            .join(digest.replace(':', "/"))
    }

    /// A blob of the layout that is JSON.
    pub(crate) fn json(&self, digest: &str) -> Value {
        let content = fs::read(self.blob(digest)).expect("the layout has it");
        serde_json::from_slice(&content).expect("it is JSON")
    }
}

/// The digest in what `tools/image` tells: `holdfast:0.1.0 sha256:…`.
pub(crate) fn digest(told: &Output) -> String {
    let text = told.text();
    let digest = text.split_whitespace().find(|word| word.starts_with("sha256:"));
    digest.unwrap_or_else(|| panic!("no digest: {told}")).to_owned()
}

/// Whether the registry at `host` says over HTTPS that it is ready, before long.
pub(crate) fn becomes_ready(sandbox: &Sandbox, host: &str) -> bool {
    let url = format!("https://{host}/readyz");
    comes_true(|| {
        let asked = sandbox.tool("curl").args(["--silent", "--insecure", &url]);
        asked.finish().text() == "ready"
    })
}

/// Asks until the answer is yes; whether it ever was.
#[must_use]
pub(crate) fn comes_true(mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + READY;
    while !is_so() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(POLL);
    }
    true
}
