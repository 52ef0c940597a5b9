//! The keys of this service: in the data folder where its rows lie there too; otherwise rows, which every node reads, and
//! a master key that every node has in a file. It refuses to know what they sign and seal.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use holdfast_identity::{
    ServerKeys,
    keys::{self, KeyFolder, KeyState, MasterKey, RETIRED_SECS, StoredKey},
};
use holdfast_model::{Metadata, ServerKeyRecord, Timestamp};
use holdfast_operations::{
    KEY_TOLD_BEFORE, OlderKeys, Operator, Overview, ensure_server_key, list_server_keys, rotate_server_keys,
};
use tokio::task::spawn_blocking;

use crate::{folder::Folder, rows::Rows};

/// How long a key that signs no more still verifies.
const RETIRED: Duration = Duration::from_secs(RETIRED_SECS.cast_unsigned());

/// The keys, and where they lie.
pub(crate) struct Keys {
    in_force: Arc<ServerKeys>,
    home: Home,
}

enum Home {
    Folder(Arc<KeyFolder>),
    Rows(Arc<dyn Metadata>, MasterKey),
}

/// A key, without its secrets.
pub(crate) struct Key {
    pub(crate) state: KeyState,
    /// When it begins to sign, of one that does not yet.
    pub(crate) signs_from: Option<Timestamp>,
}

impl Keys {
    /// Opens them, making those of a first start. `master_key` is where the operator keeps that one, if not in the folder.
    /// Blocks now and then: for start-up.
    pub(crate) async fn open(
        rows: &Rows,
        folder: &Folder,
        master_key: Option<&Path>,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let key_folder = KeyFolder::at(&folder.keys());
        match (rows, master_key) {
            (Rows::Sqlite(_), None) => {
                let in_force = ServerKeys::open_or_create(&folder.keys()).context("cannot open the server's keys")?;
                Ok(Self::of_folder(in_force, key_folder))
            }
            (Rows::Sqlite(_), Some(path)) => {
                let is_first = Overview::read(rows.as_port()).await?.directory.is_none();
                let in_force = ServerKeys::open_under(&folder.keys(), master(path, is_first)?);
                Ok(Self::of_folder(
                    in_force.context("cannot open the server's keys")?,
                    key_folder,
                ))
            }
            (Rows::Postgres(_), _) => {
                key_folder.create().context("cannot make the folder of keys")?;
                let path = master_key.map_or_else(|| key_folder.master_key(), Path::to_owned);
                let stored = list_server_keys(rows.as_port()).await?;
                let master = master(&path, stored.is_empty())?;
                Self::of_rows(rows.port(), master, stored, now).await
            }
        }
    }

    fn of_folder(in_force: ServerKeys, folder: KeyFolder) -> Self {
        Self {
            in_force: Arc::new(in_force),
            home: Home::Folder(Arc::new(folder)),
        }
    }

    async fn of_rows(
        metadata: Arc<dyn Metadata>,
        master: MasterKey,
        mut stored: Vec<ServerKeyRecord>,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        if stored.is_empty() {
            let first = record(generate(&master).await?, now);
            stored = ensure_server_key(&*metadata, first).await?;
        }
        let in_force = ServerKeys::of_stored(master.clone(), &opened(&stored), now.unix_secs());
        let in_force = in_force.context("cannot open the keys that the nodes share")?;
        Ok(Self {
            in_force: Arc::new(in_force),
            home: Home::Rows(metadata, master),
        })
    }

    /// Those in force now; what is made from them goes along with changes.
    pub(crate) fn in_force(&self) -> &ServerKeys {
        &self.in_force
    }

    /// Takes up what other nodes did.
    pub(crate) async fn look(&self, now: Timestamp) -> anyhow::Result<()> {
        if let Home::Rows(metadata, _) = &self.home {
            let stored = list_server_keys(&**metadata).await?;
            self.in_force.renew(&opened(&stored), now.unix_secs())?;
        }
        Ok(())
    }

    /// All of them, the one that signs first.
    pub(crate) async fn list(&self, now: Timestamp) -> anyhow::Result<Vec<Key>> {
        self.look(now).await?;
        let stored = match &self.home {
            Home::Folder(_) => Vec::new(),
            Home::Rows(metadata, _) => list_server_keys(&**metadata).await?,
        };
        let signs_from = |state: &KeyState| {
            let key = stored.iter().find(|key| key.kid == state.kid)?;
            (!state.is_signing && key.signs_from > now).then_some(key.signs_from)
        };
        let states = self.in_force.list(now.unix_secs()).into_iter();
        Ok(states
            .map(|state| Key {
                signs_from: signs_from(&state),
                state,
            })
            .collect())
    }

    /// Makes a new key that signs; of a shared database, as soon as every node knows it.
    pub(crate) async fn rotate(&self, clock: &Operator) -> anyhow::Result<()> {
        match &self.home {
            Home::Folder(folder) => {
                let now = clock.now().unix_secs();
                self.change(folder, move |folder, keys| folder.rotate(keys, now)).await
            }
            Home::Rows(metadata, master) => {
                let new = generate(master).await?;
                let now = clock.now();
                let new = record(new, now.plus(KEY_TOLD_BEFORE));
                rotate_server_keys(&**metadata, new, OlderKeys::VerifyFor(RETIRED), now).await?;
                self.look(now).await
            }
        }
    }

    /// Makes a new key that signs at once, and forgets all others. When this ends every node has: whoever reached the
    /// database has looked by then.
    pub(crate) async fn replace_all(&self, clock: &Operator) -> anyhow::Result<()> {
        match &self.home {
            Home::Folder(folder) => {
                self.rotate(clock).await?;
                self.change(folder, KeyFolder::forget_retired).await
            }
            Home::Rows(metadata, master) => {
                let new = generate(master).await?;
                let now = clock.now();
                rotate_server_keys(&**metadata, record(new, now), OlderKeys::AreForgotten, now).await?;
                self.look(now).await?;
                tokio::time::sleep(KEY_TOLD_BEFORE).await;
                Ok(())
            }
        }
    }

    /// Changes the folder. Finding two primes takes a while.
    async fn change(
        &self,
        folder: &Arc<KeyFolder>,
        change: impl FnOnce(&KeyFolder, &ServerKeys) -> Result<(), keys::Error> + Send + 'static,
    ) -> anyhow::Result<()> {
        let (folder, in_force) = (Arc::clone(folder), Arc::clone(&self.in_force));
        let changed = spawn_blocking(move || change(&folder, &in_force)).await;
        Ok(changed.context("the rotation broke off")??)
    }
}

/// The master key of a file, made by a first start. Blocks.
fn master(path: &Path, is_first: bool) -> anyhow::Result<MasterKey> {
    match MasterKey::open(path).context("cannot open the master key")? {
        Some(master) => Ok(master),
        None if is_first => {
            let made = MasterKey::create(path).context("cannot make the master key")?;
            tracing::info!(path = %path.display(), "made the master key; every node needs it, and every backup");
            Ok(made)
        }
        None => bail!(
            "there is no master key in {}, and the database holds what one has sealed; put there the one that the other nodes \
             have, or say where it is: --master-key FILE",
            path.display()
        ),
    }
}

async fn generate(master: &MasterKey) -> anyhow::Result<StoredKey> {
    let master = master.clone();
    let made = spawn_blocking(move || StoredKey::generate(&master, 0)).await;
    made.context("a key was not made")?.context("cannot make a key")
}

fn record(key: StoredKey, signs_from: Timestamp) -> ServerKeyRecord {
    ServerKeyRecord {
        kid: key.kid,
        public: key.public,
        sealed: key.sealed,
        signs_from,
        verifies_until: None,
    }
}

fn opened(stored: &[ServerKeyRecord]) -> Vec<StoredKey> {
    let key = |key: &ServerKeyRecord| StoredKey {
        kid: key.kid.clone(),
        public: key.public.clone(),
        sealed: key.sealed.clone(),
        signs_from: key.signs_from.unix_secs(),
        verifies_until: key.verifies_until.map(Timestamp::unix_secs),
    };
    stored.iter().map(key).collect()
}
