//! `/applications`.

use bytes::Bytes;
use holdfast_access::{ControlGrant, control};
use holdfast_directory::{ApplicationChange, ApplicationKey};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Call,
    credential::{Key, changes},
    error::{Code, Error},
    listing::{self, Kind},
    view,
};
use crate::body;

/// The longest name (Entra ID).
const MAX_NAME_CHARS: usize = 256;

const KIND: Kind = Kind {
    is_principal: false,
    name: "Application",
    path: "applications",
    fields: &["appid", "displayname", "id", "identifieruris", "signinaudience"],
    app_fields: &["appid"],
    values: |view, field| match field {
        "appid" => vec![view.application.app_id.to_string()],
        "displayname" => vec![view.application.display_name.clone()],
        "id" => vec![view.application.id.to_string()],
        "signinaudience" => vec![view::AUDIENCE.to_owned()],
        _ => Vec::new(),
    },
    view: view::application,
};

/// The properties that can be written. All others are refused unless they are empty: nothing would stand behind them.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    display_name: Option<String>,
    key_credentials: Option<Vec<Key>>,
    sign_in_audience: Option<String>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Body {
    fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let body: Self = body::parse(bytes)?;
        if body
            .sign_in_audience
            .as_deref()
            .is_some_and(|audience| audience != view::AUDIENCE)
        {
            return Err(Error::invalid_value(
                "signInAudience",
                "applications here are of this directory alone",
            ));
        }
        let is_empty = |value: &Value| match value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        let odd = body
            .other
            .iter()
            .find(|(name, value)| !name.starts_with('@') && !is_empty(value));
        match odd {
            Some((name, _)) => Err(Error::new(
                Code::BadRequest,
                format!("The property '{name}' of resource 'Application' is not served by this directory."),
            )),
            None => Ok(body),
        }
    }
}

/// A name as it may be given.
pub(super) fn checked_name(name: String) -> Result<String, Error> {
    let length = name.chars().count();
    if !(1..=MAX_NAME_CHARS).contains(&length) || name.chars().any(char::is_control) {
        let why = format!("it has 1 to {MAX_NAME_CHARS} characters and no control characters");
        return Err(Error::invalid_value("displayName", &why));
    }
    Ok(name)
}

pub(super) async fn list(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsRead>,
) -> Result<Response<Bytes>, Error> {
    let page = listing::page(call, &KIND, &grant).await?;
    Ok(body::json(StatusCode::OK, &page))
}

pub(super) async fn create(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsWrite>,
) -> Result<Response<Bytes>, Error> {
    let request = Body::parse(call.body)?;
    let name = request
        .display_name
        .ok_or_else(|| Error::invalid_value("displayName", "it is required"))?;
    let certificates = changes(request.key_credentials.unwrap_or_default())?;
    let directory = &call.app.directory;
    let view = directory
        .create_application(&grant, checked_name(name)?, certificates)
        .await?;
    Ok(body::json(StatusCode::CREATED, &view::application(call, &view)))
}

pub(super) async fn get(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsRead>,
    key: ApplicationKey,
) -> Result<Response<Bytes>, Error> {
    let view = call.app.directory.load_application(&grant, key).await?;
    Ok(body::json(StatusCode::OK, &view::application(call, &view)))
}

pub(super) async fn update(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsWrite>,
    key: ApplicationKey,
) -> Result<Response<Bytes>, Error> {
    let request = Body::parse(call.body)?;
    let change = ApplicationChange {
        display_name: request.display_name.map(checked_name).transpose()?,
        certificates: request.key_credentials.map(changes).transpose()?,
        is_enabled: None,
    };
    call.app.directory.update_application(&grant, key, change).await?;
    Ok(body::empty(StatusCode::NO_CONTENT))
}

pub(super) async fn delete(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsDelete>,
    key: ApplicationKey,
) -> Result<Response<Bytes>, Error> {
    call.app.directory.delete_application(&grant, key).await?;
    Ok(body::empty(StatusCode::NO_CONTENT))
}
