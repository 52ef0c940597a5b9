//! A plain blocking connection: prepares what is measured, and carries the single streams (pull, push) whose client
//! must cost next to nothing. For many connections at once see `load`.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::content::Image;
use crate::http::{Endpoint, HEAD_LIMIT, Head, closing_target, header};

/// No answer takes this long, not even the end of a 10 GiB stream.
const IO_TIMEOUT: Duration = Duration::from_secs(300);
/// Large enough that the number of reads does not matter, small enough to stay in the processor's cache.
const READ_BYTES: usize = 256 * 1024;
/// Largest body that is kept; longer ones are only counted.
const BODY_LIMIT: u64 = 8 * 1024 * 1024;

/// One keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer with its body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// The answer as it came.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        let mut bytes = self.head;
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(IO_TIMEOUT))?;
        stream.set_write_timeout(Some(IO_TIMEOUT))?;
        Ok(Self {
            stream,
            buffer: vec![0; READ_BYTES],
        })
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Sends `request` and reads the answer, whatever its status.
    pub(crate) fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.stream.write_all(request)?;
        self.read_answer()
    }

    /// As `ask`, for a request that must succeed.
    pub(crate) fn demand(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        let answer = self.ask(request)?;
        if !(200..300).contains(&answer.status) {
            let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
            let (line, body) = (String::from_utf8_lossy(line), String::from_utf8_lossy(&answer.body));
            bail!("{line} was answered with {}: {body}", answer.status);
        }
        Ok(answer)
    }

    /// Reads an answer and keeps its body.
    pub(crate) fn read_answer(&mut self) -> anyhow::Result<Answer> {
        let (head, filled) = self.read_head()?;
        if head.body_bytes > BODY_LIMIT {
            bail!("a body of {} bytes where a short one was expected", head.body_bytes);
        }
        let mut body = self.buffer[head.head_bytes..filled].to_vec();
        let missing = head.body_bytes.saturating_sub(body.len() as u64);
        (&mut self.stream).take(missing).read_to_end(&mut body)?;
        if body.len() as u64 != head.body_bytes {
            bail!("the connection ended in the middle of an answer");
        }
        Ok(Answer {
            status: head.status,
            head: self.buffer[..head.head_bytes].to_vec(),
            body,
        })
    }

    /// Sends `request` and reads the answer without keeping its body; the number of bytes in it.
    pub(crate) fn discard(&mut self, request: &[u8]) -> anyhow::Result<u64> {
        self.stream.write_all(request)?;
        let (head, filled) = self.read_head()?;
        if head.status != 200 {
            bail!("a pull was answered with {}", head.status);
        }
        let mut missing = head.body_bytes.saturating_sub((filled - head.head_bytes) as u64);
        while missing > 0 {
            match self.stream.read(&mut self.buffer)? {
                0 => bail!("the connection ended with {missing} bytes missing"),
                read => missing = missing.saturating_sub(read as u64),
            }
        }
        Ok(head.body_bytes)
    }

    /// Reads until the head is complete; the head, and how much of the buffer is filled.
    fn read_head(&mut self) -> anyhow::Result<(Head, usize)> {
        let mut filled = 0;
        loop {
            // Not into the whole buffer: bytes of the body that come with the head are copied once more.
            match self.stream.read(&mut self.buffer[filled..HEAD_LIMIT])? {
                0 => bail!("the connection ended before an answer"),
                read => filled += read,
            }
            if let Some(head) = Head::parse(&self.buffer[..filled])? {
                return Ok((head, filled));
            }
        }
    }

    /// Opens an upload in `repository`; its location.
    pub(crate) fn open_upload(&mut self, endpoint: &Endpoint, repository: &str) -> anyhow::Result<String> {
        let target = format!("/v2/{repository}/blobs/uploads/");
        let answer = self.demand(&endpoint.request("POST", &target, "Content-Length: 0\r\n"))?;
        let location = answer
            .header("location")
            .context("an upload was opened without a Location")?;
        Ok(location.to_owned())
    }

    /// Pushes a small blob.
    pub(crate) fn push_blob(
        &mut self,
        endpoint: &Endpoint,
        repository: &str,
        digest: &str,
        bytes: &[u8],
    ) -> anyhow::Result<()> {
        let location = self.open_upload(endpoint, repository)?;
        let target = closing_target(&location, digest);
        self.demand(&endpoint.request_with_body("PUT", &target, "application/octet-stream", bytes))?;
        Ok(())
    }

    /// Pushes an image under a tag.
    pub(crate) fn push_image(
        &mut self,
        endpoint: &Endpoint,
        repository: &str,
        tag: &str,
        image: &Image,
    ) -> anyhow::Result<()> {
        for blob in &image.blobs {
            self.push_blob(endpoint, repository, &blob.digest, &blob.bytes)?;
        }
        let target = format!("/v2/{repository}/manifests/{tag}");
        self.demand(&endpoint.request_with_body("PUT", &target, Image::MEDIA_TYPE, &image.manifest))?;
        Ok(())
    }
}
