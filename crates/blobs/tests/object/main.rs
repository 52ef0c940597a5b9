//! The object stores of the clouds, against servers that speak as they do.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

mod azure;
mod claims;
mod google;
mod places;
mod s3;
