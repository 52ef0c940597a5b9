//! A server that receives what it is sent over HTTP and drops it: the least that receiving a push costs. It reads the
//! bytes into memory, as whoever wants to keep them must, and takes the chunks of chunked coding apart.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use anyhow::{Context as _, bail, ensure};

use crate::http::{HEAD_LIMIT, header};

/// Large enough that the number of reads does not matter, small enough to stay in the processor's cache.
const READ_BYTES: usize = 256 * 1024;
/// Longest line that says how long a chunk is.
const CHUNK_LINE_LIMIT: usize = 64;

const CREATED: &[u8] = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";

/// Serves the first connection to the address it gives, on a thread of its own that ends with the connection.
pub(crate) fn start() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen for what is discarded")?;
    let address = listener.local_addr()?;
    std::thread::Builder::new().name("sink".to_owned()).spawn(move || {
        if let Err(error) = listener
            .accept()
            .map_err(Into::into)
            .and_then(|(stream, _)| serve(stream))
        {
            // Its connection ends with it, which fails the row.
            eprintln!("holdfast-bench: receiving and discarding failed: {error:#}");
        }
    })?;
    Ok(address)
}

fn serve(stream: TcpStream) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Received {
        stream,
        buffer: vec![0; READ_BYTES],
        start: 0,
        end: 0,
    };
    while let Some(body) = received.head()? {
        match body {
            Body::Bytes(len_bytes) => received.skip(len_bytes)?,
            Body::Chunked => received.skip_chunks()?,
        }
        received.stream.write_all(CREATED)?;
    }
    Ok(())
}

/// How a request says where its body ends.
enum Body {
    Bytes(u64),
    Chunked,
}

/// What has come and was not looked at lies between `start` and `end` of the buffer.
struct Received {
    stream: TcpStream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Received {
    /// Reads the head of the next request; None when the client has left.
    fn head(&mut self) -> anyhow::Result<Option<Body>> {
        let Some(head) = self.until(b"\r\n\r\n", HEAD_LIMIT)? else {
            return Ok(None);
        };
        if header(head, "transfer-encoding").is_some() {
            return Ok(Some(Body::Chunked));
        }
        let length = header(head, "content-length").context("a request without a body")?;
        Ok(Some(Body::Bytes(length.parse()?)))
    }

    fn skip_chunks(&mut self) -> anyhow::Result<()> {
        loop {
            let line = self.until(b"\r\n", CHUNK_LINE_LIMIT)?;
            let line = line.context("the connection ended in the middle of a body")?;
            let chunk_bytes = u64::from_str_radix(std::str::from_utf8(line)?.trim(), 16)?;
            // The line end after it too, which after the last chunk ends the body.
            self.skip(chunk_bytes + 2)?;
            if chunk_bytes == 0 {
                return Ok(());
            }
        }
    }

    /// Drops bytes, those that have come and those that will.
    fn skip(&mut self, len_bytes: u64) -> anyhow::Result<()> {
        let mut left = len_bytes;
        loop {
            let here = left.min((self.end - self.start) as u64);
            self.start += here as usize;
            left -= here;
            if left == 0 {
                return Ok(());
            }
            ensure!(self.read()? > 0, "the connection ended with {left} bytes missing");
        }
    }

    /// What comes up to and with `mark`, which is in the first `limit` bytes; None when nothing comes any more.
    fn until(&mut self, mark: &[u8], limit: usize) -> anyhow::Result<Option<&[u8]>> {
        loop {
            let here = &self.buffer[self.start..self.end];
            let here = &here[..here.len().min(limit)];
            if let Some(at) = here.windows(mark.len()).position(|window| window == mark) {
                let start = self.start;
                self.start += at + mark.len();
                return Ok(Some(&self.buffer[start..self.start]));
            }
            if here.len() == limit {
                bail!("no end of a line or a head within {limit} bytes");
            }
            if self.read()? == 0 {
                ensure!(
                    self.start == self.end,
                    "the connection ended in the middle of a request"
                );
                return Ok(None);
            }
        }
    }

    /// Reads on, after what is there.
    fn read(&mut self) -> anyhow::Result<usize> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let read = self.stream.read(&mut self.buffer[self.end..])?;
        self.end += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Connection;

    #[test]
    fn bodies_of_both_forms_are_taken_off_the_connection() {
        let mut connection = Connection::open(start().unwrap()).unwrap();
        let plain = b"PUT /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello";
        let chunked =
            b"PATCH /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n3\r\nabc\r\n0\r\n\r\n";
        for request in [&plain[..], chunked, plain] {
            assert_eq!(connection.ask(request).unwrap().status, 201);
        }
    }
}
