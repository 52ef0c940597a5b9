//! Secrets at rest. What must be shown again (ACR lists admin passwords) is sealed with AES-256-GCM; what must only be
//! recognised is kept as a keyed hash. Both keys are derived from the server's master key, so neither can be turned into
//! the other, and the database alone opens nothing.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::{constant_time, hkdf, hmac};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::keys::{MasterKey, ServerKeys};

/// The first byte of a sealed secret; another way to seal gets another.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// The longest secret that is sealed. Generated ones have 52 bytes; secrets of upstream registries may be tokens.
pub const MAX_SECRET_BYTES: usize = 16 * 1024;
/// The length of a [`Sealer::verifier`].
pub const VERIFIER_BYTES: usize = 32;

/// Seals, opens and recognises secrets.
pub struct Sealer {
    vault: Vault,
    recognising: hmac::Key,
}

/// Seals bytes for one purpose.
pub(crate) struct Vault(RandomizedNonceKey);

impl Sealer {
    /// A sealer under the server's master key. Every node with that key opens what any of them sealed.
    #[must_use]
    pub fn new(keys: &ServerKeys) -> Self {
        let recognising = derive(keys.master(), b"holdfast secret verifiers v1");
        Self {
            vault: Vault::new(keys.master(), b"holdfast secrets at rest v1"),
            recognising: hmac::Key::new(hmac::HMAC_SHA256, &*recognising),
        }
    }

    /// Seals a secret for one context, such as `registry 7 password2`. It opens only with the same `context`, so a row copied
    /// over another one does not open. The result differs each time.
    ///
    /// # Errors
    /// The secret is longer than [`MAX_SECRET_BYTES`].
    pub fn seal(&self, secret: &SecretString, context: &str) -> Result<Vec<u8>, Error> {
        let secret = secret.expose_secret().as_bytes();
        if secret.len() > MAX_SECRET_BYTES {
            return Err(Error::TooLong {
                length_bytes: secret.len(),
            });
        }
        Ok(self.vault.seal(secret, context))
    }

    /// Opens what [`seal`](Self::seal) made for the same context.
    ///
    /// # Errors
    /// It was sealed for another context or with another master key, or is damaged; which of these is not told.
    pub fn open(&self, sealed: &[u8], context: &str) -> Result<SecretString, Error> {
        let does_not_open = || Error::DoesNotOpen {
            context: context.to_owned(),
        };
        let plain = self.vault.open(sealed, context).ok_or_else(does_not_open)?;
        let plain = std::str::from_utf8(&plain).map_err(|_| does_not_open())?;
        Ok(SecretString::from(plain))
    }

    /// What to store in order to recognise a secret later: a keyed hash. One pass is enough, for the secrets are
    /// generated with full entropy ([`password::generate`](crate::password::generate)): there is nothing to guess, and a
    /// slow hash would only let strangers make the server work.
    #[must_use]
    pub fn verifier(&self, secret: &str) -> [u8; VERIFIER_BYTES] {
        let tag = hmac::sign(&self.recognising, secret.as_bytes());
        tag.as_ref().try_into().expect("HMAC-SHA256 has 32 bytes")
    }

    /// Whether this is the secret of the verifier, in the same time for every wrong one.
    #[must_use]
    pub fn matches(&self, secret: &str, verifier: &[u8; VERIFIER_BYTES]) -> bool {
        self.find(secret, &[verifier], |verifier| verifier).is_some()
    }

    /// The one, by its verifier, that this is the secret of. The same work is done for every list of one length and
    /// nearly the same for an empty list, which a caller passes for an account that does not exist.
    #[must_use]
    pub fn find<'k, T>(
        &self,
        secret: &str,
        kept: &'k [T],
        verifier: impl Fn(&T) -> &[u8; VERIFIER_BYTES],
    ) -> Option<&'k T> {
        let offered = self.verifier(secret);
        let mut found = None;
        for one in kept {
            if constant_time::verify_slices_are_equal(&offered, verifier(one)).is_ok() {
                found = Some(one);
            }
        }
        found
    }
}

impl Vault {
    pub(crate) fn new(master: &MasterKey, purpose: &'static [u8]) -> Self {
        let key = derive(master, purpose);
        Self(RandomizedNonceKey::new(&AES_256_GCM, &*key).expect("the derived key has the cipher's length"))
    }

    /// Seals for one context. `secret` has a bounded length.
    pub(crate) fn seal(&self, secret: &[u8], context: &str) -> Vec<u8> {
        // Room for the tag from the start: growing would leave the plain text in freed memory.
        let mut text = Vec::with_capacity(secret.len() + TAG_BYTES);
        text.extend_from_slice(secret);
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(context.as_bytes()), &mut text)
            .expect("a text of bounded length can be sealed");
        [&[VERSION], nonce.as_ref().as_slice(), &text].concat()
    }

    /// Opens what was sealed for this purpose and context; `None` when that is something else.
    pub(crate) fn open(&self, sealed: &[u8], context: &str) -> Option<Zeroizing<Vec<u8>>> {
        let (version, rest) = sealed.split_first()?;
        if *version != VERSION || rest.len() < NONCE_BYTES || rest.len() > NONCE_BYTES + MAX_SECRET_BYTES + TAG_BYTES {
            return None;
        }
        let (nonce, text) = rest.split_at(NONCE_BYTES);
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self
            .0
            .open_in_place(nonce, Aad::from(context.as_bytes()), &mut text)
            .ok()?
            .len();
        text.truncate(length);
        Some(text)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(..)")
    }
}

/// A key of its own for a purpose.
pub(crate) fn derive(master: &MasterKey, purpose: &'static [u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"holdfast")
        .extract(master.bytes())
        .expand(&[purpose], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut *key))
        .expect("HKDF-SHA256 yields 32 bytes");
    key
}

/// Why a secret was not sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Longer than [`MAX_SECRET_BYTES`].
    #[error("secret of {length_bytes} bytes is longer than {MAX_SECRET_BYTES}")]
    TooLong {
        /// Its length.
        length_bytes: usize,
    },
    /// Not sealed for this context with this server's master key.
    #[error("the secret stored for {context:?} does not open; was the database moved here without the key folder?")]
    DoesNotOpen {
        /// Where it was to be used.
        context: String,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sealer() -> Sealer {
        Sealer::new(&ServerKeys::open_or_create(tempfile::tempdir().unwrap().path()).unwrap())
    }

    #[test]
    fn a_sealed_secret_opens_in_its_context_only() {
        let (ours, theirs) = (sealer(), sealer());
        let sealed = ours.seal(&SecretString::from("tiger"), "registry 1 password").unwrap();
        assert_eq!(
            ours.open(&sealed, "registry 1 password").unwrap().expose_secret(),
            "tiger"
        );
        assert!(ours.open(&sealed, "registry 1 password2").is_err());
        assert!(theirs.open(&sealed, "registry 1 password").is_err());
        assert_ne!(
            sealed,
            ours.seal(&SecretString::from("tiger"), "registry 1 password").unwrap()
        );
    }

    #[test]
    fn every_damaged_byte_is_noticed() {
        let sealer = sealer();
        let sealed = sealer.seal(&SecretString::from("tiger"), "here").unwrap();
        for index in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[index] ^= 1;
            assert!(sealer.open(&damaged, "here").is_err(), "byte {index}");
            assert!(sealer.open(&sealed[..index], "here").is_err(), "cut at {index}");
        }
    }

    #[test]
    fn a_secret_has_a_longest_length() {
        let sealer = sealer();
        let longest = "x".repeat(MAX_SECRET_BYTES);
        let sealed = sealer.seal(&SecretString::from(longest.as_str()), "here").unwrap();
        assert_eq!(sealer.open(&sealed, "here").unwrap().expose_secret(), longest);
        assert!(sealer.seal(&SecretString::from(longest + "x"), "here").is_err());
    }

    #[test]
    fn a_verifier_recognises_its_secret_only() {
        let (ours, theirs) = (sealer(), sealer());
        let (one, two) = (ours.verifier("one"), ours.verifier("two"));
        assert!(ours.matches("one", &one) && !ours.matches("one", &two) && !ours.matches("", &one));
        assert_eq!(ours.find("two", &[(0, one), (1, two)], |kept| &kept.1), Some(&(1, two)));
        assert_eq!(ours.find("three", &[one, two], |kept| kept), None);
        assert_eq!(ours.find::<[u8; VERIFIER_BYTES]>("one", &[], |kept| kept), None);
        assert_ne!(
            one,
            theirs.verifier("one"),
            "verifiers of two servers tell nothing about each other"
        );
    }

    proptest! {
        #[test]
        fn opening_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            thread_local!(static SEALER: Sealer = sealer());
            SEALER.with(|sealer| assert!(sealer.open(&bytes, "here").is_err()));
        }
    }
}
