//! Starts `holdfast serve` and asks it for credentials and a token, as a client would.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::client::{Answer, Connection};
use crate::http::{Endpoint, target_of};
use crate::workplace::{Process, Workplace};

/// A registry with millions of manifests may take longer than a small one.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// A running Holdfast.
pub(crate) struct Holdfast {
    process: Process,
    address: SocketAddr,
    data_dir: PathBuf,
    program: PathBuf,
    /// From the start of the program to the first good answer of /readyz.
    pub(crate) start_time: Duration,
}

#[derive(Deserialize)]
struct Credentials {
    username: String,
    passwords: Vec<Password>,
}

#[derive(Deserialize)]
struct Password {
    value: String,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

impl Holdfast {
    /// Starts the program on the data in `data_dir`, made when missing, and waits until /readyz is 200.
    pub(crate) fn start(program: &Path, workplace: &Arc<Workplace>, data_dir: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.arg("serve").arg("--data-dir").arg(data_dir);
        command
            .args(["--http", "127.0.0.1:0", "--https", "off"])
            // The peers are told not to write an access log either.
            .args(["--log-level", "info,access=off"])
            .stdout(Stdio::piped());
        let log = data_dir.with_extension("log");
        let started = Instant::now();
        let mut process = Process::start(workplace, "holdfast", &mut command, log)?;
        let lines = stdout_lines(&mut process)?;
        let mut address = None;
        process.wait_until(START_TIMEOUT, || {
            address = address.or_else(|| listening_address(&lines));
            address.is_some_and(is_ready)
        })?;
        let start_time = started.elapsed();
        let address = address.context("a server that is ready has an address")?;
        Ok(Self {
            process,
            address,
            data_dir: data_dir.to_owned(),
            program: program.to_owned(),
            start_time,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Lets the server finish what it is doing and stops it.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let status = self.process.stop()?;
        if !status.success() {
            bail!("holdfast ended with {status}\n{}", self.process.log_end());
        }
        Ok(())
    }

    /// Signs in as the administrator and gets a token for `repository`.
    pub(crate) fn endpoint(&self, repository: &str) -> anyhow::Result<Endpoint> {
        self.endpoint_for(&[&format!("repository:{repository}:pull,push,delete")])
    }

    /// As `endpoint`, for the scopes that are named.
    pub(crate) fn endpoint_for(&self, scopes: &[&str]) -> anyhow::Result<Endpoint> {
        let credentials = self.credentials()?;
        let password = credentials
            .passwords
            .first()
            .context("`holdfast credentials` printed no password")?;
        let basic = STANDARD.encode(format!("{}:{}", credentials.username, password.value));
        let mut endpoint = Endpoint::open_to_all(self.address);
        let mut connection = Connection::open(self.address)?;
        let answer = connection.ask(&endpoint.request("GET", "/v2/", ""))?;
        let (realm, service) = challenge(&answer)?;
        let scopes = scopes.join("&scope=");
        let target = format!("{}?service={service}&scope={scopes}", target_of(&realm));
        endpoint.authorization = format!("Basic {basic}");
        let answer = connection.demand(&endpoint.request("GET", &target, ""))?;
        let token: Token =
            serde_json::from_slice(&answer.body).context("the token service answered without a token")?;
        endpoint.authorization = format!("Bearer {}", token.access_token);
        Ok(endpoint)
    }

    fn credentials(&self) -> anyhow::Result<Credentials> {
        let mut command = Command::new(&self.program);
        command
            .arg("credentials")
            .arg("--data-dir")
            .arg(&self.data_dir)
            .args(["--output", "json"]);
        let output = command.output().context("cannot run holdfast credentials")?;
        if !output.status.success() {
            bail!(
                "holdfast credentials failed: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        serde_json::from_slice(&output.stdout).context("holdfast credentials printed something unexpected")
    }
}

/// The lines of standard output, read to the end whether anyone wants them or not: a full pipe would stop the server.
fn stdout_lines(process: &mut Process) -> anyhow::Result<Receiver<String>> {
    let stdout = process.child().stdout.take().context("standard output is a pipe")?;
    let (sender, receiver) = channel();
    std::thread::Builder::new()
        .name("holdfast-stdout".to_owned())
        .spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        })?;
    Ok(receiver)
}

/// The address in `listening on http://ADDRESS`, when that line has come.
fn listening_address(lines: &Receiver<String>) -> Option<SocketAddr> {
    loop {
        match lines.try_recv() {
            Ok(line) => {
                let address = line.trim().strip_prefix("listening on http://");
                if let Some(address) = address.and_then(|text| text.trim_end_matches('/').parse().ok()) {
                    return Some(address);
                }
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => return None,
        }
    }
}

fn is_ready(address: SocketAddr) -> bool {
    let endpoint = Endpoint::open_to_all(address);
    let answer = Connection::open(address).and_then(|mut wire| wire.ask(&endpoint.request("GET", "/readyz", "")));
    answer.is_ok_and(|answer| answer.status == 200)
}

/// Realm and service of `WWW-Authenticate: Bearer realm="…",service="…"`.
fn challenge(answer: &Answer) -> anyhow::Result<(String, String)> {
    let header = answer
        .header("www-authenticate")
        .context("GET /v2/ was answered without a challenge")?;
    let field = |name: &str| {
        let (_, rest) = header.split_once(&format!("{name}=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    field("realm")
        .zip(field("service"))
        .with_context(|| format!("the challenge {header:?} lacks realm or service"))
}
