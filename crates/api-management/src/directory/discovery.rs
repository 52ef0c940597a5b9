//! Where the token service is, and which keys it signs with.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::json;

use super::check_tenant;
use crate::{Management, Site, body, error::Error};

/// `/.well-known/openid-configuration`.
pub(crate) fn configuration(app: &Management, site: &Site, tenant: &str) -> Result<Response<Bytes>, Error> {
    check_tenant(app, tenant)?;
    let tenant = app.directory.tenant();
    let base = format!("{}/{tenant}", site.base_url);
    let document = json!({
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": format!("{base}/v2.0"),
        // MSAL wants the field to be there, also where nobody uses it.
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
    });
    Ok(body::json(StatusCode::OK, &document))
}

/// The keys that tokens are checked with: the one that signs now, and those whose tokens are still good.
pub(crate) fn keys(app: &Management, tenant: &str) -> Result<Response<Bytes>, Error> {
    check_tenant(app, tenant)?;
    let document = json!({ "keys": app.directory.public_keys(app.registry.now().unix_secs()) });
    Ok(body::json(StatusCode::OK, &document))
}
