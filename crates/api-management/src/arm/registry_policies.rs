//! `listPolicies` and `updatePolicies`: the policies of a registry in api-version 2017-10-01. It refuses to know those that
//! came later: they are properties of the registry.

use bytes::Bytes;
use holdfast_access::{ControlGrant, control};
use holdfast_model::RegistryRecord;
use holdfast_resources::RegistryChange;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    reading::Object,
    registry_body::fixed,
    registry_request::{read_policies, refuse_unserved},
};
use crate::{body, error::Error, serve::Call};

pub(crate) async fn list(
    call: &Call<'_>,
    grant: ControlGrant<control::ListPolicies>,
) -> Result<Response<Bytes>, Error> {
    let record = call.app.resources.list_registry_policies(&grant).await?;
    Ok(response(&record))
}

pub(crate) async fn update(
    call: &Call<'_>,
    grant: ControlGrant<control::UpdatePolicies>,
) -> Result<Response<Bytes>, Error> {
    let given: Value = body::parse(call.body)?;
    refuse_unserved(&given, &fixed()["policies"], "")?;
    let mut change = RegistryChange::default();
    read_policies(&Object::of_body(&given)?, &mut change)?;
    let precondition = call.precondition.clone();
    let resources = &call.app.resources;
    let record = resources.update_registry_policies(&grant, change, precondition).await?;
    Ok(response(&record))
}

fn response(record: &RegistryRecord) -> Response<Bytes> {
    let policies = &fixed()["policies"];
    let view = json!({
        "quarantinePolicy": policies["quarantinePolicy"],
        "trustPolicy": policies["trustPolicy"],
    });
    body::with_entity_tag(body::json(StatusCode::OK, &view), &record.entity_tag())
}
