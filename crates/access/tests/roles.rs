//! Roles: ids, names, and what their patterns cover.

use holdfast_access::role::{action_matches, data_action};
use holdfast_access::{Role, RoleId, control};
use proptest::prelude::*;

const REGISTRY: &str = "Microsoft.ContainerRegistry/registries";

#[test]
fn ids_and_names_are_azures() {
    for (name, id) in [
        ("Owner", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"),
        ("Contributor", "b24988ac-6180-42a0-ab88-20f7382dd24c"),
        ("Reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7"),
        ("User Access Administrator", "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"),
        (
            "Role Based Access Control Administrator",
            "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
        ),
        ("AcrPull", "7f951dda-4ed3-4680-a7ca-43fe172d538d"),
        ("AcrPush", "8311e382-0749-4cb8-b61a-304f252e45ec"),
        ("AcrDelete", "c2f4ef07-c644-48eb-af81-4b1b4947fb11"),
        ("AcrImageSigner", "6cef56e8-d556-48e5-a04f-b8e64114680f"),
        ("AcrQuarantineReader", "cdda3590-29a3-44f6-95f2-9f980659eb04"),
        ("AcrQuarantineWriter", "c8d4ff99-41c3-41a8-9f60-21dfdad59608"),
        (
            "Container Registry Repository Reader",
            "b93aa761-3e63-49ed-ac28-beffa264f7ac",
        ),
        (
            "Container Registry Repository Writer",
            "2a1e307c-b015-4ebd-883e-5b7698a07328",
        ),
        (
            "Container Registry Repository Contributor",
            "2efddaa5-3f1f-4df3-97df-af3f13818f4c",
        ),
        (
            "Container Registry Repository Catalog Lister",
            "bfdb9389-c9a5-478a-bb2f-ba9ca092c3c7",
        ),
        (
            "Container Registry Contributor and Data Access Configuration Administrator",
            "3bc748fc-213d-45c1-8d91-9da5725539b9",
        ),
        (
            "Container Registry Configuration Reader and Data Access Configuration Reader",
            "69b07be0-09bf-439a-b9a6-e73de851bd59",
        ),
        (
            "Container Registry Data Importer and Data Reader",
            "577a9874-89fd-4f24-9dbd-b5034d0ad23a",
        ),
        (
            "Container Registry Tasks Contributor",
            "fb382eab-e894-4461-af04-94435c366c3f",
        ),
        (
            "Container Registry Transfer Pipeline Contributor",
            "bf94e731-3a51-4a7c-8c54-a1ab9971dfc1",
        ),
        (
            "Container Registry Cache Rule Administrator",
            "df87f177-bb12-4db1-9793-a413691eff94",
        ),
        (
            "Container Registry Cache Rule Reader",
            "c357b964-0002-4b64-a50d-7a28f02edc52",
        ),
        (
            "Container Registry Credential Set Administrator",
            "f094fb07-0703-4400-ad6a-e16dd8000e14",
        ),
        (
            "Container Registry Credential Set Reader",
            "29093635-9924-4f2c-913b-650a12949526",
        ),
    ] {
        let role = Role::find(name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!((role.id.to_string().as_str(), role.name), (id, name));
        assert_eq!(Role::find(&name.to_uppercase()), Some(role));
        assert_eq!(Role::find(&id.to_uppercase()), Some(role));
        assert_eq!(id.parse::<RoleId>().unwrap().role(), Some(role));
    }
    assert_eq!(Role::BUILT_IN.len(), 24, "a new role is listed above");
}

#[test]
fn a_role_id_may_stand_at_the_end_of_its_arm_id() {
    let id = RoleId::ACR_PULL;
    for text in [
        "7F951DDA-4ED3-4680-A7CA-43FE172D538D",
        "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/7f951dda-4ed3-4680-a7ca-43fe172d538d",
        "/providers/microsoft.authorization/roledefinitions/7f951dda-4ed3-4680-a7ca-43fe172d538d",
    ] {
        assert_eq!(text.parse::<RoleId>(), Ok(id));
    }
    for text in [
        "",
        "AcrPull",
        "7f951dda4ed34680a7ca43fe172d538d",
        "7f951dda-4ed3-4680-a7ca-43fe172d538g",
        "+f951dda-4ed3-4680-a7ca-43fe172d538d",
        "/roleAssignments/7f951dda-4ed3-4680-a7ca-43fe172d538d",
        "roleDefinitions/",
    ] {
        assert!(text.parse::<RoleId>().is_err(), "{text:?}");
    }
    assert_eq!(Role::find("00000000-0000-0000-0000-000000000000"), None);
    assert_eq!(Role::find("Acr Pull"), None);
}

#[test]
fn a_star_stands_for_any_text() {
    for (pattern, action, covers) in [
        ("*", "Microsoft.X/y/read", true),
        ("*", "", true),
        ("*/read", "Microsoft.X/y/read", true),
        ("*/read", "read", false),
        ("*/read", "Microsoft.X/read/write", false),
        (
            "Microsoft.Authorization/*/Write",
            "microsoft.authorization/roleAssignments/write",
            true,
        ),
        (
            "Microsoft.Authorization/*/Write",
            "microsoft.authorization/write",
            false,
        ),
        (
            "Microsoft.Authorization/*",
            "Microsoft.Authorization/roleAssignments/write",
            true,
        ),
        ("Microsoft.Authorization/*", "Microsoft.AuthorizationX/y", false),
        ("a*b*c", "a1b2c", true),
        ("a*b*c", "abc", true),
        ("a*b*c", "ac", false),
        ("a*bc*c", "abc", false),
        ("a*a", "a", false),
        ("**", "x", true),
        ("", "", true),
        ("", "x", false),
        ("X/Read", "x/rEAD", true),
        ("x/read", "x/read/y", false),
    ] {
        assert_eq!(action_matches(pattern, action), covers, "{pattern} {action}");
    }
}

/// Which of: read, write, listCredentials, pull, push, delete content, assign roles, write principals.
fn letters(role: &str) -> String {
    let role = Role::find(role).unwrap_or_else(|| panic!("{role}"));
    let actions = [
        ('r', format!("{REGISTRY}/read")),
        ('w', format!("{REGISTRY}/write")),
        ('l', format!("{REGISTRY}/listCredentials/action")),
        ('p', format!("{REGISTRY}/pull/read")),
        ('P', format!("{REGISTRY}/push/write")),
        ('D', format!("{REGISTRY}/artifacts/delete")),
        ('A', "Microsoft.Authorization/roleAssignments/write".to_owned()),
        ('S', "Microsoft.Authorization/principals/write".to_owned()),
    ];
    actions
        .iter()
        .map(|(letter, action)| if role.allows(action) { *letter } else { '-' })
        .collect()
}

#[test]
fn each_role_allows_what_azure_says() {
    for (role, allowed) in [
        ("Owner", "rwlpPDAS"),
        ("Contributor", "rwlpPD--"),
        ("Reader", "r--p----"),
        ("User Access Administrator", "r--p--AS"),
        ("Role Based Access Control Administrator", "r--p--A-"),
        ("AcrPull", "---p----"),
        ("AcrPush", "---pP---"),
        ("AcrDelete", "-----D--"),
        ("AcrImageSigner", "--------"),
        ("Container Registry Repository Contributor", "--------"),
        (
            "Container Registry Contributor and Data Access Configuration Administrator",
            "rwl-----",
        ),
        (
            "Container Registry Configuration Reader and Data Access Configuration Reader",
            "r-l-----",
        ),
        ("Container Registry Data Importer and Data Reader", "r--p----"),
        ("Container Registry Tasks Contributor", "r-------"),
        ("Container Registry Cache Rule Administrator", "--------"),
    ] {
        assert_eq!(letters(role), allowed, "{role}");
    }
}

#[test]
fn roles_of_arm_allow_no_data_action() {
    for name in [
        "Owner",
        "Contributor",
        "Reader",
        "User Access Administrator",
        "AcrPull",
        "AcrPush",
        "AcrDelete",
    ] {
        let role = Role::find(name).unwrap();
        assert!(
            !role.allows_data(data_action::CONTENT_READ) && !role.allows_data(data_action::CATALOG_READ),
            "{name}"
        );
    }
}

#[test]
fn conditions_go_with_the_three_roles_of_repositories() {
    let with: Vec<&str> = Role::BUILT_IN
        .iter()
        .filter(|role| role.takes_condition())
        .map(|role| role.name)
        .collect();
    assert_eq!(
        with,
        [
            "Container Registry Repository Reader",
            "Container Registry Repository Writer",
            "Container Registry Repository Contributor",
        ]
    );
}

#[test]
fn ids_and_names_are_given_once() {
    for (index, role) in Role::BUILT_IN.iter().enumerate() {
        for other in &Role::BUILT_IN[index + 1..] {
            assert!(
                role.id != other.id && !role.name.eq_ignore_ascii_case(other.name),
                "{}",
                role.name
            );
        }
    }
}

#[test]
fn an_owner_may_do_all_that_is_asked_for() {
    let owner = RoleId::OWNER.role().unwrap();
    for (action, read) in control::ACTIONS {
        assert!(owner.allows(action) && owner.allows(read), "{action}");
        assert!(read.ends_with("/read"), "{read}");
    }
}

#[test]
fn a_reader_may_do_all_that_reads_and_nothing_else() {
    let reader = RoleId::READER.role().unwrap();
    for (action, _) in control::ACTIONS {
        assert_eq!(reader.allows(action), action.ends_with("/read"), "{action}");
    }
}

proptest! {
    #[test]
    fn matching_never_panics_and_every_text_matches_itself(pattern in ".{0,20}", action in ".{0,20}") {
        let _ = action_matches(&pattern, &action);
        prop_assert!(action_matches(&action, &action));
    }

    #[test]
    fn a_text_with_a_part_replaced_by_a_star_matches(text in "[a-c/]{0,12}", from in 0_usize..12, length in 0_usize..12) {
        let from = from.min(text.len());
        let until = (from + length).min(text.len());
        let pattern = format!("{}*{}", &text[..from], &text[until..]);
        prop_assert!(action_matches(&pattern, &text));
    }

    #[test]
    fn role_ids_survive_printing(text in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}") {
        prop_assert_eq!(text.parse::<RoleId>().unwrap().to_string(), text);
    }
}
