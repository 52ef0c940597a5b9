//! One HTTP/1.1 connection, kept open, for tests that must see it break: a request may be sent in pieces, and an error
//! of the network is a result, not a panic. It understands what this registry sends and no more.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::http::Response;

/// How long an answer may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
    authorization: Option<String>,
    is_head: bool,
}

/// What a request's head says of its body.
#[derive(Debug, Clone, Copy)]
pub enum Length {
    /// `Content-Length`.
    Of(usize),
    /// `Transfer-Encoding: chunked`; each piece is one chunk.
    Chunked,
}

impl Connection {
    /// Connects to `HOST:PORT`; `login` is `NAME:PASSWORD`.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn open(host: &str, login: Option<&str>) -> io::Result<Self> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream: BufReader::new(stream),
            host: host.to_owned(),
            authorization: login.map(|login| format!("Basic {}", STANDARD.encode(login))),
            is_head: false,
        })
    }

    /// Sends a whole request and reads its answer.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Response> {
        self.begin(method, path, headers, Length::Of(body.len()))?;
        self.send(body)?;
        self.answer()
    }

    /// Sends a request whose body comes in chunks of unknown number, and reads its answer.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn ask_chunked(&mut self, method: &str, path: &str, pieces: &[&[u8]]) -> io::Result<Response> {
        self.begin(method, path, &[], Length::Chunked)?;
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            self.send(format!("{:x}\r\n", piece.len()).as_bytes())?;
            self.send(piece)?;
            self.send(b"\r\n")?;
        }
        self.send(b"0\r\n\r\n")?;
        self.answer()
    }

    /// Sends the head of a request. `host` among the headers replaces the usual one.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn begin(&mut self, method: &str, path: &str, headers: &[(&str, &str)], length: Length) -> io::Result<()> {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        let mut add = |name: &str, value: &str| head.push_str(&format!("{name}: {value}\r\n"));
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            add("Host", &self.host);
        }
        if let Some(authorization) = &self.authorization {
            add("Authorization", authorization);
        }
        for (name, value) in headers {
            add(name, value);
        }
        match length {
            Length::Of(count) => add("Content-Length", &count.to_string()),
            Length::Chunked => add("Transfer-Encoding", "chunked"),
        }
        head.push_str("\r\n");
        self.is_head = method == "HEAD";
        self.send(head.as_bytes())
    }

    /// Sends bytes of a body, as they are.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads so many of the bytes that come next, whatever they are.
    ///
    /// # Errors
    /// When the connection ends before.
    pub fn receive(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads what comes until the connection ends, in whatever way.
    #[must_use]
    pub fn receive_rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // What came before an error is there.
        self.stream.read_to_end(&mut bytes).ok();
        bytes
    }

    /// Reads the head of the answer to what was sent.
    ///
    /// # Errors
    /// When the connection breaks, or what comes is no answer.
    pub fn head(&mut self) -> io::Result<Response> {
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let status_line = self.line()?;
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status: u16 = status.ok_or_else(|| wrong(&status_line))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| wrong(&line))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        if (100..200).contains(&status) {
            return self.head();
        }
        Ok(Response::new(status, headers))
    }

    /// Reads the answer to what was sent.
    ///
    /// # Errors
    /// When the connection breaks, or what comes is no answer.
    pub fn answer(&mut self) -> io::Result<Response> {
        let mut response = self.head()?;
        if self.is_head || matches!(response.status, 204 | 304) {
            return Ok(response);
        }
        let length = response.header("content-length").and_then(|value| value.parse().ok());
        let unknown = || io::Error::new(io::ErrorKind::InvalidData, "an answer of unknown length");
        response.body = self.receive(length.ok_or_else(unknown)?)?;
        Ok(response)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}
