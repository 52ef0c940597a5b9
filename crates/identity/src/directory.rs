//! The directory's tokens: JWTs with which a principal calls ARM, or gets a registry's token. Signed with the key of
//! [`Issuer`](crate::Issuer), yet another kind: one never passes for the other, since their claims differ.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use x509_parser::der_parser::asn1_rs::FromDer as _;
use x509_parser::public_key::RSAPublicKey;

use crate::jws::{self, Jws};
use crate::keys::{Ring, ServerKeys};
use crate::resource::{OwnNames, Resource};
use crate::token::{BACKDATE_SECS, Error, MAX_SKEW_SECS, MAX_TOKEN_BYTES};

/// How long a token of the directory can be used.
pub const DIRECTORY_SECS: i64 = 60 * 60;

/// Issues the directory's tokens and checks them.
pub struct DirectoryIssuer {
    ring: Arc<Ring>,
    tenant: Uuid,
    names: OwnNames,
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryClaims {
    /// The resource that it was asked for.
    pub aud: String,
    /// The URL of the directory, under the name that the client called.
    pub iss: String,
    /// When it was issued, in Unix seconds.
    pub iat: i64,
    /// When it begins to be good.
    pub nbf: i64,
    /// The first second in which it is no longer good.
    pub exp: i64,
    /// The application id; of the client where a person signed in.
    pub appid: Uuid,
    /// `app`: nobody signed in but the application itself. `user`: a person did.
    pub idtyp: String,
    /// The object id of the principal.
    pub oid: Uuid,
    /// The same, as OAuth has it.
    pub sub: Uuid,
    /// The directory.
    pub tid: Uuid,
    /// The name that a person signs in with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upn: Option<String>,
    /// A person's name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the client may do for a person: everything that the person may, as Entra ID says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scp: Option<String>,
    /// The token's own id.
    pub uti: Uuid,
    /// The version of this form.
    pub ver: String,
    /// Ours: counts what voids the principal's tokens.
    pub generation: i64,
}

/// Whom a token is for.
#[derive(Clone, Debug)]
pub struct DirectoryGrant {
    /// The resource that it was asked for.
    pub audience: String,
    /// The URL of the directory.
    pub issuer: String,
    /// The application id.
    pub app_id: Uuid,
    /// The object id.
    pub object_id: Uuid,
    /// See [`DirectoryClaims::generation`].
    pub generation: i64,
    /// The first second in which the secret or certificate that proved it is no longer good: no token outlives it.
    pub source_ends_at: Option<i64>,
}

/// The person that a token is for.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The URL of the directory.
    pub issuer: String,
    /// The client that the person signed in at.
    pub client_id: Uuid,
    /// The object id.
    pub object_id: Uuid,
    /// The name to sign in with.
    pub user_name: String,
    /// The name for people.
    pub display_name: String,
    /// See [`DirectoryClaims::generation`].
    pub generation: i64,
    /// The first second in which the refresh token that it came from is no longer good.
    pub source_ends_at: Option<i64>,
}

/// Tells a client who signed in (OpenID Connect). It opens nothing here: it lacks what [`DirectoryClaims`] must have.
#[derive(Serialize)]
struct IdClaims<'a> {
    aud: Uuid,
    iss: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    name: &'a str,
    oid: Uuid,
    preferred_username: &'a str,
    sub: Uuid,
    tid: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    ver: &'static str,
}

/// A public key as JSON Web Key Sets hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublicKey {
    kty: &'static str,
    r#use: &'static str,
    alg: &'static str,
    kid: String,
    n: String,
    e: String,
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

impl DirectoryIssuer {
    /// The issuer of a directory, with the server's keys and names.
    #[must_use]
    pub fn new(keys: &ServerKeys, tenant: Uuid, names: OwnNames) -> Self {
        Self {
            ring: keys.ring(),
            tenant,
            names,
        }
    }

    /// The directory's id.
    #[must_use]
    pub fn tenant(&self) -> Uuid {
        self.tenant
    }

    /// What an audience means; `None` when tokens for it are neither issued nor good for anything. `local` is the address
    /// of ours that the connection came in on.
    #[must_use]
    pub fn find_resource(&self, audience: &str, local: IpAddr) -> Option<Resource> {
        self.names.find_resource(audience, local)
    }

    /// The keys that tokens are checked with at `now` (Unix seconds), the one that signs first.
    #[must_use]
    pub fn public_keys(&self, now: i64) -> Vec<PublicKey> {
        let keys = self.ring.current();
        let published = keys.published(now);
        published
            .into_iter()
            .map(|(kid, der)| PublicKey::new(kid, der))
            .collect()
    }

    /// Issues a token. `now` is in Unix seconds.
    ///
    /// # Errors
    /// The audience makes it longer than [`MAX_TOKEN_BYTES`].
    pub fn issue(&self, grant: DirectoryGrant, now: i64) -> Result<String, Error> {
        let claims = DirectoryClaims {
            aud: grant.audience,
            iss: grant.issuer,
            iat: now - BACKDATE_SECS,
            nbf: now - BACKDATE_SECS,
            exp: end(now, grant.source_ends_at),
            appid: grant.app_id,
            idtyp: "app".to_owned(),
            oid: grant.object_id,
            sub: grant.object_id,
            tid: self.tenant,
            uti: Uuid::new_v4(),
            upn: None,
            name: None,
            scp: None,
            ver: "1.0".to_owned(),
            generation: grant.generation,
        };
        self.sign(&claims)
    }

    /// Issues a token for a person. `audience` is the resource that it was asked for, `now` is in Unix seconds.
    ///
    /// # Errors
    /// The audience makes it longer than [`MAX_TOKEN_BYTES`].
    pub fn issue_signed_in(&self, who: &SignedIn, audience: &str, now: i64) -> Result<String, Error> {
        self.sign(&DirectoryClaims {
            aud: audience.to_owned(),
            iss: who.issuer.clone(),
            iat: now - BACKDATE_SECS,
            nbf: now - BACKDATE_SECS,
            exp: end(now, who.source_ends_at),
            appid: who.client_id,
            idtyp: "user".to_owned(),
            oid: who.object_id,
            sub: who.object_id,
            tid: self.tenant,
            upn: Some(who.user_name.clone()),
            name: Some(who.display_name.clone()),
            scp: Some("user_impersonation".to_owned()),
            uti: Uuid::new_v4(),
            ver: "1.0".to_owned(),
            generation: who.generation,
        })
    }

    /// Issues what tells the client who signed in. `nonce` is what the client sent when it asked; `now` is in Unix
    /// seconds.
    ///
    /// # Errors
    /// The nonce makes it longer than [`MAX_TOKEN_BYTES`].
    pub fn issue_id(&self, who: &SignedIn, nonce: Option<&str>, now: i64) -> Result<String, Error> {
        self.sign(&IdClaims {
            aud: who.client_id,
            iss: &who.issuer,
            iat: now,
            nbf: now,
            exp: end(now, who.source_ends_at),
            name: &who.display_name,
            oid: who.object_id,
            preferred_username: &who.user_name,
            sub: who.object_id,
            tid: self.tenant,
            nonce,
            ver: "2.0",
        })
    }

    fn sign(&self, claims: &impl Serialize) -> Result<String, Error> {
        let keys = self.ring.current();
        let header = Header {
            alg: "RS256".to_owned(),
            typ: "JWT".to_owned(),
            kid: keys.signing().kid().to_owned(),
        };
        let header = serde_json::to_vec(&header).expect("a header of texts serialises");
        let claims = serde_json::to_vec(claims).expect("claims of texts and numbers serialise");
        let token = jws::sign(keys.signing(), header, claims);
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Error::TooLong {
                length_bytes: token.len(),
            });
        }
        Ok(token)
    }

    /// Checks a token: signed here, of this directory, and good at `now` (Unix seconds). Whether the principal still is
    /// what it was, and whether the audience is the right one, is for the caller to ask.
    ///
    /// # Errors
    /// It is not.
    pub fn verify(&self, token: &str, now: i64) -> Result<DirectoryClaims, Error> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Error::TooLong {
                length_bytes: token.len(),
            });
        }
        let token = Jws::parse(token)?;
        let header: Header = serde_json::from_slice(&token.header()?).map_err(|source| Error::Header { source })?;
        if header.alg != "RS256" {
            return Err(Error::Malformed { part: "header" });
        }
        let keys = self.ring.current();
        let key = keys.find(&header.kid, now).ok_or(Error::UnknownKey)?;
        key.verify_sig(token.message(), &token.signature()?)
            .map_err(|_| Error::Signature)?;
        let claims: DirectoryClaims =
            serde_json::from_slice(&token.claims()?).map_err(|source| Error::Claims { source })?;
        if claims.tid != self.tenant {
            return Err(Error::Issuer);
        }
        if claims.exp <= now {
            return Err(Error::Expired {
                expired_at: claims.exp,
                now,
            });
        }
        if claims.nbf > now.saturating_add(MAX_SKEW_SECS) {
            return Err(Error::NotYetValid {
                not_before: claims.nbf,
                now,
            });
        }
        Ok(claims)
    }
}

/// When a token that is issued now ends: with its source, when that ends earlier.
#[must_use]
pub fn end(now: i64, source_ends_at: Option<i64>) -> i64 {
    let longest = now + DIRECTORY_SECS;
    source_ends_at.map_or(longest, |end| longest.min(end))
}

impl PublicKey {
    fn new(kid: &str, pkcs1: &[u8]) -> Self {
        let (_, key) = RSAPublicKey::from_der(pkcs1).expect("a key that was read is well-formed");
        let number = |bytes: &[u8]| {
            let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
            URL_SAFE_NO_PAD.encode(&bytes[start..])
        };
        Self {
            kty: "RSA",
            r#use: "sig",
            alg: "RS256",
            kid: kid.to_owned(),
            n: number(key.modulus),
            e: number(key.exponent),
        }
    }
}

impl fmt::Debug for DirectoryIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectoryIssuer")
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::{AccessClaims, Credential, Issuer, Kind};

    fn grant() -> DirectoryGrant {
        DirectoryGrant {
            audience: "https://localhost:5443/".to_owned(),
            issuer: "https://localhost:5443/t/v2.0".to_owned(),
            app_id: Uuid::from_u128(1),
            object_id: Uuid::from_u128(2),
            generation: 3,
            source_ends_at: None,
        }
    }

    fn keys() -> ServerKeys {
        ServerKeys::open_or_create(tempfile::tempdir().unwrap().path()).unwrap()
    }

    #[test]
    fn a_token_says_for_an_hour_what_it_was_issued_for() {
        let issuer = DirectoryIssuer::new(&keys(), Uuid::from_u128(9), OwnNames::default());
        let token = issuer.issue(grant(), 1_000_000).unwrap();
        let claims = issuer.verify(&token, 1_000_000 + DIRECTORY_SECS - 1).unwrap();
        assert_eq!((claims.appid, claims.oid), (Uuid::from_u128(1), Uuid::from_u128(2)));
        assert_eq!((claims.generation, claims.tid), (3, Uuid::from_u128(9)));
        assert!(issuer.verify(&token, 1_000_000 + DIRECTORY_SECS).is_err());
    }

    #[test]
    fn a_token_of_another_algorithm_or_from_the_future_or_without_end_is_none() {
        let issuer = DirectoryIssuer::new(&keys(), Uuid::from_u128(9), OwnNames::default());
        let token = issuer.issue(grant(), 1_000_000).unwrap();
        let first = issuer.verify(&token, 1_000_000).unwrap().nbf - MAX_SKEW_SECS;
        assert!(issuer.verify(&token, first).is_ok());
        let early = issuer.verify(&token, first - 1);
        assert!(matches!(early, Err(Error::NotYetValid { .. })), "{early:?}");
        let (header, rest) = token.split_once('.').unwrap();
        let header = String::from_utf8(URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
        for algorithm in ["HS256", "none", "RS512"] {
            let header = URL_SAFE_NO_PAD.encode(header.replace("RS256", algorithm));
            let other = issuer.verify(&format!("{header}.{rest}"), 1_000_000);
            assert!(matches!(other, Err(Error::Malformed { part: "header" })), "{other:?}");
        }
        let endless = issuer.verify(&"a".repeat(MAX_TOKEN_BYTES + 1), 1_000_000);
        assert!(matches!(endless, Err(Error::TooLong { .. })), "{endless:?}");
    }

    #[test]
    fn a_persons_token_names_the_person_and_an_id_token_opens_nothing() {
        let issuer = DirectoryIssuer::new(&keys(), Uuid::from_u128(9), OwnNames::default());
        let who = SignedIn {
            issuer: "https://localhost:5443/t/v2.0".to_owned(),
            client_id: Uuid::from_u128(4),
            object_id: Uuid::from_u128(5),
            user_name: "ann@example.org".to_owned(),
            display_name: "Änn".to_owned(),
            generation: 6,
            source_ends_at: None,
        };
        let token = issuer.issue_signed_in(&who, "https://localhost:5443/", 1_000).unwrap();
        let claims = issuer.verify(&token, 1_000).unwrap();
        assert_eq!(
            (claims.oid, claims.generation, claims.idtyp.as_str()),
            (who.object_id, 6, "user")
        );
        assert_eq!(
            (claims.upn.as_deref(), claims.appid),
            (Some("ann@example.org"), who.client_id)
        );
        let id = issuer.issue_id(&who, Some("n"), 1_000).unwrap();
        assert!(matches!(issuer.verify(&id, 1_000), Err(Error::Claims { .. })));
        assert!(
            issuer
                .issue_id(&who, Some(&"n".repeat(MAX_TOKEN_BYTES)), 1_000)
                .is_err()
        );
    }

    #[test]
    fn tokens_of_other_directories_keys_and_kinds_are_refused() {
        let keys = keys();
        let issuer = DirectoryIssuer::new(&keys, Uuid::from_u128(9), OwnNames::default());
        let token = issuer.issue(grant(), 1_000).unwrap();
        assert!(
            DirectoryIssuer::new(&keys, Uuid::from_u128(8), OwnNames::default())
                .verify(&token, 1_000)
                .is_err()
        );
        assert!(
            DirectoryIssuer::new(&self::keys(), Uuid::from_u128(9), OwnNames::default())
                .verify(&token, 1_000)
                .is_err()
        );
        let registries = Issuer::new(&keys);
        assert!(
            registries
                .verify(&token, Kind::Access, "https://localhost:5443/", 1_000)
                .is_err()
        );
        let access = AccessClaims {
            audience: "a".to_owned(),
            subject: "s".to_owned(),
            registry_rid: "r".to_owned(),
            credential: Credential::Anonymous,
            access: Vec::new(),
            source_ends_at: None,
        };
        let access = registries.issue_access(access, 1_000).unwrap();
        assert!(issuer.verify(&access, 1_000).is_err());
        let tampered = format!("{}x", &token[..token.len() - 1]);
        assert!(issuer.verify(&tampered, 1_000).is_err());
    }

    #[test]
    fn the_published_key_checks_the_tokens() {
        let issuer = DirectoryIssuer::new(&keys(), Uuid::from_u128(9), OwnNames::default());
        let now = 4_000_000_000;
        let token = issuer.issue(grant(), now).unwrap();
        let key = issuer.public_keys(now).remove(0);
        let decoding = jsonwebtoken::DecodingKey::from_rsa_components(&key.n, &key.e).unwrap();
        let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
        validation.set_audience(&["https://localhost:5443/"]);
        let read = jsonwebtoken::decode::<DirectoryClaims>(&token, &decoding, &validation).unwrap();
        assert_eq!(read.claims, issuer.verify(&token, now).unwrap());
    }
}
