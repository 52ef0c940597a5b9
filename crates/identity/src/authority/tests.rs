//! Whom clients that trust the local authority accept, and what becomes of its files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls_pki_types::{ServerName, UnixTime};

use super::*;

/// 2026-01-01.
const NOW: i64 = 1_767_225_600;

fn names(extra: &[&str]) -> Names {
    let extra: Vec<String> = extra.iter().map(|name| (*name).to_owned()).collect();
    Names::new("registry.localhost", &extra).unwrap()
}

/// Asks as a client would, one that trusts only `ca.pem`.
fn client_accepts(paths: &Paths, host: &str, now: i64) -> bool {
    let chain: Vec<CertificateDer<'_>> = CertificateDer::pem_file_iter(&paths.certificate)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&paths.ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now.try_into().unwrap()));
    let host = ServerName::try_from(host).unwrap();
    verifier
        .verify_server_cert(&chain[0], &chain[1..], &host, &[], now)
        .is_ok()
}

#[test]
fn clients_that_trust_the_ca_accept_the_server_under_all_its_names() {
    let dir = tempfile::tempdir().unwrap();
    let paths = ensure(&dir.path().join("tls"), &names(&["build.example", "10.1.2.3"]), NOW).unwrap();
    for host in [
        "localhost",
        "registry.localhost",
        "team.registry.localhost",
        "127.0.0.1",
        "::1",
        "build.example",
        "10.1.2.3",
    ] {
        assert!(client_accepts(&paths, host, NOW), "{host}");
    }
    for host in ["example.com", "a.b.registry.localhost", "10.1.2.4"] {
        assert!(!client_accepts(&paths, host, NOW), "{host}");
    }
    assert!(client_accepts(&paths, "localhost", NOW + (LEAF_DAYS - 1) * DAY_SECS));
    assert!(!client_accepts(&paths, "localhost", NOW + LEAF_DAYS * DAY_SECS + 1));
    for (file, mode) in [
        ("ca.key", 0o600),
        ("server.key", 0o600),
        ("ca.pem", 0o644),
        ("server.pem", 0o644),
    ] {
        let path = dir.path().join("tls").join(file);
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode, "{file}");
    }
}

#[test]
fn nothing_is_made_twice_and_the_ca_never_changes() {
    let dir = tempfile::tempdir().unwrap();
    let mut last = None;
    let mut step = |what: &str, names: &Names, now: i64, renewed: bool| {
        let paths = ensure(dir.path(), names, now).unwrap();
        let state = (fs::read(&paths.ca).unwrap(), fs::read(&paths.certificate).unwrap());
        if let Some((ca, certificate)) = last.replace(state.clone()) {
            assert_eq!(ca, state.0, "{what}: the CA stays");
            assert_eq!(certificate != state.1, renewed, "{what}");
        }
        assert!(client_accepts(&paths, "localhost", now), "{what}");
    };
    step("first start", &names(&[]), NOW, true);
    step("second start", &names(&[]), NOW + 60, false);
    step("another name", &names(&["b.example"]), NOW, true);
    step("the same in capitals", &names(&["B.Example"]), NOW, false);
    step("the name is gone", &names(&[]), NOW, true);
    step("31 days left", &names(&[]), NOW + (LEAF_DAYS - 31) * DAY_SECS, false);
    step("30 days left", &names(&[]), NOW + (LEAF_DAYS - 30) * DAY_SECS, true);
    fs::write(dir.path().join("server.pem"), "broken").unwrap();
    step("a broken certificate", &names(&[]), NOW + 500 * DAY_SECS, true);
    fs::remove_file(dir.path().join("server.key")).unwrap();
    step("a lost key", &names(&[]), NOW + 500 * DAY_SECS, true);
    let last_days = NOW + (CA_DAYS - 5) * DAY_SECS;
    step("the CA ends soon", &names(&[]), last_days, true);
    step("the CA ends soon, again", &names(&[]), last_days + 60, false);
    let error = ensure(dir.path(), &names(&[]), NOW + CA_DAYS * DAY_SECS).unwrap_err();
    assert!(matches!(error, Error::ExpiredAuthority { .. }), "{error}");
}

#[test]
fn a_certificate_of_another_ca_is_replaced() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    ensure(ours.path(), &names(&[]), NOW).unwrap();
    ensure(theirs.path(), &names(&[]), NOW).unwrap();
    for file in ["ca.pem", "ca.key"] {
        fs::copy(theirs.path().join(file), ours.path().join(file)).unwrap();
    }
    let paths = ensure(ours.path(), &names(&[]), NOW).unwrap();
    assert!(client_accepts(&paths, "localhost", NOW));
}

#[test]
fn a_damaged_ca_is_refused_with_the_next_step() {
    type Damage = fn(&Path);
    let damage: [(&str, Damage); 7] = [
        ("move both away", |dir| fs::remove_file(dir.join("ca.key")).unwrap()),
        ("move both away", |dir| fs::write(dir.join("ca.pem"), "broken").unwrap()),
        ("move both away", |dir| fs::write(dir.join("ca.key"), "broken").unwrap()),
        ("move both away", |dir| {
            assert!(fs::copy(dir.join("server.pem"), dir.join("ca.pem")).is_ok())
        }),
        // A CA, but not the one of the key.
        ("move both away", |dir| {
            let other = tempfile::tempdir().unwrap();
            ensure(other.path(), &names(&[]), NOW).unwrap();
            fs::copy(other.path().join("ca.pem"), dir.join("ca.pem")).unwrap();
        }),
        // The certificate of the key, but no CA.
        ("move both away", |dir| {
            let key = KeyPair::from_pem(&fs::read_to_string(dir.join("ca.key")).unwrap()).unwrap();
            let mut params = CertificateParams::default();
            set_times(&mut params, NOW, NOW + DAY_SECS);
            params.is_ca = rcgen::IsCa::ExplicitNoCa;
            fs::write(dir.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        }),
        ("chmod 600", |dir| {
            fs::set_permissions(dir.join("ca.key"), fs::Permissions::from_mode(0o644)).unwrap()
        }),
    ];
    for (advice, damage) in damage {
        let dir = tempfile::tempdir().unwrap();
        ensure(dir.path(), &names(&[]), NOW).unwrap();
        damage(dir.path());
        let error = ensure(dir.path(), &names(&[]), NOW).unwrap_err();
        assert!(error.to_string().contains(advice), "{error}");
    }
}

#[test]
fn a_crash_between_the_key_and_the_certificate_of_the_ca_heals() {
    let dir = tempfile::tempdir().unwrap();
    ensure(dir.path(), &names(&[]), NOW).unwrap();
    fs::remove_file(dir.path().join("ca.pem")).unwrap();
    let paths = ensure(dir.path(), &names(&[]), NOW).unwrap();
    assert!(client_accepts(&paths, "localhost", NOW));
}

#[test]
fn what_is_no_name_is_refused() {
    let label = "a".repeat(64);
    for name in [
        "", "*", "*.", "a..b", "a b", "-a.b", "a-.b", "a/b", "*.*.a", "a.*.b", "exämple", "a:5000", &label,
    ] {
        assert!(
            Names::new("registry.localhost", &[name.to_owned()]).is_err(),
            "{name:?}"
        );
    }
    assert!(Names::new("not a domain", &[]).is_err());
    assert!(Names::new("d", &vec!["a".to_owned(); MAX_EXTRA_NAMES + 1]).is_err());
    assert!(Names::new("192.0.2.1", &["*.wild.example".to_owned(), "fe80::1".to_owned()]).is_ok());
}
