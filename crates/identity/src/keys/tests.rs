//! How the server's keys are made, kept, refused and rotated.

use std::os::unix::fs::PermissionsExt;

use std::fs;

use super::folder::list_verify_files;
use super::*;

#[test]
fn keys_are_made_once_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("keys");
    let first = ServerKeys::open_or_create(&folder).unwrap();
    let again = ServerKeys::open_or_create(&folder).unwrap();
    assert_eq!(first.kid(), again.kid());
    assert_eq!(first.master().bytes(), again.master().bytes());
    for file in [SIGNING_KEY_FILE, MASTER_KEY_FILE] {
        assert_eq!(
            fs::metadata(folder.join(file)).unwrap().permissions().mode() & 0o777,
            0o600,
            "{file}"
        );
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "no draft is left");
    let other = ServerKeys::open_or_create(&dir.path().join("other")).unwrap();
    assert_ne!(first.kid(), other.kid());
    assert_ne!(first.master().bytes(), other.master().bytes());
}

#[test]
fn a_key_name_looks_like_acrs() {
    let keys = ServerKeys::open_or_create(tempfile::tempdir().unwrap().path()).unwrap();
    let kid = keys.kid();
    let groups: Vec<&str> = kid.split(':').collect();
    assert_eq!(groups.len(), 12, "{}", keys.kid());
    let is_base32 = |g: &&str| g.len() == 4 && g.bytes().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b));
    assert!(groups.iter().all(is_base32), "{}", keys.kid());
    // The test vectors of RFC 4648 §10, through the SHA-256 of nothing: 30 bytes that start e3b0c44298.
    assert!(fingerprint(b"").starts_with("4OYM:IQUY:7QOB"), "{}", fingerprint(b""));
}

#[test]
fn keys_that_others_can_read_are_refused() {
    for file in [SIGNING_KEY_FILE, MASTER_KEY_FILE] {
        let dir = tempfile::tempdir().unwrap();
        ServerKeys::open_or_create(dir.path()).unwrap();
        fs::set_permissions(dir.path().join(file), fs::Permissions::from_mode(0o640)).unwrap();
        let error = ServerKeys::open_or_create(dir.path()).unwrap_err();
        assert!(
            matches!(error, Error::File(private_file::Error::ReadableByOthers { .. })),
            "{error}"
        );
        assert!(error.to_string().contains(file), "{error}");
    }
}

#[test]
fn broken_keys_are_refused_and_not_replaced() {
    for file in [SIGNING_KEY_FILE, MASTER_KEY_FILE] {
        for content in [
            "",
            "nonsense",
            "AAAA\n",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(file);
            private_file::write(&path, content.as_bytes(), Readable::ByOwner).unwrap();
            let error = ServerKeys::open_or_create(dir.path()).unwrap_err();
            assert!(error.to_string().contains(file), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
    }
}

/// A whole RSA key, but of 1024 bits.
const SHORT_KEY: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAKzkr9FT5HWrFA+W\n\
XTo1K+u1MTG1CPRpFHuOZVLfXeUK56LC1/g19yYRMuTZfn+Upm6OQVtdo8e1ZhI3\n\
EQ/Yrhr0CFoLGc2EZUWqAxwH/EdJqDpOrjfjEFQ2UuzJgPAs7MyUxMCcxWCoz2Zt\n\
MjC3+Ezz1swGXRqiy/9VUxoNIMStAgMBAAECgYBxF8IeJkc55SdhLtVavu805rgA\n\
MNBjt9yrGbETrYKo0SJF6DgHZ518LCHjapWBdMYNaUY9Mppwhyr2XUju2ajAaoEg\n\
HE+kjsQOIzHI6x+/PkVYleyR2kCkd53sPdxwWhZekRlE13oVJBB3ebo/2paCa4n4\n\
7puDsTkVQ140upFQbQJBAOVN1Tw/hQIUtGTr5/LiakCwjBLbW+n7D6jac3G8Q6eX\n\
Aix3QUIC+5QeYCuw7BDwW8OrQew8Mo268hE7GEeJ5fcCQQDBBZdRT72zaot7WYxT\n\
lbCkNbQN8TuJ8ndsf6WWnDPambbxY74KcNFn/7EwKKs5GJ75yiN2m/srWrESjk4r\n\
PTF7AkEAuZJp1Z5aWDrFWz+HsYsHDl9SnRglpJBoNfDEqPEBl6mgOrgweenMDC0h\n\
C3rdMUA0I4B/k12MVCNNMCCxH4Q8NQJBAJ+g9xY4wyK472dwlDuf5Pi4rRKGuP2J\n\
dzhUjGX1AnE7hG83VLgfux6t+CRizc+nS/o6MH/r2ZluJFi7NWxO7DcCQDrhXDrw\n\
cvH2btNvGqvuhV9nWxkXeg466AJvXm75LVulBvU3PokrRREe/mMtNl6tg5AAL98f\n\
hTKld53KDfjkX2M=\n\
-----END PRIVATE KEY-----\n";

#[test]
fn a_signing_key_that_is_too_short_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(SIGNING_KEY_FILE);
    private_file::write(&path, SHORT_KEY.as_bytes(), Readable::ByOwner).unwrap();
    assert!(matches!(
        ServerKeys::open_or_create(dir.path()),
        Err(Error::BrokenSigningKey { .. })
    ));
}

#[test]
fn a_retired_public_key_still_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let old = ServerKeys::open_or_create(dir.path()).unwrap();
    let spki = old.ring.current().signing().spki().unwrap();
    fs::write(
        dir.path().join("verify-2026-01.pem"),
        pem("PUBLIC KEY", &spki).as_bytes(),
    )
    .unwrap();
    fs::remove_file(dir.path().join(SIGNING_KEY_FILE)).unwrap();
    let new = ServerKeys::open_or_create(dir.path()).unwrap();
    assert_ne!(new.kid(), old.kid());
    let signature = old.ring().current().signing().sign(b"message");
    let keys = new.ring().current();
    keys.find(&old.kid(), 0)
        .unwrap()
        .verify_sig(b"message", &signature)
        .unwrap();
    assert!(
        keys.find(&new.kid(), 0)
            .unwrap()
            .verify_sig(b"message", &signature)
            .is_err()
    );
    fs::write(dir.path().join("verify-x.pem"), "nonsense").unwrap();
    assert!(matches!(
        ServerKeys::open_or_create(dir.path()),
        Err(Error::BrokenVerifyKey { .. })
    ));
}

#[test]
fn debug_shows_no_key() {
    let keys = ServerKeys::open_or_create(tempfile::tempdir().unwrap().path()).unwrap();
    assert_eq!(
        format!("{keys:?}"),
        format!("ServerKeys {{ kid: {:?}, .. }}", keys.kid())
    );
}

#[test]
fn a_rotation_is_seen_by_all_and_old_keys_end() {
    let dir = tempfile::tempdir().unwrap();
    let keys = ServerKeys::open_or_create(dir.path()).unwrap();
    let (ring, first) = (keys.ring(), keys.kid());
    KeyFolder::at(dir.path()).rotate(&keys, 1_000).unwrap();
    let second = keys.kid();
    assert_ne!(first, second);
    let until = 1_000 + RETIRED_SECS;
    let state = |kid: &str, is_signing, verifies_until| KeyState {
        kid: kid.to_owned(),
        is_signing,
        verifies_until,
    };
    let both = [state(&second, true, None), state(&first, false, Some(until))];
    assert_eq!(keys.list(1_000), both);
    assert_eq!(
        ServerKeys::open_or_create(dir.path()).unwrap().list(1_000),
        both,
        "a restart knows the same"
    );
    let now = ring.current();
    assert_eq!(now.signing().kid(), second);
    assert!(now.find(&first, until - 1).is_some() && now.find(&first, until).is_none());
    assert_eq!(now.published(until - 1).len(), 2);
    assert_eq!(now.published(until).len(), 1);
    // What has ended is cleaned up by the next rotation; what has not is kept.
    KeyFolder::at(dir.path()).rotate(&keys, until).unwrap();
    assert_eq!(keys.list(until).len(), 2);
    assert_eq!(list_verify_files(dir.path()).unwrap().len(), 1);
    KeyFolder::at(dir.path()).forget_retired(&keys).unwrap();
    assert_eq!(keys.list(until), [state(&keys.kid(), true, None)]);
    assert!(ring.current().find(&second, until).is_none());
}

/// Puts public keys into a folder that end with no rotation.
fn hold_verify_keys(keys: &ServerKeys, dir: &Path, count: usize) {
    let spki = keys.ring().current().signing().spki().unwrap();
    for index in 0..count {
        fs::write(
            dir.join(format!("verify-{index}.pem")),
            pem("PUBLIC KEY", &spki).as_bytes(),
        )
        .unwrap();
    }
}

#[test]
fn more_public_keys_than_are_ever_needed_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let keys = ServerKeys::open_or_create(dir.path()).unwrap();
    hold_verify_keys(&keys, dir.path(), MAX_VERIFY_KEYS + 1);
    assert!(matches!(
        ServerKeys::open_or_create(dir.path()),
        Err(Error::TooManyVerifyKeys { .. })
    ));
}

#[test]
fn rotating_in_a_loop_is_refused_and_breaks_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let keys = ServerKeys::open_or_create(dir.path()).unwrap();
    hold_verify_keys(&keys, dir.path(), MAX_VERIFY_KEYS);
    let before = keys.kid();
    assert!(matches!(
        KeyFolder::at(dir.path()).rotate(&keys, 1_000),
        Err(Error::TooManyVerifyKeys { .. })
    ));
    assert_eq!(keys.kid(), before);
    assert_eq!(ServerKeys::open_or_create(dir.path()).unwrap().kid(), before);
}
