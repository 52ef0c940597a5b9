//! Where things are: the project's folder, its installed tools, the `holdfast` binary. It builds that binary when
//! nobody has named one, and nothing else.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The root folder of the project.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A `PATH` on which the programs of `tools/install` come first, then what the machine has.
#[must_use]
pub fn search_path() -> String {
    let machine = std::env::var("PATH").unwrap_or_default();
    format!("{}/.tools/bin:{machine}:/usr/sbin:/sbin", root().display())
}

/// The full path of the program `name`.
///
/// # Panics
/// When it is nowhere on [`search_path`].
#[must_use]
pub fn program(name: &str) -> PathBuf {
    search_path()
        .split(':')
        .map(|folder| Path::new(folder).join(name))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| panic!("there is no `{name}` on this machine: run tools/install"))
}

/// The `holdfast` binary: `HOLDFAST_BIN` when set, else the one that cargo builds in the profile of this test.
///
/// # Panics
/// When the build fails.
#[must_use]
pub fn holdfast() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| std::env::var_os("HOLDFAST_BIN").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    // A test runs as TARGET/PROFILE/deps/NAME-HASH; the binary belongs in TARGET/PROFILE.
    let test = std::env::current_exe().expect("a running test knows its own path");
    let folder = test
        .parent()
        .and_then(Path::parent)
        .expect("cargo runs tests from TARGET/PROFILE/deps");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--package",
            "holdfast-server",
            "--bin",
            "holdfast",
            "--profile",
            profile,
        ])
        .current_dir(root())
        .status()
        .expect("cargo starts");
    assert!(status.success(), "cargo could not build the holdfast binary");
    folder.join("holdfast")
}
