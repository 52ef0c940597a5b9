//! Where the stores of storage accounts are, each location in a folder of this machine or in a bucket. It refuses to decide
//! which.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use holdfast_model::{Blobs, Places, StoreError};

use crate::{FilesystemPlaces, object::BucketPlaces};

/// Every location, in its folder or in its bucket.
#[derive(Debug)]
pub struct LocationPlaces {
    in_folders: FilesystemPlaces,
    in_buckets: BTreeMap<String, BucketPlaces>,
}

impl LocationPlaces {
    /// The folders and the buckets of locations; they are there. A location that is in both is in the bucket.
    #[must_use]
    pub fn new(folders: BTreeMap<String, PathBuf>, in_buckets: BTreeMap<String, BucketPlaces>) -> Self {
        Self {
            in_folders: FilesystemPlaces::new(folders),
            in_buckets,
        }
    }

    /// A location that no bucket has is looked for among the folders, which know what to say of one that is none.
    fn of(&self, location: &str) -> &dyn Places {
        match self.in_buckets.get(location) {
            Some(bucket) => bucket,
            None => &self.in_folders,
        }
    }
}

#[async_trait]
impl Places for LocationPlaces {
    async fn make(&self, location: &str, account: &str) -> Result<Arc<dyn Blobs>, StoreError> {
        self.of(location).make(location, account).await
    }

    async fn list(&self, location: &str) -> Result<Vec<String>, StoreError> {
        self.of(location).list(location).await
    }

    async fn open(&self, location: &str, account: &str) -> Result<Arc<dyn Blobs>, StoreError> {
        self.of(location).open(location, account).await
    }

    async fn remove(&self, location: &str, account: &str) -> Result<(), StoreError> {
        self.of(location).remove(location, account).await
    }
}
