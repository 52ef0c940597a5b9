//! `/resources`: everything in a subscription or a group, filtered. `az` finds the group of a registry with it, Terraform
//! looks whether a group is empty before it deletes it.

use bytes::Bytes;
use holdfast_access::{ControlReach, control};
use holdfast_arm::{ResourceGroupName, ResourceId, SubscriptionId, fold_case};
use holdfast_model::{RegistryRecord, StorageAccount};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    group,
    registry::registry_key,
    registry_body::{TYPE, system_data},
    storage_account,
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
    storage_reach: ControlReach<control::StorageAccountsRead>,
    subscription: &SubscriptionId,
    group: Option<&ResourceGroupName>,
) -> Result<Response<Bytes>, Error> {
    if let Some(name) = group {
        group::ensure_seen(call, subscription, name).await?;
    }
    let filter = call.filter(&FIELDS)?;
    let (resources, subscription) = (&call.app.resources, uuid(subscription));
    let registries = resources.list_registry_resources(&reach, subscription).await?;
    let accounts = resources.list_storage_accounts(&storage_reach, subscription).await?;
    let tag = filter.as_ref().and_then(|filter| filter.demanded("tagname"));
    let passes = |(_, resource): &(String, Value)| {
        let is_in = |group: &ResourceGroupName| fold_case(&group_of(resource)) == group.key();
        let values = |field: &str| values(resource, field, tag);
        group.is_none_or(is_in)
            && filter
                .as_ref()
                .is_none_or(|filter| filter.passes(&values, &|_, _| false))
    };
    let registries = registries
        .iter()
        .map(|one| (registry_key(&one.record), view(&one.record)));
    // After all registries: their keys are digits.
    let key = |account: &StorageAccount| format!("s{:020}", account.id.0);
    let accounts = accounts
        .iter()
        .map(|account| (key(account), storage_account::listed(account)));
    let passing = registries.chain(accounts).filter(passes).collect();
    let page = page(call, passing, |(key, _)| key.clone(), |(_, resource)| resource.clone())?;
    Ok(body::json(StatusCode::OK, &page))
}

/// What a resource has in a field of the filter, whose `tagname` is `tag`.
fn values(resource: &Value, field: &str, tag: Option<&str>) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let tags = || resource["tags"].as_object().into_iter().flatten();
    match field {
        "resourcetype" => vec![text(&resource["type"])],
        "resourcegroup" => vec![group_of(resource)],
        "tagname" => tags().map(|(name, _)| name.clone()).collect(),
        // The value of the tag that the filter names, not of any other.
        "tagvalue" => tags()
            .filter(|(name, _)| tag.is_none_or(|tag| tag.eq_ignore_ascii_case(name)))
            .map(|(_, value)| text(value))
            .collect(),
        field => vec![text(&resource[field])],
    }
}

/// The group in its id.
fn group_of(resource: &Value) -> String {
    let id = resource["id"].as_str().map(ResourceId::parse);
    let group = id.as_ref().and_then(|id| id.as_ref().ok()?.resource_group());
    group.unwrap_or_default().to_owned()
}

fn view(registry: &RegistryRecord) -> Value {
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
