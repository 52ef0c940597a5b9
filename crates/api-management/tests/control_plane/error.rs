//! What errors look like on the control plane, and requests that are none.

use super::*;

#[tokio::test]
async fn errors_are_arms() {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let put = |path: String, body: &'static str| ("PUT", path, body);
    let group = r#"{"location":"local"}"#;
    for name in ["rg", "rg2"] {
        let response = cloud
            .send("PUT", &format!("{{S}}/resourceGroups/{name}{V}"), Some(&owner), group)
            .await;
        assert_eq!(response.status(), 201);
    }
    let made = cloud.send("PUT", &format!("{R}mine1{V}"), Some(&owner), REGISTRY).await;
    assert_eq!(
        (
            made.status().as_u16(),
            json(&made)["properties"]["loginServer"].as_str()
        ),
        (201, Some("mine1.registry.localhost:5443"))
    );
    let mine = format!("{R}mine1{V}");
    for ((method, path, body), status, code) in [
        (("GET", format!("{R}other1{V}"), ""), 404, "ResourceNotFound"),
        (
            ("GET", format!("{{S}}/resourceGroups/none{V}"), ""),
            404,
            "ResourceGroupNotFound",
        ),
        (
            (
                "GET",
                format!("/subscriptions/00000000-0000-0000-0000-000000000009{V}"),
                "",
            ),
            404,
            "SubscriptionNotFound",
        ),
        (("GET", mine.replace(V, ""), ""), 400, "MissingApiVersionParameter"),
        (
            ("GET", mine.replace(V, "?api-version=soon"), ""),
            400,
            "InvalidApiVersionParameter",
        ),
        (("GET", format!("{R}a-b{V}"), ""), 400, "ResourceNameInvalid"),
        (
            ("GET", format!("{{S}}/resources{V}&$filter=resourceType%20eq"), ""),
            400,
            "InvalidFilterInQueryString",
        ),
        (("GET", format!("{{S}}/nothing{V}"), ""), 404, "NotFound"),
        (("POST", mine.clone(), ""), 405, "HttpMethodNotSupported"),
        (put(mine.clone(), "{"), 400, "InvalidRequestContent"),
        (
            put(mine.clone(), r#"{"sku":{"name":"Basic"}}"#),
            400,
            "LocationRequired",
        ),
        (
            put(mine.clone(), r#"{"location":"local","sku":{"name":"Gold"}}"#),
            400,
            "InvalidSku",
        ),
        (
            put(mine.clone(), r#"{"location":"mars","sku":{"name":"Basic"}}"#),
            409,
            "InvalidResourceLocation",
        ),
        (
            put(format!("{R}other1{V}"), r#"{"location":"mars","sku":{"name":"Basic"}}"#),
            400,
            "LocationNotAvailableForResourceType",
        ),
        (
            put(mine.replace("/rg/", "/rg2/"), REGISTRY),
            409,
            "RegistryNameAlreadyInUse",
        ),
        (
            put(mine.replace("/rg/", "/rg3/"), REGISTRY),
            404,
            "ResourceGroupNotFound",
        ),
        (
            ("PATCH", mine.clone(), r#"{"properties":{"anonymousPullEnabled":true}}"#),
            400,
            "BadRequest",
        ),
        (
            (
                "PATCH",
                mine.clone(),
                r#"{"properties":{"publicNetworkAccess":"Disabled"}}"#,
            ),
            400,
            "BadRequest",
        ),
        (
            ("PATCH", mine.clone(), r#"{"properties":{"zoneRedundancy":"Enabled"}}"#),
            400,
            "InvalidParameter",
        ),
        (
            put(format!("{{S}}/resourceGroups/rg{V}"), r#"{"location":"moon"}"#),
            409,
            "InvalidResourceGroupLocation",
        ),
    ] {
        let response = cloud.send(method, &path, Some(&owner), body).await;
        assert_eq!(
            (response.status().as_u16(), json(&response)["error"]["code"].as_str()),
            (status, Some(code)),
            "{method} {path}"
        );
        assert_eq!(response.headers()["x-ms-request-id"], "r1");
    }
    let old = cloud
        .send("GET", &mine.replace(V, "?api-version=2017-10-01"), Some(&owner), "")
        .await;
    assert!(
        json(&old)["properties"].get("publicNetworkAccess").is_none(),
        "{}",
        json(&old)
    );
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_changes_nothing() {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let group = format!("{{S}}/resourceGroups/rg{V}");
    let body = |padding: usize| format!(r#"{{"location":"local","tags":{{}}{}}}"#, " ".repeat(padding));
    let limit = 1 << 20;
    let (fits, exceeds) = (limit - body(0).len(), limit + 1 - body(0).len());
    let refused = cloud.send("PUT", &group, Some(&owner), &body(exceeds)).await;
    assert_eq!(
        (refused.status().as_u16(), json(&refused)["error"]["code"].as_str()),
        (413, Some("RequestContentTooLarge"))
    );
    let absent = cloud.send("GET", &group, Some(&owner), "").await;
    assert_eq!(absent.status(), 404, "nothing was made");
    let made = cloud.send("PUT", &group, Some(&owner), &body(fits)).await;
    assert_eq!(made.status(), 201, "{}", json(&made));
    let tagged = body(exceeds).replace("{}", r#"{"a":"b"}"#);
    assert_eq!(cloud.send("PATCH", &group, Some(&owner), &tagged).await.status(), 413);
    let kept = json(&cloud.send("GET", &group, Some(&owner), "").await);
    assert_eq!(kept, json(&made), "nothing was changed");
}

#[tokio::test]
async fn an_empty_filter_is_none() {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let list = format!("{{S}}/resources{V}");
    let all = cloud.send("GET", &list, Some(&owner), "").await;
    let filtered = cloud.send("GET", &format!("{list}&$filter="), Some(&owner), "").await;
    assert_eq!((filtered.status().as_u16(), json(&filtered)), (200, json(&all)));
}
