//! The nodes of one service, and the leases by which one of them does what is done once for all. It refuses to know what
//! that is. A node that ended without a word is forgotten after a while, and its leases run out.

use std::time::Duration;

use holdfast_model::{Durability, Lease, MetadataExt as _, NodeRecord, StorageError};
use uuid::Uuid;

use crate::{
    Operator,
    limits::{LEASES_LISTED, NODES_LISTED},
};

/// How often a node says that it is there.
pub const NODE_SEEN_EVERY: Duration = Duration::from_secs(10);
/// How long after that it is taken for gone.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(120);

impl Operator {
    /// Says that a node is there, and forgets those that said nothing for long.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn report_node(&self, node: NodeRecord) -> Result<(), StorageError> {
        let now = self.clock.now();
        self.metadata
            .transact(Durability::Relaxed, move |tx| {
                tx.remove_nodes_before(now.minus(FORGOTTEN_AFTER))?;
                let node = NodeRecord {
                    seen_at: now,
                    ..node.clone()
                };
                Ok(tx.put_node(&node)?)
            })
            .await
    }

    /// A node ends: its row and its leases go. Says whether it was known.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn forget_node(&self, id: Uuid) -> Result<bool, StorageError> {
        self.metadata
            .transact(Durability::Relaxed, move |tx| Ok(tx.remove_node(id)?))
            .await
    }

    /// The nodes there are, the one that started first first, and the leases that each has.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_nodes(&self) -> Result<Vec<(NodeRecord, Vec<Lease>)>, StorageError> {
        let now = self.clock.now();
        self.metadata
            .query(move |read| {
                let leases = read.list_leases(LEASES_LISTED)?;
                let of = |node: &NodeRecord| {
                    let owned = leases
                        .iter()
                        .filter(|lease| lease.owner == node.id && lease.until > now);
                    owned.cloned().collect()
                };
                let nodes = read.list_nodes(NODES_LISTED)?.into_iter();
                Ok(nodes.map(|node| (node.clone(), of(&node))).collect())
            })
            .await
    }

    /// Takes or renews the lease of a name; says whether `owner` has it now.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn take_lease(&self, name: &'static str, owner: Uuid, time: Duration) -> Result<bool, StorageError> {
        let now = self.clock.now();
        self.metadata
            .transact(Durability::Relaxed, move |tx| {
                let held = tx.find_lease(name)?;
                if held.is_some_and(|held| held.owner != owner && held.until > now) {
                    return Ok(false);
                }
                let (name, until) = (name.to_owned(), now.plus(time));
                tx.put_lease(&Lease { name, owner, until })?;
                Ok(true)
            })
            .await
    }

    /// Gives a lease back, so that nobody has to wait for its end. Says whether `owner` had it.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn end_lease(&self, name: &'static str, owner: Uuid) -> Result<bool, StorageError> {
        self.metadata
            .transact(Durability::Relaxed, move |tx| Ok(tx.remove_lease(name, owner)?))
            .await
    }
}
