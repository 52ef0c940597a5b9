//! The `holdfast` binary at work on a data folder and ports of its own, and what its first start made: the credentials
//! of the default registry and the local certificate authority.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::project;

/// A first start makes keys and certificates, in a debug build too.
const START: Duration = Duration::from_secs(60);

/// A running registry.
#[derive(Debug)]
pub struct Server {
    // Before the folder: fields drop in this order, and the server must end before its data goes.
    daemon: Daemon,
    data: TempDir,
    http: u16,
    https: u16,
    username: String,
    password: String,
    ca: String,
}

impl Server {
    /// Starts one on an empty data folder, as a new user would.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn start() -> Self {
        Self::open(
            tempfile::Builder::new()
                .prefix("hf-data-")
                .tempdir()
                .expect("a temporary folder can be made"),
        )
    }

    /// Stops it with SIGTERM, as a service manager does, and starts it again on the same data, on new ports.
    ///
    /// # Panics
    /// When it does not end well, or does not become ready again.
    #[must_use]
    pub fn restart(self) -> Self {
        let Self { mut daemon, data, .. } = self;
        let status = daemon.stop();
        assert!(
            status.is_some_and(|status| status.success()),
            "it ended with {status:?}:\n{}",
            daemon.log()
        );
        Self::open(data)
    }

    fn open(data: TempDir) -> Self {
        let mut command = Command::new(project::holdfast());
        command
            .args(["serve", "--http", "127.0.0.1:0", "--https", "127.0.0.1:0", "--data-dir"])
            .arg(data.path());
        let mut daemon = Daemon::start("holdfast serve", command, &data.path().join("e2e.log"));
        let port = |scheme: &str| {
            let prefix = format!("listening on {scheme}://127.0.0.1:");
            move |daemon: &Daemon| {
                let log = daemon.log();
                log.lines()
                    .find_map(|line| line.trim().strip_prefix(&prefix)?.parse::<u16>().ok())
            }
        };
        let http = daemon.wait_until(START, port("http"));
        let https = daemon.wait_until(START, port("https"));
        let credentials = operate(data.path(), &["credentials", "--output", "json"]);
        let credentials: Value = serde_json::from_str(&credentials).expect("credentials are printed as JSON");
        let text = |pointer: &str| {
            let value = credentials.pointer(pointer).and_then(Value::as_str);
            value
                .unwrap_or_else(|| panic!("the credentials have no {pointer}"))
                .to_owned()
        };
        let (username, password) = (text("/username"), text("/passwords/0/value"));
        let ca = data.path().join("e2e-ca.crt");
        std::fs::write(&ca, operate(data.path(), &["ca"])).expect("the data folder is writable");
        Self {
            daemon,
            data,
            http,
            https,
            username,
            password,
            ca: ca.display().to_string(),
        }
    }

    /// Starts one whose default registry takes manifests that refer to content it does not have.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn start_accepting_sparse_manifests() -> Self {
        let server = Self::start();
        server.operate(&["registry", "update", "--accept-sparse-manifests", "true"]);
        server
    }

    /// `HOST:PORT` for plain HTTP.
    #[must_use]
    pub fn http(&self) -> String {
        format!("127.0.0.1:{}", self.http)
    }

    /// `HOST:PORT` for HTTPS.
    #[must_use]
    pub fn https(&self) -> String {
        format!("localhost:{}", self.https)
    }

    /// What `docker login` is told: the name that people type, for plain HTTP.
    #[must_use]
    pub fn localhost(&self) -> String {
        format!("localhost:{}", self.http)
    }

    /// The reference `HOST:PORT/name`, for plain HTTP.
    #[must_use]
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.http())
    }

    /// The admin account's name.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The admin account's first password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// `NAME:PASSWORD` of the admin account.
    #[must_use]
    pub fn login(&self) -> String {
        format!("{}:{}", self.username, self.password)
    }

    /// The file with the local certificate authority that signed the server's certificate.
    #[must_use]
    pub fn ca_file(&self) -> &str {
        &self.ca
    }

    /// Runs one of the operator's commands on this server's data folder and gives what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn operate(&self, args: &[&str]) -> String {
        operate(self.data.path(), args)
    }
}

fn operate(data: &Path, args: &[&str]) -> String {
    let output = Command::new(project::holdfast())
        .args(args)
        .arg("--data-dir")
        .arg(data)
        .output()
        .unwrap_or_else(|error| panic!("holdfast does not start: {error}"));
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(
        output.status.success(),
        "$ holdfast {}\n{}\n{stdout}\n{stderr}",
        args.join(" "),
        output.status
    );
    stdout
}
