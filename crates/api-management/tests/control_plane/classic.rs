//! Classic registries: whoever may write in a storage account makes them there.

use super::*;

#[tokio::test]
async fn classic_registries_lie_in_the_accounts_of_those_who_may_write_there() {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let group = format!("{}/resourcegroups/rg", cloud.subscription);
    let (_, neighbour) = cloud.principal(RoleId::OWNER, &group).await;
    for name in ["rg", "rg2"] {
        let path = format!("{{S}}/resourceGroups/{name}{V}");
        let made = cloud.send("PUT", &path, Some(&owner), r#"{"location":"local"}"#).await;
        assert_eq!(json(&made).get("tags"), None, "a group without tags has no such field");
    }
    let account = |group: &str| format!("{}store1", A.replace("/rg/", group)).replace("{S}", &cloud.subscription);
    let (mine, wrong_group) = (account("/rg2/"), account("/rg/"));
    let store = r#"{"location":"Local","kind":"StorageV2","sku":{"name":"Standard_RAGRS"},"tags":{"a":"b"}}"#;
    let made = cloud.send("PUT", &format!("{mine}{V}"), Some(&owner), store).await;
    let shown = json(&made);
    assert_eq!(
        (made.status().as_u16(), &shown["id"]),
        (200, &Value::from(mine.clone()))
    );
    assert_eq!(shown["sku"]["name"], "Standard_LRS");
    let check = r#"{"name":"store1","type":"Microsoft.Storage/storageAccounts"}"#;
    let path = format!("{{S}}/providers/Microsoft.Storage/checkNameAvailability{V}");
    assert_eq!(
        json(&cloud.send("POST", &path, Some(&owner), check).await)["reason"],
        "AlreadyExists"
    );

    let classic = |id: &str, sku: &str| {
        format!(r#"{{"location":"local","sku":{{"name":"{sku}"}},"properties":{{"storageAccount":{{"id":"{id}"}}}}}}"#)
    };
    let registry = format!("{R}mine1?api-version=2017-10-01");
    for (caller, path, body, status, code) in [
        (
            &neighbour,
            &registry,
            classic(&mine, "Classic"),
            403,
            "LinkedAuthorizationFailed",
        ),
        (
            &owner,
            &registry,
            classic("store1", "Classic"),
            400,
            "LinkedInvalidPropertyId",
        ),
        (
            &owner,
            &registry,
            classic(&wrong_group, "Classic"),
            404,
            "ResourceNotFound",
        ),
        (&owner, &registry, classic(&mine, "Basic"), 400, "BadRequest"),
        (
            &owner,
            &registry,
            REGISTRY.replace("Basic", "Classic"),
            400,
            "BadRequest",
        ),
        (
            &owner,
            &format!("{wrong_group}{V}"),
            store.to_owned(),
            409,
            "StorageAccountAlreadyTaken",
        ),
        (
            &owner,
            &format!("{A}Store{V}"),
            store.to_owned(),
            400,
            "ResourceNameInvalid",
        ),
        (
            &owner,
            &format!("{A}other{V}"),
            store.replace("Local", "mars"),
            400,
            "LocationNotAvailableForResourceType",
        ),
        (
            &owner,
            &format!("{A}other{V}"),
            r#"{"location":"local","properties":{"isHnsEnabled":true}}"#.to_owned(),
            400,
            "InvalidParameter",
        ),
    ] {
        let refused = cloud.send("PUT", path, Some(caller), &body).await;
        let found = json(&refused)["error"]["code"].clone();
        assert_eq!(
            (refused.status().as_u16(), found.as_str()),
            (status, Some(code)),
            "{path} {body}"
        );
    }

    let made = cloud
        .send(
            "PUT",
            &registry,
            Some(&owner),
            &classic(&mine.to_uppercase(), "classic"),
        )
        .await;
    let shown = json(&made);
    assert_eq!(
        (made.status().as_u16(), &shown["sku"]["name"]),
        (201, &Value::from("Classic"))
    );
    assert_eq!(shown["properties"]["storageAccount"]["id"], mine);
    let new = cloud.send("GET", &format!("{R}mine1{V}"), Some(&owner), "").await;
    assert!(
        json(&new)["properties"].get("storageAccount").is_none(),
        "{}",
        json(&new)
    );
    for body in [
        r#"{"sku":{"name":"Premium"}}"#,
        r#"{"properties":{"anonymousPullEnabled":true}}"#,
    ] {
        assert_eq!(
            cloud.send("PATCH", &registry, Some(&owner), body).await.status(),
            400,
            "{body}"
        );
    }
    let used = cloud.send("DELETE", &format!("{mine}{V}"), Some(&owner), "").await;
    assert_eq!(json(&used)["error"]["code"], "Conflict");
    let group = format!("{{S}}/resourceGroups/rg2{V}");
    assert_eq!(cloud.send("DELETE", &group, Some(&owner), "").await.status(), 409);
    let filter = "$filter=resourceType%20eq%20'Microsoft.Storage/storageAccounts'";
    let listed = cloud
        .send("GET", &format!("{{S}}/resources{V}&{filter}"), Some(&owner), "")
        .await;
    assert_eq!(json(&listed)["value"][0]["name"], "store1");
    assert_eq!(cloud.send("DELETE", &registry, Some(&owner), "").await.status(), 200);
    assert_eq!(cloud.send("DELETE", &group, Some(&owner), "").await.status(), 200);
    assert_eq!(
        cloud
            .send("DELETE", &format!("{mine}{V}"), Some(&owner), "")
            .await
            .status(),
        204
    );
}
