//! One connection: resolve the name, drop every address that may not be reached, connect to one of those that were looked
//! at, and shake hands. The address that is connected to is the one that was checked: a name that leads elsewhere the next
//! time it is asked changes nothing. It refuses to know HTTP.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::allow::bare;
use crate::error::LeadsInside;
use crate::{Destinations, Error};

/// Addresses of one name that are tried, one after the other.
const MAX_ADDRESSES: usize = 4;

/// Turns a name into addresses.
pub trait Resolve: Send + Sync {
    /// The addresses of a host, which may be an address itself.
    fn resolve(&self, host: String, port: u16) -> Resolving;
}

/// Addresses that are being asked for.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// The machine's own way of resolving names.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: String, port: u16) -> Resolving {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}

/// Makes connections for the pool.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) destinations: Arc<Destinations>,
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) connect_timeout: Duration,
}

impl Connector {
    async fn connect(self, uri: Uri) -> Result<Wire, Error> {
        let (host, port) = authority(&uri)?;
        let is_plain = uri.scheme() == Some(&http::uri::Scheme::HTTP);
        if is_plain && !self.destinations.may_speak_plainly(&host, port) {
            return Err(Error::Plain { host, port });
        }
        let limit = self.connect_timeout;
        match timeout(limit, self.open(&host, port, is_plain)).await {
            Ok(wire) => wire,
            Err(_) => Err(Error::TimedOut { host, after: limit }),
        }
    }

    async fn open(&self, host: &str, port: u16, is_plain: bool) -> Result<Wire, Error> {
        let resolved = self.resolver.resolve(host.to_owned(), port).await;
        let resolved = resolved.map_err(|source| Error::Resolve {
            host: host.to_owned(),
            source: Arc::new(source),
        })?;
        let may_reach = |address: &SocketAddr| self.destinations.may_reach(host, port, address.ip());
        let reachable: Vec<_> = resolved.into_iter().filter(may_reach).take(MAX_ADDRESSES).collect();
        if reachable.is_empty() {
            return Err(Error::Inside {
                host: host.to_owned(),
                source: LeadsInside,
            });
        }
        let tcp = first_of(&reachable).await;
        let tcp = tcp.map_err(|source| Error::Connect {
            host: host.to_owned(),
            source: Arc::new(source),
        })?;
        if is_plain {
            return Ok(Wire(TokioIo::new(Box::new(tcp))));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Error::Url { shown: host.to_owned() })?;
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await;
        let stream = stream.map_err(|source| of_handshake(host, source))?;
        Ok(Wire(TokioIo::new(Box::new(stream))))
    }
}

/// Host and port of a URL that has both, the host without brackets.
pub(crate) fn authority(uri: &Uri) -> Result<(String, u16), Error> {
    // Without what stands before an @ or after the host: it may be a secret.
    let shown = || {
        format!(
            "{}://{}",
            uri.scheme_str().unwrap_or_default(),
            uri.host().unwrap_or_default()
        )
    };
    let wrong = || Error::Url { shown: shown() };
    let default_port = match uri.scheme_str() {
        Some("https") => 443,
        Some("http") => 80,
        _ => return Err(wrong()),
    };
    let authority = uri.authority().ok_or_else(wrong)?;
    let host = bare(authority.host());
    // A name in front of the host would be sent nowhere, but could make the host look like another.
    if host.is_empty() || authority.as_str().contains('@') {
        return Err(wrong());
    }
    Ok((host.to_owned(), authority.port_u16().unwrap_or(default_port)))
}

fn of_handshake(host: &str, source: io::Error) -> Error {
    let is_about_trust = source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let is_about_trust = matches!(is_about_trust, Some(rustls::Error::InvalidCertificate(_)));
    let (host, source) = (host.to_owned(), Arc::new(source));
    if is_about_trust {
        Error::Tls { host, source }
    } else {
        Error::Connect { host, source }
    }
}

async fn first_of(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl tower_service::Service<Uri> for Connector {
    type Response = Wire;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Wire, Error>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// An open connection, plain or TLS.
pub(crate) struct Wire(TokioIo<Box<dyn Stream>>);

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl hyper::rt::Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl hyper::rt::Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
