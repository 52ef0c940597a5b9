//! The headers that every answer of ARM has. It refuses to tell limits that nothing counts:
//! `x-ms-ratelimit-remaining-…` is not sent.

use holdfast_arm::api_version::REGISTRY_VERSIONS;
use holdfast_face::moment::compact;
use holdfast_model::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::Site;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-ms-correlation-request-id");
const ROUTING_ID: HeaderName = HeaderName::from_static("x-ms-routing-request-id");
const SUPPORTED_VERSIONS: HeaderName = HeaderName::from_static("api-supported-versions");

/// The provider's own routes, whose answers name the versions there are.
const OF_REGISTRIES: [&str; 4] = ["arm.registries.", "arm.scope-maps.", "arm.tokens.", "arm.replications."];

/// Puts them into a response.
pub(crate) fn stamp(headers: &mut HeaderMap, route: &str, site: &Site, now: Timestamp) {
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(REQUEST_ID, &site.origin.id);
    set(CORRELATION_ID, &site.origin.id);
    set(ROUTING_ID, &format!("HOLDFAST:{}:{}", compact(now), site.origin.id));
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    if OF_REGISTRIES.iter().any(|prefix| route.starts_with(prefix)) {
        set(SUPPORTED_VERSIONS, &REGISTRY_VERSIONS.join(", "));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(header::EXPIRES, HeaderValue::from_static("-1"));
}
