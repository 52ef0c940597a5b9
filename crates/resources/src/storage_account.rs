//! Storage accounts of users: made, listed and deleted under grants of the control plane. The user gives a name and a
//! location; where the bytes then lie is the operator's choice. A folder is made before its row and removed after it.

mod error;

use holdfast_content::limits::ROWS_PER_STEP;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use holdfast_access::{ControlGrant, ControlReach, RegistryId, control};
use holdfast_arm::ResourceId;
use uuid::Uuid;

pub use self::error::Error as StorageAccountError;
use crate::{
    Error, Precondition, Resources,
    erase::{is_deleting, refuse_if_deleting},
    location::load_own,
    quota::check_storage_accounts,
    resource_group::load_group,
    scope::{around, name_at},
};
use holdfast_model::{
    Durability, MetadataError, MetadataExt, Read, ResourceGroup, StorageAccount, StorageError, StorageKind,
    StorageResource, Tags, Timestamp, Tx,
};

/// The type in ARM.
pub(crate) const TYPE: &str = "Microsoft.Storage/storageAccounts";

/// What is to be changed of a storage account; new ones have the defaults of what is not said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StorageChange {
    /// Its tags.
    pub tags: Option<Tags>,
    /// Its kind.
    pub kind: Option<StorageKind>,
}

impl Resources {
    /// Makes the account that the grant is for, or replaces its tags; says whether it is new. It is done to its end,
    /// though whoever asks goes away.
    ///
    /// # Errors
    /// [`Error::ResourceGroupUnknown`], [`Error::ResourceGroupBeingDeleted`], [`Error::StorageAccount`],
    /// [`Error::LocationUnknown`], [`Error::PreconditionFailed`], [`Error::Quota`], [`Error::Storage`].
    pub async fn put_storage_account(
        self: &Arc<Self>,
        grant: &ControlGrant<control::StorageAccountsWrite>,
        name: String,
        location: String,
        change: StorageChange,
        precondition: Precondition,
    ) -> Result<(StorageAccount, bool), Error> {
        let (registry, scope, actor) = (Arc::clone(self), grant.scope().clone(), grant.actor().clone());
        run_detached(async move {
            let _change = registry.stores.change().await;
            let wanted = (scope.clone(), name.clone(), location.clone(), precondition.clone());
            let is_there = registry
                .metadata
                .query(move |read| {
                    let (scope, name, location, precondition) = wanted;
                    let group = load_group(read, &scope)?;
                    let found = find_to_change(read, &scope, &name, &location)?;
                    if found.is_none() {
                        precondition.check(None)?;
                        load_own(read, &location, TYPE)?;
                        check_storage_accounts(read, &group, &actor)?;
                    }
                    Ok::<_, Error>(found.is_some())
                })
                .await?;
            if is_there {
                let changed = registry.alter_storage_account(scope, change, precondition).await?;
                return Ok((changed, false));
            }
            let made = registry.make_storage_account(scope, &name, &location, change).await?;
            Ok((made, true))
        })
        .await
    }

    /// The folder first, then the row; the lock is held.
    async fn make_storage_account(
        &self,
        scope: ResourceId,
        name: &str,
        location: &str,
        change: StorageChange,
    ) -> Result<StorageAccount, Error> {
        let store = self.stores.places().make(location, name).await?;
        match self.insert_storage_account(scope, name, location, change).await {
            Ok(account) => {
                self.stores.insert(account.id, store);
                Ok(account)
            }
            Err(error) => {
                let named = name.to_owned();
                let named = self
                    .metadata
                    .query(move |read| read.find_storage_account_by_name(&named));
                // Another node may have been faster with the same one; what a row names stays.
                if named
                    .await
                    .is_ok_and(|named| named.is_none_or(|named| named.location != location))
                    && let Err(error) = self.stores.places().remove(location, name).await
                {
                    tracing::warn!(error = %error, account = name, "could not remove an unused storage account");
                }
                Err(error)
            }
        }
    }

    async fn insert_storage_account(
        &self,
        scope: ResourceId,
        name: &str,
        location: &str,
        change: StorageChange,
    ) -> Result<StorageAccount, Error> {
        let now = self.clock.now();
        let (name, location) = (name.to_owned(), location.to_owned());
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let group = load_group(tx, &scope)?;
                refuse_if_deleting(tx, &group)?;
                if tx.find_storage_account_by_name(&name)?.is_some() {
                    return Err(StorageAccountError::NameTaken { name: name.clone() }.into());
                }
                let id = tx.insert_storage_account(&name, &location, now)?;
                let resource = StorageResource {
                    subscription_id: group.subscription_id,
                    resource_group: group.name,
                    tags: change.tags.clone().unwrap_or_default(),
                    kind: change.kind.unwrap_or_default(),
                    updated_at: now,
                };
                tx.put_storage_resource(id, &resource)?;
                load_at(tx, &scope)
            })
            .await
    }

    /// Changes the account that the grant is for; what is not given stays.
    ///
    /// # Errors
    /// [`Error::StorageAccount`], [`Error::PreconditionFailed`], [`Error::Storage`].
    pub async fn change_storage_account(
        &self,
        grant: &ControlGrant<control::StorageAccountsWrite>,
        change: StorageChange,
        precondition: Precondition,
    ) -> Result<StorageAccount, Error> {
        self.alter_storage_account(grant.scope().clone(), change, precondition)
            .await
    }

    async fn alter_storage_account(
        &self,
        scope: ResourceId,
        change: StorageChange,
        precondition: Precondition,
    ) -> Result<StorageAccount, Error> {
        let now = self.clock.now();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let mut account = load_at(tx, &scope)?;
                precondition.check(account.entity_tag().as_deref())?;
                if let Some(resource) = account.resource.as_mut().filter(|_| change != StorageChange::default()) {
                    if let Some(tags) = change.tags.clone() {
                        resource.tags = tags;
                    }
                    resource.kind = change.kind.unwrap_or(resource.kind);
                    // Every change is a state of its own.
                    resource.updated_at = now.max(Timestamp(resource.updated_at.0 + 1));
                    tx.put_storage_resource(account.id, resource)?;
                }
                Ok(account)
            })
            .await
    }

    /// The account that the grant is for.
    ///
    /// # Errors
    /// [`Error::StorageAccount`], [`Error::ResourceGroupUnknown`], [`Error::Storage`].
    pub async fn load_storage_account(
        &self,
        grant: &ControlGrant<control::StorageAccountsRead>,
    ) -> Result<StorageAccount, Error> {
        let scope = grant.scope().clone();
        self.metadata
            .query(move |read| {
                load_group(read, &scope)?;
                load_at(read, &scope)
            })
            .await
    }

    /// The accounts of a subscription that the caller may see, the first one made first.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_storage_accounts(
        &self,
        reach: &ControlReach<control::StorageAccountsRead>,
        subscription: Uuid,
    ) -> Result<Vec<StorageAccount>, StorageError> {
        let all = self.metadata.query(|read| read.list_storage_accounts()).await?;
        let is_seen = |account: &StorageAccount| {
            let is_in = |resource: &StorageResource| resource.subscription_id == subscription;
            account.resource.as_ref().is_some_and(is_in) && account.scope().is_some_and(|scope| reach.covers(&scope))
        };
        Ok(all.into_iter().filter(is_seen).collect())
    }

    /// Whether an account could be made under this name.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn is_storage_account_name_free(
        &self,
        _grant: &ControlGrant<control::CheckStorageAccountName>,
        name: &str,
    ) -> Result<bool, StorageError> {
        let name = name.to_owned();
        self.metadata
            .query(move |read| Ok(read.find_storage_account_by_name(&name)?.is_none()))
            .await
    }

    /// Deletes the account that the grant is for; says whether it was there. Objects that only wait to be deleted go
    /// with it. It is done to its end, though whoever asks goes away.
    ///
    /// # Errors
    /// [`Error::StorageAccount`], [`Error::PreconditionFailed`], [`Error::Storage`].
    pub async fn delete_storage_account(
        self: &Arc<Self>,
        grant: &ControlGrant<control::StorageAccountsDelete>,
        precondition: Precondition,
    ) -> Result<bool, Error> {
        self.erase_storage_account(grant.scope().clone(), precondition).await
    }

    pub(crate) async fn erase_storage_account(
        self: &Arc<Self>,
        scope: ResourceId,
        precondition: Precondition,
    ) -> Result<bool, Error> {
        let registry = Arc::clone(self);
        run_detached(async move {
            let _change = registry.stores.change().await;
            let condition = precondition.clone();
            let found = registry
                .metadata
                .query(move |read| {
                    let found = find_storage_account(read, &scope)?;
                    condition.check(found.as_ref().and_then(StorageAccount::entity_tag).as_deref())?;
                    if let Some(account) = &found {
                        refuse_if_used(read, account)?;
                    }
                    Ok::<_, Error>(found)
                })
                .await?;
            match found {
                Some(account) => registry.remove_account(account, precondition).await.map(|()| true),
                None => Ok(false),
            }
        })
        .await
    }

    /// The row first, then the folder; the lock is held.
    async fn remove_account(&self, account: StorageAccount, precondition: Precondition) -> Result<(), Error> {
        self.empty_storage_account(&account).await?;
        let removed = account.clone();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let found = tx.find_storage_account(removed.id)?;
                precondition.check(found.as_ref().and_then(StorageAccount::entity_tag).as_deref())?;
                remove_if_empty(tx, &removed)
            })
            .await?;
        self.stores.remove(account.id);
        if let Err(error) = self.stores.places().remove(&account.location, &account.name).await {
            tracing::warn!(error = %error, account = account.name, "could not remove the folder of a storage account");
        }
        Ok(())
    }

    /// Does for one account what the collector would do next, and looks whether that was all.
    async fn empty_storage_account(&self, account: &StorageAccount) -> Result<(), Error> {
        let id = account.id;
        let waiting = || {
            self.metadata
                .query(move |read| read.list_objects_to_delete(id, ROWS_PER_STEP))
        };
        let mut objects = waiting().await?;
        while let Some(first) = objects.first().map(|object| object.object_key.clone()) {
            self.content.delete_objects(objects).await;
            objects = waiting().await?;
            if objects.first().is_some_and(|object| object.object_key == first) {
                // The log says why.
                return Err(in_use(account, "objects in it could not be deleted"));
            }
        }
        let (store, checked) = (self.stores.load(&*self.metadata, id).await?, account.clone());
        let mut unnamed = store.list();
        let mut next = unnamed.try_next().await?;
        if next.is_none() {
            return Ok(());
        }
        let is_going = self.metadata.query(move |read| is_group_going(read, &checked)).await?;
        let mut count: u64 = 0;
        while let Some(object) = next {
            count += 1;
            // Nothing names them, and nothing new is put into an account whose group is being deleted.
            if is_going {
                store.delete(&object.key).await?;
            }
            next = unnamed.try_next().await?;
        }
        if !is_going {
            let by = format!("it holds {count} objects that nothing here names; ask the operator for a check");
            return Err(in_use(account, &by));
        }
        tracing::warn!(
            account = account.name,
            objects = count,
            "objects that nothing named went with their group"
        );
        Ok(())
    }
}

/// Whether the account's group is being deleted; something that lies in the account is an error.
fn is_group_going(read: &mut dyn Read, account: &StorageAccount) -> Result<bool, Error> {
    refuse_if_used(read, account)?;
    let Some(resource) = &account.resource else {
        return Ok(false);
    };
    match read.find_resource_group(resource.subscription_id, &resource.resource_group)? {
        Some(group) => Ok(is_deleting(read, &group)?),
        None => Ok(false),
    }
}

/// Does the work in a task of its own: a row and a folder change together, or a store would stay shut, or a folder lie
/// about, until the next start.
#[expect(
    clippy::disallowed_methods,
    reason = "it is waited for at once; its caller may go away, the work may not"
)]
async fn run_detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(work).await.map_err(|source| Error::Interrupted {
        attempted: "changed a storage account",
        source,
    })?
}

/// The accounts in a group, which go with it: no registry outside of the group lies in one.
pub(crate) fn list_to_erase(read: &mut dyn Read, group: &ResourceGroup) -> Result<Vec<StorageAccount>, Error> {
    let accounts = read.list_storage_accounts_of_group(group.subscription_id, &group.name)?;
    let inside = format!("{}/", group.scope());
    for account in &accounts {
        let mut after = RegistryId(0);
        while let Some(registry) = read.find_next_registry_in_account(account.id, after)? {
            if !registry.scope().starts_with(&inside) {
                return Err(in_use(account, &format!("registry {} lies in it", registry.name)));
            }
            after = registry.id;
        }
    }
    Ok(accounts)
}

/// The account to change at a scope, unless its name is another's or it is elsewhere.
fn find_to_change(
    read: &mut dyn Read,
    scope: &ResourceId,
    name: &str,
    location: &str,
) -> Result<Option<StorageAccount>, Error> {
    match read.find_storage_account_by_name(name)? {
        Some(found) if found.scope().as_deref() != Some(scope.key()) => {
            Err(StorageAccountError::NameTaken { name: name.to_owned() }.into())
        }
        Some(found) if found.location != location => Err(StorageAccountError::Elsewhere {
            name: found.name,
            wanted: location.to_owned(),
            found: found.location,
        }
        .into()),
        found => Ok(found),
    }
}

/// The account at a scope.
///
/// # Errors
/// [`MetadataError`].
pub fn find_storage_account(read: &mut dyn Read, scope: &ResourceId) -> Result<Option<StorageAccount>, MetadataError> {
    let found = read.find_storage_account_by_name(&name_at(scope))?;
    Ok(found.filter(|account| account.scope().as_deref() == Some(scope.key())))
}

/// The same; its absence is an error.
pub(crate) fn load_at(read: &mut dyn Read, scope: &ResourceId) -> Result<StorageAccount, Error> {
    find_storage_account(read, scope)?.ok_or_else(|| {
        StorageAccountError::Unknown {
            name: name_at(scope),
            group: name_at(&around(scope)),
        }
        .into()
    })
}

fn remove_if_empty(tx: &mut dyn Tx, account: &StorageAccount) -> Result<(), Error> {
    refuse_if_used(tx, account)?;
    if !tx.list_objects_to_delete(account.id, 1)?.is_empty() {
        return Err(in_use(account, "objects in it wait to be deleted; try again"));
    }
    if let Some(scope) = account.scope() {
        // An account made anew under the name starts without roles.
        tx.remove_role_assignments_within(&scope)?;
    }
    Ok(tx.remove_storage_account(account.id)?)
}

fn refuse_if_used(read: &mut dyn Read, account: &StorageAccount) -> Result<(), Error> {
    let id = account.id;
    match read.find_next_registry_in_account(id, RegistryId(0))? {
        Some(registry) => Err(in_use(account, &format!("registry {} lies in it", registry.name))),
        None if read.is_storage_account_used(id)? => Err(in_use(account, "blobs lie in it")),
        None => Ok(()),
    }
}

fn in_use(account: &StorageAccount, by: &str) -> Error {
    StorageAccountError::InUse {
        name: account.name.clone(),
        by: by.to_owned(),
    }
    .into()
}
