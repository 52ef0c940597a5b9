//! What tests share: suites that every adapter of a port must pass. It refuses to be part of the
//! program; only tests depend on it.

pub mod blobs;
pub mod metadata;
