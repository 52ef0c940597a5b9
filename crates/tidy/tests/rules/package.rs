//! The packages of others, as `deny.toml` has them. Known vulnerabilities are asked for with `cargo deny check advisories`,
//! which needs a network.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_tidy::{
    expect_none, licence,
    manifest::table,
    package::{self, built, locked},
};
use toml::{Table, Value};

/// The lock files: of the workspace, and of what is built beside it.
const LOCKS: [&str; 2] = ["Cargo.lock", "fuzz/Cargo.lock"];

/// The strings of a list in `deny.toml`; of a list of tables, those under `crate`, each with its reason.
fn list(deny: &Table, section: &str, key: &str) -> Vec<String> {
    let entries = deny[section][key].as_array().expect("a list");
    let name = |entry: &Value| match entry.as_table() {
        Some(table) => {
            assert!(
                table["reason"].as_str().is_some_and(|reason| !reason.is_empty()),
                "{table} needs a reason"
            );
            table["crate"].as_str().map(str::to_owned)
        }
        None => entry.as_str().map(str::to_owned),
    };
    entries.iter().filter_map(name).collect()
}

#[test]
fn every_licence_is_one_that_is_accepted() {
    let accepted = list(&table("deny.toml"), "licenses", "allow");
    let packages = built();
    assert!(packages.len() > 100, "the whole tree is looked at: {}", packages.len());
    let refused = packages
        .iter()
        .filter(|package| !licence::satisfies(&package.licence, &accepted));
    let faults = refused.map(|it| format!("{} {}: '{}'", it.name, it.version, it.licence));
    expect_none("deny.toml does not accept these licences", &faults.collect::<Vec<_>>());
}

#[test]
fn every_package_comes_from_the_one_registry() {
    let mut sources = BTreeSet::new();
    let mut faults = Vec::new();
    for (lock, package) in LOCKS
        .iter()
        .flat_map(|lock| locked(lock).into_iter().map(move |package| (lock, package)))
    {
        if !package.source.starts_with("registry+") || !package.has_checksum {
            faults.push(format!("{lock}: {} comes from {}", package.name, package.source));
        }
        sources.insert(package.source);
    }
    expect_none("packages come from the registry, with a checksum", &faults);
    assert_eq!(sources.len(), 1, "one registry: {sources:?}");
}

#[test]
fn what_is_banned_is_not_built() {
    let banned = list(&table("deny.toml"), "bans", "deny");
    let packages = built();
    let found = packages.iter().filter(|package| banned.contains(&package.name));
    let faults: Vec<String> = found
        .map(|package| format!("{} {}", package.name, package.version))
        .collect();
    expect_none("deny.toml bans these packages", &faults);
}

#[test]
fn a_package_is_built_in_one_version_unless_a_reason_is_given() {
    let skipped = list(&table("deny.toml"), "bans", "skip");
    let matches = |skip: &str, package: &package::Package| {
        let (name, version) = skip.split_once('@').expect("an exception names a version");
        name == package.name && package.version.starts_with(&format!("{version}."))
    };
    let packages = built();
    let idle = skipped
        .iter()
        .filter(|skip| !packages.iter().any(|package| matches(skip, package)));
    let mut faults: Vec<String> = idle
        .map(|skip| format!("deny.toml: {skip} is not in the tree"))
        .collect();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages
        .iter()
        .filter(|package| !skipped.iter().any(|skip| matches(skip, package)))
    {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    let several = versions.iter().filter(|(_, versions)| versions.len() > 1);
    faults.extend(several.map(|(name, versions)| format!("{name} {versions:?}")));
    expect_none("one version, or an exception in deny.toml", &faults);
}
