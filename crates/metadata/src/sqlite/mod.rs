//! SQLite: one file, one writer thread with group commit, a pool of readers. It refuses to be
//! shared by two servers (the server locks its data folder) and to know rules.
//!
//! A file per noun holds that noun's statements, each beside the function that runs it.

mod application;
mod blob;
mod column;
mod directory;
mod error;
mod front;
mod garbage;
mod job;
mod log;
mod manifest;
mod migrations;
pub mod open;
mod person;
mod principal;
mod readers;
mod registry;
mod registry_columns;
mod repository;
mod role_assignment;
mod scope_map;
mod session;
mod sign_in;
mod storage_account;
mod store;
mod tag;
mod tally;
mod token;
mod upload;
mod writer;

#[cfg(test)]
mod plans;

pub use store::SqliteStore;
pub use writer::Stats;
