//! Public keys of others, out of a certificate or a JSON Web Key Set (RFC 7517).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use x509_parser::der_parser::asn1_rs::FromDer as _;
use x509_parser::prelude::X509Certificate;
use x509_parser::public_key::RSAPublicKey;

use super::Algorithm;

/// The most keys of one set that are looked at; the largest issuers have about ten.
pub const MAX_KEYS: usize = 100;
/// The longest modulus: RSA of 8192 bits, and a leading zero.
const MAX_MODULUS_BYTES: usize = 1025;

/// A public key of somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExternalKey {
    /// RSA, 2048 to 8192 bits.
    Rsa {
        /// The modulus, big-endian.
        modulus: Vec<u8>,
        /// The exponent, big-endian.
        exponent: Vec<u8>,
    },
    /// A point on P-256, P-384 or P-521, uncompressed (SEC 1); its length tells which.
    Ec {
        /// The point.
        point: Vec<u8>,
    },
}

/// A key of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedKey {
    /// Its name.
    pub kid: Option<String>,
    /// The key.
    pub key: ExternalKey,
}

/// The keys of an issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet(Vec<NamedKey>);

#[derive(Deserialize)]
struct Document {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    r#use: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl ExternalKey {
    /// The key of an X.509 certificate in DER; `None` when it is of a kind that is not taken.
    #[must_use]
    pub fn of_certificate(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let bits = &certificate.public_key().subject_public_key.data;
        if let Ok((_, key)) = RSAPublicKey::from_der(bits) {
            return Self::rsa(key.modulus, key.exponent);
        }
        Self::ec(bits.to_vec())
    }

    /// Whether the key made this signature with this algorithm.
    #[must_use]
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa { modulus, exponent } => {
                let parameters = match algorithm {
                    Algorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
                    Algorithm::RS384 => &RSA_PKCS1_2048_8192_SHA384,
                    Algorithm::RS512 => &RSA_PKCS1_2048_8192_SHA512,
                    Algorithm::PS256 => &RSA_PSS_2048_8192_SHA256,
                    Algorithm::PS384 => &RSA_PSS_2048_8192_SHA384,
                    Algorithm::PS512 => &RSA_PSS_2048_8192_SHA512,
                    Algorithm::ES256 | Algorithm::ES384 | Algorithm::ES512 => return false,
                };
                let key = RsaPublicKeyComponents {
                    n: modulus.as_slice(),
                    e: exponent.as_slice(),
                };
                key.verify(parameters, message, signature).is_ok()
            }
            Self::Ec { point } => {
                let curve = match (algorithm, point.len()) {
                    (Algorithm::ES256, 65) => &ECDSA_P256_SHA256_FIXED,
                    (Algorithm::ES384, 97) => &ECDSA_P384_SHA384_FIXED,
                    (Algorithm::ES512, 133) => &ECDSA_P521_SHA512_FIXED,
                    _ => return false,
                };
                UnparsedPublicKey::new(curve, point).verify(message, signature).is_ok()
            }
        }
    }

    fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        if modulus.len() > MAX_MODULUS_BYTES || exponent.is_empty() || exponent.len() > 8 {
            return None;
        }
        // The library wants the numbers without leading zeros, which DER has.
        let trim = |bytes: &[u8]| {
            let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
            bytes[start..].to_vec()
        };
        Some(Self::Rsa {
            modulus: trim(modulus),
            exponent: trim(exponent),
        })
    }

    fn ec(point: Vec<u8>) -> Option<Self> {
        let is_uncompressed = point.first() == Some(&4) && matches!(point.len(), 65 | 97 | 133);
        is_uncompressed.then_some(Self::Ec { point })
    }
}

impl KeySet {
    /// Reads a key set. Keys of kinds that are not taken, and keys for encryption, are left out.
    ///
    /// # Errors
    /// It is not a key set, or holds more than [`MAX_KEYS`].
    pub fn parse(document: &[u8]) -> Result<Self, serde_json::Error> {
        let document: Document = serde_json::from_slice(document)?;
        if document.keys.len() > MAX_KEYS {
            return Err(serde::de::Error::custom("too many keys"));
        }
        let for_signing = |key: &Jwk| key.r#use.as_deref().is_none_or(|word| word == "sig");
        let keys = document.keys.into_iter().filter(for_signing);
        Ok(Self(keys.filter_map(Jwk::into_key).collect()))
    }

    /// The keys that may have signed a token which names this key, or none.
    #[must_use]
    pub fn find(&self, kid: Option<&str>) -> Vec<ExternalKey> {
        let named = |key: &&NamedKey| kid.is_none() || key.kid.as_deref() == kid;
        self.0.iter().filter(named).map(|named| named.key.clone()).collect()
    }
}

impl Jwk {
    fn into_key(self) -> Option<NamedKey> {
        let number = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        let key = match self.kty.as_str() {
            "RSA" => ExternalKey::rsa(&number(&self.n)?, &number(&self.e)?)?,
            "EC" => {
                let size = match self.crv.as_deref()? {
                    "P-256" => 32,
                    "P-384" => 48,
                    "P-521" => 66,
                    _ => return None,
                };
                let (x, y) = (number(&self.x)?, number(&self.y)?);
                if x.len() != size || y.len() != size {
                    return None;
                }
                ExternalKey::ec([&[4], x.as_slice(), y.as_slice()].concat())?
            }
            _ => return None,
        };
        Some(NamedKey { kid: self.kid, key })
    }
}
