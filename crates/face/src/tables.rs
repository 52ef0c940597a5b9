//! What HTTP/2 connections keep of requests that are long answered: tables of streams, as large as they once were, until
//! the connection ends. A few requests are free to each; one that has more takes, until it ends, what the largest tables
//! take, out of one budget. When too little of that is left the connection is to end, and its peer may come again. It
//! refuses to know what is asked.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::shares::{Share, Shares};

/// Requests that are free to each connection.
const FREE: usize = 8;
/// The largest tables: some 120 KiB were measured after 64 requests at once.
const TABLE_BYTES: u32 = 128 << 10;
/// What all of them may take.
const ALL_BYTES: usize = 64 << 20;

/// The budget; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Tables(Arc<Shares>);

/// What is known of one connection; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    requests: AtomicUsize,
    share: Mutex<Option<Share>>,
}

impl Default for Tables {
    fn default() -> Self {
        Self(Arc::new(Shares::new(ALL_BYTES)))
    }
}

impl Tables {
    /// Counts a request of a connection; says whether that may have more.
    pub(crate) fn count(&self, table: &Table, peer: IpAddr) -> bool {
        if table.0.requests.fetch_add(1, Ordering::Relaxed) < FREE {
            return true;
        }
        let mut share = table.0.share.lock().unwrap_or_else(PoisonError::into_inner);
        if share.is_none() {
            *share = self.0.try_take(peer, TABLE_BYTES).ok();
        }
        share.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn used(tables: &Tables, peer: IpAddr) -> Option<Table> {
        let table = Table::default();
        assert!((0..FREE).all(|_| tables.count(&table, peer)), "they are free");
        tables.count(&table, peer).then_some(table)
    }

    #[test]
    fn one_address_leaves_half_to_others_and_connections_that_end_make_room() {
        let tables = Tables::default();
        let mut mine: Vec<_> = (0..10_000).map_while(|_| used(&tables, PEER)).collect();
        assert_eq!(mine.len(), ALL_BYTES / 2 / TABLE_BYTES as usize);
        assert!(used(&tables, OTHER).is_some());
        assert!(tables.count(&mine[0], PEER), "it has its own already");
        mine.pop();
        assert!(used(&tables, PEER).is_some());
    }
}
