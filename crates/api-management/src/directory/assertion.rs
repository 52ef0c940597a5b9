//! Applications that prove themselves by a signed assertion instead of a secret (RFC 7523): with the key of a registered
//! certificate, or with a token of an external issuer that a federated credential puts trust in.

use holdfast_directory::GoodCredentials;
use holdfast_identity::{
    Resource, external_issuer,
    external_token::{self, ExternalClaims, ExternalKey, Unverified},
};
use holdfast_model::{ApplicationCertificate, FederatedCredential, Timestamp};
use holdfast_oci::message::chain;
use uuid::Uuid;

use super::{issued, refusal};
use crate::{Management, Site, error::Error};

/// The only kind of assertion.
pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The longest life of an assertion that is signed with a certificate (MSAL: 10 minutes; Entra ID advises 5 to 10). What
/// was used is remembered for as long.
const MAX_LIFE_SECS: i64 = 60 * 60;

/// What an assertion is checked against.
pub(super) struct Claimed<'a> {
    pub(super) app_id: Uuid,
    pub(super) tenant: &'a str,
    pub(super) resource: Resource,
    pub(super) credentials: &'a GoodCredentials,
}

/// Whether the assertion proves the application; the answer is when what it was proved by ends. That is the certificate,
/// never the assertion itself: that one is a proof of this moment, and the token that it buys is short (RFC 7521 §4.1).
pub(super) async fn check(
    app: &Management,
    site: &Site,
    assertion: &str,
    claimed: &Claimed<'_>,
) -> Result<Option<i64>, Error> {
    let unverified = Unverified::parse(assertion).map_err(|error| refuse(&error))?;
    let is_own = Uuid::parse_str(unverified.claimed_issuer()).is_ok_and(|id| id == claimed.app_id);
    if is_own {
        check_own(app, site, assertion, unverified, claimed).await
    } else {
        check_federated(app, unverified, &claimed.credentials.federated).await?;
        Ok(None)
    }
}

/// Signed by the application itself.
async fn check_own(
    app: &Management,
    site: &Site,
    assertion: &str,
    unverified: Unverified<'_>,
    claimed: &Claimed<'_>,
) -> Result<Option<i64>, Error> {
    let now = app.directory.now().unix_secs();
    let certificates = &claimed.credentials.certificates;
    let named = certificates
        .iter()
        .find(|certificate| is_named(&unverified, certificate));
    let key = named.and_then(|certificate| ExternalKey::of_certificate(&certificate.der));
    let key = key.ok_or_else(refusal::assertion_not_signed)?;
    let claims = unverified.verify(&key, now).map_err(|error| refuse(&error))?;
    if Uuid::parse_str(&claims.sub).ok() != Some(claimed.app_id) {
        return Err(refusal::assertion_subject());
    }
    let tenant = app.directory_issuer.tenant();
    let endpoint = format!("{}/{tenant}/oauth2/v2.0/token", site.base_url);
    let called = format!("{}/{}/oauth2/v2.0/token", site.base_url, claimed.tenant);
    let issuer = issued::issuer(app, site);
    if !claims.aud.is_any_of(&[&endpoint, &called, &issuer]) {
        return Err(refusal::assertion_audience(&endpoint));
    }
    if claims.exp > now.saturating_add(MAX_LIFE_SECS) {
        return Err(refusal::assertion_out_of_time("it is good for more than an hour"));
    }
    // MSAL signs one assertion and asks with it for each resource that it needs in the next minutes. Whoever steals one
    // gets nothing for a resource that it was used for, however that is spelled.
    let message = assertion.rsplit_once('.').map_or(assertion, |(message, _)| message);
    let hash = app.sealer.verifier(&format!("{message} {}", claimed.resource.word()));
    let until = Timestamp((claims.exp + external_token::SKEW_SECS).saturating_mul(1_000_000));
    if app.sign_in.use_assertion(hash, until).await? {
        Ok(named.map(|certificate| certificate.expires_at.unix_secs()))
    } else {
        Err(refusal::assertion_used())
    }
}

/// Whether the assertion names this certificate; one must be named. The fingerprints are no proof, the signature is.
fn is_named(unverified: &Unverified<'_>, certificate: &ApplicationCertificate) -> bool {
    match (unverified.certificate_sha256(), unverified.certificate_sha1()) {
        (Some(sha256), _) => sha256 == certificate.sha256,
        (None, Some(sha1)) => sha1 == certificate.sha1,
        (None, None) => false,
    }
}

/// Signed by an external issuer. Its token may be used again until it ends: clients keep it and ask with it for each
/// resource.
async fn check_federated(
    app: &Management,
    unverified: Unverified<'_>,
    federated: &[FederatedCredential],
) -> Result<(), Error> {
    let now = app.directory.now().unix_secs();
    let issuer = unverified.claimed_issuer().to_owned();
    // Nobody is asked for keys whom no credential names: a stranger cannot choose where this server goes.
    if !federated.iter().any(|credential| credential.issuer == issuer) {
        return Err(refusal::no_federated_issuer(&issuer));
    }
    let keys = app.external_issuers.find_keys(&issuer, unverified.kid(), now).await;
    let keys = keys.map_err(|error| no_keys(&error, &issuer))?;
    let claims = verify_with_any(&unverified, &keys, now)?;
    let of_issuer = federated.iter().filter(|credential| credential.issuer == claims.iss);
    let of_subject: Vec<_> = of_issuer
        .filter(|credential| credential.subject.matches(&claims.sub))
        .collect();
    if of_subject.is_empty() {
        return Err(refusal::no_federated_subject(&claims.sub));
    }
    if of_subject
        .iter()
        .any(|credential| claims.aud.is_any_of(&credential.audiences))
    {
        Ok(())
    } else {
        Err(refusal::no_federated_audience())
    }
}

/// Several keys only where token or keys go without names.
fn verify_with_any(unverified: &Unverified<'_>, keys: &[ExternalKey], now: i64) -> Result<ExternalClaims, Error> {
    let mut outcome = Err(refusal::assertion_not_signed());
    for key in keys {
        match unverified.verify(key, now) {
            Ok(claims) => return Ok(claims),
            Err(error) => outcome = Err(refuse(&error)),
        }
    }
    outcome
}

fn no_keys(error: &external_issuer::Error, issuer: &str) -> Error {
    tracing::warn!(error = %chain(error), "the keys of an external issuer were not had");
    match error {
        external_issuer::Error::UnknownKey { .. } => refusal::assertion_not_signed(),
        external_issuer::Error::Unreachable { .. }
        | external_issuer::Error::Odd { .. }
        | external_issuer::Error::OtherIssuer { .. } => refusal::issuer_away(issuer),
    }
}

fn refuse(error: &external_token::Error) -> Error {
    match error {
        external_token::Error::TooLong
        | external_token::Error::Malformed { .. }
        | external_token::Error::Claims { .. } => refusal::assertion_malformed(&error.to_string()),
        external_token::Error::Signature => refusal::assertion_not_signed(),
        external_token::Error::Expired { .. } | external_token::Error::NotYetValid { .. } => {
            refusal::assertion_out_of_time(&error.to_string())
        }
    }
}
