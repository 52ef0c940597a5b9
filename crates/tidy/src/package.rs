//! The packages that the workspace is built of on this machine's kind of system, and those that a lock file names for
//! any. It refuses to ask a registry: a build has fetched them.

use std::{collections::BTreeSet, process::Command};

use toml::Table;

/// What `cargo tree` is asked: every package of the workspace and below, a line each.
const TREE: [&str; 8] = [
    "tree",
    "--workspace",
    "--offline",
    "--locked",
    "--prefix",
    "none",
    "--format",
    "{p}|{l}",
];

/// A package of others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The licence, as its manifest writes it; empty when it does not say.
    pub licence: String,
}

/// A package of others that a lock file names.
#[derive(Debug, Clone)]
pub struct Locked {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub source: String,
    /// Whether its content is pinned.
    pub has_checksum: bool,
}

/// What is built here, programs and tests.
///
/// # Panics
/// Cargo cannot tell.
#[must_use]
pub fn built() -> BTreeSet<Package> {
    let output = Command::new(env!("CARGO"))
        .args(TREE)
        .current_dir(crate::root())
        .output();
    let output = output.unwrap_or_else(|error| panic!("cannot run cargo tree: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "cargo tree failed; `cargo fetch --locked` brings what it reads:\n{said}"
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(Package::parse)
        .collect()
}

impl Package {
    /// A line of the tree: `name v1.2.3 (proc-macro)|MIT (*)`. `None` of an empty one, and of a crate of ours, which has
    /// a path.
    fn parse(line: &str) -> Option<Self> {
        let (package, licence) = line.split_once('|')?;
        let mut words = package.split(' ');
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        let is_ours = words.next().is_some_and(|word| word.starts_with("(/"));
        (!is_ours).then(|| Self {
            name: name.to_owned(),
            version: version.to_owned(),
            licence: licence.trim_end_matches(" (*)").to_owned(),
        })
    }
}

/// What a lock file pins.
///
/// # Panics
/// It cannot be read.
#[must_use]
pub fn locked(path: &str) -> Vec<Locked> {
    let lock = crate::manifest::table(path);
    let packages = lock["package"].as_array().expect("a lock file lists packages");
    let tables = packages.iter().filter_map(toml::Value::as_table);
    tables.filter_map(of_others).collect()
}

/// `None` of a package that lies in the repository.
fn of_others(package: &Table) -> Option<Locked> {
    let text = |key: &str| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    Some(Locked {
        name: text("name")?,
        source: text("source")?,
        has_checksum: text("checksum").is_some(),
    })
}
