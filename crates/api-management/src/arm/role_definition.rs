//! Role definitions: the built-in ones, which are the same at every scope. Roles that somebody makes up are not served.

use bytes::Bytes;
use holdfast_access::{ControlGrant, Role, RoleId, control};
use holdfast_arm::{Error as Arm, Page};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::{body, error::Error, route::ScopePath, serve::Call};

const FIELDS: [&str; 3] = ["rolename", "type", "atscopeandbelow()"];
const BUILT_IN: &str = "BuiltInRole";

pub(crate) fn list(
    call: &Call<'_>,
    _grant: ControlGrant<control::RoleDefinitionsRead>,
    path: &ScopePath,
) -> Result<Response<Bytes>, Error> {
    let filter = call.filter(&FIELDS)?;
    let passes = |role: &&Role| {
        let values = |field: &str| match field {
            "rolename" => vec![role.name.to_owned()],
            _ => vec![BUILT_IN.to_owned()],
        };
        // The one function: built-in roles are at every scope.
        filter
            .as_ref()
            .is_none_or(|filter| filter.passes(&values, &|_, _| true))
    };
    let view: Vec<Value> = Role::BUILT_IN
        .iter()
        .filter(passes)
        .map(|role| view(role, path))
        .collect();
    Ok(body::json(StatusCode::OK, &Page::whole(view)))
}

pub(crate) fn get(
    _grant: ControlGrant<control::RoleDefinitionsRead>,
    path: &ScopePath,
    name: &str,
) -> Result<Response<Bytes>, Error> {
    let role = name.parse().ok().and_then(RoleId::role);
    let role = role.ok_or_else(|| Arm::role_definition_not_found(name))?;
    Ok(body::json(StatusCode::OK, &view(role, path)))
}

/// The id of a role as it is shown at a scope: `az` compares this text.
pub(crate) fn id_at(role: RoleId, path: &ScopePath) -> String {
    let subscription = path.subscription.as_ref();
    let subscription = subscription.map_or_else(String::new, |id| format!("/subscriptions/{id}"));
    format!("{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}")
}

fn view(role: &Role, path: &ScopePath) -> Value {
    json!({
        "id": id_at(role.id, path),
        "name": role.id.to_string(),
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": role.name,
            "type": BUILT_IN,
            "description": role.description,
            "assignableScopes": ["/"],
            "permissions": [{
                "actions": role.actions,
                "notActions": role.not_actions,
                "dataActions": role.data_actions,
                "notDataActions": role.not_data_actions,
            }],
        },
    })
}
