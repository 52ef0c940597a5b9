//! The `holdfast` binary at work on a data folder and ports of its own, and what its first start made: the credentials
//! of the default registry and the local certificate authority.

use std::fs;
use std::io;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::Sandbox;
use crate::connection::Connection;
use crate::daemon::Daemon;
use crate::data::Data;
use crate::project;

/// A first start makes keys and certificates, in a debug build too.
const START: Duration = Duration::from_secs(60);

/// A running registry.
#[derive(Debug)]
pub struct Server {
    // Before the data: fields drop in this order, and the server must end before its data goes.
    daemon: Daemon,
    data: Data,
    flags: Vec<String>,
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
        Self::open(Data::new(), &[])
    }

    /// Starts one on data that may be there already, with more flags. Its ports are free ones unless flags say where
    /// to listen.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn open(mut data: Data, flags: &[&str]) -> Self {
        let mut daemon = Self::launch(&mut data, flags);
        let port = |scheme: &str| {
            let prefix = format!("listening on {scheme}://");
            move |daemon: &Daemon| {
                let log = daemon.log();
                let complete = &log[..log.rfind('\n')?];
                let address = complete.lines().find_map(|line| line.trim().strip_prefix(&prefix))?;
                address.rsplit(':').next()?.parse::<u16>().ok()
            }
        };
        let http = daemon.wait_until(START, port("http"));
        let https = daemon.wait_until(START, port("https"));
        let credentials = data.operate_json(&["credentials"]);
        let text = |pointer: &str| {
            let value = credentials.pointer(pointer).and_then(Value::as_str);
            value
                .unwrap_or_else(|| panic!("the credentials have no {pointer}"))
                .to_owned()
        };
        let (username, password) = (text("/username"), text("/passwords/0/value"));
        let ca = data.beside("ca.crt");
        fs::write(&ca, data.operate(&["ca"])).expect("the test's folder is writable");
        Self {
            daemon,
            data,
            flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
            http,
            https,
            username,
            password,
            ca: ca.display().to_string(),
        }
    }

    /// Starts one and kills it after a while, whatever it is doing then.
    #[must_use]
    pub fn start_and_kill(mut data: Data, after: Duration) -> Data {
        let mut daemon = Self::launch(&mut data, &[]);
        std::thread::sleep(after);
        daemon.kill();
        data
    }

    fn launch(data: &mut Data, flags: &[&str]) -> Daemon {
        let mut command = Command::new(project::holdfast());
        command.arg("serve").args(flags).arg("--data-dir").arg(data.path());
        command.envs(data.variables());
        for listener in ["--http", "--https"] {
            if !flags.contains(&listener) {
                command.args([listener, "127.0.0.1:0"]);
            }
        }
        let log = data.next_log();
        Daemon::start("holdfast serve", command, &log)
    }

    /// Stops it with SIGTERM, as a service manager does, and starts it again on the same data with the same flags.
    ///
    /// # Panics
    /// When it does not end well, or does not become ready again.
    #[must_use]
    pub fn restart(self) -> Self {
        let flags = self.flags.clone();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        Self::open(self.stop(), &flags)
    }

    /// Stops it with SIGTERM.
    ///
    /// # Panics
    /// When it does not end well.
    #[must_use]
    pub fn stop(self) -> Data {
        let Self { mut daemon, data, .. } = self;
        let status = daemon.stop();
        assert!(
            status.is_some_and(|status| status.success()),
            "it ended with {status:?}:\n{}",
            daemon.log()
        );
        data
    }

    /// Ends it as a power switch would end the process: with SIGKILL.
    #[must_use]
    pub fn kill(self) -> Data {
        let Self { mut daemon, data, .. } = self;
        daemon.kill();
        data
    }

    /// Ends it with SIGKILL and starts it again on the same data with the same flags.
    ///
    /// # Panics
    /// When it does not become ready again.
    #[must_use]
    pub fn crash(self) -> Self {
        let flags = self.flags.clone();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        Self::open(self.kill(), &flags)
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

    /// The running program.
    pub fn daemon(&mut self) -> &mut Daemon {
        &mut self.daemon
    }

    /// Its memory in use, in KiB.
    #[must_use]
    pub fn resident_kib(&self) -> u64 {
        self.daemon.resident_kib()
    }

    /// Its data.
    #[must_use]
    pub fn data(&self) -> &Data {
        &self.data
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

    /// Signs crane in over plain HTTP as the admin account.
    ///
    /// # Panics
    /// It cannot sign in.
    pub fn sign_in_crane(&self, sandbox: &Sandbox) {
        let (host, user) = (self.http(), self.username());
        let login = ["auth", "login", &host, "--username", user, "--password-stdin"];
        sandbox.tool("crane").args(login).stdin(self.password()).run();
    }

    /// The file with the local certificate authority that signed the server's certificate.
    #[must_use]
    pub fn ca_file(&self) -> &str {
        &self.ca
    }

    /// A connection over plain HTTP, signed in as the admin account.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn connect(&self) -> io::Result<Connection> {
        Connection::open(&self.http(), Some(&self.login()))
    }

    /// Runs one of the operator's commands on this server's data folder and gives what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn operate(&self, args: &[&str]) -> String {
        self.data.operate(args)
    }
}
