//! The processes of one service, and the leases on work that one of them does for all.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use uuid::Uuid;

use super::MetadataError;
use crate::Timestamp;

/// A process that serves, or served a moment ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRecord {
    /// Random, new at each start of a process.
    pub id: Uuid,
    /// The name of its machine.
    pub host: String,
    /// The version it runs.
    pub version: String,
    /// Whether it takes no new work because it is about to end.
    pub is_draining: bool,
    /// When it started.
    pub started_at: Timestamp,
    /// When it last said that it is there.
    pub seen_at: Timestamp,
}

/// The right to do something for all nodes, until a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What it is about.
    pub name: String,
    /// The node that has it.
    pub owner: Uuid,
    /// When it ends unless it is renewed.
    pub until: Timestamp,
}

/// Nodes and leases, and the clock that they go by.
pub trait NodeRead {
    /// The nodes, the one that started first first.
    fn list_nodes(&mut self, limit: usize) -> Result<Vec<NodeRecord>, MetadataError>;

    /// The lease of a name, also one that has ended.
    fn find_lease(&mut self, name: &str) -> Result<Option<Lease>, MetadataError>;

    /// The leases by name, also those that have ended.
    fn list_leases(&mut self, limit: usize) -> Result<Vec<Lease>, MetadataError>;

    /// The present moment by the clock of the database, which is one for all nodes. To a millisecond.
    fn moment(&mut self) -> Result<Timestamp, MetadataError>;
}

/// Changes of the same.
pub trait NodeTx {
    /// Inserts a node, or replaces the one of its id.
    fn put_node(&mut self, node: &NodeRecord) -> Result<(), MetadataError>;

    /// Removes a node and its leases; says whether it was there.
    fn remove_node(&mut self, id: Uuid) -> Result<bool, MetadataError>;

    /// Removes nodes, and their leases, that said nothing since a moment; returns how many.
    fn remove_nodes_before(&mut self, moment: Timestamp) -> Result<u64, MetadataError>;

    /// Inserts a lease, or replaces the one of its name.
    fn put_lease(&mut self, lease: &Lease) -> Result<(), MetadataError>;

    /// Removes a lease if this node has it.
    fn remove_lease(&mut self, name: &str, owner: Uuid) -> Result<bool, MetadataError>;
}
