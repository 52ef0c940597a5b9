//! Rust files of the repository, and which lines of them are tests. It refuses to parse Rust: rustfmt has laid it out so
//! that lines and indentation say enough.

use std::{fs, path::Path};

/// Where Rust files lie.
const FOLDERS: [&str; 2] = ["crates", "fuzz/fuzz_targets"];

/// Folders of a crate whose files are tests, or programs to look at.
const BESIDE: [&str; 3] = ["tests", "benches", "examples"];

/// A Rust file.
#[derive(Debug, Clone)]
pub struct Source {
    /// From the repository's folder on.
    pub path: String,
    /// Its lines.
    pub lines: Vec<String>,
}

impl Source {
    /// A file that is read already.
    #[must_use]
    pub fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            lines: text.lines().map(str::to_owned).collect(),
        }
    }

    /// Every Rust file, in the order of paths.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut found = Vec::new();
        for folder in FOLDERS {
            gather(&crate::root(), folder, &mut found);
        }
        found.sort_by(|one: &Self, other: &Self| one.path.cmp(&other.path));
        found
    }

    /// Whether the whole file is tests, a benchmark or an example.
    #[must_use]
    pub fn is_beside(&self) -> bool {
        let mut folders = self.path.split('/');
        let file = folders.next_back().unwrap_or_default();
        file == "tests.rs" || folders.any(|folder| BESIDE.contains(&folder))
    }

    /// The lines that are no tests, with their numbers: all but the inline module of tests.
    pub fn program(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = self.tests();
        let numbered = self.lines.iter().enumerate();
        numbered
            .map(|(index, line)| (index + 1, line.as_str()))
            .filter(move |(number, _)| !tests.contains(number))
    }

    /// The inline module of tests, as numbers of lines.
    fn tests(&self) -> std::ops::Range<usize> {
        let module =
            |pair: &[String]| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{');
        let Some(start) = self.lines.windows(2).position(module) else {
            return 0..0;
        };
        let length = self.lines[start..].iter().position(|line| line == "}");
        start + 1..start + 2 + length.unwrap_or(self.lines.len() - start)
    }

    /// The comments, with the numbers of their lines.
    pub fn comments(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines.iter().enumerate().filter_map(|(index, line)| {
            let start = line.trim_start().strip_prefix("//");
            let text = start.or_else(|| line.split_once(" // ").map(|(_, text)| text));
            text.map(|text| (index + 1, text))
        })
    }
}

fn gather(root: &Path, folder: &str, found: &mut Vec<Source>) {
    let entries = fs::read_dir(root.join(folder)).unwrap_or_else(|error| panic!("cannot list {folder}: {error}"));
    for entry in entries {
        let entry = entry.unwrap_or_else(|error| panic!("cannot list {folder}: {error}"));
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        if entry.path().is_dir() {
            // What a build or a client leaves behind is not ours.
            if !matches!(name.as_str(), "target" | "node_modules") {
                gather(root, &path, found);
            }
        } else if name.ends_with(".rs") {
            found.push(Source::new(&path, &crate::read(&path)));
        }
    }
}
