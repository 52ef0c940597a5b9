//! Opening the database: looked at first, brought up to date when it is old, refused when it is not ours, newer than this
//! build, or not one that keeps what it is told.

use std::io;

use super::connection::Connection;
use super::error::plain;
use super::migrations;
use super::settings::Settings;

/// The oldest release that is supported by its makers' older long-term distributions, and has what the schema uses.
const OLDEST: u32 = 13;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a database was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No connection was made.
    #[error("could not connect to PostgreSQL")]
    Connect {
        /// The cause.
        #[source]
        source: Source,
    },
    /// PostgreSQL did not answer a question about itself.
    #[error("could not look at the database")]
    Look {
        /// The cause.
        #[source]
        source: Source,
    },
    /// It is too old.
    #[error("this is PostgreSQL {found}; version {OLDEST} or a newer one is needed")]
    TooOld {
        /// Its version.
        found: String,
    },
    /// Text would not be what was written.
    #[error("the database keeps its text in {found}; make one with ENCODING 'UTF8'")]
    Encoding {
        /// Its encoding.
        found: String,
    },
    /// What is set for a connection does not stay with it.
    #[error(
        "between here and PostgreSQL there is a pooler that gives each transaction another connection (as pgbouncer does with \
         pool_mode = transaction); connect to PostgreSQL itself, or let the pooler pool sessions"
    )]
    Pooler,
    /// The schema belongs to another program.
    #[error("the database has a schema named holdfast that is not ours; use a database of its own")]
    Foreign,
    /// The schema was written by a newer build.
    #[error(
        "the database has schema version {found}, this build knows {known}; run the newer holdfast that wrote it, or restore \
         a backup made before the upgrade"
    )]
    Newer {
        /// Its version.
        found: i64,
        /// The newest version this build reads.
        known: i64,
    },
    /// The schema could not be brought up to date; the database is as it was.
    #[error(
        "could not bring the database to schema version {version}; the role that holdfast connects as must own the database \
         or have CREATE on it"
    )]
    Migrate {
        /// The version it was to have.
        version: i64,
        /// The cause.
        #[source]
        source: Source,
    },
    /// The system gave no thread or runtime.
    #[error("could not start a thread that speaks to PostgreSQL")]
    Thread {
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// Looks at the database and brings its schema up to date. Blocks; not to be called where a runtime runs.
pub(super) fn prepare(settings: &Settings) -> Result<(), Error> {
    let connection = Connection::open(settings)?;
    let version = look(&connection, "SHOW server_version_num")?;
    if version.parse().is_ok_and(|version: u32| version / 10_000 < OLDEST) {
        let found = look(&connection, "SHOW server_version")?;
        return Err(Error::TooOld { found });
    }
    let found = look(&connection, "SHOW server_encoding")?;
    if found != "UTF8" {
        return Err(Error::Encoding { found });
    }
    let other = Connection::open(settings)?;
    if is_pooled(&connection, &other)? {
        return Err(Error::Pooler);
    }
    drop(other);
    migrations::apply(&connection)
}

/// Two connections speak to two processes, and each always to the same, unless somebody in between deals them out.
fn is_pooled(one: &Connection, other: &Connection) -> Result<bool, Error> {
    const WHO: &str = "SELECT pg_backend_pid()";
    let (first, second) = (look(one, WHO)?, look(one, WHO)?);
    let third = look(other, WHO)?;
    let fourth = look(one, WHO)?;
    let (fifth, sixth) = (look(other, WHO)?, look(other, WHO)?);
    let is_one = first == second && second == fourth;
    Ok(!is_one || third != fifth || fifth != sixth || first == third)
}

/// One answer, as text.
pub(super) fn look(connection: &Connection, question: &str) -> Result<String, Error> {
    let answers = connection
        .lines(question)
        .map_err(|source| Error::Look { source: plain(source) })?;
    Ok(answers.into_iter().next().unwrap_or_default())
}
