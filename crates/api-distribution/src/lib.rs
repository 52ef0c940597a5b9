//! The data plane's face: `/v2`, `/acr/v1` and `/oauth2` over HTTP. It says what a path means
//! (`route`), who calls (`caller`), which operation that is (`serve`), and how an outcome looks on
//! the wire (`error`, `respond`). It refuses to hold rules: those are `holdfast-content`'s.

mod acr;
mod address;
mod blob;
mod caller;
mod catalog;
mod challenge;
mod error;
mod manifest;
mod page;
mod referrer;
mod respond;
pub mod route;
mod serve;
mod tag;
mod token;
mod upload;

pub use address::{Address, Names};
pub use holdfast_face::MAX_DRAINED_BYTES;
pub use route::{ContentRoute, Route, TokenRoute};
pub use serve::{Distribution, DistributionParts};
