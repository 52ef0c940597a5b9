//! Keys of external issuers (GitHub Actions, GitLab, a Kubernetes cluster, Entra ID), found through their
//! `openid-configuration`, remembered, and looked up again when they rotate. Whose tokens count is not decided here: the
//! caller asks only for issuers that somebody put their trust in.
//!
//! It fetches nothing itself: documents come through [`FetchDocument`], which is to refuse what is not safe to reach.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};

use async_trait::async_trait;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::external_token::{ExternalKey, KeySet};

/// The largest document that is fetched; key sets with certificates in them have some dozen KiB.
pub const MAX_DOCUMENT_BYTES: u64 = 512 * 1024;
/// After so long, keys are fetched again before they are used.
pub const FRESH_SECS: i64 = 24 * 60 * 60;
/// How long keys are used that could not be fetched again.
pub const STALE_SECS: i64 = 7 * FRESH_SECS;
/// The pause between two fetches from one issuer, whatever names of keys its tokens bring.
pub const REFETCH_SECS: i64 = 60;
/// Issuers that are remembered; the one that was not asked for longest goes first.
const MAX_ISSUERS: usize = 1_000;

/// Fetches a document of an external issuer.
#[async_trait]
pub trait FetchDocument: Send + Sync {
    /// The body of a `GET` that was answered with 200.
    ///
    /// # Errors
    /// The address is not safe to reach, nobody answers there, or the answer is something else or longer than
    /// `limit_bytes`.
    async fn fetch(&self, url: &str, limit_bytes: u64) -> Result<Vec<u8>, FetchError>;
}

/// Why a document was not had.
pub type FetchError = Box<dyn std::error::Error + Send + Sync>;

/// The keys of external issuers.
pub struct ExternalIssuers {
    fetch: Arc<dyn FetchDocument>,
    known: SyncMutex<HashMap<String, Slot>>,
}

/// One issuer, and when its keys were last wanted.
struct Slot {
    known: Arc<Mutex<Known>>,
    used_at: i64,
}

/// What is known of one issuer. Locked while its keys are fetched: who comes then waits for them.
#[derive(Default)]
struct Known {
    keys: KeySet,
    fetched_at: Option<i64>,
    tried_at: Option<i64>,
}

#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    jwks_uri: String,
}

impl ExternalIssuers {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(fetch: Arc<dyn FetchDocument>) -> Self {
        Self {
            fetch,
            known: SyncMutex::default(),
        }
    }

    /// The keys that an issuer may have signed a token with which names this key. `now` is in Unix seconds.
    ///
    /// # Errors
    /// The issuer's keys cannot be had, or none has that name.
    pub async fn find_keys(&self, issuer: &str, kid: Option<&str>, now: i64) -> Result<Vec<ExternalKey>, Error> {
        let known = self.known(issuer, now);
        let mut known = known.lock().await;
        let age = |at: Option<i64>| at.map_or(i64::MAX, |at| now.saturating_sub(at).max(0));
        let found = known.keys.find(kid);
        if !found.is_empty() && age(known.fetched_at) < FRESH_SECS {
            return Ok(found);
        }
        // A name that nobody knows must not make this server ask the issuer over and over.
        let may_try = age(known.tried_at) >= REFETCH_SECS;
        let failure = if may_try {
            known.tried_at = Some(now);
            match self.fetch_keys(issuer).await {
                Ok(keys) => {
                    known.keys = keys;
                    known.fetched_at = Some(now);
                    None
                }
                Err(error) => Some(error),
            }
        } else {
            None
        };
        // An issuer that does not answer takes no good keys away.
        let found = known.keys.find(kid);
        if !found.is_empty() && age(known.fetched_at) < STALE_SECS {
            return Ok(found);
        }
        Err(failure.unwrap_or_else(|| Error::UnknownKey {
            issuer: issuer.to_owned(),
        }))
    }

    fn known(&self, issuer: &str, now: i64) -> Arc<Mutex<Known>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = known.get_mut(issuer) {
            slot.used_at = now;
            return Arc::clone(&slot.known);
        }
        if known.len() >= MAX_ISSUERS {
            let oldest = known.iter().min_by_key(|(_, slot)| slot.used_at);
            if let Some(oldest) = oldest.map(|(issuer, _)| issuer.clone()) {
                known.remove(&oldest);
            }
        }
        let new = Arc::new(Mutex::default());
        let slot = Slot {
            known: Arc::clone(&new),
            used_at: now,
        };
        known.insert(issuer.to_owned(), slot);
        new
    }

    async fn fetch_keys(&self, issuer: &str) -> Result<KeySet, Error> {
        let unreachable = |source| Error::Unreachable {
            issuer: issuer.to_owned(),
            source,
        };
        let odd = |source: serde_json::Error| Error::Odd {
            issuer: issuer.to_owned(),
            source,
        };
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let document = self.fetch.fetch(&url, MAX_DOCUMENT_BYTES).await.map_err(unreachable)?;
        let configuration: Configuration = serde_json::from_slice(&document).map_err(odd)?;
        // OpenID Connect Discovery §4.3: else one issuer could speak for another.
        if configuration.issuer != issuer {
            return Err(Error::OtherIssuer {
                issuer: issuer.to_owned(),
            });
        }
        let document = self.fetch.fetch(&configuration.jwks_uri, MAX_DOCUMENT_BYTES).await;
        KeySet::parse(&document.map_err(unreachable)?).map_err(odd)
    }
}

impl fmt::Debug for ExternalIssuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExternalIssuers(..)")
    }
}

/// Why an issuer's keys were not had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its documents could not be fetched.
    #[error("the keys of {issuer} cannot be fetched")]
    Unreachable {
        /// The issuer.
        issuer: String,
        /// What went wrong.
        #[source]
        source: FetchError,
    },
    /// Its documents are not what they should be.
    #[error("a document of {issuer} cannot be read")]
    Odd {
        /// The issuer.
        issuer: String,
        /// What is odd.
        #[source]
        source: serde_json::Error,
    },
    /// It says that it is another one.
    #[error("{issuer} calls itself by another name")]
    OtherIssuer {
        /// As asked.
        issuer: String,
    },
    /// It has no such key, or was asked too short a while ago.
    #[error("{issuer} has no key of that name")]
    UnknownKey {
        /// The issuer.
        issuer: String,
    },
}

#[cfg(test)]
mod tests;
