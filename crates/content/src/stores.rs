//! The stores of bytes that are open, by storage account, and where those of further accounts are made. It refuses to know
//! whose an account is.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use holdfast_model::{Blobs, Places, StorageAccountId, StorageError};
use tokio::sync::{Mutex, MutexGuard};

/// The open stores.
pub struct Stores {
    open: RwLock<HashMap<StorageAccountId, Arc<dyn Blobs>>>,
    places: Arc<dyn Places>,
    changes: Mutex<()>,
}

impl Stores {
    /// Those of the accounts that have a row.
    #[must_use]
    pub fn new(open: HashMap<StorageAccountId, Arc<dyn Blobs>>, places: Arc<dyn Places>) -> Self {
        Self {
            open: RwLock::new(open),
            places,
            changes: Mutex::default(),
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
    /// [`StorageError::AccountClosed`].
    pub fn load(&self, account: StorageAccountId) -> Result<Arc<dyn Blobs>, StorageError> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let found = open.get(&account).map(Arc::clone);
        found.ok_or(StorageError::AccountClosed { account })
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
