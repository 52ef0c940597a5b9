//! Scope maps.

use bytes::Bytes;
use holdfast_access::{ControlGrant, ScopeMap, control};
use holdfast_arm::{Error as Arm, Page};
use holdfast_face::moment::seven_digits_with_offset;
use holdfast_resources::{ScopeMapChange, ScopeMapView};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{PAGE_ROWS, system_data};
use crate::{
    body,
    error::Error,
    paging::{Filling, limit, next_link},
    route::ScopeMapPath,
    serve::Call,
};

const TYPE: &str = "Microsoft.ContainerRegistry/registries/scopeMaps";
/// The longest description. ACR's own limit is not known; this is a page of text.
const MAX_DESCRIPTION_BYTES: usize = 2048;

#[derive(Deserialize)]
struct Request {
    properties: Option<Properties>,
}

#[derive(Default, Deserialize)]
struct Properties {
    description: Option<String>,
    actions: Option<Vec<String>>,
}

pub(crate) async fn put(
    call: &Call<'_>,
    grant: ControlGrant<control::ScopeMapsWrite>,
    path: &ScopeMapPath,
) -> Result<Response<Bytes>, Error> {
    let ScopeMapChange { description, actions } = read(call.body)?;
    let actions =
        actions.ok_or_else(|| Arm::invalid_parameter("properties.actions", "The list of actions is required."))?;
    let name = path.name.to_string();
    let resources = &call.app.resources;
    let (map, is_new) = resources.put_scope_map(&grant, name, description, actions).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(body::json(status, &view(&map)))
}

pub(crate) async fn patch(
    call: &Call<'_>,
    grant: ControlGrant<control::ScopeMapsWrite>,
) -> Result<Response<Bytes>, Error> {
    let change = read(call.body)?;
    let map = call.app.resources.change_scope_map(&grant, change).await?;
    Ok(body::json(StatusCode::OK, &view(&map)))
}

pub(crate) async fn get(
    call: &Call<'_>,
    grant: ControlGrant<control::ScopeMapsRead>,
) -> Result<Response<Bytes>, Error> {
    let map = call.app.resources.load_scope_map(&grant).await?;
    Ok(body::json(StatusCode::OK, &view(&map)))
}

pub(crate) async fn list(
    call: &Call<'_>,
    grant: ControlGrant<control::ScopeMapsRead>,
) -> Result<Response<Bytes>, Error> {
    let after = call.query.skip_token.clone().unwrap_or_default();
    let limit = limit(call, PAGE_ROWS)?;
    // One more than is shown, to know whether a page follows.
    let maps = call.app.resources.list_scope_maps(&grant, after, limit + 1).await?;
    let (mut filling, mut rest) = (Filling::new(limit), maps.iter().peekable());
    let mut last = None;
    while let Some(map) = rest.next_if(|_| !filling.is_full()) {
        filling.push(&view(map));
        last = Some(map);
    }
    let last = last.filter(|_| rest.peek().is_some());
    let page = Page {
        next_link: last.map(|map| next_link(call, &map.name)),
        value: filling.into_value(),
    };
    Ok(body::json(StatusCode::OK, &page))
}

pub(crate) async fn delete(
    call: &Call<'_>,
    grant: ControlGrant<control::ScopeMapsDelete>,
) -> Result<Response<Bytes>, Error> {
    let was_there = call.app.resources.delete_scope_map(&grant).await?;
    Ok(body::empty(if was_there {
        StatusCode::OK
    } else {
        StatusCode::NO_CONTENT
    }))
}

fn read(body: &[u8]) -> Result<ScopeMapChange, Arm> {
    let request: Request = body::parse(body)?;
    let Properties { description, actions } = request.properties.unwrap_or_default();
    if description
        .as_ref()
        .is_some_and(|text| text.len() > MAX_DESCRIPTION_BYTES)
    {
        let why = format!("The description is longer than {MAX_DESCRIPTION_BYTES} bytes.");
        return Err(Arm::invalid_parameter("properties.description", &why));
    }
    let actions = actions.map(|actions| ScopeMap::parse(&actions)).transpose();
    let actions = actions.map_err(|error| {
        let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
        Arm::invalid_parameter(
            "properties.actions",
            &format!("The scope map is not valid: {error}{cause}."),
        )
    })?;
    Ok(ScopeMapChange { description, actions })
}

fn view(map: &ScopeMapView) -> Value {
    let mut properties = json!({});
    if let Some(description) = &map.description {
        properties["description"] = json!(description);
    }
    properties["type"] = json!(if map.is_system { "SystemDefined" } else { "UserDefined" });
    properties["creationDate"] = json!(seven_digits_with_offset(map.system_data.created_at));
    properties["provisioningState"] = json!("Succeeded");
    properties["actions"] = json!(map.actions.texts());
    json!({
        "type": TYPE,
        "id": format!("{}/scopeMaps/{}", map.registry.arm_id(), map.name),
        "name": map.name,
        "systemData": system_data(&map.system_data),
        "properties": properties,
    })
}
