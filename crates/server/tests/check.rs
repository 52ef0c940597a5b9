//! `holdfast check` sees damage, and only damage.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

mod house;

use std::fs;

use house::{House, digest, text};
use serde_json::Value;

/// More than a row may hold.
const LAYER: &[u8] = &[7; (16 << 10) + 1];
const SMALL_LAYER: &[u8] = b"a layer that is a row";

fn with_an_image() -> House {
    let house = House::running();
    let basic = house.basic();
    house.push_image(&basic, "team/app", "v1", LAYER);
    house.push_image(&basic, "team/app", "v2", SMALL_LAYER);
    house
}

/// Checks a house with a fault that names `named`, with its server running and stopped.
fn finds_fault(mut house: House, named: &str) {
    for _ in 0..2 {
        let output = house.operate(&["check"]);
        let told = text(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(
            told.lines()
                .any(|line| line.starts_with("fault: ") && line.contains(named)),
            "{told}"
        );
        let output = house.operate(&["check", "--output", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["faults"], 1, "{report}");
        assert_eq!(report["faultList"].as_array().unwrap().len(), 1, "{report}");
        assert_eq!(output.status.code(), Some(1));
        if house.http.take().is_some() {
            house.stop();
        }
    }
}

#[test]
fn a_sound_house_is_clean() {
    let mut house = with_an_image();
    for _ in 0..2 {
        let report = house.json(&["check"]);
        assert_eq!(report["faults"], 0, "{report}");
        assert_eq!(report["remarks"], 0, "{report}");
        assert_eq!(report["manifests"], 2, "{report}");
        assert_eq!(report["tags"], 2, "{report}");
        assert_eq!(report["blobs"], 3, "{report}");
        assert_eq!(report["objects"], 1, "{report}");
        assert_eq!(report["repositories"], 1, "{report}");
        if house.http.take().is_some() {
            house.stop();
        }
    }
}

#[test]
fn a_flipped_bit_is_found() {
    let house = with_an_image();
    let path = house.object_of(LAYER);
    let mut bytes = fs::read(&path).unwrap();
    bytes[3] ^= 1;
    fs::write(&path, bytes).unwrap();
    finds_fault(house, &digest(LAYER));
}

#[test]
fn a_lost_object_is_found() {
    let house = with_an_image();
    fs::remove_file(house.object_of(LAYER)).unwrap();
    finds_fault(house, &digest(LAYER));
}

#[test]
fn an_object_cut_short_is_found() {
    let house = with_an_image();
    fs::write(house.object_of(LAYER), &LAYER[..5]).unwrap();
    finds_fault(house, &digest(LAYER));
}

#[test]
fn an_object_grown_too_long_is_found() {
    let house = with_an_image();
    fs::write(house.object_of(LAYER), [LAYER, b"!"].concat()).unwrap();
    finds_fault(house, &digest(LAYER));
}

#[test]
fn an_object_nobody_knows_is_remarked_and_no_fault() {
    let house = with_an_image();
    let sibling = house.object_of(LAYER);
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
    let report = house.json(&["check"]);
    assert_eq!(report["faults"], 0, "{report}");
    assert_eq!(report["remarks"], 1, "{report}");
    assert!(report["remarkList"][0].as_str().unwrap().contains(&name), "{report}");
}
