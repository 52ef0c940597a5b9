//! A server that answers everything with the same bytes from memory, on one thread. No server on this machine answers
//! a request with less work, so what the load generator gets out of it is the generator's ceiling.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context as _, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::retry_on_intr;

/// A request has no body and comes in one piece of less than this.
const REQUEST_LIMIT: usize = 16 * 1024;
/// How often it looks whether it should end when nobody asks it anything.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};
/// What the listener is called among the connections, which are numbered from 0.
const LISTENER: u64 = u64::MAX;
const EVENTS: usize = 64;

/// The running server; dropping it stops it.
pub(crate) struct Fixed {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Fixed {
    pub(crate) fn start(answer: Vec<u8>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen for the ceiling")?;
        let address = listener.local_addr()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let mut server = Server::new(listener, answer)?;
        let stop = Arc::clone(&is_over);
        let thread = std::thread::Builder::new().name("fixed".to_owned()).spawn(move || {
            if let Err(error) = server.serve(&stop) {
                // Its connections end with it, which fails the row.
                eprintln!("holdfast-bench: the fixed answer failed: {error:#}");
            }
        })?;
        Ok(Self {
            address,
            is_over,
            thread: Some(thread),
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Fixed {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic was printed where it happened.
            let _ = thread.join();
        }
    }
}

struct Server {
    listener: TcpListener,
    poll: OwnedFd,
    answer: Vec<u8>,
    // Not reused: a row opens a few dozen.
    streams: Vec<Option<TcpStream>>,
    buffer: Vec<u8>,
}

impl Server {
    fn new(listener: TcpListener, answer: Vec<u8>) -> anyhow::Result<Self> {
        listener.set_nonblocking(true)?;
        let poll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&poll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        Ok(Self {
            listener,
            poll,
            answer,
            streams: Vec::new(),
            buffer: vec![0; REQUEST_LIMIT],
        })
    }

    fn serve(&mut self, is_over: &AtomicBool) -> anyhow::Result<()> {
        let mut ready: Vec<Event> = Vec::with_capacity(EVENTS);
        while !is_over.load(Ordering::Relaxed) {
            retry_on_intr(|| epoll::wait(&self.poll, spare_capacity(&mut ready), Some(&LOOK)))?;
            for event in ready.drain(..) {
                match event.data.u64() {
                    LISTENER => self.accept()?,
                    index => self.answer(index as usize)?,
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> anyhow::Result<()> {
        let stream = match self.listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error).context("cannot accept a connection"),
        };
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let data = EventData::new_u64(self.streams.len() as u64);
        epoll::add(&self.poll, &stream, data, EventFlags::IN | EventFlags::ET)?;
        self.streams.push(Some(stream));
        Ok(())
    }

    fn answer(&mut self, index: usize) -> anyhow::Result<()> {
        let Some(stream) = &mut self.streams[index] else {
            return Ok(());
        };
        let read = match stream.read(&mut self.buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            // A client that has what it wanted may leave in any way.
            Err(_) => 0,
        };
        if read == 0 {
            self.streams[index] = None;
            return Ok(());
        }
        ensure!(self.buffer[..read].ends_with(b"\r\n\r\n"), "a request came in pieces");
        let sent = stream.write(&self.answer).context("cannot send an answer")?;
        ensure!(sent == self.answer.len(), "an answer was sent in part only");
        Ok(())
    }
}
