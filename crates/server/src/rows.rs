//! Where the rows lie: in a file of the data folder, which one process has alone, or in a PostgreSQL, which any number of
//! nodes share. It refuses to know what they say.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use holdfast_metadata::{PostgresStore, SqliteStore, postgres};
use holdfast_model::Metadata;

use crate::folder::Folder;

/// The rows, opened.
#[derive(Debug, Clone)]
pub(crate) enum Rows {
    /// In a file, this process's own.
    Sqlite(Arc<SqliteStore>),
    /// In a database that other nodes share.
    Postgres(Arc<PostgresStore>),
}

impl Rows {
    /// Opens the file of a data folder, making what is missing. Blocks.
    pub(crate) fn of_folder(folder: &Folder) -> anyhow::Result<Self> {
        let store = SqliteStore::open(folder.database()).context("cannot open the database")?;
        Ok(Self::Sqlite(Arc::new(store)))
    }

    /// Opens a shared database, for a node with this data folder, and brings its schema up to date. Blocks.
    pub(crate) fn shared(settings: &postgres::Settings, folder: &Folder) -> anyhow::Result<Self> {
        if folder.is_used() {
            bail!(
                "{} has a database of its own, metadata.db, and another is named with --database; choose another --data-dir, \
                 or leave --database out",
                folder.path().display()
            );
        }
        let store = PostgresStore::open(settings.clone()).context("cannot open the database of --database")?;
        Ok(Self::Postgres(Arc::new(store)))
    }

    /// The port.
    pub(crate) fn port(&self) -> Arc<dyn Metadata> {
        match self {
            Self::Sqlite(store) => Arc::clone(store) as _,
            Self::Postgres(store) => Arc::clone(store) as _,
        }
    }

    /// The same, borrowed.
    pub(crate) fn as_port(&self) -> &dyn Metadata {
        match self {
            Self::Sqlite(store) => &**store,
            Self::Postgres(store) => &**store,
        }
    }

    /// Finishes all writes and closes the database.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close().await,
        }
    }
}
