//! Storage accounts read their requests as all resources do: tags, pages, conditions, and names in any case.

use holdfast_access::RoleId;
use serde_json::Value;

use super::{A, Cloud, R, V, json};

const LOCAL: &str = r#"{"location":"local"}"#;

async fn with_group() -> (Cloud, String) {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let group = format!("{{S}}/resourceGroups/rg{V}");
    assert_eq!(cloud.send("PUT", &group, Some(&owner), LOCAL).await.status(), 201);
    (cloud, owner)
}

#[tokio::test]
async fn what_no_account_can_have_is_refused_with_its_name() {
    let (cloud, owner) = with_group().await;
    let path = format!("{A}store1{V}");
    assert_eq!(cloud.send("PUT", &path, Some(&owner), LOCAL).await.status(), 200);
    let long = format!(r#"{{"location":"local","tags":{{"a":"{}"}}}}"#, "v".repeat(257));
    for (body, code) in [
        (r#"{"location":"local","tags":{"a/b":"c"}}"#, "InvalidTagNameCharacters"),
        (&long, "TagValueTooLong"),
        (
            r#"{"location":"local","properties":{"ishnsenabled":true}}"#,
            "InvalidParameter",
        ),
        (r#"{"location":"local","properties":[]}"#, "InvalidRequestContent"),
    ] {
        for method in ["PUT", "PATCH"] {
            let refused = cloud.send(method, &path, Some(&owner), body).await;
            assert_eq!(json(&refused)["error"]["code"], code, "{method} {body}");
        }
    }
    let group = format!("{{S}}/resourceGroups/gr%C3%9Cn{V}");
    let refused = cloud.send("PUT", &group, Some(&owner), LOCAL).await;
    assert_eq!(json(&refused)["error"]["code"], "InvalidResourceGroup");
}

#[tokio::test]
async fn accounts_are_listed_by_name_in_pages() {
    let (cloud, owner) = with_group().await;
    for name in ["ccc", "aaa", "bbb"] {
        cloud.send("PUT", &format!("{A}{name}{V}"), Some(&owner), LOCAL).await;
    }
    let mut path = format!("{}{V}&$top=2", A.trim_end_matches('/'));
    let mut pages: Vec<Vec<String>> = Vec::new();
    loop {
        let page = json(&cloud.send("GET", &path, Some(&owner), "").await);
        let names = page["value"].as_array().unwrap().iter();
        pages.push(names.map(|item| item["name"].as_str().unwrap().to_owned()).collect());
        match page.get("nextLink").and_then(Value::as_str) {
            Some(next) => path = next.trim_start_matches("https://localhost:5443").to_owned(),
            None => break,
        }
    }
    assert_eq!(pages, [vec!["aaa", "bbb"], vec!["ccc"]]);
}

#[tokio::test]
async fn an_account_that_changed_meanwhile_stays() {
    let (cloud, owner) = with_group().await;
    let path = format!("{A}store1{V}");
    let made = cloud.send("PUT", &path, Some(&owner), LOCAL).await;
    let old = made.headers()["etag"].to_str().unwrap();
    let body = r#"{"location":"local","tags":{"a":"b"}}"#;
    let changed = cloud
        .send_with("PATCH", &path, Some(&owner), body, &[("If-Match", old)])
        .await;
    assert_eq!(changed.status(), 200);
    for method in ["PUT", "PATCH", "DELETE"] {
        let late = cloud
            .send_with(method, &path, Some(&owner), body, &[("If-Match", old)])
            .await;
        assert_eq!(late.status(), 412, "{method}");
    }
    let shown = cloud.send("GET", &path, Some(&owner), "").await;
    assert_eq!(shown.headers()["etag"], changed.headers()["etag"]);
}

#[tokio::test]
async fn an_unknown_linked_account_is_told_under_its_own_group() {
    let (cloud, owner) = with_group().await;
    let id = format!("{A}none1")
        .replace("/rg/", "/Other/")
        .replace("{S}", &cloud.subscription);
    let body = format!(
        r#"{{"location":"local","sku":{{"name":"Classic"}},"properties":{{"storageAccount":{{"id":"{id}"}}}}}}"#
    );
    let path = format!("{R}mine1?api-version=2017-10-01");
    let refused = json(&cloud.send("PUT", &path, Some(&owner), &body).await);
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("none1") && message.contains("'other'"), "{message}");
}

#[tokio::test]
async fn an_account_shows_the_kind_it_was_made_as() {
    let (cloud, owner) = with_group().await;
    let send = async |method: &str, body: &str| {
        let response = cloud.send(method, &format!("{A}kind1{V}"), Some(&owner), body).await;
        (response.status().as_u16(), json(&response))
    };
    let (status, refused) = send("PUT", r#"{"location":"local","kind":"Blobs"}"#).await;
    assert_eq!(status, 400);
    let message = refused["error"]["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("BlobStorage") && message.contains("StorageV2"),
        "{message}"
    );
    assert_eq!(
        send("PUT", r#"{"location":"local","kind":"storage"}"#).await.1["kind"],
        "Storage"
    );
    assert_eq!(send("GET", "").await.1["kind"], "Storage");
    assert_eq!(send("PATCH", r#"{"tags":{"a":"b"}}"#).await.1["kind"], "Storage");
    assert_eq!(send("PATCH", r#"{"kind":"StorageV2"}"#).await.1["kind"], "StorageV2");
    let shown = send("GET", "").await.1;
    assert_eq!(
        (&shown["kind"], &shown["tags"]["a"]),
        (&"StorageV2".into(), &"b".into())
    );
}

#[tokio::test]
async fn a_group_whose_account_another_group_uses_stays_as_it_was() {
    let (cloud, owner) = with_group().await;
    let group = format!("{{S}}/resourceGroups/rg2{V}");
    assert_eq!(cloud.send("PUT", &group, Some(&owner), LOCAL).await.status(), 201);
    let account = |name: &str| format!("{}{name}", A.replace("/rg/", "/rg2/"));
    let make = |name| {
        let path = format!("{}{V}", account(name));
        let (cloud, owner) = (&cloud, &owner);
        async move { cloud.send("PUT", &path, Some(owner), LOCAL).await.status() }
    };
    assert_eq!(make("store1").await, 200);
    let id = account("store1").replace("{S}", &cloud.subscription);
    let classic = format!(
        r#"{{"location":"local","sku":{{"name":"Classic"}},"properties":{{"storageAccount":{{"id":"{id}"}}}}}}"#
    );
    let registry = format!("{R}mine1?api-version=2017-10-01");
    assert_eq!(cloud.send("PUT", &registry, Some(&owner), &classic).await.status(), 201);
    assert_eq!(cloud.send("DELETE", &group, Some(&owner), "").await.status(), 409);
    assert_eq!(make("store2").await, 200, "the group is not being deleted");
}
