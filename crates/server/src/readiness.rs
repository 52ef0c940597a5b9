//! Whether this server can serve reads and writes: what `/readyz` and the metrics say. It looks at the database and at
//! the stores that the service owns. A user's store that is broken takes nothing out; it is only counted. It refuses to
//! mend anything.

use std::{
    collections::HashMap,
    error::Error as _,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use holdfast_model::{
    Blobs, Durability, Metadata, MetadataError, MetadataExt as _, StorageAccount, StorageAccountId, StoreError, Tx,
};
use holdfast_operations::Operator;
use tokio::{
    sync::{Mutex, Semaphore},
    time::timeout,
};

use uuid::Uuid;

use crate::{boot::free_bytes, metrics::Metrics};

/// How long an answer is good: probes of many balancers must not keep the disk busy.
const AGE: Duration = Duration::from_secs(1);
/// The same for the stores of users, of which there may be many.
const USERS_AGE: Duration = Duration::from_secs(60);
/// How long database and stores may take to answer a probe.
const PROBE_WAIT: Duration = Duration::from_secs(5);
/// Users' stores that are looked at at once, those that hang among them: each may hold a thread.
const USERS_PROBES: usize = 16;
/// With less room than this, writes are about to fail.
const MIN_FREE_BYTES: u64 = 1 << 20;

/// What a server is asked to be ready for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Read,
    Write,
}

/// What was found, the worse the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Ready,
    Full,
    Broken,
}

impl Purpose {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

impl State {
    pub(crate) const ALL: [Self; 3] = [Self::Ready, Self::Full, Self::Broken];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Full => "full",
            Self::Broken => "broken",
        }
    }
}

/// Probes, and remembers what they found for a while.
pub(crate) struct Readiness {
    operator: Operator,
    metadata: Arc<dyn Metadata>,
    /// Folders on every disk that writes go to.
    folders: Vec<PathBuf>,
    reading: Remembered<Found>,
    writing: Remembered<Found>,
    users: Remembered<Vec<State>>,
    users_probes: Arc<Semaphore>,
}

/// The worst of database and disks, and what each of the service's stores is.
#[derive(Debug, Clone)]
struct Found {
    worst: State,
    stores: Vec<State>,
}

impl Readiness {
    pub(crate) fn new(operator: Operator, metadata: Arc<dyn Metadata>, folders: Vec<PathBuf>) -> Self {
        Self {
            operator,
            metadata,
            folders,
            reading: Remembered::new(AGE),
            writing: Remembered::new(AGE),
            users: Remembered::new(USERS_AGE),
            users_probes: Arc::new(Semaphore::new(USERS_PROBES)),
        }
    }

    /// Whether the server is ready for this.
    pub(crate) async fn state(&self, purpose: Purpose) -> State {
        self.found(purpose).await.worst
    }

    /// Sets the gauges.
    pub(crate) async fn measure(&self, metrics: &Metrics) {
        let looked = tokio::join!(
            self.state(Purpose::Read),
            self.found(Purpose::Write),
            self.users.get(|| self.look_at_users())
        );
        let (reading, writing, users) = looked;
        metrics.ready(Purpose::Read, reading);
        metrics.ready(Purpose::Write, writing.worst);
        metrics.storage_accounts("service", &writing.stores);
        metrics.storage_accounts("user", &users);
    }

    async fn found(&self, purpose: Purpose) -> Found {
        let remembered = match purpose {
            Purpose::Read => &self.reading,
            Purpose::Write => &self.writing,
        };
        remembered.get(|| self.look(purpose)).await
    }

    async fn look(&self, purpose: Purpose) -> Found {
        let (database, stores) = tokio::join!(self.look_at_database(purpose), self.look_at_stores(purpose));
        let room = match purpose {
            Purpose::Read => State::Ready,
            Purpose::Write => self.look_for_room().await,
        };
        let all = stores.iter().copied().chain([database, room]);
        Found {
            worst: all.max().unwrap_or(State::Broken),
            stores,
        }
    }

    /// A transaction that finds nothing to change shows that the writer is alive and not far behind. One that asks for
    /// nothing would not be sent to a database that is elsewhere.
    async fn look_at_database(&self, purpose: Purpose) -> State {
        let metadata = &self.metadata;
        let looked = timeout(PROBE_WAIT, async {
            match purpose {
                Purpose::Read => metadata.query(|read| read.find_directory().map(drop)).await,
                Purpose::Write => {
                    let work = |tx: &mut dyn Tx| tx.remove_lease("", Uuid::nil()).map(drop);
                    metadata.transact(Durability::Durable, work).await
                }
            }
        });
        let state = match &looked.await {
            Ok(Ok(())) => return State::Ready,
            Ok(Err(MetadataError::Full { .. })) => State::Full,
            Ok(Err(_)) | Err(_) => State::Broken,
        };
        tracing::warn!(
            purpose = purpose.as_str(),
            "not ready: the database is {}",
            state.as_str()
        );
        state
    }

    async fn look_at_stores(&self, purpose: Purpose) -> Vec<State> {
        let listed = self.metadata.query(|read| read.list_own_storage_accounts());
        let Ok(Ok(accounts)) = timeout(PROBE_WAIT, listed).await else {
            return vec![State::Broken];
        };
        let stores = self.stores();
        let looks = accounts.iter().map(async |account| {
            let looked = timeout(PROBE_WAIT, probe(stores.get(&account.id), purpose)).await;
            let state = looked.unwrap_or(State::Broken);
            if state != State::Ready {
                let purpose = purpose.as_str();
                tracing::warn!(
                    account = account.name,
                    purpose,
                    "not ready: a store is {}",
                    state.as_str()
                );
            }
            state
        });
        join_all(looks).await
    }

    async fn look_for_room(&self) -> State {
        let folders = self.folders.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let free = folders
                .iter()
                .map(|folder| free_bytes(folder))
                .collect::<Result<Vec<_>, _>>();
            free.map(|free| free.into_iter().min())
        });
        match timeout(PROBE_WAIT, asked).await {
            Ok(Ok(Ok(Some(free)))) if free < MIN_FREE_BYTES => State::Full,
            Ok(Ok(Ok(_))) => State::Ready,
            _ => State::Broken,
        }
    }

    /// They are only read: room is their location's, which has a store of the service's own.
    async fn look_at_users(&self) -> Vec<State> {
        let listed = self.metadata.query(|read| read.list_storage_accounts());
        let Ok(Ok(mut accounts)) = timeout(PROBE_WAIT, listed).await else {
            return Vec::new();
        };
        accounts.retain(|account| !account.is_own());
        let stores = self.stores();
        let looked = join_all(
            accounts
                .iter()
                .map(|account| self.look_at_users_store(account, &stores)),
        )
        .await;
        let broken = || {
            accounts
                .iter()
                .zip(&looked)
                .filter(|(_, state)| **state != State::Ready)
        };
        if let Some((first, _)) = broken().next() {
            let count = broken().count();
            tracing::warn!(account = first.name, "{count} storage accounts of users cannot be read");
        }
        looked
    }

    async fn look_at_users_store(
        &self,
        account: &StorageAccount,
        stores: &HashMap<StorageAccountId, Arc<dyn Blobs>>,
    ) -> State {
        let store = stores.get(&account.id).map(Arc::clone);
        let permits = Arc::clone(&self.users_probes);
        let looked = timeout(PROBE_WAIT, async {
            let permit = permits.acquire_owned().await;
            // A task of its own, which nobody cuts off: a probe that hangs keeps its permit.
            tokio::spawn(async move {
                let state = probe(store.as_ref(), Purpose::Read).await;
                drop(permit);
                state
            })
            .await
        });
        match looked.await {
            Ok(Ok(state)) => state,
            Ok(Err(_)) | Err(_) => State::Broken,
        }
    }

    fn stores(&self) -> HashMap<StorageAccountId, Arc<dyn Blobs>> {
        self.operator.stores().into_iter().collect()
    }
}

async fn probe(store: Option<&Arc<dyn Blobs>>, purpose: Purpose) -> State {
    let Some(store) = store else {
        return State::Broken;
    };
    let probed = match purpose {
        Purpose::Read => store.probe_reading().await,
        Purpose::Write => store.probe().await,
    };
    match probed {
        Ok(()) => State::Ready,
        Err(StoreError::Full { .. }) => State::Full,
        Err(error) => {
            tracing::warn!(error = %error, cause = error.source().map(tracing::field::display), "a probe failed");
            State::Broken
        }
    }
}

/// What was found last, found anew when it is too old.
struct Remembered<T> {
    age: Duration,
    last: Mutex<Option<(Instant, T)>>,
}

impl<T: Clone> Remembered<T> {
    fn new(age: Duration) -> Self {
        let last = Mutex::default();
        Self { age, last }
    }

    async fn get<F: Future<Output = T>>(&self, find: impl FnOnce() -> F) -> T {
        // Held while it is looked for, so that many askers make one look.
        let mut last = self.last.lock().await;
        if let Some((at, found)) = &*last
            && at.elapsed() < self.age
        {
            return found.clone();
        }
        let found = find().await;
        *last = Some((Instant::now(), found.clone()));
        found
    }
}
