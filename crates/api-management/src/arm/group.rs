//! Resource groups.

use bytes::Bytes;
use holdfast_access::{ControlGrant, ControlReach, control, decide_control};
use holdfast_arm::{Error as Arm, Location, ResourceGroupName, ResourceId, SubscriptionId};
use holdfast_model::ResourceGroup;
use holdfast_resources::Error as ResourceError;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{reading::Object, registry_request::read_tags};
use crate::{
    body,
    error::Error,
    paging::page,
    serve::{Call, uuid},
};

pub(crate) async fn put(
    call: &Call<'_>,
    grant: ControlGrant<control::ResourceGroupsWrite>,
) -> Result<Response<Bytes>, Error> {
    let request: Value = body::parse(call.body)?;
    let request = Object::of_body(&request)?;
    let location: Location = request
        .text("location")?
        .ok_or_else(Arm::location_required)?
        .parse()
        .map_err(Arm::from)?;
    let tags = read_tags(&request)?.unwrap_or_default();
    let resources = &call.app.resources;
    let (group, is_new) = resources
        .put_resource_group(&grant, location.to_string(), tags, call.precondition.clone())
        .await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(response(status, &group))
}

pub(crate) async fn get(
    call: &Call<'_>,
    grant: ControlGrant<control::ResourceGroupsRead>,
) -> Result<Response<Bytes>, Error> {
    let group = call.app.resources.load_resource_group(&grant).await?;
    Ok(response(StatusCode::OK, &group))
}

/// Whether it is there, and nothing else.
pub(crate) async fn head(
    call: &Call<'_>,
    grant: ControlGrant<control::ResourceGroupsRead>,
) -> Result<Response<Bytes>, Error> {
    match call.app.resources.load_resource_group(&grant).await {
        Ok(_) => Ok(body::empty(StatusCode::NO_CONTENT)),
        Err(ResourceError::ResourceGroupUnknown { .. }) => Ok(body::empty(StatusCode::NOT_FOUND)),
        Err(error) => Err(error.into()),
    }
}

/// Tags are the only thing about a group that can change.
pub(crate) async fn patch(
    call: &Call<'_>,
    grant: ControlGrant<control::ResourceGroupsWrite>,
) -> Result<Response<Bytes>, Error> {
    let request: Value = body::parse(call.body)?;
    let tags = read_tags(&Object::of_body(&request)?)?
        .ok_or_else(|| Arm::invalid_request_content("The property 'tags' is missing"))?;
    let precondition = call.precondition.clone();
    let group = call
        .app
        .resources
        .tag_resource_group(&grant, tags, precondition)
        .await?;
    Ok(response(StatusCode::OK, &group))
}

pub(crate) async fn delete(
    call: &Call<'_>,
    grant: ControlGrant<control::ResourceGroupsDelete>,
) -> Result<Response<Bytes>, Error> {
    let precondition = call.precondition.clone();
    call.app.resources.delete_resource_group(&grant, precondition).await?;
    Ok(body::empty(StatusCode::OK))
}

pub(crate) async fn list(
    call: &Call<'_>,
    reach: ControlReach<control::ResourceGroupsRead>,
    subscription: &SubscriptionId,
) -> Result<Response<Bytes>, Error> {
    let groups = call
        .app
        .resources
        .list_resource_groups(&reach, uuid(subscription))
        .await?;
    let page = page(call, groups, |group| holdfast_arm::fold_case(&group.name), view)?;
    Ok(body::json(StatusCode::OK, &page))
}

/// Whoever may see a group is told when there is none.
pub(crate) async fn ensure_seen(
    call: &Call<'_>,
    subscription: &SubscriptionId,
    name: &ResourceGroupName,
) -> Result<(), Error> {
    let id = ResourceId::for_resource_group(subscription, name);
    if let Ok(grant) = decide_control::<control::ResourceGroupsRead>(call.who, &id) {
        call.app.resources.load_resource_group(&grant).await?;
    }
    Ok(())
}

fn response(status: StatusCode, group: &ResourceGroup) -> Response<Bytes> {
    body::with_entity_tag(body::json(status, &view(group)), &group.entity_tag())
}

fn view(group: &ResourceGroup) -> Value {
    let mut view = json!({
        "id": format!("/subscriptions/{}/resourceGroups/{}", group.subscription_id, group.name),
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "properties": { "provisioningState": "Succeeded" },
    });
    // ARM: a group without tags has no such field.
    if !group.tags.is_empty() {
        view["tags"] = json!(group.tags);
    }
    view
}
