//! Passwords that people choose. They can be guessed, so what is stored is slow to compute (Argon2id) and needs a key of
//! the server besides. It refuses to be used for generated secrets: those need no slow hash
//! ([`Sealer::verifier`](crate::Sealer::verifier)).

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::constant_time;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::keys::ServerKeys;
use crate::sealed::derive;

/// The shortest password that is taken (NIST SP 800-63B asks for 8 at least; a guesser needs no account name here).
pub const MIN_PASSWORD_CHARS: usize = 12;
/// The longest; hashing a longer one costs more time and gains nothing.
pub const MAX_PASSWORD_BYTES: usize = 256;
/// Memory that one hash needs: 19 MiB, as OWASP advises for two passes.
pub const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// Begins a verifier; other parameters get another.
const FORM: &str = "argon2id-1";

/// Hashes passwords, slowly, under a key of the server.
pub struct PasswordHasher {
    pepper: Zeroizing<[u8; 32]>,
    /// The verifier of a password that nobody knows: for accounts that do not exist.
    decoy: String,
}

impl PasswordHasher {
    /// A hasher under the server's master key. Every node with that key knows the passwords of all.
    #[must_use]
    pub fn new(keys: &ServerKeys) -> Self {
        let pepper = derive(keys.master(), b"holdfast passwords of people v1");
        let decoy = verifier_text(&[0; SALT_BYTES], &[0; HASH_BYTES]);
        Self { pepper, decoy }
    }

    /// What to store in order to recognise the password later. Takes tens of milliseconds: not for an async thread.
    ///
    /// # Errors
    /// The password is too short, too long, or holds control characters.
    pub fn verifier(&self, password: &SecretString) -> Result<String, Error> {
        let text = password.expose_secret();
        let length = text.chars().count();
        if length < MIN_PASSWORD_CHARS || text.len() > MAX_PASSWORD_BYTES || text.chars().any(char::is_control) {
            return Err(Error { length });
        }
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).expect("the operating system gives random bytes");
        Ok(verifier_text(&salt, &self.hash(text, &salt)))
    }

    /// Whether this is the password of the verifier; the same work is done, and `false` is said, when there is none,
    /// which a caller passes for an account that does not exist. Not for an async thread.
    #[must_use]
    pub fn matches(&self, password: &SecretString, verifier: Option<&str>) -> bool {
        let known = verifier.and_then(parse);
        let is_known = known.is_some();
        let (salt, hash) = known.or_else(|| parse(&self.decoy)).unwrap_or_default();
        let text = password.expose_secret();
        // A longer one was never stored; its beginning costs what the others cost.
        let is_short_enough = text.len() <= MAX_PASSWORD_BYTES;
        let text = &text[..text.floor_char_boundary(MAX_PASSWORD_BYTES)];
        let is_equal = constant_time::verify_slices_are_equal(&*self.hash(text, &salt), &hash).is_ok();
        is_equal && is_known && is_short_enough
    }

    fn hash(&self, password: &str, salt: &[u8; SALT_BYTES]) -> Zeroizing<[u8; HASH_BYTES]> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH_BYTES)).expect("the parameters are in range");
        let argon = Argon2::new_with_secret(&*self.pepper, Algorithm::Argon2id, Version::V0x13, params)
            .expect("the key is short enough");
        let mut hash = Zeroizing::new([0; HASH_BYTES]);
        argon
            .hash_password_into(password.as_bytes(), salt, &mut *hash)
            .expect("salt and output have allowed lengths");
        hash
    }
}

fn verifier_text(salt: &[u8; SALT_BYTES], hash: &[u8; HASH_BYTES]) -> String {
    format!(
        "{FORM}${}${}",
        STANDARD_NO_PAD.encode(salt),
        STANDARD_NO_PAD.encode(hash)
    )
}

fn parse(verifier: &str) -> Option<([u8; SALT_BYTES], [u8; HASH_BYTES])> {
    let (salt, hash) = verifier.strip_prefix(FORM)?.strip_prefix('$')?.split_once('$')?;
    let salt = STANDARD_NO_PAD.decode(salt).ok()?.try_into().ok()?;
    let hash = STANDARD_NO_PAD.decode(hash).ok()?.try_into().ok()?;
    Some((salt, hash))
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHasher(..)")
    }
}

/// The password is not one that is taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a password has {MIN_PASSWORD_CHARS} characters at least, {MAX_PASSWORD_BYTES} bytes at most and no control \
     characters; this one has {length} characters"
)]
pub struct Error {
    length: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password_hasher() -> PasswordHasher {
        PasswordHasher::new(&ServerKeys::open_or_create(tempfile::tempdir().unwrap().path()).unwrap())
    }

    #[test]
    fn a_password_is_recognised_by_its_own_server_only() {
        let (ours, theirs) = (password_hasher(), password_hasher());
        let password = SecretString::from("correct horse battery");
        let verifier = ours.verifier(&password).unwrap();
        assert!(ours.matches(&password, Some(&verifier)));
        assert!(!theirs.matches(&password, Some(&verifier)));
        assert!(!ours.matches(&SecretString::from("correct horse batterz"), Some(&verifier)));
        assert_ne!(verifier, ours.verifier(&password).unwrap(), "salted");
        assert!(!verifier.contains("horse"));
    }

    #[test]
    fn nobody_and_damaged_verifiers_match_nothing() {
        let ours = password_hasher();
        for password in ["", "x", &"x".repeat(10_000)] {
            let password = SecretString::from(password);
            assert!(!ours.matches(&password, None));
            assert!(!ours.matches(&password, Some("")));
            assert!(!ours.matches(&password, Some(&ours.decoy)));
        }
    }

    #[test]
    fn short_long_and_odd_passwords_are_not_taken() {
        let ours = password_hasher();
        for bad in [
            "",
            "elevenchars",
            &"x".repeat(MAX_PASSWORD_BYTES + 1),
            "with a\nline break",
        ] {
            assert!(ours.verifier(&SecretString::from(bad)).is_err(), "{bad:?}");
        }
        let longest = SecretString::from("é".repeat(MAX_PASSWORD_BYTES / 2));
        let verifier = ours.verifier(&longest).unwrap();
        assert!(ours.matches(&longest, Some(&verifier)));
        let longer = SecretString::from(longest.expose_secret().to_owned() + "é");
        assert!(!ours.matches(&longer, Some(&verifier)));
    }
}
