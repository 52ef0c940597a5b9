//! Claims about scope maps.

use holdfast_access::{RegistryId, ScopeMap};
use holdfast_model::{Counted, Metadata, ScopeMapRecord, SystemData, Timestamp};

use super::fixture::{self, author};

/// A scope map that allows to pull one repository.
#[must_use]
pub fn scope_map(registry: RegistryId, name: &str) -> ScopeMapRecord {
    ScopeMapRecord {
        registry,
        name: name.to_owned(),
        description: Some("für alle".to_owned()),
        actions: ScopeMap::parse(&["repositories/app/content/read"]).expect("the action is well formed"),
        system_data: SystemData::new(Some(author("maker")), Timestamp(7)),
    }
}

async fn insert(metadata: &dyn Metadata, map: ScopeMapRecord) {
    fixture::write(metadata, move |tx| tx.insert_scope_map(&map)).await;
}

async fn find(metadata: &dyn Metadata, registry: RegistryId, name: &'static str) -> Option<ScopeMapRecord> {
    fixture::read(metadata, move |read| read.find_scope_map(registry, name)).await
}

/// Order and repetition of the actions stay, the name is found in any case, and only in its registry.
pub async fn a_scope_map_reads_back_as_written(metadata: &dyn Metadata) {
    let (registry, other) = (
        fixture::registry(metadata, "home").await.id,
        fixture::registry(metadata, "other").await.id,
    );
    let texts = [
        "repositories/team/*/content/write",
        "repositories/app/content/read",
        "repositories/app/content/read",
        "gateway/edge/config/read",
    ];
    let full = ScopeMapRecord {
        actions: ScopeMap::parse(&texts).expect("the actions are well formed"),
        ..scope_map(registry, "Team-Map")
    };
    let bare = ScopeMapRecord {
        description: None,
        actions: ScopeMap::default(),
        system_data: SystemData::new(None, Timestamp(6)),
        ..scope_map(registry, "bare1")
    };
    insert(metadata, full.clone()).await;
    insert(metadata, bare.clone()).await;
    assert_eq!(find(metadata, registry, "team-map").await, Some(full));
    assert_eq!(find(metadata, registry, "bare1").await, Some(bare));
    assert_eq!(find(metadata, other, "Team-Map").await, None);
}

/// A name is taken once in a registry, in whatever case.
pub async fn a_second_scope_map_of_a_name_is_refused(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    insert(metadata, scope_map(registry, "first")).await;
    let again = scope_map(registry, "FIRST");
    assert!(
        fixture::try_write(metadata, move |tx| tx.insert_scope_map(&again))
            .await
            .is_err()
    );
}

/// What it is called and when it was made stay; the neighbours are not touched.
pub async fn a_scope_map_is_changed_and_removed_alone(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    let neighbour = scope_map(registry, "neighbour");
    insert(metadata, scope_map(registry, "Changed")).await;
    insert(metadata, neighbour.clone()).await;
    let changed = ScopeMapRecord {
        description: None,
        actions: ScopeMap::parse(&["repositories/*/metadata/read"]).expect("the action is well formed"),
        system_data: SystemData::new(Some(author("maker")), Timestamp(7)).updated(author("changer"), Timestamp(8)),
        ..scope_map(registry, "Changed")
    };
    let update = ScopeMapRecord {
        system_data: SystemData {
            created_by: None,
            created_at: Timestamp(9),
            ..changed.system_data.clone()
        },
        ..changed.clone()
    };
    fixture::write(metadata, move |tx| tx.update_scope_map(&update)).await;
    assert_eq!(find(metadata, registry, "Changed").await, Some(changed));
    let removed = fixture::write(metadata, move |tx| {
        Ok((
            tx.remove_scope_map(registry, "CHANGED")?,
            tx.remove_scope_map(registry, "CHANGED")?,
        ))
    })
    .await;
    assert_eq!(removed, (true, false));
    let count = fixture::read(metadata, move |read| read.count(Counted::ScopeMaps(registry)));
    assert_eq!(count.await, 1);
    assert_eq!(find(metadata, registry, "Changed").await, None);
    assert_eq!(find(metadata, registry, "neighbour").await, Some(neighbour));
}

/// The marker is compared as names are; it need not be there.
pub async fn scope_maps_page_by_name_in_any_case(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    let other = fixture::registry(metadata, "other").await.id;
    for name in ["Bravo", "alpha", "Charlie", "delta"] {
        insert(metadata, scope_map(registry, name)).await;
    }
    insert(metadata, scope_map(other, "bystander")).await;
    let page = |after: &'static str, limit| {
        fixture::read(metadata, move |read| {
            let found = read.list_scope_maps(registry, after, limit)?;
            Ok(found.into_iter().map(|map| map.name).collect::<Vec<_>>())
        })
    };
    assert_eq!(page("", 2).await, ["alpha", "Bravo"]);
    assert_eq!(page("BRAVO", 10).await, ["Charlie", "delta"]);
    assert_eq!(page("bz", 1).await, ["Charlie"]);
    let counts = fixture::read(metadata, move |read| {
        Ok((
            read.count(Counted::ScopeMaps(registry))?,
            read.count(Counted::ScopeMaps(other))?,
        ))
    });
    assert_eq!(counts.await, (4, 1));
    let names = |limit| fixture::read(metadata, move |read| read.list_scope_map_names(registry, limit));
    assert_eq!((names(10).await.len(), names(1).await.len()), (4, 1));
}
