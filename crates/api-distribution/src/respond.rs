//! How successful responses are put together.

use bytes::Bytes;
use holdfast_face::Body;
use holdfast_oci::Digest;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

pub(crate) const DOCKER_CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
pub(crate) const DOCKER_UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");
pub(crate) const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
pub(crate) const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");
pub(crate) const OCI_FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// A response without a body; `Content-Length: 0` where HTTP allows it.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    if status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED {
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    response
}

/// A JSON response, ended by a newline (ACR).
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    typed_json(status, "application/json; charset=utf-8", value)
}

/// A JSON response of a given type.
pub(crate) fn typed_json(status: StatusCode, content_type: &'static str, value: &impl Serialize) -> Response<Body> {
    // Our own types: maps with string keys, nothing that serialisation can refuse.
    let mut bytes = serde_json::to_vec(value).unwrap_or_default();
    bytes.push(b'\n');
    let mut response = sized(status, Body::bytes(bytes));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A response with a body of known length.
pub(crate) fn sized(status: StatusCode, body: Body) -> Response<Body> {
    let length = body.len();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// Sets a header whose value is made of names and digests.
pub(crate) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Adds a header whose value is made of names and digests.
pub(crate) fn add(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.append(name, value);
    }
}

/// Sets `Docker-Content-Digest` and `ETag`.
pub(crate) fn set_digest(headers: &mut HeaderMap, digest: &Digest) {
    let text = digest.to_string();
    set(headers, header::ETAG, &format!("\"{text}\""));
    set_shared(headers, DOCKER_CONTENT_DIGEST, text);
}

fn set_shared(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(value)) {
        headers.insert(name, value);
    }
}
