//! Pages that end by bytes: an item may have a hundred kilobytes, a page has a few mebibytes.

use holdfast_access::RoleId;
use serde_json::{Map, Value, json};

use super::{Cloud, R, V, json as body_of};

/// What a page of 2 MiB has at most: it ends with the item that reaches them.
const MOST_BYTES: usize = (2 << 20) + (256 << 10);

/// Follows a list to its end; returns its pages' names.
async fn walk(cloud: &Cloud, token: &str, path: &str) -> Vec<Vec<String>> {
    let (mut next, mut pages) = (Some(path.to_owned()), Vec::new());
    while let Some(path) = next {
        let response = cloud.send("GET", &path, Some(token), "").await;
        assert_eq!(response.status(), 200, "{path}");
        assert!(response.body().len() < MOST_BYTES, "{path}: {}", response.body().len());
        let page = body_of(&response);
        let names = page["value"].as_array().unwrap().iter();
        pages.push(names.map(|item| item["name"].as_str().unwrap().to_owned()).collect());
        let link = page["nextLink"].as_str();
        next = link.map(|link| link.strip_prefix("https://localhost:5443").unwrap().to_owned());
    }
    pages
}

#[tokio::test]
async fn a_page_of_groups_with_long_tags_ends_by_bytes() {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let tags: Map<String, Value> = (0..50)
        .map(|number| (format!("{number:0>512}"), json!("v".repeat(256))))
        .collect();
    let body = json!({"location": "local", "tags": tags}).to_string();
    let names: Vec<String> = (0..70).map(|number| format!("tagged{number:02}")).collect();
    for name in &names {
        let path = format!("{{S}}/resourceGroups/{name}{V}");
        let made = cloud.send("PUT", &path, Some(&owner), &body).await;
        assert_eq!(made.status(), 201, "{}", body_of(&made));
    }
    let pages = walk(&cloud, &owner, &format!("{{S}}/resourceGroups{V}")).await;
    assert_eq!(pages.len(), 2);
    let mut seen = pages.concat();
    seen.retain(|name| name.starts_with("tagged"));
    assert_eq!(seen, names);
}

#[tokio::test]
async fn a_page_of_scope_maps_with_many_actions_ends_by_bytes() {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let group = format!("{{S}}/resourceGroups/rg{V}");
    cloud.send("PUT", &group, Some(&owner), r#"{"location":"local"}"#).await;
    let registry = r#"{"location":"local","sku":{"name":"Premium"}}"#;
    cloud.send("PUT", &format!("{R}mine1{V}"), Some(&owner), registry).await;
    let actions: Vec<String> = (0..500)
        .map(|number| format!("repositories/{number:0>200}/content/read"))
        .collect();
    let body = json!({"properties": {"actions": actions}}).to_string();
    let names: Vec<String> = (0..20).map(|number| format!("map{number:02}")).collect();
    for name in &names {
        let path = format!("{R}mine1/scopeMaps/{name}{V}");
        let made = cloud.send("PUT", &path, Some(&owner), &body).await;
        assert_eq!(made.status(), 201, "{}", body_of(&made));
    }
    let pages = walk(&cloud, &owner, &format!("{R}mine1/scopeMaps{V}")).await;
    assert_eq!(pages.len(), 2);
    let mut seen = pages.concat();
    seen.retain(|name| name.starts_with("map"));
    assert_eq!(seen, names);
}
