//! The nodes of one service, and their leases.

use holdfast_model::{Lease, MetadataError, NodeRead, NodeRecord, NodeTx, Timestamp};
use uuid::Uuid;

use super::column;
use super::row::{self, Row};
use super::session::Session;
use super::value::params;

// A handful of rows, read now and then: walking over them costs nothing.
const LIST: &str = "SELECT id, host, version, is_draining, started_at, seen_at FROM node \
    ORDER BY started_at, id LIMIT ?1";
const FIND_LEASE: &str = "SELECT name, owner, ends_at FROM lease WHERE name = ?1";
const LIST_LEASES: &str = "SELECT name, owner, ends_at FROM lease ORDER BY name LIMIT ?1";
// SQLite tells milliseconds as a fraction, which times a million is no whole number.
const MOMENT: &str = "SELECT CAST(round(unixepoch('subsec') * 1000000) AS BIGINT)";

impl NodeRead for Session<'_> {
    fn list_nodes(&mut self, limit: usize) -> Result<Vec<NodeRecord>, MetadataError> {
        self.list("listed the nodes", LIST, params![column::limit(limit)], node_row)
    }

    fn find_lease(&mut self, name: &str) -> Result<Option<Lease>, MetadataError> {
        self.find("looked up a lease", FIND_LEASE, params![name], lease_row)
    }

    fn list_leases(&mut self, limit: usize) -> Result<Vec<Lease>, MetadataError> {
        self.list(
            "listed the leases",
            LIST_LEASES,
            params![column::limit(limit)],
            lease_row,
        )
    }

    fn moment(&mut self) -> Result<Timestamp, MetadataError> {
        let found = self.find("asked for the time", MOMENT, params![], |row| column::timestamp(row, 0))?;
        Ok(found.unwrap_or(Timestamp(0)))
    }
}

const PUT: &str = "INSERT INTO node (id, host, version, is_draining, started_at, seen_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE SET host = excluded.host, version = excluded.version, \
    is_draining = excluded.is_draining, started_at = excluded.started_at, seen_at = excluded.seen_at";
const REMOVE: &str = "DELETE FROM node WHERE id = ?1";
const REMOVE_BEFORE: &str = "DELETE FROM node WHERE seen_at < ?1";
const PUT_LEASE: &str = "INSERT INTO lease (name, owner, ends_at) VALUES (?1, ?2, ?3) \
    ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, ends_at = excluded.ends_at";
const REMOVE_LEASE: &str = "DELETE FROM lease WHERE name = ?1 AND owner = ?2";
const REMOVE_LEASES: &str = "DELETE FROM lease WHERE owner = ?1";
const REMOVE_LEASES_BEFORE: &str = "DELETE FROM lease WHERE owner IN (SELECT id FROM node WHERE seen_at < ?1)";

impl NodeTx for Session<'_> {
    fn put_node(&mut self, node: &NodeRecord) -> Result<(), MetadataError> {
        let params = params![
            node.id.as_bytes(),
            node.host,
            node.version,
            i64::from(node.is_draining),
            node.started_at.0,
            node.seen_at.0,
        ];
        self.change("put a node", PUT, params).map(drop)
    }

    fn remove_node(&mut self, id: Uuid) -> Result<bool, MetadataError> {
        self.change("removed the leases of a node", REMOVE_LEASES, params![id.as_bytes()])?;
        let removed = self.change("removed a node", REMOVE, params![id.as_bytes()])?;
        Ok(removed > 0)
    }

    fn remove_nodes_before(&mut self, moment: Timestamp) -> Result<u64, MetadataError> {
        self.change(
            "removed the leases of silent nodes",
            REMOVE_LEASES_BEFORE,
            params![moment.0],
        )?;
        let removed = self.change("removed silent nodes", REMOVE_BEFORE, params![moment.0])?;
        Ok(removed as u64)
    }

    fn put_lease(&mut self, lease: &Lease) -> Result<(), MetadataError> {
        let params = params![lease.name, lease.owner.as_bytes(), lease.until.0];
        self.change("put a lease", PUT_LEASE, params).map(drop)
    }

    fn remove_lease(&mut self, name: &str, owner: Uuid) -> Result<bool, MetadataError> {
        let removed = self.change("removed a lease", REMOVE_LEASE, params![name, owner.as_bytes()])?;
        Ok(removed > 0)
    }
}

fn node_row(row: &Row<'_>) -> row::Result<NodeRecord> {
    Ok(NodeRecord {
        id: column::uuid(row, 0)?,
        host: row.get(1)?,
        version: row.get(2)?,
        is_draining: row.get::<i64>(3)? != 0,
        started_at: column::timestamp(row, 4)?,
        seen_at: column::timestamp(row, 5)?,
    })
}

fn lease_row(row: &Row<'_>) -> row::Result<Lease> {
    Ok(Lease {
        name: row.get(0)?,
        owner: column::uuid(row, 1)?,
        until: column::timestamp(row, 2)?,
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[FIND_LEASE, PUT, REMOVE, PUT_LEASE, REMOVE_LEASE];
