//! Tokens and their passwords. A password is shown once, by the request that generates it.

use bytes::Bytes;
use holdfast_access::{ControlGrant, control};
use holdfast_arm::{Error as Arm, Page, ResourceId};
use holdfast_face::moment::{parse_iso8601, seven_digits_with_offset};
use holdfast_identity::password;
use holdfast_model::{Timestamp, TokenPassword};
use holdfast_resources::{KeptPassword, NewTokenPasswords, TokenChange, TokenView};
use http::{HeaderValue, Response, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{PAGE_ROWS, system_data};
use crate::{
    body,
    error::Error,
    paging::{limit, next_link},
    route::TokenPath,
    serve::Call,
};

const TYPE: &str = "Microsoft.ContainerRegistry/registries/tokens";
/// The names of the two passwords, by slot.
const PASSWORDS: [(u8, &str); 2] = [(1, "password1"), (2, "password2")];

#[derive(Deserialize)]
struct Request {
    properties: Option<Properties>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Properties {
    scope_map_id: Option<String>,
    status: Option<String>,
    credentials: Option<Credentials>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Credentials {
    certificates: Option<Vec<Value>>,
    passwords: Option<Vec<Password>>,
}

#[derive(Deserialize)]
struct Password {
    name: String,
    expiry: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Generate {
    token_id: String,
    name: Option<String>,
    expiry: Option<String>,
}

pub(crate) async fn put(
    call: &Call<'_>,
    grant: ControlGrant<control::TokensWrite>,
    path: &TokenPath,
) -> Result<Response<Bytes>, Error> {
    let change = read(call.body)?;
    let name = path.name.to_string();
    let (token, is_new) = call.app.resources.put_token(&grant, name, change).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(body::json(status, &view(&token)))
}

pub(crate) async fn patch(
    call: &Call<'_>,
    grant: ControlGrant<control::TokensWrite>,
) -> Result<Response<Bytes>, Error> {
    let change = read(call.body)?;
    let token = call.app.resources.change_token(&grant, change).await?;
    Ok(body::json(StatusCode::OK, &view(&token)))
}

pub(crate) async fn get(call: &Call<'_>, grant: ControlGrant<control::TokensRead>) -> Result<Response<Bytes>, Error> {
    let token = call.app.resources.load_token(&grant).await?;
    Ok(body::json(StatusCode::OK, &view(&token)))
}

pub(crate) async fn list(call: &Call<'_>, grant: ControlGrant<control::TokensRead>) -> Result<Response<Bytes>, Error> {
    let after = call.query.skip_token.clone().unwrap_or_default();
    let limit = limit(call, PAGE_ROWS)?;
    // One more than is shown, to know whether a page follows.
    let mut tokens = call.app.resources.list_tokens(&grant, after, limit + 1).await?;
    let has_more = tokens.len() > limit;
    tokens.truncate(limit);
    let last = tokens.last().filter(|_| has_more);
    let next = last.map(|token| next_link(call, &token.record.name));
    let page = Page {
        value: tokens.iter().map(view).collect::<Vec<Value>>(),
        next_link: next,
    };
    Ok(body::json(StatusCode::OK, &page))
}

pub(crate) async fn delete(
    call: &Call<'_>,
    grant: ControlGrant<control::TokensDelete>,
) -> Result<Response<Bytes>, Error> {
    let was_there = call.app.resources.delete_token(&grant).await?;
    Ok(body::empty(if was_there {
        StatusCode::OK
    } else {
        StatusCode::NO_CONTENT
    }))
}

/// One new password, or both. The answer lists every password (ACR), with the value of what is new alone and that first,
/// so that the first entry is always a password that was asked for.
pub(crate) async fn generate(
    call: &Call<'_>,
    grant: ControlGrant<control::GenerateCredentials>,
) -> Result<Response<Bytes>, Error> {
    let request: Generate = body::parse(call.body)?;
    let token = ResourceId::parse(&request.token_id).map_err(Arm::from)?;
    let expires_at = request.expiry.map(|text| read_expiry("expiry", &text)).transpose()?;
    let slots = match request.name {
        Some(name) => vec![read_slot("name", &name)?],
        None => PASSWORDS.map(|(slot, _)| slot).to_vec(),
    };
    let fresh: Vec<(u8, SecretString)> = slots.into_iter().map(|slot| (slot, password::generate())).collect();
    let verifier = |(slot, secret): &(u8, SecretString)| (*slot, call.app.sealer.verifier(secret.expose_secret()));
    let new = NewTokenPasswords {
        verifiers: fresh.iter().map(verifier).collect(),
        expires_at,
    };
    let view = call.app.resources.generate_token_passwords(&grant, &token, new).await?;
    let mut passwords = Vec::new();
    for (slot, secret) in &fresh {
        for stored in view.passwords.iter().filter(|stored| stored.slot == *slot) {
            let mut view = password_view(stored);
            view["value"] = json!(secret.expose_secret());
            passwords.push(view);
        }
    }
    let is_fresh = |stored: &&TokenPassword| fresh.iter().any(|(slot, _)| stored.slot == *slot);
    let others = view.passwords.iter().filter(|stored| !is_fresh(stored));
    passwords.extend(others.map(password_view));
    let answer = json!({ "username": view.record.name, "passwords": passwords });
    let mut response = body::json(StatusCode::OK, &answer);
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}

fn read(body: &[u8]) -> Result<TokenChange, Arm> {
    let request: Request = body::parse(body)?;
    let properties = request.properties.unwrap_or_default();
    let scope_map = properties.scope_map_id.map(|id| ResourceId::parse(&id)).transpose()?;
    let is_enabled = properties.status.map(|status| read_status(&status)).transpose()?;
    let Credentials {
        certificates,
        passwords,
    } = properties.credentials.unwrap_or_default();
    if certificates.is_some_and(|list| !list.is_empty()) {
        let why = "This server does not support certificates of tokens.";
        return Err(Arm::invalid_parameter("properties.credentials.certificates", why));
    }
    let passwords = passwords.map(|list| list.iter().map(read_kept).collect::<Result<_, _>>());
    Ok(TokenChange {
        scope_map,
        is_enabled,
        passwords: passwords.transpose()?,
    })
}

fn read_status(status: &str) -> Result<bool, Arm> {
    match status.to_ascii_lowercase().as_str() {
        "enabled" => Ok(true),
        "disabled" => Ok(false),
        _ => Err(Arm::invalid_parameter(
            "properties.status",
            "The status must be enabled or disabled.",
        )),
    }
}

fn read_kept(password: &Password) -> Result<KeptPassword, Arm> {
    let path = "properties.credentials.passwords";
    let expires_at = password.expiry.as_ref().map(|text| read_expiry(path, text));
    Ok(KeptPassword {
        slot: read_slot(path, &password.name)?,
        expires_at: expires_at.transpose()?,
    })
}

fn read_slot(path: &str, name: &str) -> Result<u8, Arm> {
    let found = PASSWORDS.iter().find(|(_, known)| known.eq_ignore_ascii_case(name));
    let why = "The password name must be password1 or password2.";
    found
        .map(|(slot, _)| *slot)
        .ok_or_else(|| Arm::invalid_parameter(path, why))
}

/// ISO 8601; a moment without a zone is in UTC.
fn read_expiry(path: &str, text: &str) -> Result<Timestamp, Arm> {
    parse_iso8601(text).ok_or_else(|| {
        let why = "The expiry must be a date and time in ISO 8601, such as 2030-12-31T12:59:59Z.";
        Arm::invalid_parameter(path, why)
    })
}

fn view(token: &TokenView) -> Value {
    let TokenView {
        registry,
        record,
        passwords,
    } = token;
    let id = registry.arm_id();
    json!({
        "type": TYPE,
        "id": format!("{id}/tokens/{}", record.name),
        "name": record.name,
        "systemData": system_data(&record.system_data),
        "properties": {
            "creationDate": seven_digits_with_offset(record.system_data.created_at),
            "provisioningState": "Succeeded",
            "scopeMapId": format!("{id}/scopeMaps/{}", record.scope_map),
            "credentials": { "passwords": passwords.iter().map(password_view).collect::<Vec<Value>>() },
            "status": if record.is_enabled { "enabled" } else { "disabled" },
        },
    })
}

/// Never with its value: that is not known any more.
fn password_view(password: &TokenPassword) -> Value {
    let mut view = json!({ "creationTime": seven_digits_with_offset(password.created_at) });
    if let Some(at) = password.expires_at {
        view["expiry"] = json!(seven_digits_with_offset(at));
    }
    let name = PASSWORDS.iter().find(|(slot, _)| *slot == password.slot);
    view["name"] = json!(name.map(|(_, name)| name));
    view
}
