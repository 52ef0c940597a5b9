//! `/resources`: everything in a subscription, filtered. `az` finds the group of a registry with it.

use bytes::Bytes;
use holdfast_access::{ControlReach, control};
use holdfast_arm::SubscriptionId;
use holdfast_registry::ports::RegistryRecord;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    registry::registry_key,
    registry_body::{TYPE, system_data},
};
use crate::{
    body,
    error::Error,
    paging::page,
    serve::{Call, uuid},
};

const FIELDS: [&str; 6] = [
    "resourcetype",
    "name",
    "location",
    "resourcegroup",
    "tagname",
    "tagvalue",
];

pub(crate) async fn list(
    call: &Call<'_>,
    reach: ControlReach<control::RegistriesRead>,
    subscription: &SubscriptionId,
) -> Result<Response<Bytes>, Error> {
    let filter = call.filter(&FIELDS)?;
    let registries = call
        .app
        .registry
        .list_registry_resources(&reach, uuid(subscription))
        .await?;
    let tag = filter.as_ref().and_then(|filter| filter.demanded("tagname"));
    let is_named = |(name, _): &(&String, &String)| tag.is_none_or(|tag| tag.eq_ignore_ascii_case(name));
    let passes = |registry: &&RegistryRecord| {
        let values = |field: &str| {
            match field {
                "resourcetype" => vec![TYPE.to_owned()],
                "name" => vec![registry.name.clone()],
                "location" => vec![registry.location.clone()],
                "tagname" => registry.tags.keys().cloned().collect(),
                // The value of the tag that the filter names, not of any other.
                "tagvalue" => registry
                    .tags
                    .iter()
                    .filter(is_named)
                    .map(|(_, value)| value.clone())
                    .collect(),
                _ => vec![registry.resource_group.clone()],
            }
        };
        filter
            .as_ref()
            .is_none_or(|filter| filter.passes(&values, &|_, _| false))
    };
    let passing: Vec<RegistryRecord> = registries.into_iter().filter(|registry| passes(&registry)).collect();
    let page = page(call, passing, registry_key, shown)?;
    Ok(body::json(StatusCode::OK, &page))
}

fn shown(registry: &RegistryRecord) -> Value {
    json!({
        "id": registry.arm_id(),
        "name": registry.name,
        "type": TYPE,
        "sku": { "name": registry.sku.as_str(), "tier": registry.sku.as_str() },
        "location": registry.location,
        "tags": registry.tags,
        "systemData": system_data(registry),
    })
}
