//! Where the rows live: adapters of [`holdfast_model::Metadata`]. They translate rows and
//! keep transactions; they refuse to hold rules, which are written once for all of
//! them. The suite in `holdfast_testkit::metadata` says what an adapter must do.

mod migrations;
pub mod postgres;
mod sql;
pub mod sqlite;

pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;
