//! A response: status, headers, and a body that is read piece by piece and never waited for without end. It refuses to
//! judge the status.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, Uri};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::Error;
use crate::connect::authority;

/// A response, after redirects.
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The URL that answered.
    pub url: Uri,
    body: Incoming,
    stall: Duration,
}

impl Response {
    pub(crate) fn new(url: Uri, response: http::Response<Incoming>, stall: Duration) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            url,
            body,
            stall,
        }
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// The connection broke off, or brought nothing for the time it may stall.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let frame = timeout(self.stall, self.body.frame()).await;
            let Ok(frame) = frame else {
                return Err(Error::TimedOut {
                    host: self.host(),
                    after: self.stall,
                });
            };
            match frame {
                None => return Ok(None),
                Some(Err(error)) => {
                    return Err(Error::Exchange {
                        host: self.host(),
                        source: Arc::new(error),
                    });
                }
                Some(Ok(frame)) => {
                    // Trailers say nothing that is asked for.
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// The whole body, of at most `limit_bytes`.
    ///
    /// # Errors
    /// As of [`Response::next`]; [`Error::TooLarge`].
    pub async fn bytes(mut self, limit_bytes: u64) -> Result<Bytes, Error> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.next().await? {
            if (whole.len() as u64).saturating_add(piece.len() as u64) > limit_bytes {
                return Err(Error::TooLarge {
                    host: self.host(),
                    limit_bytes,
                });
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// The host that answered.
    #[must_use]
    pub fn host(&self) -> String {
        authority(&self.url).map(|(host, _)| host).unwrap_or_default()
    }
}

impl fmt::Debug for Response {
    /// Neither headers, which may hold tokens, nor the URL, which may be signed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("host", &self.host())
            .finish_non_exhaustive()
    }
}
