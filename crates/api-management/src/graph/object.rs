//! `/directoryObjects`: who an object id is. Role assignments are shown with names by it.

use bytes::Bytes;
use holdfast_access::{ControlGrant, control};
use holdfast_directory::DirectoryObject;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Call,
    error::{Code, Error},
    listing::READ_ROWS,
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
    for ids in request.ids.chunks(READ_ROWS) {
        let objects = call.app.directory.find_objects(&grant, ids.to_vec()).await?;
        let found = ids
            .iter()
            .filter_map(|id| objects.get(id))
            .map(|object| view(call, object));
        value.extend(found.filter(|(kind, _)| wants(kind)).map(|(_, object)| object));
    }
    Ok(body::json(StatusCode::OK, &json!({ "value": value })))
}

pub(super) async fn get(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsRead>,
    id: Uuid,
) -> Result<Response<Bytes>, Error> {
    let found = call.app.directory.find_objects(&grant, vec![id]).await?;
    match found.get(&id) {
        Some(object) => Ok(body::json(StatusCode::OK, &view(call, object).1)),
        None => Err(Error::not_found(&id.to_string())),
    }
}

/// An object with its kind.
fn view(call: &Call<'_>, object: &DirectoryObject) -> (&'static str, Value) {
    match object {
        DirectoryObject::ServicePrincipal(found) => ("servicePrincipal", view::service_principal(call, found)),
        DirectoryObject::Person(person) => ("user", view::user(call, person)),
        DirectoryObject::Application(found) => ("application", view::application(call, found)),
    }
}
