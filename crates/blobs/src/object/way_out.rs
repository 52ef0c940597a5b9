//! How an adapter reaches a store: by a way out that its maker gives it, to the origins it names and to no other. It refuses
//! to open a connection itself.

use std::{error::Error, fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::combinators::UnsyncBoxBody;

/// A body of a request or of a response.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// Why a body ended early.
pub type BodyError = Box<dyn Error + Send + Sync>;

/// Makes ways to stores.
pub trait WayOut: fmt::Debug + Send + Sync {
    /// A way to these origins (`https://host:port`) and to nothing else.
    fn to(&self, origins: &[Uri]) -> Arc<dyn Exchange>;
}

/// A request, and its response. It follows no redirect, waits for nothing without a limit, and tries nothing twice.
#[async_trait]
pub trait Exchange: fmt::Debug + Send + Sync {
    /// Sends a request; any status is a response. The body has the length of its `Content-Length`.
    async fn exchange(&self, request: Request<Body>) -> Result<Response<Body>, ExchangeError>;
}

/// There was no response.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct ExchangeError {
    problem: &'static str,
    is_transient: bool,
    #[source]
    source: BodyError,
}

impl ExchangeError {
    /// The store did not answer, or not to its end: the same may go well later.
    #[must_use]
    pub fn broken(source: BodyError) -> Self {
        Self {
            problem: "there was no whole answer",
            is_transient: true,
            source,
        }
    }

    /// What was asked for may not be asked for.
    #[must_use]
    pub fn refused(source: BodyError) -> Self {
        Self {
            problem: "this may not be asked for",
            is_transient: false,
            source,
        }
    }

    /// Whether the same may go well later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.is_transient
    }
}
