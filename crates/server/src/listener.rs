//! Accepting connections and speaking HTTP/1.1 and HTTP/2 on them. It outlives whatever a peer or the system does to a
//! connection: a handshake that hangs holds up nobody, and running out of file descriptors passes. It refuses to know
//! what a request means.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use holdfast_face::{Own, STREAM_WINDOW_BYTES, Sendfile};
use hyper::{Request, Version, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, lookup_host},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use crate::{
    activity::Activity,
    service::{MAX_HEADERS, Service, Wire},
    settings::ListenAddress,
    shutdown::Shutdown,
    slots::{Refusal, Reserved, Slot, Slots},
    socket::Socket,
    stream::{Refusing, Streams},
};

/// How long a connection beyond the slots may take, whatever it does.
const RESERVED: Duration = Duration::from_secs(3);
/// How long a peer that made no request for long may take to hear that the connection ends.
const GOODBYE: Duration = Duration::from_secs(5);
/// The same of one that keeps more than is left for it.
const BRIEF_GOODBYE: Duration = Duration::from_millis(250);
/// Connections that wait in the kernel to be accepted.
const BACKLOG: i32 = 1024;
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long the head of a request may take, and how long a connection may rest between two.
const HEADERS: Duration = Duration::from_secs(30);
/// The largest head of an HTTP/1 request, and the most that is read of a body at once.
const HTTP1_BUFFER_BYTES: usize = 64 << 10;
/// Header list of an HTTP/2 request; room for the longest token, also as a password of Basic authentication.
const HTTP2_HEADER_LIST_BYTES: u32 = 32 << 10;
/// Requests at once on one HTTP/2 connection.
const HTTP2_STREAMS: u32 = 64;
/// Streams a peer may reset before they are handled (CVE-2023-44487).
const HTTP2_PENDING_RESETS: usize = 32;
/// Streams we may reset for a peer's mistakes before the connection ends.
const HTTP2_LOCAL_RESETS: usize = 256;
/// Bytes of all bodies of a connection that may be on their way to us. It bounds their frames too: each takes some 200
/// bytes beside what it holds, and the peer chooses how little that is (h2 takes as many as would waste half of this).
const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// Bytes of one answer that wait to be sent.
const HTTP2_SEND_BYTES: usize = 512 << 10;
/// A silent HTTP/2 connection is asked whether it lives this often, and has as long to answer.
const HTTP2_PING: Duration = Duration::from_secs(30);
/// The pause after an accept that failed: first, and at most.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// A bound address that nobody is accepted on yet.
pub(crate) struct Listener {
    sockets: Vec<TcpListener>,
    /// Where it really listens; the port is never 0.
    pub(crate) address: SocketAddr,
    pub(crate) scheme: &'static str,
}

impl Listener {
    /// Binds every address that the host has, at one port.
    ///
    /// # Errors
    /// Says what to do when the port is taken.
    pub(crate) async fn bind(wanted: &ListenAddress, scheme: &'static str) -> anyhow::Result<Self> {
        let cannot = || format!("cannot listen for {scheme} on {wanted}");
        let found = lookup_host((wanted.host.as_str(), wanted.port)).await;
        let mut found = found.with_context(cannot)?.collect::<Vec<_>>();
        found.dedup();
        let (mut sockets, mut chosen, mut refused) = (Vec::new(), wanted.port, None);
        for mut address in found {
            address.set_port(chosen);
            match bind(address) {
                Ok(socket) => {
                    chosen = socket.local_addr().with_context(cannot)?.port();
                    sockets.push(socket);
                }
                // A name may have an IPv6 address on a machine without IPv6; one address is enough.
                Err(error) if is_absent(&error) => refused = Some(error),
                Err(error) => return Err(explain(error, scheme)).with_context(cannot),
            }
        }
        if let Some(error) = refused.filter(|_| sockets.is_empty()) {
            return Err(explain(error, scheme)).with_context(cannot);
        }
        let first = sockets
            .first()
            .context("the name has no address")
            .with_context(cannot)?;
        let address = first.local_addr().with_context(cannot)?;
        Ok(Self {
            sockets,
            address,
            scheme,
        })
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        tokio::net::TcpSocket::new_v4()?
    } else {
        tokio::net::TcpSocket::new_v6()?
    };
    // A restart must not wait for the connections of the last run to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG.unsigned_abs())
}

/// Whether this machine does not have the address, or nothing of its kind.
fn is_absent(error: &io::Error) -> bool {
    let no_family = rustix::io::Errno::AFNOSUPPORT.raw_os_error();
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(no_family)
}

fn explain(error: io::Error, scheme: &str) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "another program listens there; stop it, or choose another address with --{scheme} HOST:PORT"
        ),
        io::ErrorKind::PermissionDenied => {
            anyhow::anyhow!("the system does not allow it; choose a port from 1024 on with --{scheme} HOST:PORT")
        }
        io::ErrorKind::AddrNotAvailable => {
            anyhow::anyhow!("this machine does not have that address; choose one it has with --{scheme} HOST:PORT")
        }
        _ => error.into(),
    }
}

/// The room that a connection has, until this is dropped.
enum Room {
    /// A slot.
    Slot(#[expect(dead_code, reason = "it is held, not read")] Slot),
    /// Beyond the slots.
    Reserve(#[expect(dead_code, reason = "it is held, not read")] Reserved),
}

/// What all listeners share.
pub(crate) struct Acceptor {
    pub(crate) service: Arc<Service>,
    pub(crate) shutdown: Shutdown,
    pub(crate) connections: TaskTracker,
    pub(crate) slots: Arc<Slots>,
}

impl Acceptor {
    /// Starts accepting; ends when the shutdown begins.
    pub(crate) fn accept(self: &Arc<Self>, listener: Listener, tls: Option<Arc<ServerConfig>>, tasks: &TaskTracker) {
        for socket in listener.sockets {
            let tls = tls.clone().map(TlsAcceptor::from);
            tasks.spawn(Arc::clone(self).accept_on(socket, listener.scheme, tls));
        }
    }

    async fn accept_on(self: Arc<Self>, socket: TcpListener, scheme: &'static str, tls: Option<TlsAcceptor>) {
        let mut pause = BACK_OFF.0;
        loop {
            let accepted = tokio::select! {
                () = self.shutdown.stopping.cancelled() => return,
                accepted = self.accept_one(&socket) => accepted,
            };
            let (stream, peer, room) = match accepted {
                Ok(accepted) => accepted,
                Err(error) if is_of_one_connection(&error) => continue,
                Err(error) => {
                    tracing::warn!(error = %error, "cannot accept connections; trying again");
                    sleep(pause).await;
                    pause = (pause * 2).min(BACK_OFF.1);
                    continue;
                }
            };
            pause = BACK_OFF.0;
            let this = Arc::clone(&self);
            let tls = tls.clone();
            self.connections.spawn(async move {
                let cutting = this.shutdown.cutting.clone();
                tokio::select! {
                    () = cutting.cancelled() => {}
                    () = this.converse(stream, peer, scheme, tls, &room) => {}
                }
                drop(room);
            });
        }
    }

    /// Accepts one connection and finds room for it. When there is none, also beyond the slots, the others wait in the
    /// kernel.
    async fn accept_one(&self, socket: &TcpListener) -> io::Result<(TcpStream, SocketAddr, Room)> {
        loop {
            let (stream, peer) = socket.accept().await?;
            let refusal = match self.slots.take(peer.ip()) {
                Ok(slot) => return Ok((stream, peer, Room::Slot(slot))),
                Err(refusal) => refusal,
            };
            if let Some(reserved) = self.slots.try_reserve() {
                return Ok((stream, peer, Room::Reserve(reserved)));
            }
            if refusal == Refusal::Crowded {
                // Whoever has taken all it may holds up nobody else.
                continue;
            }
            let reserved = self.slots.reserve().await.map_err(io::Error::other)?;
            return Ok((stream, peer, Room::Reserve(reserved)));
        }
    }

    async fn converse(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        scheme: &'static str,
        tls: Option<TlsAcceptor>,
        room: &Room,
    ) {
        let Ok(local) = stream.local_addr() else { return };
        // Small answers must not wait for the peer's acknowledgements; without it they are only slower.
        drop(stream.set_nodelay(true));
        let _counted = self.service.metrics.connection(scheme);
        let socket = Socket::new(stream, self.service.metrics.traffic());
        let wire = Wire { peer, local, scheme };
        let Some(tls) = tls else {
            let sendfile = Some(socket.sendfile());
            return self.speak_in(room, socket, wire, sendfile).await;
        };
        match timeout(HANDSHAKE, tls.accept(socket)).await {
            Ok(Ok(stream)) => self.speak_in(room, stream, wire, None).await,
            Ok(Err(error)) => tracing::debug!(peer = %peer, error = %error, "a TLS handshake failed"),
            Err(_) => tracing::debug!(peer = %peer, "a TLS handshake took too long"),
        }
    }

    async fn speak_in<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        room: &Room,
        stream: S,
        wire: Wire,
        sendfile: Option<Sendfile>,
    ) {
        match room {
            Room::Slot(_) => self.speak(stream, wire, sendfile).await,
            Room::Reserve(_) => {
                if timeout(RESERVED, self.speak_briefly(stream, wire)).await.is_err() {
                    tracing::debug!(peer = %wire.peer, "a connection beyond the slots took too long");
                }
            }
        }
    }

    /// One request on a connection for which there is no slot: probes are answered, all others are told to come again.
    async fn speak_briefly<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, stream: S, wire: Wire) {
        let service = Arc::clone(&self.service);
        let service_fn = service_fn(move |request: Request<Incoming>| {
            let service = Arc::clone(&service);
            async move { Ok::<_, std::convert::Infallible>(service.respond_when_full(request, wire).await) }
        });
        let mut protocol = hyper::server::conn::http1::Builder::new();
        protocol
            .timer(TokioTimer::new())
            .header_read_timeout(RESERVED)
            .max_buf_size(HTTP1_BUFFER_BYTES)
            .max_headers(MAX_HEADERS)
            .keep_alive(false);
        if let Err(error) = protocol.serve_connection(TokioIo::new(stream), service_fn).await {
            tracing::debug!(peer = %wire.peer, error = %error, "a connection beyond the slots broke");
        }
    }

    async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: S,
        wire: Wire,
        sendfile: Option<Sendfile>,
    ) {
        let service = Arc::clone(&self.service);
        let activity = Arc::new(Activity::new());
        let seen = Arc::clone(&activity);
        let own = Own::default();
        let ending = own.clone();
        let refusing = Refusing::default();
        let refused = refusing.clone();
        let service_fn = service_fn(move |request: Request<Incoming>| {
            let service = Arc::clone(&service);
            let is_http1 = request.version() < Version::HTTP_2;
            if is_http1 {
                seen.speaks_http1();
            }
            let sendfile = sendfile.clone().filter(|_| is_http1);
            let entered = service.enter(request, wire, &own);
            if entered.is_err() {
                refused.next();
            }
            async move {
                let response = match entered {
                    // In a box, so that an answer that waits to be taken does not keep what its making took.
                    Ok(entered) => Box::pin(service.respond(entered, sendfile)).await,
                    Err(response) => *response,
                };
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        let streams = Streams {
            tasks: self.connections.clone(),
            cutting: self.shutdown.cutting.clone(),
            activity: Arc::clone(&activity),
            refusing,
        };
        let protocol = protocol(streams);
        let connection = protocol.serve_connection(TokioIo::new(stream), service_fn);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.shutdown.stopping.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            () = ending.ending() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection.as_mut() => ended,
                    // A peer that does not take the hint keeps nothing by that.
                    () = activity.idle(BRIEF_GOODBYE) => return,
                }
            }
            () = activity.rest() => {
                connection.as_mut().graceful_shutdown();
                match timeout(GOODBYE, connection).await {
                    Ok(ended) => ended,
                    Err(_) => return,
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(peer = %wire.peer, error = %error, "a connection broke");
        }
    }
}

fn protocol(streams: Streams) -> auto::Builder<Streams> {
    let mut builder = auto::Builder::new(streams);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(HTTP1_BUFFER_BYTES)
        .max_headers(MAX_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HTTP2_PING)
        .keep_alive_timeout(HTTP2_PING)
        .max_concurrent_streams(HTTP2_STREAMS)
        .max_pending_accept_reset_streams(HTTP2_PENDING_RESETS)
        .max_local_error_reset_streams(HTTP2_LOCAL_RESETS)
        .max_header_list_size(HTTP2_HEADER_LIST_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(HTTP2_SEND_BYTES);
    builder
}

/// Whether a failed accept says something about the peer only.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
