//! `/oauth2/token`: a credential becomes a scoped access token. What is asked for is
//! narrowed to what the caller may do, never widened, and asking for too much is no error.

use std::net::IpAddr;

use holdfast_access::{Actor, Caller, Permission, Permissions, Scope, narrow};
use holdfast_face::{Asker, Body, Received};
use holdfast_identity::{
    Credential,
    token::{ANONYMOUS_SUBJECT, AccessClaims, Kind, RefreshClaims},
};
use holdfast_operations::Entrance;
use http::{HeaderValue, Response, StatusCode, header};
use hyper::body::Incoming;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use crate::{
    Address, Distribution,
    caller::{Identified, Presented},
    error::Error,
    respond,
    route::TokenQuery,
};

/// The largest form: a refresh token and some dozen scopes fit well.
const MAX_FORM_BYTES: usize = 64 << 10;

#[derive(Serialize)]
struct Issued {
    access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

#[derive(Serialize)]
struct Exchanged {
    refresh_token: String,
}

/// The form of a POST; unknown fields are ignored (docker sends `client_id`, the SDKs `tenant`).
#[derive(Default)]
struct Form {
    grant_type: String,
    service: Option<String>,
    scope: String,
    username: String,
    password: Option<String>,
    refresh_token: Option<String>,
    access_token: Option<String>,
    is_offline: bool,
}

/// `GET`, with Basic or as nobody. Docker also sends a refresh token here, as the null GUID's
/// password.
pub(crate) fn get(
    app: &Distribution,
    query: TokenQuery,
    presented: Result<Presented, Error>,
    entrance: Entrance,
    address: &Address,
    peer: IpAddr,
) -> Result<Response<Body>, Error> {
    check_service(app, query.service.as_deref(), address)?;
    let scopes = scopes(&query.scope)?;
    let who = app.identify(presented?, entrance, address, peer)?;
    issue(app, &signed_in(who)?, &scopes, address, false)
}

/// `POST` with `grant_type` password (without a user: as nobody) or `refresh_token`.
pub(crate) async fn post(
    app: &Distribution,
    body: &Received<Incoming>,
    address: &Address,
    peer: IpAddr,
) -> Result<Response<Body>, Error> {
    let form = Form::parse(&body.whole(Asker::Stranger, MAX_FORM_BYTES).await?);
    check_service(app, form.service.as_deref(), address)?;
    let scopes = scopes(&form.scope)?;
    let presented = match form.grant_type.as_str() {
        "password" if form.username.is_empty() && form.password.as_deref().is_none_or(str::is_empty) => {
            Presented::Nobody
        }
        "password" => app.present_password(form.username, needed("password", form.password)?, address)?,
        "refresh_token" => {
            let token = needed("refresh_token", form.refresh_token)?;
            app.present_token(&token, Kind::Refresh, address)?
        }
        other => {
            let found = holdfast_oci::message::excerpt(other);
            let reason = format!(
                "grant_type {found} is not known; send a form (application/x-www-form-urlencoded) with password or \
                 refresh_token"
            );
            return Err(Error::TokenRequest { reason });
        }
    };
    let who = signed_in(app.admit(presented, address, peer).await?)?;
    issue(app, &who, &scopes, address, form.is_offline)
}

/// `POST /oauth2/exchange`: a token of the directory becomes a refresh token of the registry.
pub(crate) async fn exchange(
    app: &Distribution,
    body: &Received<Incoming>,
    address: &Address,
    peer: IpAddr,
) -> Result<Response<Body>, Error> {
    let form = Form::parse(&body.whole(Asker::Stranger, MAX_FORM_BYTES).await?);
    check_service(app, form.service.as_deref(), address)?;
    let presented = match form.grant_type.as_str() {
        // ACR: the second brings a refresh token along, which adds nothing to the access token.
        "access_token" | "access_token_refresh_token" => {
            app.present_directory_token(&needed("access_token", form.access_token)?, address)?
        }
        "refresh_token" => app.present_directory_refresh(&needed("refresh_token", form.refresh_token)?)?,
        other => {
            let found = holdfast_oci::message::excerpt(other);
            let reason = format!(
                "grant_type {found} is not known; send a form (application/x-www-form-urlencoded) with access_token, \
                 access_token_refresh_token or refresh_token"
            );
            return Err(Error::TokenRequest { reason });
        }
    };
    let who = app.admit(presented, address, peer).await?;
    let exchanged = Exchanged {
        refresh_token: refresh_token(app, &who, address)?,
    };
    Ok(secret(&exchanged))
}

impl Form {
    fn parse(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (key, value) in form_urlencoded::parse(body) {
            match &*key {
                "grant_type" => form.grant_type = value.into_owned(),
                "service" => form.service = Some(value.into_owned()),
                "username" => form.username = value.into_owned(),
                "password" => form.password = Some(value.into_owned()),
                "refresh_token" => form.refresh_token = Some(value.into_owned()),
                "access_token" => form.access_token = Some(value.into_owned()),
                "access_type" => form.is_offline = value == "offline",
                "scope" => {
                    form.scope.push_str(&value);
                    form.scope.push(' ');
                }
                _ => {}
            }
        }
        form
    }
}

/// The credential of a grant. One that was left out is no wrong one.
fn needed(parameter: &str, value: Option<String>) -> Result<SecretString, Error> {
    value.map(SecretString::from).ok_or_else(|| Error::TokenRequest {
        reason: format!("this grant_type needs the parameter {parameter}"),
    })
}

/// Nobody gets a token only where everybody may pull.
fn signed_in(who: Identified) -> Result<Identified, Error> {
    if matches!(who.caller.actor(), Actor::Anonymous) && !who.registry.anonymous_pull {
        return Err(Error::SignInRequired);
    }
    Ok(who)
}

fn check_service(app: &Distribution, service: Option<&str>, address: &Address) -> Result<(), Error> {
    match service {
        Some(service) if !address.is_service(service, &*app.names) => {
            let found = holdfast_oci::message::excerpt(service);
            let reason = format!("service {found} is another registry; this one is {}", address.authority);
            Err(Error::TokenRequest { reason })
        }
        _ => Ok(()),
    }
}

fn scopes(text: &str) -> Result<Vec<Scope>, Error> {
    Scope::parse_list(text).map_err(|error| Error::TokenRequest {
        reason: error.to_string(),
    })
}

fn issue(
    app: &Distribution,
    who: &Identified,
    scopes: &[Scope],
    address: &Address,
    with_refresh: bool,
) -> Result<Response<Body>, Error> {
    if let Some(token) = &who.access_token {
        let access_token = token.expose_secret().to_owned();
        return Ok(issued(access_token, None));
    }
    let now = app.front_door.now().unix_secs();
    let rid = who.registry.rid.simple().to_string();
    let is_anonymous = matches!(who.credential, Credential::Anonymous);
    let access = if is_anonymous {
        // ACR: whatever was asked, an anonymous token may pull everything, and nothing else.
        vec![Scope::every_repository(Permissions::empty().with(Permission::Pull))]
    } else {
        narrow(who.caller.rights(), scopes)
    };
    let subject = subject(&who.caller, is_anonymous, &who.registry.name);
    let claims = AccessClaims {
        audience: address.login_server.clone(),
        subject,
        registry_rid: rid,
        credential: who.credential.clone(),
        access,
        source_ends_at: who.source_ends_at,
    };
    let access_token = app.issuer.issue_access(claims, now).map_err(Error::Issue)?;
    let refresh_token = if with_refresh && !is_anonymous {
        Some(refresh_token(app, who, address)?)
    } else {
        None
    };
    Ok(issued(access_token, refresh_token))
}

fn refresh_token(app: &Distribution, who: &Identified, address: &Address) -> Result<String, Error> {
    let tenant = match who.credential {
        Credential::Principal { .. } => Some(app.directory.tenant().to_string()),
        _ => None,
    };
    let claims = RefreshClaims {
        audience: address.login_server.clone(),
        subject: subject(&who.caller, false, &who.registry.name),
        registry_rid: who.registry.rid.simple().to_string(),
        credential: who.credential.clone(),
        tenant,
        permissions: who.caller.rights().permissions_on_all(),
        source_ends_at: who.source_ends_at,
    };
    let now = app.front_door.now().unix_secs();
    app.issuer.issue_refresh(claims, now).map_err(Error::Issue)
}

fn issued(access_token: String, refresh_token: Option<String>) -> Response<Body> {
    let tokens = Issued {
        access_token,
        refresh_token,
    };
    secret(&tokens)
}

/// An answer that nobody may keep.
fn secret(tokens: &impl Serialize) -> Response<Body> {
    let mut response = respond::json(StatusCode::OK, tokens);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn subject(caller: &Caller, is_anonymous: bool, registry: &str) -> String {
    match caller.actor() {
        _ if is_anonymous => ANONYMOUS_SUBJECT.to_owned(),
        Actor::Admin { .. } => registry.to_owned(),
        Actor::Principal { id } => id.clone(),
        Actor::Token { name } => name.clone(),
        actor => actor.key(),
    }
}
