//! The real `holdfast` binary on a folder and ports of its own, and a few words of HTTP to speak with it.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "each test program uses another part of this, and tests panic on purpose"
)]

pub(crate) mod http2;

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// A first start makes keys, in a debug build too.
const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(60);
/// No answer in the tests takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A data folder, with or without a server on it.
pub(crate) struct Harness {
    child: Option<Child>,
    folder: TempDir,
    starts: usize,
    pub(crate) http: Option<SocketAddr>,
    pub(crate) https: Option<SocketAddr>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Bytes that no row may hold, with a text at their end: they lie in an object.
pub(crate) fn large(text: &str) -> Vec<u8> {
    let mut bytes = vec![b'.'; 16 << 10];
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

impl Harness {
    /// An empty place; nothing is there yet.
    pub(crate) fn empty() -> Self {
        Self {
            child: None,
            folder: tempfile::tempdir().unwrap(),
            starts: 0,
            http: None,
            https: None,
        }
    }

    /// With a server that listens for both.
    pub(crate) fn running() -> Self {
        let mut harness = Self::empty();
        harness.start(&["--http", "127.0.0.1:0", "--https", "127.0.0.1:0"]);
        harness
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log_file(&self, kind: &str) -> PathBuf {
        self.folder.path().join(format!("{}.{kind}", self.starts))
    }

    /// Starts a server and waits until it listens.
    pub(crate) fn start(&mut self, flags: &[&str]) {
        self.spawn(holdfast(&["serve"]), flags);
        self.await_listening(flags);
    }

    fn await_listening(&mut self, flags: &[&str]) {
        let wants = |flag: &str| !flags.windows(2).any(|pair| pair == [flag, "off"]);
        let (wants_http, wants_https) = (wants("--http"), wants("--https"));
        let deadline = Instant::now() + START;
        loop {
            self.http = self.listening("http");
            self.https = self.listening("https");
            if self.http.is_some() == wants_http && self.https.is_some() == wants_https {
                return;
            }
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "it ended with {ended:?}: {}", self.log());
            assert!(Instant::now() < deadline, "it is not ready: {}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts a server that may have only so many files open.
    pub(crate) fn start_limited(&mut self, files: u32, flags: &[&str]) {
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -n \"$1\"; shift; exec \"$@\"", "sh", &files.to_string()])
            .args([env!("CARGO_BIN_EXE_holdfast"), "serve"]);
        self.spawn(command, flags);
        self.await_listening(flags);
    }

    fn spawn(&mut self, mut command: Command, flags: &[&str]) {
        assert!(self.child.is_none());
        self.starts += 1;
        let child = command
            .env("HOLDFAST_DATA_DIR", self.data())
            .args(flags)
            .stdin(Stdio::null())
            .stdout(File::create(self.log_file("out")).unwrap())
            .stderr(File::create(self.log_file("err")).unwrap())
            .spawn();
        self.child = Some(child.unwrap());
    }

    fn listening(&self, scheme: &str) -> Option<SocketAddr> {
        let prefix = format!("listening on {scheme}://");
        let stdout = self.stdout();
        let complete = stdout.rfind('\n').map_or("", |end| &stdout[..end]);
        complete
            .lines()
            .find_map(|line| line.strip_prefix(&prefix)?.parse().ok())
    }

    /// What the last start printed on standard output.
    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(self.log_file("out")).unwrap()
    }

    /// What the last start logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_file("err")).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), signal).unwrap();
    }

    /// Waits for the server's end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + STOP;
        loop {
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                self.child = None;
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether the server still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_none()
    }

    /// The most memory that the server had at any moment, in MiB, as the system counts it.
    pub(crate) fn most_resident_mib(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.as_ref().unwrap().id());
        let status = fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: u64 = line.unwrap().trim().strip_suffix(" kB").unwrap().parse().unwrap();
        kib >> 10
    }

    /// Stops the server as a service manager does.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::TERM);
        let status = self.wait();
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Runs an operator's command on this folder.
    pub(crate) fn operate(&self, args: &[&str]) -> Output {
        let mut command = holdfast(args);
        command.arg("--data-dir").arg(self.data()).output().unwrap()
    }

    /// The same, when it must go well; what it printed.
    pub(crate) fn told(&self, args: &[&str]) -> String {
        let output = self.operate(args);
        let stdout = text(&output.stdout);
        assert!(
            output.status.success(),
            "{args:?}: {}\n{stdout}\n{}",
            output.status,
            text(&output.stderr)
        );
        stdout
    }

    /// The same, as JSON.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let told = self.told(&[args, &["--output", "json"]].concat());
        serde_json::from_str(&told).unwrap()
    }

    /// The admin account's Basic credentials.
    pub(crate) fn basic(&self) -> String {
        let shown = self.json(&["credentials"]);
        let user = shown["username"].as_str().unwrap();
        let password = shown["passwords"][0]["value"].as_str().unwrap();
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
    }

    /// Asks over plain HTTP.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        ask(self.http.unwrap(), method, path, headers, body)
    }

    /// Pushes a blob in one request.
    pub(crate) fn push_blob(&self, basic: &str, repository: &str, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        let answer = self.ask("POST", &path, &[("Authorization", basic)], bytes);
        assert_eq!(answer.status, 201, "{answer:?}");
        digest
    }

    /// Pushes an image of one layer.
    pub(crate) fn push_image(&self, basic: &str, repository: &str, tag: &str, layer: &[u8]) -> String {
        let config = b"{}";
        let (config_digest, layer_digest) = (
            self.push_blob(basic, repository, config),
            self.push_blob(basic, repository, layer),
        );
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": config_digest,
                "size": config.len(),
            },
            "layers": [{
                "mediaType": "application/vnd.oci.image.layer.v1.tar",
                "digest": layer_digest,
                "size": layer.len(),
            }],
        })
        .to_string();
        let headers = [
            ("Authorization", basic),
            ("Content-Type", "application/vnd.oci.image.manifest.v1+json"),
        ];
        let path = format!("/v2/{repository}/manifests/{tag}");
        let answer = self.ask("PUT", &path, &headers, manifest.as_bytes());
        assert_eq!(answer.status, 201, "{answer:?}");
        digest(manifest.as_bytes())
    }

    /// The files of all stored objects.
    pub(crate) fn objects(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(&self.data().join("blobs"), &mut found);
        found
    }

    /// The file of the object that holds these bytes.
    pub(crate) fn object_of(&self, bytes: &[u8]) -> PathBuf {
        let mut objects = self.objects().into_iter();
        objects.find(|path| fs::read(path).unwrap() == bytes).unwrap()
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// The binary, with an environment and a working folder that hold no settings.
pub(crate) fn holdfast(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HOLDFAST_") {
            command.env_remove(name);
        }
    }
    command.args(args).current_dir(env!("CARGO_TARGET_TMPDIR"));
    command
}

pub(crate) fn ask(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    ask_from(Ipv4Addr::LOCALHOST, address, method, path, headers, body)
}

/// Asks from one of the addresses of the loopback network.
pub(crate) fn ask_from(
    source: Ipv4Addr,
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut stream = http2::connect_from(source, address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.push_str(&format!("Host: {address}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    read_answer(&mut stream)
}

/// Reads an answer to the end of the connection.
pub(crate) fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let answer = text(&bytes);
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.file_name().unwrap() != "probe" {
            found.push(path);
        }
    }
}
