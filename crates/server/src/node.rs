//! This process as one of the nodes that share a database: it says that it is there, and takes the leases on what one of
//! them does for all. It refuses to know what that is.

use std::time::Duration;

use holdfast_model::{Ids as _, NodeRecord, RandomIds, StorageError};
use holdfast_operations::Operator;
use tokio::time::{Instant, sleep};

/// How long a lease lasts that is not renewed: so long after its node was killed, another one takes the work.
const LEASE: Duration = Duration::from_secs(30);
/// How often a node asks for the leases that it does not have, and renews those that it has.
pub(crate) const LEASE_ASKED_EVERY: Duration = Duration::from_secs(10);

/// A node.
#[derive(Clone)]
pub(crate) struct Node {
    operator: Operator,
    record: NodeRecord,
}

impl Node {
    /// This process, which starts now.
    pub(crate) fn new(operator: Operator) -> Self {
        let now = operator.now();
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let record = NodeRecord {
            id: RandomIds.uuid(),
            host,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            is_draining: false,
            started_at: now,
            seen_at: now,
        };
        Self { operator, record }
    }

    /// Says that it is there.
    pub(crate) async fn report(&self, is_draining: bool) -> Result<(), StorageError> {
        let record = NodeRecord {
            is_draining,
            ..self.record.clone()
        };
        self.operator.report_node(record).await
    }

    /// Says that it ends; its leases are free then. Where the database does not hear it, others notice after a while.
    pub(crate) async fn end(&self) {
        if let Err(error) = self.operator.forget_node(self.record.id).await {
            tracing::warn!(
                error = format!("{:#}", anyhow::Error::from(error)),
                "could not take leave of the other nodes"
            );
        }
    }

    /// Takes or renews a lease; says whether this node has it.
    pub(crate) async fn take_lease(&self, name: &'static str) -> Result<bool, StorageError> {
        self.operator.take_lease(name, self.record.id, LEASE).await
    }

    /// Renews a lease as long as it can be renewed.
    pub(crate) async fn keep_lease(&self, name: &'static str) {
        let mut kept_at = Instant::now();
        while kept_at.elapsed() < LEASE {
            sleep(LEASE_ASKED_EVERY).await;
            match self.take_lease(name).await {
                Ok(true) => kept_at = Instant::now(),
                Ok(false) => return,
                Err(error) => {
                    let error = format!("{:#}", anyhow::Error::from(error));
                    tracing::warn!(error, lease = name, "could not renew a lease");
                }
            }
        }
    }
}
