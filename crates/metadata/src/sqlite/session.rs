//! A connection with a transaction open: what the traits of the port are implemented on. When one begins or ends is the
//! writer's and the readers' choice, by `step`.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use holdfast_model::MetadataError;
use rusqlite::{CachedStatement, Connection, Params, Row};

use super::error::{Fault, failed};

/// Statements of one connection that stay prepared; more than this adapter has.
pub(super) const STATEMENT_CACHE: usize = 192;

/// Runs a statement that begins or ends a transaction, or a part of one.
pub(super) fn step(connection: &Connection, sql: &'static str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// One transaction on one connection.
pub(super) struct Session<'c> {
    connection: &'c Connection,
    statements: &'c AtomicU64,
    /// Whether a statement failed.
    has_failed: Cell<bool>,
    /// Whether one found no room.
    is_full: Cell<bool>,
}

impl<'c> Session<'c> {
    /// Speaks inside the transaction that is open on `connection`, and counts what it says.
    pub(super) fn new(connection: &'c Connection, statements: &'c AtomicU64) -> Self {
        Self {
            connection,
            statements,
            has_failed: Cell::new(false),
            is_full: Cell::new(false),
        }
    }

    fn prepare(&self, sql: &str) -> rusqlite::Result<CachedStatement<'c>> {
        self.statements.fetch_add(1, Relaxed);
        self.connection.prepare_cached(sql)
    }

    /// The first row, if there is one.
    pub(super) fn find<T>(
        &self,
        attempted: &'static str,
        sql: &str,
        params: impl Params,
        map: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, MetadataError> {
        let find = || {
            let mut statement = self.prepare(sql)?;
            let mut rows = statement.query(params)?;
            rows.next()?.map(map).transpose()
        };
        find().map_err(|source| self.failed(attempted, source))
    }

    /// Every row, in the statement's order.
    pub(super) fn list<T>(
        &self,
        attempted: &'static str,
        sql: &str,
        params: impl Params,
        map: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, MetadataError> {
        let list = || {
            let mut statement = self.prepare(sql)?;
            let rows = statement.query_map(params, map)?;
            rows.collect::<rusqlite::Result<Vec<T>>>()
        };
        list().map_err(|source| self.failed(attempted, source))
    }

    /// Rows in the statement's order, up to the first that is the last one wanted. The others are not read.
    pub(super) fn list_until<T>(
        &self,
        attempted: &'static str,
        sql: &str,
        params: impl Params,
        map: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
        mut is_last: impl FnMut(&T) -> bool,
    ) -> Result<Vec<T>, MetadataError> {
        let list = || {
            let mut statement = self.prepare(sql)?;
            let mut found = Vec::new();
            for row in statement.query_map(params, map)? {
                let row = row?;
                let is_enough = is_last(&row);
                found.push(row);
                if is_enough {
                    break;
                }
            }
            Ok(found)
        };
        list().map_err(|source| self.failed(attempted, source))
    }

    /// Whether there is a row.
    pub(super) fn exists(
        &self,
        attempted: &'static str,
        sql: &str,
        params: impl Params,
    ) -> Result<bool, MetadataError> {
        Ok(self.find(attempted, sql, params, |_| Ok(()))?.is_some())
    }

    /// Changes rows; returns how many.
    pub(super) fn change(
        &self,
        attempted: &'static str,
        sql: &str,
        params: impl Params,
    ) -> Result<usize, MetadataError> {
        self.require_transaction(attempted)?;
        let change = || self.prepare(sql)?.execute(params);
        change().map_err(|source| self.failed(attempted, source))
    }

    /// Inserts or changes rows; returns what `RETURNING` says of each.
    pub(super) fn put<T>(
        &self,
        attempted: &'static str,
        sql: &str,
        params: impl Params,
        map: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, MetadataError> {
        self.require_transaction(attempted)?;
        self.list(attempted, sql, params, map)
    }

    /// Inserts a row; returns its row id.
    pub(super) fn insert(&self, attempted: &'static str, sql: &str, params: impl Params) -> Result<i64, MetadataError> {
        self.change(attempted, sql, params)?;
        Ok(self.connection.last_insert_rowid())
    }

    /// When SQLite has given up the transaction (a full disk), a statement would commit by itself.
    fn require_transaction(&self, attempted: &'static str) -> Result<(), MetadataError> {
        if self.connection.is_autocommit() {
            return Err(self.over(attempted));
        }
        Ok(())
    }

    /// The error of a transaction that SQLite gave up under the work's feet. Work may have made another error of what it
    /// was told, so the reason is kept here.
    pub(super) fn over(&self, attempted: &'static str) -> MetadataError {
        if self.is_full.get() {
            MetadataError::full(attempted, Fault::TransactionOver)
        } else {
            MetadataError::failed(attempted, Fault::TransactionOver)
        }
    }

    /// Whether a statement failed, whatever the work made of it.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.get()
    }

    fn failed(&self, attempted: &'static str, source: rusqlite::Error) -> MetadataError {
        let error = failed(attempted)(source);
        self.has_failed.set(true);
        if matches!(error, MetadataError::Full { .. }) {
            self.is_full.set(true);
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_changes_outside_a_transaction() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE kept (n INTEGER)").unwrap();
        let statements = AtomicU64::new(0);
        let session = Session::new(&connection, &statements);
        let insert = || session.insert("kept a number", "INSERT INTO kept VALUES (1)", []);
        assert!(insert().is_err());
        let is_there = || session.exists("looked", "SELECT 1 FROM kept", []).unwrap();
        assert!(!is_there());
        connection.execute_batch("BEGIN").unwrap();
        insert().unwrap();
        assert!(is_there());
    }
}
