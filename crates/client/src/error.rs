//! What can go wrong on the way out. Texts are for the person who asked for the request: they name the host that was
//! asked for, and never an address that a name led to, nor whether it led to one, which would tell a stranger about the
//! network inside; the source says that, for the log.

use std::io;
use std::net::IpAddr;
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
    #[error("{}", no_address(host))]
    Inside {
        host: String,
        #[source]
        source: LeadsInside,
    },
    #[error("{}", no_address(host))]
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

    /// Whether a name led to no address that may be asked. Whoever asked must not find out why, by the number of attempts
    /// either.
    #[must_use]
    pub fn is_about_name(&self) -> bool {
        match self {
            Self::Resolve { .. } => true,
            Self::Inside { host, .. } => host.parse::<IpAddr>().is_err(),
            _ => false,
        }
    }
}

fn no_address(host: &str) -> String {
    format!(
        "{host} has no address that this server asks: there is none, or it lies inside the server's own network, which the \
         operator can allow with --allow-outgoing {host}"
    )
}

/// Why [`Error::Inside`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("all its addresses lie inside this server's own network")]
pub struct LeadsInside;

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
