//! `holdfast check` sees damage, and only damage.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

mod harness;

use std::fs;

use harness::{Harness, digest, text};
use serde_json::Value;

/// More than a row may hold.
const LAYER: &[u8] = &[7; (16 << 10) + 1];
const SMALL_LAYER: &[u8] = b"a layer that is a row";

fn with_an_image() -> Harness {
    let harness = Harness::running();
    let basic = harness.basic();
    harness.push_image(&basic, "team/app", "v1", LAYER);
    harness.push_image(&basic, "team/app", "v2", SMALL_LAYER);
    harness
}

/// Checks a harness with a fault that names `named`, with its server running and stopped.
fn finds_fault(mut harness: Harness, named: &str) {
    for _ in 0..2 {
        let output = harness.operate(&["check"]);
        let told = text(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(
            told.lines()
                .any(|line| line.starts_with("fault: ") && line.contains(named)),
            "{told}"
        );
        let output = harness.operate(&["check", "--output", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["faults"], 1, "{report}");
        assert_eq!(report["faultList"].as_array().unwrap().len(), 1, "{report}");
        assert_eq!(output.status.code(), Some(1));
        if harness.http.take().is_some() {
            harness.stop();
        }
    }
}

#[test]
fn a_sound_house_is_clean() {
    let mut harness = with_an_image();
    for _ in 0..2 {
        let report = harness.json(&["check"]);
        assert_eq!(report["faults"], 0, "{report}");
        assert_eq!(report["remarks"], 0, "{report}");
        assert_eq!(report["manifests"], 2, "{report}");
        assert_eq!(report["tags"], 2, "{report}");
        assert_eq!(report["blobs"], 3, "{report}");
        assert_eq!(report["objects"], 1, "{report}");
        assert_eq!(report["repositories"], 1, "{report}");
        if harness.http.take().is_some() {
            harness.stop();
        }
    }
}

#[test]
fn a_flipped_bit_is_found() {
    let harness = with_an_image();
    let path = harness.object_of(LAYER);
    let mut bytes = fs::read(&path).unwrap();
    bytes[3] ^= 1;
    fs::write(&path, bytes).unwrap();
    finds_fault(harness, &digest(LAYER));
}

#[test]
fn a_lost_object_is_found() {
    let harness = with_an_image();
    fs::remove_file(harness.object_of(LAYER)).unwrap();
    finds_fault(harness, &digest(LAYER));
}

#[test]
fn an_object_cut_short_is_found() {
    let harness = with_an_image();
    fs::write(harness.object_of(LAYER), &LAYER[..5]).unwrap();
    finds_fault(harness, &digest(LAYER));
}

#[test]
fn an_object_grown_too_long_is_found() {
    let harness = with_an_image();
    fs::write(harness.object_of(LAYER), [LAYER, b"!"].concat()).unwrap();
    finds_fault(harness, &digest(LAYER));
}

#[test]
fn an_object_nobody_knows_is_remarked_and_no_fault() {
    let harness = with_an_image();
    let sibling = harness.object_of(LAYER);
    let shard = sibling
        .parent()
        .unwrap()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let name = format!("{shard}{}", "0".repeat(30));
    fs::write(sibling.with_file_name(&name), b"forgotten").unwrap();
    let report = harness.json(&["check"]);
    assert_eq!(report["faults"], 0, "{report}");
    assert_eq!(report["remarks"], 1, "{report}");
    assert!(report["remarkList"][0].as_str().unwrap().contains(&name), "{report}");
}
