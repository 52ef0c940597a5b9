//! The directory's token service (OAuth 2 and OpenID Connect, as Entra ID speaks them), a file for each way to sign in.
//! Its errors are OAuth's, with Entra's numbers (`refusal`).

mod application;
mod assertion;
mod authorize;
mod client;
mod device;
mod discovery;
mod form;
mod guard;
mod issued;
mod page;
mod person;
mod refresh;
mod refusal;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use serde_json::json;
use uuid::Uuid;

use crate::{DirectoryRoute, Management, Site, body, error::Error};
use form::Form;
pub(crate) use person::{MAX_PASSWORD_CHECKS, MAX_QUEUED};

/// Names under which clients call the directory that they belong to.
const ANY_TENANT: [&str; 2] = ["common", "organizations"];

/// A request to the token service.
pub(crate) struct Asked<'a> {
    pub(crate) headers: &'a HeaderMap,
    pub(crate) query: &'a str,
    pub(crate) body: &'a [u8],
}

/// One line per endpoint. None wants a token: they are where tokens come from.
pub(crate) async fn endpoint(
    app: &Management,
    site: &Site,
    route: &DirectoryRoute,
    asked: Asked<'_>,
) -> Result<Response<Bytes>, Error> {
    let Asked { headers, query, body } = asked;
    let of = |tenant| check_tenant(app, tenant);
    match route {
        DirectoryRoute::OpenIdConfiguration(t) => of(t).map(|()| discovery::configuration(app, site)),
        DirectoryRoute::Keys(t) => of(t).map(|()| discovery::keys(app)),
        DirectoryRoute::Token(t) => match of(t) {
            Ok(()) => token(app, site, t, body).await,
            Err(error) => Err(error),
        },
        DirectoryRoute::DeviceCode(t) => match of(t) {
            Ok(()) => device::start(app, site, body).await,
            Err(error) => Err(error),
        },
        DirectoryRoute::DevicePage => Ok(device::show(app, site, headers)),
        DirectoryRoute::DeviceSubmit => device::submit(app, site, headers, body).await,
        DirectoryRoute::AuthorizePage(t) => of(t).map(|()| authorize::show(app, site, headers, query)),
        DirectoryRoute::AuthorizeSubmit(t) => match of(t) {
            Ok(()) => authorize::submit(app, site, headers, body).await,
            Err(error) => Err(error),
        },
        DirectoryRoute::UserRealm => Ok(user_realm()),
    }
}

/// `POST /{tenant}/oauth2/v2.0/token`: one line per way to sign in.
async fn token(app: &Management, site: &Site, tenant: &str, body: &[u8]) -> Result<Response<Bytes>, Error> {
    let form = Form::parse(body);
    match form.grant_type.as_str() {
        "client_credentials" => application::token(app, site, tenant, &form).await,
        "authorization_code" => authorize::token(app, site, &form).await,
        // The second is the RFC's name, the first Entra's older one.
        "device_code" | "urn:ietf:params:oauth:grant-type:device_code" => device::token(app, site, &form).await,
        "refresh_token" => refresh::token(app, site, &form).await,
        "password" => Err(refusal::passwords_stay_here()),
        _ => Err(refusal::unknown_grant_type()),
    }
}

/// What MSAL asks before it sends a password: every account is this directory's own.
fn user_realm() -> Response<Bytes> {
    body::json(StatusCode::OK, &json!({ "ver": "1.0", "account_type": "Managed" }))
}

/// There is one directory; it goes by its id, or by a name that means the caller's own.
fn check_tenant(app: &Management, tenant: &str) -> Result<(), Error> {
    let is_ours = Uuid::parse_str(tenant).is_ok_and(|id| id == app.directory_issuer.tenant());
    if is_ours || ANY_TENANT.contains(&tenant) {
        return Ok(());
    }
    Err(refusal::unknown_tenant(tenant))
}
