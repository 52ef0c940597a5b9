//! What role assignments add up to in a registry, in both modes; and that it is never more than they say.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

use holdfast_access::assignment::scope_covers;
use holdfast_access::role::data_action;
use holdfast_access::{
    Assignment, Condition, Permission, Permissions, Rights, Role, RoleAssignmentMode, RoleId, rights_of,
};
use holdfast_oci::RepositoryName;
use proptest::prelude::*;

const SUBSCRIPTION: &str = "/subscriptions/s";
const GROUP: &str = "/subscriptions/s/resourcegroups/g";
const HERE: &str = "/subscriptions/s/resourcegroups/g/providers/microsoft.containerregistry/registries/here";

use RoleAssignmentMode::{Abac, Legacy};

fn role(name: &str) -> RoleId {
    Role::find(name).unwrap_or_else(|| panic!("{name}")).id
}

fn assignment(name: &str, scope: &str) -> Assignment {
    Assignment::new(role(name), scope)
}

fn below(tail: &str) -> String {
    format!("{HERE}/repositories/{tail}")
}

/// Pull, push, delete, metadata read, metadata write in a repository, then the catalog.
fn letters(rights: &Rights, repository: &str) -> String {
    let name: RepositoryName = repository.parse().unwrap();
    let here = rights.permissions_on(&name);
    let mut letters: String = "pPdmM"
        .chars()
        .zip(Permission::ALL)
        .map(|(letter, permission)| if here.contains(permission) { letter } else { '-' })
        .collect();
    letters.push(if rights.may_list_catalog() { 'c' } else { '-' });
    letters
}

#[test]
fn each_role_means_something_else_in_each_mode() {
    for (role, legacy, abac) in [
        ("Owner", "pPdmMc", "------"),
        ("Contributor", "pPdmMc", "------"),
        ("Reader", "p--m-c", "------"),
        ("User Access Administrator", "p--m-c", "------"),
        ("AcrPull", "p--m-c", "------"),
        ("AcrPush", "pP-m-c", "------"),
        ("AcrDelete", "--d---", "------"),
        ("AcrImageSigner", "------", "------"),
        ("AcrQuarantineReader", "------", "------"),
        ("Container Registry Repository Reader", "------", "p--m--"),
        ("Container Registry Repository Writer", "------", "pP-mM-"),
        ("Container Registry Repository Contributor", "------", "pPdmM-"),
        ("Container Registry Repository Catalog Lister", "------", "-----c"),
        ("Container Registry Data Importer and Data Reader", "p--m-c", "p--m-c"),
        (
            "Container Registry Contributor and Data Access Configuration Administrator",
            "------",
            "------",
        ),
        ("Container Registry Tasks Contributor", "------", "------"),
    ] {
        let assignments = [assignment(role, HERE)];
        assert_eq!(letters(&rights_of(&assignments, HERE, Legacy), "a"), legacy, "{role}");
        assert_eq!(letters(&rights_of(&assignments, HERE, Abac), "a"), abac, "{role}");
    }
}

#[test]
fn assignments_count_from_above_and_add_up() {
    for (scopes, expected) in [
        (&["/"][..], "p--m-c"),
        (&[SUBSCRIPTION], "p--m-c"),
        (&[GROUP], "p--m-c"),
        (&[HERE], "p--m-c"),
        (&[], "------"),
        (&["/subscriptions/other"], "------"),
        (&["/subscriptions/s/resourcegroups/g2"], "------"),
        (&["/subscriptions/s/resourcegroups"], "------"),
        (&["/subscriptions/s/resourcegroups/g/providers"], "------"),
        (
            &["/subscriptions/s/resourcegroups/g/providers/microsoft.containerregistry"],
            "------",
        ),
        (
            &["/subscriptions/s/resourcegroups/g/providers/microsoft.containerregistry/registries"],
            "------",
        ),
        (&["/subscriptions/"], "------"),
        (&["/subscriptions"], "------"),
        (&[""], "------"),
        (&["s"], "------"),
        (&["/subscriptions/S"], "------"),
    ] {
        let assignments: Vec<Assignment> = scopes.iter().map(|scope| assignment("AcrPull", scope)).collect();
        assert_eq!(
            letters(&rights_of(&assignments, HERE, Legacy), "a"),
            expected,
            "{scopes:?}"
        );
    }
    let several = [assignment("AcrPull", GROUP), assignment("AcrDelete", HERE)];
    assert_eq!(letters(&rights_of(&several, HERE, Legacy), "a"), "p-dm-c");
    let neighbour = format!("{HERE}2");
    assert_eq!(
        letters(&rights_of(&[assignment("Owner", &neighbour)], HERE, Legacy), "a"),
        "------"
    );
    let webhook = format!("{HERE}/webhooks/hook1");
    assert_eq!(
        letters(&rights_of(&[assignment("Owner", &webhook)], HERE, Legacy), "a"),
        "------"
    );
}

#[test]
fn a_scope_may_end_in_repositories() {
    for (tail, repository, covered) in [
        ("team/app", "team/app", true),
        ("team/app", "team/app/web", false),
        ("team/app", "team", false),
        ("team/*", "team/app", true),
        ("team/*", "team/a/b", true),
        ("team/*", "team", false),
        ("team/*", "teams/app", false),
        ("*", "anything", true),
        ("te*", "team", false),
        ("*/app", "team/app", false),
        ("team/*/app", "team/x/app", false),
        ("Team/app", "team/app", false),
        ("", "a", false),
        ("/", "a", false),
        ("team/", "team/a", false),
    ] {
        for (mode, role, expected) in [
            (Legacy, "AcrPush", "pP-m--"),
            (Abac, "Container Registry Repository Writer", "pP-mM-"),
        ] {
            let rights = rights_of(&[assignment(role, &below(tail))], HERE, mode);
            let expected = if covered { expected } else { "------" };
            assert_eq!(letters(&rights, repository), expected, "{tail} on {repository}");
        }
    }
    let elsewhere = format!("{HERE}2/repositories/*");
    assert_eq!(
        letters(&rights_of(&[assignment("AcrPush", &elsewhere)], HERE, Legacy), "a"),
        "------"
    );
}

#[test]
fn the_catalog_needs_an_assignment_to_the_whole_registry() {
    let lister = "Container Registry Repository Catalog Lister";
    assert_eq!(
        letters(&rights_of(&[assignment(lister, &below("*"))], HERE, Abac), "a"),
        "------"
    );
    assert_eq!(
        letters(&rights_of(&[assignment(lister, GROUP)], HERE, Abac), "a"),
        "-----c"
    );
    assert_eq!(
        letters(&rights_of(&[assignment("Reader", &below("*"))], HERE, Legacy), "a"),
        "p--m--"
    );
}

fn conditional(role_name: &str, scope: &str, condition: &str) -> Assignment {
    Assignment {
        condition: Some(condition.parse().unwrap()),
        ..assignment(role_name, scope)
    }
}

fn only(actions: &[&str], comparison: &str) -> String {
    let guards: Vec<String> = actions
        .iter()
        .map(|action| format!("!(ActionMatches{{'{action}'}})"))
        .collect();
    format!(
        "(({}) OR (@Request[Microsoft.ContainerRegistry/registries/repositories:name] {comparison}))",
        guards.join(" AND ")
    )
}

#[test]
fn a_condition_limits_the_data_actions_that_it_names() {
    let read = [data_action::CONTENT_READ, data_action::METADATA_READ];
    let reader = conditional(
        "Container Registry Repository Reader",
        GROUP,
        &only(&read, "StringStartsWithIgnoreCase 'team/'"),
    );
    let rights = rights_of(&[reader], HERE, Abac);
    assert_eq!(
        (letters(&rights, "team/app"), letters(&rights, "other")),
        ("p--m--".into(), "------".into())
    );
    assert!(rights.permissions_on_all().is_empty());

    let writer = conditional(
        "Container Registry Repository Writer",
        HERE,
        &only(&[data_action::CONTENT_WRITE], "StringEquals 'team/app'"),
    );
    let rights = rights_of(&[writer], HERE, Abac);
    assert_eq!(
        (letters(&rights, "team/app"), letters(&rights, "other")),
        ("pP-mM-".into(), "p--mM-".into())
    );
}

#[test]
fn a_condition_and_a_repository_scope_must_both_hold() {
    let read = [data_action::CONTENT_READ, data_action::METADATA_READ];
    let condition = only(&read, "StringStartsWith 'team/a'");
    let rights = rights_of(
        &[conditional(
            "Container Registry Repository Reader",
            &below("team/*"),
            &condition,
        )],
        HERE,
        Abac,
    );
    assert_eq!(letters(&rights, "team/app"), "p--m--");
    assert_eq!(letters(&rights, "team/web"), "------");
    let disjoint = conditional("Container Registry Repository Reader", &below("other"), &condition);
    assert_eq!(letters(&rights_of(&[disjoint], HERE, Abac), "other"), "------");
}

#[test]
fn a_condition_where_none_belongs_makes_the_assignment_void() {
    let condition = only(&[data_action::CONTENT_READ], "StringEquals 'a'");
    for (name, mode) in [
        ("Owner", Legacy),
        ("AcrPull", Legacy),
        ("Container Registry Repository Catalog Lister", Abac),
        ("Container Registry Data Importer and Data Reader", Abac),
        ("Container Registry Repository Reader", Legacy),
    ] {
        let assignment = conditional(name, HERE, &condition);
        assert_eq!(
            letters(&rights_of(std::slice::from_ref(&assignment), HERE, mode), "a"),
            "------",
            "{name}"
        );
        assert!(
            !assignment.allows("Microsoft.ContainerRegistry/registries/read", HERE),
            "{name}"
        );
    }
}

#[test]
fn unknown_roles_and_modes_are_nothing() {
    let unknown: RoleId = "00000000-0000-0000-0000-000000000001".parse().unwrap();
    assert_eq!(
        letters(&rights_of(&[Assignment::new(unknown, "/")], HERE, Legacy), "a"),
        "------"
    );
    assert_eq!(RoleAssignmentMode::find("abacrepositorypermissions"), Some(Abac));
    assert_eq!(RoleAssignmentMode::find("LegacyRegistryPermissions"), Some(Legacy));
    assert_eq!(RoleAssignmentMode::find("abac"), None);
}

#[test]
fn scopes_cover_what_is_inside_and_nothing_beside() {
    let group_named_so = HERE.replace("/g/", "/repositories/");
    for (outer, inner, covers) in [
        ("/", HERE, true),
        ("/", "/", true),
        ("/", "", false),
        (HERE, "/", false),
        (HERE, &below("team/app"), true),
        (&below("team/*"), HERE, false),
        (&below("*"), HERE, false),
        (&below("team/*"), &below("team/app"), true),
        (&below("team/*"), &below("team/*"), true),
        (&below("team/*"), &below("team/a/*"), true),
        (&below("team/a/*"), &below("team/*"), false),
        (&below("team/*"), &below("*"), false),
        (&below("team"), &below("team/app"), false),
        (&below("*"), &below("team/*"), true),
        (&format!("{HERE}2/repositories/*"), &below("a"), false),
        (
            &format!("{group_named_so}/repositories/*"),
            &format!("{group_named_so}2/repositories/a"),
            false,
        ),
        (
            &format!("{group_named_so}/repositories/*"),
            &format!("{group_named_so}/repositories/a"),
            true,
        ),
    ] {
        assert_eq!(scope_covers(outer, inner), covers, "{outer} covers {inner}");
    }
}

fn any_scope() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "/".to_owned(),
            SUBSCRIPTION.to_owned(),
            GROUP.to_owned(),
            HERE.to_owned(),
            format!("{HERE}2"),
            "/subscriptions/s2".to_owned(),
            below("*"),
            below("a"),
            below("a/*"),
            below("a/b"),
            below("a/b/*"),
            format!("{HERE}2/repositories/a"),
        ]),
        "[/a-c*]{0,12}",
        "[/a-c*]{0,6}".prop_map(|tail| below(&tail)),
    ]
}

fn any_assignment() -> impl Strategy<Value = Assignment> {
    let condition = prop::option::weighted(
        0.3,
        prop::sample::select(vec![
            "StringEquals 'a'",
            "StringStartsWith 'a/'",
            "StringStartsWith 'a'",
        ]),
    );
    let role = prop::sample::select(Role::BUILT_IN.iter().map(|role| role.id).collect::<Vec<_>>());
    (role, any_scope(), condition).prop_map(|(role, scope, comparison)| Assignment {
        role,
        scope,
        condition: comparison.map(|comparison| {
            let text = only(&[data_action::CONTENT_READ, data_action::CONTENT_WRITE], comparison);
            text.parse::<Condition>().unwrap()
        }),
    })
}

/// What one assignment may allow at the very most in a repository, told a second time and simply: the scope must be the
/// registry, around it, or name the repository.
fn at_most(assignment: &Assignment, repository: &str, mode: RoleAssignmentMode) -> Permissions {
    let scope = assignment.scope.as_str();
    let is_around = ["/", SUBSCRIPTION, GROUP, HERE].contains(&scope);
    let names = |tail: &str| {
        tail == repository
            || tail == "*"
            || tail
                .strip_suffix('*')
                .is_some_and(|path| path.ends_with('/') && repository.starts_with(path))
    };
    let is_below = scope.strip_prefix(&below("")).is_some_and(names);
    if !(is_around || is_below) {
        return Permissions::empty();
    }
    let role = assignment.role.role().unwrap();
    let pairs = [
        (Permission::Pull, "pull/read", data_action::CONTENT_READ),
        (Permission::Push, "push/write", data_action::CONTENT_WRITE),
        (Permission::Delete, "artifacts/delete", data_action::CONTENT_DELETE),
        (Permission::MetadataRead, "pull/read", data_action::METADATA_READ),
        (Permission::MetadataRead, "metadata/read", data_action::METADATA_READ),
        (Permission::MetadataWrite, "metadata/write", data_action::METADATA_WRITE),
    ];
    let allowed = pairs.iter().filter(|(_, action, data_action)| match mode {
        Legacy => role.allows(&format!("Microsoft.ContainerRegistry/registries/{action}")),
        Abac => role.allows_data(data_action),
    });
    allowed.map(|(permission, _, _)| *permission).collect()
}

proptest! {
    #[test]
    fn rights_are_never_wider_than_the_assignments_say(
        assignments in prop::collection::vec(any_assignment(), 0..5),
        mode in prop::sample::select(vec![Legacy, Abac]),
    ) {
        let rights = rights_of(&assignments, HERE, mode);
        for repository in ["a", "a/b", "a/b/c", "ab", "b"] {
            let name: RepositoryName = repository.parse().unwrap();
            let bound = assignments
                .iter()
                .fold(Permissions::empty(), |sum, one| sum.union(at_most(one, repository, mode)));
            let got = rights.permissions_on(&name);
            prop_assert!(bound.covers(got), "{repository}: {got:?} of at most {bound:?}");
            prop_assert!(got.covers(rights.permissions_on_all()), "what holds everywhere holds in {repository}");
        }
        let is_listed = assignments.iter().any(|one| ["/", SUBSCRIPTION, GROUP, HERE].contains(&one.scope.as_str()));
        prop_assert!(is_listed || !rights.may_list_catalog());
    }

    #[test]
    fn more_assignments_never_take_away(
        assignments in prop::collection::vec(any_assignment(), 1..5),
        mode in prop::sample::select(vec![Legacy, Abac]),
    ) {
        let all = rights_of(&assignments, HERE, mode);
        let fewer = rights_of(&assignments[1..], HERE, mode);
        for repository in ["a", "a/b", "b"] {
            let name: RepositoryName = repository.parse().unwrap();
            prop_assert!(all.permissions_on(&name).covers(fewer.permissions_on(&name)));
        }
        prop_assert!(all.may_list_catalog() || !fewer.may_list_catalog());
    }

    #[test]
    fn covering_is_transitive_and_never_panics(a in any_scope(), b in any_scope(), c in any_scope()) {
        if scope_covers(&a, &b) && scope_covers(&b, &c) {
            prop_assert!(scope_covers(&a, &c), "{a} {b} {c}");
        }
    }
}
