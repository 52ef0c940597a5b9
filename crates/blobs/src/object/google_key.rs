//! The key of a service account of Google's, as its file holds it, and what it signs. It refuses to ask for anything.

use std::fmt;

use aws_lc_rs::{
    digest::{SHA256, digest},
    error::Unspecified,
    hmac,
    rand::SystemRandom,
    rsa::KeyPair,
    signature::RSA_PKCS1_SHA256,
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chrono::{DateTime, Utc};
use serde_json::json;

use super::{identity::Hidden, place::escaped};

/// What a token may be used for.
pub(super) const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";
/// How long a token that the key signs is good for: the longest that Google takes.
pub(super) const TOKEN_SECS: i64 = 3600;

/// A key that signs for a service account.
#[derive(Debug)]
pub(super) struct ServiceKey {
    pub(super) email: String,
    pub(super) id: String,
    pair: Hidden<KeyPair>,
}

/// What signs URLs.
#[derive(Debug)]
pub(super) enum UrlKey<'k> {
    /// The key of a service account.
    Service(&'k ServiceKey),
    /// A key for Google's way to speak S3, which signs URLs too: its public name, and the secret.
    Hmac(&'k str, Hidden<&'k str>),
}

/// What a URL is signed for.
#[derive(Debug, Clone, Copy)]
pub(super) struct SignedGet<'s> {
    /// Scheme, host and port.
    pub(super) endpoint: &'s str,
    pub(super) bucket: &'s str,
    pub(super) name: &'s str,
    pub(super) lasts_secs: u64,
    pub(super) at: DateTime<Utc>,
}

/// The text is no key.
#[derive(Debug, thiserror::Error)]
#[error("the private key is no RSA key in PEM (PKCS #8)")]
pub(super) struct NoKey;

impl ServiceKey {
    /// Reads `-----BEGIN PRIVATE KEY-----`.
    pub(super) fn new(email: String, id: String, pem: &str) -> Result<Self, NoKey> {
        let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(base64.trim()).map_err(|_| NoKey)?;
        let pair = Hidden(KeyPair::from_pkcs8(&der).map_err(|_| NoKey)?);
        Ok(Self { email, id, pair })
    }

    /// A token that the key signs itself (AIP-4111): good where it is used at once, without asking for another.
    pub(super) fn token(&self, now_secs: i64) -> Result<String, Unspecified> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.id });
        let claims = json!({
            "iss": self.email, "sub": self.email, "scope": SCOPE, "iat": now_secs, "exp": now_secs + TOKEN_SECS,
        });
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = format!("{header}.{claims}");
        let signature = URL_SAFE_NO_PAD.encode(self.sign(message.as_bytes())?);
        Ok(format!("{message}.{signature}"))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let mut signature = vec![0; self.pair.0.public_modulus_len()];
        let pair = &self.pair.0;
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)?;
        Ok(signature)
    }
}

impl UrlKey<'_> {
    fn algorithm(&self) -> &'static str {
        match self {
            Self::Service(_) => "GOOG4-RSA-SHA256",
            Self::Hmac(..) => "GOOG4-HMAC-SHA256",
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Service(key) => &key.email,
            Self::Hmac(id, _) => id,
        }
    }

    fn sign(&self, day: &str, message: &str) -> Result<Vec<u8>, Unspecified> {
        match self {
            Self::Service(key) => key.sign(message.as_bytes()),
            Self::Hmac(_, secret) => {
                let mut key = format!("GOOG4{}", secret.0).into_bytes();
                for piece in [day, "auto", "storage", "goog4_request", message] {
                    key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), piece.as_bytes())
                        .as_ref()
                        .to_vec();
                }
                Ok(key)
            }
        }
    }

    /// The URL (version 4 of Google's signatures): a GET of an object, signed for the host that it goes to.
    pub(super) fn url(&self, get: SignedGet<'_>) -> Result<String, Unspecified> {
        let (moment, day) = (get.at.format("%Y%m%dT%H%M%SZ"), get.at.format("%Y%m%d").to_string());
        let scope = format!("{day}/auto/storage/goog4_request");
        let host = get.endpoint.split_once("://").map_or(get.endpoint, |(_, host)| host);
        let mut path = format!("/{}", get.bucket);
        for piece in get.name.split('/') {
            path.push('/');
            path.extend(escaped(piece));
        }
        let credential = format!("{}/{scope}", self.name());
        let query = format!(
            "X-Goog-Algorithm={}&X-Goog-Credential={}&X-Goog-Date={moment}&X-Goog-Expires={}&X-Goog-SignedHeaders=host",
            self.algorithm(),
            escaped(&credential),
            get.lasts_secs
        );
        let request = format!("GET\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD");
        let hash = Hex(digest(&SHA256, request.as_bytes()).as_ref()).to_string();
        let message = format!("{}\n{moment}\n{scope}\n{hash}", self.algorithm());
        let signature = self.sign(&day, &message)?;
        Ok(format!(
            "{}{path}?{query}&X-Goog-Signature={}",
            get.endpoint,
            Hex(&signature)
        ))
    }
}

/// Bytes in hexadecimal digits.
struct Hex<'b>(&'b [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests;
