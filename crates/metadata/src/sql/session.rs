//! A transaction that is open on a connection: what the traits of the port are implemented on, once for every database.
//! When it begins or ends is the adapter's choice.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use holdfast_model::MetadataError;

use super::error::{Failure, Fault};
use super::row::{self, Row};
use super::value::Params;
use crate::{postgres, sqlite};

/// A connection of one of the databases. One type and not a trait: what a noun says to it is compiled once, and no row
/// costs a call more.
enum Connection<'c> {
    Sqlite(sqlite::Statements<'c>),
    Postgres(&'c postgres::Connection),
}

/// One transaction on one connection.
pub(crate) struct Session<'c> {
    connection: Connection<'c>,
    statements: &'c AtomicU64,
    /// Whether a statement failed.
    has_failed: Cell<bool>,
    /// Whether one found no room.
    is_full: Cell<bool>,
}

impl<'c> Session<'c> {
    /// Speaks inside the transaction that is open on a connection of SQLite, and counts what it says.
    pub(crate) fn new(connection: &'c rusqlite::Connection, statements: &'c AtomicU64) -> Self {
        Self::on(Connection::Sqlite(connection.into()), statements)
    }

    /// The same on a connection of PostgreSQL.
    pub(crate) fn postgres(connection: &'c postgres::Connection, statements: &'c AtomicU64) -> Self {
        Self::on(Connection::Postgres(connection), statements)
    }

    fn on(connection: Connection<'c>, statements: &'c AtomicU64) -> Self {
        Self {
            connection,
            statements,
            has_failed: Cell::new(false),
            is_full: Cell::new(false),
        }
    }

    /// The first row, if there is one.
    pub(crate) fn find<T>(
        &self,
        attempted: &'static str,
        sql: &'static str,
        params: Params<'_>,
        map: impl FnOnce(&Row<'_>) -> row::Result<T>,
    ) -> Result<Option<T>, MetadataError> {
        let (mut map, mut found) = (Some(map), None);
        self.query(attempted, sql, params, false, |row| {
            found = map.take().map(|map| map(row)).transpose()?;
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    /// Every row, in the statement's order.
    pub(crate) fn list<T>(
        &self,
        attempted: &'static str,
        sql: &'static str,
        params: Params<'_>,
        map: impl FnMut(&Row<'_>) -> row::Result<T>,
    ) -> Result<Vec<T>, MetadataError> {
        self.gather(attempted, sql, params, false, map, |_| false)
    }

    /// Rows in the statement's order, up to the first that is the last one wanted. The others are not read.
    pub(crate) fn list_until<T>(
        &self,
        attempted: &'static str,
        sql: &'static str,
        params: Params<'_>,
        map: impl FnMut(&Row<'_>) -> row::Result<T>,
        is_last: impl FnMut(&T) -> bool,
    ) -> Result<Vec<T>, MetadataError> {
        self.gather(attempted, sql, params, false, map, is_last)
    }

    /// Whether there is a row.
    pub(crate) fn exists(
        &self,
        attempted: &'static str,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<bool, MetadataError> {
        Ok(self.find(attempted, sql, params, |_| Ok(()))?.is_some())
    }

    /// Changes rows; returns how many.
    pub(crate) fn change(
        &self,
        attempted: &'static str,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<usize, MetadataError> {
        self.require_transaction(attempted)?;
        self.statements.fetch_add(1, Relaxed);
        let changed = match &self.connection {
            Connection::Sqlite(statements) => statements.execute(sql, params),
            Connection::Postgres(connection) => connection.execute(sql, params),
        };
        changed.map_err(|failure| self.failed(attempted, failure))
    }

    /// Inserts or changes rows; returns what `RETURNING` says of each.
    pub(crate) fn put<T>(
        &self,
        attempted: &'static str,
        sql: &'static str,
        params: Params<'_>,
        map: impl FnMut(&Row<'_>) -> row::Result<T>,
    ) -> Result<Vec<T>, MetadataError> {
        self.require_transaction(attempted)?;
        self.gather(attempted, sql, params, true, map, |_| false)
    }

    /// Inserts a row; returns its id, which the statement returns.
    pub(crate) fn insert(
        &self,
        attempted: &'static str,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<i64, MetadataError> {
        self.require_transaction(attempted)?;
        let mut id = None;
        // To its end: only there a database says what it refuses.
        self.query(attempted, sql, params, true, |row| {
            id = Some(row.get(0)?);
            Ok(ControlFlow::Continue(()))
        })?;
        id.ok_or_else(|| MetadataError::failed(attempted, Fault::NoRow { id: 0 }))
    }

    fn gather<T>(
        &self,
        attempted: &'static str,
        sql: &'static str,
        params: Params<'_>,
        changes: bool,
        mut map: impl FnMut(&Row<'_>) -> row::Result<T>,
        mut is_last: impl FnMut(&T) -> bool,
    ) -> Result<Vec<T>, MetadataError> {
        let mut found = Vec::new();
        self.query(attempted, sql, params, changes, |row| {
            let row = map(row)?;
            let is_enough = is_last(&row);
            found.push(row);
            Ok(if is_enough {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
        Ok(found)
    }

    fn query(
        &self,
        attempted: &'static str,
        sql: &'static str,
        params: Params<'_>,
        changes: bool,
        each: impl FnMut(&Row<'_>) -> row::Result<ControlFlow<()>>,
    ) -> Result<(), MetadataError> {
        self.statements.fetch_add(1, Relaxed);
        let queried = match &self.connection {
            Connection::Sqlite(statements) => statements.query(sql, params, each),
            Connection::Postgres(connection) => connection.query(sql, params, changes, each),
        };
        queried.map_err(|failure| self.failed(attempted, failure))
    }

    fn require_transaction(&self, attempted: &'static str) -> Result<(), MetadataError> {
        let is_over = match &self.connection {
            Connection::Sqlite(statements) => statements.is_over(),
            Connection::Postgres(connection) => connection.is_over(),
        };
        if is_over { Err(self.over(attempted)) } else { Ok(()) }
    }

    /// The error of a transaction that the database gave up under the work's feet. Work may have made another error of
    /// what it was told, so the reason is kept here.
    pub(crate) fn over(&self, attempted: &'static str) -> MetadataError {
        if self.is_full.get() {
            MetadataError::full(attempted, Fault::TransactionOver)
        } else {
            MetadataError::failed(attempted, Fault::TransactionOver)
        }
    }

    /// Whether a statement failed, whatever the work made of it.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.get()
    }

    fn failed(&self, attempted: &'static str, failure: Failure) -> MetadataError {
        let error = failure.told(attempted);
        self.has_failed.set(true);
        if matches!(error, MetadataError::Full { .. }) {
            self.is_full.set(true);
        }
        error
    }
}
