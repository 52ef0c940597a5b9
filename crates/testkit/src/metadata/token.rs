//! Claims about tokens and their passwords.

use holdfast_access::{RegistryId, ScopeMap};
use holdfast_model::{
    Counted, Metadata, NewToken, ScopeMapRecord, SystemData, Timestamp, TokenId, TokenPassword, TokenRecord,
    TokenStanding,
};

use super::fixture::{self, author};

fn made() -> SystemData {
    SystemData::new(Some(author("maker")), Timestamp(7))
}

fn new_token(registry: RegistryId, name: &str, scope_map: &str) -> NewToken {
    NewToken {
        registry,
        name: name.to_owned(),
        scope_map: scope_map.to_owned(),
        is_enabled: true,
        system_data: made(),
    }
}

async fn insert(metadata: &dyn Metadata, registry: RegistryId, name: &str, scope_map: &str) -> TokenId {
    let new = new_token(registry, name, scope_map);
    fixture::write(metadata, move |tx| tx.insert_token(&new)).await
}

async fn find(metadata: &dyn Metadata, registry: RegistryId, name: &'static str) -> Option<TokenRecord> {
    fixture::read(metadata, move |read| read.find_token(registry, name)).await
}

async fn put(metadata: &dyn Metadata, token: TokenId, slot: u8, mark: u8, expires_at: Option<Timestamp>) {
    fixture::write(metadata, move |tx| {
        tx.put_token_password(token, slot, &[mark; 32], expires_at, Timestamp(i64::from(mark)))
    })
    .await;
}

async fn passwords(metadata: &dyn Metadata, token: TokenId) -> Vec<TokenPassword> {
    fixture::read(metadata, move |read| read.list_token_passwords(token)).await
}

/// The name is found in any case, and only in its registry.
pub async fn a_token_reads_back_as_written(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    let other = fixture::registry(metadata, "other").await.id;
    let id = insert(metadata, registry, "Build-1", "_repositories_pull").await;
    let expected = TokenRecord {
        id,
        registry,
        name: "Build-1".to_owned(),
        scope_map: "_repositories_pull".to_owned(),
        is_enabled: true,
        system_data: made(),
    };
    assert_eq!(find(metadata, registry, "build-1").await, Some(expected));
    assert_eq!(find(metadata, other, "Build-1").await, None);
    assert_eq!(passwords(metadata, id).await, []);
}

/// One look finds the token in any case, with both passwords and the actions of its map; a map of the system has no row.
pub async fn a_token_stands_with_its_passwords_and_its_scope_map(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    let other = fixture::registry(metadata, "other").await.id;
    let actions = ScopeMap::parse(&["repositories/app/content/read"]).expect("actions of a scope map");
    for (registry, actions) in [(registry, actions.clone()), (other, ScopeMap::default())] {
        let map = ScopeMapRecord {
            registry,
            name: "Pullers".to_owned(),
            description: None,
            actions,
            system_data: made(),
        };
        fixture::write(metadata, move |tx| tx.insert_scope_map(&map)).await;
    }
    let build = insert(metadata, registry, "Build", "pullers").await;
    put(metadata, build, 2, 20, None).await;
    put(metadata, build, 1, 10, Some(Timestamp(5))).await;
    let bare = insert(metadata, registry, "bare", "_repositories_pull").await;
    let stand = async |name| {
        let found = fixture::read(metadata, move |read| read.find_access_and_token("HOME", name)).await;
        let (access, standing) = found.expect("the registry is there");
        assert_eq!(access.id, registry);
        standing
    };
    let expected = TokenStanding {
        name: "Build".to_owned(),
        is_enabled: true,
        scope_map: "pullers".to_owned(),
        actions: Some(actions),
        passwords: passwords(metadata, build).await,
    };
    assert_eq!(expected.passwords.len(), 2);
    assert_eq!(stand("BUILD").await, Some(expected));
    let expected = TokenStanding {
        name: "bare".to_owned(),
        is_enabled: true,
        scope_map: "_repositories_pull".to_owned(),
        actions: None,
        passwords: passwords(metadata, bare).await,
    };
    assert_eq!(stand("bare").await, Some(expected));
    assert_eq!(stand("nobody").await, None);
    let nowhere = fixture::read(metadata, |read| read.find_access_and_token("nowhere", "build"));
    assert_eq!(nowhere.await, None);
}

/// A name is taken once in a registry, in whatever case.
pub async fn a_second_token_of_a_name_is_refused(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    insert(metadata, registry, "first", "map").await;
    let again = new_token(registry, "FIRST", "map");
    assert!(
        fixture::try_write(metadata, move |tx| tx.insert_token(&again))
            .await
            .is_err()
    );
}

/// Scope map and switch change, the rest stays, and so do the neighbours.
pub async fn a_token_is_changed_alone(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    let id = insert(metadata, registry, "changed", "first-map").await;
    insert(metadata, registry, "neighbour", "first-map").await;
    let changed = TokenRecord {
        id,
        registry,
        name: "changed".to_owned(),
        scope_map: "second-map".to_owned(),
        is_enabled: false,
        system_data: made().updated(author("changer"), Timestamp(8)),
    };
    let update = TokenRecord {
        name: "other".to_owned(),
        system_data: SystemData {
            created_by: None,
            created_at: Timestamp(9),
            ..changed.system_data.clone()
        },
        ..changed.clone()
    };
    fixture::write(metadata, move |tx| tx.update_token(&update)).await;
    assert_eq!(find(metadata, registry, "changed").await, Some(changed));
    let neighbour = find(metadata, registry, "neighbour").await.expect("it is there");
    assert_eq!(
        (neighbour.scope_map.as_str(), neighbour.is_enabled),
        ("first-map", true)
    );
}

/// The marker is compared as names are; it need not be there.
pub async fn tokens_page_by_name_in_any_case(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    let other = fixture::registry(metadata, "other").await.id;
    for name in ["Bravo", "alpha", "Charlie", "delta"] {
        insert(metadata, registry, name, "map").await;
    }
    insert(metadata, other, "bystander", "map").await;
    let page = |after: &'static str, limit| {
        fixture::read(metadata, move |read| {
            let found = read.list_tokens(registry, after, limit)?;
            Ok(found.into_iter().map(|token| token.name).collect::<Vec<_>>())
        })
    };
    assert_eq!(page("", 2).await, ["alpha", "Bravo"]);
    assert_eq!(page("BRAVO", 10).await, ["Charlie", "delta"]);
    assert_eq!(page("bz", 1).await, ["Charlie"]);
    let counts = fixture::read(metadata, move |read| {
        Ok((
            read.count(Counted::Tokens(registry))?,
            read.count(Counted::Tokens(other))?,
        ))
    });
    assert_eq!(counts.await, (4, 1));
    let ids = |limit| fixture::read(metadata, move |read| read.list_token_ids(registry, limit));
    assert_eq!((ids(10).await.len(), ids(1).await.len()), (4, 1));
}

/// In any case, and in the same registry only.
pub async fn a_token_is_found_by_its_scope_map(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    let other = fixture::registry(metadata, "other").await.id;
    insert(metadata, registry, "build", "Pullers").await;
    let found = |registry, map: &'static str| {
        fixture::read(metadata, move |read| {
            let found = read.find_token_with_scope_map(registry, map)?;
            Ok(found.map(|token| token.name))
        })
    };
    assert_eq!(found(registry, "pullers").await.as_deref(), Some("build"));
    assert_eq!(found(registry, "pushers").await, None);
    assert_eq!(found(other, "pullers").await, None);
}

/// Each slot has one; a new one replaces it and leaves the other alone.
pub async fn passwords_read_back_by_slot(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    let token = insert(metadata, registry, "build", "map").await;
    put(metadata, token, 2, 2, None).await;
    put(metadata, token, 1, 1, Some(Timestamp(99))).await;
    let before = passwords(metadata, token).await;
    let expected = |slot: u8, mark: u8, generation, expires_at| TokenPassword {
        slot,
        verifier: [mark; 32],
        generation,
        expires_at,
        created_at: Timestamp(i64::from(mark)),
    };
    let [first, second] = [0, 1].map(|index: usize| before[index].generation);
    assert_eq!(
        before,
        [expected(1, 1, first, Some(Timestamp(99))), expected(2, 2, second, None)]
    );
    put(metadata, token, 1, 3, None).await;
    let after = passwords(metadata, token).await;
    assert_eq!(after[0], expected(1, 3, after[0].generation, None));
    assert_eq!(after[1], before[1]);
    let removed = fixture::write(metadata, move |tx| {
        Ok((tx.remove_token_password(token, 1)?, tx.remove_token_password(token, 1)?))
    });
    assert_eq!(removed.await, (true, false));
    assert_eq!(passwords(metadata, token).await, [before[1].clone()]);
}

/// Not by renewal, not after removal, not for a token made anew under the same name.
pub async fn a_generation_never_comes_back(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let token = insert(metadata, registry, "build", "map").await;
        put(metadata, token, 1, 1, None).await;
        for _ in 0..2 {
            put(metadata, token, 1, 1, None).await;
            let generation = passwords(metadata, token).await[0].generation;
            assert!(seen.insert(generation), "{generation} came back");
            fixture::write(metadata, move |tx| tx.remove_token_password(token, 1)).await;
            put(metadata, token, 1, 1, None).await;
        }
        let removed = fixture::write(metadata, move |tx| {
            Ok((tx.remove_token(token)?, tx.remove_token(token)?))
        });
        assert_eq!(removed.await, (true, false));
        let count = fixture::read(metadata, move |read| read.count(Counted::Tokens(registry)));
        assert_eq!(count.await, 0);
        assert_eq!(find(metadata, registry, "build").await, None);
        assert_eq!(passwords(metadata, token).await, []);
    }
}
