//! Opening the app on its data folder: nothing else knows all adapters. It makes what is missing on first start and refuses
//! to open where that would be unsafe, with a message that says what to do.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, bail};
use holdfast_blobs::{FilesystemPlaces, FilesystemStore, LocationPlaces};
use holdfast_identity::{NewAdminPassword, PasswordHasher, Sealer, admin_password::Slot};
use holdfast_model::{
    Blobs, Clock, Metadata, MetadataExt as _, Places as _, RandomIds, RegistryRecord, StorageAccountId, StoreError,
    SystemClock, Timestamp,
};
use holdfast_operations::{FirstStart, Operator, Overview, Parts};
use holdfast_resources::{SealedPassword, ensure_location, forget_location, holds_objects};
use uuid::Uuid;

use crate::{
    clock::DatabaseClock,
    folder::{Folder, Held},
    keys::Keys,
    locations::{LOCAL, Locations, OWN_ACCOUNT, OpenLocations, Root, own_account},
    remains::{self, Remains},
    rows::Rows,
    settings::Settings,
};

/// Names that a first start gives.
const REGISTRY: &str = "holdfast";
const RESOURCE_GROUP: &str = "default";
/// No clock is right that shows less: 2024-01-01.
const EARLIEST_SECS: u64 = 1_704_067_200;
/// How far the clock may be behind what it showed before. Days of difference are a wrong clock, not a summer time.
const MAX_SET_BACK: Duration = Duration::from_secs(86_400);
/// A clock that is so far from the database's is worth a word.
const CLOCKS_APART: Duration = Duration::from_secs(5);
/// With less room than this the log warns at start.
const LOW_SPACE_BYTES: u64 = 1 << 30;

/// Everything that lies in a data folder, or where its settings say instead, opened.
pub(crate) struct App {
    pub(crate) folder: Folder,
    pub(crate) keys: Arc<Keys>,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) password_hasher: Arc<PasswordHasher>,
    pub(crate) rows: Rows,
    /// What the clock goes by, where that is not this machine's.
    pub(crate) database_clock: Option<Arc<DatabaseClock>>,
    pub(crate) operator: Operator,
    /// The registry that the base host stands for: the first one made.
    pub(crate) default_registry: RegistryRecord,
    /// The directory's id.
    pub(crate) tenant: Uuid,
    /// The subscription that a first start made.
    pub(crate) subscription: Uuid,
    /// Whether this start made it all.
    pub(crate) is_new: bool,
    /// Where the locations lie.
    pub(crate) locations: OpenLocations,
    // Last: the folder is let go when everything in it is closed.
    _held: Held,
}

impl App {
    /// Opens a data folder that this process holds, making what is missing. Blocks now and then: for start-up.
    pub(crate) async fn open(
        settings: &Settings,
        folder: Folder,
        held: Held,
        locations: &Locations,
        remains: Remains,
    ) -> anyhow::Result<Self> {
        check_clock(&folder)?;
        let rows = open_rows(settings, &folder, locations, remains).await?;
        let database_clock = database_clock(&rows).await?;
        let clock: Arc<dyn Clock> = match &database_clock {
            Some(clock) => Arc::<DatabaseClock>::clone(clock),
            None => Arc::new(SystemClock),
        };
        let keys = Keys::open(&rows, &folder, settings.master_key.as_deref(), clock.now()).await?;
        let sealer = Arc::new(Sealer::new(keys.in_force()));
        let password_hasher = Arc::new(PasswordHasher::new(keys.in_force()));
        let port = rows.port();
        let makes_folder = make_first_store(port.as_ref(), &folder, locations).await?;
        let is_new = first_start(&sealer)?
            .run(port.as_ref(), &RandomIds, clock.now())
            .await
            .context("cannot make the first registry")?;
        if makes_folder && !is_new {
            unmake_first_store(&folder).await?;
        }
        let overview = Overview::read(port.as_ref())
            .await
            .context("cannot read the database")?;
        let tenant = overview.directory.as_ref().map(|directory| directory.tenant_id);
        let tenant = tenant.context("the database holds no directory; restore a backup of it")?;
        let subscription = overview.subscriptions.first().map(|subscription| subscription.id);
        let subscription = subscription.context("the database holds no subscription; restore a backup of it")?;
        let default_registry = overview.registries.into_iter().next();
        let default_registry = default_registry.context("the database holds no registry; restore a backup of it")?;
        let (locations, stores) = open_stores(port.as_ref(), &folder, locations, tenant).await?;
        let operator = Operator::new(Parts {
            metadata: port,
            stores,
            places: Arc::<LocationPlaces>::clone(&locations.places),
            clock,
            ids: Arc::new(RandomIds),
            limits: settings.limits(),
        });
        Ok(Self {
            folder,
            keys: Arc::new(keys),
            sealer,
            password_hasher,
            rows,
            database_clock,
            operator,
            default_registry,
            tenant,
            subscription,
            is_new,
            locations,
            _held: held,
        })
    }

    /// Proves that the service's own stores can be written, and says when room gets short. What is full or a user's
    /// stops no start: everything else can be read.
    pub(crate) async fn probe(&self) -> anyhow::Result<()> {
        let accounts = self.rows.as_port().query(|read| read.list_storage_accounts()).await?;
        let stores: HashMap<_, _> = self.operator.stores().into_iter().collect();
        for account in accounts {
            let root = self.locations.root(&account);
            let is_in_bucket = matches!(root, Some(Root::Bucket(..)));
            // A user's lies in the same bucket as the service's own, which is asked with the same credentials.
            let Some(store) = stores.get(&account.id).filter(|_| account.is_own() || !is_in_bucket) else {
                continue;
            };
            match store.probe().await {
                Ok(()) => {}
                Err(error) if account.is_own() && !matches!(error, StoreError::Full { .. }) => {
                    return Err(error).with_context(|| match root {
                        Some(Root::Bucket(url, _)) => format!(
                            "{url} cannot be used; see that it may be read, written, listed and deleted in, and that it \
                             keeps If-None-Match"
                        ),
                        _ => "a folder for blobs cannot be written; see who owns it".to_owned(),
                    });
                }
                Err(error) => {
                    let error = format!("{:#}", anyhow::Error::from(error));
                    tracing::warn!(error, account = account.name, "a storage account cannot be written");
                }
            }
        }
        self.warn_if_full("the data folder", self.folder.path())?;
        for (location, root) in self.locations.folders().filter(|(location, _)| *location != LOCAL) {
            self.warn_if_full(&format!("the location {location}"), root)?;
        }
        Ok(())
    }

    fn warn_if_full(&self, what: &str, path: &Path) -> anyhow::Result<()> {
        let free = free_bytes(path).context("cannot ask how much room is left")?;
        if free < LOW_SPACE_BYTES {
            tracing::warn!(
                free_bytes = free,
                "little room is left for {what}: {}",
                crate::output::bytes(free)
            );
        }
        Ok(())
    }

    /// Finishes all writes and closes the database.
    pub(crate) async fn close(&self) {
        self.rows.close().await;
    }
}

fn first_start(sealer: &Sealer) -> anyhow::Result<FirstStart> {
    let make = |slot| {
        let NewAdminPassword { sealed, verifier, .. } = NewAdminPassword::generate(sealer, REGISTRY, slot)?;
        anyhow::Ok(SealedPassword { sealed, verifier })
    };
    Ok(FirstStart {
        registry: REGISTRY.to_owned(),
        resource_group: RESOURCE_GROUP.to_owned(),
        location: LOCAL.to_owned(),
        storage_account: OWN_ACCOUNT.to_owned(),
        passwords: [make(Slot::First)?, make(Slot::Second)?],
    })
}

/// Opens the database. One without a registry is for a first start, which is refused where objects lie already.
async fn open_rows(
    settings: &Settings,
    folder: &Folder,
    locations: &Locations,
    remains: Remains,
) -> anyhow::Result<Rows> {
    let rows = match &settings.database {
        Some(database) => Rows::shared(database, folder)?,
        None => {
            if remains != Remains::LeaveBehind {
                remains::refuse_if_without_rows(folder, locations)?;
            }
            Rows::of_folder(folder)?
        }
    };
    let overview = Overview::read(rows.as_port())
        .await
        .context("cannot read the database")?;
    match (overview.directory, remains) {
        (None, Remains::LeaveBehind) | (Some(_), Remains::Refuse | Remains::MakeNone) => {}
        (None, Remains::Refuse) if settings.database.is_some() => remains::refuse_beside_shared(folder, locations)?,
        (None, Remains::Refuse) => remains::refuse(folder, locations)?,
        (None, Remains::MakeNone) => {
            if settings.database.is_none() {
                remains::refuse(folder, locations)?;
            }
            bail!("the database holds no registry; make one with: holdfast serve");
        }
        (Some(_), Remains::LeaveBehind) if settings.database.is_some() => {
            bail!("the database of --database holds a registry; to make another one, name another database")
        }
        (Some(_), Remains::LeaveBehind) => {
            let path = folder.path().display();
            bail!("{path} holds a registry; to make another one, choose another --data-dir");
        }
    }
    Ok(rows)
}

/// The clock that nodes share, where there may be several.
async fn database_clock(rows: &Rows) -> anyhow::Result<Option<Arc<DatabaseClock>>> {
    let Rows::Postgres(_) = rows else { return Ok(None) };
    let clock = DatabaseClock::ask(rows.as_port()).await;
    let clock = clock.context("cannot ask the database for the time")?;
    let (ours, theirs) = (SystemClock.now(), clock.now());
    let apart = ours.since(theirs).max(theirs.since(ours));
    if apart > CLOCKS_APART {
        tracing::warn!(
            apart_secs = apart.as_secs(),
            "the clock of this machine does not show what the database's does, which counts"
        );
    }
    Ok(Some(Arc::new(clock)))
}

type Stores = HashMap<StorageAccountId, Arc<dyn Blobs>>;

/// The first account's folder is there before its row: afterwards one that is gone is missed. Says whether it was made. Where
/// the operator says where the service's storage lies, the place is looked at, and taken when there are rows.
async fn make_first_store(metadata: &dyn Metadata, folder: &Folder, locations: &Locations) -> anyhow::Result<bool> {
    let overview = Overview::read(metadata).await.context("cannot read the database")?;
    if overview.directory.is_some() {
        return Ok(false);
    }
    if locations.names_place_of(LOCAL) {
        refuse_taken(metadata, folder, locations).await?;
        return Ok(false);
    }
    let path = folder.blobs().join(OWN_ACCOUNT);
    FilesystemStore::open(&path).with_context(|| format!("cannot make the blobs in {}", path.display()))?;
    Ok(true)
}

/// Another node may have made the rows, and then the mark, since they were looked for: its place is ours.
async fn refuse_taken(metadata: &dyn Metadata, folder: &Folder, locations: &Locations) -> anyhow::Result<()> {
    let Err(taken) = locations.refuse_taken(folder).await else {
        return Ok(());
    };
    let overview = Overview::read(metadata).await.context("cannot read the database")?;
    match overview.directory {
        Some(_) => Ok(()),
        None => Err(taken),
    }
}

/// Another node was first, so the blobs lie in its folder: one here would be taken for that.
async fn unmake_first_store(folder: &Folder) -> anyhow::Result<()> {
    let places = FilesystemPlaces::new(BTreeMap::from([(LOCAL.to_owned(), folder.blobs())]));
    let removed = places.remove(LOCAL, OWN_ACCOUNT).await;
    removed.with_context(|| format!("cannot remove the blobs in {}", folder.blobs().display()))
}

/// Opens the store of every storage account. Locations that are new get one of the service's own; those that are declared
/// no longer go when nothing lies in them.
async fn open_stores(
    metadata: &dyn Metadata,
    folder: &Folder,
    locations: &Locations,
    tenant: Uuid,
) -> anyhow::Result<(OpenLocations, Stores)> {
    forget_empty(metadata, locations).await?;
    let opened = locations.take(folder, tenant, metadata).await?;
    let known = Overview::read(metadata).await?.storage_accounts;
    for location in locations.names() {
        let account = own_account(location);
        let is_known = known.iter().any(|known| known.name == account);
        if !is_known || location == LOCAL && is_unmade(metadata, &opened).await? {
            let made = opened.places.make(location, &account).await;
            drop(made.with_context(|| format!("cannot make the blobs of location {location}"))?);
        }
        if !is_known {
            let now = SystemClock.now();
            let ensured = ensure_location(metadata, location.clone(), account, now).await;
            ensured.with_context(|| format!("cannot make the location {location}"))?;
        }
    }
    let mut stores = Stores::new();
    for account in Overview::read(metadata).await?.storage_accounts {
        let store = opened.places.open(&account.location, &account.name).await;
        let store = store.with_context(|| match opened.root(&account) {
            Some(root @ Root::Folder(_)) => {
                format!("cannot open the blobs in {root}; mount their disk, or restore them from a backup")
            }
            Some(root @ Root::Bucket(..)) => format!("cannot open the blobs in {root}; restore them from a backup"),
            None => format!("cannot open the blobs of storage account {}", account.name),
        })?;
        stores.insert(account.id, store);
    }
    Ok((opened, stores))
}

/// Whether the service's own storage, whose row is there first, is not there, and no row misses it.
async fn is_unmade(metadata: &dyn Metadata, opened: &OpenLocations) -> anyhow::Result<bool> {
    let accounts = opened.places.list(LOCAL).await;
    let accounts = accounts.with_context(|| format!("cannot look into the location {LOCAL}"))?;
    Ok(!accounts.iter().any(|name| name == OWN_ACCOUNT) && !holds_objects(metadata, LOCAL).await?)
}

async fn forget_empty(metadata: &dyn Metadata, locations: &Locations) -> anyhow::Result<()> {
    let known = Overview::read(metadata).await?.storage_accounts;
    let known: BTreeSet<String> = known.into_iter().map(|account| account.location).collect();
    for location in known {
        let is_declared = location == LOCAL || locations.names().any(|name| *name == location);
        if !is_declared && forget_location(metadata, location.clone()).await? {
            tracing::info!(
                location,
                "nothing lies in a location that no setting names any more; it is forgotten"
            );
        }
    }
    Ok(())
}

/// Bytes that can still be written under a path.
pub(crate) fn free_bytes(path: &Path) -> std::io::Result<u64> {
    let space = rustix::fs::statvfs(path)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// Tokens, certificates and the garbage collector's grace period all trust the clock.
fn check_clock(folder: &Folder) -> anyhow::Result<()> {
    let Timestamp(now) = SystemClock.now();
    let now = UNIX_EPOCH + Duration::from_micros(u64::try_from(now).unwrap_or(0));
    if now < UNIX_EPOCH + Duration::from_secs(EARLIEST_SECS) {
        bail!("the clock of this machine shows a time before 2024; set it first");
    }
    check_not_set_back(now, folder.last_written_at())
}

fn check_not_set_back(now: SystemTime, last_written_at: Option<SystemTime>) -> anyhow::Result<()> {
    let ahead = last_written_at.and_then(|then| then.duration_since(now).ok());
    if let Some(ahead) = ahead
        && ahead > MAX_SET_BACK
    {
        bail!(
            "the database was last written {} hours later than the clock of this machine shows; set the clock first",
            ahead.as_secs() / 3600
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_by_days_is_refused() {
        let now = SystemTime::now();
        let hours = |count: u64| Duration::from_secs(count * 3600);
        assert!(check_not_set_back(now, None).is_ok());
        assert!(check_not_set_back(now, Some(now - hours(1000))).is_ok());
        assert!(check_not_set_back(now, Some(now + hours(23))).is_ok());
        let error = check_not_set_back(now, Some(now + hours(49))).unwrap_err();
        assert!(error.to_string().contains("49 hours"), "{error}");
    }
}
