//! The stores of bytes that are open, by storage account, and where those of further accounts are made. One that another
//! node made is opened when it is first needed. It refuses to know whose an account is.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use holdfast_model::{Blobs, Metadata, MetadataExt as _, Places, StorageAccountId, StorageError};
use tokio::sync::{Mutex, MutexGuard};

/// The open stores.
pub struct Stores {
    open: RwLock<HashMap<StorageAccountId, Arc<dyn Blobs>>>,
    places: Arc<dyn Places>,
    changes: Mutex<()>,
    opening: Mutex<()>,
}

impl Stores {
    /// Those of the accounts that have a row.
    #[must_use]
    pub fn new(open: HashMap<StorageAccountId, Arc<dyn Blobs>>, places: Arc<dyn Places>) -> Self {
        Self {
            open: RwLock::new(open),
            places,
            changes: Mutex::default(),
            opening: Mutex::default(),
        }
    }

    /// Where further ones are made.
    #[must_use]
    pub fn places(&self) -> &dyn Places {
        &*self.places
    }

    /// Held while a storage account is made or removed: a row and a folder change together.
    pub async fn change(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().await
    }

    /// Where a storage account's bytes lie.
    ///
    /// # Errors
    /// [`StorageError::AccountClosed`] when no row has it; another [`StorageError`] when it cannot be opened.
    pub async fn load(
        &self,
        metadata: &dyn Metadata,
        account: StorageAccountId,
    ) -> Result<Arc<dyn Blobs>, StorageError> {
        if let Some(found) = self.find(account) {
            return Ok(found);
        }
        // So that nothing is opened twice.
        let _opening = self.opening.lock().await;
        if let Some(found) = self.find(account) {
            return Ok(found);
        }
        let row = metadata.query(move |read| read.find_storage_account(account)).await?;
        let row = row.ok_or(StorageError::AccountClosed { account })?;
        let store = self.places.open(&row.location, &row.name).await?;
        self.insert(account, Arc::clone(&store));
        Ok(store)
    }

    /// The same, if it is open on this node.
    #[must_use]
    pub fn find(&self, account: StorageAccountId) -> Option<Arc<dyn Blobs>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.get(&account).map(Arc::clone)
    }

    /// Every open one.
    #[must_use]
    pub fn list(&self) -> Vec<(StorageAccountId, Arc<dyn Blobs>)> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.iter().map(|(id, store)| (*id, Arc::clone(store))).collect()
    }

    /// From now on the account's bytes lie there.
    pub fn insert(&self, account: StorageAccountId, store: Arc<dyn Blobs>) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.insert(account, store);
    }

    /// The account is gone.
    pub fn remove(&self, account: StorageAccountId) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.remove(&account);
    }
}
