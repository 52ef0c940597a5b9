//! The object stores of the clouds, behind one adapter (docs/decisions/0016-object-stores.md).
//!
//! [`BucketStore`] is the port: it gathers bytes to parts, saves what any node needs to go on, reads, lists and deletes. What
//! differs between the clouds is a few requests, `bucket.rs`; a file for each cloud has them. Credentials and signatures of S3
//! and Azure are the `object_store` crate's; the requests are ours, so that parts may lie in a file, conditions and part lists
//! are as the laws of the data need them, and every wait and length has a limit. It refuses to open a connection: a [`WayOut`]
//! does.

mod asking;
mod azure;
mod bucket;
mod credentials;
mod download;
mod google;
mod google_key;
mod google_signer;
mod identity;
mod listing;
mod memory;
mod names;
mod open;
mod payload;
mod place;
mod places;
mod plan;
mod refusal;
mod requests;
mod s3;
mod saved;
mod small;
mod store;
mod stream;
mod url;
mod way_out;
mod writer;
mod xml;

pub use credentials::Credentials;
pub use memory::{UPLOAD_MEMORY_BYTES, UploadMemory};
pub use open::{Surroundings, open, open_bucket};
pub use places::BucketPlaces;
pub use refusal::is_container_missing;
pub use store::BucketStore;
pub use url::{BucketUrl, Cloud, ParseStoreUrlError, StoreUrl};
pub use way_out::{Body, BodyError, Exchange, ExchangeError, WayOut};
