//! Bodies: what a request brings, with a limit and a time, and what an answer carries.

use std::time::Duration;

use bytes::Bytes;
use holdfast_arm::Error;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::{Serialize, de::DeserializeOwned};

/// The largest body that is read; ARM's is 4 MiB, and nothing here needs more than some KiB.
pub(crate) const MAX_BODY_BYTES: usize = 1 << 20;
/// How long a body may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The whole body of a request.
pub(crate) async fn read<B>(body: B) -> Result<Bytes, Error>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match tokio::time::timeout(PATIENCE, Limited::new(body, MAX_BODY_BYTES).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Error::request_content_too_large(MAX_BODY_BYTES)),
        Ok(Err(_)) => Err(Error::invalid_request_content("The body ended early")),
        Err(_) => Err(Error::server_timeout()),
    }
}

/// A body as JSON.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| Error::invalid_request_content(&error.to_string()))
}

/// An answer in JSON.
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

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}
