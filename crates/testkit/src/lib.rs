//! What tests share: suites that every adapter of a port must pass, Microsoft's API documents, and a registry in the same
//! process. It refuses to be part of the program; only tests depend on it.

pub mod blobs;
pub mod fault_proxy;
pub mod metadata;
pub mod object_server;
pub mod object_store;
pub mod openapi;
pub mod postgres;
pub mod registry;
pub mod rows;
pub mod store;
mod twice;

pub use twice::RunTwice;
