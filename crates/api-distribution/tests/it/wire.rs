//! A client for tests: one that is comfortable for what clients should send, and the bare connection for what they
//! should not. It looks at every answer: no 403 and no 500 at all, errors in the one shape, challenges on every 401.

use std::{net::SocketAddr, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// No answer in the tests takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
pub(crate) struct Wire {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Wire {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            received: Vec::new(),
        }
    }

    /// Sends bytes as they are. The server may have hung up already: the answer then says why.
    pub(crate) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        drop(self.stream.write_all(bytes.as_ref()).await);
    }

    /// Cuts the connection without a word.
    pub(crate) fn cut(self) {
        let socket = self.stream.into_std().unwrap();
        drop(socket);
    }

    /// Ends our side only, and waits for the answer.
    pub(crate) async fn end(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// The next answer; `None` when the connection ended first.
    pub(crate) async fn hear(&mut self, is_head: bool) -> Option<Answer> {
        timeout(PATIENCE, self.read_answer(is_head))
            .await
            .expect("an answer comes in time")
    }

    /// Whether the server hangs up.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.received.is_empty() && self.read_more().await == 0
    }

    async fn read_answer(&mut self, is_head: bool) -> Option<Answer> {
        let end = loop {
            if let Some(at) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if self.read_more().await == 0 {
                return None;
            }
        };
        let head: Vec<u8> = self.received.drain(..end).collect();
        let mut answer = Answer::from_head(std::str::from_utf8(&head).unwrap());
        assert!(
            answer.header("transfer-encoding").is_none(),
            "every length is known: {answer:?}"
        );
        let has_body = !is_head && !matches!(answer.status, 100..=199 | 204 | 304);
        let length = answer
            .header("content-length")
            .map_or(0, |length| length.parse::<usize>().unwrap());
        if has_body {
            while self.received.len() < length {
                assert_ne!(self.read_more().await, 0, "the body breaks off: {answer:?}");
            }
            answer.body = self.received.drain(..length).collect();
        }
        Some(answer)
    }

    async fn read_more(&mut self) -> usize {
        let mut buffer = [0; 16 << 10];
        let read = timeout(PATIENCE, self.stream.read(&mut buffer))
            .await
            .expect("the server says something in time")
            .unwrap_or(0);
        self.received.extend_from_slice(&buffer[..read]);
        read
    }
}

impl Answer {
    fn from_head(head: &str) -> Self {
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        });
        Self {
            status,
            headers: headers.collect(),
            body: Vec::new(),
        }
    }

    /// A header that comes once or not at all.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let values = self.headers_named(name);
        assert!(values.len() <= 1, "{name} comes once: {values:?}");
        values.first().copied()
    }

    pub(crate) fn headers_named(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(found, _)| found == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of an error.
    pub(crate) fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap().to_owned()
    }

    /// The message of an error.
    pub(crate) fn message(&self) -> String {
        self.json()["errors"][0]["message"].as_str().unwrap().to_owned()
    }

    pub(crate) fn detail(&self) -> Value {
        self.json()["errors"][0]["detail"].clone()
    }

    /// The details of all its errors.
    pub(crate) fn details(&self) -> Vec<Value> {
        let body = self.json();
        let errors = body["errors"].as_array().unwrap();
        errors.iter().map(|error| error["detail"].clone()).collect()
    }

    /// The target of `Link: <…>; rel="next"`.
    pub(crate) fn next(&self) -> Option<String> {
        let link = self.header("link")?;
        let target = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
        Some(target.to_owned())
    }

    /// Asserts the status, showing the whole answer when it is another.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {:?}", self.text(), self.headers);
        self
    }

    /// Asserts an error: status, code, and a message that names what was wrong.
    #[track_caller]
    pub(crate) fn refuses(self, status: u16, code: &str, named: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.code(), code, "{}", answer.text());
        assert!(answer.message().contains(named), "{named} is not in {}", answer.text());
        answer
    }

    fn check(&self, is_head: bool, target: &str) {
        // A caller without a right gets 401; only the network rules say 403.
        let is_firewall = is_head || self.status == 403 && self.text().contains("aka.ms/acr/firewall");
        assert!(self.status != 500, "{target}: {} {self:?}", self.text());
        assert!(self.status != 403 || is_firewall, "{target}: {self:?}");
        if self.status == 401 {
            assert!(self.header("www-authenticate").is_some(), "{target}: {self:?}");
        }
        if self.status == 429 {
            let wait: u32 = self.header("retry-after").unwrap().parse().unwrap();
            assert!(wait >= 1, "{target}: {self:?}");
        }
        if self.status >= 400 && !is_head {
            let body = self.json();
            let errors = body["errors"].as_array().unwrap();
            // Only a manifest is told several things at once: what it names that is not there.
            assert!(
                errors.len() == 1 || errors.iter().all(|error| error["code"] == "MANIFEST_BLOB_UNKNOWN"),
                "{body}"
            );
            assert!(!errors.is_empty(), "{body}");
            assert!(
                errors.iter().all(|error| error.as_object().unwrap().len() == 3),
                "{body}"
            );
            let at = |field: &str| self.text().find(&format!("\"{field}\":")).unwrap();
            assert!(at("code") < at("message") && at("message") < at("detail"), "{body}");
            assert!(self.body.ends_with(b"}]}\n"));
            assert_eq!(self.header("content-type"), Some("application/json; charset=utf-8"));
        }
    }
}

/// A request that is being put together.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    address: SocketAddr,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Sent>,
}

#[derive(Debug, Clone)]
enum Sent {
    Whole(Vec<u8>),
    Chunked(Vec<u8>),
}

impl Ask {
    pub(crate) fn new(address: SocketAddr, method: &str, target: &str) -> Self {
        Self {
            address,
            method: method.to_owned(),
            target: target.to_owned(),
            headers: vec![("Host".to_owned(), address.to_string())],
            body: None,
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Addresses another registry of the same server.
    pub(crate) fn host(mut self, host: &str) -> Self {
        self.headers[0].1 = host.to_owned();
        self
    }

    /// Comes from another machine.
    pub(crate) fn peer(self, peer: &str) -> Self {
        self.header("X-Peer", peer)
    }

    pub(crate) fn basic(self, user: &str, password: &str) -> Self {
        self.header("Authorization", &basic(user, password))
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(Sent::Whole(body.into()));
        self
    }

    /// A body without a declared length.
    pub(crate) fn chunked(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(Sent::Chunked(body.into()));
        self
    }

    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        self.header("Content-Type", "application/x-www-form-urlencoded")
            .body(form.finish())
    }

    /// The bytes of the request.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend(format!("{name}: {value}\r\n").bytes());
        }
        match &self.body {
            Some(Sent::Whole(body)) => {
                bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
                bytes.extend(body);
            }
            Some(Sent::Chunked(body)) => {
                bytes.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in body.chunks(10_000) {
                    bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
                    bytes.extend(chunk);
                    bytes.extend(b"\r\n");
                }
                bytes.extend(b"0\r\n\r\n");
            }
            None => bytes.extend(b"\r\n"),
        }
        bytes
    }

    /// Sends it on a connection that is open already.
    pub(crate) async fn send_on(&self, wire: &mut Wire) -> Answer {
        wire.say(self.bytes()).await;
        let is_head = self.method == "HEAD";
        let answer = wire.hear(is_head).await.expect("the server answers");
        answer.check(is_head, &self.target);
        let is_token = self.target.starts_with("/oauth2/");
        let version = answer.header("docker-distribution-api-version");
        assert!(is_token || version == Some("registry/2.0"), "{}", self.target);
        answer
    }

    pub(crate) async fn send(&self) -> Answer {
        let mut wire = Wire::open(self.address).await;
        self.send_on(&mut wire).await
    }
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}
