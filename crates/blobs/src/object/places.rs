//! A location that lies in a bucket: each storage account is a prefix below the location's. A bucket has no folders, so an
//! account is there when a small object beside the prefixes names it, `holdfast-account.NAME`. It refuses to know whose the
//! bucket is; several processes share it.

use std::{io, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use holdfast_model::{Blobs, Places, StoreError};

use super::store::BucketStore;
use crate::places::is_plain;

/// What the name of an account's mark begins with. No account's name has a dot, so none of their prefixes begins so.
const MARK: &str = "holdfast-account.";
/// What it says, for the person who finds it.
const SAYS: &[u8] = b"{\"this\":\"a storage account of Holdfast lies beside\"}\n";

/// The accounts below the prefix of one location.
#[derive(Debug)]
pub struct BucketPlaces {
    root: BucketStore,
}

impl BucketPlaces {
    /// Those of a location that is this store.
    #[must_use]
    pub fn new(root: BucketStore) -> Self {
        Self { root }
    }

    fn mark(account: &str) -> Result<String, StoreError> {
        match is_plain(account) {
            true => Ok(format!("{MARK}{account}")),
            false => Err(refused(
                account,
                io::ErrorKind::InvalidInput,
                "there can be no such account",
            )),
        }
    }
}

#[async_trait]
impl Places for BucketPlaces {
    async fn make(&self, _location: &str, account: &str) -> Result<Arc<dyn Blobs>, StoreError> {
        let mark = Self::mark(account)?;
        // Whether it was there does not matter: of two nodes that make one at once both have made it.
        self.root.put_small(&mark, Bytes::from_static(SAYS)).await?;
        let store = self.root.below(account);
        if is_empty(&store).await? {
            return Ok(Arc::new(store));
        }
        Err(refused(account, io::ErrorKind::DirectoryNotEmpty, "objects lie in it"))
    }

    async fn list(&self, _location: &str) -> Result<Vec<String>, StoreError> {
        let marks = self.root.list_small(MARK).await?;
        let names = marks.iter().filter_map(|mark| mark.strip_prefix(MARK));
        Ok(names.filter(|name| is_plain(name)).map(str::to_owned).collect())
    }

    async fn open(&self, _location: &str, account: &str) -> Result<Arc<dyn Blobs>, StoreError> {
        match self.root.small(&Self::mark(account)?).await? {
            Some(_) => Ok(Arc::new(self.root.below(account))),
            None => Err(refused(
                account,
                io::ErrorKind::NotFound,
                "nothing says that it is there",
            )),
        }
    }

    async fn remove(&self, _location: &str, account: &str) -> Result<(), StoreError> {
        let mark = Self::mark(account)?;
        match is_empty(&self.root.below(account)).await? {
            true => self.root.remove_small(&mark).await,
            false => Err(refused(account, io::ErrorKind::DirectoryNotEmpty, "objects lie in it")),
        }
    }
}

async fn is_empty(store: &BucketStore) -> Result<bool, StoreError> {
    let first = store.list().try_next().await?;
    Ok(first.is_none())
}

fn refused(account: &str, kind: io::ErrorKind, problem: &'static str) -> StoreError {
    StoreError::Failed {
        attempted: format!("looked for storage account {account:?}"),
        source: Box::new(io::Error::new(kind, problem)),
    }
}
