//! A Docker engine of the tests' own: its own data, socket and containerd, no bridge and no firewall rules, so that it
//! disturbs no engine of the machine. Registries on loopback count as insecure for Docker, so it needs no setting up.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::project;
use crate::tool::{Sandbox, Tool};

const START: Duration = Duration::from_secs(60);

/// A running Docker engine.
#[derive(Debug)]
pub struct Dockerd {
    _daemon: Daemon,
    folder: TempDir,
}

impl Dockerd {
    /// Starts one with no images.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn start() -> Self {
        Self::launch(None)
    }

    /// The same, for which names mean what the file `hosts` says, in the format of `/etc/hosts`; needs root.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn start_with_hosts(hosts: &str) -> Self {
        Self::launch(Some(hosts))
    }

    fn launch(hosts: Option<&str>) -> Self {
        // The name is short because a socket's path may have no more than 107 bytes.
        let folder = tempfile::Builder::new()
            .prefix("hf-dk-")
            .tempdir()
            .expect("a temporary folder can be made");
        let at = |name: &str| folder.path().join(name);
        let mut command = engine(hosts);
        command
            .args([
                "--bridge=none",
                "--iptables=false",
                "--ip6tables=false",
                "--log-level=warn",
            ])
            .arg("--host")
            .arg(format!("unix://{}", at("sock").display()))
            .arg("--data-root")
            .arg(at("data"))
            .arg("--exec-root")
            .arg(at("exec"))
            .arg("--pidfile")
            .arg(at("pid"))
            .env("PATH", project::search_path());
        let mut daemon = Daemon::start("dockerd", command, &at("log"));
        let sandbox = Sandbox::new();
        let host = host(&folder.path().join("sock"));
        daemon.wait_until(START, |_| {
            client(&sandbox, &host)
                .args(["version"])
                .finish()
                .success()
                .then_some(())
        });
        Self {
            _daemon: daemon,
            folder,
        }
    }

    /// Debian's Docker client, pointed at this engine, with the classic builder and the commands for manifest lists.
    pub fn docker<'s>(&self, sandbox: &'s Sandbox) -> Tool<'s> {
        client(sandbox, &self.host())
    }

    /// What `DOCKER_HOST` must say for this engine.
    #[must_use]
    pub fn host(&self) -> String {
        host(&self.folder.path().join("sock"))
    }
}

/// In a mount namespace of its own where it has its own names: nobody else's `/etc/hosts` changes.
fn engine(hosts: Option<&str>) -> Command {
    let dockerd = project::program("dockerd");
    let Some(hosts) = hosts else {
        return Command::new(dockerd);
    };
    let mut command = Command::new(project::program("unshare"));
    let script = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
    command.args(["--mount", "sh", "-c", script, hosts]).arg(dockerd);
    command
}

fn host(socket: &Path) -> String {
    format!("unix://{}", socket.display())
}

fn client<'s>(sandbox: &'s Sandbox, host: &str) -> Tool<'s> {
    sandbox
        .tool("docker")
        .env("DOCKER_HOST", host)
        .env("DOCKER_BUILDKIT", "0")
        .env("DOCKER_CLI_EXPERIMENTAL", "enabled")
}
