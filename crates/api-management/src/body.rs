//! Bodies: what a request brings, within limits, and what a response carries.

mod strict;

use bytes::Bytes;
use holdfast_arm::Error;
use holdfast_face::{Asker, Held, Received, conditional::set_entity_tag};
use holdfast_model::ReceiveError;
use http::{HeaderValue, Response, StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use strict::Strict;

/// The largest body that is read; ARM's is 4 MiB, and nothing here needs more than some KiB.
const MAX_BODY_BYTES: usize = 1 << 20;
/// The largest form: what asks the directory for a token. The longest part is an assertion with a chain of certificates.
const MAX_FORM_BYTES: usize = 64 << 10;

/// The body of a caller whose token was checked.
pub(crate) async fn read<B>(body: &Received<B>) -> Result<Held, Error>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    body.whole(Asker::Known, MAX_BODY_BYTES).await.map_err(refusal)
}

/// A form, which anybody may send.
pub(crate) async fn read_form<B>(body: &Received<B>) -> Result<Held, Error>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    body.whole(Asker::Stranger, MAX_FORM_BYTES).await.map_err(refusal)
}

fn refusal(error: holdfast_face::Error) -> Error {
    use holdfast_face::Error as Body;
    match error {
        Body::TooLarge { limit_bytes } => Error::request_content_too_large(limit_bytes),
        Body::Busy => Error::server_timeout(),
        Body::Receive(ReceiveError::Stalled { seconds }) => Error::request_timeout(seconds),
        Body::Receive(ReceiveError::Disconnected { .. }) => Error::invalid_request_content("The body ended early"),
    }
}

/// A body as JSON: an object, as every one is.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let refuse = |error: serde_json::Error| Error::invalid_request_content(&error.to_string());
    let body: Value = serde_json::from_slice(body).map_err(refuse)?;
    if !body.is_object() {
        return Err(Error::invalid_request_content("the body must be an object"));
    }
    T::deserialize(Strict(body)).map_err(refuse)
}

/// A response in JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Bytes> {
    // Our own types: maps with text keys, nothing that serialisation can refuse.
    let mut response = Response::new(Bytes::from(serde_json::to_vec(value).unwrap_or_default()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_static("application/json; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// A response without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// The same with the entity tag of what it shows.
pub(crate) fn with_entity_tag(mut response: Response<Bytes>, entity_tag: &str) -> Response<Bytes> {
    set_entity_tag(response.headers_mut(), entity_tag);
    response
}
