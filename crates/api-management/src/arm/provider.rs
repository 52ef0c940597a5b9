//! Resource providers: those of registries and of storage accounts, always registered.

use bytes::Bytes;
use holdfast_access::{ControlGrant, control};
use holdfast_arm::{
    Error as Arm, Page, SubscriptionId,
    api_version::{REGISTRY_VERSIONS, STORAGE_VERSIONS},
    resource_id::{CONTAINER_REGISTRY, STORAGE},
};
use holdfast_resources::TellsLocations;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::{body, error::Error, serve::Call};

/// A provider: its namespace, its versions, and what can be asked for below it.
struct Provider {
    namespace: &'static str,
    versions: &'static [&'static str],
    /// Each with what it can have.
    types: &'static [(&'static str, &'static str)],
}

const PROVIDERS: [Provider; 2] = [
    Provider {
        namespace: CONTAINER_REGISTRY,
        versions: REGISTRY_VERSIONS,
        types: &REGISTRY_TYPES,
    },
    Provider {
        namespace: STORAGE,
        versions: STORAGE_VERSIONS,
        types: &[
            ("storageAccounts", "SupportsTags, SupportsLocation"),
            ("checkNameAvailability", "None"),
        ],
    },
];

const REGISTRY_TYPES: [(&str, &str); 10] = [
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
    grant: ControlGrant<control::ProvidersRead>,
    subscription: &SubscriptionId,
) -> Result<Response<Bytes>, Error> {
    let locations = call.app.resources.list_locations(&grant).await?;
    let view: Vec<Value> = PROVIDERS.iter().map(|one| one.view(subscription, &locations)).collect();
    Ok(body::json(StatusCode::OK, &Page::whole(view)))
}

pub(crate) async fn get(
    call: &Call<'_>,
    grant: ControlGrant<control::ProvidersRead>,
    subscription: &SubscriptionId,
    namespace: &str,
) -> Result<Response<Bytes>, Error> {
    response(call, grant, subscription, namespace).await
}

pub(crate) async fn register(
    call: &Call<'_>,
    grant: ControlGrant<control::RegisterProvider>,
    subscription: &SubscriptionId,
    namespace: &str,
) -> Result<Response<Bytes>, Error> {
    response(call, grant, subscription, namespace).await
}

async fn response<A: TellsLocations>(
    call: &Call<'_>,
    grant: ControlGrant<A>,
    subscription: &SubscriptionId,
    namespace: &str,
) -> Result<Response<Bytes>, Error> {
    let mut all = PROVIDERS.iter();
    let found = all.find(|one| one.namespace.eq_ignore_ascii_case(namespace));
    let provider = found.ok_or_else(|| Arm::invalid_resource_namespace(namespace))?;
    let locations = call.app.resources.list_locations(&grant).await?;
    Ok(body::json(StatusCode::OK, &provider.view(subscription, &locations)))
}

impl Provider {
    fn view(&self, subscription: &SubscriptionId, locations: &[String]) -> Value {
        let view = |(kind, capabilities): &(&str, &str)| {
            json!({
                "resourceType": kind,
                "locations": locations,
                "apiVersions": self.versions,
                "capabilities": capabilities,
            })
        };
        let types: Value = self.types.iter().map(view).collect();
        json!({
            "id": format!("/subscriptions/{subscription}/providers/{}", self.namespace),
            "namespace": self.namespace,
            "registrationPolicy": "RegistrationFree",
            "registrationState": "Registered",
            "resourceTypes": types,
        })
    }
}
