//! Role definitions and assignments, as `az role` asks for them.

use holdfast_access::RoleId;
use serde_json::{Value, json};

use super::{Cloud, R, REGISTRY, V, json as body};

pub(super) const DEFINITIONS: &str = "/providers/Microsoft.Authorization/roleDefinitions";
pub(super) const ASSIGNMENTS: &str = "/providers/Microsoft.Authorization/roleAssignments";
pub(super) const DENIALS: &str = "/providers/Microsoft.Authorization/denyAssignments";
pub(super) const ONE: &str = "/providers/Microsoft.Authorization/roleAssignments/11111111-1111-4111-8111-111111111111";

const REPOSITORY_READER: &str = "b93aa761-3e63-49ed-ac28-beffa264f7ac";

/// A cloud with the registry `mine1` in the group `rg`, and its owner's token.
async fn with_registry() -> (Cloud, String) {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let group = format!("{{S}}/resourceGroups/rg{V}");
    assert_eq!(
        cloud
            .send("PUT", &group, Some(&owner), r#"{"location":"local"}"#)
            .await
            .status(),
        201
    );
    let made = cloud.send("PUT", &format!("{R}mine1{V}"), Some(&owner), REGISTRY).await;
    assert_eq!(made.status(), 201);
    (cloud, owner)
}

/// The object id and a token of a principal without any role that matters here.
async fn nobody(cloud: &Cloud) -> (String, String) {
    let (app, token) = cloud
        .principal(RoleId::READER, &format!("{}/resourcegroups/none", cloud.subscription))
        .await;
    let found = cloud
        .registry
        .operator()
        .sign_in()
        .find_client(app.parse().unwrap())
        .await
        .unwrap();
    (found.unwrap().0.record.id.to_string(), token)
}

fn ask(role: &str, principal: &str, more: Value) -> String {
    let id = format!("/subscriptions/x/providers/Microsoft.Authorization/roleDefinitions/{role}");
    let mut properties = json!({ "roleDefinitionId": id, "principalId": principal });
    properties
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({ "properties": properties }).to_string()
}

fn guid(number: u8) -> String {
    format!("{number:08}-0000-4000-8000-000000000000")
}

#[tokio::test]
async fn a_role_is_in_force_from_the_next_request_until_it_is_taken_away() {
    let (cloud, owner) = with_registry().await;
    let (id, token) = nobody(&cloud).await;
    let registry = format!("{R}mine1{V}");
    let read = async || cloud.send("GET", &registry, Some(&token), "").await.status().as_u16();
    assert_eq!(read().await, 403);
    let one = format!("{R}mine1{ASSIGNMENTS}/{}{V}", guid(1));
    let more = json!({ "principalType": "ServicePrincipal", "description": "for tests" });
    let given = cloud
        .send("PUT", &one, Some(&owner), &ask(&RoleId::READER.to_string(), &id, more))
        .await;
    assert_eq!(given.status(), 201, "{}", body(&given));
    let (scope, shown) = (format!("{R}mine1").replace("{S}", &cloud.subscription), body(&given));
    assert_eq!(shown["id"], format!("{scope}{ASSIGNMENTS}/{}", guid(1)));
    assert_eq!(shown["type"], "Microsoft.Authorization/roleAssignments");
    let properties = &shown["properties"];
    assert_eq!(
        (&properties["scope"], &properties["principalId"]),
        (&json!(scope), &json!(id))
    );
    assert_eq!(properties["principalType"], "ServicePrincipal");
    assert_eq!(properties["description"], "for tests");
    let role = format!("{}{DEFINITIONS}/{}", cloud.subscription, RoleId::READER);
    assert_eq!(properties["roleDefinitionId"], role);
    assert_eq!(read().await, 200);
    let again = cloud.send("GET", &one, Some(&owner), "").await;
    assert_eq!(body(&again), shown);
    // The same id in the path of another scope is another thing.
    let elsewhere = format!("{{S}}{ASSIGNMENTS}/{}{V}", guid(1));
    assert_eq!(cloud.send("DELETE", &elsewhere, Some(&owner), "").await.status(), 204);
    assert_eq!(read().await, 200);
    let taken = cloud.send("DELETE", &one, Some(&owner), "").await;
    assert_eq!((taken.status().as_u16(), body(&taken)), (200, shown));
    assert_eq!(read().await, 403);
    assert_eq!(cloud.send("DELETE", &one, Some(&owner), "").await.status(), 204);
}

#[tokio::test]
async fn assignments_are_refused_in_arms_words() {
    let (cloud, owner) = with_registry().await;
    let (id, _) = nobody(&cloud).await;
    let reader = RoleId::READER.to_string();
    let at = |scope: &str, number| format!("{{S}}{scope}{ASSIGNMENTS}/{}{V}", guid(number));
    let given = cloud
        .send("PUT", &at("", 1), Some(&owner), &ask(&reader, &id, json!({})))
        .await;
    assert_eq!(given.status(), 201);
    let condition = |text: &str| json!({ "condition": text, "conditionVersion": "2.0" });
    let name = "@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringEquals";
    for (path, request, status, code) in [
        (at("", 2), ask(&reader, &id, json!({})), 409, "RoleAssignmentExists"),
        (
            at("", 1),
            ask(&RoleId::OWNER.to_string(), &id, json!({})),
            403,
            "RoleAssignmentUpdateNotPermitted",
        ),
        (
            at("/resourceGroups/rg", 1),
            ask(&reader, &id, json!({})),
            403,
            "RoleAssignmentUpdateNotPermitted",
        ),
        (
            at("/resourceGroups/none", 3),
            ask(&reader, &id, json!({})),
            404,
            "ResourceGroupNotFound",
        ),
        (at("", 3), ask(&reader, &guid(9), json!({})), 400, "PrincipalNotFound"),
        (
            at("", 3),
            ask(&reader, "somebody", json!({})),
            400,
            "InvalidPrincipalId",
        ),
        (
            at("", 3),
            ask(&reader, &id, json!({ "principalType": "User" })),
            400,
            "UnmatchedPrincipalType",
        ),
        (
            at("", 3),
            ask(&guid(9), &id, json!({})),
            404,
            "RoleDefinitionDoesNotExist",
        ),
        (
            at("", 3),
            ask("Reader", &id, json!({})),
            404,
            "RoleDefinitionDoesNotExist",
        ),
        (
            at("", 3),
            ask(&reader, &id, condition(&format!("({name} 'app')"))),
            400,
            "InvalidConditionSyntax",
        ),
        (
            at("", 3),
            ask(REPOSITORY_READER, &id, condition("nonsense")),
            400,
            "InvalidConditionSyntax",
        ),
        (
            at("", 3),
            ask(REPOSITORY_READER, &id, condition(&format!("({name} 'App')"))),
            400,
            "InvalidConditionSyntax",
        ),
        (
            at("", 3),
            ask(
                REPOSITORY_READER,
                &id,
                json!({ "condition": format!("({name} 'app')"), "conditionVersion": "1.0" }),
            ),
            400,
            "InvalidConditionSyntax",
        ),
        (at("", 3), "{}".to_owned(), 400, "InvalidRequestContent"),
        (
            format!("{R}other1{ASSIGNMENTS}/{}{V}", guid(3)),
            ask(&reader, &id, json!({})),
            404,
            "ResourceNotFound",
        ),
        (
            format!("{R}mine1/repositories/team*{ASSIGNMENTS}/{}{V}", guid(3)),
            ask(&reader, &id, json!({})),
            404,
            "ResourceNotFound",
        ),
        (
            format!(
                "{{S}}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/none1{ASSIGNMENTS}/{}{V}",
                guid(3)
            ),
            ask(&reader, &id, json!({})),
            404,
            "ResourceNotFound",
        ),
        (
            format!("{{S}}{ASSIGNMENTS}/one{V}"),
            ask(&reader, &id, json!({})),
            400,
            "InvalidRoleAssignmentId",
        ),
    ] {
        let refused = cloud.send("PUT", &path, Some(&owner), &request).await;
        assert_eq!(
            (refused.status().as_u16(), body(&refused)["error"]["code"].as_str()),
            (status, Some(code)),
            "{path} {request}"
        );
    }
    let told = cloud
        .send(
            "PUT",
            &at("", 3),
            Some(&owner),
            &ask(REPOSITORY_READER, &id, condition("(@Resource[a] StringEquals 'b')")),
        )
        .await;
    let message = body(&told)["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("@Resource[a]"), "{message}");
    let list = format!("{{S}}{ASSIGNMENTS}{V}&$filter=createdBy%20eq%20'me'");
    let refused = cloud.send("GET", &list, Some(&owner), "").await;
    assert_eq!(body(&refused)["error"]["code"], "InvalidFilterInQueryString");
}

#[tokio::test]
async fn condition_and_description_are_replaced_and_nothing_else() {
    let (cloud, owner) = with_registry().await;
    let (id, _) = nobody(&cloud).await;
    let one = format!("{R}mine1{ASSIGNMENTS}/{}{V}", guid(1));
    let text = "(@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringEquals 'app')";
    let more = json!({ "condition": text, "conditionVersion": "2.0" });
    let first = cloud
        .send("PUT", &one, Some(&owner), &ask(REPOSITORY_READER, &id, more))
        .await;
    assert_eq!(
        (first.status().as_u16(), &body(&first)["properties"]["condition"]),
        (201, &json!(text))
    );
    let second = cloud
        .send(
            "PUT",
            &one,
            Some(&owner),
            &ask(REPOSITORY_READER, &id, json!({ "description": "wide" })),
        )
        .await;
    let properties = &body(&second)["properties"];
    assert_eq!(
        (second.status().as_u16(), &properties["condition"]),
        (200, &Value::Null)
    );
    assert_eq!(properties["description"], "wide");
    assert_eq!(properties["createdOn"], body(&first)["properties"]["createdOn"]);
}

#[tokio::test]
async fn only_who_may_assign_roles_can() {
    let (cloud, owner) = with_registry().await;
    let (id, _) = nobody(&cloud).await;
    let administrator: RoleId = "f58310d9-a9f6-439a-9e8d-f62e7b41a168".parse().unwrap();
    let request = ask(&RoleId::OWNER.to_string(), &id, json!({}));
    for (number, (role, status)) in (1..).zip([
        (RoleId::CONTRIBUTOR, 403),
        (RoleId::READER, 403),
        (RoleId::ACR_PUSH, 403),
        (RoleId::USER_ACCESS_ADMINISTRATOR, 201),
        (administrator, 201),
    ]) {
        let (_, token) = cloud
            .principal(role, &format!("{}/resourcegroups/rg", cloud.subscription))
            .await;
        let inside = format!("{R}mine1/repositories/r{number}{ASSIGNMENTS}/{}{V}", guid(number));
        let given = cloud.send("PUT", &inside, Some(&token), &request).await;
        assert_eq!(given.status(), status, "{role} {}", body(&given));
        let above = format!("{{S}}{ASSIGNMENTS}/{}{V}", guid(90 + number));
        assert_eq!(cloud.send("PUT", &above, Some(&token), &request).await.status(), 403);
    }
    // Nor does an owner of the subscription reach the root.
    let root = format!("{ASSIGNMENTS}/{}{V}", guid(80));
    assert_eq!(cloud.send("PUT", &root, Some(&owner), &request).await.status(), 403);
}

#[tokio::test]
async fn lists_hold_what_counts_at_the_scope() {
    let (cloud, owner) = with_registry().await;
    let (id, _) = nobody(&cloud).await;
    let registry = format!("{R}mine1");
    let reader = ask(&RoleId::READER.to_string(), &id, json!({}));
    for (number, scope) in (1..).zip([
        "{S}/resourceGroups/rg",
        &registry,
        &format!("{registry}/repositories/team/app"),
        &format!("{registry}/repositories/team/*"),
    ]) {
        let path = format!("{scope}{ASSIGNMENTS}/{}{V}", guid(number));
        let given = cloud.send("PUT", &path, Some(&owner), &reader).await;
        assert_eq!(given.status(), 201, "{scope} {}", body(&given));
    }
    let list = async |scope: &str, filter: &str| {
        let path = format!("{scope}{ASSIGNMENTS}{V}&$filter={filter}");
        let answer = cloud.send("GET", &path, Some(&owner), "").await;
        let shown = body(&answer);
        let all = shown["value"].as_array().unwrap_or_else(|| panic!("{shown}")).clone();
        // But for the role that every principal here starts with, whose id is random.
        let names = all.iter().filter_map(|one| one["name"].as_str());
        let names: Vec<&str> = names
            .filter_map(|name| name.strip_prefix("0000000"))
            .map(|rest| &rest[..1])
            .collect();
        names.concat()
    };
    let mine = format!("principalId%20eq%20'{id}'");
    let assigned = format!("atScope()%20and%20assignedTo('{id}')");
    for (scope, at, all) in [
        ("{S}", "", "1234"),
        ("{S}/resourcegroups/RG", "1", "1234"),
        (&registry, "12", "1234"),
        (&format!("{registry}/repositories/team/app"), "1234", "1234"),
        (&format!("{registry}/repositories/team/web"), "124", "124"),
        (&format!("{registry}/repositories/team/*"), "124", "1234"),
        (&format!("{registry}/repositories/other"), "12", "12"),
    ] {
        let sorted = |text: String| {
            let mut letters: Vec<char> = text.chars().collect();
            letters.sort_unstable();
            letters.into_iter().collect::<String>()
        };
        assert_eq!(sorted(list(scope, "atScope()").await), at, "at {scope}");
        assert_eq!(sorted(list(scope, &assigned).await), at, "assigned at {scope}");
        assert_eq!(sorted(list(scope, &mine).await), all, "near {scope}");
    }
    assert_eq!(list("{S}", "principalId%20eq%20'nobody'").await, "");
}

#[tokio::test]
async fn roles_go_with_what_they_are_for() {
    let (cloud, owner) = with_registry().await;
    let (id, _) = nobody(&cloud).await;
    let registry = format!("{R}mine1");
    let request = ask(&RoleId::READER.to_string(), &id, json!({}));
    let group = "{S}/resourceGroups/rg".to_owned();
    let scopes = [registry.clone(), format!("{registry}/repositories/app"), group.clone()];
    for (number, scope) in (1..).zip(&scopes) {
        let path = format!("{scope}{ASSIGNMENTS}/{}{V}", guid(number));
        assert_eq!(cloud.send("PUT", &path, Some(&owner), &request).await.status(), 201);
    }
    let left = async || {
        let path = format!("{{S}}{ASSIGNMENTS}{V}&$filter=principalId%20eq%20'{id}'");
        let answer = body(&cloud.send("GET", &path, Some(&owner), "").await);
        // One is that which every principal here starts with.
        answer["value"].as_array().unwrap().len() - 1
    };
    assert_eq!(left().await, 3);
    assert_eq!(
        cloud
            .send("DELETE", &format!("{registry}{V}"), Some(&owner), "")
            .await
            .status(),
        200
    );
    assert_eq!(left().await, 1);
    assert_eq!(
        cloud
            .send("DELETE", &format!("{group}{V}"), Some(&owner), "")
            .await
            .status(),
        200
    );
    assert_eq!(left().await, 0);
}

#[tokio::test]
async fn definitions_are_found_by_name_and_id() {
    let (cloud, owner) = with_registry().await;
    let named = format!("{R}mine1{DEFINITIONS}{V}&$filter=roleName%20eq%20'acrpull'");
    let found = body(&cloud.send("GET", &named, Some(&owner), "").await);
    assert_eq!(found["value"].as_array().unwrap().len(), 1);
    let pull = &found["value"][0];
    assert_eq!(pull["properties"]["roleName"], "AcrPull");
    assert_eq!(
        pull["properties"]["permissions"][0]["actions"],
        json!(["Microsoft.ContainerRegistry/registries/pull/read"])
    );
    // By the id that was shown, with the second slash that the SDK puts before it.
    let path = format!("/{}{V}", pull["id"].as_str().unwrap());
    assert_eq!(body(&cloud.send("GET", &path, Some(&owner), "").await), *pull);
    let count = async |filter: &str| {
        let path = format!("{{S}}{DEFINITIONS}{V}&$filter={filter}");
        body(&cloud.send("GET", &path, Some(&owner), "").await)["value"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(
        count("type%20eq%20'BuiltInRole'").await,
        holdfast_access::Role::BUILT_IN.len()
    );
    assert_eq!(count("type%20eq%20'CustomRole'").await, 0);
    let unknown = format!("{{S}}{DEFINITIONS}/{}{V}", guid(9));
    let refused = body(&cloud.send("GET", &unknown, Some(&owner), "").await);
    assert_eq!(refused["error"]["code"], "RoleDefinitionDoesNotExist");
}

#[tokio::test]
async fn whoever_gives_out_the_roles_of_a_group_leaves_room_above_it() {
    const MOST_IN_A_GROUP: usize = 1_000;
    let (cloud, owner) = with_registry().await;
    let (id, _) = nobody(&cloud).await;
    let request = ask(&RoleId::READER.to_string(), &id, json!({}));
    let mut refused = None;
    for number in 0..=MOST_IN_A_GROUP {
        let path = format!("{R}mine1/repositories/r{number}{ASSIGNMENTS}/{number:08}-0000-4000-8000-000000000001{V}");
        let given = cloud.send("PUT", &path, Some(&owner), &request).await;
        if given.status() != 201 {
            refused = Some((number, given));
            break;
        }
    }
    let (_, refused) = refused.expect("a group has a limit");
    assert_eq!(body(&refused)["error"]["code"], "RoleAssignmentLimitExceeded");
    let above = format!("{{S}}{ASSIGNMENTS}/{}{V}", guid(1));
    assert_eq!(cloud.send("PUT", &above, Some(&owner), &request).await.status(), 201);
}
