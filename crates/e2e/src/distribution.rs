//! A registry of another make: the CNCF distribution registry, over plain HTTP on this machine, with a user or without.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::daemon::Daemon;
use crate::{Sandbox, project};

const START: Duration = Duration::from_secs(30);
/// `puller` with the password `secret`.
const USERS: &str = "puller:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

/// A running registry.
#[derive(Debug)]
pub struct Distribution {
    _daemon: Daemon,
    address: SocketAddr,
}

impl Distribution {
    /// Starts one for everybody, or for `puller` with the password `secret` alone.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(sandbox: &Sandbox, name: &str, is_open: bool) -> Self {
        let address = free_address();
        let mut configuration = json!({
            "version": 0.1,
            "log": {"level": "error"},
            "storage": {"filesystem": {"rootdirectory": sandbox.path(&format!("{name}/data"))}},
            "http": {"addr": address.to_string(), "secret": "only for this run"},
        });
        if !is_open {
            let path = sandbox.write(&format!("{name}/users"), USERS);
            configuration["auth"] = json!({"htpasswd": {"realm": "other", "path": path}});
        }
        // JSON is YAML.
        let path = sandbox.write(&format!("{name}/config.yml"), configuration.to_string());
        let mut command = Command::new(project::program("registry"));
        command.arg("serve").arg(path).env("OTEL_TRACES_EXPORTER", "none");
        let log = sandbox.path(&format!("{name}/log"));
        let mut daemon = Daemon::start("distribution", command, log.as_ref());
        daemon.wait_until(START, |_| TcpStream::connect(address).ok());
        Self {
            _daemon: daemon,
            address,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// An address of this machine that nobody listens on at the moment.
///
/// # Panics
/// When the system gives none.
#[must_use]
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the system gives a port");
    listener.local_addr().expect("a listener has an address")
}
