//! The load of the rows that count answers: one request, again and again on many connections, from one thread. The
//! servers under test share the machine's processors with it, so an answer costs it two system calls and a comparison
//! with the answer before: nothing is allocated, and a head is read again only when it looks different.
//!
//! It sends nothing before the answer to what it sent, and no request that differs from the one before: what has to be
//! made anew each time is the business of `load`.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::retry_on_intr;

use crate::http::{Head, header_line};
use crate::load::Done;
use crate::machine::thread_time;

/// Room for the largest answer that is asked for in this way: a head, and a body of a few KiB.
const ANSWER_LIMIT: usize = 32 * 1024;
/// A server that answers on none of its connections for so long has failed.
const STALL: Timespec = Timespec { tv_sec: 30, tv_nsec: 0 };

/// Keep-alive connections to one server.
pub(crate) struct Generator {
    poll: OwnedFd,
    wires: Vec<Wire>,
    ready: Vec<Event>,
}

impl Generator {
    pub(crate) fn open(address: SocketAddr, connections: usize) -> anyhow::Result<Self> {
        let poll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut wires = Vec::with_capacity(connections);
        for index in 0..connections {
            let wire = Wire::open(address)?;
            // Told once when bytes come, not again while they wait: every answer is read to its end.
            let flags = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(&poll, &wire.stream, EventData::new_u64(index as u64), flags)?;
            wires.push(wire);
        }
        Ok(Self {
            poll,
            wires,
            ready: Vec::with_capacity(connections),
        })
    }

    /// Sends `request` on all connections, and again on each as soon as it is answered, for the length of `window`.
    /// Every request that was sent is answered in the end and counted.
    ///
    /// # Errors
    /// Any answer but a 200, and a connection that ends; the connections are then good for nothing.
    pub(crate) fn run(&mut self, request: &[u8], window: Duration) -> anyhow::Result<Done> {
        let mut shape = None;
        let mut waiting = self.wires.len();
        let mut count = 0;
        let processor = thread_time();
        let started = Instant::now();
        for wire in &mut self.wires {
            wire.send(request)?;
        }
        while waiting > 0 {
            retry_on_intr(|| epoll::wait(&self.poll, spare_capacity(&mut self.ready), Some(&STALL)))?;
            ensure!(!self.ready.is_empty(), "no answer for {} s", STALL.tv_sec);
            let is_over = started.elapsed() >= window;
            for event in self.ready.drain(..) {
                let wire = &mut self.wires[event.data.u64() as usize];
                if !wire.receive(&mut shape)? {
                    continue;
                }
                count += 1;
                if is_over {
                    waiting -= 1;
                } else {
                    wire.send(request)?;
                }
            }
        }
        Ok(Done {
            count,
            elapsed: started.elapsed(),
            processor: thread_time().saturating_sub(processor),
        })
    }
}

/// One connection.
struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

impl Wire {
    fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; ANSWER_LIMIT],
            filled: 0,
        })
    }

    fn send(&mut self, request: &[u8]) -> anyhow::Result<()> {
        let sent = self.stream.write(request).context("cannot send a request")?;
        // Nothing of this connection is on its way, so there is room for far more.
        ensure!(sent == request.len(), "a request was sent in part only");
        Ok(())
    }

    /// Reads what has come; whether the answer is whole.
    fn receive(&mut self, shape: &mut Option<Shape>) -> anyhow::Result<bool> {
        match self.stream.read(&mut self.buffer[self.filled..]) {
            Ok(0) => bail!("the server closed a connection"),
            Ok(read) => self.filled += read,
            // It came between the notice and the read before this one.
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error).context("cannot read an answer"),
        }
        let answer = &self.buffer[..self.filled];
        if !shape.as_ref().is_some_and(|shape| shape.fits(answer)) {
            let Some(seen) = Shape::of(answer)? else {
                ensure!(
                    answer.len() < ANSWER_LIMIT,
                    "an answer is longer than {ANSWER_LIMIT} bytes"
                );
                return Ok(false);
            };
            *shape = Some(seen);
        }
        self.filled = 0;
        Ok(true)
    }
}

/// What of an answer shows that another one is whole too, without reading its head: it is as long, begins and ends its
/// head in the same places, and says its body's length in the same place with the same digits.
struct Shape {
    head: Vec<u8>,
    answer_bytes: usize,
    marks: [Range<usize>; 3],
}

/// `HTTP/1.1 200`
const STATUS: Range<usize> = 0..12;

impl Shape {
    /// Reads an answer; None while it is incomplete.
    fn of(answer: &[u8]) -> anyhow::Result<Option<Self>> {
        let Some(head) = Head::parse(answer)? else {
            return Ok(None);
        };
        let answer_bytes = head.head_bytes + usize::try_from(head.body_bytes)?;
        if answer.len() < answer_bytes {
            return Ok(None);
        }
        let text = || String::from_utf8_lossy(answer);
        ensure!(head.status == 200, "a request was answered with {}", text());
        ensure!(answer.len() == answer_bytes, "more than one answer came: {}", text());
        let head = answer[..head.head_bytes].to_vec();
        let length = header_line(&head, "content-length").context("an answer with a body says its length")?;
        // With the end of the line before: what looks like it within another header is none.
        let length = length.start - 1..length.end;
        let marks = [STATUS, length, head.len() - 4..head.len()];
        Ok(Some(Self {
            head,
            answer_bytes,
            marks,
        }))
    }

    fn fits(&self, answer: &[u8]) -> bool {
        let is_same = |mark: &Range<usize>| answer[mark.clone()] == self.head[mark.clone()];
        answer.len() == self.answer_bytes && self.marks.iter().all(is_same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::fixed::Fixed;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ndate: 1\r\ncontent-length: 3\r\n\r\nabc";

    #[test]
    fn an_answer_fits_whatever_else_its_head_and_body_say() {
        let shape = Shape::of(ANSWER).unwrap().unwrap();
        assert!(shape.fits(b"HTTP/1.1 200 OK\r\ndate: 2\r\ncontent-length: 3\r\n\r\nxyz"));
        for other in [
            &ANSWER[..ANSWER.len() - 1],
            b"HTTP/1.1 500 OK\r\ndate: 2\r\ncontent-length: 3\r\n\r\nxyz",
            b"HTTP/1.1 200 OK\r\ndate: 2\r\ncontent-length: 9\r\n\r\nxyz",
            b"HTTP/1.1 200 OK\r\ndate: 2;content-length: 3;\r\n\r\nxyz",
        ] {
            assert!(!shape.fits(other), "{}", String::from_utf8_lossy(other));
        }
    }

    #[test]
    fn half_an_answer_is_waited_for_and_a_refusal_is_none() {
        assert!(Shape::of(&ANSWER[..20]).unwrap().is_none());
        assert!(Shape::of(&ANSWER[..ANSWER.len() - 1]).unwrap().is_none());
        assert!(Shape::of(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n").is_err());
        assert!(Shape::of(&[ANSWER, b"more"].concat()).is_err());
    }

    #[test]
    fn every_request_of_a_load_is_answered() {
        let server = Fixed::start(ANSWER.to_vec()).unwrap();
        let mut generator = Generator::open(server.address(), 3).unwrap();
        for _ in 0..2 {
            let done = generator
                .run(b"GET / HTTP/1.1\r\n\r\n", Duration::from_millis(5))
                .unwrap();
            assert!(done.count >= 3);
        }
    }
}
