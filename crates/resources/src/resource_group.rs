//! Resource groups: where registries are kept together. Whoever deletes one deletes what is in it (`erase`).

use holdfast_access::{ControlGrant, ControlReach, control};
use holdfast_arm::{ResourceId, fold_case};
use uuid::Uuid;

use crate::{Error, Precondition, Resources, erase::refuse_if_deleting, quota::check_groups};
use holdfast_model::{Durability, MetadataExt, Read, ResourceGroup, StorageError, Tags};

impl Resources {
    /// Makes the group that the grant is for, or replaces its tags; says whether it is new.
    ///
    /// # Errors
    /// [`Error::ResourceGroupUnknown`] when the id is no group's, [`Error::ResourceGroupElsewhere`],
    /// [`Error::ResourceGroupBeingDeleted`], [`Error::PreconditionFailed`], [`Error::Quota`], [`Error::Storage`].
    pub async fn put_resource_group(
        &self,
        grant: &ControlGrant<control::ResourceGroupsWrite>,
        location: String,
        tags: Tags,
        precondition: Precondition,
    ) -> Result<(ResourceGroup, bool), Error> {
        let actor = grant.actor().clone();
        let (subscription_id, name) = group_at(grant.scope())?;
        let group = ResourceGroup {
            subscription_id,
            name,
            location,
            tags,
            created_at: self.clock.now(),
            revision: 1,
        };
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let found = tx.find_resource_group(group.subscription_id, &group.name)?;
                precondition.check(found.as_ref().map(ResourceGroup::entity_tag).as_deref())?;
                let Some(mut found) = found else {
                    check_groups(tx, (group.subscription_id, &group.name), &actor)?;
                    tx.insert_resource_group(&group)?;
                    return Ok((group.clone(), true));
                };
                if found.location != group.location {
                    return Err(Error::ResourceGroupElsewhere {
                        wanted: group.location.clone(),
                        found: found.location,
                    });
                }
                refuse_if_deleting(tx, &group)?;
                found.tags = group.tags.clone();
                found.revision += 1;
                tx.update_resource_group(&found)?;
                Ok((found, false))
            })
            .await
    }

    /// Replaces the tags of the group that the grant is for.
    ///
    /// # Errors
    /// [`Error::ResourceGroupUnknown`], [`Error::PreconditionFailed`], [`Error::Storage`].
    pub async fn tag_resource_group(
        &self,
        grant: &ControlGrant<control::ResourceGroupsWrite>,
        tags: Tags,
        precondition: Precondition,
    ) -> Result<ResourceGroup, Error> {
        let scope = grant.scope().clone();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let mut group = load_group(tx, &scope)?;
                precondition.check(Some(&group.entity_tag()))?;
                group.tags = tags.clone();
                group.revision += 1;
                tx.update_resource_group(&group)?;
                Ok(group)
            })
            .await
    }

    /// The group that the grant is for.
    ///
    /// # Errors
    /// [`Error::ResourceGroupUnknown`], [`Error::Storage`].
    pub async fn load_resource_group(
        &self,
        grant: &ControlGrant<control::ResourceGroupsRead>,
    ) -> Result<ResourceGroup, Error> {
        let scope = grant.scope().clone();
        self.metadata.query(move |read| load_group(read, &scope)).await
    }

    /// The groups of a subscription that the caller may see, by name.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_resource_groups(
        &self,
        reach: &ControlReach<control::ResourceGroupsRead>,
        subscription: Uuid,
    ) -> Result<Vec<ResourceGroup>, StorageError> {
        let groups = self
            .metadata
            .query(move |read| read.list_resource_groups(subscription))
            .await?;
        Ok(groups
            .into_iter()
            .filter(|group| reach.covers(&group.scope()))
            .collect())
    }
}

/// The group that a scope is or lies in; its absence is an error.
pub(crate) fn load_group(read: &mut dyn Read, scope: &ResourceId) -> Result<ResourceGroup, Error> {
    let (subscription, name) = group_at(scope)?;
    let found = read.find_resource_group(subscription, &name)?;
    found.ok_or_else(|| Error::ResourceGroupUnknown { name: fold_case(&name) })
}

/// The group that an id is or lies in: its subscription, and its name as written.
fn group_at(id: &ResourceId) -> Result<(Uuid, String), Error> {
    let name = id.resource_group().unwrap_or_default().to_owned();
    let subscription = id.subscription().and_then(|id| Uuid::parse_str(id).ok());
    match subscription.filter(|_| !name.is_empty()) {
        Some(subscription) => Ok((subscription, name)),
        None => Err(Error::ResourceGroupUnknown { name }),
    }
}
