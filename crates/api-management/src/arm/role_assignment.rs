//! Role assignments: who has which role where, and under what condition.

use bytes::Bytes;
use holdfast_access::{
    Condition, ControlGrant, RoleId,
    assignment::scope_covers,
    condition::{self, CONDITION_VERSION},
    control,
};
use holdfast_arm::{Error as Arm, Page, RoleAssignmentName};
use holdfast_directory::NewRoleAssignment;
use holdfast_face::moment::rfc3339_micros;
use holdfast_model::RoleAssignment;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::role_definition::id_at;
use crate::{body, error::Error, paging::page, route::ScopePath, serve::Call};

const TYPE: &str = "Microsoft.Authorization/roleAssignments";
const FIELDS: [&str; 3] = ["principalid", "atscope()", "assignedto()"];
/// The longest description (Azure).
const MAX_DESCRIPTION_CHARS: usize = 1024;

#[derive(Deserialize)]
struct Request {
    properties: Properties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    role_definition_id: String,
    principal_id: String,
    principal_type: Option<String>,
    description: Option<String>,
    condition: Option<String>,
    condition_version: Option<String>,
}

/// Gives a role, or changes condition and description of the same.
pub(crate) async fn put(
    call: &Call<'_>,
    grant: ControlGrant<control::RoleAssignmentsWrite>,
    path: &ScopePath,
    name: &RoleAssignmentName,
) -> Result<Response<Bytes>, Error> {
    let Request { properties } = body::parse(call.body)?;
    let new = read(properties, name)?;
    let (assignment, is_new) = call.app.directory.put_role_assignment(&grant, new).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(body::json(status, &view(&assignment, path)))
}

pub(crate) async fn get(
    call: &Call<'_>,
    grant: ControlGrant<control::RoleAssignmentsRead>,
    path: &ScopePath,
    name: &RoleAssignmentName,
) -> Result<Response<Bytes>, Error> {
    let assignment = call.app.directory.load_role_assignment(&grant, uuid(name)).await?;
    Ok(body::json(StatusCode::OK, &view(&assignment, path)))
}

/// Takes a role away; what it was is the answer.
pub(crate) async fn delete(
    call: &Call<'_>,
    grant: ControlGrant<control::RoleAssignmentsDelete>,
    path: &ScopePath,
    name: &RoleAssignmentName,
) -> Result<Response<Bytes>, Error> {
    let removed = call.app.directory.remove_role_assignment(&grant, uuid(name)).await?;
    Ok(match removed {
        Some(assignment) => body::json(StatusCode::OK, &view(&assignment, path)),
        None => body::empty(StatusCode::NO_CONTENT),
    })
}

/// Those at the scope, around it and below it, unless the filter says less. Nobody here is in a group, so what is
/// assigned to a principal is what names it.
pub(crate) async fn list(
    call: &Call<'_>,
    grant: ControlGrant<control::RoleAssignmentsRead>,
    path: &ScopePath,
) -> Result<Response<Bytes>, Error> {
    let filter = call.filter(&FIELDS)?;
    let found = call.app.directory.list_role_assignments(&grant).await?;
    let passes = |assignment: &RoleAssignment| {
        let principal = assignment.principal.to_string();
        let values = |_: &str| vec![principal.clone()];
        let function = |name: &str, arguments: &[String]| match (name, arguments) {
            ("atscope", []) => scope_covers(&assignment.scope, path.id.key()),
            ("assignedto", [id]) => principal.eq_ignore_ascii_case(id),
            _ => false,
        };
        filter.as_ref().is_none_or(|filter| filter.passes(&values, &function))
    };
    let key = |assignment: &RoleAssignment| format!("{} {}", assignment.scope, assignment.id);
    let mut passing: Vec<RoleAssignment> = found.into_iter().filter(passes).collect();
    passing.sort_by_cached_key(key);
    let page = page(call, passing, key, |found| view(found, path))?;
    Ok(body::json(StatusCode::OK, &page))
}

/// Deny assignments: nothing here denies, roles only add.
pub(crate) fn list_denials(_grant: ControlGrant<control::DenyAssignmentsRead>) -> Result<Response<Bytes>, Error> {
    Ok(body::json(StatusCode::OK, &Page::<Value>::whole(Vec::new())))
}

fn read(properties: Properties, name: &RoleAssignmentName) -> Result<NewRoleAssignment, Error> {
    let role = properties.role_definition_id;
    let id: Option<RoleId> = role.parse().ok();
    let known = id.filter(|id| id.role().is_some());
    let principal = properties.principal_id;
    if properties
        .description
        .iter()
        .any(|text| text.chars().count() > MAX_DESCRIPTION_CHARS)
    {
        let why = format!("The description is longer than {MAX_DESCRIPTION_CHARS} characters.");
        return Err(Arm::invalid_parameter("properties.description", &why).into());
    }
    Ok(NewRoleAssignment {
        id: uuid(name),
        principal: Uuid::try_parse(&principal).map_err(|_| Arm::invalid_principal_id(&principal))?,
        principal_type: properties.principal_type,
        role: known.ok_or_else(|| Arm::role_definition_not_found(&role))?,
        condition: read_condition(properties.condition, properties.condition_version)?,
        description: properties.description.filter(|text| !text.is_empty()),
    })
}

/// An empty condition is none.
fn read_condition(text: Option<String>, version: Option<String>) -> Result<Option<Condition>, Arm> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
        return Ok(None);
    };
    match version.as_deref() {
        None | Some("" | CONDITION_VERSION) => {}
        Some(other) => {
            let why = format!("its version is '{other}', and only {CONDITION_VERSION} is read here");
            return Err(Arm::invalid_condition(&why));
        }
    }
    Condition::parse(&text)
        .map(Some)
        .map_err(|error| Arm::invalid_condition(&with_cause(&error)))
}

fn with_cause(error: &condition::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// The id of an assignment; the grammar of its name is that of a GUID.
fn uuid(name: &RoleAssignmentName) -> Uuid {
    Uuid::parse_str(name.as_str()).unwrap_or_default()
}

fn view(assignment: &RoleAssignment, path: &ScopePath) -> Value {
    let scope = assignment.shown_scope.trim_end_matches('/');
    let id = assignment.id;
    let condition = assignment.condition.as_ref();
    json!({
        "id": format!("{scope}/providers/{TYPE}/{id}"),
        "name": id,
        "type": TYPE,
        "properties": {
            "roleDefinitionId": id_at(assignment.role, path),
            "principalId": assignment.principal,
            "principalType": assignment.principal_type.as_str(),
            "scope": assignment.shown_scope,
            "condition": condition.map(|condition| &condition.text),
            "conditionVersion": condition.map(|condition| &condition.version),
            "createdOn": rfc3339_micros(assignment.created_at),
            "updatedOn": rfc3339_micros(assignment.updated_at),
            "createdBy": assignment.created_by,
            "updatedBy": assignment.updated_by,
            "delegatedManagedIdentityResourceId": null,
            "description": assignment.description,
        },
    })
}
