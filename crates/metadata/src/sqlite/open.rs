//! Opening the file: made durably when it is new, brought up to date when it is old, refused when
//! it is not ours or newer than this build.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{migrations, session};

/// Bytes of a page. A push touches some twenty pages at random places and the log holds whole
/// pages, so small ones cost the least to flush: with 8192, `examples/measure` pushes at a third of
/// the rate.
const PAGE_BYTES: i64 = 4096;
/// How long a statement waits for a lock that another process holds (an operator's command).
pub(super) const LOCK_WAIT: Duration = Duration::from_secs(10);
/// Cache of the writer's pages; the pages of one batch fit.
const WRITER_CACHE_KIB: i64 = 16 * 1024;
/// Cache of each reader's pages: the upper levels of the trees. The file is not mapped
/// (`mmap_size`): each commit makes SQLite drop the mapping, and reads beside writes then take
/// twice as long as with plain reads from the system's cache.
const READER_CACHE_KIB: i64 = 4 * 1024;
/// What the log's file shrinks to after it grew past this; it is reused from the start otherwise.
const LOG_KEEP_BYTES: i64 = 64 << 20;

/// Why a database was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be made or made durable.
    #[error("could not make {}", path.display())]
    Make {
        /// The database.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// SQLite could not open or set up the file.
    #[error("could not open {}", path.display())]
    Open {
        /// The database.
        path: PathBuf,
        /// The cause.
        #[source]
        source: rusqlite::Error,
    },
    /// The file belongs to another program.
    #[error("{} is not a database of holdfast; move it away or choose another data folder", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer build.
    #[error(
        "{} has schema version {found}, this build knows {known}; run the newer holdfast that wrote it, \
         or restore a backup made before the upgrade",
        path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version this build reads.
        known: i64,
    },
    /// The schema could not be brought up to date; the database is as it was.
    #[error("could not bring {} to schema version {version}", path.display())]
    Migrate {
        /// The database.
        path: PathBuf,
        /// The version it was to have.
        version: i64,
        /// The cause.
        #[source]
        source: rusqlite::Error,
    },
    /// The system gave no thread for the writer.
    #[error("could not start the thread that writes metadata")]
    Thread {
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// Opens the connection that writes; makes the file and its schema if need be.
pub(super) fn writer(path: &Path) -> Result<Connection, Error> {
    make_file(path).map_err(|source| Error::Make {
        path: path.to_owned(),
        source,
    })?;
    let failed = |source| Error::Open {
        path: path.to_owned(),
        source,
    };
    let refused = |error| match error {
        migrations::Error::Foreign => Error::Foreign { path: path.to_owned() },
        migrations::Error::Newer { found } => Error::Newer {
            path: path.to_owned(),
            found,
            known: migrations::VERSION,
        },
        migrations::Error::Sqlite(source) if source.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            Error::Foreign { path: path.to_owned() }
        }
        migrations::Error::Sqlite(source) => Error::Migrate {
            path: path.to_owned(),
            version: migrations::VERSION,
            source,
        },
    };
    let mut connection = connect(path).map_err(failed)?;
    // Before anything is set: a file of somebody else stays as it is.
    migrations::check(&connection).map_err(refused)?;
    set_up_writer(&connection).map_err(failed)?;
    migrations::apply(&mut connection).map_err(refused)?;
    // The names of the log and the database themselves.
    sync_folder(path).map_err(|source| Error::Make {
        path: path.to_owned(),
        source,
    })?;
    Ok(connection)
}

/// Opens a connection that only reads; the file and its schema are there.
pub(super) fn reader(path: &Path) -> Result<Connection, Error> {
    let open = || {
        let connection = connect(path)?;
        connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
        connection.pragma_update(None, "query_only", true)?;
        // What the log holds is the writer's to copy, or to leave after a failed flush.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok(connection)
    };
    open().map_err(|source| Error::Open {
        path: path.to_owned(),
        source,
    })
}

/// Opens a connection that copies the log into the database.
pub(super) fn copier(path: &Path) -> Result<Connection, Error> {
    connect(path).map_err(|source| Error::Open {
        path: path.to_owned(),
        source,
    })
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // Each connection is used by one thread at a time, so SQLite's own mutex is only in the way.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(LOCK_WAIT)?;
    connection.set_prepared_statement_cache_capacity(session::STATEMENT_CACHE);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // Plans do not depend on bound values. Otherwise statements are prepared anew when a value
    // changes, which was a quarter of the cost of a small pull.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    Ok(connection)
}

fn set_up_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // A commit is not flushed by itself: see `flush`.
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "journal_size_limit", LOG_KEEP_BYTES)?;
    // See `log`.
    connection.pragma_update(None, "wal_autocheckpoint", 0)
}

/// Makes an empty file that only we may read (it holds sealed secrets; SQLite gives the log the
/// same mode), durable with its name.
fn make_file(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            file.sync_all()?;
            sync_folder(path)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}
