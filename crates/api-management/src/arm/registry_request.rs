//! What a PUT or PATCH of a registry asks for. Unknown fields are ignored, as ARM does. A setting that this server has one
//! value for may be sent with that value; another one is refused, so that nobody believes in a wall that is not there
//! (decision 0006).

use holdfast_access::{IpRule, NetworkAction, RoleAssignmentMode};
use holdfast_arm::{Code, Error as Arm, Location, Tags as ArmTags};
use holdfast_model::{Sku, Tags};
use holdfast_resources::RegistryChange;
use serde_json::Value;

use super::{reading::Object, registry_body::fixed};

/// The tiers that can be asked for.
const SKUS: [&str; 4] = ["Classic", "Basic", "Standard", "Premium"];
/// Days of a retention policy (ACR).
const MAX_RETENTION_DAYS: u32 = 365;
/// Days of a soft delete policy (ACR).
const MAX_SOFT_DELETE_DAYS: u32 = 90;
/// Rules that are read at all; what the tier allows is a rule of the registry.
const MAX_IP_RULES: usize = 1_000;

const SWITCH: &[(&str, bool)] = &[("enabled", true), ("disabled", false)];

/// The id of the storage account that a PUT or PATCH names.
pub(crate) fn read_storage(body: &Value) -> Result<Option<String>, Arm> {
    let properties = Object::of_body(body)?.object("properties")?;
    let Some(account) = properties.value("storageAccount").filter(|account| !account.is_null()) else {
        return Ok(None);
    };
    match account["id"].as_str() {
        Some(id) => Ok(Some(id.to_owned())),
        None => Err(Arm::invalid_parameter(
            "properties.storageAccount.id",
            "The id must be a text.",
        )),
    }
}

/// A PUT: location and tier must be there.
pub(crate) fn read_put(body: &Value) -> Result<(String, RegistryChange), Arm> {
    let body = Object::of_body(body)?;
    let location: Location = body
        .text("location")?
        .ok_or_else(Arm::location_required)?
        .parse()
        .map_err(Arm::from)?;
    if body.value("sku").is_none() {
        return Err(Arm::invalid_request_content("The property 'sku' is missing"));
    }
    let mut change = read_change(&body)?;
    // A PUT is the whole: tags that it leaves out go.
    change.tags.get_or_insert_default();
    Ok((location.to_string(), change))
}

/// A PATCH: what it leaves out stays.
pub(crate) fn read_patch(body: &Value) -> Result<RegistryChange, Arm> {
    read_change(&Object::of_body(body)?)
}

/// The tags of a resource, within ARM's limits.
pub(crate) fn read_tags(body: &Object<'_>) -> Result<Option<Tags>, Arm> {
    let Some(given) = body.value("tags") else {
        return Ok(None);
    };
    let tags: Tags = serde_json::from_value(given.clone())
        .map_err(|_| Arm::invalid_request_content("tags must be an object of texts").with_target("tags"))?;
    Ok(Some(ArmTags::parse(tags)?.into()))
}

fn read_change(body: &Object<'_>) -> Result<RegistryChange, Arm> {
    let identity = body.object("identity")?;
    if identity
        .text("type")?
        .is_some_and(|kind| !kind.eq_ignore_ascii_case("None"))
    {
        return Err(unserved("identity"));
    }
    let properties = body.object("properties")?;
    if let Some(given) = body.value("properties") {
        refuse_unserved(given, &fixed(), "properties")?;
    }
    let sku = body.object("sku")?;
    let mut change = RegistryChange {
        sku: sku.text("name")?.map(read_sku).transpose()?,
        tags: read_tags(body)?,
        admin_enabled: properties.bool("adminUserEnabled")?,
        anonymous_pull: properties.bool("anonymousPullEnabled")?,
        data_endpoint: properties.bool("dataEndpointEnabled")?,
        role_assignment_mode: properties.word("roleAssignmentMode", &modes())?,
        metadata_search: properties.word("metadataSearch", SWITCH)?,
        ..RegistryChange::default()
    };
    read_policies(&properties.object("policies")?, &mut change)?;
    read_network(&properties, &mut change)?;
    Ok(change)
}

/// The policies of a body or, in 2017-10-01, of an action of their own.
pub(crate) fn read_policies(policies: &Object<'_>, change: &mut RegistryChange) -> Result<(), Arm> {
    let status = |name: &str| policies.object(name)?.word("status", SWITCH);
    let retention = policies.object("retentionPolicy")?;
    let soft_delete = policies.object("softDeletePolicy")?;
    change.retention_enabled = retention.word("status", SWITCH)?;
    change.retention_days = retention.number_up_to("days", MAX_RETENTION_DAYS)?;
    change.soft_delete_days = soft_delete.number_up_to("retentionDays", MAX_SOFT_DELETE_DAYS)?;
    change.accept_arm_tokens = status("azureADAuthenticationAsArmPolicy")?;
    change.allow_export = status("exportPolicy")?;
    Ok(())
}

fn read_network(properties: &Object<'_>, change: &mut RegistryChange) -> Result<(), Arm> {
    let bypass = [("AzureServices", true), ("None", false)];
    let actions = [NetworkAction::Allow, NetworkAction::Deny].map(|action| (action.as_str(), action));
    let rules = properties.object("networkRuleSet")?;
    change.public_access = properties.word("publicNetworkAccess", SWITCH)?;
    change.bypass_for_azure = properties.word("networkRuleBypassOptions", &bypass)?;
    change.bypass_for_tasks = properties.bool("networkRuleBypassAllowedForTasks")?;
    change.default_action = rules.word("defaultAction", &actions)?;
    change.ip_rules = rules
        .objects("ipRules")?
        .map(|rules| read_ip_rules(&rules))
        .transpose()?;
    Ok(())
}

fn read_ip_rules(rules: &[Object<'_>]) -> Result<Vec<IpRule>, Arm> {
    if rules.len() > MAX_IP_RULES {
        let why = format!("At most {MAX_IP_RULES} IP rules can be sent.");
        return Err(Arm::invalid_parameter("properties.networkRuleSet.ipRules", &why));
    }
    rules.iter().map(read_ip_rule).collect()
}

fn read_ip_rule(rule: &Object<'_>) -> Result<IpRule, Arm> {
    rule.word("action", &[("Allow", ())])?;
    let path = rule.path_of("value");
    let Some(value) = rule.text("value")? else {
        return Err(Arm::invalid_parameter(&path, "The IP rule has no address or range."));
    };
    value.parse().map_err(|error: holdfast_access::IpRuleError| {
        Arm::of_provider(Code::InvalidParameter, format!("The IP rule is invalid: {error}.")).with_target(path)
    })
}

fn modes() -> [(&'static str, RoleAssignmentMode); 2] {
    [RoleAssignmentMode::Legacy, RoleAssignmentMode::Abac].map(|mode| (mode.as_str(), mode))
}

fn read_sku(name: &str) -> Result<Sku, Arm> {
    let known = SKUS.into_iter().find(|known| known.eq_ignore_ascii_case(name));
    known
        .and_then(Sku::from_name)
        .ok_or_else(|| Arm::invalid_sku(name, &SKUS))
}

/// Looks for a setting with a value that this server does not have.
pub(crate) fn refuse_unserved(given: &Value, fixed: &Value, path: &str) -> Result<(), Arm> {
    match (given, fixed) {
        (Value::Null, _) => Ok(()),
        (Value::Object(given), Value::Object(fixed)) => given.iter().try_for_each(|(key, value)| {
            let found = fixed.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
            found.map_or(Ok(()), |(name, found)| {
                refuse_unserved(value, found, format!("{path}.{name}").trim_start_matches('.'))
            })
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
        let body = crate::body::parse(body.as_bytes()).map_err(|error| error.to_string())?;
        read_patch(&body).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_sent_changes_and_nothing_else() {
        let change = patch(r#"{"properties":{"adminUserEnabled":true,"unknown":{"a":1}}}"#).unwrap();
        let expected = RegistryChange {
            admin_enabled: Some(true),
            ..RegistryChange::default()
        };
        assert_eq!(change, expected);
        let policy = r#"{"properties":{"policies":{"retentionPolicy":{"days":9,"status":"ENABLED"}}}}"#;
        let change = patch(policy).unwrap();
        assert_eq!((change.retention_enabled, change.retention_days), (Some(true), Some(9)));
    }

    #[test]
    fn network_rules_are_read_with_their_spelling() {
        let body = r#"{"properties":{"publicNetworkAccess":"disabled","networkRuleBypassOptions":"None","networkRuleSet":
            {"defaultAction":"deny","ipRules":[{"value":"192.0.2.0/24"},{"value":"2001:db8::1","action":"Allow"}]}}}"#;
        let change = patch(body).unwrap();
        assert_eq!(
            (change.public_access, change.bypass_for_azure),
            (Some(false), Some(false))
        );
        assert_eq!(change.default_action, Some(NetworkAction::Deny));
        let rules: Vec<String> = change.ip_rules.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(rules, ["192.0.2.0/24", "2001:db8::1"]);
        let only_default = patch(r#"{"properties":{"networkRuleSet":{"defaultAction":"Allow"}}}"#).unwrap();
        assert_eq!(only_default.ip_rules, None, "rules that are not sent stay");
    }

    #[test]
    fn settings_without_a_wall_behind_them_are_refused() {
        for (body, told) in [
            (r#"{"properties":{"zoneRedundancy":"Enabled"}}"#, "another value"),
            (
                r#"{"properties":{"policies":{"quarantinePolicy":{"status":"enabled"}}}}"#,
                "another value",
            ),
            (
                r#"{"properties":{"networkRuleSet":{"virtualNetworkRules":[{"id":"/subnets/a"}]}}}"#,
                "another value",
            ),
            (r#"{"properties":{"encryption":{"status":"enabled"}}}"#, "another value"),
            (r#"{"identity":{"type":"SystemAssigned"}}"#, "another value"),
            (r#"{"sku":{"name":"Gold"}}"#, "Gold"),
            (
                r#"{"properties":{"adminUserEnabled":"yes"}}"#,
                "properties.adminUserEnabled must be true or false, not a text",
            ),
            (
                r#"{"properties":{"networkRuleSet":{"ipRules":[{"value":"localhost"}]}}}"#,
                "not an IPv4 or IPv6 address",
            ),
            (
                r#"{"properties":{"networkRuleSet":{"ipRules":[{"value":"::1","action":"Deny"}]}}}"#,
                "one of Allow",
            ),
            (
                r#"{"properties":{"policies":{"retentionPolicy":{"days":366}}}}"#,
                "between 0 and 365",
            ),
            (r#"{"tags":{"a/b":"c"}}"#, "a/b"),
            (r#"{"tags":{"a":1}}"#, "tags must be"),
            ("{", "InvalidRequestContent"),
        ] {
            let error = patch(body).unwrap_err();
            assert!(error.contains(told), "{body}: {error}");
        }
        let all = format!(r#"{{"properties":{}}}"#, fixed());
        assert!(patch(&all).is_ok(), "what is shown can be sent back");
    }
}
