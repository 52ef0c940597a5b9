//! Whose certificates are believed: the roots of this machine, and those of a file of the operator's. It refuses to know
//! any way to look away.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::SetupError;

/// The TLS side of outgoing connections: TLS 1.2 and 1.3, HTTP/1.1.
///
/// # Errors
/// The file cannot be read or holds no certificate.
pub(crate) fn config(extra_roots: Option<&Path>) -> Result<Arc<ClientConfig>, SetupError> {
    let mut roots = RootCertStore::empty();
    // A machine without roots reaches nobody by TLS but those in the operator's file, and each failure says so.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = extra_roots {
        add(&mut roots, path)?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| SetupError::Library { source })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn add(roots: &mut RootCertStore, path: &Path) -> Result<(), SetupError> {
    let at = || path.to_owned();
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| SetupError::Roots { path: at(), source })?;
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(SetupError::NoRoots { path: at() });
    }
    Ok(())
}
