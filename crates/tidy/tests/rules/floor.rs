//! Who may depend on whom. The floors are those of the table in ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_tidy::{
    expect_none,
    manifest::{self, Manifest, OURS},
    read,
    source::Source,
};

/// Neighbours on a floor, of whom the first builds on the second. All other arrows point down; none from an adapter to
/// a rule, nor from what the faces share.
const NEIGHBOURS: [(&str, &str); 12] = [
    ("access", "arm"),
    ("access", "oci"),
    ("resources", "content"),
    ("directory", "resources"),
    ("operations", "content"),
    ("operations", "directory"),
    ("operations", "resources"),
    ("api-distribution", "face"),
    ("api-management", "face"),
    ("jobs", "client"),
    ("server", "client"),
    ("server", "jobs"),
];

/// All that a floor takes of others: no I/O and no async in the words; no HTTP or SQL in the model and the rules.
const TAKES: [(&str, &[&str]); 3] = [
    (
        "words",
        &["base64", "hex", "ipnet", "serde", "serde_json", "sha2", "thiserror"],
    ),
    (
        "model",
        &[
            "async-trait",
            "bytes",
            "futures-core",
            "futures-util",
            "serde",
            "thiserror",
            "tokio",
            "uuid",
        ],
    ),
    (
        "rules",
        &[
            "bytes",
            "futures-core",
            "futures-util",
            "moka",
            "serde",
            "serde_json",
            "thiserror",
            "tokio",
            "tracing",
            "uuid",
        ],
    ),
];

/// Packages that are the business of some crates alone. The workshop is not shipped, and takes what it likes.
const OWNED: [(&str, &[&str]); 20] = [
    ("anyhow", &["server"]),
    ("argon2", &["identity"]),
    ("aws-lc-rs", &["blobs", "identity"]),
    ("clap", &["server"]),
    ("getrandom", &["identity"]),
    ("hyper-util", &["client", "server"]),
    ("indicatif", &["server"]),
    ("object_store", &["blobs"]),
    ("prometheus-client", &["server"]),
    ("quick-xml", &["blobs"]),
    ("rcgen", &["identity"]),
    ("rusqlite", &["metadata"]),
    ("rustls", &["client", "identity", "metadata", "server"]),
    ("rustls-native-certs", &["client", "metadata"]),
    ("tokio-postgres", &["metadata"]),
    ("tokio-postgres-rustls", &["metadata"]),
    ("tokio-rustls", &["client", "server"]),
    ("toml", &["server"]),
    ("tracing-subscriber", &["server"]),
    ("x509-parser", &["identity"]),
];

const WORKSHOP: &str = "workshop";

/// The floors from the bottom up, and the crates on each.
fn floors() -> Vec<(String, Vec<String>)> {
    let mut floors: Vec<(String, Vec<String>)> = Vec::new();
    let text = read("ARCHITECTURE.md");
    let rows = text.lines().skip_while(|line| !line.starts_with("| floor |")).skip(2);
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let (floor, name) = (cells[1], cells[2].trim_matches('`'));
        if !floor.is_empty() {
            let floor = floor.split(' ').next().unwrap_or_default();
            floors.push((floor.to_owned(), Vec::new()));
        }
        if let Some((_, crates)) = floors.last_mut().filter(|_| !name.starts_with("../")) {
            crates.push(name.to_owned());
        }
    }
    floors
}

/// The floor of each crate: its number from the bottom up, and its name.
fn places() -> BTreeMap<String, (usize, String)> {
    let numbered = floors().into_iter().enumerate();
    let place = |(number, (floor, crates)): (usize, (String, Vec<String>))| {
        crates.into_iter().map(move |name| (name, (number, floor.clone())))
    };
    numbered.flat_map(place).collect()
}

#[test]
fn every_crate_has_a_floor() {
    let on_floors: BTreeSet<String> = places().into_keys().collect();
    let there: BTreeSet<String> = Manifest::all().into_iter().map(|manifest| manifest.name).collect();
    assert_eq!(
        on_floors, there,
        "the table of ARCHITECTURE.md (left) and crates/ (right)"
    );
}

#[test]
fn arrows_point_down_only() {
    let places = places();
    let mut faults = Vec::new();
    for manifest in Manifest::all() {
        let (own, floor) = &places[&manifest.name];
        let ours = manifest
            .dependencies()
            .into_iter()
            .filter(|it| it.is_ours && !it.is_for_tests);
        for on in ours.filter(|_| floor != WORKSHOP) {
            let knows_no_rule = floor == "adapters" || manifest.name == "face";
            let is_rule = knows_no_rule && places[&on.name].1 == "rules";
            let is_neighbour = NEIGHBOURS.contains(&(manifest.name.as_str(), on.name.as_str()));
            if is_rule || places[&on.name].0 >= *own && !is_neighbour {
                faults.push(format!("{}: {floor} may not depend on {}", manifest.path, on.name));
            }
        }
    }
    expect_none("arrows point down only (ARCHITECTURE.md)", &faults);
}

/// Tests of a low floor run over real adapters, with what tests share; nobody tests with what is above the faces.
#[test]
fn tests_take_adapters_and_the_testkit_at_most() {
    let places = places();
    let adapters = floors()
        .iter()
        .position(|(floor, _)| floor == "adapters")
        .expect("there is a floor of adapters");
    let mut faults = Vec::new();
    for manifest in Manifest::all() {
        let own = places[&manifest.name].0;
        for on in manifest
            .dependencies()
            .into_iter()
            .filter(|it| it.is_ours && it.is_for_tests)
        {
            if places[&on.name].0 > own.max(adapters) && on.name != "testkit" {
                faults.push(format!("{}: its tests may not depend on {}", manifest.path, on.name));
            }
        }
    }
    expect_none("tests take adapters and the testkit at most", &faults);
}

#[test]
fn packages_of_others_stay_where_they_belong() {
    let places = places();
    let mut faults = Vec::new();
    for manifest in Manifest::all() {
        let (name, floor) = (manifest.name.as_str(), places[&manifest.name].1.as_str());
        let taken = TAKES.iter().find(|(of, _)| *of == floor).map(|(_, taken)| *taken);
        for on in manifest
            .dependencies()
            .iter()
            .filter(|it| !it.is_ours && !it.is_for_tests)
        {
            let on = on.name.as_str();
            let owners = OWNED
                .iter()
                .find(|(package, _)| *package == on)
                .map(|(_, owners)| *owners);
            let is_out_of_floor = taken.is_some_and(|taken| !taken.contains(&on));
            let is_anothers = floor != WORKSHOP && owners.is_some_and(|owners| !owners.contains(&name));
            if is_out_of_floor || is_anothers {
                faults.push(format!("{}: {floor} does not take {on}", manifest.path));
            }
        }
    }
    expect_none("the floors are in crates/tidy/tests/rules/floor.rs", &faults);
}

#[test]
fn a_dependency_is_declared_once_in_the_workspace_table_and_used() {
    let workspace = manifest::table("Cargo.toml");
    let declared = workspace["workspace"]["dependencies"]
        .as_table()
        .expect("a table of dependencies");
    let mut unused: BTreeSet<&str> = declared.keys().map(String::as_str).collect();
    let mut faults = Vec::new();
    for manifest in Manifest::all() {
        for on in manifest.dependencies() {
            if !on.is_inherited {
                faults.push(format!("{}: {}.workspace = true", manifest.path, on.name));
            }
            unused.remove(on.name.as_str());
            unused.remove(format!("{OURS}{}", on.name).as_str());
        }
    }
    faults.extend(unused.into_iter().map(|name| format!("Cargo.toml: nobody uses {name}")));
    expect_none("the workspace table says every version once", &faults);
}

/// What a crate may know stands in its manifest; a line that it does not need would let it know more.
#[test]
fn what_a_crate_depends_on_stands_in_its_code() {
    let sources = Source::all();
    let mut faults = Vec::new();
    for manifest in Manifest::all() {
        let folder = format!("crates/{}/", manifest.name);
        let own = |source: &&Source| source.path.starts_with(&folder);
        for on in manifest.dependencies() {
            let prefix = if on.is_ours { OURS } else { "" };
            let name = format!("{prefix}{}", on.name).replace('-', "_");
            let code = |source: &Source| match on.is_for_tests {
                true => source.lines.iter().any(|line| names(line, &name)),
                false => !source.is_beside() && source.program().any(|(_, line)| names(line, &name)),
            };
            if !sources.iter().filter(own).any(code) {
                faults.push(format!("{}: {name} is nowhere in its code", manifest.path));
            }
        }
    }
    expect_none("take these lines out", &faults);
}

/// Whether a line of code, no comment, names a package.
fn names(line: &str, package: &str) -> bool {
    let code = line.trim_start();
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    !code.starts_with("//")
        && code.match_indices(package).any(|(at, _)| {
            let before = code[..at].chars().next_back();
            let after = &code[at + package.len()..];
            let is_path = after.starts_with("::") || after.starts_with('!');
            let is_use = code[..at].ends_with("use ") && !after.starts_with(is_part);
            !before.is_some_and(is_part) && (is_path || is_use)
        })
}
