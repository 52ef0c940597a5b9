//! PostgreSQL, for any number of nodes: threads that each own a connection and run closures there, one transaction each,
//! serializable and again when another was in the way. It refuses to know rules, and to speak through a pooler that deals out
//! transactions. Its statements are `sql`'s, translated.

mod connection;
mod dialect;
mod error;
mod migrations;
pub mod open;
mod pool;
pub mod settings;
mod store;
pub mod tls;
mod value;
mod worker;

#[cfg(test)]
mod plans;

pub(crate) use connection::Connection;
pub(crate) use error::failed;
pub use settings::{Settings, SettingsError};
pub use store::PostgresStore;
pub(crate) use value::value;
