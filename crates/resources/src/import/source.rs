//! The source of an import that is a registry of this server: found and decided on in one look, so that nobody learns of
//! a registry that they may neither see nor pull from.

use holdfast_access::{
    Caller, ControlCaller, ControlGrant, ControlRefusal, Grant, action, control, decide, decide_control, rights_of,
};
use holdfast_arm::{ResourceId, fold_case};
use holdfast_content::find_open;
use holdfast_oci::RepositoryName;

use super::{ImportError, NewImportSource};
use crate::{Error, Resources};
use holdfast_model::{MetadataExt, RegistryRecord};

/// The right on the source that a refusal names.
const PULL: &str = "Microsoft.ContainerRegistry/registries/pull/read";

impl Resources {
    /// A repository of the registry of an id, with the proof that the caller may pull it.
    ///
    /// # Errors
    /// [`ImportError::SourceUnknown`], [`ImportError::SourceRefused`], [`Error::Storage`].
    pub async fn load_import_source(
        &self,
        grant: &ControlGrant<control::ImportImage>,
        caller: &ControlCaller,
        registry: &ResourceId,
        repository: &RepositoryName,
    ) -> Result<NewImportSource, Error> {
        let name = fold_case(registry.name());
        let wanted = name.clone();
        let found = self.metadata.query(move |read| find_open(read, &wanted)).await?;
        if let Some(record) = found.filter(|record| record.scope() == registry.key()) {
            return Ok(source_in(grant, caller, &record, repository)?);
        }
        let group = fold_case(registry.resource_group().unwrap_or_default());
        match decide_control::<control::RegistriesRead>(caller, registry) {
            Ok(_) => Err(ImportError::SourceUnknown { name, group }.into()),
            Err(_) => Err(refused(grant, caller, registry.key()).into()),
        }
    }

    /// The same of the registry whose login server has a name; `None` when it is no registry's.
    ///
    /// # Errors
    /// [`ImportError::SourceRefused`], [`Error::Storage`].
    pub async fn find_import_source(
        &self,
        grant: &ControlGrant<control::ImportImage>,
        caller: &ControlCaller,
        registry: &str,
        repository: &RepositoryName,
    ) -> Result<Option<NewImportSource>, Error> {
        let name = registry.to_owned();
        let found = self.metadata.query(move |read| find_open(read, &name)).await?;
        let source = |record| source_in(grant, caller, &record, repository);
        Ok(found.map(source).transpose()?)
    }
}

fn source_in(
    grant: &ControlGrant<control::ImportImage>,
    caller: &ControlCaller,
    registry: &RegistryRecord,
    repository: &RepositoryName,
) -> Result<NewImportSource, ImportError> {
    let scope = registry.scope();
    match decide_pull(caller, registry, repository) {
        Some(pull) => Ok(NewImportSource::Registry { pull, scope }),
        None => Err(refused(grant, caller, &scope)),
    }
}

fn refused(grant: &ControlGrant<control::ImportImage>, caller: &ControlCaller, source: &str) -> ImportError {
    ImportError::SourceRefused {
        refusal: ControlRefusal {
            actor: caller.actor().clone(),
            action: PULL,
            scope: source.to_owned(),
            may_know: false,
        },
        target: grant.scope().key().to_owned(),
    }
}

/// Proof that whoever has an import done may pull its image from a registry of this server.
#[must_use]
pub fn decide_pull(
    caller: &ControlCaller,
    registry: &RegistryRecord,
    repository: &RepositoryName,
) -> Option<Grant<action::Pull>> {
    let rights = rights_of(caller.assignments(), &registry.scope(), registry.role_assignment_mode);
    let puller = Caller::with_basic(caller.actor().clone(), rights);
    decide(&puller, registry.id, repository).ok()
}
