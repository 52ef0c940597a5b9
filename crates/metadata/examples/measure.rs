//! Measures the store on this machine: look-ups, pages, durable writes, and both together.
//!
//!     cargo run --release -p holdfast-metadata --example measure -- FOLDER [ROWS]
//!
//! FOLDER must not hold a database; it decides which disk is measured.

#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use holdfast_access::RegistryId;
use holdfast_metadata::SqliteStore;
use holdfast_model::{
    Durability, ListOrder, Metadata, MetadataError, MetadataExt, NewBlob, NewBlobBytes, NewManifest, NewRegistry, Page,
    Position, RepositoryId, ResourceGroup, Sku, StorageAccountId, Subscription, TagRead, Timestamp,
};
use holdfast_oci::{Algorithm, Digest};
use uuid::Uuid;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Rows inserted by one transaction while filling.
const FILL_STEP: u64 = 2_000;
/// How long each measurement runs.
const SPAN: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("which folder?")?);
    let rows: u64 = match arguments.next() {
        Some(text) => text.to_str().ok_or("a number of rows")?.parse()?,
        None => 100_000,
    };
    let store = Arc::new(SqliteStore::open(folder.join("measure.sqlite"))?);
    let home = Home::make(&*store).await?;
    let filled = Instant::now();
    fill(&*store, home.repository, rows).await?;
    println!("{rows} manifests with a tag each: filled in {:?}", filled.elapsed());

    read_alone(&*store, home.repository, rows).await?;
    pages(&*store, home.repository, rows).await?;
    for writers in [1, 8, 64] {
        write_and_read(&store, home, rows, writers, 0).await?;
    }
    write_and_read(&store, home, rows, 8, 2).await?;
    println!("{:?}", store.stats());
    let closed = Instant::now();
    store.close().await;
    println!("closed in {:?}", closed.elapsed());
    drop(store);
    let opened = Instant::now();
    SqliteStore::open(folder.join("measure.sqlite"))?;
    println!("opened and closed in {:?}", opened.elapsed());
    Ok(())
}

#[derive(Clone, Copy)]
struct Home {
    registry: RegistryId,
    repository: RepositoryId,
    account: StorageAccountId,
}

impl Home {
    async fn make(metadata: &dyn Metadata) -> Result<Self> {
        let home = metadata
            .transact(Durability::Durable, |tx| {
                let now = Timestamp(1);
                let subscription = Subscription {
                    id: Uuid::new_v4(),
                    display_name: "s".to_owned(),
                    created_at: now,
                };
                tx.insert_subscription(&subscription)?;
                tx.insert_resource_group(&ResourceGroup {
                    subscription_id: subscription.id,
                    name: "g".to_owned(),
                    location: "local".to_owned(),
                    tags: Default::default(),
                    created_at: now,
                    revision: 1,
                })?;
                let account = tx.insert_storage_account("store", "local", now)?;
                let registry = tx.insert_registry(&NewRegistry {
                    name: "measured".to_owned(),
                    rid: Uuid::new_v4(),
                    subscription_id: subscription.id,
                    resource_group: "g".to_owned(),
                    location: "local".to_owned(),
                    sku: Sku::Premium,
                    storage_account: account,
                    admin_enabled: true,
                    tags: Default::default(),
                    created_at: now,
                    created_by: None,
                })?;
                let name = "app".parse().expect("a repository's name");
                let repository = tx
                    .ensure_repository(registry, &name, now)?
                    .expect("it is there")
                    .repository
                    .id;
                Ok::<_, MetadataError>(Self {
                    registry,
                    repository,
                    account,
                })
            })
            .await?;
        Ok(home)
    }
}

fn digest(n: u64) -> Digest {
    Digest::of(Algorithm::Sha256, &n.to_le_bytes())
}

fn tag(n: u64) -> holdfast_oci::Tag {
    format!("v{n:08}").parse().expect("a tag")
}

fn manifest(n: u64) -> NewManifest {
    NewManifest {
        digest: digest(n),
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        bytes: Bytes::from(vec![b'x'; 900]),
        subject: None,
        artifact_type: None,
        config_media_type: Some("application/vnd.oci.image.config.v1+json".to_owned()),
        annotations: None,
        architecture: Some("amd64".to_owned()),
        os: Some("linux".to_owned()),
        image_size_bytes: 123,
        blobs: vec![digest(n ^ (1 << 62)), digest(n ^ (1 << 61))],
        children: Vec::new(),
        created_at: Timestamp(i64::try_from(n).unwrap_or(0)),
    }
}

async fn fill(metadata: &dyn Metadata, repository: RepositoryId, rows: u64) -> Result<()> {
    for start in (0..rows).step_by(usize::try_from(FILL_STEP)?) {
        metadata
            .transact(Durability::Relaxed, move |tx| {
                for n in start..rows.min(start + FILL_STEP) {
                    let id = tx.put_manifest(repository, &manifest(n), 0)?.id;
                    tx.put_tags(repository, &[tag(n)], id, Timestamp(i64::try_from(n).unwrap_or(0)))?;
                }
                Ok::<_, MetadataError>(())
            })
            .await?;
    }
    Ok(())
}

/// A number below `bound`, different for each `n`.
fn scatter(n: u64, bound: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17) % bound
}

/// What a pull by tag reads.
async fn pull(metadata: &dyn Metadata, home: RepositoryId, n: u64) -> Result<usize> {
    let length = metadata
        .query(move |read| {
            let (_, repository) = read.find_repository_by_id(home)?.expect("the repository is there");
            let found = read.find_tag(repository.id, &tag(n))?.expect("the tag is there");
            read.find_manifest(repository.id, &found.digest)?;
            Ok::<_, MetadataError>(read.load_manifest_bytes(found.manifest)?.len())
        })
        .await?;
    Ok(length)
}

async fn read_alone(metadata: &dyn Metadata, home: RepositoryId, rows: u64) -> Result<()> {
    let mut runs = 0_u64;
    let started = Instant::now();
    while started.elapsed() < SPAN {
        let wanted = tag(scatter(runs, rows));
        metadata
            .query(move |read| TagRead::find_tag(read, home, &wanted))
            .await?;
        runs += 1;
    }
    println!("find_tag: {:.2} us", micros(started.elapsed(), runs));
    let mut runs = 0_u64;
    let started = Instant::now();
    while started.elapsed() < SPAN {
        pull(metadata, home, scatter(runs, rows)).await?;
        runs += 1;
    }
    println!("pull by tag (4 look-ups): {:.2} us", micros(started.elapsed(), runs));
    Ok(())
}

async fn pages(metadata: &dyn Metadata, home: RepositoryId, rows: u64) -> Result<()> {
    for order in [ListOrder::Name, ListOrder::TimeAscending, ListOrder::TimeDescending] {
        let started = Instant::now();
        let mut runs = 0_u64;
        while started.elapsed() < SPAN / 4 {
            let page = Page {
                after: Some(Position::of(tag(scatter(runs, rows)))),
                limit: 100,
                order,
            };
            metadata.query(move |read| read.list_tags(home, None, &page)).await?;
            runs += 1;
        }
        println!("page of 100 tags, {order:?}: {:.1} us", micros(started.elapsed(), runs));
    }
    Ok(())
}

/// What a push of a small image writes, in its three transactions: two blobs and a manifest.
async fn push(metadata: &dyn Metadata, home: Home, n: u64) -> Result<()> {
    let blobs = [n ^ (1 << 60), n ^ (1 << 59)].map(digest);
    for digest in blobs {
        metadata
            .transact(Durability::Durable, move |tx| {
                let blob = tx.insert_blob(&NewBlob {
                    storage_account: home.account,
                    digest,
                    bytes: NewBlobBytes::Row(Bytes::from_static(b"bytes")),
                    created_at: Timestamp(2),
                })?;
                tx.link_blob(home.repository, blob, Timestamp(2))
            })
            .await?;
    }
    let manifest = NewManifest {
        blobs: blobs.to_vec(),
        ..manifest(n)
    };
    metadata
        .transact(Durability::Durable, move |tx| {
            let repository = tx
                .ensure_repository(home.registry, &"app".parse().expect("a name"), Timestamp(2))?
                .expect("the registry is there")
                .repository
                .id;
            let id = tx.put_manifest(repository, &manifest, 0)?.id;
            tx.put_tags(repository, &[tag(n)], id, Timestamp(2))
        })
        .await?;
    Ok(())
}

async fn write_and_read(store: &Arc<SqliteStore>, home: Home, rows: u64, writers: u64, readers: u64) -> Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(1 << 40);
    let (stop, pushes, pulls) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicU64::new(0)),
    );
    let before = store.stats();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..writers {
        let (store, stop, pushes) = (Arc::clone(store), Arc::clone(&stop), Arc::clone(&pushes));
        tasks.spawn(async move {
            let mut slowest = Duration::ZERO;
            while !stop.load(Relaxed) {
                let started = Instant::now();
                push(&*store, home, NEXT.fetch_add(1, Relaxed)).await?;
                slowest = slowest.max(started.elapsed());
                pushes.fetch_add(1, Relaxed);
            }
            Ok::<_, Box<dyn Error + Send + Sync>>(slowest)
        });
    }
    for reader in 0..readers {
        let (store, stop, pulls) = (Arc::clone(store), Arc::clone(&stop), Arc::clone(&pulls));
        tasks.spawn(async move {
            let mut n = reader << 32;
            let mut slowest = Duration::ZERO;
            while !stop.load(Relaxed) {
                let started = Instant::now();
                pull(&*store, home.repository, scatter(n, rows)).await?;
                slowest = slowest.max(started.elapsed());
                pulls.fetch_add(1, Relaxed);
                n += 1;
                tokio::task::yield_now().await;
            }
            Ok(slowest)
        });
    }
    let started = Instant::now();
    tokio::time::sleep(SPAN).await;
    stop.store(true, Relaxed);
    let mut slowest = Duration::ZERO;
    while let Some(task) = tasks.join_next().await {
        slowest = slowest.max(task??);
    }
    let seconds = started.elapsed().as_secs_f64();
    let after = store.stats();
    let (pushes, pulls) = (pushes.load(Relaxed), pulls.load(Relaxed));
    println!(
        "{writers} writers, {readers} readers: {:.0} pushes/s, {:.0} pulls/s, slowest {slowest:?}, {} writes in {} flushes, {} checkpoints",
        per_second(pushes, seconds),
        per_second(pulls, seconds),
        after.writes - before.writes,
        after.durable_batches - before.durable_batches,
        after.checkpoints - before.checkpoints,
    );
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn per_second(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn micros(elapsed: Duration, count: u64) -> f64 {
    elapsed.as_secs_f64() * 1e6 / count as f64
}
