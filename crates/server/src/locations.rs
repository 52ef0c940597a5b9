//! The locations of this server: `local`, which lies in the data folder, and those that the operator declares, each a
//! folder of its own. A declared folder carries a mark that says whose it is, so that a disk that is not mounted, or two
//! that changed places, are noticed at start and not by clients that miss their images:
//!
//! ```text
//! FOLDER/                     0700
//!   holdfast-location.json    which location of which server this is; held while a process works here
//!   default-LOCATION/         bytes of managed registries (holdfast-blobs)
//!   ACCOUNT/                  bytes of a user's storage account
//! ```
//!
//! It refuses to start anything on a folder that is gone or somebody else's; a message says what to do.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use holdfast_identity::trusted::{self, Closed};
use holdfast_model::StorageAccount;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{folder::Folder, settings::Settings};

/// The location that the data folder is.
pub(crate) const LOCAL: &str = "local";
/// The service's own storage account in `local`; in other locations their names follow.
pub(crate) const OWN_ACCOUNT: &str = "default";
const MARK: &str = "holdfast-location.json";

/// The declared locations: where each lies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Locations(BTreeMap<String, PathBuf>);

/// Every location's folder, found to be ours and held for this process.
#[derive(Debug)]
pub(crate) struct LocationRoots {
    /// Where accounts lie, by location.
    pub(crate) roots: BTreeMap<String, PathBuf>,
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

impl Locations {
    /// Those of the settings. One without a folder lies in the data folder.
    pub(crate) fn declared(settings: &Settings) -> anyhow::Result<Self> {
        let mut folders = BTreeMap::new();
        for (name, folder) in &settings.locations {
            let inside = || settings.data_dir.join("locations").join(name);
            let folder = folder.clone().unwrap_or_else(inside);
            let folder = std::path::absolute(&folder).with_context(|| format!("cannot use {}", folder.display()))?;
            folders.insert(name.clone(), folder);
        }
        Ok(Self(folders))
    }

    /// Those of the last run, and those of the settings, which count more: for the operator's commands, which need not
    /// repeat the server's flags.
    pub(crate) fn last(folder: &Folder, settings: &Settings) -> anyhow::Result<Self> {
        let mut last = Self::stored(folder);
        last.0.extend(Self::declared(settings)?.0);
        Ok(last)
    }

    fn stored(folder: &Folder) -> Self {
        let stored = fs::read(folder.locations()).ok();
        stored
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// Every folder in which accounts may lie: that of `local`, these, and those of the last run.
    pub(crate) fn roots(&self, folder: &Folder) -> BTreeSet<PathBuf> {
        let last = Self::stored(folder).0.into_values();
        let all = std::iter::once(folder.blobs())
            .chain(last)
            .chain(self.0.values().cloned());
        all.map(|root| std::path::absolute(&root).unwrap_or(root)).collect()
    }

    /// Keeps them for [`Locations::last`].
    pub(crate) fn store(&self, folder: &Folder) -> anyhow::Result<()> {
        folder.write(&folder.locations(), &serde_json::to_vec_pretty(self)?)
    }

    /// Their names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// Takes every folder for this process, making those of new locations. `accounts` are the storage accounts that the
    /// database knows. Blocks.
    pub(crate) fn take(
        &self,
        folder: &Folder,
        tenant: Uuid,
        accounts: &[StorageAccount],
    ) -> anyhow::Result<LocationRoots> {
        self.refuse_undeclared(accounts)?;
        self.refuse_nested(folder)?;
        let mut location_roots = LocationRoots {
            roots: BTreeMap::from([(LOCAL.to_owned(), folder.blobs())]),
            _held: Vec::new(),
        };
        for (name, root) in &self.0 {
            let mark = Mark {
                location: name.clone(),
                tenant,
            };
            let is_new = !accounts.iter().any(|account| account.location == *name);
            if is_new {
                settle(root, &mark)?;
            }
            location_roots._held.push(hold(root, &mark)?);
            location_roots.roots.insert(name.clone(), root.clone());
        }
        Ok(location_roots)
    }

    fn refuse_undeclared(&self, accounts: &[StorageAccount]) -> anyhow::Result<()> {
        let is_lost = |account: &&StorageAccount| account.location != LOCAL && !self.0.contains_key(&account.location);
        match accounts.iter().find(is_lost).map(|account| &account.location) {
            Some(location) => bail!(
                "storage accounts lie in the location {location}, which no setting names; say where its folder is: \
                 --location {location}=FOLDER"
            ),
            None => Ok(()),
        }
    }

    /// A folder inside another one could be taken for an account of it.
    fn refuse_nested(&self, folder: &Folder) -> anyhow::Result<()> {
        let blobs = std::path::absolute(folder.blobs()).context("cannot name the data folder")?;
        let folders: Vec<(&str, &Path)> = std::iter::once((LOCAL, blobs.as_path()))
            .chain(self.0.iter().map(|(name, folder)| (name.as_str(), folder.as_path())))
            .collect();
        for (name, inner) in &folders {
            let outer = folders
                .iter()
                .find(|(other, outer)| other != name && inner.starts_with(outer));
            if let Some((other, outer)) = outer {
                bail!(
                    "the folder {} of location {name} lies in {}, the folder of location {other}; choose another one",
                    inner.display(),
                    outer.display()
                );
            }
        }
        Ok(())
    }
}

impl LocationRoots {
    /// The folder of an account.
    pub(crate) fn folder(&self, account: &StorageAccount) -> Option<PathBuf> {
        self.roots.get(&account.location).map(|root| root.join(&account.name))
    }
}

/// Makes the folder of a new location, or takes an empty one; its mark is there in one step and durable.
fn settle(root: &Path, mark: &Mark) -> anyhow::Result<()> {
    let (shown, name) = (root.display(), &mark.location);
    if !root.exists() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(root);
        made.with_context(|| format!("cannot make {shown}, the folder of location {name}"))?;
    }
    trust(root, name)?;
    if root.join(MARK).exists() {
        return Ok(());
    }
    if is_somebodys(root).with_context(|| format!("cannot look into {shown}, the folder of location {name}"))? {
        bail!("{shown} holds other files; choose an empty folder for location {name}, or one that does not exist");
    }
    write_mark(root, mark).with_context(|| format!("cannot write {shown}, the folder of location {name}"))
}

/// Nothing is written to a folder that somebody else has, or can change.
fn trust(root: &Path, name: &str) -> anyhow::Result<()> {
    let checked = fs::metadata(root)
        .map_err(anyhow::Error::from)
        .and_then(|metadata| Ok(trusted::check(root, &metadata, Closed::ToOthersWriting)?));
    checked.with_context(|| format!("cannot trust {}, the folder of location {name}", root.display()))
}

fn is_somebodys(root: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name();
        // A file system's own folder, and a mark that was not finished.
        if name != "lost+found" && *name != *draft() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn draft() -> String {
    format!("{MARK}.new")
}

fn write_mark(root: &Path, mark: &Mark) -> anyhow::Result<()> {
    let draft = root.join(draft());
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(&serde_json::to_vec(mark)?)?;
    file.sync_all()?;
    fs::rename(&draft, root.join(MARK))?;
    File::open(root)?.sync_all()?;
    Ok(())
}

/// Finds the folder to be ours, and lets no other process work in it.
fn hold(root: &Path, expected: &Mark) -> anyhow::Result<File> {
    let (shown, name) = (root.display(), &expected.location);
    if root.exists() {
        trust(root, name)?;
    }
    let path = root.join(MARK);
    let file = File::open(&path).with_context(|| {
        format!(
            "{shown} is not the folder of location {name}: it has no {MARK}; mount its disk, or say where the folder is \
             now: --location {name}=FOLDER"
        )
    })?;
    trusted::check_owner(&path, &file.metadata()?)?;
    let found: Mark = serde_json::from_reader(&file).with_context(|| format!("cannot read {}", path.display()))?;
    if found.tenant != expected.tenant {
        bail!("{shown} belongs to another Holdfast; choose another folder for location {name}");
    }
    if found.location != expected.location {
        bail!(
            "{shown} is the folder of location {}, not of {name}; say where each is with --location NAME=FOLDER",
            found.location
        );
    }
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("another holdfast works in {shown}; stop it first"),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}
