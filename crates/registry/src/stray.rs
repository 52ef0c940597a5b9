//! Strays: objects of the stores that no row names, as a lost database or a power cut leaves them. They are looked for
//! when the operator asks, and collected when they are older than the grace period. An object of a running upload has a
//! row from its first byte on, so it is no stray. Each is looked up again in the transaction that hands it to the
//! collector's queue; whatever ends then, the queue deletes it.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc::Sender;

use crate::{
    CollectOptions, Error, Registry, Timestamp,
    failure::{Batches, Failures},
    limits::{CANDIDATES_PER_TRANSACTION, ROWS_PER_STEP},
    ports::{Blobs, Candidate, Durability, MetadataExt, ObjectInfo, ObjectKey, StorageAccountId, StoreError, Tx},
};

/// How long an object may take from its last byte to its row before it counts as forgotten.
const SETTLE: Duration = Duration::from_secs(2);

/// An object that no row names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// Name of the storage account it lies in.
    pub account: String,
    /// The object.
    pub object: ObjectKey,
    /// Its length.
    pub size_bytes: u64,
    /// When it last got bytes.
    pub written_at: Timestamp,
}

/// What a look for strays found, or a collection of them did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Strays {
    /// Objects of the stores.
    pub objects: u64,
    /// Those that no row names.
    pub strays: u64,
    /// Bytes in them.
    pub size_bytes: u64,
    /// Strays that the grace period keeps.
    pub young: u64,
    /// Objects removed, or that would be.
    pub removed: u64,
    /// Bytes those objects held.
    pub freed_bytes: u64,
    /// What was passed over.
    pub failures: Failures,
}

/// A store and its account's name.
struct Place {
    account: StorageAccountId,
    name: String,
    store: Arc<dyn Blobs>,
}

impl Registry {
    /// Tells every stray.
    ///
    /// # Errors
    /// [`Error::Metadata`]; a store that cannot be listed is a failure.
    pub async fn list_strays(&self, events: Sender<Stray>) -> Result<Strays, Error> {
        let mut found = Strays::default();
        for place in self.places_of_objects().await? {
            for (object, written_at) in self.look_for_strays(&place, &mut found).await? {
                let stray = Stray {
                    account: place.name.clone(),
                    object: object.key,
                    size_bytes: object.size_bytes,
                    written_at,
                };
                // Whoever hung up does not want to know; the counts are right all the same.
                drop(events.send(stray).await);
            }
        }
        Ok(found)
    }

    /// Removes the strays that got no bytes for the grace period.
    ///
    /// # Errors
    /// [`Error::Metadata`], [`Error::Full`], [`Error::Overloaded`]; what was removed before stays removed.
    pub async fn collect_strays(&self, options: CollectOptions) -> Result<Strays, Error> {
        let due = self.clock.now().minus(options.grace);
        let mut found = Strays::default();
        for place in self.places_of_objects().await? {
            let strays = self.look_for_strays(&place, &mut found).await?;
            let all = strays.len() as u64;
            let old: Vec<ObjectInfo> = strays
                .into_iter()
                .filter(|(_, written_at)| *written_at <= due)
                .map(|(object, _)| object)
                .collect();
            found.young += all - old.len() as u64;
            if options.dry_run {
                found.removed += old.len() as u64;
                found.freed_bytes += old.iter().map(|object| object.size_bytes).sum::<u64>();
                continue;
            }
            for batch in old.chunks(CANDIDATES_PER_TRANSACTION) {
                self.remove_strays(&place, batch.to_vec(), &mut found).await?;
            }
        }
        Ok(found)
    }

    async fn places_of_objects(&self) -> Result<Vec<Place>, Error> {
        let accounts = self.metadata.query(|read| read.list_storage_accounts()).await?;
        let stores = self.stores().into_iter();
        Ok(stores
            .map(|(account, store)| {
                let name = accounts.iter().find(|known| known.id == account);
                Place {
                    account,
                    name: name.map_or_else(|| format!("#{}", account.0), |known| known.name.clone()),
                    store,
                }
            })
            .collect())
    }

    /// The strays of a store, each with the moment when it last got bytes.
    async fn look_for_strays(&self, place: &Place, found: &mut Strays) -> Result<Vec<(ObjectInfo, Timestamp)>, Error> {
        let objects = match place.store.list().await {
            Ok(objects) => objects,
            Err(error) => {
                found
                    .failures
                    .add(format_args!("storage account {}", place.name), &error);
                return Ok(Vec::new());
            }
        };
        found.objects += objects.len() as u64;
        let mut strays = Vec::new();
        for object in self.keep_strays(place.account, objects).await? {
            match place.store.written_at(&object.key).await {
                Ok(written_at) => {
                    found.strays += 1;
                    found.size_bytes += object.size_bytes;
                    strays.push((object, written_at));
                }
                // Deleted since the listing.
                Err(StoreError::Missing { .. }) => {}
                Err(error) => found.failures.add(name(place, &object.key), &error),
            }
        }
        Ok(strays)
    }

    /// Those of the objects that no row names, and are not about to get one.
    pub(crate) async fn keep_strays(
        &self,
        account: StorageAccountId,
        objects: Vec<ObjectInfo>,
    ) -> Result<Vec<ObjectInfo>, Error> {
        let mut unknown = self.keep_unknown(account, objects).await?;
        if !unknown.is_empty() {
            tokio::time::sleep(SETTLE).await;
            unknown = self.keep_unknown(account, unknown).await?;
        }
        Ok(unknown)
    }

    async fn keep_unknown(
        &self,
        account: StorageAccountId,
        objects: Vec<ObjectInfo>,
    ) -> Result<Vec<ObjectInfo>, Error> {
        let mut unknown = Vec::new();
        let mut rest = objects.into_iter();
        loop {
            let batch: Vec<ObjectInfo> = rest.by_ref().take(ROWS_PER_STEP).collect();
            if batch.is_empty() {
                return Ok(unknown);
            }
            let found = self.metadata.query(move |read| {
                let mut unknown = Vec::new();
                for object in batch {
                    if !read.is_object_known(account, &object.key)? {
                        unknown.push(object);
                    }
                }
                Ok(unknown)
            });
            unknown.extend(found.await?);
            tokio::task::yield_now().await;
        }
    }

    /// First the rows that say that they go, then the objects: what is cut off between is done by the next collection.
    async fn remove_strays(&self, place: &Place, strays: Vec<ObjectInfo>, found: &mut Strays) -> Result<(), Error> {
        let (account, now) = (place.account, self.clock.now());
        let mut batches = Batches::of(strays);
        while let Some(batch) = batches.next() {
            let objects = batch.clone();
            let queued = self
                .metadata
                .transact(Durability::Durable, move |tx| queue_strays(tx, account, objects, now))
                .await;
            match queued {
                Ok(queued) => {
                    for object in queued {
                        match self.try_delete_object(account, &object.key, object.size_bytes).await {
                            Ok(()) => {
                                found.removed += 1;
                                found.freed_bytes += object.size_bytes;
                            }
                            Err(error) => found.failures.add(name(place, &object.key), &error),
                        }
                    }
                }
                Err(error) => {
                    if let Some((object, error)) = batches.failed(batch, error)? {
                        found.failures.add(name(place, &object.key), &error);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Queues those that are strays still.
fn queue_strays(
    tx: &mut dyn Tx,
    account: StorageAccountId,
    objects: Vec<ObjectInfo>,
    now: Timestamp,
) -> Result<Vec<ObjectInfo>, Error> {
    let mut queued = Vec::new();
    for object in objects {
        if tx.is_object_known(account, &object.key)? {
            continue;
        }
        let candidate = Candidate::Object {
            storage_account: account,
            object_key: object.key.clone(),
            size_bytes: object.size_bytes,
        };
        tx.queue_candidate(&candidate, now)?;
        queued.push(object);
    }
    Ok(queued)
}

fn name(place: &Place, object: &ObjectKey) -> String {
    format!("object {object} of storage account {}", place.name)
}
