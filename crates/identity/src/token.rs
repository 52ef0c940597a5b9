//! ACR's tokens: JWTs that this server signs with RS256 and nobody else has to understand. Access tokens carry scopes for
//! an hour; refresh tokens are passwords that expire.
//!
//! A token limits what its bearer may do and never grants it: it names the [`Credential`] that it came from, and the
//! caller of [`Issuer::verify`] loads that credential's rights anew for each request, so a renewed password or a removed
//! role counts at once. Not a general JWT library: one algorithm, own keys, a closed header.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest;
use holdfast_access::{Permissions, Scope};
use moka::sync::Cache;

use crate::jws::{self, Jws};
use crate::keys::{Ring, ServerKeys};

mod wire;

pub use wire::Credential;
use wire::{GrantType, Header, Payload};

/// The longest token that is issued or looked at. Header lists over HTTP/2 end at 16 KiB, so none could be used.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// ACR: tokens count as issued and valid this long before they were, for clients and nodes whose clocks are behind.
pub const BACKDATE_SECS: i64 = 15 * 60;
/// How long an access token can be used.
pub const ACCESS_SECS: i64 = 60 * 60;
/// How long a refresh token can be used.
pub const REFRESH_SECS: i64 = 3 * 60 * 60;
/// How long an anonymous access token can be used.
pub const ANONYMOUS_SECS: i64 = 5 * 60;
/// How far the clock of the node that issued a token may run ahead of ours, beyond the back-dating.
pub const MAX_SKEW_SECS: i64 = 60;
/// The subject of anonymous tokens in ACR.
pub const ANONYMOUS_SUBJECT: &str = "acr_anon_pull";

const ISSUER: &str = "Azure Container Registry";
/// Memory of the checked tokens that are remembered: some 5,000 of the usual length, some 300 of the longest.
const REMEMBERED_BYTES: u64 = 16 << 20;
/// What the claims of a token take at most for each byte of it: a scope is a short text there and a structure here.
const MEMORY_PER_TOKEN_BYTE: usize = 3;
/// What remembering a token takes besides: its hash, the key's name, places in the queues of the cache.
const REMEMBERED_ENTRY_BYTES: usize = 1024;

/// Issues tokens and checks them.
pub struct Issuer {
    ring: Arc<Ring>,
    /// Tokens whose signature is good, by hash, with the key's name: that never changes. Whether the key still counts,
    /// times and audience are checked on every call.
    checked: Cache<[u8; 32], Checked>,
}

/// A token whose signature was good.
#[derive(Clone)]
struct Checked {
    kid: Arc<str>,
    claims: Arc<Claims>,
    token_bytes: usize,
}

impl Checked {
    /// Bytes of memory.
    fn weight(&self) -> u32 {
        let bytes = self.token_bytes * MEMORY_PER_TOKEN_BYTE + REMEMBERED_ENTRY_BYTES;
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

/// What an access token is to say.
#[derive(Clone, Debug)]
pub struct AccessClaims {
    /// The registry's login server; only there is the token good.
    pub audience: String,
    /// The account's name, for people and logs.
    pub subject: String,
    /// The registry's resource id, 32 hexadecimal digits: a registry made anew under an old name has another.
    pub registry_rid: String,
    /// Where the token's rights come from. [`Credential::Anonymous`] gives it five minutes instead of sixty.
    pub credential: Credential,
    /// What it is limited to; already [narrowed](holdfast_access::narrow).
    pub access: Vec<Scope>,
    /// The first second in which what it came from is no longer good: no token outlives its source.
    pub source_ends_at: Option<i64>,
}

/// What a refresh token is to say.
#[derive(Clone, Debug)]
pub struct RefreshClaims {
    /// The registry's login server; only there is the token good.
    pub audience: String,
    /// The account's name, for people and logs.
    pub subject: String,
    /// The registry's resource id, as in [`AccessClaims`].
    pub registry_rid: String,
    /// Where the token's rights come from.
    pub credential: Credential,
    /// The directory's tenant, when the account is in one.
    pub tenant: Option<String>,
    /// What the account may do in every repository today. For clients that look; nothing is decided by it.
    pub permissions: Permissions,
    /// As in [`AccessClaims`]: a refresh token never renews itself past what it first came from.
    pub source_ends_at: Option<i64>,
}

/// The two kinds of tokens; one never passes for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// For the registry's own interfaces.
    Access,
    /// For `/oauth2/token`.
    Refresh,
}

/// What a checked token says.
#[derive(Clone, Debug)]
pub struct Claims {
    payload: Payload,
}

impl Claims {
    /// The token's own id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.payload.jti
    }

    /// The account's name, for logs.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.payload.sub
    }

    /// The resource id of the registry that issued it; compare it with the registry's of today.
    #[must_use]
    pub fn registry_rid(&self) -> &str {
        &self.payload.rid
    }

    /// The credential that the token came from, which has to be good still.
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.payload.credential
    }

    /// The scopes of an access token; none in a refresh token.
    #[must_use]
    pub fn access(&self) -> &[Scope] {
        &self.payload.access
    }

    /// The first second in which the token is no longer good.
    #[must_use]
    pub fn expires_at(&self) -> i64 {
        self.payload.exp
    }
}

impl Issuer {
    /// An issuer with the server's keys.
    #[must_use]
    pub fn new(keys: &ServerKeys) -> Self {
        Self {
            ring: keys.ring(),
            checked: Cache::builder()
                .max_capacity(REMEMBERED_BYTES)
                .weigher(|_: &[u8; 32], checked: &Checked| checked.weight())
                .build(),
        }
    }

    /// Issues an access token. `now` is in Unix seconds.
    ///
    /// # Errors
    /// The scopes make it longer than [`MAX_TOKEN_BYTES`].
    pub fn issue_access(&self, claims: AccessClaims, now: i64) -> Result<String, Error> {
        let AccessClaims {
            audience,
            subject,
            registry_rid,
            credential,
            access,
            source_ends_at,
        } = claims;
        let usable_secs = if credential == Credential::Anonymous {
            ANONYMOUS_SECS
        } else {
            ACCESS_SECS
        };
        let mut payload = Payload::new(GrantType::AccessToken, now, usable_secs, credential);
        payload.version = wire::version_for(&access).to_owned();
        payload.access = access;
        payload.end_with(source_ends_at);
        self.issue(Payload {
            aud: audience,
            sub: subject,
            rid: registry_rid,
            ..payload
        })
    }

    /// Issues a refresh token. `now` is in Unix seconds.
    ///
    /// # Errors
    /// The names make it longer than [`MAX_TOKEN_BYTES`].
    pub fn issue_refresh(&self, claims: RefreshClaims, now: i64) -> Result<String, Error> {
        let RefreshClaims {
            audience,
            subject,
            registry_rid,
            credential,
            tenant,
            permissions,
            source_ends_at,
        } = claims;
        let mut payload = Payload::new(GrantType::RefreshToken, now, REFRESH_SECS, credential);
        payload.permissions = Some(wire::Actions::new(permissions));
        payload.tenant = tenant;
        payload.end_with(source_ends_at);
        self.issue(Payload {
            aud: audience,
            sub: subject,
            rid: registry_rid,
            ..payload
        })
    }

    fn issue(&self, payload: Payload) -> Result<String, Error> {
        let keys = self.ring.current();
        let header = wire::header_json(keys.signing().kid());
        let token = jws::sign(keys.signing(), header, payload.to_plain_json());
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Error::TooLong {
                length_bytes: token.len(),
            });
        }
        Ok(token)
    }

    /// Checks a token: signed here, of this kind, for this audience, and good at `now` (Unix seconds). Whether its
    /// [credential](Claims::credential) and registry still are what they were is for the caller to ask.
    ///
    /// # Errors
    /// It is not. The answer to the bearer is the same whatever the reason; the error is for the log and never holds
    /// the token.
    pub fn verify(&self, token: &str, kind: Kind, audience: &str, now: i64) -> Result<Arc<Claims>, Error> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Error::TooLong {
                length_bytes: token.len(),
            });
        }
        let hash = digest::digest(&digest::SHA256, token.as_bytes());
        let hash: [u8; 32] = hash.as_ref().try_into().expect("SHA-256 has 32 bytes");
        let claims = match self.checked.get(&hash) {
            Some(checked) => {
                self.ring.current().find(&checked.kid, now).ok_or(Error::UnknownKey)?;
                checked.claims
            }
            None => {
                let (kid, claims) = self.check_signature(token, now)?;
                let claims = Arc::new(claims);
                let checked = Checked {
                    kid,
                    claims: Arc::clone(&claims),
                    token_bytes: token.len(),
                };
                self.checked.insert(hash, checked);
                claims
            }
        };
        check_claims(&claims.payload, kind, audience, now)?;
        Ok(claims)
    }

    /// What is true of a token for as long as its key, which is named too, counts.
    fn check_signature(&self, token: &str, now: i64) -> Result<(Arc<str>, Claims), Error> {
        let token = Jws::parse(token)?;
        let header: Header = serde_json::from_slice(&token.header()?).map_err(|source| Error::Header { source })?;
        let keys = self.ring.current();
        let key = keys.find(&header.kid, now).ok_or(Error::UnknownKey)?;
        key.verify_sig(token.message(), &token.signature()?)
            .map_err(|_| Error::Signature)?;
        // Only now is it worth reading: these are bytes that this server wrote.
        let payload = serde_json::from_slice(&token.claims()?).map_err(|source| Error::Claims { source })?;
        Ok((header.kid.into(), Claims { payload }))
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("kid", &self.ring.current().signing().kid())
            .finish_non_exhaustive()
    }
}

/// What depends on who asks and when.
fn check_claims(payload: &Payload, kind: Kind, audience: &str, now: i64) -> Result<(), Error> {
    let (grant_type, longest_secs) = match kind {
        Kind::Access => (GrantType::AccessToken, ACCESS_SECS),
        Kind::Refresh => (GrantType::RefreshToken, REFRESH_SECS),
    };
    if payload.grant_type != grant_type {
        return Err(Error::Kind { wanted: kind });
    }
    if payload.iss != ISSUER {
        return Err(Error::Issuer);
    }
    if payload.aud != audience {
        return Err(Error::Audience {
            audience: audience.to_owned(),
        });
    }
    let latest_start = now.saturating_add(MAX_SKEW_SECS);
    if payload.nbf > latest_start || payload.iat > latest_start {
        return Err(Error::NotYetValid {
            not_before: payload.nbf.max(payload.iat),
            now,
        });
    }
    if payload.exp <= now {
        return Err(Error::Expired {
            expired_at: payload.exp,
            now,
        });
    }
    if payload.exp.saturating_sub(payload.iat) > BACKDATE_SECS + longest_secs {
        return Err(Error::LivesTooLong);
    }
    Ok(())
}

/// Why a token is not good. Never holds the token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("token of {length_bytes} bytes is longer than {MAX_TOKEN_BYTES}")]
    TooLong {
        /// Its length.
        length_bytes: usize,
    },
    /// Not three parts of base64url.
    #[error("the token's {part} is malformed")]
    Malformed {
        /// Which part.
        part: &'static str,
    },
    /// The header is not exactly that of this server's tokens: another algorithm (`none`, HS256), a key or an address
    /// of one brought along (`jwk`, `jku`, `x5c`, `x5u`), critical extensions, or something missing.
    #[error("the token's header is not one of ours")]
    Header {
        /// What is odd about it.
        #[source]
        source: serde_json::Error,
    },
    /// Signed with a key that this server does not have.
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// Not what the key signed.
    #[error("the token's signature is wrong")]
    Signature,
    /// Signed here, and yet a claim is missing or odd: a token of another version.
    #[error("the token's claims cannot be read")]
    Claims {
        /// Which claim.
        #[source]
        source: serde_json::Error,
    },
    /// A refresh token used as access token, or the reverse.
    #[error("not a token for {wanted:?}")]
    Kind {
        /// What was wanted.
        wanted: Kind,
    },
    /// From another issuer.
    #[error("the token's issuer is not this service")]
    Issuer,
    /// For another registry.
    #[error("the token is not for {audience}")]
    Audience {
        /// Who was asked.
        audience: String,
    },
    /// From the future.
    #[error("the token is not valid before {not_before}, it is {now}; is a clock wrong?")]
    NotYetValid {
        /// When it begins, in Unix seconds.
        not_before: i64,
        /// Now, in Unix seconds.
        now: i64,
    },
    /// From the past.
    #[error("the token expired at {expired_at}, it is {now}")]
    Expired {
        /// When it ended, in Unix seconds.
        expired_at: i64,
        /// Now, in Unix seconds.
        now: i64,
    },
    /// Good for longer than any token of its kind is made for.
    #[error("the token's lifetime is longer than any that is issued")]
    LivesTooLong,
}

impl From<jws::Malformed> for Error {
    fn from(malformed: jws::Malformed) -> Self {
        Self::Malformed { part: malformed.part }
    }
}

#[cfg(test)]
mod tests;
