//! Storage accounts of users: each in one location, for Classic registries to lie in. They are no service for blobs:
//! there are no endpoints, no keys and no network of their own, and what would need one is refused.

use bytes::Bytes;
use holdfast_access::{ControlGrant, ControlReach, control, decide_control};
use holdfast_arm::{Code, Error as Arm, Location, ResourceGroupName, ResourceId, StorageAccountName, SubscriptionId};
use holdfast_face::moment::rfc3339_micros;
use holdfast_model::{Sku, StorageAccount, StorageKind};
use holdfast_resources::{StorageAccountError, StorageChange};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    reading::Object,
    registry_request::{read_tags, refuse_unserved},
};
use crate::{
    body,
    error::{Error, refused_linked},
    paging::page,
    route::StoragePath,
    serve::{Call, uuid},
};

pub(crate) const TYPE: &str = "Microsoft.Storage/storageAccounts";

/// What clients know of accounts and has one value here: asking for another one is refused.
fn fixed() -> Value {
    json!({
        "isHnsEnabled": false,
        "isSftpEnabled": false,
        "isNfsV3Enabled": false,
        "isLocalUserEnabled": false,
        "networkAcls": { "defaultAction": "Allow" },
        "publicNetworkAccess": "Enabled",
        "encryption": { "keySource": "Microsoft.Storage", "requireInfrastructureEncryption": false },
    })
}

pub(crate) async fn put(
    call: &Call<'_>,
    grant: ControlGrant<control::StorageAccountsWrite>,
    path: &StoragePath,
) -> Result<Response<Bytes>, Error> {
    let request: Value = body::parse(call.body)?;
    let request = Object::of_body(&request)?;
    let location: Location = request
        .text("location")?
        .ok_or_else(Arm::location_required)?
        .parse()
        .map_err(Arm::from)?;
    let mut change = read_change(&request)?;
    // What a PUT leaves out is none.
    change.tags.get_or_insert_default();
    let (name, precondition) = (path.name.to_string(), call.precondition.clone());
    let resources = &call.app.resources;
    let (account, _) = resources
        .put_storage_account(&grant, name, location.to_string(), change, precondition)
        .await?;
    // New or not: Azure answers the same, and its clients would poll after 201.
    Ok(response(&account))
}

/// The tags and the kind, which are all that can be chosen.
fn read_change(request: &Object<'_>) -> Result<StorageChange, Arm> {
    request.object("properties")?;
    if let Some(given) = request.value("properties") {
        refuse_unserved(given, &fixed(), "properties")?;
    }
    Ok(StorageChange {
        tags: read_tags(request)?,
        kind: request.word("kind", &StorageKind::ALL)?,
    })
}

fn response(account: &StorageAccount) -> Response<Bytes> {
    let answer = body::json(StatusCode::OK, &view(account));
    match account.entity_tag() {
        Some(tag) => body::with_entity_tag(answer, &tag),
        None => answer,
    }
}

pub(crate) async fn get(
    call: &Call<'_>,
    grant: ControlGrant<control::StorageAccountsRead>,
) -> Result<Response<Bytes>, Error> {
    let account = call.app.resources.load_storage_account(&grant).await?;
    Ok(response(&account))
}

/// Tags and the kind are all that can change about an account.
pub(crate) async fn patch(
    call: &Call<'_>,
    grant: ControlGrant<control::StorageAccountsWrite>,
) -> Result<Response<Bytes>, Error> {
    let request: Value = body::parse(call.body)?;
    let change = read_change(&Object::of_body(&request)?)?;
    let precondition = call.precondition.clone();
    let account = call
        .app
        .resources
        .change_storage_account(&grant, change, precondition)
        .await?;
    Ok(response(&account))
}

pub(crate) async fn delete(
    call: &Call<'_>,
    grant: ControlGrant<control::StorageAccountsDelete>,
) -> Result<Response<Bytes>, Error> {
    let precondition = call.precondition.clone();
    let was_there = call.app.resources.delete_storage_account(&grant, precondition).await?;
    Ok(body::empty(if was_there {
        StatusCode::OK
    } else {
        StatusCode::NO_CONTENT
    }))
}

/// Those of a subscription, or of one group in it.
pub(crate) async fn list(
    call: &Call<'_>,
    reach: ControlReach<control::StorageAccountsRead>,
    subscription: &SubscriptionId,
    group: Option<&ResourceGroupName>,
) -> Result<Response<Bytes>, Error> {
    let mut accounts = call
        .app
        .resources
        .list_storage_accounts(&reach, uuid(subscription))
        .await?;
    accounts.retain(|account| group.is_none_or(|group| holdfast_arm::fold_case(group_of(account)) == group.key()));
    accounts.sort_by(|one, other| one.name.cmp(&other.name));
    let page = page(call, accounts, |account| account.name.clone(), view)?;
    Ok(body::json(StatusCode::OK, &page))
}

#[derive(Deserialize)]
struct NameRequest {
    name: String,
    r#type: String,
}

/// Taken and malformed names are answers here, not errors.
pub(crate) async fn check_name(
    call: &Call<'_>,
    grant: ControlGrant<control::CheckStorageAccountName>,
) -> Result<Response<Bytes>, Error> {
    let request: NameRequest = body::parse(call.body)?;
    if !request.r#type.eq_ignore_ascii_case(TYPE) {
        let why = format!("The type must be {TYPE}.");
        return Err(Arm::invalid_parameter("type", &why).into());
    }
    let refused = |reason, message: &str| json!({ "nameAvailable": false, "reason": reason, "message": message });
    let name = request.name;
    let answer = match name.parse::<StorageAccountName>() {
        Err(error) => refused(
            "AccountNameInvalid",
            &format!("{name} is not a valid storage account name. {}", error.rule),
        ),
        Ok(_) if call.app.resources.is_storage_account_name_free(&grant, &name).await? => {
            json!({ "nameAvailable": true })
        }
        Ok(_) => refused(
            "AlreadyExists",
            &format!("The storage account named {name} is already taken."),
        ),
    };
    Ok(body::json(StatusCode::OK, &answer))
}

fn group_of(account: &StorageAccount) -> &str {
    account
        .resource
        .as_ref()
        .map_or("", |resource| resource.resource_group.as_str())
}

/// The whole body. One copy on a disk is what Azure calls locally redundant, whatever was asked for.
fn view(account: &StorageAccount) -> Value {
    let mut view = listed(account);
    view["properties"] = json!({
        "provisioningState": "Succeeded",
        "creationTime": rfc3339_micros(account.created_at),
        "primaryLocation": account.location,
        "statusOfPrimary": "available",
    });
    view
}

/// How `/resources` shows it.
pub(crate) fn listed(account: &StorageAccount) -> Value {
    json!({
        "sku": { "name": "Standard_LRS", "tier": "Standard" },
        "kind": account.resource.as_ref().map(|resource| resource.kind).unwrap_or_default().as_str(),
        "id": account.arm_id(),
        "name": account.name,
        "type": TYPE,
        "location": account.location,
        "tags": account.resource.as_ref().map(|resource| &resource.tags),
    })
}

/// The right on the account that a request's `storageAccount` names: a registry lies only where the caller may write.
pub(crate) fn may_use(
    call: &Call<'_>,
    registry: &ControlGrant<control::RegistriesWrite>,
    id: &str,
) -> Result<ControlGrant<control::StorageAccountsWrite>, Error> {
    const PATH: &str = "properties.storageAccount.id";
    let invalid = || Arm::linked_property_invalid(id, PATH);
    let parsed = ResourceId::parse(id).map_err(|_| invalid())?;
    let has_group = parsed.subscription().is_some() && parsed.resource_group().is_some();
    if !parsed.is_of_type(TYPE) || !has_group {
        return Err(invalid().into());
    }
    decide_control(call.who, &parsed).map_err(|refusal| refused_linked(registry, &refusal))
}

/// In ARM's words. `group` is the resource group of the path.
pub(crate) fn error(error: StorageAccountError, group: &str) -> Arm {
    match error {
        StorageAccountError::Unknown { name, group: found } => {
            // A registry may lie in an account of another group; that of the path keeps its spelling.
            let is_here = holdfast_arm::fold_case(group) == found;
            Arm::resource_not_found(TYPE, &name, if is_here { group } else { &found })
        }
        StorageAccountError::NameTaken { name } => Arm::new(
            Code::StorageAccountAlreadyTaken,
            format!("The storage account named {name} is already taken."),
        ),
        StorageAccountError::Elsewhere { name, wanted, found } => {
            Arm::resource_elsewhere(&name, &found, group, &wanted)
        }
        StorageAccountError::NotBeside { name, found, wanted } => Arm::of_provider(
            Code::BadRequest,
            format!(
                "The storage account '{name}' is in location '{found}'. A Classic registry must be in the same location \
                 as its storage account, not in '{wanted}'."
            ),
        ),
        StorageAccountError::InUse { name, by } => {
            Arm::conflict(&format!("The storage account {name} cannot be deleted: {by}."))
        }
        StorageAccountError::Unfit { sku: Sku::Classic } => Arm::of_provider(
            Code::BadRequest,
            "A registry of SKU Classic needs properties.storageAccount.id, the id of a storage account in the same \
             location; the other SKUs need none.",
        ),
        StorageAccountError::Unfit { sku } => Arm::of_provider(
            Code::BadRequest,
            format!("A registry of SKU {} takes no storage account.", sku.as_str()),
        ),
        StorageAccountError::AccountFixed { name } => Arm::of_provider(
            Code::BadRequest,
            format!(
                "The registry {name} keeps its bytes in the storage account that it was made in: it cannot move to \
                 another one. Make another registry and import the images of this one."
            ),
        ),
        StorageAccountError::Fixed { name } => Arm::of_provider(
            Code::BadRequest,
            format!(
                "The registry {name} keeps its bytes in the storage account that it was made in: it cannot change \
                 between Classic and a managed SKU. Make another registry and import the images of this one."
            ),
        ),
    }
}
