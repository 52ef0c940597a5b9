//! Certificates that applications sign with: read once, when they are added, for their fingerprints. It refuses to judge
//! who issued them: the directory trusts the one certificate, not its issuer, as Entra ID does.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::external_token::ExternalKey;

/// The longest certificate that is read.
pub const MAX_CERTIFICATE_BYTES: usize = 16 * 1024;

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprints {
    /// SHA-256 of the DER (`x5t#S256`).
    pub sha256: [u8; 32],
    /// SHA-1 of the DER (`x5t`): a name that old clients know it by, never a proof.
    pub sha1: [u8; 20],
    /// The first second it is good, in Unix seconds.
    pub not_before: i64,
    /// The last second it is good, in Unix seconds.
    pub not_after: i64,
}

/// Why bytes are not a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More than [`MAX_CERTIFICATE_BYTES`].
    #[error("the certificate has {length_bytes} bytes, more than {MAX_CERTIFICATE_BYTES}")]
    TooLong {
        /// How long it was.
        length_bytes: usize,
    },
    /// Its key is of a kind that signs no assertion here.
    #[error("the certificate's key is neither RSA nor on P-256, P-384 or P-521")]
    Key,
    /// Not one X.509 certificate in DER.
    #[error("the key is not an X.509 certificate in DER")]
    Malformed,
}

/// Reads a certificate in DER.
///
/// # Errors
/// It is none, or too long.
pub fn read(der: &[u8]) -> Result<Fingerprints, Error> {
    if der.len() > MAX_CERTIFICATE_BYTES {
        return Err(Error::TooLong {
            length_bytes: der.len(),
        });
    }
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| Error::Malformed)?;
    if !rest.is_empty() {
        return Err(Error::Malformed);
    }
    if ExternalKey::of_certificate(der).is_none() {
        return Err(Error::Key);
    }
    let validity = certificate.validity();
    let sum = |algorithm| digest(algorithm, der);
    Ok(Fingerprints {
        sha256: sum(&SHA256).as_ref().try_into().expect("SHA-256 has 32 bytes"),
        sha1: sum(&SHA1_FOR_LEGACY_USE_ONLY)
            .as_ref()
            .try_into()
            .expect("SHA-1 has 20 bytes"),
        not_before: validity.not_before.timestamp(),
        not_after: validity.not_after.timestamp(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_read_and_nothing_else() {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        let der = certificate.der().to_vec();
        let read_back = read(&der).unwrap();
        assert!(read_back.not_before < read_back.not_after);
        assert_eq!(read_back.sha256, digest(&SHA256, &der).as_ref());
        for wrong in [
            &der[1..],
            &[&der[..], b"x"].concat(),
            b"",
            &vec![0; MAX_CERTIFICATE_BYTES],
        ] {
            assert_eq!(read(wrong), Err(Error::Malformed));
        }
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let other = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        assert_eq!(read(other.der()), Err(Error::Key));
        let long = vec![0x30; MAX_CERTIFICATE_BYTES + 1];
        assert!(matches!(read(&long), Err(Error::TooLong { .. })));
    }
}
