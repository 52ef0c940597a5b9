//! Places for bytes: the adapters behind [`holdfast_model::Blobs`].
//!
//! An adapter stores bytes under random keys and makes them durable when asked. It refuses to know digests, media types,
//! repositories or rights: which object holds which digest is a row in the metadata. Every adapter is proven by the same
//! contract suite (`holdfast_testkit::blobs`).
//!
//! - [`FilesystemStore`]: a folder on this machine, the default.
//! - [`object::BucketStore`]: a bucket of S3, or a container of Azure Blob Storage.
//! - [`FilesystemPlaces`]: where the folders of storage accounts are made.
//! - [`Survey`]: what lies in a location's folder, for a start that misses its database.
//! - [`fault::FaultyStore`]: wraps any store and makes chosen operations fail, for tests of everything above.

mod failure;
pub mod fault;
mod filesystem;
mod layout;
mod listing;
mod live;
mod location_places;
pub mod object;
mod places;
mod reading;
mod standing;
mod survey;
mod writer;

pub use filesystem::FilesystemStore;
pub use location_places::LocationPlaces;
pub use places::FilesystemPlaces;
pub use survey::Survey;
