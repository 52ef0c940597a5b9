//! Api-versions and names: what is read, how it compares, what is refused and in which words.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use holdfast_arm::api_version::REGISTRY_VERSIONS;
use holdfast_arm::{
    ApiVersion, CacheRuleName, Code, CredentialSetName, Error, Location, RegistryName, ReplicationName,
    ResourceGroupName, RoleAssignmentName, ScopeMapName, StorageAccountName, SubscriptionId, TenantId, TokenName,
    WebhookName, fold_case,
};
use proptest::prelude::*;

fn version(text: &str) -> ApiVersion {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn versions_are_ordered_by_date_and_previews_come_first() {
    for (earlier, later) in [
        ("2017-10-01", "2019-05-01"),
        ("2019-05-01-preview", "2019-05-01"),
        ("2023-07-01", "2023-08-01-preview"),
        ("2025-11-01", "2026-09-01-preview"),
        ("2026-01-01", "2026-01-02-preview"),
    ] {
        assert!(version(earlier) < version(later), "{earlier} {later}");
    }
    let announced: Vec<ApiVersion> = REGISTRY_VERSIONS.iter().map(|text| version(text)).collect();
    assert!(announced.is_sorted_by(|newer, older| newer > older));
    assert_eq!(version("2023-07-01"), ApiVersion::stable(2023, 7, 1));
    assert_eq!(version("2023-07-01-PREVIEW"), ApiVersion::preview(2023, 7, 1));
    assert!(
        version("2030-12-31-preview").is_preview(),
        "versions to come are read too"
    );
}

#[test]
fn what_is_no_version_is_refused() {
    for text in [
        "",
        "latest",
        "2023",
        "2023-7-1",
        "2023-13-01",
        "2023-00-01",
        "2023-01-00",
        "2023-02-29",
        "2023-04-31",
        "2023-07-01-beta",
        "2023-07-01preview",
        "2023-07-01-",
        "+023-07-01",
        "2023-07-01 ",
        "２０２３-07-01",
    ] {
        assert!(text.parse::<ApiVersion>().is_err(), "{text:?}");
    }
    assert!("2024-02-29".parse::<ApiVersion>().is_ok());
}

/// Which of the texts are names of this kind.
fn accepted<N: FromStr>(texts: &[&str]) -> Vec<bool> {
    texts.iter().map(|text| text.parse::<N>().is_ok()).collect()
}

#[test]
fn each_kind_of_name_has_its_own_grammar() {
    let fifty = "a".repeat(50);
    let more = "a".repeat(51);
    let texts = [
        "abcd",
        "abcde",
        "ABC12",
        "ab-cd",
        "_ab-c",
        "ab.cd",
        "abcdé",
        "ab cd",
        fifty.as_str(),
        more.as_str(),
    ];
    let alphanumeric = [false, true, true, false, false, false, false, false, true, false];
    let with_dash = [false, true, true, true, false, false, false, false, true, false];
    let with_underscore = [false, true, true, true, true, false, false, false, true, false];
    assert_eq!(accepted::<RegistryName>(&texts), alphanumeric);
    assert_eq!(accepted::<WebhookName>(&texts), alphanumeric);
    assert_eq!(accepted::<ReplicationName>(&texts), alphanumeric);
    assert_eq!(accepted::<TokenName>(&texts), with_dash);
    assert_eq!(accepted::<CacheRuleName>(&texts), with_dash);
    assert_eq!(accepted::<CredentialSetName>(&texts), with_dash);
    assert_eq!(accepted::<ScopeMapName>(&texts), with_underscore);
}

#[test]
fn groups_storage_accounts_and_guids_have_theirs() {
    let ninety = "g".repeat(90);
    let more = "g".repeat(91);
    assert_eq!(
        accepted::<ResourceGroupName>(&[
            "g",
            "My.Group-(1)_e",
            &ninety,
            "",
            &more,
            "g.",
            "a/b",
            "a b",
            "a%b",
            "a\u{0}b",
            "GrÜn",
            "grün",
            "\u{212a}"
        ]),
        [
            true, true, true, false, false, false, false, false, false, false, false, false, false
        ]
    );
    assert_eq!(
        accepted::<StorageAccountName>(&["abc", "abc123", "ab", "Abc", "a-b", "abcdefghijklmnopqrstuvwxy"]),
        [true, true, false, false, false, false]
    );
    let guid = "8D65815F-aaaa-2222-3333-444455556666";
    let texts = [
        guid,
        "8D65815Faaaa22223333444455556666",
        "8D65815F-aaaa-2222-3333-44445555666g",
        "me",
        "",
    ];
    let only_the_first = [true, false, false, false, false];
    assert_eq!(accepted::<SubscriptionId>(&texts), only_the_first);
    assert_eq!(accepted::<TenantId>(&texts), only_the_first);
    assert_eq!(accepted::<RoleAssignmentName>(&texts), only_the_first);
}

#[test]
fn names_compare_without_case_and_print_as_written() {
    let one: RegistryName = "MyRegistry".parse().unwrap();
    let other: RegistryName = "MYREGISTRY".parse().unwrap();
    assert_eq!(one, other);
    assert_eq!(
        (one.as_str(), one.key(), other.to_string().as_str()),
        ("MyRegistry", "myregistry", "MYREGISTRY")
    );
    assert_eq!(serde_json::to_string(&one).unwrap(), "\"MyRegistry\"");
    assert!(serde_json::from_str::<RegistryName>("\"no\"").is_err());
}

fn answer<N: FromStr<Err = E> + Debug, E: Into<Error> + Display>(text: &str) -> (Code, String) {
    let error: Error = text.parse::<N>().unwrap_err().into();
    (error.code(), error.message().to_owned())
}

#[test]
fn a_bad_name_is_answered_in_azures_words() {
    let (code, message) = answer::<RegistryName, _>("my-registry");
    assert_eq!(code, Code::ResourceNameInvalid);
    assert_eq!(
        message,
        "Invalid resource name: 'my-registry'. Resource names may contain alpha numeric characters only and must be \
         between 5 and 50 characters."
    );
    assert_eq!(answer::<ResourceGroupName, _>("g.").0, Code::InvalidResourceGroup);
    assert_eq!(
        answer::<SubscriptionId, _>("me"),
        (
            Code::InvalidSubscriptionId,
            "The provided subscription identifier 'me' is malformed or invalid.".to_owned()
        )
    );
    assert_eq!(answer::<RoleAssignmentName, _>("me").0, Code::InvalidRoleAssignmentId);
    assert_eq!(
        answer::<Location, _>("no/where").0,
        Code::LocationNotAvailableForResourceType
    );
    assert_eq!(answer::<ApiVersion, _>("soon").0, Code::InvalidApiVersionParameter);
}

proptest! {
    #[test]
    fn reading_never_panics(text in ".{0,100}") {
        let _ = text.parse::<ApiVersion>();
        let _ = text.parse::<RegistryName>();
        let _ = text.parse::<ResourceGroupName>();
        let _ = text.parse::<SubscriptionId>();
        let _ = text.parse::<Location>();
    }

    #[test]
    fn versions_survive_printing(text in "20[0-9]{2}-[01][0-9]-[0-3][0-9](-preview)?") {
        if let Ok(version) = text.parse::<ApiVersion>() {
            prop_assert_eq!(version.to_string(), text);
        }
    }

    #[test]
    fn locations_survive_printing(text in "[ A-Za-z0-9]{0,60}") {
        if let Ok(location) = text.parse::<Location>() {
            prop_assert_eq!(location.to_string().parse::<Location>().unwrap(), location);
        }
    }

    #[test]
    fn folding_is_stable_and_goes_letter_by_letter(a in ".{0,20}", b in ".{0,20}") {
        prop_assert_eq!(fold_case(&fold_case(&a)), fold_case(&a));
        prop_assert_eq!(fold_case(&format!("{a}{b}")), fold_case(&a) + &fold_case(&b));
    }
}
