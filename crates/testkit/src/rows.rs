//! Where the rows of a registry in a test's process lie: in a file of SQLite, or in a database of PostgreSQL. All tests of a
//! binary run over SQLite; set by hand, [`VARIABLE`] runs them over the other.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_metadata::postgres::Settings;
use holdfast_metadata::{PostgresStore, SqliteStore};
use holdfast_model::Metadata;

use tempfile::TempDir;

use crate::postgres::shared;

/// Says which database the tests of a binary run over.
pub const VARIABLE: &str = "HOLDFAST_TEST_ROWS";
/// Its value for PostgreSQL.
const POSTGRES: &str = "postgres";
/// Connections of a registry: a few at once are enough to be in each other's way.
const CONNECTIONS: usize = 6;

/// Where the rows lie; it outlives a registry that is opened again.
#[derive(Debug, Clone)]
pub enum TestRows {
    /// A file.
    File(PathBuf),
    /// A database of the cluster that the tests share.
    Database(String),
}

/// A store that is open.
#[derive(Debug, Clone)]
pub enum OpenRows {
    /// Of a file.
    Sqlite(Arc<SqliteStore>),
    /// Of a database.
    Postgres(Arc<PostgresStore>),
}

impl TestRows {
    /// An empty place of the kind that this run is about.
    ///
    /// # Panics
    /// When PostgreSQL is asked for and not there.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        match env::var(VARIABLE) {
            Ok(kind) if kind == POSTGRES => Self::Database(shared().database()),
            _ => Self::File(folder.join("metadata.sqlite")),
        }
    }

    /// Opens it.
    ///
    /// # Panics
    /// When it does not open.
    #[must_use]
    pub fn open(&self) -> OpenRows {
        match self {
            Self::File(file) => OpenRows::Sqlite(Arc::new(SqliteStore::open(file).expect("the database opens"))),
            Self::Database(name) => {
                let settings = Settings::parse(&shared().url(name)).expect("the URL is one");
                let store = PostgresStore::open(settings.with_connections(CONNECTIONS));
                OpenRows::Postgres(Arc::new(store.expect("the database opens")))
            }
        }
    }
}

impl OpenRows {
    /// The port.
    #[must_use]
    pub fn port(&self) -> Arc<dyn Metadata> {
        match self {
            Self::Sqlite(store) => Arc::clone(store) as _,
            Self::Postgres(store) => Arc::clone(store) as _,
        }
    }

    /// The same, borrowed.
    #[must_use]
    pub fn as_port(&self) -> &dyn Metadata {
        match self {
            Self::Sqlite(store) => &**store,
            Self::Postgres(store) => &**store,
        }
    }

    /// Finishes what waits and closes the database.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close().await,
        }
    }
}

/// In memory where the system has such a place: these tests are about the rules, not about the disk.
pub(crate) fn new_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        TempDir::with_prefix_in("holdfast-", memory)
    } else {
        TempDir::with_prefix("holdfast-")
    };
    folder.expect("a folder can be made")
}
