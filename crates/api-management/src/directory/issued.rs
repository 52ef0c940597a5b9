//! Tokens on their way to a client.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use holdfast_identity::{
    Resource,
    directory::{self, SignedIn},
    refresh::{REFRESH_TOKEN_SECS, RefreshToken},
};
use holdfast_model::PersonRecord;
use http::{HeaderValue, Response, StatusCode, header};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{form::Scopes, refusal};
use crate::{Management, Site, body, error::Error};

/// What a person's client is given.
pub(super) struct ForPerson<'a> {
    pub(super) person: &'a PersonRecord,
    pub(super) client_id: Uuid,
    pub(super) scope: &'a str,
    pub(super) nonce: Option<&'a str>,
    /// The end of the refresh token that was brought; nothing that comes of it ends later.
    pub(super) source_ends_at: Option<i64>,
}

/// The tokens of somebody who signed in. The scopes say which.
pub(super) fn to_person(app: &Management, site: &Site, grant: &ForPerson<'_>) -> Result<Response<Bytes>, Error> {
    let now = app.directory.now().unix_secs();
    let scopes = Scopes(grant.scope);
    let principal = &grant.person.principal;
    let who = SignedIn {
        issuer: issuer(app, site),
        client_id: grant.client_id,
        object_id: principal.id,
        user_name: grant.person.user_name.to_string(),
        display_name: principal.display_name.clone(),
        generation: principal.generation,
        source_ends_at: grant.source_ends_at,
    };
    let usable_secs = directory::end(now, grant.source_ends_at) - now;
    let too_long = |error| refusal::scope_too_long(&error);
    let own = format!("{}/", site.base_url);
    let resource = scopes.resource().unwrap_or(&own);
    self::resource(app, site, resource)?;
    let access = app
        .directory_issuer
        .issue_signed_in(&who, resource, now)
        .map_err(too_long)?;
    let mut granted = scopes.of_resources();
    granted.extend(["openid", "profile"].into_iter().filter(|scope| scopes.contains(scope)));
    let account = json!({ "uid": principal.id, "utid": app.directory_issuer.tenant() });
    let mut document = json!({
        "token_type": "Bearer",
        // A text in any case: clients split it.
        "scope": granted.join(" "),
        "expires_in": usable_secs,
        "ext_expires_in": usable_secs,
        "access_token": access,
        "client_info": URL_SAFE_NO_PAD.encode(account.to_string()),
    });
    if scopes.contains("openid") {
        let id = app
            .directory_issuer
            .issue_id(&who, grant.nonce, now)
            .map_err(too_long)?;
        document["id_token"] = Value::from(id);
    }
    if scopes.contains("offline_access") {
        let longest = now.saturating_add(REFRESH_TOKEN_SECS);
        let refresh = RefreshToken {
            object_id: principal.id,
            client_id: grant.client_id,
            generation: principal.generation,
            expires_at: grant.source_ends_at.map_or(longest, |end| longest.min(end)),
        };
        document["refresh_token"] = Value::from(refresh.seal(&app.sealer).expose_secret());
    }
    Ok(secret(&document))
}

/// What a client asks a token for, if there are tokens for it.
pub(super) fn resource(app: &Management, site: &Site, spelled: &str) -> Result<Resource, Error> {
    let found = app.directory_issuer.find_resource(spelled, site.local);
    found.ok_or_else(|| refusal::unknown_resource(spelled, &site.base_url))
}

/// The directory's name in tokens, under the name that the client called.
pub(super) fn issuer(app: &Management, site: &Site) -> String {
    format!("{}/{}/v2.0", site.base_url, app.directory_issuer.tenant())
}

/// An answer that nobody may keep.
pub(super) fn secret(document: &impl Serialize) -> Response<Bytes> {
    let mut response = body::json(StatusCode::OK, document);
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    response
}
