//! The certificate that the HTTPS listener shows, reloaded when its files change. It reads files and nothing else: who
//! made them (the operator, a certificate client, or [`authority`](crate::authority)) is not its business.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::private_file;

/// The protocols offered over TLS, the preferred one first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A certificate with its key, from two files that may change.
pub struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
    /// What the files looked like when they were last tried, whether that went well or not.
    tried: Mutex<Stamps>,
}

/// What changes when a file is written or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size_bytes: u64,
    changed_at: (i64, i64),
}

type Stamps = [Option<Stamp>; 2];

impl Certificates {
    /// Loads a chain (the server's certificate first) and its key, both PEM.
    ///
    /// # Errors
    /// A file is missing or is not what it should be, or the key belongs to another certificate.
    pub fn load(certificate: PathBuf, key: PathBuf) -> Result<Self, Error> {
        // Stamped before reading: what changes in between is seen as a change.
        let tried = [stamp(&certificate), stamp(&key)];
        let current = RwLock::new(Arc::new(read(&certificate, &key)?));
        Ok(Self {
            certificate,
            key,
            current,
            tried: Mutex::new(tried),
        })
    }

    /// Looks whether the files changed and loads them if so; says whether there is a new certificate. Meant for a timer.
    /// Connections that are open keep what they have.
    ///
    /// # Errors
    /// The new files cannot be used. The old certificate stays, and the same files are not tried (and complained of)
    /// again.
    pub fn reload_if_changed(&self) -> Result<bool, Error> {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = [stamp(&self.certificate), stamp(&self.key)];
        if *tried == stamps {
            return Ok(false);
        }
        *tried = stamps;
        let fresh = Arc::new(read(&self.certificate, &self.key)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(true)
    }

    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Certificates");
        shown
            .field("certificate", &self.certificate)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// The TLS side of a listener: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1, no client certificates.
///
/// # Errors
/// The crypto library has no cipher for these versions, which is a mistake in how it was built.
pub fn server_config(certificates: Arc<Certificates>) -> Result<Arc<ServerConfig>, Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|source| Error::Library { source })?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, Error> {
    let missing = |path: &Path| Error::Missing { path: path.to_owned() };
    let chain_pem = private_file::read_public(certificate)?.ok_or_else(|| missing(certificate))?;
    let key_pem = private_file::read_given(key)?.ok_or_else(|| missing(key))?;
    certified_key(&chain_pem, &key_pem).map_err(|problem| match problem {
        Problem::Chain(source) => Error::Certificate {
            path: certificate.to_owned(),
            source,
        },
        Problem::Key(source) => Error::Key {
            path: key.to_owned(),
            source,
        },
        Problem::Pair(source) => Error::Pair {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            source,
        },
    })
}

/// What is wrong with a chain and a key.
#[derive(Debug)]
pub(crate) enum Problem {
    Chain(pem::Error),
    Key(pem::Error),
    Pair(rustls::Error),
}

/// A chain and a key that are sure to belong together.
pub(crate) fn certified_key(chain_pem: &[u8], key_pem: &[u8]) -> Result<CertifiedKey, Problem> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain_pem)
        .collect::<Result<_, _>>()
        .map_err(Problem::Chain)?;
    if chain.is_empty() {
        return Err(Problem::Chain(pem::Error::NoItemsFound));
    }
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(Problem::Key)?;
    let certified = CertifiedKey::from_der(chain, key, &provider()).map_err(Problem::Pair)?;
    certified.keys_match().map_err(Problem::Pair)?;
    Ok(certified)
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    // The time of change (ctime), not of modification: copies that keep the latter are changes too.
    let changed_at = (metadata.ctime(), metadata.ctime_nsec());
    Some(Stamp {
        inode: metadata.ino(),
        size_bytes: metadata.size(),
        changed_at,
    })
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] private_file::Error),
    /// There is no such file.
    #[error("{} does not exist", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// No certificates in PEM.
    #[error("{} holds no certificate in PEM", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is odd about it.
        #[source]
        source: pem::Error,
    },
    /// No key in PEM.
    #[error("{} holds no private key in PEM", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is odd about it.
        #[source]
        source: pem::Error,
    },
    /// The two do not belong together, or are of a kind that TLS here cannot use.
    #[error("the key in {} does not go with the certificate in {}", key.display(), certificate.display())]
    Pair {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// What the TLS library said.
        #[source]
        source: rustls::Error,
    },
    /// The TLS library cannot be set up.
    #[error("cannot set up TLS")]
    Library {
        /// What it said.
        #[source]
        source: rustls::Error,
    },
}

#[cfg(test)]
mod tests {
    use rustls_pki_types::ServerName;

    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::authority::{self, Names};

    const NOW: i64 = 1_767_225_600;

    fn pair(dir: &Path) -> (PathBuf, PathBuf) {
        let paths = authority::ensure(dir, &Names::new("registry.localhost", &[]).unwrap(), NOW).unwrap();
        (paths.certificate, paths.key)
    }

    #[test]
    fn a_changed_certificate_is_loaded_and_a_broken_one_is_not() {
        let (here, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (certificate, key) = pair(here.path());
        let (new_certificate, new_key) = pair(other.path());
        let certificates = Certificates::load(certificate.clone(), key.clone()).unwrap();
        let first = certificates.current();
        assert!(!certificates.reload_if_changed().unwrap());

        fs::copy(&new_certificate, &certificate).unwrap();
        let error = certificates.reload_if_changed().unwrap_err();
        assert!(matches!(error, Error::Pair { .. }), "half of the change: {error}");
        assert!(!certificates.reload_if_changed().unwrap(), "complained of once");
        assert!(Arc::ptr_eq(&first, &certificates.current()));

        fs::copy(&new_key, &key).unwrap();
        assert!(certificates.reload_if_changed().unwrap());
        assert_ne!(first.cert, certificates.current().cert);

        let second = certificates.current();
        fs::write(&certificate, "broken").unwrap();
        assert!(certificates.reload_if_changed().is_err());
        fs::remove_file(&key).unwrap();
        assert!(certificates.reload_if_changed().is_err());
        assert!(Arc::ptr_eq(&second, &certificates.current()));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = pair(dir.path());
        let message = |certificate: &Path, key: &Path| {
            Certificates::load(certificate.to_owned(), key.to_owned())
                .unwrap_err()
                .to_string()
        };
        assert!(message(&key, &key).ends_with("server.key holds no certificate in PEM"));
        // As a key must be, or its mode is what is named.
        fs::set_permissions(&certificate, PermissionsExt::from_mode(0o600)).unwrap();
        assert!(message(&certificate, &certificate).ends_with("server.pem holds no private key in PEM"));
        assert!(message(&dir.path().join("none"), &key).ends_with("none does not exist"));
        assert!(message(&certificate, &dir.path().join("ca.key")).contains("does not go with"));
    }

    /// A handshake without a network: bytes are carried from one side to the other until both are done.
    fn handshake(server: Arc<ServerConfig>, ca: &Path, offered: &[&[u8]]) -> Option<Vec<u8>> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
        let mut config = rustls::ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
        let name = ServerName::try_from("team.registry.localhost").unwrap();
        let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        let mut server = rustls::ServerConnection::new(server).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
            while client.wants_write() {
                client.write_tls(&mut to_server).unwrap();
            }
            server.read_tls(&mut to_server.as_slice()).unwrap();
            server.process_new_packets().unwrap();
            while server.wants_write() {
                server.write_tls(&mut to_client).unwrap();
            }
            client.read_tls(&mut to_client.as_slice()).unwrap();
            client.process_new_packets().unwrap();
        }
        server.alpn_protocol().map(<[u8]>::to_vec)
    }

    #[test]
    fn a_client_that_trusts_the_ca_gets_the_protocol_it_prefers() {
        let dir = tempfile::tempdir().unwrap();
        // The client of this test looks at the real clock, so the certificate is made by it too.
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let names = Names::new("registry.localhost", &[]).unwrap();
        let paths = authority::ensure(dir.path(), &names, now.try_into().unwrap()).unwrap();
        let config = server_config(Arc::new(Certificates::load(paths.certificate, paths.key).unwrap())).unwrap();
        let both: [&[u8]; 2] = [b"h2", b"http/1.1"];
        assert_eq!(handshake(Arc::clone(&config), &paths.ca, &both).unwrap(), b"h2");
        assert_eq!(
            handshake(Arc::clone(&config), &paths.ca, &both[1..]).unwrap(),
            b"http/1.1"
        );
        assert_eq!(handshake(config, &paths.ca, &[]), None);
    }
}
