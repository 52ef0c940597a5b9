//! Replications: a registry of the Premium tier shows the one at home, as ACR does. There are no others, and none can be
//! made: this server keeps a registry in one location.

use bytes::Bytes;
use holdfast_access::{ControlGrant, control};
use holdfast_arm::{ApiVersion, Page};
use holdfast_face::moment::rfc3339_micros;
use holdfast_model::{RegistryRecord, Sku};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::{body, error::Error, serve::Call};

/// The versions that brought fields.
const REGION_ENDPOINTS: ApiVersion = ApiVersion::preview(2019, 12, 1);
const ZONES: ApiVersion = ApiVersion::preview(2020, 11, 1);

pub(crate) async fn list(
    call: &Call<'_>,
    grant: ControlGrant<control::ReplicationsRead>,
) -> Result<Response<Bytes>, Error> {
    let record = call.app.resources.load_registry_home(&grant).await?;
    let homes: Vec<Value> = (record.sku == Sku::Premium)
        .then(|| home(&record, call.version))
        .into_iter()
        .collect();
    Ok(body::json(StatusCode::OK, &Page::whole(homes)))
}

fn home(record: &RegistryRecord, version: ApiVersion) -> Value {
    let location = &record.location;
    let mut view = json!({
        "id": format!("{}/replications/{location}", record.arm_id()),
        "name": location,
        "type": "Microsoft.ContainerRegistry/registries/replications",
        "location": location,
        "tags": {},
        "properties": {
            "provisioningState": "Succeeded",
            "status": { "displayStatus": "Ready", "timestamp": rfc3339_micros(record.created_at) },
        },
    });
    let properties = &mut view["properties"];
    if version >= REGION_ENDPOINTS {
        properties["regionEndpointEnabled"] = json!(true);
    }
    if version >= ZONES {
        properties["zoneRedundancy"] = json!("Disabled");
    }
    view
}
