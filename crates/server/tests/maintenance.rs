//! What the server does by itself.

mod harness;

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use harness::{Harness, large, text};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn garbage_goes_by_itself_and_what_is_needed_stays() {
    let mut harness = Harness::empty();
    let plain = ["--http", "127.0.0.1:0", "--https", "off"];
    harness.start(&[&plain[..], &["--gc-interval", "500ms", "--gc-grace", "3s"]].concat());
    let basic = harness.basic();
    harness.push_image(&basic, "app", "v1", &large("wanted layer"));
    harness.push_blob(&basic, "app", b"small");
    harness.push_blob(&basic, "app", &large("unwanted layer"));
    assert_eq!(harness.objects().len(), 2);
    wait_until(|| harness.objects().len() == 1);
    let metrics = harness.ask("GET", "/metrics", &[], b"").body;
    assert!(
        metrics.contains("holdfast_garbage_freed_bytes_total 16403"),
        "{metrics}"
    );
    assert!(metrics.contains("holdfast_garbage_row_blobs_total 1"), "{metrics}");
    assert!(harness.told(&["check"]).contains("everything is as it should be"));
}

#[test]
fn an_upload_without_progress_is_given_up() {
    let mut harness = Harness::empty();
    harness.start(&["--http", "127.0.0.1:0", "--https", "off", "--upload-idle", "1s"]);
    let basic = harness.basic();
    let headers = [("Authorization", basic.as_str())];
    let begun = harness.ask("POST", "/v2/app/blobs/uploads/", &headers, b"");
    assert_eq!(begun.status, 202, "{begun:?}");
    let location = begun.header("location").unwrap();
    let path = location.find("/v2/").map_or(location, |start| &location[start..]);
    let half = large("half of it");
    assert_eq!(harness.ask("PATCH", path, &headers, &half).status, 202);
    assert_eq!(harness.objects().len(), 1);
    wait_until(|| harness.objects().is_empty());
    let metrics = harness.ask("GET", "/metrics", &[], b"").body;
    assert!(metrics.contains("holdfast_uploads_purged_total 1"), "{metrics}");
    assert!(harness.told(&["check"]).contains("everything is as it should be"));
}

#[test]
fn what_a_collection_cannot_handle_is_named_and_keeps_nothing_else() {
    let mut harness = Harness::running();
    let basic = harness.basic();
    let stuck_one = large("a stuck one");
    for blob in [&large("one"), &stuck_one, &large("three")] {
        harness.push_blob(&basic, "app", blob);
    }
    // A file that the disk does not let go: removing a folder as a file fails.
    let stuck = harness.object_of(&stuck_one);
    fs::remove_file(&stuck).unwrap();
    fs::create_dir(&stuck).unwrap();
    let name = stuck.file_name().unwrap().to_str().unwrap().to_owned();
    let output = harness.operate(&["gc", "--grace", "0s"]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("objects deleted          2"), "{told}");
    assert!(told.contains("1 could not be handled:"), "{told}");
    assert!(
        told.contains(&format!("  object {name} of storage account default: ")),
        "{told}"
    );
    assert!(harness.log().contains(&name), "the log names it too");
    let output = harness.operate(&["gc", "--grace", "0s", "--output", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["failed"], &report["objects"]),
        (&Value::from(1), &Value::from(0)),
        "{report}"
    );
    assert_eq!(report["failures"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(output.status.code(), Some(1));
    let metrics = harness.ask("GET", "/metrics", &[], b"").body;
    assert!(metrics.contains("holdfast_garbage_failures_total 2"), "{metrics}");
    fs::remove_dir(&stuck).unwrap();
    fs::write(&stuck, &stuck_one).unwrap();
    assert_eq!(harness.json(&["gc", "--grace", "0s"])["objects"], 1);
    assert_eq!(harness.objects().len(), 0);
    harness.stop();
}
