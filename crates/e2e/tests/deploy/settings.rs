//! What deploy/ says of the program: its settings, its version, how long it may take to stop.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use holdfast_e2e::project;

use crate::checkout::version;

/// All files below deploy/, with what they say.
fn files() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    below(&project::root().join("deploy"), &mut found);
    assert!(found.len() > 15, "deploy/ has files: {found:?}");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path, text)
    };
    found.into_iter().map(read).collect()
}

fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be listed") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            below(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn read(name: &str) -> String {
    fs::read_to_string(project::root().join("deploy").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn help() -> String {
    let output = Command::new(project::holdfast()).args(["serve", "--help"]).output();
    String::from_utf8_lossy(&output.expect("holdfast starts").stdout).into_owned()
}

#[test]
fn every_setting_that_deploy_names_is_one() {
    let help = help();
    let mut checked = 0;
    for (path, text) in files() {
        let words = text.split(|c: char| !c.is_ascii_uppercase() && c != '_');
        // In the chart's template a name ends where a value's key begins.
        for word in words.filter(|word| word.starts_with("HOLDFAST_") && !word.ends_with('_')) {
            assert!(
                help.contains(&format!("[env: {word}]")),
                "{}: there is no {word}",
                path.display()
            );
            checked += 1;
        }
    }
    assert!(checked > 10, "only {checked} were found");
}

#[test]
fn everything_names_the_version_of_the_program() {
    let version = version();
    let image = format!("holdfast:{version}");
    assert!(read("compose.yaml").contains(&format!("${{IMAGE:-{image}}}")));
    assert!(read("kubernetes/statefulset.yaml").contains(&format!("image: {image}\n")));
    let chart = read("helm/holdfast/Chart.yaml");
    for key in ["version", "appVersion"] {
        assert!(
            chart.contains(&format!("\n{key}: {version}\n")),
            "{key} of the chart is not {version}"
        );
    }
}

#[test]
fn nobody_kills_a_program_that_is_still_ending() {
    let help = help();
    let (_, grace) = help.split_once("--shutdown-grace").expect("there is the setting");
    let grace = number_after(grace, "[default: ");
    for (file, key) in [
        ("systemd/holdfast.service", "TimeoutStopSec="),
        ("compose.yaml", "stop_grace_period: "),
        ("kubernetes/statefulset.yaml", "terminationGracePeriodSeconds: "),
        ("helm/holdfast/values.yaml", "terminationGracePeriodSeconds: "),
    ] {
        let text = read(file);
        let drain = match file {
            "kubernetes/statefulset.yaml" => number_after(&text, "HOLDFAST_DRAIN\n              value: "),
            "helm/holdfast/values.yaml" => number_after(&text, "\n  drain: "),
            _ => 0,
        };
        let patience = number_after(&text, key);
        assert!(
            patience >= drain + grace + 10,
            "{file}: {key}{patience} for {drain} s and {grace} s"
        );
    }
}

/// The seconds that stand behind `key`.
fn number_after(text: &str, key: &str) -> u64 {
    let (_, rest) = text.split_once(key).unwrap_or_else(|| panic!("there is no {key:?}"));
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or_else(|_| panic!("{key:?} has no number"))
}
