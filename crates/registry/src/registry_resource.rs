//! The registry as a resource of ARM: made, changed and deleted under grants of the control plane. It refuses to make
//! passwords: they come in sealed.

mod change;

use holdfast_access::{Actor, ControlGrant, ControlReach, RegistryId, control};
use uuid::Uuid;

use crate::{
    Error, Precondition, Registry, SealedPassword, Timestamp,
    limits::{MANIFESTS_PER_TRANSACTION, ROWS_PER_STEP},
    ports::{
        AdminPassword, Candidate, Durability, ListOrder, MetadataExt, NewRegistry, Page, Read, RegistryRecord,
        RepositoryRecord, Sku, StorageAccount, Tags, Tx,
    },
    precondition::entity_tag,
    resource_group::load_group,
};
pub use change::RegistryChange;
use change::author_of;

impl Registry {
    /// Makes the registry that the grant is for, or changes it; says whether it is new. A new one has the two passwords.
    ///
    /// # Errors
    /// [`Error::ResourceGroupUnknown`], [`Error::RegistryNameTaken`], [`Error::RegistryElsewhere`],
    /// [`Error::LocationUnknown`], [`Error::ConditionFailed`], what [`Self::change_registry`] says of settings.
    pub async fn put_registry(
        &self,
        grant: &ControlGrant<control::RegistriesWrite>,
        (name, location): (String, String),
        change: RegistryChange,
        passwords: [SealedPassword; 2],
        precondition: Precondition,
    ) -> Result<(RegistryRecord, bool), Error> {
        let (scope, now, rid) = (grant.scope().to_owned(), self.clock.now(), self.ids.uuid());
        let actor = grant.actor().clone();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let group = load_group(tx, &scope)?;
                let found = tx.find_registry_by_name(&name)?;
                let own = found.as_ref().filter(|found| found.scope() == scope);
                precondition.check(own.map(RegistryRecord::entity_tag).as_deref())?;
                let author = author_of(tx, &actor)?;
                let (mut registry, is_new) = match found {
                    Some(found) if found.scope() != scope || found.is_deleting => {
                        return Err(Error::RegistryNameTaken { name });
                    }
                    Some(found) if found.location != location => {
                        return Err(Error::RegistryElsewhere {
                            wanted: location,
                            found: found.location,
                        });
                    }
                    Some(found) => (found, false),
                    None => {
                        let account = account_at(tx, &location)?;
                        let id = tx.insert_registry(&NewRegistry {
                            name,
                            rid,
                            subscription_id: group.subscription_id,
                            resource_group: group.name,
                            location,
                            sku: change.sku.unwrap_or(Sku::Standard),
                            storage_account: account.id,
                            admin_enabled: change.admin_enabled.unwrap_or(false),
                            tags: Tags::new(),
                            created_at: now,
                            created_by: Some(author),
                        })?;
                        for (slot, password) in (1..).zip(&passwords) {
                            tx.put_admin_password(id, slot, &password.sealed, &password.verifier, now)?;
                        }
                        (crate::registry::load_registry(tx, id)?, true)
                    }
                };
                change.apply(&mut registry, now)?;
                save(tx, &mut registry, &actor, now)?;
                Ok((registry, is_new))
            })
            .await
    }

    /// Changes the registry that the grant is for; fields that the change leaves keep their values.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::ConditionFailed`], [`Error::SkuLacks`], [`Error::SkuTooSmall`],
    /// [`Error::QuotaExceeded`], [`Error::SettingsContradict`], [`Error::Metadata`], [`Error::Full`].
    pub async fn change_registry(
        &self,
        grant: &ControlGrant<control::RegistriesWrite>,
        change: RegistryChange,
        precondition: Precondition,
    ) -> Result<RegistryRecord, Error> {
        let (scope, now, actor) = (grant.scope().to_owned(), self.clock.now(), grant.actor().clone());
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let mut registry = load_at(tx, &scope)?;
                precondition.check(Some(&registry.entity_tag()))?;
                change.apply(&mut registry, now)?;
                save(tx, &mut registry, &actor, now)?;
                Ok(registry)
            })
            .await
    }

    /// The registry that the grant is for.
    ///
    /// # Errors
    /// [`Error::ResourceGroupUnknown`], [`Error::RegistryUnknown`], [`Error::Metadata`].
    pub async fn load_registry_resource(
        &self,
        grant: &ControlGrant<control::RegistriesRead>,
    ) -> Result<RegistryRecord, Error> {
        let scope = grant.scope().to_owned();
        self.metadata
            .query(move |read| {
                load_group(read, &scope)?;
                load_at(read, &scope)
            })
            .await
    }

    /// The registries of a subscription that the caller may see, the first one made first.
    ///
    /// # Errors
    /// [`Error::Metadata`].
    pub async fn list_registry_resources(
        &self,
        reach: &ControlReach<control::RegistriesRead>,
        subscription: Uuid,
    ) -> Result<Vec<RegistryRecord>, Error> {
        let all = self.list_registries().await?.into_iter();
        Ok(all
            .filter(|registry| registry.subscription_id == subscription && reach.covers(&registry.scope()))
            .collect())
    }

    /// The registry that the grant is for and its admin passwords.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::AdminDisabled`], [`Error::Metadata`].
    pub async fn list_registry_credentials(
        &self,
        grant: &ControlGrant<control::ListCredentials>,
    ) -> Result<(RegistryRecord, Vec<AdminPassword>), Error> {
        let scope = grant.scope().to_owned();
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
    /// [`Error::RegistryUnknown`], [`Error::AdminDisabled`], [`Error::Metadata`], [`Error::Full`].
    pub async fn regenerate_registry_credential(
        &self,
        grant: &ControlGrant<control::RegenerateCredential>,
        slot: u8,
        password: SealedPassword,
    ) -> Result<(RegistryRecord, Vec<AdminPassword>), Error> {
        let (scope, now) = (grant.scope().to_owned(), self.clock.now());
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let registry = load_admin(tx, &scope)?;
                tx.put_admin_password(registry.id, slot, &password.sealed, &password.verifier, now)?;
                let passwords = tx.list_admin_passwords(registry.id)?;
                Ok((registry, passwords))
            })
            .await
    }

    /// The tier of the registry that the grant is for, and the bytes its repositories use.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::Metadata`].
    pub async fn measure_registry(
        &self,
        grant: &ControlGrant<control::ListUsages>,
    ) -> Result<(RegistryRecord, u64), Error> {
        let scope = grant.scope().to_owned();
        self.metadata
            .query(move |read| {
                let registry = load_at(read, &scope)?;
                let used_bytes = read.measure_registry(registry.id)?;
                Ok((registry, used_bytes))
            })
            .await
    }

    /// Whether a registry could be made under this name.
    ///
    /// # Errors
    /// [`Error::Metadata`].
    pub async fn is_registry_name_free(
        &self,
        _grant: &ControlGrant<control::CheckNameAvailability>,
        name: &str,
    ) -> Result<bool, Error> {
        let name = name.to_owned();
        self.metadata
            .query(move |read| Ok(read.find_registry_by_name(&name)?.is_none()))
            .await
    }

    /// Deletes the registry that the grant is for with everything in it; says whether it was there. Nothing is read from
    /// it or written to it from the first moment on; its rows go in steps, and what is cut off can be deleted again. The
    /// name is free at the end.
    ///
    /// # Errors
    /// [`Error::RegistryProtected`], [`Error::ConditionFailed`], [`Error::Metadata`], [`Error::Full`].
    pub async fn delete_registry(
        &self,
        grant: &ControlGrant<control::RegistriesDelete>,
        precondition: Precondition,
    ) -> Result<bool, Error> {
        let (scope, now) = (grant.scope().to_owned(), self.clock.now());
        let looked_for = scope.clone();
        let found = self.metadata.query(move |read| find_at(read, &looked_for)).await?;
        if let Some(registry) = &found {
            self.refuse_if_protected(registry.id).await?;
        }
        let marked = scope.clone();
        let was_there = self
            .metadata
            .transact(Durability::Durable, move |tx| {
                let found = find_at(tx, &marked)?;
                precondition.check(found.as_ref().map(RegistryRecord::entity_tag).as_deref())?;
                let Some(mut registry) = found else {
                    return Ok(false);
                };
                registry.is_deleting = true;
                registry.updated_at = now;
                tx.update_registry(&registry)?;
                Ok(true)
            })
            .await?;
        if was_there {
            self.erase_registry(scope).await?;
        }
        Ok(was_there)
    }

    /// The first registry made is the one that the base host stands for: it stays.
    pub(crate) async fn refuse_if_protected(&self, id: RegistryId) -> Result<(), Error> {
        let first = self.list_registries().await?.into_iter().next();
        match first {
            Some(first) if first.id == id => Err(Error::RegistryProtected { name: first.name }),
            _ => Ok(()),
        }
    }

    /// Removes the rows of a registry in steps, and queues its objects.
    pub(crate) async fn erase_registry(&self, scope: String) -> Result<(), Error> {
        loop {
            let (scope, now) = (scope.clone(), self.clock.now());
            let is_done = self
                .metadata
                .transact(Durability::Durable, move |tx| {
                    let Some(mut registry) = find_at(tx, &scope)? else {
                        return Ok(true);
                    };
                    if !registry.is_deleting {
                        registry.is_deleting = true;
                        registry.updated_at = now;
                        tx.update_registry(&registry)?;
                    }
                    erase_some(tx, &registry, now)
                })
                .await?;
            if is_done {
                return Ok(());
            }
        }
    }
}

/// Writes a changed registry as its next revision.
fn save(tx: &mut dyn Tx, registry: &mut RegistryRecord, actor: &Actor, now: Timestamp) -> Result<(), Error> {
    registry.updated_at = now;
    registry.updated_by = Some(author_of(tx, actor)?);
    registry.revision += 1;
    tx.update_registry(registry)
}

impl RegistryRecord {
    /// What tells this state of the registry from all others, as HTTP writes it.
    #[must_use]
    pub fn entity_tag(&self) -> String {
        entity_tag(self.created_at, self.revision)
    }
}

/// One step of a deletion; says whether it was the last.
fn erase_some(tx: &mut dyn Tx, registry: &RegistryRecord, now: Timestamp) -> Result<bool, Error> {
    let uploads = tx.list_uploads_of_registry(registry.id, ROWS_PER_STEP)?;
    for upload in &uploads {
        tx.remove_upload(upload.id)?;
        let object = Candidate::Object {
            storage_account: upload.storage_account,
            object_key: upload.object_key.clone(),
            size_bytes: upload.offset,
        };
        tx.queue_candidate(&object, now)?;
    }
    if !uploads.is_empty() {
        return Ok(false);
    }
    if let Some(repository) = tx.list_every_repository(registry.id, 1)?.into_iter().next() {
        erase_some_of_repository(tx, &repository, now)?;
        return Ok(false);
    }
    if erase_some_tokens(tx, registry.id)? {
        return Ok(false);
    }
    // A registry made anew under the name starts without roles.
    tx.remove_role_assignments_within(&registry.scope())?;
    tx.remove_registry(registry.id)?;
    Ok(true)
}

/// Tokens before their scope maps; says whether there were any.
fn erase_some_tokens(tx: &mut dyn Tx, registry: RegistryId) -> Result<bool, Error> {
    let tokens = tx.list_tokens(registry, "", ROWS_PER_STEP)?;
    for token in &tokens {
        tx.remove_token(token.id)?;
    }
    let maps = tx.list_scope_maps(registry, "", ROWS_PER_STEP)?;
    for map in &maps {
        tx.remove_scope_map(registry, &map.name)?;
    }
    Ok(!tokens.is_empty() || !maps.is_empty())
}

/// Locks do not hold against the deletion of the whole registry.
fn erase_some_of_repository(tx: &mut dyn Tx, repository: &RepositoryRecord, now: Timestamp) -> Result<(), Error> {
    let page = Page {
        after: None,
        limit: MANIFESTS_PER_TRANSACTION,
        order: ListOrder::TimeAscending,
    };
    let manifests = tx.list_manifests(repository.id, &page)?;
    for manifest in &manifests {
        tx.remove_manifest(manifest.id)?;
    }
    if !manifests.is_empty() {
        return Ok(());
    }
    let blobs = tx.list_blobs_of_repository(repository.id, ROWS_PER_STEP)?;
    for blob in &blobs {
        tx.unlink_blob(repository.id, blob.id)?;
        if !tx.is_blob_linked(blob.id)? {
            tx.remove_blob(blob.id)?;
            let object = Candidate::Object {
                storage_account: blob.storage_account,
                object_key: blob.object_key.clone(),
                size_bytes: blob.size_bytes,
            };
            tx.queue_candidate(&object, now)?;
        }
    }
    if blobs.is_empty() {
        tx.remove_repository_if_empty(repository.id)?;
    }
    Ok(())
}

/// The registry at a scope, one that is being deleted too.
fn find_at(read: &mut (impl Read + ?Sized), scope: &str) -> Result<Option<RegistryRecord>, Error> {
    let name = scope.rsplit('/').next().unwrap_or_default();
    let found = read.find_registry_by_name(name)?;
    Ok(found.filter(|registry| registry.scope() == scope))
}

/// The registry at a scope; its absence is an error.
pub(crate) fn load_at(read: &mut (impl Read + ?Sized), scope: &str) -> Result<RegistryRecord, Error> {
    let found = find_at(read, scope)?.filter(|registry| !registry.is_deleting);
    found.ok_or_else(|| Error::RegistryUnknown {
        name: scope.rsplit('/').next().unwrap_or_default().to_owned(),
    })
}

/// The same, if its admin account is on.
fn load_admin(read: &mut (impl Read + ?Sized), scope: &str) -> Result<RegistryRecord, Error> {
    let registry = load_at(read, scope)?;
    if registry.admin_enabled {
        Ok(registry)
    } else {
        Err(Error::AdminDisabled { name: registry.name })
    }
}

/// The service's own storage account at a location.
fn account_at(read: &mut (impl Read + ?Sized), location: &str) -> Result<StorageAccount, Error> {
    let accounts = read.list_storage_accounts()?;
    let locations = accounts.iter().map(|account| account.location.clone()).collect();
    let found = accounts.into_iter().find(|account| account.location == location);
    found.ok_or_else(|| Error::LocationUnknown {
        location: location.to_owned(),
        known: locations,
    })
}
