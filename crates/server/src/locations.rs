//! The locations of this server: `local`, which lies in the data folder unless the operator says otherwise, and those that
//! the operator declares. Each is a folder of its own, or a prefix of a bucket. A declared one carries a mark that says whose
//! it is, so that a disk that is not mounted, two that changed places or a bucket of another server are noticed at start and
//! not by clients that miss their images:
//!
//! ```text
//! FOLDER/, PREFIX/
//!   holdfast-location.json    which location of which server this is; a folder's is held while a process works here
//!   holdfast-account.NAME     says in a bucket that an account is there
//!   default-LOCATION/         bytes of managed registries (holdfast-blobs)
//!   ACCOUNT/                  bytes of a user's storage account
//! ```
//!
//! It refuses to start anything on a place that is gone or somebody else's; a message says what to do.

mod buckets;
mod folders;

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fmt,
    fs::{self, File},
    path::PathBuf,
    sync::Arc,
};

use anyhow::{Context as _, anyhow, bail};
use holdfast_blobs::{
    LocationPlaces,
    object::{BucketPlaces, BucketUrl, Credentials, StoreUrl, UPLOAD_MEMORY_BYTES, UploadMemory},
};
use holdfast_client::{StoreLimits, StoreWay};
use holdfast_model::{Metadata, MetadataExt as _, StorageAccount};
use holdfast_resources::holds_objects;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{folder::Folder, settings::Settings};

/// The location that the service's own storage is.
pub(crate) const LOCAL: &str = "local";
/// The service's own storage account in `local`; in other locations their names follow.
pub(crate) const OWN_ACCOUNT: &str = "default";
const MARK: &str = "holdfast-location.json";

/// Where the bytes of a location lie.
#[derive(Debug, Clone)]
pub(crate) enum Root {
    /// In a folder of this machine.
    Folder(PathBuf),
    /// In a bucket, with what proves to it who asks.
    Bucket(BucketUrl, Credentials),
}

/// The declared locations: where each lies, and how buckets are reached.
#[derive(Debug, Clone)]
pub(crate) struct Locations {
    roots: BTreeMap<String, Root>,
    outgoing_ca: Option<PathBuf>,
}

/// Every location, found to be ours; folders are held for this process.
#[derive(Debug)]
pub(crate) struct OpenLocations {
    /// Where accounts lie.
    pub(crate) places: Arc<LocationPlaces>,
    roots: BTreeMap<String, Root>,
    _held: Vec<File>,
}

/// What the mark says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mark {
    location: String,
    /// The directory's id tells one server's data from another's.
    tenant: Uuid,
}

/// The name of the service's own account in a location. Users' names have no hyphen.
pub(crate) fn own_account(location: &str) -> String {
    if location == LOCAL {
        OWN_ACCOUNT.to_owned()
    } else {
        format!("{OWN_ACCOUNT}-{location}")
    }
}

/// How a setting says where a location lies.
fn setting(location: &str, place: &str) -> String {
    if location == LOCAL {
        format!("--storage {place}")
    } else {
        format!("--location {location}={place}")
    }
}

impl Root {
    /// Where a URL leads. Secrets of a bucket are those that the environment has for this location
    /// (`AWS_ACCESS_KEY_ID_EASTUS`), or for all.
    pub(crate) fn new(location: &str, url: StoreUrl, variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let url = match url {
            StoreUrl::Folder(path) => return Self::Folder(path),
            StoreUrl::Bucket(url) => url,
        };
        let suffix = format!("_{}", location.to_ascii_uppercase());
        let value = |name: &str| variable(name).and_then(|value| value.into_string().ok());
        let own = Credentials::look_up(url.cloud(), |name| value(&format!("{name}{suffix}")));
        let credentials = match own.is_empty() {
            true => Credentials::look_up(url.cloud(), value),
            false => own,
        };
        Self::Bucket(url, credentials)
    }

    /// The same of an account.
    fn below(&self, account: &str) -> Self {
        match self {
            Self::Folder(path) => Self::Folder(path.join(account)),
            Self::Bucket(url, credentials) => Self::Bucket(url.below(account), credentials.clone()),
        }
    }

    fn lies_in(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Folder(inner), Self::Folder(outer)) => inner.starts_with(outer),
            (Self::Bucket(inner, _), Self::Bucket(outer, _)) => inner.lies_in(outer),
            _ => false,
        }
    }
}

impl fmt::Display for Root {
    /// A path, or a URL, which holds no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Bucket(url, _) => url.fmt(f),
        }
    }
}

impl Locations {
    /// Those of the settings. One of which nothing is said lies in the data folder.
    pub(crate) fn declared(settings: &Settings) -> anyhow::Result<Self> {
        let own = settings.storage.iter().map(|root| (LOCAL.to_owned(), root.clone()));
        let further = settings.locations.iter().map(|(name, root)| {
            let inside = || Root::Folder(settings.data_dir.join("locations").join(name));
            (name.clone(), root.clone().unwrap_or_else(inside))
        });
        let mut roots = BTreeMap::new();
        for (name, root) in own.chain(further) {
            let root = match root {
                Root::Folder(path) => {
                    let absolute = std::path::absolute(&path);
                    Root::Folder(absolute.with_context(|| format!("cannot use {}", path.display()))?)
                }
                bucket @ Root::Bucket(..) => bucket,
            };
            roots.insert(name, root);
        }
        Ok(Self {
            roots,
            outgoing_ca: settings.outgoing_ca.clone(),
        })
    }

    /// The service's own storage alone.
    pub(crate) fn own(mut self) -> Self {
        self.roots.retain(|name, _| name == LOCAL);
        self
    }

    /// Those of the last run, and those of the settings, which count more: for the operator's commands, which need not
    /// repeat the server's flags. `variable` tells the environment, where secrets are.
    pub(crate) fn last(
        folder: &Folder,
        settings: &Settings,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> anyhow::Result<Self> {
        let mut last = Self::declared(settings)?;
        for (name, url) in stored(folder) {
            let root = Root::new(&name, url, variable);
            last.roots.entry(name).or_insert(root);
        }
        Ok(last)
    }

    /// Every folder in which accounts may lie: that of `local`, these, and those of the last run.
    pub(crate) fn folders(&self, folder: &Folder) -> BTreeSet<PathBuf> {
        let last = stored(folder).into_values().filter_map(|url| match url {
            StoreUrl::Folder(path) => Some(path),
            StoreUrl::Bucket(_) => None,
        });
        let declared = self.roots.values().filter_map(|root| match root {
            Root::Folder(path) => Some(path.clone()),
            Root::Bucket(..) => None,
        });
        let all = std::iter::once(folder.blobs()).chain(last).chain(declared);
        all.map(|root| std::path::absolute(&root).unwrap_or(root)).collect()
    }

    /// Keeps them for [`Locations::last`].
    pub(crate) fn store(&self, folder: &Folder) -> anyhow::Result<()> {
        let texts = self.roots.iter().map(|(name, root)| (name, root.to_string()));
        let texts: BTreeMap<_, _> = texts.collect();
        folder.write(&folder.locations(), &serde_json::to_vec_pretty(&texts)?)
    }

    /// Their names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.roots.keys()
    }

    /// Whether the operator says where a location lies.
    pub(crate) fn names_place_of(&self, location: &str) -> bool {
        self.roots.contains_key(location)
    }

    /// Refuses a place for the service's own storage that is taken: no registry is made then, and nothing is written.
    /// Blocks now and then.
    pub(crate) async fn refuse_taken(&self, folder: &Folder) -> anyhow::Result<()> {
        match self.roots.get(LOCAL) {
            None => Ok(()),
            Some(Root::Folder(path)) => folders::refuse_taken(path, LOCAL),
            Some(Root::Bucket(url, credentials)) => {
                let store = self.ways(folder)?.open(url, credentials)?;
                buckets::refuse_taken(&store, url, LOCAL).await
            }
        }
    }

    /// Takes every location, making those that are new; folders for this process alone. What is wrong with several is told
    /// at once. Blocks now and then.
    pub(crate) async fn take(
        &self,
        folder: &Folder,
        tenant: Uuid,
        metadata: &dyn Metadata,
    ) -> anyhow::Result<OpenLocations> {
        let accounts = metadata.query(|read| read.list_storage_accounts()).await?;
        self.refuse_undeclared(&accounts)?;
        self.refuse_moved(folder)?;
        self.refuse_nested(folder)?;
        let ways = self.ways(folder)?;
        let mut roots = self.roots.clone();
        let mut folders = BTreeMap::new();
        if !self.names_place_of(LOCAL) {
            roots.insert(LOCAL.to_owned(), Root::Folder(folder.blobs()));
            folders.insert(LOCAL.to_owned(), folder.blobs());
        }
        let (mut buckets, mut held, mut faults) = (BTreeMap::new(), Vec::new(), Vec::new());
        for (name, root) in &self.roots {
            let mark = Mark {
                location: name.clone(),
                tenant,
            };
            let is_new = || is_new(metadata, &accounts, name);
            let taken = match root {
                Root::Folder(path) => take_folder(path, &mark, is_new).await.map(|file| {
                    held.push(file);
                    folders.insert(name.clone(), path.clone());
                }),
                Root::Bucket(url, credentials) => match ways.open(url, credentials) {
                    Ok(store) => buckets::take(&store, url, &mark, is_new).await.map(|()| {
                        buckets.insert(name.clone(), BucketPlaces::new(store));
                    }),
                    Err(error) => Err(error),
                },
            };
            faults.extend(taken.err());
        }
        refuse_faults(faults)?;
        Ok(OpenLocations {
            places: Arc::new(LocationPlaces::new(folders, buckets)),
            roots,
            _held: held,
        })
    }

    /// How buckets are reached, and the memory of uploads that all of them share.
    fn ways(&self, folder: &Folder) -> anyhow::Result<buckets::Ways> {
        let way_out = StoreWay::of_operator(self.outgoing_ca.as_deref(), StoreLimits::default());
        Ok(buckets::Ways {
            way_out: way_out.context("cannot set up requests to object stores")?,
            memory: UploadMemory::new(UPLOAD_MEMORY_BYTES, folder.path().to_owned()),
        })
    }

    fn refuse_undeclared(&self, accounts: &[StorageAccount]) -> anyhow::Result<()> {
        let is_lost = |account: &&StorageAccount| account.location != LOCAL && !self.names_place_of(&account.location);
        match accounts.iter().find(is_lost).map(|account| &account.location) {
            Some(location) => bail!(
                "storage accounts lie in the location {location}, which no setting names; say where its folder or its \
                 bucket is: {}",
                setting(location, "PLACE")
            ),
            None => Ok(()),
        }
    }

    /// The service's own storage that lay elsewhere at the last start, and that nobody brought into the data folder.
    fn refuse_moved(&self, folder: &Folder) -> anyhow::Result<()> {
        let last = stored(folder).remove(LOCAL);
        match last.filter(|_| !self.names_place_of(LOCAL) && !folder.blobs().join(OWN_ACCOUNT).exists()) {
            Some(url) => bail!(
                "the service's own storage was {url} at the last start, and no setting names it; say so again: {}",
                setting(LOCAL, &url.to_string())
            ),
            None => Ok(()),
        }
    }

    /// A place inside another one could be taken for an account of it.
    fn refuse_nested(&self, folder: &Folder) -> anyhow::Result<()> {
        let blobs = std::path::absolute(folder.blobs()).context("cannot name the data folder")?;
        let in_data = Root::Folder(blobs);
        let undeclared = (!self.names_place_of(LOCAL)).then_some((LOCAL, &in_data));
        let declared = self.roots.iter().map(|(name, root)| (name.as_str(), root));
        let roots: Vec<(&str, &Root)> = undeclared.into_iter().chain(declared).collect();
        for (name, inner) in &roots {
            let outer = roots
                .iter()
                .find(|(other, outer)| other != name && inner.lies_in(outer));
            if let Some((other, outer)) = outer {
                let kind = match inner {
                    Root::Folder(_) => "folder",
                    Root::Bucket(..) => "storage",
                };
                bail!(
                    "the {kind} {inner} of location {name} lies in {outer}, the {kind} of location {other}; choose \
                     another one"
                );
            }
        }
        Ok(())
    }
}

impl OpenLocations {
    /// Where an account lies.
    pub(crate) fn root(&self, account: &StorageAccount) -> Option<Root> {
        let root = self.roots.get(&account.location)?;
        Some(root.below(&account.name))
    }

    /// The folder of every location that has one.
    pub(crate) fn folders(&self) -> impl Iterator<Item = (&String, &PathBuf)> {
        self.roots.iter().filter_map(|(name, root)| match root {
            Root::Folder(path) => Some((name, path)),
            Root::Bucket(..) => None,
        })
    }
}

impl Mark {
    /// Refuses the place of another server, or of another location.
    fn refuse_unless(&self, expected: &Self, place: &str) -> anyhow::Result<()> {
        let name = &expected.location;
        if self.tenant != expected.tenant {
            bail!("{place} belongs to another Holdfast; choose another place for location {name}");
        }
        if self.location != expected.location {
            bail!(
                "{place} is the place of location {}, not of {name}; say where each is with --location NAME=PLACE",
                self.location
            );
        }
        Ok(())
    }
}

/// Whether rows miss nothing where a location begins empty. Of the service's own storage the account's row is there first.
async fn is_new(metadata: &dyn Metadata, accounts: &[StorageAccount], name: &str) -> anyhow::Result<bool> {
    let has_accounts = accounts.iter().any(|account| account.location == name);
    Ok(!has_accounts || name == LOCAL && !holds_objects(metadata, name).await?)
}

async fn take_folder<F: Future<Output = anyhow::Result<bool>>>(
    path: &std::path::Path,
    mark: &Mark,
    is_new: impl FnOnce() -> F,
) -> anyhow::Result<File> {
    if !folders::is_marked(path) && is_new().await? {
        folders::settle(path, mark)?;
    }
    folders::hold(path, mark)
}

fn refuse_faults(mut faults: Vec<anyhow::Error>) -> anyhow::Result<()> {
    if faults.len() <= 1 {
        return faults.pop().map_or(Ok(()), Err);
    }
    let told: Vec<String> = faults.iter().map(|fault| format!("\n  {fault:#}")).collect();
    Err(anyhow!("{} locations cannot be used{}", faults.len(), told.concat()))
}

/// Where locations lay at the last start. A folder stands there as its path.
fn stored(folder: &Folder) -> BTreeMap<String, StoreUrl> {
    let bytes = fs::read(folder.locations()).ok();
    let texts: Option<BTreeMap<String, String>> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let url = |text: String| match text.starts_with('/') {
        true => Some(StoreUrl::Folder(PathBuf::from(text))),
        false => StoreUrl::parse(&text).ok(),
    };
    let texts = texts.unwrap_or_default().into_iter();
    texts.filter_map(|(name, text)| Some((name, url(text)?))).collect()
}
