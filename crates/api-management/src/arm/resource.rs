//! `/resources`: everything in a subscription, filtered. `az` finds the group of a registry with it.

use bytes::Bytes;
use holdfast_access::{ControlReach, control};
use holdfast_arm::{Page, SubscriptionId};
use holdfast_registry::ports::RegistryRecord;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::registry_body::{TYPE, system_data};
use crate::{
    body,
    error::Error,
    serve::{Call, uuid},
};

const FIELDS: [&str; 4] = ["resourcetype", "name", "location", "resourcegroup"];

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
    let passes = |registry: &&RegistryRecord| {
        let values = |field: &str| {
            vec![match field {
                "resourcetype" => TYPE.to_owned(),
                "name" => registry.name.clone(),
                "location" => registry.location.clone(),
                _ => registry.resource_group.clone(),
            }]
        };
        filter
            .as_ref()
            .is_none_or(|filter| filter.passes(&values, &|_, _| false))
    };
    let shown: Vec<Value> = registries.iter().filter(passes).map(shown).collect();
    Ok(body::json(StatusCode::OK, &Page::whole(shown)))
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
