//! The way to a cloud's identity endpoint, as the library that knows how to ask it wants it. It refuses answers that are
//! longer than any credential.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use http::header;
use http_body_util::{BodyExt as _, Full};
use object_store::{
    ClientOptions, RetryConfig,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
    },
};
use std::time::Duration;

use super::{
    asking::collect,
    way_out::{Exchange, ExchangeError},
};

/// Longest answer: a token, or a few keys.
const ANSWER_BYTES: usize = 256 << 10;

/// How often, and how long, an identity endpoint is asked.
pub(super) fn retry() -> RetryConfig {
    RetryConfig {
        max_retries: 3,
        retry_timeout: Duration::from_secs(20),
        ..RetryConfig::default()
    }
}

/// Asks by the way out that the adapter was given.
#[derive(Debug, Clone)]
pub(super) struct Identity(pub(super) Arc<dyn Exchange>);

impl HttpConnector for Identity {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Identity {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
        let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
        let answer = self.0.exchange(http::Request::from_parts(parts, body)).await;
        let (parts, body) = answer.map_err(no_answer)?.into_parts();
        let read = collect(body, ANSWER_BYTES).await;
        let read = read.map_err(|refusal| HttpError::new(HttpErrorKind::Request, refusal))?;
        let body = HttpResponseBody::new(Full::new(read).map_err(|never| match never {}));
        Ok(HttpResponse::from_parts(parts, body))
    }
}

fn no_answer(error: ExchangeError) -> HttpError {
    let kind = if error.is_transient() {
        HttpErrorKind::Request
    } else {
        HttpErrorKind::Unknown
    };
    HttpError::new(kind, error)
}

/// Shows nothing of what it holds.
pub(super) struct Hidden<T>(pub(super) T);

impl<T> fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}
