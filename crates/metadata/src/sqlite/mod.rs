//! SQLite: one file, one writer thread with group commit, a pool of readers. It refuses to be
//! shared by two servers (the server locks its data folder) and to know rules. Its statements are `sql`'s.

mod batch;
mod error;
mod flush;
mod log;
mod migrations;
pub mod open;
mod readers;
mod session;
mod stats;
mod store;
mod writer;

#[cfg(test)]
mod plans;
#[cfg(test)]
mod power_cut;

pub(crate) use error::failed;
pub(crate) use session::{Statements, value};
pub use stats::Stats;
pub use store::SqliteStore;
