//! `listUsages`: what a registry uses of what its tier includes, in ACR's rows. Of things that this server does not have,
//! nothing is used.

use bytes::Bytes;
use holdfast_access::{ControlGrant, control};
use holdfast_model::Sku;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::{body, error::Error, serve::Call};

pub(crate) async fn list(call: &Call<'_>, grant: ControlGrant<control::ListUsages>) -> Result<Response<Bytes>, Error> {
    let usage = call.app.resources.measure_registry(&grant).await?;
    let (sku, limits) = (usage.registry.sku, usage.registry.sku.limits());
    let row = |name: &str, most: Value, count: u64, unit: &str| json!({ "name": name, "limit": most, "currentValue": count, "unit": unit });
    let counted = |name, most: u64, count| row(name, json!(most), count, "Count");
    let mut rows = vec![
        row("Size", json!(limits.included_bytes), usage.used_bytes, "Bytes"),
        counted("Webhooks", limits.webhooks, 0),
    ];
    if sku == Sku::Premium {
        let ip_rules = usage.registry.network.ip_rules.len() as u64;
        // ACR writes "as many as you like" so.
        let replicas = limits.replicas.map_or(json!(-1), |most| json!(most));
        rows.extend([
            row("Geo-replications", replicas, 0, "Count"),
            counted("IPRules", limits.ip_rules, ip_rules),
            counted("VNetRules", limits.subnet_rules, 0),
            counted("PrivateEndpointConnections", limits.private_endpoints, 0),
        ]);
    }
    rows.push(counted("ScopeMaps", limits.scope_maps, usage.scope_maps));
    rows.push(counted("Tokens", limits.tokens, usage.tokens));
    Ok(body::json(StatusCode::OK, &json!({ "value": rows })))
}
