//! People, and who somebody is.

use serde_json::{Value, json};

use super::{code, path, start};

#[tokio::test]
async fn people_are_found_by_name_and_id_and_know_who_they_are() {
    let (cloud, owner) = start().await;
    let token = cloud.ann().await;
    let get = async |path: &str| cloud.graph("GET", path, &owner, Value::Null).await;
    let (_, listed) = get("/users?$filter=userPrincipalName%20eq%20'ANN@example.org'").await;
    let ann = listed["value"][0].clone();
    assert_eq!(
        (&ann["displayName"], &ann["userPrincipalName"]),
        (&json!("Ann"), &json!("ann@example.org"))
    );
    let (_, listed) = get("/users?$filter=startswith(displayName,'a')").await;
    assert_eq!(listed["value"], json!([ann]));
    assert_eq!(listed.get("@odata.nextLink"), None, "nothing follows");
    for filter in ["userPrincipalName%20eq%20'bob@example.org'", "displayName%20eq%20'bob'"] {
        assert_eq!(get(&format!("/users?$filter={filter}")).await.1["value"], json!([]));
    }
    assert_eq!(get(&path("users", &ann, "")).await.1, ann);
    assert_eq!(
        code(&get("/users/bob@example.org").await),
        (404, "Request_ResourceNotFound")
    );
    let ids = json!({ "ids": [ann["id"]], "types": ["user"] });
    let (_, found) = cloud.graph("POST", "/directoryObjects/getByIds", &owner, ids).await;
    assert_eq!(found["value"], json!([ann]));
    assert_eq!(cloud.graph("GET", "/me", &token, Value::Null).await, (200, ann));
}
