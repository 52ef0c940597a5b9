//! PostgreSQL keeps the contract of the metadata port, and what only a database that many share has to keep. Against a real
//! one (`holdfast_testkit::postgres`).

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use holdfast_metadata::PostgresStore;
use holdfast_metadata::postgres::Settings;
use holdfast_metadata::postgres::open;
use holdfast_model::{Durability, Metadata, MetadataError, MetadataExt as _, Timestamp};
use holdfast_testkit::metadata::fixture;
use holdfast_testkit::postgres::{Pooler, Postgres, shared};

/// Longer than any restart takes here.
const PATIENCE: Duration = Duration::from_secs(60);

fn settings(postgres: &Postgres, database: &str) -> Settings {
    Settings::parse(&postgres.url(database)).unwrap().with_connections(8)
}

fn store(postgres: &Postgres, database: &str) -> Arc<PostgresStore> {
    Arc::new(PostgresStore::open(settings(postgres, database)).unwrap())
}

fn refusal(postgres: &Postgres, database: &str) -> open::Error {
    match PostgresStore::open(settings(postgres, database)) {
        Ok(_) => panic!("{database} was opened"),
        Err(error) => error,
    }
}

async fn open_new() -> ((), Arc<dyn Metadata>) {
    let made = tokio::task::spawn_blocking(|| store(shared(), &shared().database()));
    ((), made.await.unwrap())
}

mod contract {
    use super::open_new;

    holdfast_testkit::metadata_contract!(open_new);
}

async fn insert(store: &dyn Metadata, name: &'static str) -> Result<(), MetadataError> {
    let work = move |tx: &mut dyn holdfast_model::Tx| {
        tx.insert_storage_account(name, "local", Timestamp(1))?;
        Ok::<_, MetadataError>(())
    };
    store.transact(Durability::Durable, work).await
}

async fn count(store: &dyn Metadata) -> Result<usize, MetadataError> {
    store
        .query(|read| Ok::<_, MetadataError>(read.list_storage_accounts()?.len()))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_that_write_by_what_the_other_changes_runs_again() {
    let (_, store) = open_new().await;
    // Each may go while the other stays: alone either is right, and both at once are wrong.
    for name in ["one", "other"] {
        insert(&*store, name).await.unwrap();
    }
    let runs = Arc::new(AtomicU32::new(0));
    let barrier = Arc::new(std::sync::Barrier::new(2));
    let leave = |name: &'static str| {
        let (runs, barrier) = (Arc::clone(&runs), Arc::clone(&barrier));
        let store = Arc::clone(&store);
        async move {
            let work = move |tx: &mut dyn holdfast_model::Tx| {
                let is_first = runs.fetch_add(1, Ordering::SeqCst) < 2;
                let accounts = tx.list_storage_accounts()?;
                if is_first {
                    // Both have read before either writes.
                    barrier.wait();
                }
                if let (true, Some(mine)) = (accounts.len() > 1, accounts.iter().find(|account| account.name == name)) {
                    tx.remove_storage_account(mine.id)?;
                }
                Ok::<_, MetadataError>(())
            };
            store.transact(Durability::Durable, work).await
        }
    };
    let (one, other) = tokio::join!(leave("one"), leave("other"));
    one.unwrap();
    other.unwrap();
    assert_eq!(count(&*store).await.unwrap(), 1, "one stayed");
    assert_eq!(runs.load(Ordering::SeqCst), 3, "one of them ran again");
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_who_write_the_same_row_from_two_nodes_lose_nothing() {
    let database = shared().database();
    let nodes = [store(shared(), &database), store(shared(), &database)];
    let registry = fixture::registry(&*nodes[0], "home").await.id;
    let write = |n: usize| {
        let node = Arc::clone(&nodes[n % 2]) as Arc<dyn Metadata>;
        async move {
            for _ in 0..25 {
                let renewed = node.transact(Durability::Durable, move |tx| {
                    tx.put_admin_password(registry, 1, b"sealed", &[0; 32], Timestamp(1))
                });
                renewed.await.unwrap();
            }
        }
    };
    join_all((0..8).map(write).map(tokio::spawn)).await;
    let node: &dyn Metadata = &*nodes[0];
    let access = node.query(|read| read.find_access("home", Some(1))).await.unwrap();
    assert_eq!(access.unwrap().1, Some(8 * 25));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_open_an_empty_database_at_once_and_one_that_comes_later_find_one_schema() {
    let database = shared().database();
    let openings = (0..4).map(|_| {
        let database = database.clone();
        tokio::task::spawn_blocking(move || store(shared(), &database))
    });
    let stores: Vec<_> = join_all(openings).await.into_iter().map(Result::unwrap).collect();
    insert(&*stores[0], "one").await.unwrap();
    let later = store(shared(), &database);
    assert_eq!(count(&*later).await.unwrap(), 1);
}

#[test]
fn a_database_that_is_newer_or_not_ours_is_refused_and_left_alone() {
    let newer = shared().database();
    drop(store(shared(), &newer));
    shared().psql(&newer, "UPDATE holdfast.schema_version SET version = 4711");
    let error = refusal(shared(), &newer);
    assert!(matches!(error, open::Error::Newer { found: 4711, .. }), "{error:?}");
    assert!(error.to_string().contains("newer holdfast"), "{error}");
    assert_eq!(
        shared().psql(&newer, "SELECT version FROM holdfast.schema_version"),
        "4711"
    );

    let foreign = shared().database();
    shared().psql(
        &foreign,
        "CREATE SCHEMA holdfast AUTHORIZATION holdfast; CREATE TABLE holdfast.mine (x integer)",
    );
    assert!(matches!(refusal(shared(), &foreign), open::Error::Foreign));
    let tables = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace('holdfast')";
    assert_eq!(shared().psql(&foreign, tables), "1");
}

#[test]
fn a_database_in_another_encoding_is_refused() {
    shared().psql(
        "postgres",
        "CREATE DATABASE latin OWNER holdfast TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'",
    );
    let error = refusal(shared(), "latin");
    assert!(error.to_string().contains("LATIN1"), "{error}");
}

#[test]
fn a_pooler_that_deals_out_transactions_is_refused_and_one_of_sessions_is_not() {
    let database = shared().database();
    let pooler = Pooler::start(shared(), "transaction");
    let refused = PostgresStore::open(Settings::parse(&pooler.url(&database)).unwrap());
    assert!(matches!(refused, Err(open::Error::Pooler)), "{refused:?}");
    let pooler = Pooler::start(shared(), "session");
    PostgresStore::open(Settings::parse(&pooler.url(&database)).unwrap()).unwrap();
}

#[test]
fn a_database_that_is_not_there_is_an_error_without_the_password() {
    let error = refusal(shared(), "nowhere");
    assert!(matches!(error, open::Error::Connect { .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_of_the_database_requests_work_again() {
    let postgres = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let database = postgres.database();
    let store = store(&postgres, &database);
    insert(&*store, "one").await.unwrap();
    let metadata: &dyn Metadata = &*store;
    // In the middle of a transaction: it is run again on a new connection, or told to have done nothing.
    let (entered, has_entered) = std::sync::mpsc::channel();
    let (resumed, is_resumed) = std::sync::mpsc::channel::<()>();
    let is_resumed = std::sync::Mutex::new(is_resumed);
    let writing = metadata.transact(Durability::Durable, move |tx| {
        tx.insert_storage_account("two", "local", Timestamp(1))?;
        entered.send(()).ok();
        is_resumed.lock().unwrap().recv_timeout(PATIENCE).ok();
        tx.list_storage_accounts().map(|accounts| accounts.len())
    });
    let restarting = tokio::task::spawn_blocking(move || {
        has_entered.recv_timeout(PATIENCE).unwrap();
        postgres.restart();
        drop(resumed);
        postgres
    });
    let (written, postgres) = tokio::join!(writing, restarting);
    let postgres = postgres.unwrap();
    assert_eq!(written.unwrap(), 2);
    assert_eq!(count(&*store).await.unwrap(), 2);

    postgres.stop();
    let error = insert(&*store, "three").await.unwrap_err();
    assert!(matches!(error, MetadataError::Unavailable { .. }), "{error:?}");
    assert!(matches!(count(&*store).await, Err(MetadataError::Unavailable { .. })));
    postgres.resume();
    insert(&*store, "three").await.unwrap();
    assert_eq!(count(&*store).await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_wait_as_may_and_the_next_hears_that_there_is_too_much_to_do() {
    let database = shared().database();
    let settings = settings(shared(), &database).with_connections(2).with_queue_limit(1);
    let store: Arc<dyn Metadata> = Arc::new(PostgresStore::open(settings).unwrap());
    let (entered, has_entered) = std::sync::mpsc::channel();
    let (release, is_released) = std::sync::mpsc::channel::<()>();
    let is_released = std::sync::Mutex::new(is_released);
    let (first, second) = (Arc::clone(&store), Arc::clone(&store));
    let holding = tokio::spawn(async move {
        let hold = first.transact(Durability::Durable, move |_| {
            entered.send(()).ok();
            is_released.lock().unwrap().recv_timeout(PATIENCE).ok();
            Ok::<_, MetadataError>(())
        });
        hold.await
    });
    tokio::task::spawn_blocking(move || has_entered.recv_timeout(PATIENCE))
        .await
        .unwrap()
        .unwrap();
    let mut waiting = Box::pin(insert(&*second, "waits"));
    assert!((&mut waiting).now_or_never().is_none());
    let refused = insert(&*store, "refused").await;
    assert!(matches!(refused, Err(MetadataError::Overloaded { .. })), "{refused:?}");
    drop(release);
    waiting.await.unwrap();
    holding.await.unwrap().unwrap();
    assert_eq!(count(&*store).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_store_finishes_what_waits_and_takes_no_more() {
    let store = store(shared(), &shared().database());
    let before = (0..20).map(|n| {
        let store = Arc::clone(&store) as Arc<dyn Metadata>;
        async move {
            let name = format!("account{n}");
            let work = move |tx: &mut dyn holdfast_model::Tx| tx.insert_storage_account(&name, "local", Timestamp(1));
            store.transact(Durability::Relaxed, work).await
        }
    });
    let mut before = Box::pin(join_all(before));
    assert!((&mut before).now_or_never().is_none());
    store.close().await;
    assert!(before.await.into_iter().all(|result| result.is_ok()));
    assert!(matches!(
        insert(&*store, "late").await,
        Err(MetadataError::Closed { .. })
    ));
    assert!(matches!(count(&*store).await, Err(MetadataError::Closed { .. })));
}
