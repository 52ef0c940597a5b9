//! The server's own keys: one RSA pair that signs tokens, older public keys that still verify them, and the master key
//! that other keys are derived from. Made on first start in a folder of the data directory; every node of one service
//! needs the same folder's content.
//!
//! A rotation makes a new pair and keeps the public half of the old one until the last token that it signed has expired.

mod ring;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair};
use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use zeroize::Zeroizing;

use crate::private_file::{self, Readable};
use crate::token::{MAX_SKEW_SECS, REFRESH_SECS};
use ring::VerifyKey;
pub(crate) use ring::{KeySet, Ring};

/// The pair that signs tokens: PKCS #8, PEM, mode 0600.
const SIGNING_KEY_FILE: &str = "signing-key.pem";
/// 32 random bytes as one line of base64, mode 0600.
const MASTER_KEY_FILE: &str = "master.key";
/// Public keys that verify tokens and sign none: `verify-*.pem`.
const VERIFY_PREFIX: &str = "verify-";
/// Those that a rotation left: the name goes on with the second (Unix time) from which the key verifies nothing more.
const UNTIL_PREFIX: &str = "verify-until-";
/// The most `verify-*.pem` files that are read; more means that nobody cleans up, or that somebody rotates in a loop.
const MAX_VERIFY_KEYS: usize = 8;
/// How long a key that signs no more is kept: the longest life of a token, and what clocks of nodes may differ.
pub const RETIRED_SECS: i64 = REFRESH_SECS + MAX_SKEW_SECS;
/// The length of the master key.
pub(crate) const MASTER_KEY_BYTES: usize = 32;

/// The server's own keys.
pub struct ServerKeys {
    dir: PathBuf,
    ring: Arc<Ring>,
    /// Held while keys are made or removed.
    changing: Mutex<()>,
    master: Zeroizing<[u8; MASTER_KEY_BYTES]>,
}

/// The pair that signs tokens, and the name of its public half.
pub(crate) struct SigningKey {
    kid: String,
    pair: RsaKeyPair,
}

/// A key as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyState {
    /// Its name in the `kid` of tokens.
    pub kid: String,
    /// Whether it signs new tokens.
    pub is_signing: bool,
    /// The second (Unix time) from which it verifies nothing more; `None` when no end is set.
    pub verifies_until: Option<i64>,
}

impl ServerKeys {
    /// Reads the keys from a folder and makes those that are missing, the folder too. Two processes must not make keys
    /// in one folder at once; the server holds the lock of its data directory when it calls this.
    ///
    /// # Errors
    /// A file is readable by others, is not what it should be, or the file system says no. A broken key is never
    /// replaced: what it signed or sealed would be lost.
    pub fn open_or_create(dir: &Path) -> Result<Self, Error> {
        private_file::create_folder(dir)?;
        let signing = SigningKey::open_or_create(&dir.join(SIGNING_KEY_FILE))?;
        let set = KeySet::new(signing, read_verify_keys(dir)?)?;
        let master = master_key(&dir.join(MASTER_KEY_FILE))?;
        Ok(Self {
            dir: dir.to_owned(),
            ring: Arc::new(Ring::new(set)),
            changing: Mutex::new(()),
            master,
        })
    }

    /// The name of the key that signs: the fingerprint of its public half.
    #[must_use]
    pub fn kid(&self) -> String {
        self.ring.current().signing().kid.clone()
    }

    /// All keys, the one that signs first. `now` is in Unix seconds.
    #[must_use]
    pub fn list(&self, now: i64) -> Vec<KeyState> {
        self.ring.current().list(now)
    }

    /// Makes a new signing key. Everything made from these keys signs with it from now on; the old one verifies for
    /// [`RETIRED_SECS`] more, and older ones whose time is over are removed. Blocks for as long as it takes to find two
    /// primes. `now` is in Unix seconds.
    ///
    /// # Errors
    /// Too many old keys are still needed, or the file system says no; then nothing has changed.
    pub fn rotate(&self, now: i64) -> Result<(), Error> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        remove_verify_keys(&self.dir, |until| until.is_some_and(|until| until <= now))?;
        if read_verify_keys(&self.dir)?.len() >= MAX_VERIFY_KEYS {
            return Err(Error::TooManyVerifyKeys { dir: self.dir.clone() });
        }
        let path = self.dir.join(SIGNING_KEY_FILE);
        let (new, pem_text) = SigningKey::generate()?;
        // The old public half first: a crash between the two leaves it there twice, which does no harm.
        let until = now.saturating_add(RETIRED_SECS);
        let old = self.ring.current().signing().spki()?;
        let retired = self.dir.join(format!("{UNTIL_PREFIX}{until}.pem"));
        private_file::write(&retired, pem("PUBLIC KEY", &old).as_bytes(), Readable::ByOwner)?;
        private_file::write(&path, pem_text.as_bytes(), Readable::ByOwner)?;
        self.ring.replace(KeySet::new(new, read_verify_keys(&self.dir)?)?);
        Ok(())
    }

    /// Forgets every key but the one that signs: tokens of older keys are void at once. For keys that somebody may have
    /// read.
    ///
    /// # Errors
    /// The file system says no.
    pub fn forget_retired(&self) -> Result<(), Error> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        remove_verify_keys(&self.dir, |_| true)?;
        let signing = SigningKey::open_or_create(&self.dir.join(SIGNING_KEY_FILE))?;
        self.ring.replace(KeySet::new(signing, Vec::new())?);
        Ok(())
    }

    pub(crate) fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.ring)
    }

    pub(crate) fn master(&self) -> &[u8; MASTER_KEY_BYTES] {
        &self.master
    }
}

impl fmt::Debug for ServerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerKeys")
            .field("kid", &self.kid())
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    fn open_or_create(path: &Path) -> Result<Self, Error> {
        let broken = || Error::BrokenSigningKey { path: path.to_owned() };
        if let Some(pem) = private_file::read_private(path)? {
            let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| broken())?;
            // It takes keys of 2048 to 8192 bits.
            let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| broken())?;
            return Self::new(pair);
        }
        let (key, pem_text) = Self::generate()?;
        private_file::write(path, pem_text.as_bytes(), Readable::ByOwner)?;
        Ok(key)
    }

    /// A new pair, and the same as PEM.
    fn generate() -> Result<(Self, Zeroizing<String>), Error> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| Error::Crypto {
            action: "make an RSA key",
        })?;
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| Error::Crypto {
            action: "encode the RSA key",
        })?;
        let pem_text = pem("PRIVATE KEY", der.as_ref());
        Ok((Self::new(pair)?, pem_text))
    }

    fn new(pair: RsaKeyPair) -> Result<Self, Error> {
        let kid = fingerprint(&spki(&pair)?);
        Ok(Self { kid, pair })
    }

    /// The public half as a SubjectPublicKeyInfo.
    fn spki(&self) -> Result<Vec<u8>, Error> {
        spki(&self.pair)
    }

    /// The public half as what verifies.
    fn public(&self) -> Result<VerifyKey, Error> {
        let pkcs1 = self.pair.public_key().as_ref().to_vec();
        let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &pkcs1).map_err(|_| Error::Crypto {
            action: "read back the public key",
        })?;
        Ok(VerifyKey {
            kid: self.kid.clone(),
            key,
            pkcs1,
            verifies_until: None,
        })
    }

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// An RS256 signature.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &rand::SystemRandom::new(), message, &mut signature)
            .expect("a checked RSA key of 2048 bits or more signs a SHA-256 digest");
        signature
    }
}

fn spki(pair: &RsaKeyPair) -> Result<Vec<u8>, Error> {
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| Error::Crypto {
        action: "encode the public key",
    })?;
    Ok(public.as_ref().to_vec())
}

/// The name of a public key in the `kid` of a token, as ACR's are: libtrust's fingerprint, which is the first 240 bits of
/// the SHA-256 of the DER-encoded key, in base 32, in groups of four.
fn fingerprint(spki: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = digest::digest(&digest::SHA256, spki);
    let mut letters = String::with_capacity(59);
    let mut written = 0;
    for five_bytes in hash.as_ref()[..30].chunks_exact(5) {
        let bits = five_bytes.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        for shift in (0..8).rev() {
            if written > 0 && written % 4 == 0 {
                letters.push(':');
            }
            letters.push(char::from(ALPHABET[(bits >> (shift * 5) & 31) as usize]));
            written += 1;
        }
    }
    letters
}

/// The `verify-*.pem` files of a folder, and for each the end of its time, when its name tells one.
fn list_verify_files(dir: &Path) -> Result<Vec<(PathBuf, Option<i64>)>, Error> {
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

fn read_verify_keys(dir: &Path) -> Result<Vec<VerifyKey>, Error> {
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

fn master_key(path: &Path) -> Result<Zeroizing<[u8; MASTER_KEY_BYTES]>, Error> {
    let mut key = Zeroizing::new([0; MASTER_KEY_BYTES]);
    if let Some(line) = private_file::read_private(path)? {
        let written = STANDARD.decode_slice(line.trim_ascii_end(), &mut *key);
        return match written {
            Ok(MASTER_KEY_BYTES) => Ok(key),
            _ => Err(Error::BrokenMasterKey { path: path.to_owned() }),
        };
    }
    rand::fill(&mut *key).map_err(|_| Error::Crypto {
        action: "draw random bytes",
    })?;
    let mut line = Zeroizing::new(STANDARD.encode(*key));
    line.push('\n');
    private_file::write(path, line.as_bytes(), Readable::ByOwner)?;
    Ok(key)
}

fn pem(label: &str, der: &[u8]) -> Zeroizing<String> {
    const LINE: usize = 64;
    let body = Zeroizing::new(STANDARD.encode(der));
    let mut text = Zeroizing::new(String::with_capacity(
        body.len() + body.len() / LINE + 2 * label.len() + 40,
    ));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

/// Why the keys could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A key file could not be read or written.
    #[error(transparent)]
    File(#[from] private_file::Error),
    /// The signing key is not an RSA key of 2048 to 8192 bits in PKCS #8.
    #[error(
        "{} is not an RSA private key in PKCS #8 PEM; restore it, or remove it to make a new one (all tokens become void)",
        path.display()
    )]
    BrokenSigningKey {
        /// The file.
        path: PathBuf,
    },
    /// An older public key cannot be read.
    #[error("{} is not an RSA public key in PEM; remove it when the tokens it signed have expired", path.display())]
    BrokenVerifyKey {
        /// The file.
        path: PathBuf,
    },
    /// Too many older public keys.
    #[error("more than {MAX_VERIFY_KEYS} {VERIFY_PREFIX}*.pem files in {}; remove the oldest", dir.display())]
    TooManyVerifyKeys {
        /// The folder.
        dir: PathBuf,
    },
    /// The master key is not 32 bytes of base64.
    #[error(
        "{} is not {MASTER_KEY_BYTES} bytes in base64; restore it from a backup, for stored secrets open with no other",
        path.display()
    )]
    BrokenMasterKey {
        /// The file.
        path: PathBuf,
    },
    /// The crypto library failed, which leaves nothing to try.
    #[error("cannot {action}")]
    Crypto {
        /// What was attempted.
        action: &'static str,
    },
}

#[cfg(test)]
mod tests;
