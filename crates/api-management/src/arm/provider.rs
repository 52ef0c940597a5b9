//! Resource providers: there is one, and it is always registered.

use bytes::Bytes;
use holdfast_access::{ControlGrant, control};
use holdfast_arm::{
    Error as Arm, Page, SubscriptionId, api_version::REGISTRY_VERSIONS, resource_id::CONTAINER_REGISTRY,
};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::{body, error::Error, serve::Call};

/// What can be asked for below the namespace, and what each can have.
const TYPES: [(&str, &str); 10] = [
    ("registries", "SupportsTags, SupportsLocation"),
    ("registries/scopeMaps", "None"),
    ("registries/tokens", "None"),
    ("registries/replications", "None"),
    ("registries/listCredentials", "None"),
    ("registries/regenerateCredential", "None"),
    ("registries/generateCredentials", "None"),
    ("registries/listUsages", "None"),
    ("checkNameAvailability", "None"),
    ("operations", "None"),
];

pub(crate) async fn list(
    call: &Call<'_>,
    _grant: ControlGrant<control::ProvidersRead>,
    subscription: &SubscriptionId,
) -> Result<Response<Bytes>, Error> {
    let provider = shown(call, subscription).await?;
    Ok(body::json(StatusCode::OK, &Page::whole(vec![provider])))
}

pub(crate) async fn get(
    call: &Call<'_>,
    _grant: ControlGrant<control::ProvidersRead>,
    subscription: &SubscriptionId,
    namespace: &str,
) -> Result<Response<Bytes>, Error> {
    answer(call, subscription, namespace).await
}

pub(crate) async fn register(
    call: &Call<'_>,
    _grant: ControlGrant<control::RegisterProvider>,
    subscription: &SubscriptionId,
    namespace: &str,
) -> Result<Response<Bytes>, Error> {
    answer(call, subscription, namespace).await
}

async fn answer(call: &Call<'_>, subscription: &SubscriptionId, namespace: &str) -> Result<Response<Bytes>, Error> {
    if !namespace.eq_ignore_ascii_case(CONTAINER_REGISTRY) {
        return Err(Arm::invalid_resource_namespace(namespace).into());
    }
    let provider = shown(call, subscription).await?;
    Ok(body::json(StatusCode::OK, &provider))
}

async fn shown(call: &Call<'_>, subscription: &SubscriptionId) -> Result<Value, Error> {
    let locations = call.app.registry.list_locations().await?;
    let shown = |(kind, capabilities): &(&str, &str)| {
        json!({
            "resourceType": kind,
            "locations": locations,
            "apiVersions": REGISTRY_VERSIONS,
            "capabilities": capabilities,
        })
    };
    let types: Value = TYPES.iter().map(shown).collect();
    Ok(json!({
        "id": format!("/subscriptions/{subscription}/providers/{CONTAINER_REGISTRY}"),
        "namespace": CONTAINER_REGISTRY,
        "registrationPolicy": "RegistrationFree",
        "registrationState": "Registered",
        "resourceTypes": types,
    }))
}
