//! Jobs in one process: deletions that were cut off, imports from a registry that misbehaves, leases that were lost.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose, in their helpers too")]

mod erase;
mod import;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use holdfast_access::{ControlCaller, ControlGrant, RegistryId, control, decide_control};
use holdfast_client::{Destinations, Options, Outgoing};
use holdfast_content::Limits;
use holdfast_identity::{Sealer, ServerKeys};
use holdfast_jobs::{IMPORT_ATTEMPT_LIMIT, Runner, RunnerParts};
use holdfast_model::RandomIds;
use holdfast_resources::{Precondition, RegistryChange, SealedPassword};
use holdfast_testkit::registry::{Decorator, TestRegistry};

#[test]
fn every_claim_holds_over_an_object_store_too() {
    holdfast_testkit::store::run_over_an_object_store();
}

/// A server's registries, and what its jobs need.
struct World {
    registry: TestRegistry,
    sealer: Arc<Sealer>,
    subscription: String,
    _keys: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        Self::start_with(None).await
    }

    async fn start_with(decorator: Option<Decorator>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = ServerKeys::open_or_create(folder.path()).unwrap();
        let registry = TestRegistry::start_with(Limits::default(), decorator).await;
        let subscription = registry
            .resources()
            .list_subscriptions(&ControlCaller::operator())
            .await
            .unwrap()[0]
            .id;
        Self {
            registry,
            sealer: Arc::new(Sealer::new(&keys)),
            subscription: format!("/subscriptions/{subscription}"),
            _keys: folder,
        }
    }

    /// A runner as each process has one, which may ask these.
    fn runner(&self, allowed: &[String]) -> Arc<Runner> {
        self.hasty_runner(allowed, IMPORT_ATTEMPT_LIMIT)
    }

    /// One that lets an attempt at an import take so long only.
    fn hasty_runner(&self, allowed: &[String], import_attempt_limit: Duration) -> Arc<Runner> {
        let allowed = allowed.iter().map(|entry| entry.parse().unwrap()).collect();
        let options = Options {
            destinations: Destinations::new(allowed),
            ..Options::default()
        };
        Arc::new(Runner::new(RunnerParts {
            operator: self.registry.operator().clone(),
            sealer: Arc::clone(&self.sealer),
            outgoing: Outgoing::new(options).unwrap(),
            ids: Arc::new(RandomIds),
            import_attempt_limit,
        }))
    }

    fn scope(&self, group: &str, name: &str) -> String {
        let group = format!("{}/resourcegroups/{group}", self.subscription);
        format!("{group}/providers/microsoft.containerregistry/registries/{name}")
    }

    async fn make(&self, group: &str, name: &str) -> Result<RegistryId, holdfast_resources::Error> {
        let grant: ControlGrant<control::RegistriesWrite> = operator(&self.scope(group, name));
        let passwords = [1, 2].map(|slot| SealedPassword {
            sealed: vec![slot],
            verifier: [slot; 32],
        });
        let (name, change) = ((name.to_owned(), "local".to_owned()), RegistryChange::default());
        let precondition = Precondition::default();
        let made = self
            .registry
            .operator()
            .resources()
            .put_registry(&grant, name, change, passwords, precondition)
            .await?;
        Ok(made.0.record.id)
    }
}

fn operator<A: holdfast_access::ControlAction>(scope: &str) -> ControlGrant<A> {
    decide_control(&ControlCaller::operator(), &scope.parse().unwrap()).unwrap()
}
