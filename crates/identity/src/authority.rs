//! The local certificate authority: on first start it makes a CA of its own and a certificate for this server's names, so
//! that HTTPS works before the operator has certificates. Clients trust `ca.pem` once and for ten years.
//!
//! The CA is never replaced here, for clients trust it; the server's certificate is, when its names change or its time
//! runs out. An operator's own certificate does not come near this module: see [`Certificates`](crate::Certificates).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SerialNumber, date_time_ymd,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::private_file::{self, Readable};
use crate::tls;

/// How long the CA is good: clients are asked to trust it once.
pub const CA_DAYS: i64 = 3650;
/// How long the server's certificate is good. Some clients refuse more than 398 days.
pub const LEAF_DAYS: i64 = 397;
/// The server's certificate is made anew when it has no more than this left.
pub const RENEW_DAYS: i64 = 30;
/// Names beyond those of the domain.
pub const MAX_EXTRA_NAMES: usize = 100;
/// Certificates begin this long before they are made, for clients whose clocks are behind.
const BACKDATE_SECS: i64 = 24 * 3600;
const DAY_SECS: i64 = 24 * 3600;

/// Where the certificates are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The CA's certificate, for clients to trust.
    pub ca: PathBuf,
    /// The server's certificate and the CA's behind it, PEM.
    pub certificate: PathBuf,
    /// The key of the server's certificate, PEM, mode 0600.
    pub key: PathBuf,
}

/// The names that the server's certificate is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    dns: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
}

impl Names {
    /// `localhost`, the loopback addresses, the domain, everything one label below it, and the extra names or addresses
    /// (an extra may begin with `*.`).
    ///
    /// # Errors
    /// One of them is neither a DNS name nor an address, or there are more than [`MAX_EXTRA_NAMES`].
    pub fn new(domain: &str, extra: &[String]) -> Result<Self, Error> {
        if extra.len() > MAX_EXTRA_NAMES {
            return Err(Error::TooManyNames { count: extra.len() });
        }
        let mut names = Self {
            dns: BTreeSet::from(["localhost".to_owned()]),
            addresses: BTreeSet::from([Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]),
        };
        names.add(domain)?;
        if domain.parse::<IpAddr>().is_err() {
            names.add(&format!("*.{domain}"))?;
        }
        for name in extra {
            names.add(name)?;
        }
        Ok(names)
    }

    fn add(&mut self, name: &str) -> Result<(), Error> {
        if let Ok(address) = name.parse::<IpAddr>() {
            self.addresses.insert(address);
            return Ok(());
        }
        let host = name.strip_prefix("*.").unwrap_or(name);
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if host.len() > 253 || !host.split('.').all(is_label) {
            return Err(Error::NotAName { name: name.to_owned() });
        }
        self.dns.insert(name.to_ascii_lowercase());
        Ok(())
    }

    fn to_strings(&self) -> Vec<String> {
        self.dns
            .iter()
            .cloned()
            .chain(self.addresses.iter().map(IpAddr::to_string))
            .collect()
    }
}

/// Makes what is missing or outdated in the folder (which is made too) and says where it is. Cheap when nothing is to
/// be done, so a timer may call it daily. `now` is in Unix seconds.
///
/// # Errors
/// The CA is broken, half there or expired; a key is readable by others; or the file system says no.
pub fn ensure(dir: &Path, names: &Names, now: i64) -> Result<Paths, Error> {
    private_file::create_folder(dir)?;
    let paths = Paths {
        ca: dir.join("ca.pem"),
        certificate: dir.join("server.pem"),
        key: dir.join("server.key"),
    };
    let authority = Authority::open_or_create(&paths.ca, &dir.join("ca.key"), now)?;
    if !is_current(&paths, &authority, names, now)? {
        authority.issue(&paths, names, now)?;
    }
    Ok(paths)
}

/// An opened CA.
struct Authority {
    pem: String,
    key_id: Vec<u8>,
    expires_at: i64,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn open_or_create(certificate: &Path, key: &Path, now: i64) -> Result<Self, Error> {
        let half = |present: &Path, missing: &Path| Error::HalfAuthority {
            present: present.to_owned(),
            missing: missing.to_owned(),
        };
        match (
            private_file::read_public(certificate)?,
            private_file::read_private(key)?,
        ) {
            (Some(pem), Some(key_pem)) => Self::open(certificate, &pem, &key_pem, now),
            (Some(_), None) => Err(half(certificate, key)),
            // The key is written first, so this is what a crash between the two leaves: nobody has seen a certificate.
            (None, _) => {
                let (pem, key_pem) = make_ca(now)?;
                private_file::write(key, key_pem.as_bytes(), Readable::ByOwner)?;
                private_file::write(certificate, pem.as_bytes(), Readable::ByAll)?;
                Self::open(certificate, pem.as_bytes(), key_pem.as_bytes(), now)
            }
        }
    }

    fn open(path: &Path, pem: &[u8], key_pem: &[u8], now: i64) -> Result<Self, Error> {
        let broken = || Error::BrokenAuthority { path: path.to_owned() };
        let pem = String::from_utf8(pem.to_vec()).map_err(|_| broken())?;
        let key = KeyPair::from_pem(std::str::from_utf8(key_pem).map_err(|_| broken())?).map_err(|_| broken())?;
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| broken())?;
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| broken())?;
        let expires_at = parsed.validity().not_after.timestamp();
        if !parsed.is_ca() || parsed.public_key().subject_public_key.data != key.public_key_raw() {
            return Err(broken());
        }
        if expires_at <= now {
            return Err(Error::ExpiredAuthority { path: path.to_owned() });
        }
        let key_id = subject_key_id(&parsed).ok_or_else(broken)?;
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(|_| broken())?;
        Ok(Self {
            key_id,
            expires_at,
            issuer,
            pem,
        })
    }

    fn issue(&self, paths: &Paths, names: &Names, now: i64) -> Result<(), Error> {
        let failed = |source| Error::Make {
            what: "the server's certificate",
            source,
        };
        let mut params = CertificateParams::new(names.to_strings()).map_err(failed)?;
        set_times(&mut params, now, (now + LEAF_DAYS * DAY_SECS).min(self.expires_at));
        params.distinguished_name = named("Holdfast server");
        params.serial_number = Some(serial());
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        // A reader between the two writes sees a pair that does not match, and looks again later.
        private_file::write(
            &paths.key,
            zeroize::Zeroizing::new(key.serialize_pem()).as_bytes(),
            Readable::ByOwner,
        )?;
        let chain = certificate.pem() + &self.pem;
        private_file::write(&paths.certificate, chain.as_bytes(), Readable::ByAll)?;
        Ok(())
    }
}

fn make_ca(now: i64) -> Result<(String, zeroize::Zeroizing<String>), Error> {
    let failed = |source| Error::Make {
        what: "the local CA",
        source,
    };
    let mut params = CertificateParams::default();
    set_times(&mut params, now, now + CA_DAYS * DAY_SECS);
    // People may come to trust several; the number tells them apart in a list.
    let mark: String = serial().to_bytes()[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    params.distinguished_name = named(&format!("Holdfast local CA {mark}"));
    params.serial_number = Some(serial());
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok((certificate.pem(), zeroize::Zeroizing::new(key.serialize_pem())))
}

fn set_times(params: &mut CertificateParams, now: i64, not_after: i64) {
    let epoch = date_time_ymd(1970, 1, 1);
    let since_epoch = |secs: i64| Duration::from_secs(u64::try_from(secs).unwrap_or(0));
    params.not_before = epoch + since_epoch(now - BACKDATE_SECS);
    params.not_after = epoch + since_epoch(not_after);
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// 127 random bits: RFC 5280 §4.1.2.2 wants a positive number of at most 20 bytes.
fn serial() -> SerialNumber {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&bytes)
}

/// Whether the server's certificate can stay: it and its key belong together, this CA signed it, the names are these, and
/// it lasts for a while.
fn is_current(paths: &Paths, authority: &Authority, names: &Names, now: i64) -> Result<bool, Error> {
    // Looked at for its mode too: a key that others can read is an error, not a reason to make another.
    let (Some(chain), Some(key)) = (
        private_file::read_public(&paths.certificate)?,
        private_file::read_private(&paths.key)?,
    ) else {
        return Ok(false);
    };
    if tls::certified_key(&chain, &key).is_err() {
        return Ok(false);
    }
    let Ok(der) = CertificateDer::from_pem_slice(&chain) else {
        return Ok(false);
    };
    let Ok((_, leaf)) = X509Certificate::from_der(&der) else {
        return Ok(false);
    };
    let enough = now
        .saturating_add(RENEW_DAYS * DAY_SECS)
        .min(authority.expires_at.saturating_sub(1));
    Ok(leaf.validity().not_after.timestamp() > enough
        && leaf.validity().not_before.timestamp() <= now
        && signer_key_id(&leaf).is_some_and(|id| id == authority.key_id)
        && names_of(&leaf).is_some_and(|these| these == *names))
}

fn subject_key_id(certificate: &X509Certificate<'_>) -> Option<Vec<u8>> {
    certificate
        .iter_extensions()
        .find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
            _ => None,
        })
}

fn signer_key_id(certificate: &X509Certificate<'_>) -> Option<Vec<u8>> {
    certificate
        .iter_extensions()
        .find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref().map(|id| id.0.to_vec()),
            _ => None,
        })
}

fn names_of(certificate: &X509Certificate<'_>) -> Option<Names> {
    let mut names = Names {
        dns: BTreeSet::new(),
        addresses: BTreeSet::new(),
    };
    for name in &certificate.subject_alternative_name().ok()??.value.general_names {
        match name {
            GeneralName::DNSName(name) => {
                names.dns.insert((*name).to_owned());
            }
            GeneralName::IPAddress(bytes) => {
                let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
                let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok()?;
                names.addresses.insert(address);
            }
            _ => return None,
        }
    }
    Some(names)
}

/// Why the certificates could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] private_file::Error),
    /// One half of the CA without the other.
    #[error(
        "{} is there and {} is not; restore it, or move both away to make a new CA that clients must trust anew",
        present.display(),
        missing.display()
    )]
    HalfAuthority {
        /// The half that is there.
        present: PathBuf,
        /// The half that is not.
        missing: PathBuf,
    },
    /// The CA is no CA, or its key is another's.
    #[error(
        "{} is no CA certificate that goes with ca.key; restore both, or move both away to make a new CA",
        path.display()
    )]
    BrokenAuthority {
        /// The certificate.
        path: PathBuf,
    },
    /// The CA's time is over.
    #[error("the CA {} has expired; move it and ca.key away to make a new one that clients must trust", path.display())]
    ExpiredAuthority {
        /// The certificate.
        path: PathBuf,
    },
    /// Not a name that a certificate can be for.
    #[error("{name:?} is neither a host name nor an IP address")]
    NotAName {
        /// What was given.
        name: String,
    },
    /// More than [`MAX_EXTRA_NAMES`].
    #[error("{count} extra names for the certificate are more than {MAX_EXTRA_NAMES}")]
    TooManyNames {
        /// How many were given.
        count: usize,
    },
    /// The certificate library failed.
    #[error("cannot make {what}")]
    Make {
        /// What was to be made.
        what: &'static str,
        /// What it said.
        #[source]
        source: rcgen::Error,
    },
}

#[cfg(test)]
mod tests;
