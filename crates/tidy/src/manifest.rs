//! The manifests of the workspace and of its crates. It refuses to know who may depend on whom.

use std::fs;

use toml::{Table, Value};

/// What our own crates' names begin with.
pub const OURS: &str = "holdfast-";

/// A crate of the workspace.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The name of its folder.
    pub name: String,
    /// Where the manifest lies, from the repository's folder on.
    pub path: String,
    /// All of it.
    pub table: Table,
}

/// Something that a crate depends on.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// Its name; of our own, that of its folder.
    pub name: String,
    /// Whether it is ours.
    pub is_ours: bool,
    /// Whether only tests, examples and benchmarks have it.
    pub is_for_tests: bool,
    /// Whether the workspace table says which version it is.
    pub is_inherited: bool,
}

impl Manifest {
    /// Every crate, in the order of names.
    ///
    /// # Panics
    /// A manifest cannot be read.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let entries = fs::read_dir(crate::root().join("crates")).expect("crates/ can be listed");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("crates/ can be listed").file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names.into_iter().map(Self::of).collect()
    }

    fn of(name: String) -> Self {
        let path = format!("crates/{name}/Cargo.toml");
        let table = table(&path);
        Self { name, path, table }
    }

    /// What it depends on.
    #[must_use]
    pub fn dependencies(&self) -> Vec<Dependency> {
        let mut found = gather(&self.table);
        let targets = self.table.get("target").and_then(Value::as_table);
        for target in targets.into_iter().flat_map(Table::values).filter_map(Value::as_table) {
            found.extend(gather(target));
        }
        found
    }

    /// Whether a key, such as `license` or `lints`, is the workspace's.
    #[must_use]
    pub fn inherits(&self, table: Option<&str>, key: &str) -> bool {
        let table = match table {
            Some(name) => self.table.get(name).and_then(Value::as_table),
            None => Some(&self.table),
        };
        table.and_then(|table| table.get(key)).is_some_and(is_inherited)
    }
}

/// A file of the repository as a table.
///
/// # Panics
/// It cannot be read.
#[must_use]
pub fn table(path: &str) -> Table {
    crate::read(path)
        .parse()
        .unwrap_or_else(|error| panic!("cannot parse {path}: {error}"))
}

fn gather(table: &Table) -> Vec<Dependency> {
    let kinds = [
        ("dependencies", false),
        ("build-dependencies", false),
        ("dev-dependencies", true),
    ];
    let mut found = Vec::new();
    for (kind, is_for_tests) in kinds {
        let entries = table.get(kind).and_then(Value::as_table);
        for (name, value) in entries.into_iter().flatten() {
            let ours = name.strip_prefix(OURS);
            found.push(Dependency {
                name: ours.unwrap_or(name).to_owned(),
                is_ours: ours.is_some(),
                is_for_tests,
                is_inherited: is_inherited(value),
            });
        }
    }
    found
}

fn is_inherited(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}
