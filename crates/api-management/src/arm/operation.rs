//! `GET /providers/Microsoft.ContainerRegistry/operations`: what roles can allow here. Whoever has a token may read it.

use bytes::Bytes;
use holdfast_access::control::ACTIONS;
use holdfast_arm::{Page, resource_id::CONTAINER_REGISTRY};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::body;

/// Kinds of things that roles name and this server does not have.
const NOT_SERVED: [&str; 11] = [
    "agentpools",
    "cacheRules",
    "connectedRegistries",
    "credentialSets",
    "locations",
    "operationStatuses",
    "privateEndpointConnections",
    "privateLinkResources",
    "runs",
    "taskruns",
    "tasks",
];

pub(crate) fn list() -> Response<Bytes> {
    let prefix = format!("{CONTAINER_REGISTRY}/");
    let own = ACTIONS.iter().filter_map(|(action, _)| action.strip_prefix(&prefix));
    let is_served = |action: &&str| action.split('/').all(|part| !NOT_SERVED.contains(&part));
    let view: Vec<Value> = own.filter(is_served).map(view).collect();
    body::json(StatusCode::OK, &Page::whole(view))
}

fn view(action: &str) -> Value {
    let (resource, verb) = match action.strip_suffix("/action").unwrap_or(action).rsplit_once('/') {
        Some((resource, verb)) => (resource, verb),
        None => ("", action),
    };
    json!({
        "name": format!("{CONTAINER_REGISTRY}/{action}"),
        "isDataAction": false,
        "display": {
            "provider": CONTAINER_REGISTRY,
            "resource": resource,
            "operation": verb,
            "description": format!("{verb} of {CONTAINER_REGISTRY}/{resource}").trim_end_matches('/'),
        },
    })
}
