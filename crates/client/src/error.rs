//! What can go wrong on the way out. Texts are for the person who asked for the request: they name the host that was
//! asked for, and never an address that a name led to, which would tell a stranger about the network inside.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

/// A request failed.
#[derive(Debug, Clone, thiserror::Error)]
#[expect(missing_docs, reason = "each names its host, and what the message says")]
pub enum Error {
    #[error("{shown:?} is not an https address of a host")]
    Url { shown: String },
    #[error("{host} redirected to something that is not an https address of a host")]
    BadRedirect { host: String },
    #[error(
        "{host} is spoken to by https only; the operator can allow plain HTTP with --allow-outgoing http://{host}:{port}"
    )]
    Plain { host: String, port: u16 },
    #[error(
        "{host} leads to an address inside this server's own network, which is not asked; the operator can allow it \
         with --allow-outgoing {host}"
    )]
    Inside { host: String },
    #[error("the name {host} could not be resolved")]
    Resolve {
        host: String,
        #[source]
        source: Arc<io::Error>,
    },
    #[error("{host} could not be reached")]
    Connect {
        host: String,
        #[source]
        source: Arc<io::Error>,
    },
    #[error("{host} showed no certificate that is trusted here; the operator can name its CA with --outgoing-ca")]
    Tls {
        host: String,
        #[source]
        source: Arc<io::Error>,
    },
    #[error("{host} did not answer in {} s", after.as_secs())]
    TimedOut { host: String, after: Duration },
    #[error("the exchange with {host} broke off")]
    Exchange {
        host: String,
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    #[error("{host} sent more than {limit_bytes} bytes")]
    TooLarge { host: String, limit_bytes: u64 },
    #[error("{host} redirected more than {limit} times")]
    TooManyRedirects { host: String, limit: usize },
    #[error("{host} answered {status} to a request that must not go elsewhere")]
    Redirected { host: String, status: StatusCode },
}

impl Error {
    /// Whether the same request may go well later. What the settings refuse stays refused.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Resolve { .. } | Self::Connect { .. } | Self::TimedOut { .. } | Self::Exchange { .. } => true,
            Self::Url { .. }
            | Self::BadRedirect { .. }
            | Self::Plain { .. }
            | Self::Inside { .. }
            | Self::Tls { .. }
            | Self::TooLarge { .. }
            | Self::TooManyRedirects { .. }
            | Self::Redirected { .. } => false,
        }
    }
}

/// The way out could not be set up.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are those of the message")]
pub enum SetupError {
    #[error("the crypto library has no cipher for TLS 1.2 or 1.3")]
    Library {
        #[source]
        source: rustls::Error,
    },
    #[error("the certificates in {} cannot be read; --outgoing-ca takes a PEM file", path.display())]
    Roots {
        path: PathBuf,
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    #[error("{} holds no certificate that can be trusted; --outgoing-ca takes a PEM file of CAs", path.display())]
    NoRoots { path: PathBuf },
}
