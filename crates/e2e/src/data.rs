//! A data folder, with or without a server at work on it, and the operator's commands on it. It outlives servers: a
//! test may kill one and start another on what is left.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use serde_json::Value;
use tempfile::TempDir;

use crate::disk::Disk;
use crate::project;

/// A data folder of its own, gone when this is dropped.
#[derive(Debug)]
pub struct Data {
    // Before the folder: fields drop in this order, and a disk can't go away while it is mounted.
    disk: Option<Disk>,
    folder: TempDir,
    starts: u32,
    variables: Vec<(String, String)>,
}

/// What `holdfast check` said.
#[derive(Debug)]
pub struct Check {
    /// Its exit status; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What clients can notice.
    pub faults: Vec<String>,
    /// What only takes room.
    pub remarks: Vec<String>,
    /// All that it printed.
    pub told: String,
}

impl Default for Data {
    fn default() -> Self {
        Self::new()
    }
}

impl Data {
    /// A place where nothing is yet.
    ///
    /// # Panics
    /// When there is no room for temporary files.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("hf-data-")
            .tempdir()
            .expect("a temporary folder can be made");
        Self {
            disk: None,
            folder,
            starts: 0,
            variables: Vec::new(),
        }
    }

    /// The same on a disk of its own with so many MiB; needs root.
    ///
    /// # Panics
    /// When it cannot be mounted.
    #[must_use]
    pub fn on_a_disk_of(mebibytes: u32) -> Self {
        let mut data = Self::new();
        let path = data.path();
        fs::create_dir(&path).expect("a fresh folder takes sub-folders");
        data.disk = Some(Disk::mount(&path, mebibytes));
        data
    }

    /// The same with these variables in the environment of whatever works on it: servers and commands.
    #[must_use]
    pub fn with_variables(mut self, variables: &[(&str, &str)]) -> Self {
        let added = variables
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()));
        self.variables.extend(added);
        self
    }

    pub(crate) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What `--data-dir` is told.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A name for a file beside the data.
    #[must_use]
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A fresh file for the log of one more server.
    pub(crate) fn next_log(&mut self) -> PathBuf {
        self.starts += 1;
        self.beside(&format!("serve-{}.log", self.starts))
    }

    /// The files of all stored objects, with their keys.
    ///
    /// # Panics
    /// When they cannot be listed.
    #[must_use]
    pub fn objects(&self) -> Vec<(String, PathBuf)> {
        let mut found = Vec::new();
        files_below(&self.path().join("blobs"), &mut found);
        found.retain(|path| path.file_name().is_some_and(|name| name != "probe"));
        let with_key = |path: PathBuf| {
            let key = path.file_name().map(|name| name.to_string_lossy().into_owned());
            (key.unwrap_or_default(), path)
        };
        found.into_iter().map(with_key).collect()
    }

    /// The file of the object that holds exactly `content`.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn object_of(&self, content: &[u8]) -> PathBuf {
        let mut paths = self.objects().into_iter().map(|(_, path)| path);
        let holds = |path: &PathBuf| fs::read(path).is_ok_and(|bytes| bytes == content);
        paths.find(holds).expect("the content is stored as an object")
    }

    /// Runs one of the operator's commands on this data and gives how it ended, what it printed, and its complaints.
    ///
    /// # Panics
    /// When it does not start.
    pub fn try_operate(&self, args: &[&str]) -> (ExitStatus, String, String) {
        let output = Command::new(project::holdfast())
            .args(args)
            .arg("--data-dir")
            .arg(self.path())
            .envs(self.variables())
            .output()
            .unwrap_or_else(|error| panic!("holdfast does not start: {error}"));
        let [stdout, stderr] =
            [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        (output.status, stdout, stderr)
    }

    /// The same for one that must go well; what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn operate(&self, args: &[&str]) -> String {
        let (status, stdout, stderr) = self.try_operate(args);
        assert!(
            status.success(),
            "$ holdfast {}\n{status}\n{stdout}\n{stderr}",
            args.join(" ")
        );
        stdout
    }

    /// The same, as JSON.
    ///
    /// # Panics
    /// When it fails or prints none.
    pub fn operate_json(&self, args: &[&str]) -> Value {
        let told = self.operate(&[args, &["--output", "json"]].concat());
        serde_json::from_str(&told).unwrap_or_else(|error| panic!("no JSON ({error}): {told}"))
    }

    /// Runs `holdfast check`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn check(&self) -> Check {
        let (status, stdout, stderr) = self.try_operate(&["check"]);
        let starting = |prefix: &str| {
            let lines = stdout.lines().filter_map(|line| line.strip_prefix(prefix));
            lines.map(str::to_owned).collect()
        };
        Check {
            code: status.code(),
            faults: starting("fault: "),
            remarks: starting("remark: "),
            told: format!("{stdout}{stderr}"),
        }
    }
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("an entry of a folder can be read").path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}
