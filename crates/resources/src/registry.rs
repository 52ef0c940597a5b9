//! The registry as a resource of ARM: made and changed under grants of the control plane. It refuses to make
//! passwords: they come in sealed.

mod change;
mod policies;
mod switches;
mod usage;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use holdfast_access::{Actor, ControlGrant, ControlReach, control};
use holdfast_arm::ResourceId;
use holdfast_content::{Stores, find_open_by_id};
use uuid::Uuid;

use crate::{
    Error, Precondition, Resources, classic, erase::refuse_if_deleting, quota::check_registries,
    resource_group::load_group, scope::name_at,
};
pub use change::RegistryChange;
pub(crate) use change::{author_of, check};
use holdfast_model::{
    AdminPassword, Durability, MetadataError, MetadataExt, NewRegistry, Read, RegistryRecord, Sku, StorageAccount,
    StorageAccountId, StorageError, Tags, Timestamp, Tx,
};
pub use usage::RegistryUsage;
use usage::refuse_if_crowded;

/// A password ready to be stored.
#[derive(Debug, Clone)]
pub struct SealedPassword {
    /// The password, encrypted with the server's key.
    pub sealed: Vec<u8>,
    /// Keyed hash to compare a given password with.
    pub verifier: [u8; 32],
}

/// A registry with the account that its bytes lie in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryView {
    /// The registry.
    pub record: RegistryRecord,
    /// Of a Classic one, the user's account; the service's own are nobody's business.
    pub storage_account: Option<StorageAccount>,
    /// Host and port that its clients must reach beside its own: of the store, while it has a data endpoint.
    pub data_host: Option<String>,
}

impl Resources {
    /// Makes the registry that the grant is for, or changes it; says whether it is new. A new one has the two passwords.
    ///
    /// # Errors
    /// [`Error::ResourceGroupUnknown`], [`Error::ResourceGroupBeingDeleted`], [`Error::RegistryNameTaken`],
    /// [`Error::RegistryElsewhere`], [`Error::LocationUnknown`], [`Error::PreconditionFailed`], [`Error::StorageAccount`],
    /// [`Error::Quota`], what [`Self::change_registry`] says of settings.
    pub async fn put_registry(
        &self,
        grant: &ControlGrant<control::RegistriesWrite>,
        (name, location): (String, String),
        change: RegistryChange,
        passwords: [SealedPassword; 2],
        precondition: Precondition,
    ) -> Result<(RegistryView, bool), Error> {
        let (scope, now, rid) = (grant.scope().clone(), self.clock.now(), self.ids.uuid());
        let (actor, stores) = (grant.actor().clone(), Arc::clone(&self.stores));
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let group = load_group(tx, &scope)?;
                refuse_if_deleting(tx, &group)?;
                let found = tx.find_registry_by_name(&name)?;
                let own = found.as_ref().filter(|found| found.scope() == scope.key());
                precondition.check(own.map(RegistryRecord::entity_tag).as_deref())?;
                let author = author_of(tx, &actor)?;
                let (mut registry, is_new) = match found {
                    Some(found) if found.scope() != scope.key() || found.is_deleting => {
                        return Err(Error::RegistryNameTaken { name: name.clone() });
                    }
                    Some(found) if found.location != location => {
                        return Err(Error::RegistryElsewhere {
                            wanted: location.clone(),
                            found: found.location,
                        });
                    }
                    Some(found) => {
                        classic::refuse_if_moved(tx, &found, &change)?;
                        (found, false)
                    }
                    None => {
                        check_registries(tx, &group, &actor)?;
                        let sku = change.sku.unwrap_or(Sku::Standard);
                        let storage_account = classic::storage_for(tx, sku, &location, change.storage.as_ref())?;
                        let id = tx.insert_registry(&NewRegistry {
                            name: name.clone(),
                            rid,
                            subscription_id: group.subscription_id,
                            resource_group: group.name,
                            location: location.clone(),
                            sku,
                            storage_account,
                            admin_enabled: change.admin_enabled.unwrap_or(false),
                            tags: Tags::new(),
                            created_at: now,
                            created_by: Some(author),
                        })?;
                        for (slot, password) in (1..).zip(&passwords) {
                            tx.put_admin_password(id, slot, &password.sealed, &password.verifier, now)?;
                        }
                        let registry = find_open_by_id(tx, id)?;
                        (
                            registry.ok_or_else(|| Error::RegistryUnknown { name: name.clone() })?,
                            true,
                        )
                    }
                };
                change.clone().apply(&mut registry, now)?;
                save(tx, &mut registry, &actor, now)?;
                Ok((view(tx, &stores, registry)?, is_new))
            })
            .await
    }

    /// Changes the registry that the grant is for; fields that the change leaves keep their values.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::PreconditionFailed`], [`Error::SkuLacks`], [`Error::SkuTooSmall`],
    /// [`Error::QuotaExceeded`], [`Error::SettingsContradict`], [`Error::StorageAccount`], [`Error::Storage`].
    pub async fn change_registry(
        &self,
        grant: &ControlGrant<control::RegistriesWrite>,
        change: RegistryChange,
        precondition: Precondition,
    ) -> Result<RegistryView, Error> {
        self.change_at((grant.scope(), grant.actor()), change, precondition)
            .await
    }

    /// The registry at a scope, changed by an actor.
    async fn change_at(
        &self,
        (scope, actor): (&ResourceId, &Actor),
        change: RegistryChange,
        precondition: Precondition,
    ) -> Result<RegistryView, Error> {
        let (scope, now, actor) = (scope.clone(), self.clock.now(), actor.clone());
        let stores = Arc::clone(&self.stores);
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let mut registry = load_at(tx, &scope)?;
                precondition.check(Some(&registry.entity_tag()))?;
                classic::refuse_if_moved(tx, &registry, &change)?;
                change.clone().apply(&mut registry, now)?;
                save(tx, &mut registry, &actor, now)?;
                Ok(view(tx, &stores, registry)?)
            })
            .await
    }

    /// The registry that the grant is for, for the list of its replications.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::Storage`].
    pub async fn load_registry_home(
        &self,
        grant: &ControlGrant<control::ReplicationsRead>,
    ) -> Result<RegistryRecord, Error> {
        let scope = grant.scope().clone();
        self.metadata.query(move |read| load_at(read, &scope)).await
    }

    /// The registry that the grant is for.
    ///
    /// # Errors
    /// [`Error::ResourceGroupUnknown`], [`Error::RegistryUnknown`], [`Error::Storage`].
    pub async fn load_registry_resource(
        &self,
        grant: &ControlGrant<control::RegistriesRead>,
    ) -> Result<RegistryView, Error> {
        let (scope, stores) = (grant.scope().clone(), Arc::clone(&self.stores));
        self.metadata
            .query(move |read| {
                load_group(read, &scope)?;
                let registry = load_at(read, &scope)?;
                Ok(view(read, &stores, registry)?)
            })
            .await
    }

    /// The registries of a subscription that the caller may see, the first one made first.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_registry_resources(
        &self,
        reach: &ControlReach<control::RegistriesRead>,
        subscription: Uuid,
    ) -> Result<Vec<RegistryView>, StorageError> {
        let (reach, stores) = (reach.clone(), Arc::clone(&self.stores));
        Ok(self
            .metadata
            .query(move |read| {
                let mut all = read.list_registries()?;
                all.retain(|registry| registry.subscription_id == subscription && reach.covers(&registry.scope()));
                views(read, &stores, all)
            })
            .await?)
    }

    /// The registry that the grant is for and its admin passwords.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::AdminDisabled`], [`Error::Storage`].
    pub async fn list_registry_credentials(
        &self,
        grant: &ControlGrant<control::ListCredentials>,
    ) -> Result<(RegistryRecord, Vec<AdminPassword>), Error> {
        let scope = grant.scope().clone();
        self.metadata
            .query(move |read| {
                let registry = load_admin(read, &scope)?;
                let passwords = read.list_admin_passwords(registry.id)?;
                Ok((registry, passwords))
            })
            .await
    }

    /// Replaces one admin password of the registry that the grant is for, and gives all of them. Tokens made from the old
    /// one are refused from now on.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::AdminDisabled`], [`Error::Storage`].
    pub async fn regenerate_registry_credential(
        &self,
        grant: &ControlGrant<control::RegenerateCredential>,
        slot: u8,
        password: SealedPassword,
    ) -> Result<(RegistryRecord, Vec<AdminPassword>), Error> {
        let (scope, now) = (grant.scope().clone(), self.clock.now());
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let registry = load_admin(tx, &scope)?;
                tx.put_admin_password(registry.id, slot, &password.sealed, &password.verifier, now)?;
                let passwords = tx.list_admin_passwords(registry.id)?;
                Ok((registry, passwords))
            })
            .await
    }

    /// Whether a registry could be made under this name.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn is_registry_name_free(
        &self,
        _grant: &ControlGrant<control::CheckNameAvailability>,
        name: &str,
    ) -> Result<bool, StorageError> {
        let name = name.to_owned();
        self.metadata
            .query(move |read| Ok(read.find_registry_by_name(&name)?.is_none()))
            .await
    }
}

/// Writes a changed registry as its next revision, if its tier has room for what is in it.
fn save(tx: &mut dyn Tx, registry: &mut RegistryRecord, actor: &Actor, now: Timestamp) -> Result<(), Error> {
    refuse_if_crowded(tx, registry)?;
    registry.updated_at = now;
    registry.updated_by = Some(author_of(tx, actor)?);
    registry.revision += 1;
    Ok(tx.update_registry(registry)?)
}

/// With its account, one read for a Classic one.
fn view(read: &mut dyn Read, stores: &Stores, record: RegistryRecord) -> Result<RegistryView, MetadataError> {
    let storage_account = match record.sku {
        Sku::Classic => read.find_storage_account(record.storage_account)?,
        Sku::Basic | Sku::Standard | Sku::Premium => None,
    };
    Ok(RegistryView {
        data_host: data_host(stores, &record),
        record,
        storage_account: storage_account.filter(|account| !account.is_own()),
    })
}

/// The same of many, one read for all.
fn views(
    read: &mut dyn Read,
    stores: &Stores,
    records: Vec<RegistryRecord>,
) -> Result<Vec<RegistryView>, MetadataError> {
    let classic = records.iter().filter(|record| record.sku == Sku::Classic);
    let ids: BTreeSet<StorageAccountId> = classic.map(|record| record.storage_account).collect();
    let ids: Vec<StorageAccountId> = ids.into_iter().collect();
    let accounts = match ids[..] {
        [] => Vec::new(),
        _ => read.find_storage_accounts(&ids)?,
    };
    let users = accounts.into_iter().filter(|account| !account.is_own());
    let by_id: HashMap<StorageAccountId, StorageAccount> = users.map(|account| (account.id, account)).collect();
    let with_account = |record: RegistryRecord| RegistryView {
        storage_account: by_id.get(&record.storage_account).cloned(),
        data_host: data_host(stores, &record),
        record,
    };
    Ok(records.into_iter().map(with_account).collect())
}

fn data_host(stores: &Stores, record: &RegistryRecord) -> Option<String> {
    // Of an account that another node made it is known once the store was needed here.
    let store = stores.find(record.storage_account).filter(|_| record.data_endpoint)?;
    store.data_host().map(str::to_owned)
}

/// The registry at a scope, one that is being deleted too.
pub(crate) fn find_at(read: &mut dyn Read, scope: &ResourceId) -> Result<Option<RegistryRecord>, MetadataError> {
    let found = read.find_registry_by_name(&name_at(scope))?;
    Ok(found.filter(|registry| registry.scope() == scope.key()))
}

/// The registry at a scope; its absence is an error.
pub(crate) fn load_at(read: &mut dyn Read, scope: &ResourceId) -> Result<RegistryRecord, Error> {
    let found = find_at(read, scope)?.filter(|registry| !registry.is_deleting);
    found.ok_or_else(|| Error::RegistryUnknown { name: name_at(scope) })
}

/// The same, if its admin account is on.
fn load_admin(read: &mut dyn Read, scope: &ResourceId) -> Result<RegistryRecord, Error> {
    let registry = load_at(read, scope)?;
    if registry.admin_enabled {
        Ok(registry)
    } else {
        Err(Error::AdminDisabled { name: registry.name })
    }
}
