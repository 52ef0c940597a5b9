//! Registries: the resource, its credentials and its usages.

use bytes::Bytes;
use holdfast_access::{ControlGrant, ControlReach, control};
use holdfast_arm::{
    Error as Arm, RegistryName, ResourceGroupName, SubscriptionId, name::INVALID_REGISTRY_NAME, shape::registry_has,
};
use holdfast_identity::{
    NewAdminPassword,
    admin_password::{self, Slot},
};
use holdfast_model::{AdminPassword, RegistryRecord};
use holdfast_resources::SealedPassword;
use http::{Response, StatusCode};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    group,
    registry_body::{TYPE, view},
    registry_request::{read_patch, read_put, read_storage},
    storage_account,
};
use crate::{
    Management, body,
    error::Error,
    paging::Pager,
    route::RegistryPath,
    serve::{Call, uuid},
};

pub(crate) async fn put(
    call: &Call<'_>,
    grant: ControlGrant<control::RegistriesWrite>,
    path: &RegistryPath,
) -> Result<Response<Bytes>, Error> {
    let body = body::parse(call.body)?;
    let (location, mut change) = read_put(&body)?;
    change.storage = storage(call, &grant, &body)?;
    let name = path.name.to_string();
    let passwords = [
        fresh(call.app, &name, Slot::First)?,
        fresh(call.app, &name, Slot::Second)?,
    ];
    let resources = &call.app.resources;
    let (record, is_new) = resources
        .put_registry(&grant, (name, location), change, passwords, call.precondition.clone())
        .await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    response(call, status, &record).await
}

pub(crate) async fn get(
    call: &Call<'_>,
    grant: ControlGrant<control::RegistriesRead>,
) -> Result<Response<Bytes>, Error> {
    let record = call.app.resources.load_registry_resource(&grant).await?;
    response(call, StatusCode::OK, &record).await
}

pub(crate) async fn patch(
    call: &Call<'_>,
    grant: ControlGrant<control::RegistriesWrite>,
) -> Result<Response<Bytes>, Error> {
    let body = body::parse(call.body)?;
    let mut change = read_patch(&body)?;
    change.storage = storage(call, &grant, &body)?;
    let precondition = call.precondition.clone();
    let record = call.app.resources.change_registry(&grant, change, precondition).await?;
    response(call, StatusCode::OK, &record).await
}

pub(crate) async fn delete(
    call: &Call<'_>,
    grant: ControlGrant<control::RegistriesDelete>,
) -> Result<Response<Bytes>, Error> {
    let precondition = call.precondition.clone();
    let was_there = call.app.resources.delete_registry(&grant, precondition).await?;
    Ok(body::empty(if was_there {
        StatusCode::OK
    } else {
        StatusCode::NO_CONTENT
    }))
}

async fn response(call: &Call<'_>, status: StatusCode, record: &RegistryRecord) -> Result<Response<Bytes>, Error> {
    let view = whole(call, record).await?;
    Ok(body::with_entity_tag(body::json(status, &view), &record.entity_tag()))
}

/// The whole body, with the storage account of a Classic one.
async fn whole(call: &Call<'_>, record: &RegistryRecord) -> Result<Value, Error> {
    let mut body = view(call.app, record, call.version);
    storage_account::add_to(call, record, &mut body).await?;
    Ok(body)
}

/// The right on the storage account that the body names, if it names one.
fn storage(
    call: &Call<'_>,
    grant: &ControlGrant<control::RegistriesWrite>,
    body: &Value,
) -> Result<Option<ControlGrant<control::StorageAccountsWrite>>, Error> {
    let id = read_storage(body)?;
    id.map(|id| storage_account::may_use(call, grant, &id)).transpose()
}

/// Those of a subscription, or of one group in it. Whoever may see the group is told when there is none.
pub(crate) async fn list(
    call: &Call<'_>,
    reach: ControlReach<control::RegistriesRead>,
    subscription: &SubscriptionId,
    group: Option<&ResourceGroupName>,
) -> Result<Response<Bytes>, Error> {
    if let Some(name) = group {
        group::ensure_seen(call, subscription, name).await?;
    }
    let mut registries = call
        .app
        .resources
        .list_registry_resources(&reach, uuid(subscription))
        .await?;
    registries
        .retain(|record| group.is_none_or(|group| holdfast_arm::fold_case(&record.resource_group) == group.key()));
    let mut pager = Pager::new(call, registries, registry_key)?;
    while let Some(record) = pager.next() {
        pager.push(&whole(call, &record).await?);
    }
    Ok(body::json(StatusCode::OK, &pager.finish()))
}

/// Grows with the age of registries, as their lists do.
pub(crate) fn registry_key(record: &RegistryRecord) -> String {
    format!("{:020}", record.id.0)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NameRequest {
    name: String,
    r#type: String,
    auto_generated_domain_name_label_scope: Option<String>,
}

/// The one scope of labels in login servers that a registry can have here.
pub(super) const NO_LABEL: &str = "Unsecure";
const NO_LABELS: &str = "Holdfast adds no label to login servers: autoGeneratedDomainNameLabelScope must be Unsecure.";

/// Taken and malformed names are answers here, not errors.
pub(crate) async fn check_name(
    call: &Call<'_>,
    grant: ControlGrant<control::CheckNameAvailability>,
) -> Result<Response<Bytes>, Error> {
    let request: NameRequest = body::parse(call.body)?;
    if !request.r#type.eq_ignore_ascii_case(TYPE) {
        let why = format!("The type must be {TYPE}.");
        return Err(Arm::invalid_parameter("type", &why).into());
    }
    let refused = |reason, message: &str| json!({ "nameAvailable": false, "reason": reason, "message": message });
    let name = request.name;
    let label_scope = request.auto_generated_domain_name_label_scope;
    let answer = if label_scope.is_some_and(|scope| !scope.eq_ignore_ascii_case(NO_LABEL)) {
        refused("Invalid", NO_LABELS)
    } else if name.parse::<RegistryName>().is_err() {
        refused("Invalid", INVALID_REGISTRY_NAME)
    } else if call.app.resources.is_registry_name_free(&grant, &name).await? {
        let login_server = format!("{}{}", name.to_ascii_lowercase(), call.app.login_server_suffix);
        let mut free = json!({ "nameAvailable": true });
        // Known to the versions that know names of other forms.
        if registry_has("properties.autoGeneratedDomainNameLabelScope", call.version) {
            free["availableLoginServerName"] = json!(login_server);
        }
        free
    } else {
        refused("AlreadyExists", &format!("The registry {name} is already in use."))
    };
    Ok(body::json(StatusCode::OK, &answer))
}

pub(crate) async fn list_credentials(
    call: &Call<'_>,
    grant: ControlGrant<control::ListCredentials>,
) -> Result<Response<Bytes>, Error> {
    let (record, passwords) = call.app.resources.list_registry_credentials(&grant).await?;
    credentials(call.app, &record, &passwords)
}

#[derive(Deserialize)]
struct Regenerate {
    name: String,
}

pub(crate) async fn regenerate_credential(
    call: &Call<'_>,
    grant: ControlGrant<control::RegenerateCredential>,
    path: &RegistryPath,
) -> Result<Response<Bytes>, Error> {
    let request: Regenerate = body::parse(call.body)?;
    let slot = Slot::of_name(&request.name)
        .ok_or_else(|| Arm::invalid_parameter("name", "The name must be password or password2."))?;
    let password = fresh(call.app, path.name.as_str(), slot)?;
    let resources = &call.app.resources;
    let (record, passwords) = resources
        .regenerate_registry_credential(&grant, slot.number(), password)
        .await?;
    credentials(call.app, &record, &passwords)
}

/// A password that nobody has seen yet.
fn fresh(app: &Management, registry: &str, slot: Slot) -> Result<SealedPassword, Error> {
    let fresh = NewAdminPassword::generate(&app.sealer, registry, slot).map_err(Error::Sealed)?;
    Ok(SealedPassword {
        sealed: fresh.sealed,
        verifier: fresh.verifier,
    })
}

fn credentials(
    app: &Management,
    record: &RegistryRecord,
    passwords: &[AdminPassword],
) -> Result<Response<Bytes>, Error> {
    let mut view = Vec::new();
    for (stored, slot) in passwords.iter().zip(Slot::ALL) {
        let secret = admin_password::open(&app.sealer, &record.name, slot, &stored.sealed).map_err(Error::Sealed)?;
        view.push(json!({ "name": slot.name(), "value": secret.expose_secret() }));
    }
    let answer = json!({ "username": record.name, "passwords": view });
    Ok(body::json(StatusCode::OK, &answer))
}
