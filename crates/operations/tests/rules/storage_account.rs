//! Storage accounts of users and the Classic registries in them: bytes lie where the owner said, nothing is shared across
//! accounts, and an account goes when nothing lies in it any more.

mod removed;

use std::path::PathBuf;

use bytes::Bytes;
use holdfast_access::{
    Actor, Caller, ControlAction, ControlCaller, ControlGrant, Grant, RegistryId, RepositoryAction, Rights, action,
    control, decide, decide_control,
};
use holdfast_content::{Body, Limits, limits::ROW_BLOB_BYTES};
use holdfast_model::{RegistryRecord, Sku, StorageAccount, Tags};
use holdfast_oci::{Algorithm, Digest};
use holdfast_operations::Operator;
use holdfast_resources::{
    Error, Precondition, RegistryChange, SealedPassword, States, StorageAccountError, StorageChange, ensure_location,
};
use holdfast_testkit::registry::{Decorator, Gate, TestRegistry, name, pattern, read_all};

/// A house with a second location.
struct Cloud {
    registry: TestRegistry,
    group: String,
}

fn tagged() -> StorageChange {
    StorageChange {
        tags: Some(Tags::new()),
        kind: None,
    }
}

fn may<A: ControlAction>(scope: &str) -> ControlGrant<A> {
    decide_control(&ControlCaller::operator(), &scope.to_lowercase().parse().unwrap()).unwrap()
}

fn on<A: RepositoryAction>(registry: RegistryId, repository: &str) -> Grant<A> {
    let caller = Caller::with_basic(Actor::Operator, Rights::everything());
    decide(&caller, registry, &name(repository)).unwrap()
}

impl Cloud {
    async fn start() -> Self {
        Self::start_with(None).await
    }

    async fn start_with(decorator: Option<Decorator>) -> Self {
        let registry = TestRegistry::start_with(Limits::default(), decorator).await;
        let now = registry.now();
        ensure_location(registry.rows(), "far".to_owned(), "default-far".to_owned(), now)
            .await
            .unwrap();
        let record = registry.record();
        let group = format!(
            "/subscriptions/{}/resourcegroups/{}",
            record.subscription_id, record.resource_group
        );
        Self { registry, group }
    }

    fn scope(&self, account: &str) -> String {
        format!("{}/providers/microsoft.storage/storageaccounts/{account}", self.group)
    }

    async fn account(&self, account: &str, location: &str) -> Result<StorageAccount, Error> {
        let made = put(self.registry.operator().clone(), self.scope(account), location);
        Ok(made.await?.0)
    }

    async fn delete_account(&self, account: &str) -> Result<bool, Error> {
        let grant = may::<control::StorageAccountsDelete>(&self.scope(account));
        let none = Precondition::default();
        self.registry
            .operator()
            .clone()
            .resources()
            .delete_storage_account(&grant, none)
            .await
    }

    fn registry_grant<A: ControlAction>(&self, name: &str) -> ControlGrant<A> {
        may(&format!(
            "{}/providers/microsoft.containerregistry/registries/{name}",
            self.group
        ))
    }

    async fn put(&self, name: &str, location: &str, sku: Sku, account: Option<&str>) -> Result<RegistryRecord, Error> {
        let change = RegistryChange {
            sku: Some(sku),
            storage: account.map(|account| may(&self.scope(account))),
            ..RegistryChange::default()
        };
        let passwords = [1, 2].map(|slot| SealedPassword {
            sealed: vec![slot],
            verifier: [slot; 32],
        });
        let grant = self.registry_grant(name);
        let made = self.registry.resources().put_registry(
            &grant,
            (name.to_owned(), location.to_owned()),
            change,
            passwords,
            Precondition::default(),
        );
        Ok(made.await?.0.record)
    }

    /// A blob that lies in an object.
    async fn push(&self, registry: RegistryId, bytes: &'static [u8]) -> Digest {
        self.push_exactly(registry, large(bytes)).await
    }

    async fn push_exactly(&self, registry: RegistryId, bytes: Bytes) -> Digest {
        let digest = Digest::of(Algorithm::Sha256, &bytes);
        let body = Body::whole(bytes);
        let grant = on(registry, "app");
        self.registry.upload_whole(&grant, &digest, body).await.unwrap();
        digest
    }

    fn files(&self, location: &str, account: &str) -> usize {
        let objects = self.registry.account_path(location, account).join("objects");
        let shards = std::fs::read_dir(objects).unwrap();
        shards
            .map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap().count())
            .sum()
    }
}

/// What no row may hold, with this text at its end.
fn large(text: &[u8]) -> Bytes {
    [&pattern(1, ROW_BLOB_BYTES), text].concat().into()
}

/// Makes the account of a scope; says whether it is new.
async fn put(registry: Operator, scope: String, location: &str) -> Result<(StorageAccount, bool), Error> {
    let name = scope.rsplit('/').next().unwrap().to_owned();
    let (grant, none) = (may(&scope), Precondition::default());
    registry
        .resources()
        .put_storage_account(&grant, name, location.to_owned(), StorageChange::default(), none)
        .await
}

fn fault(error: Result<impl std::fmt::Debug, Error>) -> StorageAccountError {
    match error.unwrap_err() {
        Error::StorageAccount(error) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn equal_bytes_are_shared_inside_an_account_and_not_across_accounts() {
    let cloud = Cloud::start().await;
    cloud.account("near", "local").await.unwrap();
    cloud.account("away", "far").await.unwrap();
    let first = cloud.put("first", "local", Sku::Classic, Some("near")).await.unwrap();
    let second = cloud.put("second", "local", Sku::Classic, Some("near")).await.unwrap();
    let third = cloud.put("third", "far", Sku::Classic, Some("away")).await.unwrap();
    let own = cloud.registry.id();
    let mut digests = Vec::new();
    for registry in [first.id, second.id, third.id, own] {
        digests.push(cloud.push(registry, b"one layer").await);
    }
    assert_eq!((cloud.files("local", "near"), cloud.files("far", "away")), (1, 1));
    assert_eq!(cloud.registry.count_objects().await, 1);
    // A mount needs both repositories in one registry; whoever asks for more uploads.
    let (target, source) = (on::<action::Push>(third.id, "app"), on::<action::Pull>(first.id, "app"));
    let mounted = cloud.registry.mount_blob(&target, &source, &digests[0]).await.unwrap();
    assert_eq!(mounted, None);
    cloud.registry.pass_grace();
    cloud.registry.collect().await;
    assert_eq!((cloud.files("local", "near"), cloud.files("far", "away")), (0, 0));

    let digest = cloud.push(third.id, b"after the collection").await;
    let blob = cloud.registry.load_blob(&on(third.id, "app"), &digest).await.unwrap();
    let read = cloud
        .registry
        .open_blob(&on(third.id, "app"), &blob, 0..blob.size_bytes)
        .await
        .unwrap();
    assert_eq!(read_all(read).await, large(b"after the collection"));
    assert_eq!(cloud.registry.operator().stores().len(), 3);
}

#[tokio::test]
async fn an_account_that_another_node_made_is_opened_when_it_is_needed() {
    let mut cloud = Cloud::start().await;
    cloud.account("away", "far").await.unwrap();
    let registry = cloud.put("first", "far", Sku::Classic, Some("away")).await.unwrap();
    let digest = cloud.push(registry.id, b"from another node").await;
    // It opens the first account's store alone.
    cloud.registry.reopen().await;
    assert_eq!(cloud.registry.operator().stores().len(), 1);
    let grant = on(registry.id, "app");
    let blob = cloud.registry.load_blob(&grant, &digest).await.unwrap();
    let read = cloud.registry.open_blob(&grant, &blob, 0..blob.size_bytes).await;
    assert_eq!(read_all(read.unwrap()).await, large(b"from another node"));
    assert_eq!(cloud.registry.operator().stores().len(), 2);
}

#[tokio::test]
async fn a_small_blob_keeps_its_account_though_no_object_lies_in_it() {
    let cloud = Cloud::start().await;
    cloud.account("mine", "far").await.unwrap();
    let registry = cloud.put("first", "far", Sku::Classic, Some("mine")).await.unwrap();
    let small = Bytes::from_static(b"a config");
    let digest = cloud.push_exactly(registry.id, small.clone()).await;
    assert_eq!(cloud.files("far", "mine"), 0);
    let grant = on(registry.id, "app");
    let blob = cloud.registry.load_blob(&grant, &digest).await.unwrap();
    let read = cloud.registry.open_blob(&grant, &blob, 0..blob.size_bytes).await;
    assert_eq!(read_all(read.unwrap()).await, small);
    let usage = cloud.registry_grant::<control::ListUsages>("first");
    let usage = cloud.registry.resources().measure_registry(&usage).await.unwrap();
    assert_eq!(usage.used_bytes, 8);
    assert!(matches!(
        fault(cloud.delete_account("mine").await),
        StorageAccountError::InUse { .. }
    ));
    let grant = cloud.registry_grant::<control::RegistriesDelete>("first");
    let deleted = cloud
        .registry
        .resources()
        .delete_registry(&grant, Precondition::default())
        .await;
    assert!(deleted.unwrap());
    assert_eq!(cloud.registry.count_blobs().await, 0, "its bytes went with its row");
    assert!(cloud.delete_account("mine").await.unwrap());
}

#[tokio::test]
async fn no_location_takes_the_account_of_another_one() {
    let cloud = Cloud::start().await;
    cloud.account("mine", "far").await.unwrap();
    for taken in ["default-far", "mine"] {
        let (rows, now) = (cloud.registry.rows(), cloud.registry.now());
        let made = ensure_location(rows, "third".to_owned(), taken.to_owned(), now).await;
        assert!(matches!(fault(made), StorageAccountError::NameTaken { name } if name == taken));
    }
}

#[tokio::test]
async fn a_registry_lies_in_an_account_that_fits_it_and_stays_there() {
    let cloud = Cloud::start().await;
    cloud.account("near", "local").await.unwrap();
    cloud.account("away", "far").await.unwrap();
    for (location, sku, account) in [
        ("local", Sku::Classic, Some("away")),
        ("local", Sku::Classic, Some("missing")),
        ("local", Sku::Classic, None),
        ("local", Sku::Premium, Some("near")),
    ] {
        fault(cloud.put("first", location, sku, account).await);
        let found = cloud.registry.resources().find_registry("first").await.unwrap();
        assert_eq!(found, None, "a failed create leaves nothing behind");
    }
    let nowhere = cloud.put("first", "mars", Sku::Classic, Some("near")).await;
    assert!(matches!(nowhere, Err(Error::LocationUnknown { .. })));
    let classic = cloud.put("first", "local", Sku::Classic, Some("near")).await.unwrap();
    assert_eq!(
        cloud
            .put("first", "local", Sku::Classic, Some("near"))
            .await
            .unwrap()
            .id,
        classic.id
    );
    let managed = cloud.put("second", "far", Sku::Premium, None).await.unwrap();
    assert_ne!(managed.storage_account, classic.storage_account);
    cloud.account("next", "local").await.unwrap();
    for (name, location, sku, account) in [
        ("first", "local", Sku::Premium, None),
        ("second", "far", Sku::Classic, Some("away")),
    ] {
        let moved = fault(cloud.put(name, location, sku, account).await);
        assert!(matches!(moved, StorageAccountError::Fixed { .. }), "{moved:?}");
    }
    let unfit = fault(cloud.put("second", "far", Sku::Premium, Some("away")).await);
    assert!(
        matches!(unfit, StorageAccountError::Unfit { sku: Sku::Premium }),
        "{unfit:?}"
    );
    let moved = fault(cloud.put("first", "local", Sku::Classic, Some("next")).await);
    assert!(matches!(moved, StorageAccountError::AccountFixed { .. }), "{moved:?}");
    let taken = fault(cloud.account("default-far", "local").await);
    assert!(matches!(taken, StorageAccountError::NameTaken { .. }));
    let elsewhere = fault(cloud.account("near", "far").await);
    assert!(matches!(elsewhere, StorageAccountError::Elsewhere { .. }));
}

#[tokio::test]
async fn a_failed_create_of_an_account_leaves_nothing_behind() {
    let cloud = Cloud::start().await;
    let unknown = cloud.account("mine", "mars").await;
    assert!(matches!(unknown, Err(Error::LocationUnknown { .. })));
    let scope = cloud
        .scope("mine")
        .replace("/resourcegroups/group/", "/resourcegroups/none/");
    let nowhere = put(cloud.registry.operator().clone(), scope, "local").await;
    assert!(matches!(nowhere, Err(Error::ResourceGroupUnknown { .. })));
    assert!(!cloud.registry.account_path("local", "mine").exists());
    assert_eq!(cloud.registry.operator().stores().len(), 1);
}

#[tokio::test]
async fn the_operator_switches_on_only_what_the_tier_has() {
    let cloud = Cloud::start().await;
    cloud.account("mine", "local").await.unwrap();
    cloud.put("first", "local", Sku::Classic, Some("mine")).await.unwrap();
    cloud.put("second", "local", Sku::Standard, None).await.unwrap();
    let anonymous = |registry: &mut RegistryRecord| registry.anonymous_pull = true;
    let retention = |registry: &mut RegistryRecord| registry.retention_days = Some(7);
    let refused = cloud.registry.resources().update_registry("first", anonymous).await;
    assert!(matches!(refused, Err(Error::SkuLacks { .. })), "{refused:?}");
    let refused = cloud.registry.resources().update_registry("second", retention).await;
    assert!(matches!(refused, Err(Error::SkuLacks { .. })), "{refused:?}");
    cloud
        .registry
        .resources()
        .update_registry("second", anonymous)
        .await
        .unwrap();
    for (name, sku, account) in [("first", Sku::Classic, Some("mine")), ("second", Sku::Standard, None)] {
        let after = cloud.put(name, "local", sku, account).await.unwrap();
        assert_eq!(after.retention_days, None, "ARM can still change it");
    }
}

#[tokio::test]
async fn an_account_is_made_to_its_end_though_its_client_goes_away() {
    let (gate, decorator) = Gate::new();
    let cloud = Cloud::start_with(Some(decorator)).await;
    let (registry, scope) = (cloud.registry.operator().clone(), cloud.scope("mine"));
    let stopped = gate.close();
    let client = tokio::spawn(put(registry.clone(), scope.clone(), "local"));
    stopped.reached.await.unwrap();
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    stopped.go_on.send(()).expect("the account is still being made");
    let (_, is_new) = put(registry, scope, "local").await.unwrap();
    assert!(!is_new);
    let record = cloud.put("first", "local", Sku::Classic, Some("mine")).await.unwrap();
    cloud.push(record.id, b"a layer").await;
    assert_eq!(cloud.files("local", "mine"), 1);
}

#[tokio::test]
async fn an_account_changes_only_from_the_state_that_is_named() {
    let cloud = Cloud::start().await;
    let old = cloud.account("mine", "local").await.unwrap();
    let only = |account: &StorageAccount| Precondition {
        matches: Some(States::OneOf(vec![account.entity_tag().unwrap()])),
        matches_none: None,
    };
    let (registry, grant) = (cloud.registry.operator().clone(), may(&cloud.scope("mine")));
    let new = registry
        .resources()
        .change_storage_account(&grant, tagged(), only(&old))
        .await
        .unwrap();
    let late = registry
        .resources()
        .change_storage_account(&grant, StorageChange::default(), only(&old))
        .await;
    assert!(matches!(late, Err(Error::PreconditionFailed { .. })), "{late:?}");
    let (name, location) = ("mine".to_owned(), "local".to_owned());
    let late = registry
        .resources()
        .put_storage_account(&grant, name, location, tagged(), only(&old))
        .await;
    assert!(matches!(late, Err(Error::PreconditionFailed { .. })), "{late:?}");
    let grant = may(&cloud.scope("mine"));
    let late = registry.resources().delete_storage_account(&grant, only(&old)).await;
    assert!(matches!(late, Err(Error::PreconditionFailed { .. })), "{late:?}");
    assert!(
        registry
            .resources()
            .delete_storage_account(&grant, only(&new))
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_name_that_a_location_took_meanwhile_is_not_given_twice() {
    let (gate, decorator) = Gate::new();
    let cloud = Cloud::start_with(Some(decorator)).await;
    let stopped = gate.close();
    let making = tokio::spawn(put(cloud.registry.operator().clone(), cloud.scope("mine"), "local"));
    stopped.reached.await.unwrap();
    let (rows, now) = (cloud.registry.rows(), cloud.registry.now());
    ensure_location(rows, "third".to_owned(), "mine".to_owned(), now)
        .await
        .unwrap();
    stopped.go_on.send(()).unwrap();
    let refused = fault(making.await.unwrap());
    assert!(
        matches!(&refused, StorageAccountError::NameTaken { name } if name == "mine"),
        "{refused:?}"
    );
    assert!(!cloud.registry.account_path("local", "mine").exists());
}
