//! Errors as clients get them: envelope, codes, and the messages that tools match on.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

use holdfast_arm::error::Speaker;
use holdfast_arm::{Code, Error, ResourceGroupName, ResourceId};
use serde_json::json;

fn body(error: &Error) -> serde_json::Value {
    serde_json::to_value(error).unwrap()
}

#[test]
fn the_front_end_sends_code_and_message_alone() {
    let error = Error::resource_not_found("Microsoft.ContainerRegistry/registries", "X", "RG");
    assert_eq!(
        body(&error),
        json!({"error": {
            "code": "ResourceNotFound",
            "message": "The Resource 'Microsoft.ContainerRegistry/registries/X' under resource group 'RG' was not \
                        found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
        }})
    );
}

#[test]
fn the_provider_adds_a_status() {
    assert_eq!(
        body(&Error::child_not_found("hook1")),
        json!({
            "error": {"code": "ResourceNotFound", "message": "The resource hook1 could not be found."},
            "status": "Failed"
        })
    );
}

#[test]
fn target_and_details_are_there_when_there_are_any() {
    let inner = Error::of_provider(Code::InvalidParameter, "Days must be between 0 and 365.")
        .with_target("properties.policies.retentionPolicy.days");
    let error = Error::new(Code::BadRequest, "The request is not valid.").with_details(vec![inner]);
    assert_eq!(
        body(&error),
        json!({"error": {
            "code": "BadRequest",
            "message": "The request is not valid.",
            "details": [{
                "code": "InvalidParameter",
                "message": "Days must be between 0 and 365.",
                "target": "properties.policies.retentionPolicy.days"
            }]
        }})
    );
}

#[test]
fn recorded_messages_are_word_for_word() {
    let group: ResourceGroupName = "RG".parse().unwrap();
    for (error, message) in [
        (
            Error::registry_name_in_use("X"),
            "The registry name X is already in use. You can check if the name is already claimed using following API: \
             https://aka.ms/acr/check-name-availability",
        ),
        (
            Error::anonymous_pull_unsupported("Basic"),
            "Anonymous pull is not supported for SKU Managed_Basic. For more information on SKU tiers, please visit \
             https://aka.ms/acr/tiers.",
        ),
        (
            Error::quota_exceeded("IP rule", 100, "Premium"),
            "The requested feature IP rule exceeds allowed quota 100 for the SKU Premium.",
        ),
        (
            Error::authorization_failed(
                "C",
                "O",
                "Microsoft.Resources/subscriptions/resourcegroups/delete",
                "/s",
            ),
            "The client 'C' with object id 'O' does not have authorization to perform action \
             'Microsoft.Resources/subscriptions/resourcegroups/delete' over scope '/s' or the scope is invalid. If \
             access was recently granted, please refresh your credentials.",
        ),
        (
            Error::no_registered_provider(
                Some("centralus"),
                "2018-07-02".parse().unwrap(),
                "registries",
                &["2018-07-01", "2018-02-01"],
                &["eastus", "local"],
            ),
            "No registered resource provider found for location 'centralus' and API version '2018-07-02' for type \
             'registries'. The supported api-versions are '2018-07-01, 2018-02-01'. The supported locations are \
             'eastus, local'.",
        ),
        (
            Error::resource_group_not_found(&group),
            "Resource group 'RG' could not be found.",
        ),
        (
            Error::missing_api_version(),
            "The api-version query parameter (?api-version=) is required for all requests.",
        ),
        (
            Error::missing_subscription_registration("Microsoft.ContainerRegistry"),
            "The subscription is not registered to use namespace 'Microsoft.ContainerRegistry'. See \
             https://aka.ms/rps-not-found for how to register subscriptions.",
        ),
    ] {
        assert_eq!(error.message(), message);
    }
}

#[test]
fn not_found_speaks_as_the_level_demands() {
    let group = "/subscriptions/s/resourceGroups/g";
    for (id, code, speaker) in [
        ("/subscriptions/s", Code::SubscriptionNotFound, Speaker::Arm),
        (group, Code::ResourceGroupNotFound, Speaker::Arm),
        (
            &format!("{group}/providers/Microsoft.ContainerRegistry/registries/r"),
            Code::ResourceNotFound,
            Speaker::Arm,
        ),
        (
            &format!("{group}/providers/Microsoft.ContainerRegistry/registries/r/tokens/t"),
            Code::ResourceNotFound,
            Speaker::Provider,
        ),
    ] {
        let error = Error::not_found(&id.parse::<ResourceId>().unwrap());
        assert_eq!((error.code(), error.speaker()), (code, speaker), "{id}");
    }
}

#[test]
fn every_code_is_spelled_as_its_name() {
    let mut spelled: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert!(spelled.is_sorted(), "the list is kept in order");
    spelled.dedup();
    assert_eq!(spelled.len(), Code::ALL.len());
    assert_eq!(Code::RegistryNameAlreadyInUse.as_str(), "RegistryNameAlreadyInUse");
}

#[test]
fn malformed_words_become_sentences() {
    let id = Error::from("x".parse::<ResourceId>().unwrap_err());
    assert_eq!(
        (id.code(), id.message()),
        (Code::InvalidResourceId, "Resource id \"x\" does not begin with '/'.")
    );
    let filter = Error::from("x".parse::<holdfast_arm::Filter>().unwrap_err());
    assert_eq!(filter.code(), Code::InvalidFilterInQueryString);
    assert!(filter.message().ends_with('.'));
}

#[test]
fn a_callers_text_is_repeated_escaped_and_short() {
    let error = format!("{}\n<b>", "x".repeat(500)).parse::<ResourceId>().unwrap_err();
    assert!(error.to_string().len() < 200, "{error}");
    let error = "/a\u{1b}[31m".parse::<ResourceId>().unwrap_err();
    assert!(!error.to_string().contains('\u{1b}'), "{error}");
}
