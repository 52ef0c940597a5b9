//! Deletions that are refused: nothing of what they were for is gone.

use holdfast_access::RoleId;

use super::{Cloud, V, json};

#[tokio::test]
async fn an_owner_of_everything_does_not_delete_the_group_of_the_default_registry() {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, "/").await;
    let record = cloud.registry.record();
    let group = format!("{{S}}/resourceGroups/{}{V}", record.resource_group);
    let before = json(&cloud.send("GET", &group, Some(&owner), "").await);
    let refused = cloud.send("DELETE", &group, Some(&owner), "").await;
    let error = &json(&refused)["error"];
    assert_eq!(
        (refused.status().as_u16(), error["code"].as_str()),
        (409, Some("Conflict"))
    );
    let told = format!("The registry {} is the default registry", record.name);
    assert!(error["message"].as_str().unwrap().starts_with(&told), "{error}");
    let kept = cloud.send("GET", &group, Some(&owner), "").await;
    assert_eq!((kept.status().as_u16(), &json(&kept)), (200, &before));
    let registry = cloud.registry.resources().find_registry(&record.name).await.unwrap();
    assert!(registry.is_some_and(|kept| !kept.is_deleting));
}
