//! Starting, refusing to start, and what the host itself answers.

mod harness;

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt as _};

use harness::{Harness, ask, holdfast, text};
use serde_json::Value;

const BOTH: [&str; 4] = ["--http", "127.0.0.1:0", "--https", "127.0.0.1:0"];

#[test]
fn the_first_start_says_what_to_type_and_later_ones_where_credentials_are() {
    let mut harness = Harness::running();
    let (told, port) = (harness.stdout(), harness.http.unwrap().port());
    assert!(
        told.contains(&format!(
            "docker login localhost:{port} --username holdfast --password-stdin"
        )),
        "{told}"
    );
    assert!(told.contains(&format!("docker push localhost:{port}/")), "{told}");
    let before = harness.json(&["credentials"]);
    harness.stop();
    harness.start(&BOTH);
    let told = harness.stdout();
    assert!(told.contains("holdfast credentials --data-dir "), "{told}");
    assert!(!told.contains("docker login"), "{told}");
    assert_eq!(harness.json(&["credentials"])["passwords"], before["passwords"]);
}

#[test]
fn no_password_is_printed_or_logged() {
    let mut harness = Harness::running();
    let shown = harness.json(&["credentials"]);
    let basic = harness.basic();
    assert_eq!(
        harness.ask("GET", "/v2/", &[("Authorization", &basic)], b"").status,
        200
    );
    harness.push_image(&basic, "app", "v1", b"layer");
    harness.stop();
    let everything = harness.stdout() + &harness.log();
    for secret in [
        shown["passwords"][0]["value"].as_str().unwrap(),
        shown["passwords"][1]["value"].as_str().unwrap(),
        &basic,
    ] {
        assert!(!everything.contains(secret));
    }
}

#[test]
fn the_data_folder_is_its_owners_alone() {
    let harness = Harness::running();
    for path in ["", "operator.sock", "metadata.db", "keys", "blobs"] {
        let mode = fs::metadata(harness.data().join(path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{path}");
    }
}

#[test]
fn a_second_server_on_the_folder_is_refused() {
    let harness = Harness::running();
    let output = harness.operate(&["serve", "--http", "127.0.0.1:0", "--https", "off"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        told.contains("another holdfast serves") && told.contains("pid "),
        "{told}"
    );
}

#[test]
fn a_port_in_use_is_told_and_nothing_is_made() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let harness = Harness::empty();
    let output = harness.operate(&["serve", "--http", &address, "--https", "off"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains(&address) && told.contains("--http HOST:PORT"), "{told}");
    assert!(!harness.data().join("metadata.db").exists());
}

#[test]
fn wrong_settings_are_told_together_and_end_with_status_2() {
    let harness = Harness::empty();
    let output = harness.operate(&[
        "serve",
        "--http",
        "0.0.0.0:0",
        "--gc-grace",
        "soon",
        "--tls-cert",
        "x.pem",
    ]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    for part in [
        "3 settings are wrong",
        "--allow-plain-http",
        "--gc-grace \"soon\"",
        "--tls-cert",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(!harness.data().exists());
    assert_eq!(
        holdfast(&["serve", "--no-such-flag"]).output().unwrap().status.code(),
        Some(2)
    );
    assert_eq!(holdfast(&["no-such-command"]).output().unwrap().status.code(), Some(2));
}

#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    let harness = Harness::empty();
    fs::write(harness.data(), "a file").unwrap();
    let output = harness.operate(&["serve", "--http", "127.0.0.1:0", "--https", "off"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("is not a folder"), "{told}");
}

#[test]
fn a_folder_that_another_user_made_is_refused_with_what_to_do() {
    const SOMEBODY: u32 = 12_345;
    if !rustix::process::geteuid().is_root() {
        return; // Only root can give a folder away.
    }
    for planted in ["", "keys", "metadata.db", "locations.json"] {
        let harness = Harness::empty();
        fs::create_dir(harness.data()).unwrap();
        let path = harness.data().join(planted);
        match planted {
            "" => {}
            "keys" => fs::create_dir(&path).unwrap(),
            // A folder that a server has used.
            _ => {
                fs::write(harness.data().join("metadata.db"), "").unwrap();
                fs::write(&path, "").unwrap();
            }
        }
        std::os::unix::fs::chown(&path, Some(SOMEBODY), None).unwrap();
        let output = harness.operate(&["serve", "--http", "127.0.0.1:0", "--https", "off"]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{planted}: {told}");
        let path = path.display().to_string();
        for part in [path.trim_end_matches('/'), "12345", "chown -R 0"] {
            assert!(told.contains(part), "{planted}: {part} in {told}");
        }
    }
}

#[test]
fn a_location_in_a_folder_that_another_user_made_is_refused_and_left_as_it_is() {
    if !rustix::process::geteuid().is_root() {
        return; // Only root can give a folder away.
    }
    let harness = Harness::empty();
    let folder = harness.data().with_file_name("moon");
    fs::create_dir(&folder).unwrap();
    std::os::unix::fs::chown(&folder, Some(12_345), None).unwrap();
    let location = format!("moon={}", folder.display());
    let output = harness.operate(&[
        "serve",
        "--http",
        "127.0.0.1:0",
        "--https",
        "off",
        "--location",
        &location,
    ]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("12345") && told.contains("location moon"), "{told}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "nothing was written there");
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let harness = Harness::empty();
    fs::create_dir(harness.data()).unwrap();
    fs::write(
        harness.data().join("metadata.db"),
        "not a database, but somebody's file\n".repeat(100),
    )
    .unwrap();
    let output = harness.operate(&["serve", "--http", "127.0.0.1:0", "--https", "off"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let kept = fs::read_to_string(harness.data().join("metadata.db")).unwrap();
    assert!(kept.starts_with("not a database"));
}

#[test]
fn the_host_tells_that_it_lives_that_it_is_ready_and_its_numbers() {
    let harness = Harness::running();
    for (path, status, body) in [
        ("/healthz", 200, "alive"),
        ("/readyz", 200, "ready"),
        ("/metrics", 200, "holdfast_http_requests_total"),
        ("/", 200, "Holdfast"),
        ("/nothing", 404, "NOT_FOUND"),
        ("/v2/", 401, "UNAUTHORIZED"),
    ] {
        let answer = harness.ask("GET", path, &[], b"");
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(answer.body.contains(body), "{path}: {answer:?}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.header("x-ms-correlation-request-id").is_some());
    }
    assert_eq!(harness.ask("POST", "/healthz", &[], b"").status, 405);
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let harness = Harness::empty();
    fs::create_dir(harness.data()).unwrap();
    fs::set_permissions(harness.data(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(harness.data().join("holiday.jpg"), "").unwrap();
    let output = harness.operate(&["serve", "--http", "127.0.0.1:0", "--https", "off"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("holds other files"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(
        fs::metadata(harness.data()).unwrap().permissions().mode() & 0o777,
        0o755
    );
}

#[test]
fn metrics_are_for_chosen_peers_only() {
    let harness = Harness::running();
    let veiled = harness.ask("GET", "/metrics", &[("X-Forwarded-For", "203.0.113.9")], b"");
    assert_eq!(veiled.status, 404, "a proxy that nobody named hides who asks");
    let mut harness = Harness::empty();
    harness.start(&[
        "--http",
        "127.0.0.1:0",
        "--https",
        "off",
        "--metrics-from",
        "10.0.0.0/8",
    ]);
    assert_eq!(harness.ask("GET", "/metrics", &[], b"").status, 404);
}

#[test]
fn forwarded_headers_count_from_trusted_proxies_only() {
    let forwarded = [("X-Forwarded-Host", "registry.example"), ("X-Forwarded-Proto", "https")];
    let realm = |harness: &Harness| {
        let answer = harness.ask("GET", "/v2/", &forwarded, b"");
        answer.header("www-authenticate").unwrap_or_default().to_owned()
    };
    let mut harness = Harness::empty();
    let flags = [
        "--http",
        "127.0.0.1:0",
        "--https",
        "off",
        "--hostname",
        "registry.example",
    ];
    harness.start(&flags);
    assert!(realm(&harness).contains("http://127.0.0.1:"), "{}", realm(&harness));
    harness.stop();
    harness.start(&[&flags[..], &["--trusted-proxy", "127.0.0.1"]].concat());
    assert!(
        realm(&harness).contains("https://registry.example/oauth2/token"),
        "{}",
        realm(&harness)
    );
}

/// RFC 6797 §8.3: `Strict-Transport-Security` holds for every port of a host, so also for those of other programs.
#[test]
fn no_answer_turns_the_other_ports_of_its_host_into_https() {
    let mut harness = Harness::empty();
    harness.start(&[
        "--http",
        "127.0.0.1:0",
        "--https",
        "off",
        "--hostname",
        "registry.example",
        "--trusted-proxy",
        "127.0.0.1",
    ]);
    for host in [
        "registry.example",
        "localhost",
        "127.0.0.1",
        "holdfast.registry.localhost",
    ] {
        let headers = [("X-Forwarded-Host", host), ("X-Forwarded-Proto", "https")];
        for path in ["/devicelogin", "/", "/v2/"] {
            let answer = harness.ask("GET", path, &headers, b"");
            let told = answer.header("strict-transport-security");
            assert_eq!(told, None, "{host} {path}: {answer:?}");
        }
    }
}

#[test]
fn unknown_hosts_are_misdirected_and_odd_ones_bad() {
    let harness = Harness::running();
    let at = |host| harness.ask("GET", "/v2/", &[("Host", host)], b"");
    assert_eq!(at("evil.example").status, 421);
    assert!(at("evil.example").header("www-authenticate").is_none());
    assert_eq!(at("local host").status, 400);
    assert_eq!(at("localhost").status, 401);
    assert_eq!(at("holdfast.registry.localhost").status, 401);
    // Only the base host has pages of its own.
    assert_eq!(
        harness
            .ask("GET", "/healthz", &[("Host", "holdfast.registry.localhost")], b"")
            .status,
        404
    );
}

#[test]
fn a_clients_request_id_comes_back_if_it_is_harmless() {
    let harness = Harness::running();
    let with = |id: &str| harness.ask("GET", "/v2/", &[("x-ms-client-request-id", id)], b"");
    assert_eq!(with("abc-123").header("x-ms-client-request-id"), Some("abc-123"));
    assert_eq!(with(&"x".repeat(200)).header("x-ms-client-request-id"), None);
}

#[test]
fn settings_come_from_the_environment_too() {
    let harness = Harness::empty();
    let output = holdfast(&["serve"])
        .env("HOLDFAST_DATA_DIR", harness.data())
        .env("HOLDFAST_HTTP", "nowhere")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("HOLDFAST_HTTP \"nowhere\""),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn every_listener_is_announced_with_its_real_port() {
    let mut harness = Harness::empty();
    harness.start(&["--http", "localhost:0", "--https", "off"]);
    assert_ne!(harness.http.unwrap().port(), 0);
    assert_eq!(ask(harness.http.unwrap(), "GET", "/healthz", &[], b"").status, 200);
}

#[test]
fn every_request_is_one_line_of_the_log() {
    let mut harness = Harness::running();
    let basic = harness.basic();
    let headers = [("Authorization", basic.as_str()), ("User-Agent", "ag\u{e9}nt \"1\"")];
    harness.ask("GET", "/v2/team/app/tags/list?n=1&last=secret", &headers, b"");
    harness.stop();
    let log = harness.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let requests: Vec<&Value> = lines.iter().filter(|line| line["target"] == "access").collect();
    assert_eq!(requests.len(), 1, "{log}");
    let request = requests[0];
    assert_eq!(request["http.method"], "GET");
    assert_eq!(request["http.path"], "/v2/team/app/tags/list");
    assert_eq!(request["http.status"], 404);
    assert_eq!(request["repository.name"], "team/app");
    assert_eq!(request["actor"], "admin:holdfast");
    assert_eq!(request["peer"], "127.0.0.1");
    assert_eq!(request["request.id"].as_str().unwrap().len(), 36);
    assert!(!log.contains("secret"));
}

#[test]
fn the_log_can_be_text_and_parts_of_it_silent() {
    let flags = ["--http", "127.0.0.1:0", "--https", "off", "--log-format", "text"];
    let mut harness = Harness::empty();
    harness.start(&flags);
    harness.ask("GET", "/v2/", &[], b"");
    harness.stop();
    assert!(harness.log().contains("401 GET /v2/ "), "{}", harness.log());
    harness.start(&[&flags[..], &["--log-level", "info,access=off"]].concat());
    harness.ask("GET", "/v2/", &[], b"");
    harness.stop();
    assert!(
        !harness.log().contains("/v2/") && harness.log().contains("stopped"),
        "{}",
        harness.log()
    );
}
