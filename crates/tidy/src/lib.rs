//! What the claims in `tests/` read: the repository's Rust files, the functions in them, the manifests of its crates, and
//! the packages that it is built of. It refuses to know a rule, and to say what the compiler or clippy says already
//! (`[workspace.lints]` in Cargo.toml, `clippy.toml`).
//!
//! Readers panic when they cannot read: only tests call them.

pub mod function;
pub mod licence;
pub mod manifest;
pub mod package;
pub mod source;

use std::path::PathBuf;

/// The repository's folder.
#[must_use]
pub fn root() -> PathBuf {
    let crates = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    crates
        .ancestors()
        .nth(2)
        .expect("this crate lies in crates/")
        .to_path_buf()
}

/// The text of a file of the repository.
///
/// # Panics
/// It cannot be read.
#[must_use]
pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
}

/// Fails with every fault, a line each.
///
/// # Panics
/// There is a fault.
pub fn expect_none(rule: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{rule}:\n{}\n", faults.join("\n"));
}
