//! A connection with a transaction open, as [`sql::Session`](crate::sql::session::Session) speaks to it. When one begins or
//! ends is the writer's and the readers' choice, by `step`.

use std::ops::ControlFlow;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ToSql, params_from_iter};

use crate::sql::error::Failure;
use crate::sql::row::{self, Misread, Row};
pub(super) use crate::sql::session::Session;
use crate::sql::value::{Params, ToValue, Value};

/// Statements of one connection that stay prepared; more than this adapter has.
pub(super) const STATEMENT_CACHE: usize = 192;

/// Runs a statement that begins or ends a transaction, or a part of one.
pub(super) fn step(connection: &Connection, sql: &'static str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// What runs statements on one connection.
#[derive(Clone, Copy)]
pub(crate) struct Statements<'c>(&'c Connection);

impl<'c> From<&'c Connection> for Statements<'c> {
    fn from(connection: &'c Connection) -> Self {
        Self(connection)
    }
}

impl<'c> Statements<'c> {
    /// Hands over the rows that a statement finds, until there are enough.
    pub(crate) fn query(
        self,
        sql: &str,
        params: Params<'_>,
        mut each: impl FnMut(&Row<'_>) -> row::Result<ControlFlow<()>>,
    ) -> Result<(), Failure> {
        let mut statement = self.prepare(sql)?;
        let mut rows = statement.query(bound(params))?;
        while let Some(row) = rows.next()? {
            if each(&Row::Sqlite(row))?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Changes rows; returns how many.
    pub(crate) fn execute(self, sql: &str, params: Params<'_>) -> Result<usize, Failure> {
        Ok(self.prepare(sql)?.execute(bound(params))?)
    }

    /// When SQLite has given up the transaction (a full disk), a statement would commit by itself.
    pub(crate) fn is_over(self) -> bool {
        self.0.is_autocommit()
    }

    fn prepare(self, sql: &str) -> rusqlite::Result<CachedStatement<'c>> {
        self.0.prepare_cached(sql)
    }
}

/// A parameter, as SQLite takes it.
struct Bound<'p>(&'p dyn ToValue);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0.to_value() {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn bound<'p>(params: Params<'p>) -> impl rusqlite::Params + use<'p> {
    params_from_iter(params.iter().map(|value| Bound(*value)))
}

/// What a column of a row holds.
pub(crate) fn value<'r>(row: &'r rusqlite::Row<'_>, column: usize) -> row::Result<Value<'r>> {
    let found = row.get_ref(column).map_err(|source| Misread::new(column, source))?;
    match found {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => Ok(Value::Integer(number)),
        ValueRef::Text(text) => str::from_utf8(text)
            .map(Value::Text)
            .map_err(|source| Misread::new(column, source)),
        ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes)),
        ValueRef::Real(_) => Err(Misread::new(column, "no column holds fractions")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::sql::value::params;

    #[test]
    fn nothing_changes_outside_a_transaction() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE kept (n INTEGER PRIMARY KEY)")
            .unwrap();
        let statements = AtomicU64::new(0);
        let session = Session::new(&connection, &statements);
        let insert = || session.insert("kept a number", "INSERT INTO kept VALUES (1) RETURNING n", params![]);
        assert!(insert().is_err());
        let is_there = || session.exists("looked", "SELECT 1 FROM kept", params![]).unwrap();
        assert!(!is_there());
        connection.execute_batch("BEGIN").unwrap();
        insert().unwrap();
        assert!(is_there());
    }
}
