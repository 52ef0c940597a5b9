//! What the server says of being ready: reads and writes are told apart, and the store of a user takes nothing out.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose, in their helpers too")]

mod harness;

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use harness::Harness;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);
const PLAIN: [&str; 4] = ["--http", "127.0.0.1:0", "--https", "off"];

/// Asks until the answer has this status: what was found counts for a second.
#[track_caller]
fn becomes(harness: &Harness, path: &str, status: u16) {
    let deadline = Instant::now() + PATIENCE;
    while harness.ask("GET", path, &[], b"").status != status {
        assert!(Instant::now() < deadline, "{path} is not {status}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[track_caller]
fn shows(harness: &Harness, lines: &[&str]) {
    let metrics = harness.ask("GET", "/metrics", &[], b"").body;
    for line in lines {
        assert!(
            metrics.lines().any(|shown| shown == *line),
            "{line} is not in\n{metrics}"
        );
    }
}

#[test]
fn a_store_that_cannot_be_written_leaves_reads_ready() {
    let mut harness = Harness::empty();
    harness.start(&PLAIN);
    let basic = harness.basic();
    harness.push_image(&basic, "app", "v1", b"layer");
    for path in ["/readyz", "/readyz?for=read", "/readyz?for=write"] {
        becomes(&harness, path, 200);
    }
    assert_eq!(harness.ask("GET", "/readyz?for=tea", &[], b"").status, 400);
    // No disk of a test is full; a folder where the probe goes stops writes as well, even those of root.
    let probe = harness.data().join("blobs/default/probe");
    fs::create_dir(&probe).unwrap();
    becomes(&harness, "/readyz?for=write", 503);
    becomes(&harness, "/readyz", 200);
    shows(
        &harness,
        &[
            "holdfast_ready{purpose=\"read\"} 1",
            "holdfast_ready{purpose=\"write\"} 0",
            "holdfast_storage_accounts{owner=\"service\",state=\"broken\"} 1",
        ],
    );
    let pulled = harness.ask("GET", "/v2/app/manifests/v1", &[("Authorization", &basic)], b"");
    assert_eq!(pulled.status, 200);

    fs::remove_dir(&probe).unwrap();
    becomes(&harness, "/readyz?for=write", 200);
    let (objects, away) = (
        harness.data().join("blobs/default/objects"),
        harness.data().join("blobs/away"),
    );
    fs::rename(&objects, &away).unwrap();
    becomes(&harness, "/readyz", 503);
    fs::rename(&away, &objects).unwrap();
    becomes(&harness, "/readyz", 200);
}

#[test]
fn a_broken_store_of_a_user_is_counted_and_takes_nothing_out() {
    let mut harness = Harness::empty();
    harness.start(&PLAIN);
    put_storage_account(&harness, "mine");
    let account = harness.data().join("blobs/mine");
    fs::remove_dir_all(&account).unwrap();
    for path in ["/readyz", "/readyz?for=write"] {
        assert_eq!(harness.ask("GET", path, &[], b"").status, 200, "{path}");
    }
    shows(
        &harness,
        &[
            "holdfast_ready{purpose=\"write\"} 1",
            "holdfast_storage_accounts{owner=\"service\",state=\"ready\"} 1",
            "holdfast_storage_accounts{owner=\"user\",state=\"broken\"} 1",
            "holdfast_storage_accounts{owner=\"user\",state=\"ready\"} 0",
        ],
    );
}

#[test]
fn a_store_that_cannot_be_written_at_start_is_told_by_whose_it_is() {
    let mut harness = Harness::empty();
    harness.start(&PLAIN);
    put_storage_account(&harness, "mine");
    harness.stop();
    let (users, own) = (
        harness.data().join("blobs/mine/probe"),
        harness.data().join("blobs/default/probe"),
    );
    fs::create_dir(&users).unwrap();
    harness.start(&PLAIN);
    assert!(
        harness.log().contains("a storage account cannot be written"),
        "{}",
        harness.log()
    );
    harness.stop();
    fs::create_dir(&own).unwrap();
    let refused = harness.operate(&["serve", "--http", "127.0.0.1:0", "--https", "off"]);
    assert_eq!(refused.status.code(), Some(1));
}

/// Makes a user's storage account through ARM, as an owner.
fn put_storage_account(harness: &Harness, name: &str) {
    let status = harness.json(&["status"]);
    let (tenant, subscription) = (
        status["tenantId"].as_str().unwrap(),
        status["subscriptionId"].as_str().unwrap(),
    );
    let made = harness.json(&["principal", "create", "ops", "--role", "Owner"]);
    let arm = format!("http://{}", harness.http.unwrap());
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope={arm}/.default",
        made["appId"].as_str().unwrap(),
        made["password"].as_str().unwrap().replace('+', "%2B"),
    );
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let path = format!("/{tenant}/oauth2/v2.0/token");
    let answer = harness.ask("POST", &path, &headers, form.as_bytes());
    let token: Value = serde_json::from_str(&answer.body).unwrap();
    let bearer = format!(
        "Bearer {}",
        token["access_token"].as_str().unwrap_or_else(|| panic!("{answer:?}"))
    );
    let path = format!(
        "/subscriptions/{subscription}/resourceGroups/default/providers/Microsoft.Storage/storageAccounts/{name}\
         ?api-version=2023-01-01"
    );
    let body = json!({ "location": "local", "sku": { "name": "Standard_LRS" }, "kind": "StorageV2" }).to_string();
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let answer = harness.ask("PUT", &path, &headers, body.as_bytes());
    assert!([200, 201, 202].contains(&answer.status), "{answer:?}");
}
