//! The statements, once for every database. A file per noun holds that noun's statements, each beside the function that
//! runs it. Neither a connection nor the form of a row is known here: `sqlite` has what only SQLite does.

mod application;
mod blob;
mod column;
mod directory;
pub(crate) mod error;
mod front;
mod garbage;
mod job;
mod manifest;
mod node;
mod person;
mod principal;
mod registry;
mod registry_columns;
mod repository;
mod role_assignment;
pub(crate) mod row;
mod scope_map;
mod server_key;
pub(crate) mod session;
mod sign_in;
mod storage_account;
mod tag;
mod tally;
mod token;
mod upload;
pub(crate) mod value;

/// Statements of each noun whose plans the tests look at.
#[cfg(test)]
pub(crate) const NOUNS: &[(&str, &[&str])] = &[
    ("directory", directory::PLANNED),
    ("storage account", storage_account::PLANNED),
    ("front", front::PLANNED),
    ("registry", registry::PLANNED),
    ("application", application::PLANNED),
    ("principal", principal::PLANNED),
    ("person", person::PLANNED),
    ("sign_in", sign_in::PLANNED),
    ("role assignment", role_assignment::PLANNED),
    ("scope map", scope_map::PLANNED),
    ("token", token::PLANNED),
    ("repository", repository::PLANNED),
    ("manifest", manifest::PLANNED),
    ("tag", tag::PLANNED),
    ("tally", tally::PLANNED),
    ("blob", blob::PLANNED),
    ("upload", upload::PLANNED),
    ("garbage", garbage::PLANNED),
    ("job", job::PLANNED),
    ("node", node::PLANNED),
    ("server key", server_key::PLANNED),
];

/// Those that may sort, for the reason given beside them.
#[cfg(test)]
pub(crate) const SORTED: &[&str] = tag::SORTED;
