//! The data plane's face over real HTTP, in one process: who may do what, how one signs in, what bad input gets, and
//! what the protocol promises. One module per noun; `harness` is the server, `wire` the client.
#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

mod attributes;
mod blob;
mod body;
mod caller;
mod disturbed;
mod full_disk;
mod harness;
mod listing;
mod longest;
mod manifest;
mod named_token;
mod network;
mod openapi;
mod oversized;
mod path;
mod principal;
mod protocol;
mod statement;
mod token;
mod upload;
mod wire;

#[test]
fn every_claim_holds_over_an_object_store_too() {
    holdfast_testkit::store::run_over_an_object_store();
}
