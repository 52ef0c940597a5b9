//! Claims about transactions and snapshots.

use std::sync::mpsc::channel;
use std::time::Duration;

use futures_util::future::join_all;
use holdfast_access::RegistryId;
use holdfast_model::{Durability, Metadata, MetadataError, MetadataExt, Read, Timestamp, Tx};
use tokio::runtime::Handle;

use super::fixture;

/// Long enough for any store; only a failing claim waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// An error of the work's own, as the rules have.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the rule about {number} forbids it")]
    ByRule { number: u8 },
    #[error(transparent)]
    Store(#[from] MetadataError),
}

fn is_there(read: &mut dyn Read, registry: RegistryId, text: &str) -> Result<bool, MetadataError> {
    Ok(read.find_repository(registry, &fixture::name(text))?.is_some())
}

fn make(tx: &mut dyn Tx, registry: RegistryId, text: &str) -> Result<(), MetadataError> {
    tx.ensure_repository(registry, &fixture::name(text), Timestamp(1))
        .map(drop)
}

async fn seen(metadata: &dyn Metadata, registry: RegistryId, text: &'static str) -> bool {
    fixture::read(metadata, move |read| is_there(read, registry, text)).await
}

/// The work's own error comes back, and nothing it did stays.
pub async fn a_failed_write_leaves_nothing(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    let result: Result<(), Refused> = fixture::try_write(metadata, move |tx| {
        make(tx, registry, "app")?;
        Err(Refused::ByRule { number: 2 })
    })
    .await;
    assert!(matches!(result, Err(Refused::ByRule { number: 2 })), "{result:?}");
    assert!(!seen(metadata, registry, "app").await);
}

/// An answer means that everybody sees it.
pub async fn a_write_is_seen_by_the_next_read(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    let rounds = (0..50).map(|n| async move {
        let text = format!("app{n}");
        let wanted = text.clone();
        fixture::write(metadata, move |tx| make(tx, registry, &text)).await;
        fixture::read(metadata, move |read| is_there(read, registry, &wanted)).await
    });
    assert!(join_all(rounds).await.into_iter().all(|is_seen| is_seen));
}

/// Inside the transaction the changes show already.
pub async fn a_write_sees_what_it_did(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    let is_seen = fixture::write(metadata, move |tx| {
        make(tx, registry, "app")?;
        is_there(tx, registry, "app")
    })
    .await;
    assert!(is_seen);
}

/// What is written while a read runs does not show in it.
pub async fn a_read_sees_one_moment(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    let (entered, has_entered) = channel();
    let (written, is_written) = channel();
    let (runtime, writer) = (Handle::current(), Handle::current());
    let reading = metadata.query(move |read| {
        let before = is_there(read, registry, "app")?;
        entered.send(()).expect("the writer waits");
        is_written
            .recv_timeout(PATIENCE)
            .expect("a write does not wait for a read");
        Ok::<_, MetadataError>((before, is_there(read, registry, "app")?))
    });
    // A read may run on the caller's thread, so the writer gets one of its own.
    let (before, after) = tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            scope.spawn(move || {
                has_entered.recv_timeout(PATIENCE).expect("the read begins");
                writer.block_on(fixture::write(metadata, move |tx| make(tx, registry, "app")));
                written.send(()).expect("the reader waits");
            });
            runtime.block_on(reading).expect("the read succeeds")
        })
    });
    assert!(!before && !after);
    assert!(seen(metadata, registry, "app").await);
}

/// A rehearsal returns what the work would, and leaves nothing; its neighbours stay.
pub async fn a_rehearsal_sees_what_it_would_do_and_undoes_it(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    let rehearsed = metadata.rehearse(move |tx| {
        make(tx, registry, "rehearsed")?;
        is_there(tx, registry, "rehearsed")
    });
    let (rehearsed, made) = tokio::join!(
        rehearsed,
        fixture::write(metadata, move |tx| make(tx, registry, "made"))
    );
    assert!(rehearsed.expect("the rehearsal succeeds"));
    let () = made;
    assert!(!seen(metadata, registry, "rehearsed").await);
    assert!(seen(metadata, registry, "made").await);
    let failed = metadata.rehearse(move |tx| {
        tx.insert_storage_account("twice", "local", Timestamp(1))
            .and_then(|_| tx.insert_storage_account("twice", "local", Timestamp(1)))
    });
    assert!(failed.await.is_err());
}

/// Many read-modify-writes at once: none is lost.
pub async fn concurrent_writes_do_not_lose_updates(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    let writes = (0..100).map(|n| async move {
        let durability = if n % 3 == 0 {
            Durability::Relaxed
        } else {
            Durability::Durable
        };
        let renew = metadata.transact(durability, move |tx| {
            tx.put_admin_password(registry, 1, b"sealed", &[0; 32], Timestamp(n))?;
            Ok::<_, MetadataError>(tx.find_access("home", Some(1))?.and_then(|(_, generation)| generation))
        });
        renew.await.expect("the write succeeds").expect("the password is there")
    });
    let mut generations = join_all(writes).await;
    generations.sort_unstable();
    assert_eq!(generations, (1..=100).collect::<Vec<_>>());
}

/// Each of two may go while the other stays: alone either is right, and both at once are wrong.
pub async fn writes_that_depend_on_each_other_come_one_after_the_other(metadata: &dyn Metadata) {
    let leave = |name: &'static str| {
        metadata.transact(Durability::Relaxed, move |tx| {
            let accounts = tx.list_storage_accounts()?;
            if let (true, Some(mine)) = (accounts.len() > 1, accounts.iter().find(|account| account.name == name)) {
                tx.remove_storage_account(mine.id)?;
            }
            Ok::<_, MetadataError>(())
        })
    };
    for _ in 0..10 {
        for name in ["one", "other"] {
            // The one that stayed is there.
            let insert = fixture::try_write(metadata, move |tx| {
                let found = tx.find_storage_account_by_name(name)?;
                let insert = || tx.insert_storage_account(name, "local", Timestamp(1)).map(drop);
                found.map_or_else(insert, |_| Ok(()))
            });
            insert.await.expect("the write succeeds");
        }
        let (one, other) = tokio::join!(leave("one"), leave("other"));
        one.and(other).expect("both succeed");
        let left = fixture::read(metadata, |read| read.list_storage_accounts()).await;
        assert_eq!(left.len(), 1);
    }
}

/// The others in the same batch, and the store, go on.
pub async fn a_panic_in_a_write_undoes_only_that_write(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    let writes = (0..20).map(|n| {
        fixture::try_write(metadata, move |tx| {
            make(tx, registry, &format!("app{n}"))?;
            assert!(n % 5 != 0, "a panic on purpose");
            Ok::<_, MetadataError>(())
        })
    });
    for (n, result) in join_all(writes).await.into_iter().enumerate() {
        let is_kept = fixture::read(metadata, move |read| is_there(read, registry, &format!("app{n}"))).await;
        assert_eq!((result.is_ok(), is_kept), (n % 5 != 0, n % 5 != 0), "{result:?}");
    }
}

/// However often: the store does not run out of anything.
pub async fn a_panic_in_a_read_is_an_error_of_that_read(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    for _ in 0..50 {
        let result: Result<(), MetadataError> = metadata.query(|_| panic!("a panic on purpose")).await;
        assert!(result.is_err());
    }
    assert!(!seen(metadata, registry, "app").await);
}

/// Less durable, not less visible.
pub async fn relaxed_writes_are_seen_too(metadata: &dyn Metadata) {
    let registry = fixture::registry(metadata, "home").await.id;
    metadata
        .transact(Durability::Relaxed, move |tx| make(tx, registry, "app"))
        .await
        .expect("the write succeeds");
    assert!(seen(metadata, registry, "app").await);
}
