//! Claims about repositories.

use holdfast_access::RegistryId;
use holdfast_model::{
    Attributes, Metadata, RegistryRecord, RepositoryId, RepositoryRecord, TargetRepository, Timestamp,
};
use holdfast_oci::RepositoryName;

use super::fixture;

/// As a registry with its first settings has it.
fn target(registry: &RegistryRecord, repository: RepositoryRecord) -> TargetRepository {
    TargetRepository {
        repository,
        accept_sparse_manifests: false,
        retention_days: None,
        storage_account: registry.storage_account,
    }
}

async fn list(metadata: &dyn Metadata, registry: RegistryId, after: Option<&'static str>, limit: usize) -> Vec<String> {
    let names: Vec<RepositoryName> =
        fixture::read(metadata, move |read| read.list_repositories(registry, after, limit)).await;
    names.iter().map(ToString::to_string).collect()
}

/// The second `ensure` finds what the first made.
pub async fn a_repository_is_made_once(metadata: &dyn Metadata) {
    let home = fixture::registry(metadata, "home").await;
    let registry = home.id;
    let name = fixture::name("library/app");
    let wanted = name.clone();
    assert_eq!(
        fixture::read(metadata, move |read| read.find_repository(registry, &wanted)).await,
        None
    );
    let made = fixture::repository(metadata, registry, "library/app").await;
    let expected = RepositoryRecord {
        id: made.id,
        name: name.clone(),
        attributes: Attributes::default(),
        manifest_count: 0,
        tag_count: 0,
        created_at: Timestamp(1),
        updated_at: Timestamp(1),
    };
    assert_eq!(made, expected);
    let (wanted, id) = (name.clone(), made.id);
    let again = fixture::write(metadata, move |tx| {
        tx.ensure_repository(registry, &wanted, Timestamp(9))
    })
    .await;
    assert_eq!(again, Some(target(&home, expected.clone())));
    assert_eq!(
        fixture::read(metadata, move |read| read.find_repository(registry, &name)).await,
        Some(expected.clone())
    );
    assert_eq!(
        fixture::read(metadata, move |read| read.find_repository_by_id(id)).await,
        Some((registry, expected))
    );
}

/// The catalogue leaves out empty and hidden ones.
pub async fn only_listed_repositories_with_manifests_are_listed(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    let other = fixture::registry(metadata, "other").await.id;
    for (registry, name) in [(registry, "shown"), (registry, "hidden"), (other, "elsewhere")] {
        let id = fixture::repository(metadata, registry, name).await.id;
        fixture::insert(metadata, id, fixture::manifest("m", 2)).await;
        if name == "hidden" {
            let hidden = Attributes {
                list_enabled: false,
                ..Attributes::default()
            };
            fixture::write(metadata, move |tx| {
                tx.set_repository_attributes(id, hidden, Timestamp(3))
            })
            .await;
        }
    }
    fixture::repository(metadata, registry, "empty").await;
    assert_eq!(list(metadata, registry, None, 10).await, ["shown"]);
}

/// Bytes, not a language's rules, decide the order; a marker needs no row.
pub async fn repositories_page_in_the_order_of_bytes(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    for name in ["ab", "a/b", "a", "a-b", "a_b", "a.b", "b"] {
        let id = fixture::repository(metadata, registry, name).await.id;
        fixture::insert(metadata, id, fixture::manifest("m", 2)).await;
    }
    assert_eq!(
        list(metadata, registry, None, 100).await,
        ["a", "a-b", "a.b", "a/b", "a_b", "ab", "b"]
    );
    assert_eq!(list(metadata, registry, None, 2).await, ["a", "a-b"]);
    assert_eq!(list(metadata, registry, Some("a-b"), 3).await, ["a.b", "a/b", "a_b"]);
    assert_eq!(list(metadata, registry, Some("aa-gone"), 3).await, ["ab", "b"]);
    assert_eq!(list(metadata, registry, Some("b"), 3).await, Vec::<String>::new());
}

/// Locks and moments are set as told and read back.
pub async fn attributes_and_moments_are_set(metadata: &dyn Metadata) {
    let (_, id) = fixture::home(metadata).await;
    let locked = Attributes {
        delete_enabled: false,
        write_enabled: false,
        ..Attributes::default()
    };
    fixture::write(metadata, move |tx| {
        tx.set_repository_attributes(id, locked, Timestamp(20))
    })
    .await;
    let found = fixture::load_repository(metadata, id).await;
    assert_eq!(
        (found.attributes, found.created_at, found.updated_at),
        (locked, Timestamp(1), Timestamp(20))
    );
    fixture::write(metadata, move |tx| tx.touch_repository(id, Timestamp(30))).await;
    let found = fixture::load_repository(metadata, id).await;
    assert_eq!((found.attributes, found.updated_at), (locked, Timestamp(30)));
}

/// What the registry says of its repositories comes along; a registry that is being deleted takes nothing.
pub async fn a_repository_to_write_into_is_one_of_an_open_registry(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await;
    let (id, wanted) = (registry.id, fixture::name("app"));
    let ensure = |touched: bool| {
        let name = wanted.clone();
        fixture::write(metadata, move |tx| match touched {
            true => tx.ensure_touched_repository(id, &name, Timestamp(2)),
            false => tx.ensure_repository(id, &name, Timestamp(2)),
        })
    };
    let change = |changed: RegistryRecord| fixture::write(metadata, move |tx| tx.update_registry(&changed));
    let open = RegistryRecord {
        accept_sparse_manifests: true,
        retention_days: Some(7),
        ..registry
    };
    let deleting = RegistryRecord {
        is_deleting: true,
        ..open.clone()
    };
    for touched in [false, true] {
        change(deleting.clone()).await;
        assert_eq!(ensure(touched).await, None);
    }
    let found = fixture::read(metadata, {
        let name = wanted.clone();
        move |read| read.find_repository(id, &name)
    });
    assert_eq!(found.await, None, "nothing was made");
    change(open).await;
    let made = ensure(false).await.expect("the registry is open");
    assert_eq!((made.accept_sparse_manifests, made.retention_days), (true, Some(7)));
    assert_eq!(ensure(true).await, Some(made));
    let nowhere = fixture::write(metadata, move |tx| {
        Ok((
            tx.ensure_repository(RegistryId(99), &wanted, Timestamp(2))?,
            tx.ensure_touched_repository(RegistryId(99), &wanted, Timestamp(2))?,
        ))
    });
    assert_eq!(nowhere.await, (None, None));
}

/// A manifest that comes leaves locks and birthday, and sets the moment.
pub async fn a_repository_with_manifests_is_touched(metadata: &dyn Metadata) {
    let (registry, id) = fixture::home(metadata).await;
    fixture::insert(metadata, id, fixture::manifest("m", 2)).await;
    let locked = Attributes {
        delete_enabled: false,
        ..Attributes::default()
    };
    let touched = fixture::write(metadata, move |tx| {
        tx.set_repository_attributes(id, locked, Timestamp(20))?;
        tx.ensure_touched_repository(registry.id, &fixture::name("app"), Timestamp(40))
    })
    .await;
    let touched = touched.expect("the registry is there").repository;
    assert_eq!(
        (touched.attributes, touched.created_at, touched.updated_at),
        (locked, Timestamp(1), Timestamp(40))
    );
    assert_eq!(fixture::load_repository(metadata, id).await, touched);
}

/// A new life starts with the first manifest.
pub async fn a_revived_repository_has_no_locks(metadata: &dyn Metadata) {
    let (registry, id) = fixture::home(metadata).await;
    let locked = Attributes {
        read_enabled: false,
        list_enabled: false,
        ..Attributes::default()
    };
    fixture::write(metadata, move |tx| {
        tx.set_repository_attributes(id, locked, Timestamp(20))?;
        tx.ensure_touched_repository(registry.id, &fixture::name("app"), Timestamp(40))
    })
    .await;
    let found = fixture::load_repository(metadata, id).await;
    assert_eq!(
        (found.attributes, found.created_at, found.updated_at),
        (Attributes::default(), Timestamp(40), Timestamp(40))
    );
}

/// A manifest, a blob link or an upload keeps the row.
pub async fn only_an_empty_repository_is_removed(metadata: &dyn Metadata) {
    let (registry, id) = fixture::home(metadata).await;
    let remove = || fixture::write(metadata, move |tx| tx.remove_repository_if_empty(id));

    let manifest = fixture::insert(metadata, id, fixture::manifest("m", 2)).await;
    assert!(!remove().await, "it has a manifest");
    fixture::write(metadata, move |tx| tx.remove_manifest(manifest)).await;

    let blob = fixture::insert_blob(metadata, fixture::blob(registry.storage_account, "b", 1)).await;
    fixture::link(metadata, id, blob).await;
    assert!(!remove().await, "it has a blob link");
    fixture::write(metadata, move |tx| tx.unlink_blob(id, blob)).await;

    let upload = fixture::upload(&registry, "app", "me", 3);
    let upload_id = upload.id;
    fixture::write(metadata, move |tx| tx.insert_upload(&upload)).await;
    assert!(!remove().await, "it has an upload");
    fixture::write(metadata, move |tx| tx.remove_upload(upload_id)).await;

    assert!(remove().await);
    assert!(!remove().await, "it is gone");
    assert_eq!(
        fixture::read(metadata, move |read| read.find_repository_by_id(id)).await,
        None
    );
}

/// Hidden and empty ones too, over all registries.
pub async fn a_walk_sees_every_repository_once(metadata: &dyn Metadata) {
    let here = fixture::registry(metadata, "here").await.id;
    let there = fixture::registry(metadata, "there").await.id;
    let mut made = Vec::new();
    for (registry, text) in [(here, "a"), (there, "a"), (here, "b")] {
        made.push(fixture::repository(metadata, registry, text).await.id);
    }
    let ids = |after, limit| fixture::read(metadata, move |read| read.scan_repository_ids(after, limit));
    assert_eq!(ids(RepositoryId(0), 10).await, made);
    assert_eq!(ids(made[0], 1).await, [made[1]]);
}

/// The same name in two registries is two repositories.
pub async fn registries_have_repositories_of_their_own(metadata: &dyn Metadata) {
    let first = fixture::registry(metadata, "first").await.id;
    let second = fixture::registry(metadata, "second").await.id;
    let in_first = fixture::repository(metadata, first, "app").await;
    let in_second = fixture::repository(metadata, second, "app").await;
    assert_ne!(in_first.id, in_second.id);
    let id = in_second.id;
    assert_eq!(
        fixture::read(metadata, move |read| read.find_repository_by_id(id)).await,
        Some((second, in_second))
    );
}
