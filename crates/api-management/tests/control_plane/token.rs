//! Scope maps and tokens over ARM: how they look, what a PUT and a PATCH keep, pages, and how many there are.

mod refusal;

use holdfast_access::RoleId;
use http::Response;
use serde_json::{Value, json};

use super::{Bytes, Cloud, R, REGISTRY, V, json as body_of};

/// A group with a registry in it, and its owner's token.
struct Home {
    cloud: Cloud,
    owner_id: String,
    owner: String,
}

impl Home {
    async fn new(sku: &str) -> Self {
        let cloud = Cloud::start().await;
        let (owner_id, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
        let home = Self { cloud, owner_id, owner };
        let group = format!("{{S}}/resourceGroups/rg{V}");
        let registry = REGISTRY.replace("Basic", sku);
        for (path, body) in [
            (group, r#"{"location":"local"}"#),
            (format!("{R}mine1{V}"), registry.as_str()),
        ] {
            let made = home.cloud.send("PUT", &path, Some(&home.owner), body).await;
            assert_eq!(made.status(), 201, "{}", body_of(&made));
        }
        home
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let path = if path.contains('?') {
            path.to_owned()
        } else {
            format!("{R}mine1{path}{V}")
        };
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let response: Response<Bytes> = self.cloud.send(method, &path, Some(&self.owner), &body).await;
        (response.status().as_u16(), body_of(&response))
    }

    async fn expect(&self, method: &str, path: &str, body: Value, status: u16) -> Value {
        let (found, answer) = self.ask(method, path, &body).await;
        assert_eq!(found, status, "{method} {path} {body}: {answer}");
        answer
    }

    /// The id of something in the registry.
    fn id(&self, child: &str) -> String {
        format!("{R}mine1{child}").replace("{S}", &self.cloud.subscription)
    }

    fn of_map(&self, map: &str) -> Value {
        json!({ "properties": { "scopeMapId": self.id(&format!("/scopeMaps/{map}")) } })
    }
}

fn actions(list: &[&str]) -> Value {
    json!({ "properties": { "actions": list } })
}

#[tokio::test]
async fn they_look_as_in_azure() {
    let home = Home::new("Basic").await;
    let map = json!({ "properties": { "description": "für alle", "actions": ["repositories/Team/*/content/read"] } });
    let made = home.expect("PUT", "/scopeMaps/Team-Map", map, 201).await;
    let created = "2026-05-28T20:26:40.0000000+00:00";
    let system_data = json!({
        "createdBy": home.owner_id,
        "createdByType": "Application",
        "createdAt": created,
        "lastModifiedBy": home.owner_id,
        "lastModifiedByType": "Application",
        "lastModifiedAt": created,
    });
    let expected = json!({
        "type": "Microsoft.ContainerRegistry/registries/scopeMaps",
        "id": home.id("/scopeMaps/Team-Map"),
        "name": "Team-Map",
        "systemData": system_data,
        "properties": {
            "description": "für alle",
            "type": "UserDefined",
            "creationDate": created,
            "provisioningState": "Succeeded",
            "actions": ["repositories/team/*/content/read"],
        },
    });
    assert_eq!(made.to_string(), expected.to_string(), "the order of fields too");
    let bare = home.expect("PUT", "/scopeMaps/TEAM-MAP", actions(&[]), 200).await;
    assert_eq!(bare["name"], "Team-Map");
    assert_eq!(bare["properties"].get("description"), None, "a PUT is the whole");
    let system = home
        .expect("GET", "/scopeMaps/_REPOSITORIES_PULL", Value::Null, 200)
        .await;
    assert_eq!(system["properties"]["type"], "SystemDefined");
    assert_eq!(system["systemData"].get("createdBy"), None, "nobody made it");
    assert_eq!(system["id"], home.id("/scopeMaps/_repositories_pull"));

    let made = home
        .expect("PUT", "/tokens/Build-1", home.of_map("team-map"), 201)
        .await;
    let expected = json!({
        "type": "Microsoft.ContainerRegistry/registries/tokens",
        "id": home.id("/tokens/Build-1"),
        "name": "Build-1",
        "systemData": system_data,
        "properties": {
            "creationDate": created,
            "provisioningState": "Succeeded",
            "scopeMapId": home.id("/scopeMaps/Team-Map"),
            "credentials": { "passwords": [] },
            "status": "enabled",
        },
    });
    assert_eq!(made.to_string(), expected.to_string());

    let ask = json!({ "tokenId": home.id("/TOKENS/build-1"), "expiry": "2030-01-20T08:05:07.951901+01:00" });
    let both = home.expect("POST", "/generateCredentials", ask, 200).await;
    assert_eq!(both["username"], "Build-1");
    let names: Vec<&Value> = both["passwords"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["name"])
        .collect();
    assert_eq!(names, ["password1", "password2"]);
    assert_eq!(both["passwords"][0]["expiry"], "2030-01-20T07:05:07.9519010+00:00");
    assert_eq!(both["passwords"][1]["value"].as_str().map(str::len), Some(52));
    let ask = json!({ "tokenId": home.id("/tokens/Build-1"), "name": "password2" });
    let one = home.expect("POST", "/generateCredentials", ask, 200).await;
    assert_eq!(
        one["passwords"][0]["name"], "password2",
        "the new one is first, for scripts take that"
    );
    let other = &one["passwords"][1];
    assert_eq!(
        (&other["name"], other.get("value"), one["passwords"].get(2)),
        (&json!("password1"), None, None),
        "the other is listed too, without its value"
    );
    let fields: Vec<&String> = one["passwords"][0].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["creationTime", "name", "value"], "no expiry, no field");
    let shown = home.expect("GET", "/tokens/BUILD-1", Value::Null, 200).await;
    let expected = json!([
        { "creationTime": created, "expiry": "2030-01-20T07:05:07.9519010+00:00", "name": "password1" },
        { "creationTime": created, "name": "password2" },
    ]);
    assert_eq!(
        shown["properties"]["credentials"]["passwords"].to_string(),
        expected.to_string()
    );
}

#[tokio::test]
async fn what_a_request_leaves_out_stays() {
    let home = Home::new("Basic").await;
    let token = "/tokens/build";
    home.expect("PUT", token, home.of_map("_repositories_pull"), 201).await;
    let ask = json!({ "tokenId": home.id(token), "expiry": "2030-01-20T07:05:07Z" });
    home.expect("POST", "/generateCredentials", ask, 200).await;
    home.cloud.registry.advance(std::time::Duration::from_secs(60));
    let disabled = json!({ "properties": { "status": "Disabled" } });
    let answer = home.expect("PATCH", token, disabled, 200).await;
    assert_eq!(answer["properties"]["status"], "disabled");
    let moment = |name: &str| answer["systemData"][name].as_str().unwrap().to_owned();
    assert!(moment("createdAt") < moment("lastModifiedAt"));
    let again = home.expect("PUT", token, home.of_map("_repositories_push"), 200).await;
    assert_eq!(
        again["properties"]["status"], "disabled",
        "making it again enables nobody"
    );
    assert_eq!(
        again["properties"]["scopeMapId"],
        home.id("/scopeMaps/_repositories_push")
    );
    let kept = again["properties"]["credentials"].clone();
    assert_eq!(kept["passwords"].as_array().map(Vec::len), Some(2));
    let back = json!({ "properties": { "credentials": kept } });
    let same = home.expect("PATCH", token, back, 200).await;
    assert_eq!(same, again, "what is shown can be sent back");
    let one = json!({ "properties": { "credentials": { "passwords": [{ "name": "password2" }] } } });
    let left = home.expect("PATCH", token, one, 200).await;
    assert_eq!(left["properties"]["credentials"]["passwords"][0]["name"], "password2");
    assert_eq!(left["properties"]["credentials"]["passwords"][1], Value::Null);
    let none = json!({ "properties": { "credentials": { "certificates": [], "passwords": [] } } });
    let left = home.expect("PATCH", token, none, 200).await;
    assert_eq!(left["properties"]["credentials"], json!({ "passwords": [] }));

    home.expect(
        "PUT",
        "/scopeMaps/pullers",
        actions(&["repositories/a/content/read"]),
        201,
    )
    .await;
    let described = json!({ "properties": { "description": "more" } });
    let changed = home.expect("PATCH", "/scopeMaps/pullers", described, 200).await;
    assert_eq!(changed["properties"]["actions"], json!(["repositories/a/content/read"]));
    let widened = actions(&["repositories/*/content/read"]);
    let changed = home.expect("PATCH", "/scopeMaps/pullers", widened, 200).await;
    assert_eq!(changed["properties"]["description"], "more");
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let home = Home::new("Premium").await;
    for number in 0..150 {
        let name = format!("/tokens/token-{number:03}");
        home.expect("PUT", &name, home.of_map("_repositories_pull"), 201).await;
        let name = format!("/scopeMaps/Map-{number:03}");
        home.expect("PUT", &name, actions(&["repositories/a/content/read"]), 201)
            .await;
    }
    for (list, total) in [("/tokens", 150), ("/scopeMaps", 155)] {
        let (mut names, mut pages, mut path) = (Vec::new(), 0, Some(list.to_owned()));
        while let Some(next) = path {
            let page = home.expect("GET", &next, Value::Null, 200).await;
            let items = page["value"].as_array().unwrap();
            names.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
            pages += 1;
            let base = "https://localhost:5443";
            path = page["nextLink"]
                .as_str()
                .map(|link| link.strip_prefix(base).unwrap().to_owned());
        }
        assert_eq!((names.len(), pages), (total, 2), "{list}");
        names.dedup();
        assert_eq!(names.len(), total);
    }
}

#[tokio::test]
async fn a_tier_has_so_many_and_no_more() {
    let home = Home::new("Basic").await;
    for number in 0..100 {
        let name = format!("/tokens/token-{number:03}");
        home.expect("PUT", &name, home.of_map("_repositories_pull"), 201).await;
        let name = format!("/scopeMaps/map-{number:03}");
        home.expect("PUT", &name, actions(&["repositories/a/content/read"]), 201)
            .await;
    }
    let token = home
        .expect("PUT", "/tokens/one-more", home.of_map("_repositories_pull"), 400)
        .await;
    let quota = "The requested feature token exceeds allowed quota 100 for the SKU Basic.";
    assert_eq!(token["error"]["message"], quota);
    let map = home.expect("PUT", "/scopeMaps/one-more", actions(&[]), 400).await;
    assert_eq!(map["error"]["message"], quota.replace("token", "scope map"));
    home.expect("PUT", "/tokens/token-007", home.of_map("_repositories_push"), 200)
        .await;
    home.expect("DELETE", "/tokens/token-007", Value::Null, 200).await;
    home.expect("PUT", "/tokens/one-more", home.of_map("_repositories_pull"), 201)
        .await;
    // All of them go with the registry, and a new one of that name has none.
    home.expect("DELETE", "", Value::Null, 200).await;
    let registry = serde_json::from_str(REGISTRY).unwrap();
    home.expect("PUT", "", registry, 201).await;
    let list = home.expect("GET", "/tokens", Value::Null, 200).await;
    assert_eq!(list["value"], json!([]));
    home.expect("GET", "/scopeMaps/map-001", Value::Null, 404).await;
}
