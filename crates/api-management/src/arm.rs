//! The nouns of ARM, each with its endpoints and its body.

pub(crate) mod group;
pub(crate) mod metadata;
pub(crate) mod provider;
pub(crate) mod registry;
mod registry_body;
mod registry_request;
pub(crate) mod resource;
pub(crate) mod subscription;

use chrono::{DateTime, SecondsFormat};
use holdfast_registry::Timestamp;

/// A moment in microseconds since 1970, as ARM writes it.
pub(crate) fn moment(micros: i64) -> String {
    let moment = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    moment.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn when(at: Timestamp) -> String {
    moment(at.0)
}
