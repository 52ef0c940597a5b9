//! Ids of resources: what is read from them, what lies inside what, and what is refused.

use holdfast_arm::resource_id::{Error, MAX_BYTES};
use holdfast_arm::{RegistryName, ResourceGroupName, ResourceId, SubscriptionId};
use proptest::prelude::*;

const SUBSCRIPTION: &str = "/subscriptions/8D65815F-1111-2222-3333-444455556666";

fn id(text: &str) -> ResourceId {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn registry() -> String {
    format!("{SUBSCRIPTION}/resourceGroups/My.Group/providers/Microsoft.ContainerRegistry/registries/MyRegistry")
}

#[test]
fn parts_are_read_from_any_id() {
    let (registry, group_id) = (&*registry(), &*format!("{SUBSCRIPTION}/resourceGroups/My.Group"));
    let assignment = &*format!("{registry}/providers/Microsoft.Authorization/roleAssignments/G");
    // id, type, name, resource group, parent, scope
    for (text, kind, name, group, parent, scope) in [
        ("/", None, "", None, None, None),
        (
            SUBSCRIPTION,
            None,
            "8D65815F-1111-2222-3333-444455556666",
            None,
            Some("/"),
            None,
        ),
        (group_id, None, "My.Group", Some("My.Group"), Some(SUBSCRIPTION), None),
        (
            registry,
            Some("Microsoft.ContainerRegistry/registries"),
            "MyRegistry",
            Some("My.Group"),
            Some(group_id),
            Some(group_id),
        ),
        (
            &*format!("{registry}/webhooks/hook1"),
            Some("Microsoft.ContainerRegistry/registries/webhooks"),
            "hook1",
            Some("My.Group"),
            Some(registry),
            Some(group_id),
        ),
        (
            assignment,
            Some("Microsoft.Authorization/roleAssignments"),
            "G",
            Some("My.Group"),
            Some(registry),
            Some(registry),
        ),
        (
            "/providers/Microsoft.Authorization/roleDefinitions/R",
            Some("Microsoft.Authorization/roleDefinitions"),
            "R",
            None,
            Some("/"),
            Some("/"),
        ),
        (
            &*format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments/G"),
            Some("Microsoft.Authorization/roleAssignments"),
            "G",
            None,
            Some(SUBSCRIPTION),
            Some(SUBSCRIPTION),
        ),
    ] {
        let id = id(text);
        assert_eq!(id.as_str(), text);
        assert_eq!(id.resource_type().as_deref(), kind, "{text}");
        assert_eq!(id.name(), name, "{text}");
        assert_eq!(id.resource_group(), group, "{text}");
        assert_eq!(id.parent().as_ref().map(ResourceId::as_str), parent, "{text}");
        assert_eq!(id.scope().as_ref().map(ResourceId::as_str), scope, "{text}");
    }
}

#[test]
fn spelling_is_kept_and_does_not_count() {
    let (one, other) = (id(&registry()), id(&registry().to_uppercase()));
    assert_eq!(one, other);
    assert_ne!(one.as_str(), other.as_str());
    assert_eq!(one.key(), registry().to_lowercase());
    assert!(other.is_of_type("Microsoft.ContainerRegistry/registries"));
    assert_eq!(other.registry(), Some("MYREGISTRY"));
    assert_eq!(id(&format!("{}/", registry())).as_str(), registry());
    assert_eq!(id(&format!("/{}", registry())).as_str(), registry());
}

#[test]
fn ids_are_made_of_names() {
    let subscription: SubscriptionId = "8D65815F-1111-2222-3333-444455556666".parse().unwrap();
    let group: ResourceGroupName = "My.Group".parse().unwrap();
    let name: RegistryName = "MyRegistry".parse().unwrap();
    let id = ResourceId::for_registry(&subscription, &group, &name);
    assert_eq!(id.as_str(), registry());
    assert_eq!(id.parent(), Some(ResourceId::for_resource_group(&subscription, &group)));
    assert_eq!(
        id.parent().unwrap().parent(),
        Some(ResourceId::for_subscription(&subscription))
    );
    let child = id.child("scopeMaps", "_repositories_pull").unwrap();
    assert_eq!(child.names(), ["MyRegistry", "_repositories_pull"]);
    let extension = id.extension("Microsoft.Authorization", "roleAssignments", "G").unwrap();
    assert_eq!(extension.parent(), Some(id.clone()));
    assert_eq!(
        ResourceId::root()
            .extension("Microsoft.Authorization", "roleAssignments", "G")
            .unwrap()
            .as_str(),
        "/providers/Microsoft.Authorization/roleAssignments/G"
    );
    assert!(id.child("webhooks", "a/b").is_err() && id.child("webhooks", "").is_err());
    assert!(ResourceId::root().child("webhooks", "hook1").is_err());
}

#[test]
fn repositories_are_scopes_of_holdfast() {
    let registry = registry();
    for (tail, repository) in [
        ("/repositories/app", "app"),
        ("/repositories/team/app", "team/app"),
        ("/Repositories/team/*", "team/*"),
        ("/repositories/*", "*"),
        ("/repositories/providers/app", "providers/app"),
    ] {
        let scope = id(&format!("{registry}{tail}"));
        assert_eq!(scope.repository(), Some(repository));
        assert_eq!(scope.registry_id(), Some(id(&registry)));
        assert_eq!(scope.parent(), Some(id(&registry)));
        let assignment = id(&format!(
            "{registry}{tail}/providers/microsoft.authorization/roleAssignments/G"
        ));
        assert_eq!(assignment.scope(), Some(scope));
        assert_eq!(assignment.repository(), Some(repository));
    }
    assert_eq!(id(&registry).repository(), None);
    assert_eq!(id(&format!("{registry}/webhooks/hook1")).repository(), None);
}

#[test]
fn scopes_hold_what_is_inside_and_nothing_beside() {
    let registry = &registry();
    let group = &format!("{SUBSCRIPTION}/resourceGroups/My.Group");
    let in_group_named_so = &registry.replace("My.Group", "repositories");
    for (outer, inner, holds) in [
        ("/", registry.as_str(), true),
        (SUBSCRIPTION, registry, true),
        (group, registry, true),
        (&group.to_lowercase(), &registry.to_uppercase(), true),
        (registry, registry, true),
        (registry, &format!("{registry}/webhooks/hook1"), true),
        (
            registry,
            &format!("{registry}/providers/Microsoft.Authorization/roleAssignments/G"),
            true,
        ),
        (registry, &format!("{registry}2"), false),
        (registry, group, false),
        (group, &format!("{group}2"), false),
        (SUBSCRIPTION, "/", false),
        (&format!("{registry}/webhooks/hook1"), registry, false),
        (registry, &format!("{registry}/repositories/team/app"), true),
        (&format!("{registry}/repositories/team/*"), registry, false),
        (&format!("{registry}/repositories/*"), registry, false),
        (
            &format!("{registry}/repositories/*"),
            &format!("{registry}/repositories/a"),
            true,
        ),
        (
            &format!("{registry}/repositories/team/*"),
            &format!("{registry}/repositories/Team/app"),
            true,
        ),
        (
            &format!("{registry}/repositories/team/*"),
            &format!("{registry}/repositories/team/a/*"),
            true,
        ),
        (
            &format!("{registry}/repositories/team/*"),
            &format!("{registry}/repositories/team"),
            false,
        ),
        (
            &format!("{registry}/repositories/team/*"),
            &format!("{registry}/repositories/teams/a"),
            false,
        ),
        (
            &format!("{registry}/repositories/te*"),
            &format!("{registry}/repositories/team"),
            false,
        ),
        (
            &format!("{registry}/repositories/team"),
            &format!("{registry}/repositories/team/app"),
            false,
        ),
        (
            &format!("{registry}/repositories/team"),
            &format!("{registry}/repositories/team"),
            true,
        ),
        (
            &format!("{registry}/repositories/*"),
            &format!("{registry}2/repositories/a"),
            false,
        ),
        (
            &format!("{in_group_named_so}/repositories/*"),
            &format!("{in_group_named_so}2/repositories/a"),
            false,
        ),
    ] {
        assert_eq!(id(outer).contains(&id(inner)), holds, "{outer} holds {inner}");
    }
}

#[test]
fn what_is_no_id_is_refused() {
    for text in [
        "",
        "subscriptions/s",
        "//",
        "///",
        "///subscriptions/s",
        "/subscriptions/s//",
        "/subscriptions",
        "/subscriptions//resourceGroups/g",
        "/subscriptions/s/resourceGroups",
        "/subscriptions/s/registries/r",
        "/subscriptions/s/resourceGroups/g/providers",
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry",
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries",
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r/webhooks",
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r/repositories",
        "/resourceGroups/g",
        "/subscriptions/../resourceGroups/g",
        "/subscriptions/./resourceGroups/g",
        "/subscriptions/a%2Fb",
        "/subscriptions/a?b",
        "/subscriptions/a b",
        "/subscriptions/a\nb",
        "/subscriptions/a\\b",
        "/subscriptions/<script>",
    ] {
        assert!(text.parse::<ResourceId>().is_err(), "{text:?}");
    }
    let long = format!("/subscriptions/{}", "a".repeat(MAX_BYTES));
    assert!(matches!(long.parse::<ResourceId>(), Err(Error::TooLong { .. })));
}

#[test]
fn json_holds_the_original_text() {
    let json = serde_json::to_string(&id(&registry())).unwrap();
    assert_eq!(json, format!("{:?}", registry()));
    assert_eq!(serde_json::from_str::<ResourceId>(&json).unwrap(), id(&registry()));
    assert!(serde_json::from_str::<ResourceId>("\"x\"").is_err());
}

fn any_id() -> impl Strategy<Value = String> {
    let words = prop_oneof![
        Just("subscriptions".to_owned()),
        Just("resourceGroups".to_owned()),
        Just("providers".to_owned()),
        Just("Microsoft.ContainerRegistry".to_owned()),
        Just("Microsoft.Authorization".to_owned()),
        Just("registries".to_owned()),
        Just("repositories".to_owned()),
        Just("*".to_owned()),
        "[a-zA-ZİΣß.-]{1,4}",
    ];
    proptest::collection::vec(words, 0..14).prop_map(|words| format!("/{}", words.join("/")))
}

proptest! {
    #[test]
    fn reading_never_panics(text in ".{0,120}") {
        let _ = text.parse::<ResourceId>();
    }

    #[test]
    fn an_id_survives_printing_and_its_key_is_an_id(text in any_id()) {
        if let Ok(id) = text.parse::<ResourceId>() {
            let again = id.to_string().parse::<ResourceId>().unwrap();
            prop_assert_eq!(again.as_str(), id.as_str());
            let folded = id.key().parse::<ResourceId>().unwrap();
            prop_assert_eq!(folded.key(), id.key());
            prop_assert_eq!(&folded, &id);
        }
    }

    #[test]
    fn all_that_is_around_an_id_holds_it(text in any_id()) {
        if let Ok(id) = text.parse::<ResourceId>() {
            prop_assert!(id.contains(&id) && ResourceId::root().contains(&id));
            let mut inner = id.clone();
            while let Some(outer) = inner.parent() {
                prop_assert!(outer.contains(&id), "{} holds {}", outer, id);
                prop_assert!(!inner.contains(&outer), "{} holds {}", inner, outer);
                inner = outer;
            }
            prop_assert!(inner.is_root());
        }
    }

    #[test]
    fn two_that_hold_each_other_are_equal(a in any_id(), b in any_id()) {
        if let (Ok(a), Ok(b)) = (a.parse::<ResourceId>(), b.parse::<ResourceId>())
            && a.contains(&b)
            && b.contains(&a)
        {
            prop_assert_eq!(a, b);
        }
    }
}
