//! Settings of all sources, read as the program reads them. It refuses to start anything.

use std::{collections::HashMap, fs};

use super::*;
use clap::Command;

fn flags(args: &[&str], config: Option<PathBuf>) -> Flags {
    let command = Command::new("serve").args(ENTRIES.iter().map(Entry::flag));
    let matches = command.no_binary_name(true).get_matches_from(args);
    Flags::read(&matches, config)
}

fn read(args: &[&str], environment: &[(&str, &str)], file: &str) -> Result<Settings, Mistakes> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.toml");
    fs::write(&path, file).unwrap();
    let environment: HashMap<_, _> = environment.iter().copied().collect();
    Settings::read(flags(args, Some(path)), &|name| {
        environment.get(name).map(OsString::from)
    })
}

fn origins(args: &[&str], environment: &[(&str, &str)], file: &str) -> Vec<String> {
    let mistakes = read(args, environment, file).unwrap_err().0;
    mistakes.into_iter().map(|mistake| mistake.origin).collect()
}

#[test]
fn defaults_are_those_of_the_table() {
    let settings = read(&[], &[], "").unwrap();
    assert_eq!(settings.data_dir, PathBuf::from("./holdfast-data"));
    assert!(settings.is_data_dir_default);
    assert_eq!(settings.http.unwrap().to_string(), "127.0.0.1:5000");
    assert_eq!(settings.https.unwrap().to_string(), "127.0.0.1:5443");
    assert_eq!(settings.domain, "registry.localhost");
    assert_eq!(settings.metrics_from.len(), 2);
    assert_eq!(settings.max_blob_bytes, 200 << 30);
    assert_eq!(settings.tls, None);
}

#[test]
fn a_flag_beats_the_environment_and_that_beats_the_file() {
    let file = "domain = \"file.example\"\ngc-grace = \"3h\"\nupload-idle = \"3h\"";
    let environment = [("HOLDFAST_DOMAIN", "env.example"), ("HOLDFAST_GC_GRACE", "2h")];
    let settings = read(&["--domain", "flag.example"], &environment, file).unwrap();
    assert_eq!(settings.domain, "flag.example");
    assert_eq!(settings.gc_grace, Duration::from_secs(2 * 3600));
    assert_eq!(settings.upload_idle, Duration::from_secs(3 * 3600));
}

#[test]
fn lists_repeat_as_flags_are_commas_in_the_environment_and_arrays_in_the_file() {
    let by_flags = read(&["--hostname", "a.example", "--hostname", "10.0.0.1"], &[], "").unwrap();
    let by_environment = read(&[], &[("HOLDFAST_HOSTNAME", "a.example, 10.0.0.1")], "").unwrap();
    let by_file = read(&[], &[], "hostname = [\"a.example\", \"10.0.0.1\"]").unwrap();
    for settings in [by_flags, by_environment, by_file] {
        assert_eq!(settings.hostnames, ["a.example", "10.0.0.1"]);
    }
}

#[test]
fn all_mistakes_are_told_at_once_with_where_they_came_from() {
    let found = origins(
        &["--http", "nowhere", "--max-blob-size", "much"],
        &[
            ("HOLDFAST_GC_GRACE", "5 parsecs"),
            ("HOLDFAST_TRUSTED_PROXY", "10.0.0.0/8,proxy"),
            ("HOLDFAST_ALLOW_OUTGOING", "10.0.0.0/8,https://a.example"),
        ],
        "shutdown-grace = \"soon\"\ncolour = \"blue\"\n[http2]\n",
    );
    let expected = [
        "settings.toml",
        "--config",
        "--config",
        "--http",
        "HOLDFAST_TRUSTED_PROXY",
        "HOLDFAST_ALLOW_OUTGOING",
    ];
    assert_eq!(found.len(), 8, "{found:?}");
    for name in [&expected[1..], &["HOLDFAST_GC_GRACE", "--max-blob-size"]].concat() {
        assert!(found.iter().any(|origin| origin == name), "{name} in {found:?}");
    }
    assert!(
        found.iter().any(|origin| origin.starts_with("shutdown-grace in ")),
        "{found:?}"
    );
}

#[test]
fn the_url_of_the_database_is_shown_nowhere() {
    let url = "postgresql://holdfast:s3cret@127.0.0.1/holdfast";
    let settings = read(&["--master-key", "/k"], &[("HOLDFAST_DATABASE", url)], "").unwrap();
    assert!(settings.database.is_some() && !format!("{settings:?}").contains("s3cret"));
    let far = "postgresql://holdfast:s3cret@db.example/holdfast";
    let file = format!("database = {far}");
    let mistakes = [
        read(&["--database", far], &[], "").unwrap_err(),
        read(&["--database", "mysql://root:s3cret@localhost"], &[], "").unwrap_err(),
        read(&[], &[("HOLDFAST_DATABASE", "postgres://a:s3cret@b/c?x")], "").unwrap_err(),
        read(&[], &[], &file).unwrap_err(),
    ];
    for told in mistakes.map(|mistakes| mistakes.to_string()) {
        assert!(
            told.contains("database") || told.contains("DATABASE") || told.contains("line 1"),
            "{told}"
        );
        assert!(!told.contains("s3cret"), "{told}");
    }
}

#[test]
fn a_log_level_is_a_level_or_levels_of_parts() {
    for good in ["info", "warn,access=off", "holdfast_metadata=trace"] {
        assert!(read(&["--log-level", good], &[], "").is_ok(), "{good}");
    }
    for bad in ["verbose", "?!", "", "access=loud", "info,"] {
        assert_eq!(origins(&["--log-level", bad], &[], ""), ["--log-level"], "{bad}");
    }
}

#[test]
fn a_named_file_must_be_there() {
    let flags = flags(&[], Some(PathBuf::from("/nowhere/holdfast.toml")));
    let error = Settings::read(flags, &|_| None).unwrap_err().to_string();
    assert!(error.contains("/nowhere/holdfast.toml"), "{error}");
}

#[test]
fn plain_http_needs_loopback_or_a_word_of_the_operator() {
    let error = read(&["--http", "0.0.0.0:5000"], &[], "").unwrap_err().to_string();
    assert!(error.contains("--allow-plain-http"), "{error}");
    assert!(read(&["--http", "0.0.0.0:5000", "--allow-plain-http"], &[], "").is_ok());
    assert!(
        read(
            &["--http", "0.0.0.0:5000"],
            &[("HOLDFAST_ALLOW_PLAIN_HTTP", "true")],
            ""
        )
        .is_ok()
    );
    assert!(read(&["--http", "0.0.0.0:5000"], &[], "allow-plain-http = true").is_ok());
    assert!(read(&["--https", "0.0.0.0:5443"], &[], "").is_ok());
}

#[test]
fn something_must_be_listened_on_and_a_certificate_needs_its_key() {
    assert_eq!(origins(&["--http", "off", "--https", "off"], &[], ""), ["--https"]);
    assert_eq!(
        origins(&["--http", "[::1]:5443", "--https", "[::1]:5443"], &[], ""),
        ["--https"]
    );
    assert_eq!(origins(&["--tls-cert", "a.pem"], &[], ""), ["--tls-cert"]);
    assert_eq!(origins(&["--tls-key", "a.pem"], &[], ""), ["--tls-key"]);
    assert!(
        read(&["--tls-cert", "a.pem", "--tls-key", "b.pem"], &[], "")
            .unwrap()
            .tls
            .is_some()
    );
}
