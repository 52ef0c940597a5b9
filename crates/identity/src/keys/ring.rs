//! The keys in force now, shared by everything that signs or verifies, so that a rotation is seen by all of it at once. It
//! refuses to know files.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use x509_parser::der_parser::asn1_rs::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::{Error, KeyState, SigningKey, fingerprint};

/// The keys in force now.
pub(crate) struct Ring(RwLock<Arc<KeySet>>);

/// The keys at one moment; they do not change.
pub(crate) struct KeySet {
    signing: SigningKey,
    verifying: HashMap<String, VerifyKey>,
}

/// A public key that verifies tokens.
pub(crate) struct VerifyKey {
    pub(super) kid: String,
    pub(super) key: ParsedPublicKey,
    /// The modulus and the exponent, in DER.
    pub(super) pkcs1: Vec<u8>,
    /// The second (Unix time) from which it verifies nothing more.
    pub(super) verifies_until: Option<i64>,
}

impl Ring {
    pub(super) fn new(set: KeySet) -> Self {
        Self(RwLock::new(Arc::new(set)))
    }

    /// The keys of this moment.
    pub(crate) fn current(&self) -> Arc<KeySet> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn replace(&self, set: KeySet) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
    }
}

impl KeySet {
    pub(super) fn new(signing: SigningKey, retired: Vec<VerifyKey>) -> Result<Self, Error> {
        let mut verifying: HashMap<String, VerifyKey> = retired.into_iter().map(|key| (key.kid.clone(), key)).collect();
        // The signing key has no end, also when a rotation that was cut off left its public half beside it.
        verifying.insert(signing.kid().to_owned(), signing.public()?);
        Ok(Self { signing, verifying })
    }

    /// The key that signs.
    pub(crate) fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// The key of a name, if it verifies at `now` (Unix seconds).
    pub(crate) fn find(&self, kid: &str, now: i64) -> Option<&ParsedPublicKey> {
        let found = self.verifying.get(kid)?;
        found.is_good(now).then_some(&found.key)
    }

    /// What others check our tokens with: names and PKCS #1 keys, the one that signs first.
    pub(crate) fn published(&self, now: i64) -> Vec<(&str, &[u8])> {
        self.sorted(now)
            .map(|key| (key.kid.as_str(), key.pkcs1.as_slice()))
            .collect()
    }

    pub(super) fn list(&self, now: i64) -> Vec<KeyState> {
        let state = |key: &VerifyKey| KeyState {
            kid: key.kid.clone(),
            is_signing: key.kid == self.signing.kid(),
            verifies_until: key.verifies_until,
        };
        self.sorted(now).map(state).collect()
    }

    /// Those that are good, the newest first: the later its end, the newer a key is, and the one that signs has none.
    fn sorted(&self, now: i64) -> impl Iterator<Item = &VerifyKey> {
        let mut keys: Vec<&VerifyKey> = self.verifying.values().filter(|key| key.is_good(now)).collect();
        keys.sort_by_key(|key| {
            let is_old = key.kid != self.signing.kid();
            (is_old, std::cmp::Reverse(key.verifies_until), key.kid.clone())
        });
        keys.into_iter()
    }
}

impl VerifyKey {
    /// A key in a SubjectPublicKeyInfo; `None` when that is no RSA key of a good length.
    pub(super) fn of_spki(der: &[u8], verifies_until: Option<i64>) -> Option<Self> {
        let (_, info) = SubjectPublicKeyInfo::from_der(der).ok()?;
        Some(Self {
            kid: fingerprint(der),
            key: ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).ok()?,
            pkcs1: info.subject_public_key.data.into_owned(),
            verifies_until,
        })
    }

    fn is_good(&self, now: i64) -> bool {
        self.verifies_until.is_none_or(|until| now < until)
    }
}
