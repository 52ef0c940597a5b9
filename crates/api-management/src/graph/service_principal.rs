//! `/servicePrincipals`.

use bytes::Bytes;
use holdfast_access::{ControlGrant, control};
use holdfast_directory::{ApplicationChange, ApplicationKey, ApplicationView, application::Error as Application};
use http::{Response, StatusCode};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    Call,
    credential::{Key, changes},
    error::{Code, Error},
    listing::{self, Kind},
    view,
};
use crate::body;

const KIND: Kind = Kind {
    is_principal: true,
    name: "ServicePrincipal",
    path: "servicePrincipals",
    fields: &[
        "accountenabled",
        "appid",
        "displayname",
        "id",
        "serviceprincipalnames",
        "serviceprincipaltype",
    ],
    app_fields: &["appid", "serviceprincipalnames"],
    values: |view, field| match field {
        "appid" | "serviceprincipalnames" => vec![view.application.app_id.to_string()],
        "displayname" => vec![view.application.display_name.clone()],
        "id" => view.principal.iter().map(|one| one.id.to_string()).collect(),
        "accountenabled" => view.principal.iter().map(|one| one.is_enabled.to_string()).collect(),
        _ => vec!["Application".to_owned()],
    },
    view: view::service_principal,
};

/// The properties that can be written; others are ignored, since clients send back what they read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    app_id: Option<String>,
    account_enabled: Option<bool>,
    key_credentials: Option<Vec<Key>>,
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
    let request: Body = body::parse(call.body)?;
    let app_id = request.app_id.unwrap_or_default();
    // The words that the Azure CLI waits for, should the application be young.
    let unknown = || {
        let excerpt: String = app_id.chars().take(64).collect();
        let message =
            format!("The appId '{excerpt}' of the service principal does not reference a valid application object.");
        Error::new(Code::BadRequest, message)
    };
    let id = Uuid::parse_str(&app_id).map_err(|_| unknown())?;
    let directory = &call.app.directory;
    let made = directory
        .create_service_principal(&grant, id, request.account_enabled.unwrap_or(true))
        .await;
    match made {
        Ok(view) => Ok(body::json(StatusCode::CREATED, &view::service_principal(call, &view))),
        Err(Application::Unknown { .. }) => Err(unknown()),
        Err(error) => Err(error.into()),
    }
}

/// The service principal of a key; its absence is an error.
async fn load(
    call: &Call<'_>,
    grant: &ControlGrant<control::PrincipalsRead>,
    key: ApplicationKey,
) -> Result<ApplicationView, Error> {
    let view = call.app.directory.load_application(grant, key).await?;
    let id = view.application.app_id;
    match view.principal {
        Some(_) => Ok(view),
        None => Err(Error::not_found(&id.to_string())),
    }
}

pub(super) async fn get(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsRead>,
    key: ApplicationKey,
) -> Result<Response<Bytes>, Error> {
    let view = load(call, &grant, key).await?;
    Ok(body::json(StatusCode::OK, &view::service_principal(call, &view)))
}

pub(super) async fn update(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsWrite>,
    key: ApplicationKey,
) -> Result<Response<Bytes>, Error> {
    let request: Body = body::parse(call.body)?;
    let change = ApplicationChange {
        display_name: None,
        certificates: request.key_credentials.map(changes).transpose()?,
        is_enabled: request.account_enabled,
    };
    call.app.directory.update_application(&grant, key, change).await?;
    Ok(body::empty(StatusCode::NO_CONTENT))
}

pub(super) async fn delete(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsDelete>,
    key: ApplicationKey,
) -> Result<Response<Bytes>, Error> {
    call.app.directory.delete_service_principal(&grant, key).await?;
    Ok(body::empty(StatusCode::NO_CONTENT))
}
