//! Keys that nodes share: rows of their database, the private halves sealed under the master key. A rotation is told
//! before it counts, so that every node knows a key when the first token comes that it signed.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;
use zeroize::Zeroizing;

use super::ring::VerifyKey;
use super::{Error, KeySet, MasterKey, Ring, ServerKeys, SigningKey};
use crate::sealed::Vault;

/// What seals private keys is told apart from what seals other secrets.
const PURPOSE: &[u8] = b"holdfast signing keys at rest v1";

/// A key as its row has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// The name of its public half, as in the `kid` of tokens.
    pub kid: String,
    /// The public half: a SubjectPublicKeyInfo in DER.
    pub public: Vec<u8>,
    /// The private half in PKCS #8, sealed; `None` once it signs no more.
    pub sealed: Option<Vec<u8>>,
    /// The second (Unix time) from which it signs.
    pub signs_from: i64,
    /// The second from which it verifies nothing more; `None` when no end is set.
    pub verifies_until: Option<i64>,
}

impl StoredKey {
    /// Makes a pair. Blocks for as long as it takes to find two primes.
    ///
    /// # Errors
    /// The crypto library failed.
    pub fn generate(master: &MasterKey, signs_from: i64) -> Result<Self, Error> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| Error::Crypto {
            action: "make an RSA key",
        })?;
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| Error::Crypto {
            action: "encode the RSA key",
        })?;
        let private = Zeroizing::new(der.as_ref().to_vec());
        let key = SigningKey::new(pair)?;
        Ok(Self {
            public: key.spki()?,
            sealed: Some(Vault::new(master, PURPOSE).seal(&private, key.kid())),
            kid: key.kid,
            signs_from,
            verifies_until: None,
        })
    }

    fn open(&self, master: &MasterKey, sealed: &[u8]) -> Result<SigningKey, Error> {
        let does_not_open = || Error::SealedByAnother { kid: self.kid.clone() };
        let opened = Vault::new(master, PURPOSE).open(sealed, &self.kid);
        let private = opened.ok_or_else(does_not_open)?;
        SigningKey::new(RsaKeyPair::from_pkcs8(&private).map_err(|_| does_not_open())?)
    }
}

impl ServerKeys {
    /// Those of the rows. `now` is in Unix seconds.
    ///
    /// # Errors
    /// No key signs, or one does not open with this master key.
    pub fn of_stored(master: MasterKey, stored: &[StoredKey], now: i64) -> Result<Self, Error> {
        let ring = std::sync::Arc::new(Ring::new(key_set(&master, stored, now)?));
        Ok(Self { ring, master })
    }

    /// Takes up what the rows say now. Everything made from these keys uses them from now on.
    ///
    /// # Errors
    /// As [`ServerKeys::of_stored`]; then nothing has changed.
    pub fn renew(&self, stored: &[StoredKey], now: i64) -> Result<(), Error> {
        self.ring.replace(key_set(&self.master, stored, now)?);
        Ok(())
    }
}

fn key_set(master: &MasterKey, stored: &[StoredKey], now: i64) -> Result<KeySet, Error> {
    let signs = |key: &&StoredKey| key.sealed.is_some() && key.verifies_until.is_none_or(|until| now < until);
    let newest = stored.iter().filter(signs).filter(|key| key.signs_from <= now);
    let newest = newest.max_by_key(|key| (key.signs_from, &key.kid));
    // The clock of this node may be behind that of the one that made the only key.
    let signing = newest.or_else(|| stored.iter().filter(signs).min_by_key(|key| (key.signs_from, &key.kid)));
    let (signing, sealed) = signing
        .and_then(|key| Some((key, key.sealed.as_ref()?)))
        .ok_or(Error::NoSigningKey)?;
    let others = stored.iter().filter(|key| key.kid != signing.kid).map(|key| {
        let read = VerifyKey::of_spki(&key.public, key.verifies_until).filter(|read| read.kid == key.kid);
        read.ok_or_else(|| Error::BrokenStoredKey { kid: key.kid.clone() })
    });
    let others = others.collect::<Result<Vec<_>, _>>()?;
    KeySet::new(signing.open(master, sealed)?, others)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master() -> MasterKey {
        MasterKey::create(&tempfile::tempdir().unwrap().path().join("master.key")).unwrap()
    }

    fn signs(keys: &ServerKeys, other: &ServerKeys, now: i64) -> bool {
        let signing = keys.ring().current();
        let signature = signing.signing().sign(b"message");
        let others = other.ring().current();
        let found = others.find(&keys.kid(), now);
        found.is_some_and(|key| key.verify_sig(b"message", &signature).is_ok())
    }

    #[test]
    fn every_node_with_the_rows_and_the_master_key_signs_and_verifies_the_same() {
        let master = master();
        let rows = [StoredKey::generate(&master, 100).unwrap()];
        let one = ServerKeys::of_stored(master.clone(), &rows, 100).unwrap();
        let two = ServerKeys::of_stored(master, &rows, 50).unwrap();
        assert_eq!(one.kid(), two.kid(), "also where the clock is behind");
        assert!(signs(&one, &two, 100) && signs(&two, &one, 100));
    }

    #[test]
    fn a_key_verifies_before_it_signs_and_after() {
        let master = master();
        let mut old = StoredKey::generate(&master, 100).unwrap();
        old.verifies_until = Some(1_000);
        let new = StoredKey::generate(&master, 200).unwrap();
        let rows = [old.clone(), new.clone()];
        let keys = ServerKeys::of_stored(master, &rows, 199).unwrap();
        assert_eq!(keys.kid(), old.kid);
        let ahead = ServerKeys::of_stored(keys.master().clone(), &rows, 200).unwrap();
        assert_eq!(ahead.kid(), new.kid);
        assert!(signs(&ahead, &keys, 199), "a node that is behind knows it already");
        assert!(signs(&keys, &ahead, 999) && !signs(&keys, &ahead, 1_000));
        keys.renew(&rows, 200).unwrap();
        assert_eq!(keys.kid(), new.kid);
        old.sealed = None;
        keys.renew(&[old, new], 100).unwrap();
        assert_eq!(keys.kid(), ahead.kid(), "one whose private half is gone signs nothing");
    }

    #[test]
    fn rows_of_another_master_key_are_refused_and_change_nothing() {
        let (ours, theirs) = (master(), master());
        let rows = [StoredKey::generate(&ours, 0).unwrap()];
        let keys = ServerKeys::of_stored(ours.clone(), &rows, 0).unwrap();
        let refused = ServerKeys::of_stored(theirs.clone(), &rows, 0).unwrap_err();
        assert!(matches!(refused, Error::SealedByAnother { .. }), "{refused}");
        let foreign = [StoredKey::generate(&theirs, 0).unwrap()];
        assert!(keys.renew(&foreign, 0).is_err());
        assert_eq!(keys.kid(), rows[0].kid);
        assert!(matches!(keys.renew(&[], 0), Err(Error::NoSigningKey)));
        // A row that was copied over another one.
        let mut swapped = StoredKey::generate(&ours, 0).unwrap();
        swapped.sealed.clone_from(&rows[0].sealed);
        assert!(keys.renew(&[swapped], 0).is_err());
    }

    #[test]
    fn a_public_half_under_another_name_is_refused() {
        let master = master();
        let good = StoredKey::generate(&master, 10).unwrap();
        let mut renamed = StoredKey::generate(&master, 0).unwrap();
        renamed.kid.clone_from(&good.kid.replace(':', "-"));
        let refused = ServerKeys::of_stored(master, &[good, renamed], 10).unwrap_err();
        assert!(matches!(refused, Error::BrokenStoredKey { .. }), "{refused}");
    }
}
