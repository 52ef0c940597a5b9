//! Running one client program: a clean home folder, a bounded time, and an outcome that a failed test shows in full.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::project;

/// How long a program may run unless its test says otherwise.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(5);

/// A folder of its own for the clients of one test: their home, their settings, their files.
#[derive(Debug)]
pub struct Sandbox {
    folder: TempDir,
    runs: AtomicUsize,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Sandbox {
    /// An empty one.
    ///
    /// # Panics
    /// When the folder cannot be made.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("hf-")
            .tempdir()
            .expect("a temporary folder can be made");
        for name in ["home", "run", "work", "output"] {
            fs::create_dir(folder.path().join(name)).expect("a fresh folder takes sub-folders");
        }
        Self {
            folder,
            runs: AtomicUsize::new(0),
        }
    }

    /// The folder that programs run in, and that relative names in their arguments mean.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// The full path of `name` in [`Sandbox::work`], as text for an argument.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        self.work().join(name).display().to_string()
    }

    /// Writes a file, with the folders above it, and gives its full path.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.work().join(name);
        let folder = path.parent().expect("a file in the sandbox has a folder");
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, content))
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        path.display().to_string()
    }

    /// Reads a file.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.work().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// A run of `program` still to be told its arguments.
    ///
    /// # Panics
    /// When the program is not installed.
    pub fn tool(&self, program: &str) -> Tool<'_> {
        let home = self.folder.path().join("home");
        let mut command = Command::new(project::program(program));
        command
            .current_dir(self.work())
            .env_clear()
            .env("PATH", project::search_path())
            .env("LANG", "C.UTF-8")
            .env("TMPDIR", self.folder.path().join("run"))
            .env("HOME", &home)
            .env("XDG_CONFIG_HOME", home.join(".config"))
            .env("XDG_CACHE_HOME", home.join(".cache"))
            .env("XDG_DATA_HOME", home.join(".local/share"))
            .env("XDG_RUNTIME_DIR", self.folder.path().join("run"))
            .env("DOCKER_CONFIG", home.join(".docker"))
            .env("REGISTRY_AUTH_FILE", home.join("auth.json"));
        Tool {
            sandbox: self,
            command,
            stdin: None,
            patience: PATIENCE,
        }
    }

    /// Runs `program` and expects success.
    ///
    /// # Panics
    /// When it is not installed, fails, or takes too long.
    pub fn run<A: AsRef<OsStr>>(&self, program: &str, args: impl IntoIterator<Item = A>) -> Output {
        self.tool(program).args(args).run()
    }

    fn output_file(&self, kind: &str, run: usize) -> PathBuf {
        self.folder.path().join("output").join(format!("{run}.{kind}"))
    }
}

/// One run of a program.
#[derive(Debug)]
#[must_use]
pub struct Tool<'s> {
    sandbox: &'s Sandbox,
    command: Command,
    stdin: Option<Vec<u8>>,
    patience: Duration,
}

impl Tool<'_> {
    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Gives it something to read.
    pub fn stdin(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(content.into());
        self
    }

    /// Lets it run longer, or less long, than usual.
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Runs it and expects success.
    ///
    /// # Panics
    /// When it fails or takes too long.
    pub fn run(self) -> Output {
        let output = self.finish();
        assert!(output.status.success(), "failed: {output}");
        output
    }

    /// Runs it and expects it to fail.
    ///
    /// # Panics
    /// When it succeeds or takes too long.
    pub fn fail(self) -> Output {
        let output = self.finish();
        assert!(!output.status.success(), "succeeded where it must not: {output}");
        output
    }

    /// Runs it to its end, whichever that is.
    ///
    /// # Panics
    /// When it cannot start or takes too long.
    #[must_use]
    pub fn finish(mut self) -> Output {
        let run = self.sandbox.runs.fetch_add(1, Ordering::Relaxed);
        let [stdin, stdout, stderr] = ["stdin", "stdout", "stderr"].map(|kind| self.sandbox.output_file(kind, run));
        // Files, not pipes: a program may leave a child behind that holds its end of a pipe open.
        self.command.stdin(match &self.stdin {
            None => Stdio::null(),
            Some(content) => {
                fs::write(&stdin, content).expect("the sandbox is writable");
                File::open(&stdin).expect("a file just written can be read").into()
            }
        });
        self.command
            .stdout(File::create(&stdout).expect("the sandbox is writable"));
        self.command
            .stderr(File::create(&stderr).expect("the sandbox is writable"));
        let line = command_line(&self.command);
        let mut child = self
            .command
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        let status = wait(&mut child, self.patience);
        let [stdout, stderr] = [stdout, stderr].map(|file| fs::read(file).expect("the output was just written"));
        let Some(status) = status else {
            panic!(
                "not done in {:?}: $ {line}\n{}",
                self.patience,
                String::from_utf8_lossy(&stderr)
            );
        };
        Output {
            line,
            status,
            stdout,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }
}

fn wait(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + patience;
    loop {
        match child.try_wait().expect("a child of ours can be waited for") {
            Some(status) => return Some(status),
            None if Instant::now() < deadline => thread::sleep(POLL),
            None => {
                // Either it is gone already, or this ends it; both are what we want.
                kill_process_group(Pid::from_child(child), Signal::KILL).ok();
                child.wait().ok();
                return None;
            }
        }
    }
}

fn command_line(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

/// What a program printed and how it ended.
#[derive(Debug)]
pub struct Output {
    line: String,
    status: ExitStatus,
    /// Its standard output, byte for byte.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: String,
}

impl Output {
    /// Standard output as text, without white space at its ends.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim().to_owned()
    }

    /// The lines of standard output.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.text().lines().map(str::to_owned).collect()
    }

    /// Standard output as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self}"))
    }

    /// Whether it ended well.
    #[must_use]
    pub fn success(&self) -> bool {
        self.status.success()
    }

    /// Its exit status; `None` when a signal ended it.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Expects `words` somewhere in what it printed, in whatever case.
    ///
    /// # Panics
    /// When they are missing.
    pub fn says(&self, words: &str) -> &Self {
        let all = format!("{}\n{}", self.text(), self.stderr).to_lowercase();
        assert!(all.contains(&words.to_lowercase()), "expected {words:?}: {self}");
        self
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            line, status, stderr, ..
        } = self;
        write!(
            f,
            "$ {line}\n{status}\n--- stdout\n{}\n--- stderr\n{}",
            self.text(),
            stderr.trim()
        )
    }
}
