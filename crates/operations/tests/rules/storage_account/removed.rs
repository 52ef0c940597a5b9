//! Which storage accounts go, with what, and which stay.

use super::*;

#[tokio::test]
async fn an_account_goes_only_when_nothing_lies_in_it() {
    let cloud = Cloud::start().await;
    let made = cloud.account("mine", "far").await.unwrap();
    assert_eq!(made.location, "far");
    let again = cloud.account("mine", "far").await.unwrap();
    assert_eq!(again.id, made.id);
    let registry = cloud.put("first", "far", Sku::Classic, Some("mine")).await.unwrap();
    cloud.push(registry.id, b"a layer").await;
    assert!(matches!(
        fault(cloud.delete_account("mine").await),
        StorageAccountError::InUse { .. }
    ));
    let grant = cloud.registry_grant::<control::RegistriesDelete>("first");
    assert!(
        cloud
            .registry
            .resources()
            .delete_registry(&grant, Precondition::default())
            .await
            .unwrap()
    );
    // The registry's object waits for the collector; what somebody else put there is nobody's to delete.
    assert_eq!(cloud.files("far", "mine"), 1);
    let foreign = cloud
        .registry
        .account_path("far", "mine")
        .join("objects/00/00000000000000000000000000000000");
    std::fs::write(&foreign, "somebody's").unwrap();
    assert!(matches!(
        fault(cloud.delete_account("mine").await),
        StorageAccountError::InUse { .. }
    ));
    assert_eq!(cloud.files("far", "mine"), 1);
    std::fs::remove_file(&foreign).unwrap();
    assert!(cloud.delete_account("mine").await.unwrap());
    assert!(!cloud.delete_account("mine").await.unwrap());
    assert!(!cloud.registry.account_path("far", "mine").exists());
    cloud.registry.pass_grace();
    let collected = cloud.registry.collect().await;
    assert_eq!(collected.objects, 0, "no object of it is left in the queue");
    cloud.account("mine", "local").await.unwrap();
}

#[tokio::test]
async fn a_folder_without_a_row_goes_again() {
    let (gate, decorator) = Gate::new();
    let cloud = Cloud::start_with(Some(decorator)).await;
    let group = cloud.group.replace("/resourcegroups/group", "/resourcegroups/brief");
    let grant = decide_control(&ControlCaller::operator(), &group.parse().unwrap()).unwrap();
    let none = Precondition::default();
    let registry = cloud.registry.operator().clone();
    registry
        .resources()
        .put_resource_group(&grant, "local".to_owned(), Tags::new(), none.clone())
        .await
        .unwrap();
    let scope = format!("{group}/providers/microsoft.storage/storageaccounts/mine");
    let stopped = gate.close();
    let making = tokio::spawn(put(registry.clone(), scope, "local"));
    stopped.reached.await.unwrap();
    registry
        .resources()
        .delete_resource_group(&may(&group), none)
        .await
        .unwrap();
    stopped.go_on.send(()).unwrap();
    let refused = making.await.unwrap();
    assert!(
        matches!(refused, Err(Error::ResourceGroupUnknown { .. })),
        "{refused:?}"
    );
    assert!(!cloud.registry.account_path("local", "mine").exists());
    assert_eq!(cloud.registry.operator().stores().len(), 1);
    cloud.account("mine", "local").await.unwrap();
}

#[tokio::test]
async fn objects_that_nothing_names_go_with_their_group() {
    let cloud = Cloud::start().await;
    let group = cloud.group.replace("/resourcegroups/group", "/resourcegroups/brief");
    let grant = decide_control(&ControlCaller::operator(), &group.parse().unwrap()).unwrap();
    let none = Precondition::default();
    let registry = cloud.registry.operator().clone();
    registry
        .resources()
        .put_resource_group(&grant, "local".to_owned(), Tags::new(), none.clone())
        .await
        .unwrap();
    let scope = format!("{group}/providers/microsoft.storage/storageaccounts/mine");
    put(registry.clone(), scope.clone(), "local").await.unwrap();
    let folder = cloud.registry.account_path("local", "mine");
    std::fs::write(folder.join("objects/00/00000000000000000000000000000000"), "lost").unwrap();
    let alone = registry
        .resources()
        .delete_storage_account(&may(&scope), none.clone())
        .await;
    assert!(matches!(fault(alone), StorageAccountError::InUse { .. }));
    registry
        .resources()
        .delete_resource_group(&may(&group), none)
        .await
        .unwrap();
    assert!(!folder.exists());
}

/// The only object of an account.
fn object_of(cloud: &Cloud, location: &str, account: &str) -> PathBuf {
    let objects = cloud.registry.account_path(location, account).join("objects");
    let shards = std::fs::read_dir(objects).unwrap().map(|shard| shard.unwrap().path());
    let mut files = shards.flat_map(|shard| std::fs::read_dir(shard).unwrap());
    files.next().unwrap().unwrap().path()
}

#[tokio::test]
async fn an_account_whose_objects_cannot_be_deleted_stays() {
    let cloud = Cloud::start().await;
    cloud.account("mine", "local").await.unwrap();
    let registry = cloud.put("first", "local", Sku::Classic, Some("mine")).await.unwrap();
    cloud.push(registry.id, b"a layer").await;
    let object = object_of(&cloud, "local", "mine");
    std::fs::remove_file(&object).unwrap();
    std::fs::create_dir(&object).unwrap();
    let grant = cloud.registry_grant::<control::RegistriesDelete>("first");
    let deleted = cloud
        .registry
        .resources()
        .delete_registry(&grant, Precondition::default())
        .await;
    assert!(deleted.unwrap());
    let refused = fault(cloud.delete_account("mine").await);
    assert!(
        matches!(&refused, StorageAccountError::InUse { by, .. } if by.contains("could not be deleted")),
        "{refused:?}"
    );
    std::fs::remove_dir(&object).unwrap();
    assert!(cloud.delete_account("mine").await.unwrap());
}

#[tokio::test]
async fn an_account_stays_while_objects_that_came_meanwhile_wait_to_be_deleted() {
    let (gate, decorator) = Gate::new();
    let cloud = Cloud::start_with(Some(decorator)).await;
    cloud.account("mine", "local").await.unwrap();
    let (registry, grant) = (cloud.registry.operator().clone(), may(&cloud.scope("mine")));
    let looked = gate.close();
    let deleting = tokio::spawn(async move {
        registry
            .resources()
            .delete_storage_account(&grant, Precondition::default())
            .await
    });
    looked.reached.await.unwrap();
    let emptied = gate.close();
    looked.go_on.send(()).unwrap();
    emptied.reached.await.unwrap();
    let made = cloud.put("first", "local", Sku::Classic, Some("mine")).await.unwrap();
    cloud.push(made.id, b"a layer").await;
    let grant = cloud.registry_grant::<control::RegistriesDelete>("first");
    let deleted = cloud
        .registry
        .resources()
        .delete_registry(&grant, Precondition::default())
        .await;
    assert!(deleted.unwrap());
    // The list of the folder, which comes next, shows only files.
    std::fs::remove_file(object_of(&cloud, "local", "mine")).unwrap();
    emptied.go_on.send(()).unwrap();
    let refused = fault(deleting.await.unwrap());
    assert!(
        matches!(&refused, StorageAccountError::InUse { by, .. } if by.contains("wait to be deleted")),
        "{refused:?}"
    );
    assert!(cloud.delete_account("mine").await.unwrap());
}
