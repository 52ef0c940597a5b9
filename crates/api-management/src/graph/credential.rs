//! Passwords and keys of applications and service principals, which share them. A password is made here, with full
//! entropy, and shown this once.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use holdfast_access::{ControlGrant, control};
use holdfast_directory::{ApplicationKey, CertificateChange, NewCertificate, NewSecret};
use holdfast_identity::{certificate, password};
use holdfast_model::Timestamp;
use http::{HeaderValue, Response, StatusCode, header};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use uuid::Uuid;

use super::{Call, error::Error, view};
use crate::body;

/// How long a password is good when nothing is said (Graph: two years).
const PASSWORD_LIFE: std::time::Duration = std::time::Duration::from_secs(2 * 365 * 24 * 60 * 60);
/// The longest name of a credential.
const MAX_NAME_CHARS: usize = 120;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AddPassword {
    #[serde(default)]
    password_credential: Option<Password>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Password {
    display_name: Option<String>,
    start_date_time: Option<String>,
    end_date_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RemovePassword {
    key_id: Uuid,
}

/// A key credential as it stands in a body: one that is to stay has no `key`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Key {
    display_name: Option<String>,
    start_date_time: Option<String>,
    end_date_time: Option<String>,
    key: Option<String>,
    key_id: Option<Uuid>,
    r#type: Option<String>,
    usage: Option<String>,
}

pub(super) async fn add_password(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsWrite>,
    key: ApplicationKey,
) -> Result<Response<Bytes>, Error> {
    let request = if call.body.is_empty() {
        AddPassword::default()
    } else {
        body::parse(call.body)?
    };
    let wanted = request.password_credential.unwrap_or_default();
    let now = call.app.directory.now();
    let starts_at = optional_moment("startDateTime", wanted.start_date_time.as_deref())?.unwrap_or(now);
    let expires_at =
        optional_moment("endDateTime", wanted.end_date_time.as_deref())?.unwrap_or_else(|| now.plus(PASSWORD_LIFE));
    check_life(starts_at, expires_at, now)?;
    let text = password::generate();
    let new = NewSecret {
        display_name: checked_name(wanted.display_name)?,
        hint: password::hint(&text),
        verifier: call.app.sealer.verifier(text.expose_secret()),
        starts_at,
        expires_at,
    };
    let secret = call.app.directory.add_secret(&grant, key, new).await?;
    let mut view = view::password(&secret);
    view["secretText"] = text.expose_secret().into();
    let mut response = body::json(StatusCode::OK, &view);
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}

pub(super) async fn remove_password(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsWrite>,
    key: ApplicationKey,
) -> Result<Response<Bytes>, Error> {
    let request: RemovePassword = body::parse(call.body)?;
    call.app.directory.remove_secret(&grant, key, request.key_id).await?;
    Ok(body::empty(StatusCode::NO_CONTENT))
}

/// The certificates that a list of key credentials asks for.
pub(super) fn changes(keys: Vec<Key>) -> Result<Vec<CertificateChange>, Error> {
    keys.into_iter().map(change).collect()
}

fn change(key: Key) -> Result<CertificateChange, Error> {
    let invalid = |why: &str| Error::invalid_value("keyCredentials", why);
    let Some(text) = key.key else {
        let id = key
            .key_id
            .ok_or_else(|| invalid("a key without 'key' needs a 'keyId'"))?;
        return Ok(CertificateChange::Keep(id));
    };
    let kind = key.r#type.as_deref().unwrap_or(view::KEY_TYPE);
    let usage = key.usage.as_deref().unwrap_or(view::KEY_USAGE);
    if (kind, usage) != (view::KEY_TYPE, view::KEY_USAGE) {
        return Err(invalid(
            "this directory takes certificates (AsymmetricX509Cert) that verify (Verify)",
        ));
    }
    let der = STANDARD
        .decode(text.split_ascii_whitespace().collect::<String>())
        .map_err(|_| invalid("the key is not base64"))?;
    let read = certificate::read(&der).map_err(|error| invalid(&error.to_string()))?;
    // The certificate's own bounds hold whatever the caller says.
    let (first, last) = (seconds(read.not_before), seconds(read.not_after.saturating_add(1)));
    let starts_at = optional_moment("startDateTime", key.start_date_time.as_deref())?.map_or(first, |at| at.max(first));
    let expires_at = optional_moment("endDateTime", key.end_date_time.as_deref())?.map_or(last, |at| at.min(last));
    if starts_at >= expires_at {
        return Err(invalid("it ends before it starts"));
    }
    Ok(CertificateChange::Add(Box::new(NewCertificate {
        id: key.key_id.unwrap_or_else(Uuid::new_v4),
        display_name: checked_name(key.display_name)?,
        der,
        sha256: read.sha256,
        sha1: read.sha1,
        starts_at,
        expires_at,
    })))
}

fn seconds(unix_secs: i64) -> Timestamp {
    Timestamp(unix_secs.saturating_mul(1_000_000))
}

fn optional_moment(property: &str, text: Option<&str>) -> Result<Option<Timestamp>, Error> {
    text.map(|text| view::moment(property, text)).transpose()
}

fn check_life(starts_at: Timestamp, expires_at: Timestamp, now: Timestamp) -> Result<(), Error> {
    if expires_at <= now {
        return Err(Error::invalid_value("endDateTime", "it is over already"));
    }
    if expires_at <= starts_at {
        return Err(Error::invalid_value("endDateTime", "it lies before the start"));
    }
    Ok(())
}

fn checked_name(name: Option<String>) -> Result<Option<String>, Error> {
    match name {
        Some(name) if name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) => {
            let why = format!("it has {MAX_NAME_CHARS} characters at most and no control characters");
            Err(Error::invalid_value("displayName", &why))
        }
        name => Ok(name),
    }
}
