//! Scope maps: their text, the rights they give, the wildcard, the system's own.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

use holdfast_access::scope_map::{Error, MAX_ACTION_BYTES, MAX_ACTIONS};
use holdfast_access::{Permission, Permissions, RepositoryPattern, RepositoryPrefix, Rights, ScopeMap, SystemScopeMap};
use holdfast_oci::RepositoryName;
use proptest::prelude::*;

fn map(actions: &[&str]) -> ScopeMap {
    ScopeMap::parse(actions).unwrap_or_else(|error| panic!("{error}"))
}

fn letters(rights: &Rights, repository: &str) -> String {
    let name: RepositoryName = repository.parse().unwrap();
    let here = rights.permissions_on(&name);
    let each = "pPdmM".chars().zip(Permission::ALL);
    each.map(|(letter, permission)| if here.contains(permission) { letter } else { '-' })
        .collect()
}

#[test]
fn each_action_gives_one_permission() {
    for (action, expected) in [
        ("content/read", "p----"),
        ("content/write", "-P---"),
        ("content/delete", "--d--"),
        ("metadata/read", "---m-"),
        ("metadata/write", "----M"),
    ] {
        let rights = map(&[&format!("repositories/team/app/{action}")]).rights();
        assert_eq!(letters(&rights, "team/app"), expected);
        assert_eq!(letters(&rights, "team/app2"), "-----");
        assert!(!rights.may_list_catalog());
    }
}

#[test]
fn wildcards_cover_a_path_and_add_to_single_repositories() {
    let rights = map(&[
        "repositories/samples/*/content/read",
        "repositories/samples/app/content/write",
        "repositories/*/metadata/write",
    ])
    .rights();
    for (repository, expected) in [
        ("samples/app", "pP--M"),
        ("samples/web", "p---M"),
        ("samples/a/b", "p---M"),
        ("samples", "----M"),
        ("samples2/app", "----M"),
    ] {
        assert_eq!(letters(&rights, repository), expected, "{repository}");
    }
}

#[test]
fn a_token_lists_the_catalog_only_if_it_reads_all_metadata() {
    assert!(map(&["repositories/*/metadata/read"]).rights().may_list_catalog());
    for actions in [
        &["repositories/*/content/read"][..],
        &["repositories/team/*/metadata/read"],
        &["repositories/app/metadata/read"],
        &[],
    ] {
        assert!(!map(actions).rights().may_list_catalog(), "{actions:?}");
    }
}

#[test]
fn gateways_are_read_and_allow_nothing_here() {
    let map = map(&["gateway/edge01/config/read", "gateway/edge01/message/write"]);
    assert_eq!(
        map.texts(),
        ["gateway/edge01/config/read", "gateway/edge01/message/write"]
    );
    assert_eq!(map.rights(), Rights::none());
}

#[test]
fn letters_are_lowered_and_order_is_kept() {
    let map = map(&[
        "Repositories/Team/App/Content/Write",
        "repositories/b/content/read",
        "repositories/a/content/read",
    ]);
    assert_eq!(
        map.texts(),
        [
            "repositories/team/app/content/write",
            "repositories/b/content/read",
            "repositories/a/content/read"
        ]
    );
}

#[test]
fn what_is_no_action_is_refused_with_the_reason() {
    for (action, reason) in [
        ("", "is not of the form"),
        ("repositories", "is not of the form"),
        ("repositories/content/read", "is not of the form"),
        ("repositories/app/content", "is not of the form"),
        ("repositories/app/content/list", "is not of the form"),
        ("repositories/app/metadata/delete", "is not of the form"),
        ("repositories/app/content/read/", "is not of the form"),
        ("registries/app/content/read", "is not of the form"),
        ("gateway/edge01/config/delete", "is not of the form"),
        ("gateway//config/read", "is not of the form"),
        ("gateway/*/config/read", "is not of the form"),
        ("repositories//content/read", "names no repository"),
        ("repositories/a b/content/read", "names no repository"),
        ("repositories/../content/read", "names no repository"),
        ("repositories/team//content/read", "names no repository"),
        ("repositories/samples*/content/read", "'*'"),
        ("repositories/*/*/content/read", "'*'"),
        ("repositories/*/app/content/read", "'*'"),
        ("repositories/**/content/read", "'*'"),
        ("repositories/a/**/content/read", "'*'"),
        ("repositories//*/content/read", "names no path"),
        ("repositories/-/*/content/read", "names no path"),
    ] {
        let error = ScopeMap::parse(&[action]).expect_err(action);
        assert!(error.to_string().contains(reason), "{action}: {error}");
    }
}

#[test]
fn size_is_bounded() {
    let long = format!("repositories/{}/content/read", "a".repeat(MAX_ACTION_BYTES));
    assert!(matches!(ScopeMap::parse(&[long]), Err(Error::TooLong { .. })));
    let actions = |count: usize| -> Vec<String> {
        (0..count)
            .map(|index| format!("repositories/r{index}/content/read"))
            .collect()
    };
    assert_eq!(
        ScopeMap::parse(&actions(MAX_ACTIONS)).unwrap().actions().len(),
        MAX_ACTIONS
    );
    assert_eq!(
        ScopeMap::parse(&actions(MAX_ACTIONS + 1)),
        Err(Error::TooManyActions { count: MAX_ACTIONS + 1 })
    );
    let longest_name = format!("repositories/{}/metadata/write", "a".repeat(255));
    assert!(ScopeMap::parse(&[longest_name]).is_ok());
}

#[test]
fn the_systems_maps_are_acrs() {
    for (name, expected, lists) in [
        ("_repositories_admin", "pPdmM", true),
        ("_repositories_pull", "p----", false),
        ("_repositories_pull_metadata_read", "p--m-", true),
        ("_repositories_push", "pP---", false),
        ("_repositories_push_metadata_write", "pP-mM", true),
    ] {
        let system = SystemScopeMap::find(name).unwrap_or_else(|| panic!("{name}"));
        let map = system.scope_map();
        assert_eq!(map.texts(), system.actions, "{name}");
        assert_eq!(letters(&map.rights(), "any/app"), expected, "{name}");
        assert_eq!(map.rights().may_list_catalog(), lists, "{name}");
        assert_eq!(SystemScopeMap::find(&name.to_uppercase()), Some(system));
    }
    assert_eq!(SystemScopeMap::find("_repositories"), None);
}

fn any_action() -> impl Strategy<Value = String> {
    let repository = prop_oneof![
        Just("*".to_owned()),
        "[a-b](/[a-b]){0,2}",
        "[a-b](/[a-b]){0,1}".prop_map(|path| format!("{path}/*")),
    ];
    let verb = prop::sample::select(vec![
        "content/read",
        "content/write",
        "content/delete",
        "metadata/read",
        "metadata/write",
    ]);
    (repository, verb).prop_map(|(repository, verb)| format!("repositories/{repository}/{verb}"))
}

proptest! {
    #[test]
    fn reading_never_panics(text in ".{0,60}") {
        let _ = ScopeMap::parse(&[text]);
    }

    #[test]
    fn maps_survive_printing(actions in prop::collection::vec(any_action(), 0..8)) {
        let map = ScopeMap::parse(&actions).unwrap();
        prop_assert_eq!(&map.texts(), &actions);
        prop_assert_eq!(ScopeMap::parse(&map.texts()).unwrap(), map);
    }

    #[test]
    fn a_map_of_its_rights_gives_the_same_rights(actions in prop::collection::vec(any_action(), 0..8)) {
        let rights = ScopeMap::parse(&actions).unwrap().rights();
        prop_assert_eq!(ScopeMap::of(&rights).rights(), rights);
    }

    #[test]
    fn rights_are_exactly_what_the_actions_say(
        actions in prop::collection::vec(any_action(), 0..8),
        repository in "[a-b](/[a-b]){0,3}",
    ) {
        let rights = ScopeMap::parse(&actions).unwrap().rights();
        let name: RepositoryName = repository.parse().unwrap();
        for (permission, verb) in [
            (Permission::Pull, "/content/read"),
            (Permission::Push, "/content/write"),
            (Permission::Delete, "/content/delete"),
            (Permission::MetadataRead, "/metadata/read"),
            (Permission::MetadataWrite, "/metadata/write"),
        ] {
            let said = actions.iter().filter_map(|action| action.strip_suffix(verb)).any(|rest| {
                let own = rest.strip_prefix("repositories/").unwrap();
                own == repository || own.strip_suffix('*').is_some_and(|path| repository.starts_with(path))
            });
            prop_assert_eq!(rights.permissions_on(&name).contains(permission), said);
        }
    }
}

#[test]
fn rights_on_a_beginning_without_a_slash_stay_apart_from_paths() {
    let beginning = RepositoryPattern::Prefix(RepositoryPrefix::beginning("team").unwrap());
    let rights = Rights::new(vec![(beginning, Permissions::empty().with(Permission::Pull))], false);
    let texts = ScopeMap::of(&rights).texts();
    assert!(texts.is_empty(), "no action of a scope map says this: {texts:?}");
}
