//! Applications sign in as themselves (`client_credentials`), with a secret or a signed assertion.

use bytes::Bytes;
use holdfast_directory::{GoodCredentials, PrincipalView};
use holdfast_identity::{
    Resource,
    directory::{self, DirectoryGrant},
    throttle::Target,
};
use http::Response;
use secrecy::ExposeSecret as _;
use serde_json::json;
use uuid::Uuid;

use super::{
    assertion::{self, Claimed},
    form::Form,
    issued, refusal,
};
use crate::{Management, Site, error::Error};

/// A token for an application that proves itself.
pub(super) async fn token(app: &Management, site: &Site, tenant: &str, form: &Form) -> Result<Response<Bytes>, Error> {
    let spelled = form.default_resource().ok_or_else(refusal::scope_without_resource)?;
    let resource = issued::resource(app, site, spelled)?;
    let now = app.directory.now().unix_secs();
    let account = Target::Account(&form.client_id);
    let attempt = app
        .throttle
        .take(site.origin.address, account, now)
        .map_err(refusal::throttled)?;
    let (principal, source_ends_at) = match prove(app, site, tenant, resource, form).await {
        Ok(Ok(proven)) => {
            attempt.succeeded();
            proven
        }
        Ok(Err(error)) => {
            attempt.failed();
            return Err(error);
        }
        Err(error) => {
            attempt.withdraw();
            return Err(error);
        }
    };
    let grant = DirectoryGrant {
        audience: spelled.to_owned(),
        issuer: issued::issuer(app, site),
        app_id: principal.record.app_id,
        object_id: principal.record.id,
        generation: principal.record.generation,
        source_ends_at,
    };
    let usable_secs = directory::end(now, source_ends_at) - now;
    let token = app
        .directory_issuer
        .issue(grant, now)
        .map_err(|error| refusal::scope_too_long(&error))?;
    Ok(issued::secret(&json!({
        "token_type": "Bearer",
        "expires_in": usable_secs,
        "ext_expires_in": usable_secs,
        "access_token": token,
    })))
}

/// Who it is, and when what proved it ends. The inner error says that the proof is not good, the outer one that it was not looked at.
async fn prove(
    app: &Management,
    site: &Site,
    tenant: &str,
    resource: Resource,
    form: &Form,
) -> Result<Result<(PrincipalView, Option<i64>), Error>, Error> {
    let found = match Uuid::parse_str(&form.client_id) {
        Ok(id) => app.sign_in.find_client(id).await?,
        Err(_) => None,
    };
    let proof = match (&form.client_assertion, &found) {
        (None, _) => check_secret(app, form, found.as_ref().map(|(_, credentials)| credentials)),
        (Some(_), _) if form.client_assertion_type != assertion::TYPE => {
            return Err(refusal::missing("client_assertion_type"));
        }
        (Some(_), None) => Err(refusal::unknown_client(&form.client_id)),
        (Some(given), Some((principal, credentials))) => {
            let claimed = Claimed {
                app_id: principal.record.app_id,
                tenant,
                resource,
                credentials,
            };
            assertion::check(app, site, given.expose_secret(), &claimed).await
        }
    };
    Ok(match (proof, found) {
        (Ok(source_ends_at), Some((principal, _))) => Ok((principal, source_ends_at)),
        (Ok(_), None) => Err(refusal::wrong_secret()),
        (Err(error), _) => Err(error),
    })
}

/// The same work for an application that does not exist, so that time tells nothing.
fn check_secret(app: &Management, form: &Form, credentials: Option<&GoodCredentials>) -> Result<Option<i64>, Error> {
    let secrets = credentials.map_or(&[][..], |credentials| &credentials.secrets);
    let secret = form.client_secret.clone().unwrap_or_default();
    let matched = app
        .sealer
        .find(secret.expose_secret(), secrets, |stored| &stored.verifier);
    let matched = matched.ok_or_else(refusal::wrong_secret)?;
    Ok(Some(matched.expires_at.unix_secs()))
}
