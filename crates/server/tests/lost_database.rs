//! A data folder whose database is gone: no registry is made over what lies there unless its operator says so, and what
//! was left behind can be listed and removed.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

mod harness;

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use harness::{Harness, large, text};
use holdfast_metadata::SqliteStore;
use serde_json::Value;

const HTTP: [&str; 4] = ["--http", "127.0.0.1:0", "--https", "off"];
const SERVE: [&str; 5] = ["serve", "--http", "127.0.0.1:0", "--https", "off"];

/// How a database gets lost.
#[derive(Debug, Clone, Copy)]
enum Loss {
    Missing,
    Empty,
    Bare,
}

const LOSSES: [(Loss, &str); 3] = [
    (Loss::Missing, "is missing"),
    (Loss::Empty, "is empty"),
    (Loss::Bare, "holds no registry"),
];

/// A data folder with three objects in it, and no server; with the credentials.
fn used(flags: &[&str]) -> (Harness, Value) {
    let mut harness = Harness::empty();
    harness.start(&[&HTTP, flags].concat());
    let basic = harness.basic();
    harness.push_image(&basic, "app", "v1", &large("layer"));
    harness.push_blob(&basic, "app", &large("ten bytes!"));
    harness.push_blob(&basic, "app", &large("17"));
    let credentials = harness.json(&["credentials"]);
    harness.stop();
    (harness, credentials)
}

fn database(harness: &Harness) -> PathBuf {
    harness.data().join("metadata.db")
}

/// Loses the database; gives a backup of it.
fn lose(harness: &Harness, loss: Loss) -> Vec<u8> {
    let backup = fs::read(database(harness)).unwrap();
    for ending in ["", "-wal", "-shm"] {
        fs::remove_file(harness.data().join(format!("metadata.db{ending}"))).ok();
    }
    match loss {
        Loss::Missing => {}
        Loss::Empty => fs::write(database(harness), "").unwrap(),
        Loss::Bare => drop(SqliteStore::open(database(harness)).unwrap()),
    }
    backup
}

fn refused(harness: &Harness, args: &[&str], parts: &[&str]) {
    let output = harness.operate(args);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{args:?}: {told}");
    for part in parts {
        assert!(told.contains(part), "{args:?}: {part} in {told}");
    }
}

#[test]
fn nothing_is_made_over_objects_and_the_backup_brings_all_back() {
    for (loss, fault) in LOSSES {
        let (mut harness, credentials) = used(&[]);
        let backup = lose(&harness, loss);
        let data = harness.data().display().to_string();
        let parts = [
            &format!("{data}/metadata.db {fault}"),
            &format!("{data}/blobs holds 3 objects (48.02 KiB)"),
            "put the backup of metadata.db back (docs/running.md",
            &format!("holdfast begin-anew --data-dir '{data}'"),
        ];
        refused(&harness, &SERVE, &parts);
        for args in [
            &["status"][..],
            &["credentials"],
            &["gc"],
            &["check"],
            &["registry", "update"],
        ] {
            refused(&harness, args, &parts);
        }
        assert_eq!(harness.objects().len(), 3, "{loss:?}");
        fs::write(database(&harness), backup).unwrap();
        for ending in ["-wal", "-shm"] {
            fs::remove_file(harness.data().join(format!("metadata.db{ending}"))).ok();
        }
        harness.start(&HTTP);
        assert_eq!(
            harness.json(&["credentials"])["passwords"],
            credentials["passwords"],
            "{loss:?}"
        );
        assert!(
            harness.told(&["check"]).contains("everything is as it should be"),
            "{loss:?}"
        );
    }
}

#[test]
fn objects_of_another_location_count_too() {
    let elsewhere = tempfile::tempdir().unwrap();
    let folder = elsewhere.path().join("disk");
    let location = format!("east={}", folder.display());
    let (harness, _) = used(&["--location", &location]);
    fs::remove_dir_all(harness.data().join("blobs")).unwrap();
    let shard = folder.join("default-east/objects/ab");
    fs::write(shard.join(format!("ab{}", "0".repeat(30))), "four").unwrap();
    let known = fs::read(harness.data().join("locations.json")).unwrap();
    lose(&harness, Loss::Empty);
    let holds = format!("{} holds 1 objects (4 B)", folder.display());
    // Named by the last start, or by a flag.
    refused(&harness, &SERVE, &[&holds]);
    fs::remove_file(harness.data().join("locations.json")).unwrap();
    refused(&harness, &[&SERVE[..], &["--location", &location]].concat(), &[&holds]);
    fs::write(harness.data().join("locations.json"), known).unwrap();
    refused(&harness, &["status"], &[&holds]);
}

#[test]
fn very_many_objects_are_not_counted() {
    let (harness, _) = used(&[]);
    lose(&harness, Loss::Empty);
    let shard = harness.data().join("blobs/default/objects/ab");
    for number in 0..1_000 {
        fs::write(shard.join(format!("ab{number:030}")), "x").unwrap();
    }
    refused(&harness, &SERVE, &["at least 1,000 objects (at least "]);
}

#[test]
fn a_first_start_that_was_cut_off_goes_on() {
    // What lies there when it ends before, while and after the database is made.
    for cut_off in 0..4 {
        let mut harness = Harness::empty();
        let make = |name: &str| fs::create_dir_all(harness.data().join(name)).unwrap();
        make("");
        fs::set_permissions(harness.data(), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(harness.data().join("lock"), "").unwrap();
        if cut_off > 0 {
            fs::write(database(&harness), "").unwrap();
        }
        if cut_off > 1 {
            drop(SqliteStore::open(database(&harness)).unwrap());
        }
        if cut_off > 2 {
            make("blobs/default/objects/00");
        }
        harness.start(&HTTP);
        assert!(harness.stdout().contains("docker login"), "{cut_off}");
        assert!(
            harness.told(&["check"]).contains("everything is as it should be"),
            "{cut_off}"
        );
    }
}

#[test]
fn whoever_begins_anew_leaves_strays_behind_that_can_be_removed() {
    for (loss, _) in LOSSES {
        let (mut harness, credentials) = used(&[]);
        lose(&harness, loss);
        let told = harness.told(&["begin-anew"]);
        for part in ["made the registry holdfast", "holds 3 objects", "holdfast gc --strays"] {
            assert!(told.contains(part), "{loss:?}: {part} in {told}");
        }
        refused(&harness, &["begin-anew"], &["holds a registry"]);
        harness.start(&HTTP);
        refused(&harness, &["begin-anew"], &["another holdfast serves"]);
        assert_ne!(harness.json(&["credentials"])["passwords"], credentials["passwords"]);
        let basic = harness.basic();
        harness.push_image(&basic, "app", "v2", &large("a new layer"));
        harness.push_blob(&basic, "app", &large("and more"));
        assert_eq!(harness.json(&["check"])["remarks"], 3);
        let told = harness.told(&["check", "--strays"]);
        assert_eq!(
            told.lines().filter(|line| line.starts_with("stray: object ")).count(),
            3,
            "{told}"
        );
        let listed = harness.json(&["check", "--strays"]);
        assert_eq!(
            (&listed["strays"], &listed["objects"]),
            (&Value::from(3), &Value::from(5))
        );
        assert_eq!(listed["strayList"].as_array().unwrap().len(), 3, "{listed}");
        assert_eq!(
            harness.json(&["gc", "--strays"])["young"],
            3,
            "the grace period has not passed"
        );
        let dry = harness.json(&["gc", "--strays", "--grace", "0s", "--dry-run"]);
        assert_eq!(
            (&dry["removed"], harness.objects().len()),
            (&Value::from(3), 5),
            "{dry}"
        );
        let told = harness.told(&["gc", "--strays", "--grace", "0s"]);
        assert!(
            told.starts_with("freed 48.02 KiB") && told.contains("objects deleted          3"),
            "{told}"
        );
        assert!(harness.told(&["check"]).contains("everything is as it should be"));
        assert_eq!(harness.objects().len(), 2);
    }
}

#[test]
fn strays_are_removed_without_a_server_too() {
    let (harness, _) = used(&[]);
    let stray = harness
        .data()
        .join("blobs/default/objects/ab")
        .join(format!("ab{}", "0".repeat(30)));
    fs::write(&stray, "forgotten").unwrap();
    assert_eq!(harness.json(&["gc", "--strays", "--grace", "0s"])["freedBytes"], 9);
    assert!(!stray.exists());
    assert!(harness.told(&["check"]).contains("everything is as it should be"));
}

#[test]
fn a_new_registry_begins_in_a_folder_of_ours_or_none() {
    let harness = Harness::empty();
    let told = harness.told(&["begin-anew"]);
    assert!(
        told.contains("made the registry holdfast") && !told.contains("--strays"),
        "{told}"
    );
    let harness = Harness::empty();
    fs::create_dir(harness.data()).unwrap();
    fs::write(harness.data().join("holiday.jpg"), "").unwrap();
    refused(&harness, &["begin-anew"], &["holds other files"]);
}
