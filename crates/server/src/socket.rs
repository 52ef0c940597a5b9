//! A TCP connection that counts its bytes and gives up on peers that hang: one that opens a connection and says
//! nothing, and one that does not take what it asked for, or next to nothing of it. Limits are on silence and on a least
//! rate, never on the whole time. It closes so that the last word is heard. Where it is given stand-ins for stretches of
//! files it has the kernel send those. It refuses to know what the bytes mean.

#[cfg(test)]
mod answers;
mod file;

use std::{
    future::Future as _,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use holdfast_face::{MAX_LINGERED_BYTES, Next, Sendfile};
use holdfast_model::FileStretch;
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};

use crate::metrics::Traffic;

/// How long a fresh connection may take to say what it speaks. From there on hyper has its own limits.
const OPENING: Duration = Duration::from_secs(10);
/// Bytes that say it: the length of HTTP/2's preface, which no HTTP/1 request is shorter than.
const OPENING_BYTES: u64 = 24;
/// How long a peer may take nothing of what is to be sent, or less than [`LEAST_BYTES`].
const WRITE_STALL: Duration = Duration::from_secs(60);
/// What it takes at least in that time, unless it takes all there is: whoever takes a byte now and then would keep the
/// answer for ever.
const LEAST_BYTES: u64 = 64 << 10;
/// How long a peer that goes on sending is read after the last word to it.
const LINGER: Duration = Duration::from_secs(10);
/// How long it may be silent then.
const LINGER_SILENCE: Duration = Duration::from_millis(500);

/// The connection.
pub(crate) struct Socket {
    stream: TcpStream,
    traffic: Traffic,
    sendfile: Sendfile,
    received: u64,
    /// Running while a peer has not said enough, and later while it takes nothing.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Something waits to be sent, and the deadline is for that.
    is_write_stalled: bool,
    /// What was sent since then.
    sent: u64,
    /// Nothing is sent any more.
    lingering: Option<Lingering>,
}

/// What a peer may still send.
struct Lingering {
    until: Instant,
    bytes: u64,
}

impl Socket {
    /// Wraps a connection that was just accepted.
    pub(crate) fn new(stream: TcpStream, traffic: Traffic) -> Self {
        Self {
            stream,
            traffic,
            sendfile: Sendfile::default(),
            received: 0,
            deadline: Some(Box::pin(sleep_until(Instant::now() + OPENING))),
            is_write_stalled: false,
            sent: 0,
            lingering: None,
        }
    }

    /// By this it can be told of files, if what is written to it goes out as it is: nothing may come in between that reads
    /// it, as TLS does.
    pub(crate) fn sendfile(&self) -> Sendfile {
        self.sendfile.clone()
    }

    /// Writes what comes first of these slices. Where there are no stand-ins that is all of them.
    fn poll_send(&mut self, context: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match self.sendfile.next(slices).map_err(io::Error::other)? {
            Next::Slices(count) => Pin::new(&mut self.stream).poll_write_vectored(context, &slices[..count]),
            Next::File(stretch) => self.poll_send_file(context, &stretch),
        }
    }

    fn poll_send_file(&mut self, context: &mut Context<'_>, stretch: &FileStretch) -> Poll<io::Result<usize>> {
        let sent = loop {
            ready!(self.stream.poll_write_ready(context))?;
            let send = || file::send(&self.stream, stretch);
            match self.stream.try_io(Interest::WRITABLE, send) {
                // It is asked again when there is room.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => break sent,
            }
        };
        match &sent {
            Ok(count) => self.sendfile.sent(*count),
            // The client sees the connection end; only we know why.
            Err(error) if file::is_at_fault(error) => tracing::error!(error = %error, "an answer broke off"),
            Err(_) => {}
        }
        Poll::Ready(sent)
    }

    fn is_opening(&self) -> bool {
        self.received < OPENING_BYTES
    }

    /// What a write that cannot go on does: waits, but not for ever.
    fn stall(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if !self.is_write_stalled {
            self.is_write_stalled = true;
            self.sent = 0;
            self.expire_at(Instant::now() + WRITE_STALL);
        }
        self.expire(context, "the peer takes nothing of what is sent to it")
    }

    fn expire_at(&mut self, until: Instant) {
        match &mut self.deadline {
            Some(deadline) => deadline.as_mut().reset(until),
            None => self.deadline = Some(Box::pin(sleep_until(until))),
        }
    }

    fn expire(&mut self, context: &mut Context<'_>, what: &'static str) -> io::Result<()> {
        let is_over = match &mut self.deadline {
            Some(deadline) => deadline.as_mut().poll(context).is_ready(),
            None => false,
        };
        if is_over {
            return Err(io::Error::new(io::ErrorKind::TimedOut, what));
        }
        Ok(())
    }

    /// Reads what the peer still sends, until it has seen that we are done. To close with bytes unread resets the
    /// connection, and the peer may never see the answer that ended it (RFC 9112 section 9.6).
    fn linger(&mut self, lingering: &mut Lingering, context: &mut Context<'_>) -> Poll<()> {
        let mut waste = [0; 16 << 10];
        loop {
            let mut buffer = ReadBuf::new(&mut waste);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    let count = buffer.filled().len() as u64;
                    self.traffic.received(count);
                    let Some(left) = lingering.bytes.checked_sub(count) else {
                        return Poll::Ready(());
                    };
                    lingering.bytes = left;
                    self.expire_at(lingering.patience());
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    let is_over = self.expire(context, "the peer goes on").is_err();
                    return if is_over { Poll::Ready(()) } else { Poll::Pending };
                }
            }
        }
    }

    fn wrote(&mut self, outcome: Poll<io::Result<usize>>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Pending => match self.stall(context) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            },
            Poll::Ready(Ok(count)) => {
                self.traffic.sent(count as u64);
                self.sent = self.sent.saturating_add(count as u64);
                if self.sent >= LEAST_BYTES {
                    self.is_write_stalled = false;
                }
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }
}

impl Lingering {
    fn begin() -> Self {
        Self {
            until: Instant::now() + LINGER,
            bytes: MAX_LINGERED_BYTES,
        }
    }

    fn patience(&self) -> Instant {
        self.until.min(Instant::now() + LINGER_SILENCE)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        if outcome.is_pending() && self.is_opening() && !self.is_write_stalled {
            self.expire(context, "the peer says nothing")?;
            return Poll::Pending;
        }
        ready!(outcome)?;
        let count = (buffer.filled().len() - before) as u64;
        self.received = self.received.saturating_add(count);
        self.traffic.received(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = self.poll_send(context, &[IoSlice::new(bytes)]);
        self.wrote(outcome, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = self.poll_send(context, slices);
        self.wrote(outcome, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Whoever flushes has written all it had.
        self.is_write_stalled = false;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut lingering = match self.lingering.take() {
            Some(lingering) => lingering,
            None => {
                ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
                let lingering = Lingering::begin();
                self.expire_at(lingering.patience());
                lingering
            }
        };
        let outcome = self.linger(&mut lingering, context);
        self.lingering = Some(lingering);
        outcome.map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    async fn pair() -> (Socket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        (Socket::new(server, Traffic::default()), client)
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_says_nothing_is_given_up() {
        let (mut socket, _client) = pair().await;
        let error = socket.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_given_up() {
        let (mut socket, _client) = pair().await;
        let chunk = vec![0; 1 << 20];
        let error = loop {
            if let Err(error) = socket.write_all(&chunk).await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    /// What comes of a peer that takes so much in every half of the time that it may take nothing.
    async fn feed(bytes: usize) -> io::Result<()> {
        let (mut socket, _client) = pair().await;
        for _ in 0..20 {
            for outcome in [Poll::Ready(Ok(bytes)), Poll::Pending] {
                let mut outcome = Some(outcome);
                let wrote = std::future::poll_fn(|context| {
                    let outcome = outcome.take().unwrap_or(Poll::Pending);
                    Poll::Ready(socket.wrote(outcome, context))
                });
                if let Poll::Ready(Err(error)) = wrote.await {
                    return Err(error);
                }
            }
            tokio::time::sleep(WRITE_STALL / 2).await;
        }
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_next_to_nothing_is_given_up_and_a_slow_one_is_not() {
        let error = feed(1 << 10).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        feed(LEAST_BYTES as usize).await.unwrap();
    }

    #[tokio::test]
    async fn a_peer_that_is_still_sending_sees_the_last_word() {
        let (mut socket, client) = pair().await;
        let (mut reading, mut writing) = client.into_split();
        let sends = tokio::spawn(async move { writing.write_all(&vec![7; MAX_LINGERED_BYTES as usize / 2]).await });
        socket.read_u8().await.unwrap();
        socket.write_all(b"enough").await.unwrap();
        socket.shutdown().await.unwrap();
        drop(socket);
        let mut heard = Vec::new();
        reading.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"enough");
        sends.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_close_is_not_waited_for() {
        let (mut socket, _client) = pair().await;
        let started = Instant::now();
        socket.shutdown().await.unwrap();
        assert!(started.elapsed() <= LINGER_SILENCE * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_has_said_what_it_speaks_may_be_silent() {
        let (mut socket, mut client) = pair().await;
        let preface = [b'x'; OPENING_BYTES as usize];
        client.write_all(&preface).await.unwrap();
        let mut read = preface;
        socket.read_exact(&mut read).await.unwrap();
        let silence = tokio::time::timeout(OPENING * 100, socket.read_u8()).await;
        assert!(silence.is_err());
    }
}
