//! Keys that lie in a folder of the data directory, of a server whose database is a file there: one private key, the
//! public halves of older ones, and the master key. It refuses to know what they are for.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;

use super::ring::VerifyKey;
use super::{Error, KeySet, MAX_VERIFY_KEYS, RETIRED_SECS, ServerKeys, SigningKey, pem};
use crate::private_file::{self, Readable};

/// The pair that signs tokens: PKCS #8, PEM, mode 0600.
pub(super) const SIGNING_KEY_FILE: &str = "signing-key.pem";
/// 32 random bytes as one line of base64, mode 0600.
pub(super) const MASTER_KEY_FILE: &str = "master.key";
/// Public keys that verify tokens and sign none: `verify-*.pem`.
const VERIFY_PREFIX: &str = "verify-";
/// Those that a rotation left: the name goes on with the second (Unix time) from which the key verifies nothing more.
const UNTIL_PREFIX: &str = "verify-until-";

/// A folder of keys that may change.
#[derive(Debug)]
pub struct KeyFolder {
    dir: PathBuf,
    /// Held while keys are made or removed.
    changing: Mutex<()>,
}

impl KeyFolder {
    /// The folder of a path, which [`ServerKeys::open_or_create`] made.
    #[must_use]
    pub fn at(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            changing: Mutex::new(()),
        }
    }

    /// Where the master key lies unless an operator keeps it elsewhere.
    #[must_use]
    pub fn master_key(&self) -> PathBuf {
        self.dir.join(MASTER_KEY_FILE)
    }

    /// Makes the folder, closed to others, unless it is there.
    ///
    /// # Errors
    /// The file system says no, or others can change what lies in it.
    pub fn create(&self) -> Result<(), Error> {
        Ok(private_file::create_folder(&self.dir)?)
    }

    /// Makes a new signing key. Everything made from `keys` signs with it from now on; the old one verifies for
    /// [`RETIRED_SECS`] more, and older ones whose time is over are removed. Blocks for as long as it takes to find two
    /// primes. `now` is in Unix seconds.
    ///
    /// # Errors
    /// Too many old keys are still needed, or the file system says no; then nothing has changed.
    pub fn rotate(&self, keys: &ServerKeys, now: i64) -> Result<(), Error> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        remove_verify_keys(&self.dir, |until| until.is_some_and(|until| until <= now))?;
        if read_verify_keys(&self.dir)?.len() >= MAX_VERIFY_KEYS {
            return Err(Error::TooManyVerifyKeys { dir: self.dir.clone() });
        }
        let path = self.dir.join(SIGNING_KEY_FILE);
        let (new, pem_text) = SigningKey::generate()?;
        // The old public half first: a crash between the two leaves it there twice, which does no harm.
        let until = now.saturating_add(RETIRED_SECS);
        let old = keys.ring.current().signing().spki()?;
        let retired = self.dir.join(format!("{UNTIL_PREFIX}{until}.pem"));
        private_file::write(&retired, pem("PUBLIC KEY", &old).as_bytes(), Readable::ByOwner)?;
        private_file::write(&path, pem_text.as_bytes(), Readable::ByOwner)?;
        keys.ring.replace(KeySet::new(new, read_verify_keys(&self.dir)?)?);
        Ok(())
    }

    /// Forgets every key but the one that signs: tokens of older keys are void at once. For keys that somebody may have
    /// read.
    ///
    /// # Errors
    /// The file system says no.
    pub fn forget_retired(&self, keys: &ServerKeys) -> Result<(), Error> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        remove_verify_keys(&self.dir, |_| true)?;
        let signing = SigningKey::open_or_create(&self.dir.join(SIGNING_KEY_FILE))?;
        keys.ring.replace(KeySet::new(signing, Vec::new())?);
        Ok(())
    }
}

/// The `verify-*.pem` files of a folder, and for each the end of its time, when its name tells one.
pub(super) fn list_verify_files(dir: &Path) -> Result<Vec<(PathBuf, Option<i64>)>, Error> {
    let failed = |source| private_file::Error::Io {
        action: "list the folder",
        path: dir.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let Some(name) = name.to_str().filter(|name| name.starts_with(VERIFY_PREFIX)) else {
            continue;
        };
        let Some(stem) = name.strip_suffix(".pem") else {
            continue;
        };
        let until = stem.strip_prefix(UNTIL_PREFIX).and_then(|text| text.parse().ok());
        files.push((dir.join(name), until));
    }
    Ok(files)
}

pub(super) fn read_verify_keys(dir: &Path) -> Result<Vec<VerifyKey>, Error> {
    let mut keys = Vec::new();
    for (path, verifies_until) in list_verify_files(dir)? {
        let Some(pem) = private_file::read_public(&path)? else {
            continue;
        };
        let key = SubjectPublicKeyInfoDer::from_pem_slice(&pem)
            .ok()
            .and_then(|der| VerifyKey::of_spki(&der, verifies_until));
        let Some(key) = key else {
            return Err(Error::BrokenVerifyKey { path });
        };
        keys.push(key);
        if keys.len() > MAX_VERIFY_KEYS {
            return Err(Error::TooManyVerifyKeys { dir: dir.to_owned() });
        }
    }
    Ok(keys)
}

fn remove_verify_keys(dir: &Path, goes: impl Fn(Option<i64>) -> bool) -> Result<(), Error> {
    for (path, until) in list_verify_files(dir)? {
        if goes(until) {
            fs::remove_file(&path).map_err(|source| private_file::Error::Io {
                action: "remove",
                path,
                source,
            })?;
        }
    }
    Ok(())
}
