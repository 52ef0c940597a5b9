//! Deletion of registries and resource groups: marked at once, together with a job that finishes it should this process
//! end first; then the rows go in steps, and the objects are queued for the collector.

use holdfast_content::limits::{MANIFESTS_PER_TRANSACTION, ROWS_PER_STEP};
use std::{sync::Arc, time::Duration};

use holdfast_access::{ControlGrant, RegistryId, control};
use holdfast_arm::{ResourceId, fold_case};

use crate::{
    Error, Precondition, Resources, import::ImportFailure, registry::find_at, resource_group::load_group,
    storage_account,
};
use holdfast_model::{
    Candidate, Durability, JobId, JobKind, JobRecord, MetadataError, MetadataExt, Read, RegistryRecord, RepositoryId,
    ResourceGroup, StorageAccount, StorageError, Timestamp, Tx,
};

/// How long whoever asked for a deletion has to finish it before the job goes on with it. Both at once do no harm.
const PATIENCE: Duration = Duration::from_secs(5);

impl Resources {
    /// Deletes the registry that the grant is for with everything in it; says whether it was there. Nothing is read from
    /// it or written to it from the first moment on; its rows go in steps, and what is cut off is finished by a job. The
    /// name is free at the end.
    ///
    /// # Errors
    /// [`Error::RegistryProtected`], [`Error::PreconditionFailed`], [`Error::Storage`].
    pub async fn delete_registry(
        &self,
        grant: &ControlGrant<control::RegistriesDelete>,
        precondition: Precondition,
    ) -> Result<bool, Error> {
        let (scope, now, id) = (grant.scope().clone(), self.clock.now(), JobId(self.ids.uuid()));
        let begun = self
            .metadata
            .transact(Durability::Durable, move |tx| {
                let found = find_at(tx, &scope)?;
                if let Some(registry) = &found {
                    refuse_if_protected(tx, registry)?;
                }
                precondition.check(found.as_ref().map(RegistryRecord::entity_tag).as_deref())?;
                found.map(|registry| begin(tx, registry, id, now)).transpose()
            })
            .await?;
        match begun {
            Some(registry) => Ok(self.erase_registry(registry).await.map(|()| true)?),
            None => Ok(false),
        }
    }

    /// Goes on with the deletion of the registry that the grant is for, if one was cut off; one that was made meanwhile
    /// under the same name stays.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn resume_registry_deletion(
        &self,
        grant: &ControlGrant<control::RegistriesDelete>,
    ) -> Result<(), StorageError> {
        let scope = grant.scope().clone();
        let found = self.metadata.query(move |read| find_at(read, &scope)).await?;
        match found.filter(|registry| registry.is_deleting) {
            Some(registry) => self.erase_registry(registry.id).await,
            None => Ok(()),
        }
    }

    /// Deletes the group that the grant is for with all registries and storage accounts in it. From the first moment on
    /// nothing new is made in it; what is cut off is finished by a job.
    ///
    /// # Errors
    /// [`Error::ResourceGroupUnknown`], [`Error::PreconditionFailed`], [`Error::RegistryProtected`],
    /// [`Error::StorageAccount`] when something of another group lies in an account,
    /// [`Error::Storage`].
    pub async fn delete_resource_group(
        self: &Arc<Self>,
        grant: &ControlGrant<control::ResourceGroupsDelete>,
        precondition: Precondition,
    ) -> Result<(), Error> {
        let (scope, now, id) = (grant.scope().clone(), self.clock.now(), JobId(self.ids.uuid()));
        let job = self
            .metadata
            .transact(Durability::Durable, move |tx| {
                let group = load_group(tx, &scope)?;
                precondition.check(Some(&group.entity_tag()))?;
                if let Some(first) = tx.find_first_registry()?
                    && first.subscription_id == group.subscription_id
                    && first.resource_group.eq_ignore_ascii_case(&group.name)
                {
                    return Err(Error::RegistryProtected { name: first.name });
                }
                storage_account::list_to_erase(tx, &group)?;
                Ok(ask_once(tx, JobKind::EraseGroup, scope.key(), id, now)?)
            })
            .await?;
        self.erase_group(grant.scope().clone(), job).await
    }

    /// Goes on with the deletion of the group that the grant is for, which `job` stands for.
    ///
    /// # Errors
    /// [`Error::StorageAccount`], [`Error::Storage`].
    pub async fn resume_group_deletion(
        self: &Arc<Self>,
        grant: &ControlGrant<control::ResourceGroupsDelete>,
        job: JobId,
    ) -> Result<(), Error> {
        self.erase_group(grant.scope().clone(), job).await
    }

    /// The job is open as long as the group is the one whose deletion was asked for: it goes in the same transaction. What
    /// cannot be deleted is passed over, so that the others go; the group waits for it, and the job tries it again.
    async fn erase_group(self: &Arc<Self>, scope: ResourceId, job: JobId) -> Result<(), Error> {
        loop {
            let mut failed = None;
            let mut after = RegistryId(0);
            while let Some(registry) = self.find_next_to_erase(&scope, job, after).await? {
                after = registry.id;
                let erased = self.begin_and_erase(registry).await;
                failed = failed.or(erased.err());
            }
            let mut after = None;
            while let Some(account) = self.find_next_account_to_erase(&scope, job, after).await? {
                after = Some(account.clone());
                let erased = self.erase_storage_account(account, Precondition::default()).await;
                failed = failed.or(erased.err());
            }
            if let Some(error) = failed {
                return Err(error);
            }
            if self.finish_group(scope.clone(), job).await? {
                return Ok(());
            }
        }
    }

    async fn find_next_to_erase(
        &self,
        scope: &ResourceId,
        job: JobId,
        after: RegistryId,
    ) -> Result<Option<RegistryRecord>, Error> {
        let scope = scope.clone();
        self.metadata
            .query(move |read| {
                if !is_asked_for(read, scope.key(), job)? {
                    return Ok(None);
                }
                let group = load_group(read, &scope)?;
                Ok(read.find_next_registry_of_group(group.subscription_id, &group.name, after)?)
            })
            .await
    }

    async fn begin_and_erase(&self, registry: RegistryRecord) -> Result<(), Error> {
        let (id, now) = (JobId(self.ids.uuid()), self.clock.now());
        let begun = self.metadata.transact(Durability::Durable, move |tx| {
            let found = tx.find_registry(registry.id)?;
            found.map(|registry| begin(tx, registry, id, now)).transpose()
        });
        match begun.await? {
            Some(registry) => Ok(self.erase_registry(registry).await?),
            None => Ok(()),
        }
    }

    /// By scope.
    async fn find_next_account_to_erase(
        &self,
        scope: &ResourceId,
        job: JobId,
        after: Option<ResourceId>,
    ) -> Result<Option<ResourceId>, Error> {
        let scope = scope.clone();
        self.metadata
            .query(move |read| {
                if !is_asked_for(read, scope.key(), job)? {
                    return Ok(None);
                }
                let group = load_group(read, &scope)?;
                let accounts = storage_account::list_to_erase(read, &group)?;
                let scopes = accounts.iter().filter_map(StorageAccount::arm_id);
                let ids = scopes.filter_map(|scope| ResourceId::parse(&scope).ok());
                Ok(ids.filter(|id| after.as_ref().is_none_or(|after| id > after)).min())
            })
            .await
    }

    /// Removes the empty group; says whether it is gone.
    async fn finish_group(&self, scope: ResourceId, job: JobId) -> Result<bool, Error> {
        self.metadata
            .transact(Durability::Durable, move |tx| {
                if !is_asked_for(tx, scope.key(), job)? {
                    return Ok(true);
                }
                let group = load_group(tx, &scope)?;
                let (subscription, name) = (group.subscription_id, &group.name);
                let registry = tx.find_next_registry_of_group(subscription, name, RegistryId(0))?;
                if registry.is_some() || !storage_account::list_to_erase(tx, &group)?.is_empty() {
                    return Ok(false);
                }
                // A group made anew under the name starts without roles.
                tx.remove_role_assignments_within(scope.key())?;
                tx.remove_resource_group(subscription, name)?;
                tx.remove_job(job)?;
                Ok(true)
            })
            .await
    }

    /// Removes the rows of a registry in steps, and queues its objects.
    async fn erase_registry(&self, id: RegistryId) -> Result<(), StorageError> {
        loop {
            let now = self.clock.now();
            let is_done = self
                .metadata
                .transact(Durability::Durable, move |tx| match tx.find_registry(id)? {
                    Some(registry) => erase_some(tx, &registry, now),
                    None => Ok(true),
                })
                .await?;
            if is_done {
                return Ok(());
            }
        }
    }
}

/// Marks a registry and asks for the job that erases it; gives its row, whose id is never another's.
fn begin(tx: &mut dyn Tx, mut registry: RegistryRecord, job: JobId, now: Timestamp) -> Result<RegistryId, Error> {
    refuse_if_protected(tx, &registry)?;
    if !registry.is_deleting {
        registry.is_deleting = true;
        registry.updated_at = now;
        tx.update_registry(&registry)?;
    }
    ask_once(tx, JobKind::EraseRegistry, &registry.scope(), job, now)?;
    Ok(registry.id)
}

/// The first registry made is the one that the base host stands for: it stays.
fn refuse_if_protected(tx: &mut dyn Tx, registry: &RegistryRecord) -> Result<(), Error> {
    match tx.find_first_registry()? {
        Some(first) if first.id == registry.id => Err(Error::RegistryProtected { name: first.name }),
        _ => Ok(()),
    }
}

/// The open job of that kind about the scope, asked for now if there is none.
fn ask_once(tx: &mut dyn Tx, kind: JobKind, scope: &str, id: JobId, now: Timestamp) -> Result<JobId, MetadataError> {
    if let Some(job) = tx.list_open_jobs(kind, scope, 1)?.into_iter().next() {
        return Ok(job);
    }
    let mut job = JobRecord::new(id, kind, scope.to_owned(), String::new(), now);
    job.run_after = now.plus(PATIENCE);
    tx.insert_job(&job)?;
    Ok(id)
}

/// The registry goes: so does the job that erases it, and imports into it end, also those that this build cannot read.
fn end_jobs(tx: &mut dyn Tx, scope: &str, now: Timestamp) -> Result<(), MetadataError> {
    for job in tx.list_open_jobs(JobKind::EraseRegistry, scope, ROWS_PER_STEP)? {
        tx.remove_job(job)?;
    }
    let deleted = ImportFailure::registry_deleted().to_json();
    loop {
        let imports = tx.list_open_jobs(JobKind::ImportImage, scope, ROWS_PER_STEP)?;
        for job in &imports {
            tx.fail_job(*job, &deleted, now)?;
        }
        if imports.is_empty() {
            return Ok(());
        }
    }
}

/// An error while the group's deletion goes on: nothing new is made in it.
pub(crate) fn refuse_if_deleting(read: &mut dyn Read, group: &ResourceGroup) -> Result<(), Error> {
    if is_deleting(read, group)? {
        let name = fold_case(&group.name);
        return Err(Error::ResourceGroupBeingDeleted { name });
    }
    Ok(())
}

/// Whether this job is the one that stands for the group's deletion, and open.
fn is_asked_for(read: &mut dyn Read, group_scope: &str, job: JobId) -> Result<bool, MetadataError> {
    let open = read.list_open_jobs(JobKind::EraseGroup, group_scope, 1)?;
    Ok(open.first() == Some(&job))
}

/// Whether the deletion of the group goes on.
pub(crate) fn is_deleting(read: &mut dyn Read, group: &ResourceGroup) -> Result<bool, MetadataError> {
    let open = read.list_open_jobs(JobKind::EraseGroup, &group.scope(), 1)?;
    Ok(!open.is_empty())
}

/// One step of a deletion; says whether it was the last.
fn erase_some(tx: &mut dyn Tx, registry: &RegistryRecord, now: Timestamp) -> Result<bool, MetadataError> {
    let uploads = tx.list_uploads_of_registry(registry.id, ROWS_PER_STEP)?;
    let is_last = uploads.is_empty();
    for upload in uploads {
        tx.remove_upload(upload.id)?;
        if let Some(object) = upload.garbage {
            tx.queue_candidate(&Candidate::Object(object), now)?;
        }
    }
    if !is_last {
        return Ok(false);
    }
    if let Some(repository) = tx.list_every_repository(registry.id, 1)?.into_iter().next() {
        erase_some_of_repository(tx, repository, now)?;
        return Ok(false);
    }
    if erase_some_tokens(tx, registry.id)? {
        return Ok(false);
    }
    end_jobs(tx, &registry.scope(), now)?;
    // A registry made anew under the name starts without roles.
    tx.remove_role_assignments_within(&registry.scope())?;
    tx.remove_registry(registry.id)?;
    Ok(true)
}

/// Tokens before their scope maps; says whether there were any.
fn erase_some_tokens(tx: &mut dyn Tx, registry: RegistryId) -> Result<bool, MetadataError> {
    let tokens = tx.list_token_ids(registry, ROWS_PER_STEP)?;
    for token in &tokens {
        tx.remove_token(*token)?;
    }
    let maps = tx.list_scope_map_names(registry, ROWS_PER_STEP)?;
    for map in &maps {
        tx.remove_scope_map(registry, map)?;
    }
    Ok(!tokens.is_empty() || !maps.is_empty())
}

/// Locks do not hold against the deletion of the whole registry.
fn erase_some_of_repository(tx: &mut dyn Tx, repository: RepositoryId, now: Timestamp) -> Result<(), MetadataError> {
    let manifests = tx.list_manifest_ids(repository, MANIFESTS_PER_TRANSACTION)?;
    for manifest in &manifests {
        tx.remove_manifest(*manifest)?;
    }
    if !manifests.is_empty() {
        return Ok(());
    }
    let blobs = tx.list_blobs_of_repository(repository, ROWS_PER_STEP)?;
    let is_last = blobs.is_empty();
    for blob in blobs {
        tx.unlink_blob(repository, blob.id)?;
        if !tx.is_blob_linked(blob.id)? {
            tx.remove_blob(blob.id)?;
            if let Some(object) = blob.garbage() {
                tx.queue_candidate(&Candidate::Object(object), now)?;
            }
        }
    }
    if is_last {
        tx.remove_repository_if_empty(repository)?;
    }
    Ok(())
}
