//! What a PUT or PATCH of a registry asks for. Unknown fields are ignored, as ARM does. A setting that this server has one
//! value for may be sent with that value; another one is refused, so that nobody believes in a wall that is not there.

use holdfast_arm::{Error as Arm, Location};
use holdfast_registry::{
    RegistryChange,
    ports::{Sku, Tags},
};
use serde::Deserialize;
use serde_json::Value;

use super::registry_body::fixed;
use crate::{body, error::Error};

/// The tiers that can be asked for.
const SKUS: [&str; 3] = ["Basic", "Standard", "Premium"];
/// Days of a retention policy (ACR).
const MAX_RETENTION_DAYS: u32 = 365;

#[derive(Deserialize)]
struct Request {
    location: Option<String>,
    sku: Option<SkuRequest>,
    tags: Option<Tags>,
    identity: Option<Identity>,
    properties: Option<Value>,
}

#[derive(Deserialize)]
struct SkuRequest {
    name: String,
}

#[derive(Deserialize)]
struct Identity {
    r#type: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Properties {
    admin_user_enabled: Option<bool>,
    anonymous_pull_enabled: Option<bool>,
    policies: Option<Policies>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Policies {
    retention_policy: Option<RetentionPolicy>,
}

#[derive(Deserialize)]
struct RetentionPolicy {
    days: Option<u32>,
    status: Option<String>,
}

/// A PUT: location and tier must be there.
pub(crate) fn read_put(body: &[u8]) -> Result<(String, RegistryChange), Error> {
    let mut request: Request = body::parse(body)?;
    let location: Location = request
        .location
        .take()
        .ok_or_else(Arm::location_required)?
        .parse()
        .map_err(Arm::from)?;
    if request.sku.is_none() {
        return Err(Arm::invalid_request_content("The property 'sku' is missing").into());
    }
    let mut change = change(request)?;
    // A PUT is the whole: tags that it leaves out go.
    change.tags.get_or_insert_default();
    Ok((location.to_string(), change))
}

/// A PATCH: what it leaves out stays.
pub(crate) fn read_patch(body: &[u8]) -> Result<RegistryChange, Error> {
    change(body::parse(body)?)
}

fn change(request: Request) -> Result<RegistryChange, Error> {
    let sku = request.sku.map(|sku| read_sku(&sku.name)).transpose()?;
    let is_none = |kind: &str| kind.eq_ignore_ascii_case("None");
    if !request
        .identity
        .and_then(|identity| identity.r#type)
        .is_none_or(|kind| is_none(&kind))
    {
        return Err(unserved("identity").into());
    }
    let given = request.properties.unwrap_or_default();
    refuse_unserved(&given, &fixed(), "properties")?;
    let properties: Properties = match given {
        Value::Null => Properties::default(),
        given => serde_json::from_value(given).map_err(|error| Arm::invalid_request_content(&error.to_string()))?,
    };
    let retention = properties.policies.and_then(|policies| policies.retention_policy);
    Ok(RegistryChange {
        sku,
        tags: request.tags,
        admin_enabled: properties.admin_user_enabled,
        anonymous_pull: properties.anonymous_pull_enabled,
        retention_days: retention.map(read_retention).transpose()?,
    })
}

fn read_sku(name: &str) -> Result<Sku, Arm> {
    let known = SKUS.into_iter().find(|known| known.eq_ignore_ascii_case(name));
    known
        .and_then(Sku::from_name)
        .ok_or_else(|| Arm::invalid_sku(name, &SKUS))
}

fn read_retention(policy: RetentionPolicy) -> Result<Option<u32>, Arm> {
    let days = policy.days.unwrap_or(7);
    if days > MAX_RETENTION_DAYS {
        let why = format!("The retention days must be between 0 and {MAX_RETENTION_DAYS}.");
        return Err(Arm::invalid_parameter("properties.policies.retentionPolicy.days", &why));
    }
    let is_enabled = policy
        .status
        .is_some_and(|status| status.eq_ignore_ascii_case("enabled"));
    Ok(is_enabled.then_some(days))
}

/// Looks for a setting with a value that this server does not have.
fn refuse_unserved(given: &Value, fixed: &Value, path: &str) -> Result<(), Arm> {
    match (given, fixed) {
        (Value::Null, _) => Ok(()),
        (Value::Object(given), Value::Object(fixed)) => given.iter().try_for_each(|(key, value)| {
            let found = fixed.get(key);
            found.map_or(Ok(()), |found| refuse_unserved(value, found, &format!("{path}.{key}")))
        }),
        (Value::String(given), Value::String(fixed)) if given.eq_ignore_ascii_case(fixed) => Ok(()),
        (given, fixed) if given == fixed => Ok(()),
        _ => Err(unserved(path)),
    }
}

fn unserved(path: &str) -> Arm {
    Arm::invalid_parameter(path, "This server does not support another value of this property.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(body: &str) -> Result<RegistryChange, String> {
        read_patch(body.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_sent_changes_and_nothing_else() {
        let change = patch(r#"{"properties":{"adminUserEnabled":true,"unknown":{"a":1}}}"#).unwrap();
        assert_eq!((change.admin_enabled, change.anonymous_pull), (Some(true), None));
        assert_eq!((change.sku, change.tags, change.retention_days), (None, None, None));
        let policy = r#"{"properties":{"policies":{"retentionPolicy":{"days":9,"status":"enabled"}}}}"#;
        assert_eq!(patch(policy).unwrap().retention_days, Some(Some(9)));
    }

    #[test]
    fn settings_without_a_wall_behind_them_are_refused() {
        for (body, told) in [
            (r#"{"properties":{"publicNetworkAccess":"Disabled"}}"#, "another value"),
            (
                r#"{"properties":{"networkRuleSet":{"defaultAction":"Deny"}}}"#,
                "another value",
            ),
            (r#"{"properties":{"encryption":{"status":"enabled"}}}"#, "another value"),
            (r#"{"identity":{"type":"SystemAssigned"}}"#, "another value"),
            (r#"{"sku":{"name":"Gold"}}"#, "Gold"),
            (r#"{"properties":{"adminUserEnabled":"yes"}}"#, "invalid type"),
            ("{", "InvalidRequestContent"),
        ] {
            let error = patch(body).unwrap_err();
            assert!(error.contains(told), "{body}: {error}");
        }
        let all = format!(r#"{{"properties":{}}}"#, fixed());
        assert!(patch(&all).is_ok(), "what is shown can be sent back");
    }
}
