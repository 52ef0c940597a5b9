//! The directory's token service (OAuth 2, as Entra ID speaks it): where it is, which keys it signs with, and tokens for
//! applications that prove themselves by a secret. Its errors are OAuth's.

use bytes::Bytes;
use holdfast_identity::directory::{DIRECTORY_SECS, DirectoryGrant};
use http::{HeaderValue, Response, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use uuid::Uuid;

use crate::{Management, Site, body, error::Error};

/// Names under which clients call the directory that they belong to.
const ANY_TENANT: [&str; 2] = ["common", "organizations"];

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

/// The keys that tokens are signed with.
pub(crate) fn keys(app: &Management, tenant: &str) -> Result<Response<Bytes>, Error> {
    check_tenant(app, tenant)?;
    let document = json!({ "keys": app.directory.public_keys(app.registry.now().unix_secs()) });
    Ok(body::json(StatusCode::OK, &document))
}

#[derive(Default)]
struct Form {
    grant_type: String,
    client_id: String,
    client_secret: SecretString,
    resource: String,
}

/// A token for an application that knows its secret.
pub(crate) async fn token(app: &Management, site: &Site, tenant: &str, body: &[u8]) -> Result<Response<Bytes>, Error> {
    check_tenant(app, tenant)?;
    let form = Form::parse(body);
    if form.grant_type != "client_credentials" {
        return Err(Error::OAuth {
            code: "unsupported_grant_type",
            number: 70003,
            description: "The app requested an unsupported grant type; this directory knows client_credentials."
                .to_owned(),
        });
    }
    if form.resource.is_empty() {
        return Err(Error::OAuth {
            code: "invalid_scope",
            number: 70011,
            description: "The provided request must include a 'scope' input parameter that ends in /.default."
                .to_owned(),
        });
    }
    let now = app.registry.now().unix_secs();
    let account = form.client_id.as_str();
    let throttled = |wait: holdfast_identity::throttle::TooMany| Error::Throttled {
        retry_after_secs: u64::try_from(wait.retry_after_secs).unwrap_or(0),
    };
    app.throttle.check(site.peer, account, now).map_err(throttled)?;
    let found = match Uuid::parse_str(account) {
        Ok(id) => app.registry.find_principal_by_app(id).await?,
        Err(_) => None,
    };
    // The same work for an application that does not exist, so that time tells nothing.
    let verifiers = found.as_ref().map_or(&[][..], |(_, verifiers)| verifiers);
    let matched = app.sealer.matches_any(form.client_secret.expose_secret(), verifiers);
    let Some((principal, _)) = found.filter(|_| matched.is_some()) else {
        app.throttle.failed(site.peer, account, now);
        return Err(Error::OAuth {
            code: "invalid_client",
            number: 7_000_215,
            description: "Invalid client id or client secret provided, or the secret has expired.".to_owned(),
        });
    };
    app.throttle.succeeded(site.peer, account);
    let grant = DirectoryGrant {
        audience: form.resource,
        issuer: format!("{}/{}/v2.0", site.base_url, app.directory.tenant()),
        app_id: principal.record.app_id,
        object_id: principal.record.id,
        generation: principal.record.generation,
    };
    let token = app.directory.issue(grant, now).map_err(|error| Error::OAuth {
        code: "invalid_scope",
        number: 70011,
        description: error.to_string(),
    })?;
    let document = json!({
        "token_type": "Bearer",
        "expires_in": DIRECTORY_SECS,
        "ext_expires_in": DIRECTORY_SECS,
        "access_token": token,
    });
    let mut response = body::json(StatusCode::OK, &document);
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}

impl Form {
    /// Unknown fields (`claims`, `client_info`) are ignored.
    fn parse(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (key, value) in form_urlencoded::parse(body) {
            match &*key {
                "grant_type" => form.grant_type = value.into_owned(),
                "client_id" => form.client_id = value.into_owned(),
                "client_secret" => form.client_secret = SecretString::from(value.into_owned()),
                // Of several scopes the first names the resource.
                "scope" => {
                    let first = value.split(' ').find_map(|scope| scope.strip_suffix("/.default"));
                    form.resource = first.unwrap_or_default().to_owned();
                }
                _ => {}
            }
        }
        form
    }
}

fn check_tenant(app: &Management, tenant: &str) -> Result<(), Error> {
    let is_ours = Uuid::parse_str(tenant).is_ok_and(|id| id == app.directory.tenant());
    if is_ours || ANY_TENANT.contains(&tenant) {
        return Ok(());
    }
    let shown: String = tenant.chars().take(64).collect();
    Err(Error::OAuth {
        code: "invalid_request",
        number: 90002,
        description: format!("Tenant '{shown}' not found."),
    })
}
