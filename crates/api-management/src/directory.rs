//! The directory's token service (OAuth 2 and OpenID Connect, as Entra ID speaks them), a file for each way to sign in.
//! Its errors are OAuth's, with Entra's numbers (`refusal`).

mod application;
mod discovery;
mod form;
mod issued;
mod refusal;

use bytes::Bytes;
use http::Response;
use uuid::Uuid;

use crate::{Management, Site, error::Error};
pub(crate) use discovery::{configuration, keys};
use form::Form;

/// Names under which clients call the directory that they belong to.
const ANY_TENANT: [&str; 2] = ["common", "organizations"];

/// `POST /{tenant}/oauth2/v2.0/token`: one line per way to sign in.
pub(crate) async fn token(app: &Management, site: &Site, tenant: &str, body: &[u8]) -> Result<Response<Bytes>, Error> {
    check_tenant(app, tenant)?;
    let form = Form::parse(body);
    match form.grant_type.as_str() {
        "client_credentials" => application::token(app, site, &form).await,
        _ => Err(refusal::unknown_grant_type()),
    }
}

/// There is one directory; it goes by its id, or by a name that means the caller's own.
fn check_tenant(app: &Management, tenant: &str) -> Result<(), Error> {
    let is_ours = Uuid::parse_str(tenant).is_ok_and(|id| id == app.directory.tenant());
    if is_ours || ANY_TENANT.contains(&tenant) {
        return Ok(());
    }
    Err(refusal::unknown_tenant(tenant))
}
