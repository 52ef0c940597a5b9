//! Where the token service is, and which keys it signs with.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::json;

use crate::{Management, Site, body};

/// `/.well-known/openid-configuration`.
pub(super) fn configuration(app: &Management, site: &Site) -> Response<Bytes> {
    let tenant = app.directory_issuer.tenant();
    let base = format!("{}/{tenant}", site.base_url);
    let document = json!({
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "form_post"],
        "subject_types_supported": ["public"],
        "response_types_supported": ["code"],
        "grant_types_supported": [
            "client_credentials", "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid", "profile", "offline_access"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": format!("{base}/v2.0"),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "nbf", "nonce", "name", "preferred_username", "oid", "tid", "ver",
        ],
    });
    body::json(StatusCode::OK, &document)
}

/// The keys that tokens are checked with: the one that signs now, and those whose tokens are still good.
pub(super) fn keys(app: &Management) -> Response<Bytes> {
    let document = json!({ "keys": app.directory_issuer.public_keys(app.directory.now().unix_secs()) });
    body::json(StatusCode::OK, &document)
}
