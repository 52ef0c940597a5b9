//! Applications sign in as themselves (`client_credentials`), with a secret.

use bytes::Bytes;
use holdfast_identity::directory::{DIRECTORY_SECS, DirectoryGrant};
use http::Response;
use secrecy::ExposeSecret as _;
use serde_json::json;
use uuid::Uuid;

use super::{form::Form, issued, refusal};
use crate::{Management, Site, error::Error};

/// A token for an application that proves itself.
pub(super) async fn token(app: &Management, site: &Site, form: &Form) -> Result<Response<Bytes>, Error> {
    let resource = form.default_resource().ok_or_else(refusal::scope_without_resource)?;
    let now = app.registry.now().unix_secs();
    let account = form.client_id.as_str();
    app.throttle
        .check(site.peer, account, now)
        .map_err(refusal::throttled)?;
    let found = match Uuid::parse_str(account) {
        Ok(id) => app.registry.find_principal_by_app(id).await?,
        Err(_) => None,
    };
    // The same work for an application that does not exist, so that time tells nothing.
    let verifiers = found.as_ref().map_or(&[][..], |(_, verifiers)| verifiers);
    let secret = form.client_secret.clone().unwrap_or_default();
    let matched = app.sealer.matches_any(secret.expose_secret(), verifiers);
    let Some((principal, _)) = found.filter(|_| matched.is_some()) else {
        app.throttle.failed(site.peer, account, now);
        return Err(refusal::wrong_secret());
    };
    app.throttle.succeeded(site.peer, account);
    let grant = DirectoryGrant {
        audience: resource.to_owned(),
        issuer: format!("{}/{}/v2.0", site.base_url, app.directory.tenant()),
        app_id: principal.record.app_id,
        object_id: principal.record.id,
        generation: principal.record.generation,
    };
    let token = app
        .directory
        .issue(grant, now)
        .map_err(|error| refusal::scope_too_long(&error))?;
    Ok(issued::secret(&json!({
        "token_type": "Bearer",
        "expires_in": DIRECTORY_SECS,
        "ext_expires_in": DIRECTORY_SECS,
        "access_token": token,
    })))
}
