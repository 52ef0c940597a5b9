//! `/directoryObjects`: who an object id is. Role assignments are shown with names by it.

use bytes::Bytes;
use holdfast_access::{ControlGrant, control};
use holdfast_directory::ApplicationKey;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Call,
    error::{Code, Error},
    listing::found,
    view,
};
use crate::body;

/// The most ids of one request (Graph).
const MAX_IDS: usize = 1000;

#[derive(Deserialize)]
struct Body {
    ids: Vec<Uuid>,
    types: Option<Vec<String>>,
}

pub(super) async fn by_ids(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsRead>,
) -> Result<Response<Bytes>, Error> {
    let request: Body = body::parse(call.body)?;
    if request.ids.len() > MAX_IDS {
        let message = format!("Too many ids: at most {MAX_IDS} are taken.");
        return Err(Error::new(Code::BadRequest, message));
    }
    let wants = |kind: &str| {
        let is_it = |own: &String| own.eq_ignore_ascii_case(kind) || own.eq_ignore_ascii_case("directoryObject");
        request.types.as_ref().is_none_or(|types| types.iter().any(is_it))
    };
    let mut value = Vec::new();
    for id in &request.ids {
        if let Some((kind, object)) = find(call, &grant, *id).await?
            && wants(kind)
        {
            value.push(object);
        }
    }
    Ok(body::json(StatusCode::OK, &json!({ "value": value })))
}

pub(super) async fn get(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsRead>,
    id: Uuid,
) -> Result<Response<Bytes>, Error> {
    match find(call, &grant, id).await? {
        Some((_, object)) => Ok(body::json(StatusCode::OK, &object)),
        None => Err(Error::not_found(&id.to_string())),
    }
}

/// The object of an id, with its kind.
async fn find(
    call: &Call<'_>,
    grant: &ControlGrant<control::PrincipalsRead>,
    id: Uuid,
) -> Result<Option<(&'static str, Value)>, Error> {
    if let Some(view) = found(call, grant, ApplicationKey::Principal(id)).await? {
        return Ok(Some(("servicePrincipal", view::service_principal(call, &view))));
    }
    if let Some(person) = call.app.directory.find_person(grant, id).await? {
        return Ok(Some(("user", view::user(call, &person))));
    }
    let application = found(call, grant, ApplicationKey::Object(id)).await?;
    Ok(application.map(|view| ("application", view::application(call, &view))))
}
