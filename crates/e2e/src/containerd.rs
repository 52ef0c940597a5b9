//! A containerd of the tests' own, without the Kubernetes interface: `ctr` speaks to it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::project;
use crate::tool::{Sandbox, Tool};

const START: Duration = Duration::from_secs(60);

/// A running containerd.
#[derive(Debug)]
pub struct Containerd {
    _daemon: Daemon,
    folder: TempDir,
}

impl Containerd {
    /// Starts one with no images.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("hf-cd-")
            .tempdir()
            .expect("a temporary folder can be made");
        let path = folder.path().display();
        let settings = format!(
            "version = 2\nroot = \"{path}/root\"\nstate = \"{path}/state\"\n\
             disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = \"{path}/sock\"\n"
        );
        let file = folder.path().join("config.toml");
        fs::write(&file, settings).expect("a fresh folder is writable");
        let mut command = Command::new(project::program("containerd"));
        command
            .args(["--log-level", "warn", "--config"])
            .arg(&file)
            .env("PATH", project::search_path());
        let mut daemon = Daemon::start("containerd", command, &folder.path().join("log"));
        let sandbox = Sandbox::new();
        let socket = folder.path().join("sock").display().to_string();
        daemon.wait_until(START, |_| {
            let tool = sandbox.tool("ctr").args(["--address", &socket, "version"]);
            tool.finish().success().then_some(())
        });
        Self {
            _daemon: daemon,
            folder,
        }
    }

    /// The client `ctr`, pointed at this containerd.
    pub fn ctr<'s>(&self, sandbox: &'s Sandbox) -> Tool<'s> {
        sandbox
            .tool("ctr")
            .args(["--address".as_ref(), self.address().as_os_str()])
    }

    /// Its socket: what `CONTAINERD_ADDRESS` must say.
    #[must_use]
    pub fn address(&self) -> PathBuf {
        self.folder.path().join("sock")
    }
}
