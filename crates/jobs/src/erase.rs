//! What is left of a deletion that began: a registry, or a group with all that is in it. It is tried until it is done.

use holdfast_access::{ControlCaller, ControlRefusal, decide_control};
use holdfast_arm::ResourceId;
use holdfast_model::{JobKind, JobRecord, StorageError};
use holdfast_resources::Error;

use crate::handler::{Handler, Limits, Stop, Work};

/// Removes what is left of a registry.
pub(crate) struct EraseRegistry(ResourceId);

/// Removes a resource group.
pub(crate) struct EraseGroup(ResourceId);

impl Handler for EraseRegistry {
    const KIND: JobKind = JobKind::EraseRegistry;
    const LIMITS: Limits = Limits::NONE;

    fn read(job: &JobRecord) -> Result<Self, Stop> {
        Ok(Self(scope_of(job)?))
    }

    async fn run(self, work: Work<'_>) -> Result<(), Stop> {
        let grant = decide_control(&ControlCaller::operator(), &self.0)?;
        Ok(work.runner.resources.resume_registry_deletion(&grant).await?)
    }
}

impl Handler for EraseGroup {
    const KIND: JobKind = JobKind::EraseGroup;
    const LIMITS: Limits = Limits::NONE;

    fn read(job: &JobRecord) -> Result<Self, Stop> {
        Ok(Self(scope_of(job)?))
    }

    async fn run(self, work: Work<'_>) -> Result<(), Stop> {
        let grant = decide_control(&ControlCaller::operator(), &self.0)?;
        match work.runner.resources.resume_group_deletion(&grant, work.job.id).await {
            // Somebody else finished it.
            Err(Error::ResourceGroupUnknown { .. }) => Ok(()),
            done => Ok(done?),
        }
    }
}

/// A scope that cannot be read was written by another build: the job is tried again.
fn scope_of(job: &JobRecord) -> Result<ResourceId, Stop> {
    job.scope
        .parse()
        .map_err(|error: holdfast_arm::resource_id::Error| Stop::Retry(error.to_string()))
}

impl From<ControlRefusal> for Stop {
    fn from(refusal: ControlRefusal) -> Self {
        Self::Retry(refusal.to_string())
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Retry(error.to_string())
    }
}

impl From<StorageError> for Stop {
    fn from(error: StorageError) -> Self {
        Self::Retry(error.to_string())
    }
}
