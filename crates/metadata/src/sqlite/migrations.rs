//! The schema's history. A step that has shipped is never edited; it refuses to go back.

use rusqlite::{Connection, TransactionBehavior};

/// Marks a file as ours (`PRAGMA application_id`): "Hold" in ASCII.
pub(super) const APPLICATION_ID: i64 = 0x486f_6c64;

/// Step N brings a database from version N to N + 1.
const STEPS: &[&str] = &[include_str!("migrations/0001-first.sql")];

/// The version this build makes and reads.
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// Why a schema cannot be brought up to date.
#[derive(Debug)]
pub(super) enum Error {
    /// Made by a newer build.
    Newer { found: i64 },
    /// A SQLite database of somebody else.
    Foreign,
    /// A step failed; nothing of it was kept.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Error {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sqlite(source)
    }
}

/// Brings the schema to [`VERSION`], all steps in one transaction.
pub(super) fn apply(connection: &mut Connection) -> Result<(), Error> {
    // Immediate: of two processes that start at once, the second sees what the first made.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let application: i64 = transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let objects: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && (application != 0 || version != 0 || objects != 0) {
        return Err(Error::Foreign);
    }
    let done = usize::try_from(version).map_err(|_| Error::Foreign)?;
    let steps = STEPS.get(done..).ok_or(Error::Newer { found: version })?;
    if steps.is_empty() {
        return Ok(());
    }
    for step in steps {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}
