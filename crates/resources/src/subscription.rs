//! Subscriptions: which ones there are. None is made or deleted here: the first start of a server makes its own.

use holdfast_access::ControlCaller;
use uuid::Uuid;

use crate::Resources;
use holdfast_model::{MetadataExt, StorageError, Subscription};

impl Resources {
    /// The subscriptions around or in which the caller has any role.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_subscriptions(&self, caller: &ControlCaller) -> Result<Vec<Subscription>, StorageError> {
        let mut all = self.metadata.query(|read| read.list_subscriptions()).await?;
        all.retain(|subscription| caller.has_role_near(&format!("/subscriptions/{}", subscription.id)));
        Ok(all)
    }

    /// The subscription of an id. Whoever is known may learn that there is one (ARM tells it before it looks at roles).
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn find_subscription(
        &self,
        _caller: &ControlCaller,
        id: Uuid,
    ) -> Result<Option<Subscription>, StorageError> {
        Ok(self.metadata.query(move |read| read.find_subscription(id)).await?)
    }
}
