//! The decision of the control plane: who may do what, who may know, and what lists hold.

use holdfast_access::{
    Actor, Assignment, ControlCaller, ControlGrant, ControlRefusal, Role, control, decide_control, reach_of,
};
use holdfast_arm::ResourceId;
use proptest::prelude::*;

const GROUP: &str = "/subscriptions/s/resourcegroups/g";
const HERE: &str = "/subscriptions/s/resourcegroups/g/providers/microsoft.containerregistry/registries/here";

fn caller(roles: &[(&str, &str)]) -> ControlCaller {
    let assignments = roles.iter().map(|(role, scope)| {
        let role = Role::find(role).unwrap_or_else(|| panic!("{role}"));
        Assignment::new(role.id, *scope)
    });
    ControlCaller::new(Actor::Principal { id: "p".to_owned() }, assignments.collect())
}

fn id(text: &str) -> ResourceId {
    text.parse().expect("the id is well formed")
}

/// `y` for yes, `f` for a no that may say so (403), `n` for one that may not (404).
fn letter<A: holdfast_access::ControlAction>(caller: &ControlCaller, scope: &str) -> char {
    match decide_control::<A>(caller, &id(scope)) {
        Ok(grant) => {
            assert_eq!((grant.scope().key(), grant.actor()), (scope, caller.actor()));
            'y'
        }
        Err(refusal) if refusal.may_know => 'f',
        Err(_) => 'n',
    }
}

/// Read, write, delete, list credentials, write a token, assign a role, write a principal.
fn letters(caller: &ControlCaller, scope: &str) -> String {
    [
        letter::<control::RegistriesRead>(caller, scope),
        letter::<control::RegistriesWrite>(caller, scope),
        letter::<control::RegistriesDelete>(caller, scope),
        letter::<control::ListCredentials>(caller, scope),
        letter::<control::TokensWrite>(caller, scope),
        letter::<control::RoleAssignmentsWrite>(caller, scope),
        letter::<control::PrincipalsWrite>(caller, scope),
    ]
    .iter()
    .collect()
}

#[test]
fn each_caller_gets_what_is_due() {
    let administrator = "Container Registry Contributor and Data Access Configuration Administrator";
    for (roles, expected) in [
        (&[][..], "nnnnnnn"),
        (&[("Owner", "/")], "yyyyyyy"),
        (&[("Owner", GROUP)], "yyyyyyy"),
        (&[("Owner", HERE)], "yyyyyyy"),
        (&[("Contributor", GROUP)], "yyyyyff"),
        (&[("Reader", GROUP)], "yffffff"),
        (&[("User Access Administrator", GROUP)], "yffffyy"),
        (&[("Role Based Access Control Administrator", GROUP)], "yffffyf"),
        (&[("AcrPull", HERE)], "nnnnnnn"),
        (&[("AcrPush", HERE), ("AcrDelete", HERE)], "nnnnnnn"),
        (&[(administrator, HERE)], "yyyyyff"),
        (&[("Container Registry Cache Rule Reader", HERE)], "nnnnnnn"),
        (&[("Owner", "/subscriptions/s/resourcegroups/other")], "nnnnnnn"),
        (
            &[("Reader", HERE), ("Container Registry Tasks Contributor", GROUP)],
            "yffffff",
        ),
    ] {
        assert_eq!(letters(&caller(roles), HERE), expected, "{roles:?}");
    }
    assert_eq!(letters(&ControlCaller::operator(), HERE), "yyyyyyy");
    assert_eq!(letters(&ControlCaller::operator(), "/"), "yyyyyyy");
}

#[test]
fn a_role_in_a_registry_is_none_around_it() {
    let owner = caller(&[("Owner", HERE)]);
    for scope in ["/", "/subscriptions/s", GROUP] {
        assert_eq!(letters(&owner, scope), "nnnnnnn", "{scope}");
    }
    let repository = format!("{HERE}/repositories/*");
    assert_eq!(letters(&caller(&[("Owner", &repository)]), HERE), "nnnnnnn");
}

#[test]
fn who_may_assign_roles_at_a_repository_is_who_may_at_its_registry() {
    let repository = format!("{HERE}/repositories/team/*");
    assert_eq!(
        letter::<control::RoleAssignmentsWrite>(&caller(&[("Owner", HERE)]), &repository),
        'y'
    );
    let of_team = caller(&[("User Access Administrator", &repository)]);
    assert_eq!(letter::<control::RoleAssignmentsWrite>(&of_team, &repository), 'y');
    let inside = format!("{HERE}/repositories/team/app");
    assert_eq!(letter::<control::RoleAssignmentsWrite>(&of_team, &inside), 'y');
    let beside = format!("{HERE}/repositories/other");
    assert_eq!(letter::<control::RoleAssignmentsWrite>(&of_team, &beside), 'n');
    assert_eq!(letter::<control::RoleAssignmentsWrite>(&of_team, HERE), 'n');
}

#[test]
fn a_refusal_says_what_arm_repeats() {
    let refusal = decide_control::<control::RegistriesDelete>(&caller(&[("Reader", GROUP)]), &id(HERE)).unwrap_err();
    assert_eq!(
        refusal,
        ControlRefusal {
            actor: Actor::Principal { id: "p".to_owned() },
            action: "Microsoft.ContainerRegistry/registries/delete",
            scope: HERE.to_owned(),
            may_know: true,
        }
    );
    assert_eq!(
        refusal.to_string(),
        format!("principal:p has no role that allows Microsoft.ContainerRegistry/registries/delete at {HERE}")
    );
}

#[test]
fn lists_hold_what_may_be_read() {
    let caller = caller(&[
        ("Reader", HERE),
        ("AcrPull", GROUP),
        ("Contributor", "/subscriptions/t"),
    ]);
    let reach = reach_of::<control::RegistriesRead>(&caller);
    assert_eq!(reach.scopes(), [HERE, "/subscriptions/t"]);
    assert!(reach.covers(HERE) && !reach.covers(GROUP) && !reach.covers("/subscriptions/s"));
    assert!(reach.covers("/subscriptions/t/resourcegroups/x"));
    let grant: Option<ControlGrant<control::RegistriesRead>> = reach.grant(&id(HERE));
    assert_eq!(grant.map(|grant| grant.scope().key().to_owned()), Some(HERE.to_owned()));
    assert!(reach.grant(&id(GROUP)).is_none());
    assert!(
        reach_of::<control::RegistriesRead>(&ControlCaller::new(Actor::Anonymous, vec![]))
            .scopes()
            .is_empty()
    );
}

#[test]
fn a_role_inside_shows_the_names_around() {
    let puller = caller(&[("AcrPull", HERE)]);
    for (scope, near) in [
        ("/", true),
        ("/subscriptions/s", true),
        (GROUP, true),
        (HERE, true),
        ("/subscriptions/t", false),
        ("/subscriptions/s/resourcegroups/g2", false),
    ] {
        assert_eq!(puller.has_role_near(scope), near, "{scope}");
    }
    assert!(!caller(&[]).has_role_near("/"));
}

#[test]
fn a_decision_can_be_explained() {
    let caller = caller(&[("Reader", GROUP), ("AcrPull", HERE), ("Owner", HERE)]);
    let action = "Microsoft.ContainerRegistry/registries/write";
    let reasons: Vec<&Assignment> = caller.reasons(action, HERE).collect();
    assert_eq!(reasons, [&caller.assignments()[2]]);
}

#[test]
fn a_grant_says_what_it_is_for() {
    let grant = decide_control::<control::RegistriesRead>(&ControlCaller::operator(), &id(HERE)).unwrap();
    assert_eq!(
        format!("{:?}", grant.clone()),
        format!("ControlGrant(Microsoft.ContainerRegistry/registries/read on {HERE} for operator)")
    );
}

proptest! {
    #[test]
    fn yes_needs_an_assignment_that_says_so(
        chosen in prop::collection::vec(
            (
                prop::sample::select(Role::BUILT_IN.iter().collect::<Vec<_>>()),
                prop::sample::select(vec!["/", "/subscriptions/s", GROUP, HERE, "/x", ""]),
            ),
            0..4,
        ),
        action in prop::sample::select(control::ACTIONS),
        scope in prop::sample::select(vec!["/", "/subscriptions/s", GROUP, HERE]),
    ) {
        let assignments = chosen.iter().map(|(role, scope)| Assignment::new(role.id, *scope)).collect();
        let caller = ControlCaller::new(Actor::Anonymous, assignments);
        let order = ["/", "/subscriptions/s", GROUP, HERE];
        let depth = |scope: &str| order.iter().position(|known| *known == scope);
        let said = chosen.iter().any(|(role, own)| {
            role.allows(action.0) && depth(own).is_some_and(|own| own <= depth(scope).unwrap())
        });
        prop_assert_eq!(caller.allows(action.0, scope), said);
    }
}
