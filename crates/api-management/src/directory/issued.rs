//! Tokens on their way to a client.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::body;

/// An answer that nobody may keep.
pub(super) fn secret(document: &impl Serialize) -> Response<Bytes> {
    let mut response = body::json(StatusCode::OK, document);
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    response
}
