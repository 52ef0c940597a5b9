//! The words of the OCI distribution specification, and of Docker's older dialect of it.
//!
//! Everything a client sends as text (names, tags, digests, media types, manifests, ranges) is parsed here, once, into
//! types whose fields are private; past a face a `&str` is prose. Parsers are linear in their input, allocate no more
//! than a small multiple of it, never panic, and quote what they refuse.
//!
//! This crate does no I/O, knows no HTTP library and has no opinion about who may do what. Every other crate may use it.

pub mod descriptor;
pub mod digest;
pub mod error_code;
pub mod hasher;
pub mod host;
pub mod manifest;
pub mod media_type;
pub mod message;
pub mod name;
pub mod range;
pub mod reference;
pub mod tag;
mod text;

pub use descriptor::{Descriptor, Platform};
pub use digest::{Algorithm, Digest};
pub use error_code::ErrorCode;
pub use hasher::Hasher;
pub use host::RegistryHost;
pub use manifest::Manifest;
pub use media_type::MediaType;
pub use name::RepositoryName;
pub use range::{ByteRanges, ContentRange, Selection};
pub use reference::Reference;
pub use tag::Tag;
