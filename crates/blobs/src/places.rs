//! Where the folders of storage accounts are: each location is a folder of the operator's choice, and each account a
//! folder in it. Names are checked here once more: no text of a user ever becomes more of a path than one plain folder.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use holdfast_model::{Blobs, Places, StoreError};

use crate::{
    failure::attempted,
    filesystem::{FilesystemStore, blocking},
    layout::Layout,
};

/// The longest name of an account's folder: the service's own carry a location's name.
const MAX_NAME_BYTES: usize = 64;

/// The folder of each location.
#[derive(Debug, Clone)]
pub struct FilesystemPlaces {
    roots: Arc<BTreeMap<String, PathBuf>>,
}

impl FilesystemPlaces {
    /// The folders of these locations; they are there.
    #[must_use]
    pub fn new(roots: BTreeMap<String, PathBuf>) -> Self {
        Self { roots: Arc::new(roots) }
    }

    /// The folder of an account, whether it is there or not.
    ///
    /// # Errors
    /// The location is none of these, or the name is not plain (lower-case letters, digits, hyphens).
    pub fn folder(&self, location: &str, account: &str) -> Result<PathBuf, StoreError> {
        let found = self.roots.get(location).filter(|_| is_plain(account));
        found.map(|root| root.join(account)).ok_or_else(|| {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "there can be no such folder");
            attempted(format!(
                "looked for storage account {account:?} in location {location:?}"
            ))(source)
        })
    }
}

#[async_trait]
impl Places for FilesystemPlaces {
    async fn make(&self, location: &str, account: &str) -> Result<Arc<dyn Blobs>, StoreError> {
        let folder = self.folder(location, account)?;
        blocking(move || {
            refuse_foreign(&folder)?;
            let store = FilesystemStore::open(&folder)?;
            if store.is_empty()? {
                return Ok(Arc::new(store) as Arc<dyn Blobs>);
            }
            let source = io::Error::new(io::ErrorKind::DirectoryNotEmpty, "objects lie in it");
            Err(attempted(format!("made the store {}", folder.display()))(source))
        })
        .await
    }

    async fn list(&self, location: &str) -> Result<Vec<String>, StoreError> {
        let Some(root) = self.roots.get(location).cloned() else {
            return Ok(Vec::new());
        };
        blocking(move || stores(&root).map_err(attempted(format!("listed {}", root.display())))).await
    }

    async fn open(&self, location: &str, account: &str) -> Result<Arc<dyn Blobs>, StoreError> {
        let folder = self.folder(location, account)?;
        blocking(move || FilesystemStore::open_existing(&folder).map(|store| Arc::new(store) as Arc<dyn Blobs>)).await
    }

    async fn remove(&self, location: &str, account: &str) -> Result<(), StoreError> {
        let folder = self.folder(location, account)?;
        blocking(move || FilesystemStore::remove(&folder)).await
    }
}

/// Names of the folders that are stores; a root that is not there holds none.
fn stores(root: &Path) -> io::Result<Vec<String>> {
    let entries = match root.read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let is_store = Layout::new(&entry.path()).check().is_ok();
        names.extend(
            entry
                .file_name()
                .into_string()
                .ok()
                .filter(|name| is_store && is_plain(name)),
        );
    }
    Ok(names)
}

/// A plain name, which is one folder whatever it is joined to.
pub(crate) fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_plain)
}

/// A folder that something else is in is not ours to use.
fn refuse_foreign(folder: &Path) -> Result<(), StoreError> {
    let looked = || attempted(format!("looked into {}", folder.display()));
    let entries = match folder.read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(looked())?,
    };
    for entry in entries {
        let name = entry.map_err(looked())?.file_name();
        if name != "objects" && name != "probe" {
            let source = io::Error::new(io::ErrorKind::AlreadyExists, "it holds files that are not ours");
            return Err(looked()(source));
        }
    }
    Ok(())
}
