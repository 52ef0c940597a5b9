//! How many of a thing there may be: whoever fills one place leaves room in the others, and the operator has a reserve.

use std::net::IpAddr;
use std::ops::Range;

use holdfast_access::{Actor, Assignment, ControlAction, ControlCaller, ControlGrant, RoleId, control, decide_control};
use holdfast_directory::{
    NewRoleAssignment, RoleError, application,
    sign_in::{DEVICE_CODE_LIFE, NewDevice},
};
use holdfast_model::{
    ApplicationRecord, DeviceAnswer, DeviceCode, Durability, MetadataError, MetadataExt as _, NewRegistry,
    PrincipalRecord, PrincipalType, ResourceGroup, RoleAssignment, Sku, StorageKind, StorageResource, Tags, Tx,
};
use holdfast_resources::{Error, Precondition, QuotaError, RegistryChange, SealedPassword, StorageChange};
use holdfast_testkit::registry::TestRegistry;
use uuid::Uuid;

use crate::claims::assert_refused;

const ROLES_OF_AUTHOR: u64 = 2_000;
const ROLES_IN_GROUPS: u64 = 3_500;
const ROLES_BELOW_ROOT: u64 = 3_900;
const ROLES: u64 = 4_000;
const GROUPS: u64 = 980;
const REGISTRIES_OF_GROUP: u64 = 200;
const ACCOUNTS_OF_GROUP: u64 = 100;
const ACCOUNTS: u64 = 250;
const APPLICATIONS_OF_AUTHOR: u64 = 1_000;
const APPLICATIONS_OF_OTHERS: u64 = 9_000;

/// What an owner of everything may do, as somebody.
fn by<A: ControlAction>(who: &str, scope: &str) -> ControlGrant<A> {
    decide_control(&owner(who), &scope.to_lowercase().parse().unwrap()).unwrap()
}

fn owner(who: &str) -> ControlCaller {
    let actor = Actor::Principal { id: who.to_owned() };
    ControlCaller::new(actor, vec![Assignment::new(RoleId::OWNER, "/")])
}

fn operator<A: ControlAction>(scope: &str) -> ControlGrant<A> {
    decide_control(&ControlCaller::operator(), &scope.to_lowercase().parse().unwrap()).unwrap()
}

fn at<A: ControlAction>(caller: &ControlCaller, scope: &str) -> ControlGrant<A> {
    decide_control(caller, &scope.parse().unwrap()).unwrap()
}

async fn write(
    registry: &TestRegistry,
    work: impl Fn(&mut dyn Tx) -> Result<(), MetadataError> + Send + Sync + 'static,
) {
    registry.rows().transact(Durability::Relaxed, work).await.unwrap();
}

fn subscription(registry: &TestRegistry) -> Uuid {
    registry.record().subscription_id
}

/// A group with nothing in it; gives its scope.
async fn group(registry: &TestRegistry, name: &'static str) -> String {
    let group = ResourceGroup {
        subscription_id: subscription(registry),
        name: name.to_owned(),
        location: "local".to_owned(),
        tags: Tags::new(),
        created_at: registry.now(),
        revision: 1,
    };
    let scope = group.scope();
    write(registry, move |tx| tx.insert_resource_group(&group)).await;
    scope
}

/// A principal that roles can be given to.
async fn principal(registry: &TestRegistry, number: u128) -> Uuid {
    let (now, id) = (registry.now(), Uuid::from_u128(number));
    write(registry, move |tx| {
        tx.insert_principal(&PrincipalRecord {
            id,
            app_id: id,
            display_name: "one".to_owned(),
            is_enabled: true,
            generation: 1,
            created_at: now,
        })
    })
    .await;
    id
}

/// Fills the server with roles that somebody gave, each in a group of its own, from one number of them up to another.
async fn give_roles(registry: &TestRegistry, to: Uuid, numbers: Range<u64>, author: &'static str) {
    let now = registry.now();
    write(registry, move |tx| {
        for number in numbers.clone() {
            let scope = format!("/subscriptions/s/resourcegroups/{number}");
            tx.insert_role_assignment(&RoleAssignment {
                id: Uuid::from_u128(100 + u128::from(number)),
                principal: to,
                principal_type: PrincipalType::ServicePrincipal,
                role: RoleId::READER,
                scope: scope.clone(),
                shown_scope: scope,
                condition: None,
                description: None,
                created_at: now,
                created_by: author.to_owned(),
                updated_at: now,
                updated_by: author.to_owned(),
            })?;
        }
        Ok(())
    })
    .await;
}

fn role(principal: Uuid, role: RoleId) -> NewRoleAssignment {
    NewRoleAssignment {
        id: Uuid::new_v4(),
        principal,
        principal_type: None,
        role,
        condition: None,
        description: None,
    }
}

#[tokio::test]
async fn one_who_gives_out_roles_leaves_room_to_others() {
    let registry = TestRegistry::start().await;
    let principal = principal(&registry, 1).await;
    give_roles(&registry, principal, 0..ROLES_OF_AUTHOR, "ann").await;
    let scope = format!("/subscriptions/{}", subscription(&registry));
    let new = |name| role(principal, name);
    let refused = registry
        .directory()
        .put_role_assignment(&at(&owner("ann"), &scope), new(RoleId::ACR_PULL))
        .await;
    assert_refused!(refused, RoleError::TooManyByAuthor { limit: ROLES_OF_AUTHOR });
    registry
        .directory()
        .put_role_assignment(&at(&owner("ben"), &scope), new(RoleId::ACR_PULL))
        .await
        .unwrap();
    registry
        .directory()
        .put_role_assignment(&at(&ControlCaller::operator(), &scope), new(RoleId::ACR_PUSH))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_wider_a_scope_the_more_of_all_roles_it_may_use() {
    let registry = TestRegistry::start().await;
    let (many, one) = (principal(&registry, 1).await, principal(&registry, 2).await);
    let whole = format!("/subscriptions/{}", subscription(&registry));
    let group = format!("{whole}/resourcegroups/{}", registry.record().resource_group);
    let operator = ControlCaller::operator();
    let mut given = 0;
    for (full, refusing, wider) in [
        (ROLES_IN_GROUPS, group.as_str(), Some(whole.as_str())),
        (ROLES_BELOW_ROOT, &whole, Some("/")),
        (ROLES, "/", None),
    ] {
        give_roles(&registry, many, given..full, "ann").await;
        let new = role(one, RoleId::ACR_PUSH);
        match registry
            .directory()
            .put_role_assignment(&at(&operator, refusing), new)
            .await
        {
            Err(RoleError::TooMany { limit }) => assert_eq!(limit, full),
            other => panic!("{refusing}: {other:?}"),
        }
        given = full;
        if let Some(wider) = wider {
            let new = role(one, RoleId::ACR_PULL);
            registry
                .directory()
                .put_role_assignment(&at(&operator, wider), new)
                .await
                .unwrap();
            given += 1;
        }
    }
}

#[tokio::test]
async fn a_subscription_has_so_many_groups() {
    let registry = TestRegistry::start().await;
    let (subscription, now) = (subscription(&registry), registry.now());
    // The registry's own is there.
    write(&registry, move |tx| {
        for number in 1..GROUPS {
            tx.insert_resource_group(&ResourceGroup {
                subscription_id: subscription,
                name: format!("g{number}"),
                location: "local".to_owned(),
                tags: Tags::new(),
                created_at: now,
                revision: 1,
            })?;
        }
        Ok(())
    })
    .await;
    let scope = |name: &str| format!("/subscriptions/{subscription}/resourceGroups/{name}");
    let put = async |caller, name: &str| {
        let (grant, none) = (at(&caller, &scope(name)), Precondition::default());
        registry
            .resources()
            .put_resource_group(&grant, "local".to_owned(), Tags::new(), none)
            .await
    };
    assert_refused!(
        put(owner("ann"), "one").await,
        Error::Quota(QuotaError::ResourceGroups { limit: GROUPS, .. })
    );
    put(owner("ann"), "g7").await.unwrap();
    put(ControlCaller::operator(), "one").await.unwrap();
    write(&registry, move |tx| {
        tx.remove_resource_group(subscription, "g7")?;
        tx.remove_resource_group(subscription, "g8").map(drop)
    })
    .await;
    put(owner("ann"), "two").await.unwrap();
}

#[tokio::test]
async fn whoever_fills_a_group_with_registries_leaves_room_in_the_others() {
    let registry = TestRegistry::start().await;
    let (full, other) = (group(&registry, "full").await, group(&registry, "other").await);
    let (record, now) = (registry.record().clone(), registry.now());
    write(&registry, move |tx| {
        for number in 0..REGISTRIES_OF_GROUP {
            tx.insert_registry(&NewRegistry {
                name: format!("filler{number}"),
                rid: Uuid::new_v4(),
                subscription_id: record.subscription_id,
                resource_group: "full".to_owned(),
                location: "local".to_owned(),
                sku: Sku::Basic,
                storage_account: record.storage_account,
                admin_enabled: false,
                tags: Tags::new(),
                created_at: now,
                created_by: None,
            })?;
        }
        Ok(())
    })
    .await;
    let scope = |group: &str, name: &str| format!("{group}/providers/microsoft.containerregistry/registries/{name}");
    let put = async |grant, name: &str| {
        let passwords = [1, 2].map(|slot| SealedPassword {
            sealed: vec![slot],
            verifier: [slot; 32],
        });
        let named = (name.to_owned(), "local".to_owned());
        let (change, none) = (RegistryChange::default(), Precondition::default());
        registry
            .resources()
            .put_registry(&grant, named, change, passwords, none)
            .await
    };
    assert_refused!(
        put(by("ann", &scope(&full, "mine1")), "mine1").await,
        Error::Quota(QuotaError::Resources {
            place: "resource group",
            limit: REGISTRIES_OF_GROUP,
            ..
        })
    );
    put(by("ann", &scope(&full, "filler7")), "filler7").await.unwrap();
    put(by("ann", &scope(&other, "mine1")), "mine1").await.unwrap();
    put(operator(&scope(&full, "mine2")), "mine2").await.unwrap();
}

#[tokio::test]
async fn whoever_fills_a_group_with_storage_accounts_leaves_room_in_the_others() {
    let registry = TestRegistry::start().await;
    let (full, other) = (group(&registry, "full").await, group(&registry, "other").await);
    let fill = async |group: &'static str, count: u64| {
        let (subscription, now) = (subscription(&registry), registry.now());
        write(&registry, move |tx| {
            for number in 0..count {
                let id = tx.insert_storage_account(&format!("{group}{number}"), "local", now)?;
                let resource = StorageResource {
                    subscription_id: subscription,
                    resource_group: group.to_owned(),
                    tags: Tags::new(),
                    kind: StorageKind::default(),
                    updated_at: now,
                };
                tx.put_storage_resource(id, &resource)?;
            }
            Ok(())
        })
        .await;
    };
    let put = async |who: Option<&str>, group: &str, name: &str| {
        let scope = format!("{group}/providers/microsoft.storage/storageaccounts/{name}");
        let grant: ControlGrant<control::StorageAccountsWrite> =
            who.map_or_else(|| operator(&scope), |who| by(who, &scope));
        let (name, location, none) = (name.to_owned(), "local".to_owned(), Precondition::default());
        registry
            .operator()
            .clone()
            .resources()
            .put_storage_account(&grant, name, location, StorageChange::default(), none)
            .await
    };
    fill("full", ACCOUNTS_OF_GROUP).await;
    assert_refused!(
        put(Some("ann"), &full, "mine").await,
        Error::Quota(QuotaError::Resources {
            place: "resource group",
            limit: ACCOUNTS_OF_GROUP,
            ..
        })
    );
    assert!(!registry.account_path("local", "mine").exists(), "nothing was made");
    put(Some("ann"), &full, "full7").await.unwrap();
    put(Some("ann"), &other, "mine").await.unwrap();
    group(&registry, "third").await;
    fill("third", ACCOUNTS - ACCOUNTS_OF_GROUP - 1).await;
    assert_refused!(
        put(Some("ann"), &other, "more").await,
        Error::Quota(QuotaError::Resources {
            place: "subscription",
            limit: ACCOUNTS,
            ..
        })
    );
    put(None, &full, "more").await.unwrap();
}

#[tokio::test]
async fn whoever_makes_applications_leaves_room_to_others_and_all_to_the_operator() {
    let registry = TestRegistry::start().await;
    let fill = async |author: &'static str, count: u64| {
        let now = registry.now();
        write(&registry, move |tx| {
            (0..count).try_for_each(|_| {
                tx.insert_application(&ApplicationRecord {
                    id: Uuid::new_v4(),
                    app_id: Uuid::new_v4(),
                    display_name: "one".to_owned(),
                    created_at: now,
                    created_by: author.to_owned(),
                })
            })
        })
        .await;
    };
    let make = async |grant| {
        registry
            .directory()
            .create_application(&grant, "mine".to_owned(), Vec::new())
            .await
    };
    fill("ann", APPLICATIONS_OF_AUTHOR).await;
    assert_refused!(
        make(by("ann", "/")).await,
        application::Error::TooManyOfAuthor {
            limit: APPLICATIONS_OF_AUTHOR
        }
    );
    let made = make(by("ben", "/")).await.unwrap();
    assert_eq!(made.application.created_by, "ben");
    fill("others", APPLICATIONS_OF_OTHERS - APPLICATIONS_OF_AUTHOR - 1).await;
    assert_refused!(
        make(by("ben", "/")).await,
        application::Error::TooMany {
            limit: APPLICATIONS_OF_OTHERS
        }
    );
    make(operator("/")).await.unwrap();
}

#[tokio::test]
async fn no_network_takes_the_places_of_devices_of_the_others() {
    let registry = TestRegistry::start().await;
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let expires_at = registry.now().plus(DEVICE_CODE_LIFE);
    let fill = async |near: IpAddr, far: Option<IpAddr>, count: usize| {
        write(&registry, move |tx| {
            (0..count).try_for_each(|_| {
                tx.insert_device_code(&DeviceCode {
                    verifier: hash(),
                    user_verifier: hash(),
                    client_id: Uuid::from_u128(8),
                    scope: String::new(),
                    near,
                    far,
                    answer: DeviceAnswer::Waiting,
                    polled_at: expires_at,
                    expires_at,
                })
            })
        })
        .await;
    };
    let start = async |near: IpAddr, far: Option<IpAddr>| {
        let new = NewDevice {
            verifier: hash(),
            user_verifier: hash(),
            client_id: Uuid::from_u128(8),
            scope: String::new(),
            near,
            far,
        };
        registry.sign_in().start_device_sign_in(new).await.unwrap()
    };
    // One /56 of a /48, then all of the /48.
    let far = Some(address("2001:db8::"));
    fill(address("2001:db8:0:100::"), far, 1_000).await;
    assert!(!start(address("2001:db8:0:100::"), far).await, "the /56 has its places");
    assert!(start(address("2001:db8:0:200::"), far).await);
    fill(address("2001:db8:0:300::"), far, 1_999).await;
    assert!(!start(address("2001:db8:0:400::"), far).await, "the /48 has its places");
    assert!(start(address("2001:db8:1::"), Some(address("2001:db8:1::"))).await);
    // An address of IPv4, then as many as leave only the reserve.
    fill(address("192.0.2.1"), None, 1_000).await;
    assert!(!start(address("192.0.2.1"), None).await, "the address has its places");
    fill(address("192.0.2.2"), None, 999).await;
    fill(address("192.0.2.3"), None, 3_000).await;
    assert!(
        !start(address("192.0.2.2"), None).await,
        "what is left is for who has none"
    );
    assert!(start(address("192.0.2.4"), None).await);
    assert!(!start(address("192.0.2.4"), None).await);
    assert!(start(address("192.0.2.5"), None).await);
}

/// Any hash that was not there.
fn hash() -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(Uuid::new_v4().as_bytes());
    hash
}
