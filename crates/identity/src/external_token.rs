//! Tokens that others signed: an application with the key of its certificate, or another issuer (GitHub Actions, a
//! Kubernetes cluster, Entra ID) for one of its subjects. A token is read in two steps: [`Unverified`] says which key it
//! claims to be signed with, and only [`Unverified::verify`] gives its claims.
//!
//! It takes no key and no address of one from the token itself (`jwk`, `x5c`, `jku`, `x5u`), no `none` and no HMAC, and
//! no key for an algorithm of another family. Whether issuer, subject and audience are the right ones is for the caller
//! to ask; only their form is checked here.

mod key;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer};

use crate::jws::{self, Jws};
pub use key::{ExternalKey, KeySet, MAX_KEYS, NamedKey};

/// The longest token that is looked at.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// How far clocks may differ.
pub const SKEW_SECS: i64 = 60;
/// The longest text of a claim that is compared or shown.
const MAX_CLAIM_BYTES: usize = 1024;

/// What a signature is made with (RFC 7518 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the words of the RFC")]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    ES512,
}

#[derive(Deserialize)]
struct Header {
    alg: Algorithm,
    kid: Option<String>,
    x5t: Option<String>,
    #[serde(rename = "x5t#S256")]
    x5t_sha256: Option<String>,
    /// Extensions that a reader must understand; none is understood.
    crit: Option<serde::de::IgnoredAny>,
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ExternalClaims {
    /// Who issued it.
    pub iss: String,
    /// Whom it is about.
    pub sub: String,
    /// Whom it is for.
    pub aud: Audience,
    /// The first second in which it is no longer good.
    #[serde(deserialize_with = "whole_seconds")]
    pub exp: i64,
    /// When it begins to be good.
    #[serde(default, deserialize_with = "maybe_seconds")]
    pub nbf: Option<i64>,
    /// When it was issued.
    #[serde(default, deserialize_with = "maybe_seconds")]
    pub iat: Option<i64>,
    /// The token's own id.
    pub jti: Option<String>,
}

/// One audience or several.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Audience {
    /// Whether the token is for any of these.
    #[must_use]
    pub fn is_any_of(&self, wanted: &[impl AsRef<str>]) -> bool {
        let given = match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many.as_slice(),
        };
        given
            .iter()
            .any(|given| wanted.iter().any(|wanted| wanted.as_ref() == given))
    }
}

/// A token whose signature has not been looked at: good for finding the key, and for nothing else.
pub struct Unverified<'a> {
    header: Header,
    claims: ExternalClaims,
    token: Jws<'a>,
    signature: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Reads a token.
    ///
    /// # Errors
    /// It is too long, not a JWT, of an algorithm that is not taken, or lacks a claim.
    pub fn parse(token: &'a str) -> Result<Self, Error> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Error::TooLong);
        }
        let token = Jws::parse(token)?;
        let header: Header =
            serde_json::from_slice(&token.header()?).map_err(|_| Error::Malformed { part: "header" })?;
        if header.crit.is_some() {
            return Err(Error::Malformed { part: "header" });
        }
        let claims: ExternalClaims =
            serde_json::from_slice(&token.claims()?).map_err(|source| Error::Claims { source })?;
        if claims.iss.len() > MAX_CLAIM_BYTES || claims.sub.len() > MAX_CLAIM_BYTES {
            return Err(Error::Malformed { part: "claims" });
        }
        Ok(Self {
            header,
            claims,
            token,
            signature: token.signature()?,
        })
    }

    /// The name of the key that it claims to be signed with.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The SHA-256 of the certificate that it claims to be signed with (`x5t#S256`).
    #[must_use]
    pub fn certificate_sha256(&self) -> Option<Vec<u8>> {
        fingerprint(self.header.x5t_sha256.as_deref()?)
    }

    /// The SHA-1 of the certificate that it claims to be signed with (`x5t`). Only a name: nothing rests on it.
    #[must_use]
    pub fn certificate_sha1(&self) -> Option<Vec<u8>> {
        fingerprint(self.header.x5t.as_deref()?)
    }

    /// The issuer that it claims to be of.
    #[must_use]
    pub fn claimed_issuer(&self) -> &str {
        &self.claims.iss
    }

    /// Checks signature and times. `now` is in Unix seconds.
    ///
    /// # Errors
    /// The key did not sign this, or it is too early or too late.
    pub fn verify(&self, key: &ExternalKey, now: i64) -> Result<ExternalClaims, Error> {
        if !key.verifies(self.header.alg, self.token.message(), &self.signature) {
            return Err(Error::Signature);
        }
        let claims = self.claims.clone();
        if claims.exp <= now.saturating_sub(SKEW_SECS) {
            return Err(Error::Expired {
                expired_at: claims.exp,
                now,
            });
        }
        let latest = now.saturating_add(SKEW_SECS);
        if let Some(not_before) = [claims.nbf, claims.iat].into_iter().flatten().find(|at| *at > latest) {
            return Err(Error::NotYetValid { not_before, now });
        }
        Ok(claims)
    }
}

/// MSAL for Python pads these, against the RFC.
fn fingerprint(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

/// RFC 7519 §2 allows fractions, and MSAL for Python sends them.
fn whole_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    /// The end of the year 9999.
    const LAST: f64 = 253_402_300_799.0;
    let seconds = f64::deserialize(deserializer)?;
    if !(0.0..=LAST).contains(&seconds) {
        return Err(serde::de::Error::custom("a time between 1970 and 9999 is wanted"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    Ok(seconds as i64)
}

fn maybe_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    whole_seconds(deserializer).map(Some)
}

/// Why a token of somebody else is not good. Never holds the token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// Not three parts of base64url, an algorithm that is not taken, or an extension.
    #[error("the token's {part} is malformed or not taken here")]
    Malformed {
        /// Which part.
        part: &'static str,
    },
    /// A claim is missing or odd.
    #[error("the token's claims cannot be read")]
    Claims {
        /// Which claim.
        #[source]
        source: serde_json::Error,
    },
    /// Not what the key signed, or a key of another family than the algorithm.
    #[error("the token's signature is wrong")]
    Signature,
    /// From the past.
    #[error("the token expired at {expired_at}, it is {now}")]
    Expired {
        /// When it ended, in Unix seconds.
        expired_at: i64,
        /// Now, in Unix seconds.
        now: i64,
    },
    /// From the future.
    #[error("the token is not valid before {not_before}, it is {now}; is a clock wrong?")]
    NotYetValid {
        /// When it begins, in Unix seconds.
        not_before: i64,
        /// Now, in Unix seconds.
        now: i64,
    },
}

impl From<jws::Malformed> for Error {
    fn from(malformed: jws::Malformed) -> Self {
        Self::Malformed { part: malformed.part }
    }
}

#[cfg(test)]
mod tests;
