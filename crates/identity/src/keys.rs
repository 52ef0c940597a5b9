//! The server's own keys: one RSA pair that signs tokens, older public keys that still verify them, and the master key
//! that other keys are derived from. Made on first start in a folder of the data directory; every node of one service
//! needs the same folder's content.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

/// The pair that signs tokens: PKCS #8, PEM, mode 0600.
const SIGNING_KEY_FILE: &str = "signing-key.pem";
/// 32 random bytes as one line of base64, mode 0600.
const MASTER_KEY_FILE: &str = "master.key";
/// Public keys that verify tokens and sign none: `verify-*.pem`. To replace the signing key, keep its public half under
/// such a name until the last token that it signed has expired (three hours).
const VERIFY_PREFIX: &str = "verify-";
/// The most `verify-*.pem` files that are read; more means that nobody cleans up.
const MAX_VERIFY_KEYS: usize = 8;
/// The length of the master key.
pub(crate) const MASTER_KEY_BYTES: usize = 32;
/// RSA moduli that are accepted from files: 2048 to 8192 bits.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// The server's own keys.
pub struct ServerKeys {
    signing: Arc<SigningKey>,
    verifying: Arc<HashMap<String, ParsedPublicKey>>,
    master: Zeroizing<[u8; MASTER_KEY_BYTES]>,
}

/// The pair that signs tokens, and the name of its public half.
pub(crate) struct SigningKey {
    kid: String,
    pair: RsaKeyPair,
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
        let mut verifying = read_verify_keys(dir)?;
        verifying.insert(signing.kid.clone(), signing.public()?);
        let master = master_key(&dir.join(MASTER_KEY_FILE))?;
        Ok(Self {
            signing: Arc::new(signing),
            verifying: Arc::new(verifying),
            master,
        })
    }

    /// The name of the key that signs: the fingerprint of its public half.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.signing.kid
    }

    pub(crate) fn signing(&self) -> Arc<SigningKey> {
        Arc::clone(&self.signing)
    }

    pub(crate) fn verifying(&self) -> Arc<HashMap<String, ParsedPublicKey>> {
        Arc::clone(&self.verifying)
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
            let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| broken())?;
            if !MODULUS_BYTES.contains(&pair.public_modulus_len()) {
                return Err(broken());
            }
            return Self::new(pair);
        }
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| Error::Crypto {
            action: "make an RSA key",
        })?;
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| Error::Crypto {
            action: "encode the RSA key",
        })?;
        private_file::write(path, pem("PRIVATE KEY", der.as_ref()).as_bytes(), Readable::ByOwner)?;
        Self::new(pair)
    }

    fn new(pair: RsaKeyPair) -> Result<Self, Error> {
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| Error::Crypto {
            action: "encode the public key",
        })?;
        Ok(Self {
            kid: fingerprint(public.as_ref()),
            pair,
        })
    }

    fn public(&self) -> Result<ParsedPublicKey, Error> {
        ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.pair.public_key().as_ref()).map_err(|_| Error::Crypto {
            action: "read back the public key",
        })
    }

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half, for others to check our tokens with.
    pub(crate) fn public_pkcs1(&self) -> Vec<u8> {
        self.pair.public_key().as_ref().to_vec()
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

fn read_verify_keys(dir: &Path) -> Result<HashMap<String, ParsedPublicKey>, Error> {
    let failed = |source| private_file::Error::Io {
        action: "list the folder",
        path: dir.to_owned(),
        source,
    };
    let mut keys = HashMap::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let is_verify_key = name
            .to_str()
            .is_some_and(|n| n.starts_with(VERIFY_PREFIX) && n.ends_with(".pem"));
        if !is_verify_key {
            continue;
        }
        let path = dir.join(name);
        let Some(pem) = private_file::read_public(&path)? else {
            continue;
        };
        let key = SubjectPublicKeyInfoDer::from_pem_slice(&pem).ok().and_then(|der| {
            Some((
                fingerprint(&der),
                ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &*der).ok()?,
            ))
        });
        let Some((kid, key)) = key else {
            return Err(Error::BrokenVerifyKey { path });
        };
        keys.insert(kid, key);
        if keys.len() > MAX_VERIFY_KEYS {
            return Err(Error::TooManyVerifyKeys { dir: dir.to_owned() });
        }
    }
    Ok(keys)
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
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_are_made_once_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("keys");
        let first = ServerKeys::open_or_create(&folder).unwrap();
        let again = ServerKeys::open_or_create(&folder).unwrap();
        assert_eq!(first.kid(), again.kid());
        assert_eq!(first.master(), again.master());
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
        assert_ne!(first.master(), other.master());
    }

    #[test]
    fn a_key_name_looks_like_acrs() {
        let keys = ServerKeys::open_or_create(tempfile::tempdir().unwrap().path()).unwrap();
        let groups: Vec<&str> = keys.kid().split(':').collect();
        assert_eq!(groups.len(), 12, "{}", keys.kid());
        let is_base32 =
            |g: &&str| g.len() == 4 && g.bytes().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b));
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

    #[test]
    fn a_retired_public_key_still_verifies() {
        let dir = tempfile::tempdir().unwrap();
        let old = ServerKeys::open_or_create(dir.path()).unwrap();
        let spki: PublicKeyX509Der<'_> = old.signing.pair.public_key().as_der().unwrap();
        fs::write(
            dir.path().join("verify-2026-01.pem"),
            pem("PUBLIC KEY", spki.as_ref()).as_bytes(),
        )
        .unwrap();
        fs::remove_file(dir.path().join(SIGNING_KEY_FILE)).unwrap();
        let new = ServerKeys::open_or_create(dir.path()).unwrap();
        assert_ne!(new.kid(), old.kid());
        let signature = old.signing().sign(b"message");
        new.verifying()[old.kid()].verify_sig(b"message", &signature).unwrap();
        assert!(new.verifying()[new.kid()].verify_sig(b"message", &signature).is_err());
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
}
