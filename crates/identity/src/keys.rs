//! The server's own keys: one RSA pair that signs tokens, older public keys that still verify them, and the master key
//! that other keys are derived from. A server whose database is a file keeps them in a folder beside it; nodes that share
//! a database keep the pairs there, and the master key in a file that each node has.
//!
//! A rotation makes a new pair and keeps the public half of the old one until the last token that it signed has expired.

mod folder;
mod master;
mod ring;
mod stored;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair};
use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use zeroize::Zeroizing;

use crate::private_file::{self, Readable};
use crate::token::{MAX_SKEW_SECS, REFRESH_SECS};
pub use folder::KeyFolder;
use folder::{MASTER_KEY_FILE, SIGNING_KEY_FILE, read_verify_keys};
pub use master::MasterKey;
use ring::VerifyKey;
pub(crate) use ring::{KeySet, Ring};
pub use stored::StoredKey;

/// The most `verify-*.pem` files that are read; more means that nobody cleans up, or that somebody rotates in a loop.
const MAX_VERIFY_KEYS: usize = 8;
/// How long a key that signs no more is kept: the longest life of a token, and what clocks of nodes may differ.
pub const RETIRED_SECS: i64 = REFRESH_SECS + MAX_SKEW_SECS;

/// The server's own keys.
pub struct ServerKeys {
    ring: Arc<Ring>,
    master: MasterKey,
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
        let master = MasterKey::open_or_create(&dir.join(MASTER_KEY_FILE))?;
        Self::open_under(dir, master)
    }

    /// The same with a master key that lies elsewhere.
    ///
    /// # Errors
    /// As [`ServerKeys::open_or_create`].
    pub fn open_under(dir: &Path, master: MasterKey) -> Result<Self, Error> {
        private_file::create_folder(dir)?;
        let signing = SigningKey::open_or_create(&dir.join(SIGNING_KEY_FILE))?;
        let set = KeySet::new(signing, read_verify_keys(dir)?)?;
        let ring = Arc::new(Ring::new(set));
        Ok(Self { ring, master })
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

    pub(crate) fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.ring)
    }

    pub(crate) fn master(&self) -> &MasterKey {
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
    #[error("more than {MAX_VERIFY_KEYS} verify-*.pem files in {}; remove the oldest", dir.display())]
    TooManyVerifyKeys {
        /// The folder.
        dir: PathBuf,
    },
    /// The master key is not 32 bytes of base64.
    #[error(
        "{} is not 32 bytes in base64; restore it from a backup, for stored secrets open with no other",
        path.display()
    )]
    BrokenMasterKey {
        /// The file.
        path: PathBuf,
    },
    /// The private half in the database was sealed under another master key.
    #[error("key {kid} of the database does not open with this master key; give every node the same one")]
    SealedByAnother {
        /// Its name.
        kid: String,
    },
    /// The public half in the database cannot be read.
    #[error(
        "key {kid} of the database cannot be read; restore a backup of it, or rotate the keys and forget the old ones"
    )]
    BrokenStoredKey {
        /// Its name.
        kid: String,
    },
    /// The database holds no key that signs.
    #[error("the database holds no key that signs tokens; restore a backup of it")]
    NoSigningKey,
    /// The crypto library failed, which leaves nothing to try.
    #[error("cannot {action}")]
    Crypto {
        /// What was attempted.
        action: &'static str,
    },
}

#[cfg(test)]
mod tests;
