//! A BuildKit of the tests' own: its daemon with the built-in OCI worker, which runs build steps with Debian's runc on the
//! machine's network, and `buildctl` that speaks to it. Its cache on disk can be emptied between builds.

use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::project;
use crate::tool::{Sandbox, Tool};

const START: Duration = Duration::from_secs(60);

/// A running BuildKit.
#[derive(Debug)]
pub struct Buildkit {
    _daemon: Daemon,
    folder: TempDir,
}

impl Buildkit {
    /// Starts one that has built nothing yet; needs root.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn start() -> Self {
        // The name is short because a socket's path may have no more than 107 bytes.
        let folder = tempfile::Builder::new()
            .prefix("hf-bk-")
            .tempdir()
            .expect("a temporary folder can be made");
        let mut command = Command::new(project::program("buildkitd"));
        command
            .args(["--containerd-worker=false", "--oci-worker=true"])
            // Copies, where overlays cannot be mounted on top of each other.
            .args(["--oci-worker-snapshotter=native", "--oci-worker-net=host"])
            .arg("--root")
            .arg(folder.path().join("root"))
            .arg("--addr")
            .arg(address(&folder))
            .env("PATH", project::search_path());
        let mut daemon = Daemon::start("buildkitd", command, &folder.path().join("log"));
        let sandbox = Sandbox::new();
        daemon.wait_until(START, |_| {
            let workers = client(&sandbox, &folder).args(["debug", "workers"]);
            workers.finish().success().then_some(())
        });
        Self {
            _daemon: daemon,
            folder,
        }
    }

    /// `buildctl`, pointed at this daemon.
    pub fn buildctl<'s>(&self, sandbox: &'s Sandbox) -> Tool<'s> {
        client(sandbox, &self.folder)
    }
}

fn address(folder: &TempDir) -> String {
    format!("unix://{}", folder.path().join("sock").display())
}

fn client<'s>(sandbox: &'s Sandbox, folder: &TempDir) -> Tool<'s> {
    sandbox.tool("buildctl").args(["--addr", &address(folder)])
}
