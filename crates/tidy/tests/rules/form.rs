//! How files and functions look.

use std::collections::BTreeSet;

use holdfast_tidy::{expect_none, function::Function, manifest, manifest::Manifest, source::Source};

/// A file stays below this many lines, without the tests in it; a file of tests, too.
const MAX_FILE_LINES: usize = 500;

/// What fits a screen.
const MAX_FUNCTION_LINES: usize = 70;

/// Programs of one claim: that they do not compile. Their errors are kept with the numbers of their lines.
const NOT_COMPILED: &str = "/tests/ui/";

#[test]
fn files_stay_under_five_hundred_lines_without_the_tests_in_them() {
    let lines = |source: &Source| match source.is_beside() {
        true => source.lines.len(),
        false => source.program().count(),
    };
    let mut faults = Vec::new();
    for source in &Source::all() {
        if lines(source) >= MAX_FILE_LINES {
            faults.push(format!("{}:{}", source.path, lines(source)));
        }
    }
    expect_none("split these files by what they are about", &faults);
}

#[test]
fn functions_fit_a_screen() {
    let mut faults = Vec::new();
    for source in Source::all().iter().filter(|source| !source.is_beside()) {
        let long = Function::all(source)
            .into_iter()
            .filter(|function| function.lines > MAX_FUNCTION_LINES);
        faults.extend(long.map(|it| format!("{}:{}: {} has {} lines", source.path, it.line, it.name, it.lines)));
    }
    expect_none("split these functions", &faults);
}

#[test]
fn every_module_opens_with_what_it_is() {
    let opens = |source: &Source| source.lines.first().is_some_and(|line| line.starts_with("//! "));
    let sources = Source::all();
    let silent = sources
        .iter()
        .filter(|source| !source.path.contains(NOT_COMPILED) && !opens(source));
    let faults: Vec<String> = silent.map(|source| format!("{}:1", source.path)).collect();
    expect_none(
        "say with `//!` what these modules are, and what they refuse to be",
        &faults,
    );
}

/// The lints themselves are the compiler's to check; that no crate is without them is not.
#[test]
fn every_crate_has_the_workspaces_lints_and_words() {
    let workspace = manifest::table("Cargo.toml");
    let lints = &workspace["workspace"]["lints"];
    assert_eq!(lints["rust"]["unsafe_code"].as_str(), Some("forbid"));
    let mut faults = Vec::new();
    for manifest in Manifest::all() {
        if manifest.table["lints"]["workspace"].as_bool() != Some(true) {
            faults.push(format!("{}: lints.workspace = true", manifest.path));
        }
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            if !manifest.inherits(Some("package"), key) {
                faults.push(format!("{}: {key}.workspace = true", manifest.path));
            }
        }
    }
    expect_none("these crates need the line", &faults);
}

/// Clippy reads the nearest `clippy.toml` and no other.
#[test]
fn clippys_bans_for_words_model_and_rules_keep_the_workspaces_settings() {
    let workspace = manifest::table("clippy.toml");
    for name in [
        "oci",
        "arm",
        "access",
        "model",
        "content",
        "resources",
        "directory",
        "operations",
    ] {
        let own = manifest::table(&format!("crates/{name}/clippy.toml"));
        let kept: BTreeSet<&String> = own.keys().filter(|key| own.get(*key) == workspace.get(*key)).collect();
        assert_eq!(kept, workspace.keys().collect(), "{name}");
        let banned = own["disallowed-methods"].as_array().expect("a list of methods");
        let is_banned = |path: &str| banned.iter().any(|method| method["path"].as_str() == Some(path));
        for path in [
            "std::time::SystemTime::now",
            "uuid::Uuid::new_v4",
            "tokio::spawn",
            "std::thread::spawn",
        ] {
            assert!(is_banned(path), "{name} may call {path}");
        }
    }
}
