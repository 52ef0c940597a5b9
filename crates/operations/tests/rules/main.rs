//! The rules of a registry over the real stores: claims by noun, a model that predicts everything a
//! client can see, and many tasks at once. One binary, so that it links once.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests play the world: they make ids, and many clients at once"
)]

mod blob;
mod claims;
mod concurrency;
mod crash;
mod erase;
mod explain;
mod fault;
mod garbage;
mod lock;
mod manifest;
mod model;
mod node;
mod person;
mod quota;
mod row_blob;
mod sign_in;
mod storage_account;
mod stray;
mod token;
mod upload;

#[test]
fn every_claim_holds_over_an_object_store_too() {
    holdfast_testkit::store::run_over_an_object_store();
}
