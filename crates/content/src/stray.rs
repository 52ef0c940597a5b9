//! Strays: objects of the stores that no row names, as a lost database or a power cut leaves them. They are looked for
//! when the operator asks, and collected when they are older than the grace period. An object of a running upload has a
//! row from its first byte on, so it is no stray. Each is looked up again in the transaction that hands it to the
//! collector's queue; whatever ends then, the queue deletes it. A store that no storage account's row names is of strays
//! only; it goes with the last of them, while no account is made.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use futures_core::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use holdfast_model::{
    Blobs, Candidate, Durability, GarbageObject, MetadataError, MetadataExt, ObjectInfo, ObjectKey, StorageAccountId,
    StorageError, StoreError, Timestamp, Tx,
};
use tokio::sync::mpsc::Sender;

use crate::{
    CollectOptions, Operator,
    failure::{Batches, Failures},
    limits::{CANDIDATES_PER_TRANSACTION, OBJECTS_PER_LOOK, ROWS_PER_STEP},
};

/// How long an object may take from its last byte to its row before it counts as forgotten.
const SETTLE: Duration = Duration::from_secs(2);

/// An object that no row names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// Name of the storage account it lies in, or of the folder that no account's row names.
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

/// A listing of a store.
type Objects<'a> = BoxStream<'a, Result<ObjectInfo, StoreError>>;

/// A store.
pub(crate) struct Place {
    /// The storage account; `None` when no row names it.
    pub(crate) account: Option<StorageAccountId>,
    location: String,
    name: String,
    pub(crate) store: Arc<dyn Blobs>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.account {
            Some(_) => write!(f, "storage account {}", self.name),
            None => write!(f, "folder {} in location {}", self.name, self.location),
        }
    }
}

impl Operator {
    /// Tells every stray.
    ///
    /// # Errors
    /// [`StorageError`]; a store that cannot be listed is a failure.
    pub async fn list_strays(&self, events: Sender<Stray>) -> Result<Strays, StorageError> {
        let mut found = Strays::default();
        for place in self.places_of_objects(&mut found.failures).await? {
            let mut listing = place.store.list();
            while let Some(strays) = self.next_strays(&place, &mut listing, &mut found).await? {
                for (object, written_at) in strays {
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
        }
        Ok(found)
    }

    /// Removes the strays that got no bytes for the grace period.
    ///
    /// # Errors
    /// [`StorageError`]; what was removed before stays removed.
    pub async fn collect_strays(&self, options: CollectOptions) -> Result<Strays, StorageError> {
        let due = self.clock.now().minus(options.grace);
        let mut found = Strays::default();
        for place in self.places_of_objects(&mut found.failures).await? {
            match place.account {
                Some(_) => drop(self.collect_strays_of(&place, options, due, &mut found).await?),
                None => self.collect_unknown(&place, options, due, &mut found).await?,
            }
        }
        Ok(found)
    }

    /// Removes the strays of a store; says whether none is left.
    async fn collect_strays_of(
        &self,
        place: &Place,
        options: CollectOptions,
        due: Timestamp,
        found: &mut Strays,
    ) -> Result<bool, StorageError> {
        let (failed_before, young_before) = (found.failures.count, found.young);
        let mut listing = place.store.list();
        while let Some(strays) = self.next_strays(place, &mut listing, found).await? {
            let all = strays.len();
            let old: Vec<ObjectInfo> = strays
                .into_iter()
                .filter(|(_, written_at)| *written_at <= due)
                .map(|(object, _)| object)
                .collect();
            found.young += (all - old.len()) as u64;
            if options.dry_run {
                found.removed += old.len() as u64;
                found.freed_bytes += old.iter().map(|object| object.size_bytes).sum::<u64>();
                continue;
            }
            for batch in old.chunks(CANDIDATES_PER_TRANSACTION) {
                self.remove_strays(place, batch.to_vec(), found).await?;
            }
        }
        Ok(!options.dry_run && found.young == young_before && found.failures.count == failed_before)
    }

    /// The same for a store that no row names, which goes with the last of them.
    async fn collect_unknown(
        &self,
        place: &Place,
        options: CollectOptions,
        due: Timestamp,
        found: &mut Strays,
    ) -> Result<(), StorageError> {
        // Its account may have been made since the look, and is not made meanwhile.
        let _change = self.stores.change().await;
        let (location, name) = (place.location.clone(), place.name.clone());
        let account = self
            .metadata
            .query(move |read| read.find_storage_account_by_name(&name));
        if account.await?.is_some_and(|account| account.location == location) {
            return Ok(());
        }
        if self.collect_strays_of(place, options, due, found).await?
            && let Err(error) = self.stores.places().remove(&place.location, &place.name).await
        {
            found.failures.add(place, &error);
        }
        Ok(())
    }

    /// The stores of all accounts, and those that lie in the locations though no account's row names them.
    pub(crate) async fn places_of_objects(&self, failures: &mut Failures) -> Result<Vec<Place>, StorageError> {
        let accounts = self.metadata.query(|read| read.list_storage_accounts()).await?;
        let mut found = Vec::new();
        for known in &accounts {
            match self.store(known.id).await {
                Ok(store) => found.push(Place {
                    account: Some(known.id),
                    location: known.location.clone(),
                    name: known.name.clone(),
                    store,
                }),
                Err(error) => failures.add(format_args!("storage account {}", known.name), &error),
            }
        }
        let locations: BTreeSet<&String> = accounts.iter().map(|account| &account.location).collect();
        for location in locations {
            let here = accounts.iter().filter(|known| known.location == *location);
            let names = match self.stores.places().list(location).await {
                Ok(names) => names,
                Err(error) => {
                    failures.add(format_args!("location {location}"), &error);
                    continue;
                }
            };
            for name in names {
                if here.clone().any(|known| known.name.eq_ignore_ascii_case(&name)) {
                    continue;
                }
                match self.stores.places().open(location, &name).await {
                    Ok(store) => found.push(Place {
                        account: None,
                        location: location.clone(),
                        name,
                        store,
                    }),
                    Err(error) => failures.add(format_args!("folder {name} in location {location}"), &error),
                }
            }
        }
        Ok(found)
    }

    /// The strays among the next objects of a store, each with the moment when it last got bytes; `None` after the last
    /// ones.
    async fn next_strays(
        &self,
        place: &Place,
        listing: &mut Objects<'_>,
        found: &mut Strays,
    ) -> Result<Option<Vec<(ObjectInfo, Timestamp)>>, StorageError> {
        let objects = match next_objects(listing).await {
            Ok(Some(objects)) => objects,
            Ok(None) => return Ok(None),
            Err(error) => {
                found.failures.add(place, &error);
                return Ok(None);
            }
        };
        found.objects += objects.len() as u64;
        let mut strays = Vec::new();
        let unknown = match place.account {
            Some(account) => self.keep_strays(account, objects).await?,
            None => objects,
        };
        for object in unknown {
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
        Ok(Some(strays))
    }

    /// Those of the objects that no row names, and are not about to get one.
    pub(crate) async fn keep_strays(
        &self,
        account: StorageAccountId,
        objects: Vec<ObjectInfo>,
    ) -> Result<Vec<ObjectInfo>, StorageError> {
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
    ) -> Result<Vec<ObjectInfo>, StorageError> {
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
                Ok::<_, MetadataError>(unknown)
            });
            unknown.extend(found.await?);
            tokio::task::yield_now().await;
        }
    }

    async fn remove_strays(
        &self,
        place: &Place,
        strays: Vec<ObjectInfo>,
        found: &mut Strays,
    ) -> Result<(), StorageError> {
        let Some(account) = place.account else {
            for object in strays {
                match place.store.delete(&object.key).await {
                    Ok(()) => found.count_removed(object.size_bytes),
                    Err(error) => found.failures.add(name(place, &object.key), &error),
                }
            }
            return Ok(());
        };
        let now = self.clock.now();
        let mut batches = Batches::of(strays);
        while let Some(batch) = batches.next_batch() {
            let objects = batch.clone();
            // First the rows that say that they go, then the objects: what is cut off between is done by the collector.
            let queued = self
                .metadata
                .transact(Durability::Durable, move |tx| {
                    queue_strays(tx, account, objects.clone(), now)
                })
                .await;
            match queued {
                Ok(queued) => {
                    let deleted = self.try_delete_objects(queued).await?;
                    for object in &deleted.gone {
                        found.count_removed(object.size_bytes);
                    }
                    for (object, error) in &deleted.kept {
                        found.failures.add(name(place, &object.object_key), error);
                    }
                }
                Err(error) => {
                    if let Some((object, error)) = batches.failed(batch, StorageError::from(error))? {
                        found.failures.add(name(place, &object.key), &error);
                    }
                }
            }
        }
        Ok(())
    }
}

impl Strays {
    fn count_removed(&mut self, size_bytes: u64) {
        self.removed += 1;
        self.freed_bytes += size_bytes;
    }
}

/// Queues those that are strays still.
fn queue_strays(
    tx: &mut dyn Tx,
    account: StorageAccountId,
    objects: Vec<ObjectInfo>,
    now: Timestamp,
) -> Result<Vec<GarbageObject>, MetadataError> {
    let mut queued = Vec::new();
    for object in objects {
        if tx.is_object_known(account, &object.key)? {
            continue;
        }
        let garbage = garbage(account, object);
        tx.queue_candidate(&Candidate::Object(garbage.clone()), now)?;
        queued.push(garbage);
    }
    Ok(queued)
}

fn garbage(account: StorageAccountId, object: ObjectInfo) -> GarbageObject {
    GarbageObject {
        storage_account: account,
        object_key: object.key,
        size_bytes: object.size_bytes,
        unfinished: None,
    }
}

/// As many objects of a listing as are looked up together; `None` after the last ones.
pub(crate) async fn next_objects(listing: &mut Objects<'_>) -> Result<Option<Vec<ObjectInfo>>, StoreError> {
    let objects: Vec<ObjectInfo> = listing.take(OBJECTS_PER_LOOK).try_collect().await?;
    Ok((!objects.is_empty()).then_some(objects))
}

fn name(place: &Place, object: &ObjectKey) -> String {
    format!("object {object} of {place}")
}
