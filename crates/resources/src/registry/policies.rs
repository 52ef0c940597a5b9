//! The policies of a registry as api-version 2017-10-01 reads and writes them: under rights of their own.

use holdfast_access::{ControlGrant, control};

use super::{RegistryChange, load_at};
use crate::{Error, Precondition, Resources};
use holdfast_model::{MetadataExt, RegistryRecord};

impl Resources {
    /// The registry that the grant is for, for its policies.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::Storage`].
    pub async fn list_registry_policies(
        &self,
        grant: &ControlGrant<control::ListPolicies>,
    ) -> Result<RegistryRecord, Error> {
        let scope = grant.scope().clone();
        self.metadata.query(move |read| load_at(read, &scope)).await
    }

    /// Changes the policies of the registry that the grant is for; `change` holds nothing else.
    ///
    /// # Errors
    /// What [`Self::change_registry`] says.
    pub async fn update_registry_policies(
        &self,
        grant: &ControlGrant<control::UpdatePolicies>,
        change: RegistryChange,
        precondition: Precondition,
    ) -> Result<RegistryRecord, Error> {
        let changed = self.change_at((grant.scope(), grant.actor()), change, precondition);
        Ok(changed.await?.record)
    }
}
