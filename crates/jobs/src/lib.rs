//! Work that is done later: [`Runner`] takes jobs from the durable queue, one lease each, and runs their bodies. A body
//! is idempotent: it may run twice, and goes on where an earlier one ended, whichever process that was. This crate refuses
//! to enqueue anything: that is done by the rules, in the transaction of the change that asks for it.

mod erase;
mod handler;
mod import;
mod runner;

pub use runner::{IMPORT_ATTEMPT_LIMIT, Runner, RunnerParts};
