//! What a store holds in all, for whoever looks at one from outside. It refuses to need a server that runs.

use holdfast_model::{Directory, Metadata, MetadataExt, RegistryRecord, StorageAccount, StorageError, Subscription};

/// What `holdfast status` shows of a store.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The tenant; `None` before the first start.
    pub directory: Option<Directory>,
    /// Its subscriptions.
    pub subscriptions: Vec<Subscription>,
    /// All registries, the first one made first.
    pub registries: Vec<RegistryRecord>,
    /// Every storage account.
    pub storage_accounts: Vec<StorageAccount>,
}

impl Overview {
    /// Reads it in one snapshot.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn read(metadata: &dyn Metadata) -> Result<Self, StorageError> {
        metadata
            .query(|read| {
                Ok(Self {
                    directory: read.find_directory()?,
                    subscriptions: read.list_subscriptions()?,
                    registries: read.list_registries()?,
                    storage_accounts: read.list_storage_accounts()?,
                })
            })
            .await
    }
}
