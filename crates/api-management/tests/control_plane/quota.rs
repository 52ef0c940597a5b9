//! What is told where there are as many of a thing as there may be: the number, and what to do next.

use std::net::IpAddr;

use holdfast_access::RoleId;
use holdfast_directory::sign_in::DEVICE_CODE_LIFE;
use holdfast_model::{
    ApplicationRecord, DeviceAnswer, DeviceCode, Durability, MetadataError, MetadataExt as _, ResourceGroup,
    StorageKind, StorageResource, Tags, Tx,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{A, Cloud, R, REGISTRY, V, json as body, sign_in::CLI};

const GROUP: &str = r#"{"location":"local"}"#;

impl Cloud {
    async fn write(&self, work: impl Fn(&mut dyn Tx) -> Result<(), MetadataError> + Send + Sync + 'static) {
        let rows = self.registry.rows();
        rows.transact(Durability::Relaxed, work).await.unwrap();
    }

    /// Its subscription, and the token of an owner of it who made the group `rg`.
    async fn owned(&self) -> (Uuid, String) {
        let (_, owner) = self.principal(RoleId::OWNER, &self.subscription).await;
        let group = format!("{{S}}/resourceGroups/rg{V}");
        assert_eq!(self.send("PUT", &group, Some(&owner), GROUP).await.status(), 201);
        (self.registry.record().subscription_id, owner)
    }

    /// Code and message of the error that a request has with status 409.
    async fn conflict(&self, path: &str, token: &str, text: &str) -> (String, String) {
        let answer = self.send("PUT", path, Some(token), text).await;
        assert_eq!(answer.status(), 409);
        let error = body(&answer)["error"].take();
        let part = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        (part("code"), part("message"))
    }
}

#[tokio::test]
async fn one_group_too_many_is_told_as_azure_does() {
    let cloud = Cloud::start().await;
    let (subscription, owner) = cloud.owned().await;
    let now = cloud.registry.now();
    cloud
        .write(move |tx| {
            (2..980).try_for_each(|number| {
                tx.insert_resource_group(&ResourceGroup {
                    subscription_id: subscription,
                    name: format!("g{number}"),
                    location: "local".to_owned(),
                    tags: Tags::new(),
                    created_at: now,
                    revision: 1,
                })
            })
        })
        .await;
    let (code, message) = cloud
        .conflict(&format!("{{S}}/resourceGroups/more{V}"), &owner, GROUP)
        .await;
    assert_eq!(code, "ResourceGroupQuotaExceeded");
    assert_eq!(
        message,
        "Creating the resource group 'more' would exceed the quota of '980'. The current resource group count is \
         '980', please delete some groups before creating a new one."
    );
}

#[tokio::test]
async fn one_registry_too_many_is_told_and_changes_none_of_the_others() {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.owned().await;
    for number in 0..200 {
        let made = cloud
            .send("PUT", &format!("{R}mine{number}{V}"), Some(&owner), REGISTRY)
            .await;
        assert_eq!(made.status(), 201, "{number}");
    }
    let (code, message) = cloud.conflict(&format!("{R}more1{V}"), &owner, REGISTRY).await;
    assert_eq!(code, "ResourceQuotaExceeded");
    assert_eq!(
        message,
        "Creating the resource of type 'Microsoft.ContainerRegistry/registries' would exceed the quota of '200' \
         resources of type 'Microsoft.ContainerRegistry/registries' per resource group. The current resource count is \
         '200', please delete some resources of this type before creating a new one."
    );
    let again = cloud.send("PUT", &format!("{R}mine7{V}"), Some(&owner), REGISTRY).await;
    assert_eq!(again.status(), 200);
}

#[tokio::test]
async fn one_storage_account_too_many_is_told() {
    let cloud = Cloud::start().await;
    let (subscription, owner) = cloud.owned().await;
    let now = cloud.registry.now();
    cloud
        .write(move |tx| {
            (0..100).try_for_each(|number| {
                let id = tx.insert_storage_account(&format!("account{number}"), "local", now)?;
                let resource = StorageResource {
                    subscription_id: subscription,
                    resource_group: "rg".to_owned(),
                    tags: Tags::new(),
                    kind: StorageKind::default(),
                    updated_at: now,
                };
                tx.put_storage_resource(id, &resource)
            })
        })
        .await;
    let account = json!({ "location": "local", "sku": { "name": "Standard_LRS" }, "kind": "StorageV2" }).to_string();
    let path = format!("{A}more1?api-version=2023-01-01");
    let (code, message) = cloud.conflict(&path, &owner, &account).await;
    assert_eq!(code, "ResourceQuotaExceeded");
    assert!(
        message.contains("quota of '100' resources of type 'Microsoft.Storage/storageAccounts'"),
        "{message}"
    );
}

#[tokio::test]
async fn one_application_too_many_is_told_as_graph_does() {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let (_, other) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    let make = async |token: &str| {
        cloud
            .graph("POST", "/applications", token, json!({ "displayName": "app" }))
            .await
    };
    let (status, made) = make(&owner).await;
    assert_eq!(status, 201, "{made}");
    let id: Uuid = made["id"].as_str().unwrap().parse().unwrap();
    cloud
        .write(move |tx| {
            let first = tx.find_application(id)?.unwrap();
            (1..1_000).try_for_each(|_| {
                tx.insert_application(&ApplicationRecord {
                    id: Uuid::new_v4(),
                    app_id: Uuid::new_v4(),
                    ..first.clone()
                })
            })
        })
        .await;
    let (status, refused) = make(&owner).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (400, &Value::from("Directory_QuotaExceeded"))
    );
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("1000") && message.contains("delete objects"),
        "{message}"
    );
    assert_eq!(make(&other).await.0, 201);
}

#[tokio::test]
async fn an_address_with_many_devices_waits_and_others_do_not() {
    let cloud = Cloud::start().await;
    let expires_at = cloud.registry.now().plus(DEVICE_CODE_LIFE);
    cloud
        .write(move |tx| {
            (0..1_000_u128).try_for_each(|number| {
                let mut verifier = [0; 32];
                verifier[..16].copy_from_slice(&number.to_be_bytes());
                tx.insert_device_code(&DeviceCode {
                    verifier,
                    user_verifier: verifier,
                    client_id: Uuid::from_u128(8),
                    scope: String::new(),
                    near: IpAddr::from([127, 0, 0, 1]),
                    far: None,
                    answer: DeviceAnswer::Waiting,
                    polled_at: expires_at,
                    expires_at,
                })
            })
        })
        .await;
    let form = format!("client_id={}&scope=openid", CLI);
    for (host, status) in [(1, 429), (2, 200)] {
        cloud.host.store(host, std::sync::atomic::Ordering::Relaxed);
        let answer = cloud.send("POST", "/common/oauth2/v2.0/devicecode", None, &form).await;
        assert_eq!(answer.status(), status, "{}", body(&answer));
    }
}
