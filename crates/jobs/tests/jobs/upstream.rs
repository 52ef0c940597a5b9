//! A registry of one image that misbehaves as a test tells it to, over plain HTTP.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use holdfast_testkit::registry::Document;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How it answers a request once.
#[derive(Clone)]
pub(super) enum Mood {
    /// With this status.
    Status(u16),
    /// With these bytes less, and then no more.
    CutOff(usize),
    /// With other bytes.
    Lies,
    /// With nothing, for as long as it is waited for.
    Stalls,
}

#[derive(Default)]
struct State {
    contents: HashMap<String, (String, Bytes)>,
    moods: HashMap<String, VecDeque<Mood>>,
    asked: Vec<String>,
}

/// A running one.
#[derive(Clone)]
pub(super) struct Upstream {
    pub(super) host: String,
    state: Arc<Mutex<State>>,
}

impl Upstream {
    pub(super) async fn start(document: &Document) -> Self {
        Self::start_as(document, document.media_type()).await
    }

    /// One that serves its manifest with this `Content-Type`.
    pub(super) async fn start_as(document: &Document, content_type: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state: Arc<Mutex<State>> = Arc::default();
        let host = listener.local_addr().unwrap().to_string();
        let upstream = Self { host, state };
        {
            let content = (content_type.to_owned(), document.bytes().clone());
            let mut state = upstream.state.lock().unwrap();
            state
                .contents
                .insert("/v2/app/manifests/v1".to_owned(), content.clone());
            state.contents.insert(manifest_path(document), content);
            for blob in document.blobs() {
                let digest = holdfast_oci::Digest::of(holdfast_oci::Algorithm::Sha256, blob);
                let content = ("application/octet-stream".to_owned(), blob.clone());
                state.contents.insert(format!("/v2/app/blobs/{digest}"), content);
            }
        }
        let serving = upstream.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().answer(stream));
            }
        });
        upstream
    }

    /// It has this manifest too, by its digest.
    pub(super) fn hold(&self, document: &Document) {
        let content = (document.media_type().to_owned(), document.bytes().clone());
        let contents = &mut self.state.lock().unwrap().contents;
        contents.insert(manifest_path(document), content);
    }

    /// The next answers to a path are these.
    pub(super) fn will(&self, path: &str, moods: &[Mood]) {
        self.state
            .lock()
            .unwrap()
            .moods
            .insert(path.to_owned(), moods.iter().cloned().collect());
    }

    /// The requests for a path, with their ranges.
    pub(super) fn asked(&self, path: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state
            .asked
            .iter()
            .filter(|line| line.starts_with(path))
            .cloned()
            .collect()
    }

    async fn answer(self, mut stream: TcpStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if stream.read(&mut byte).await.unwrap_or(0) == 0 {
                return;
            }
            head.extend(byte);
        }
        let Some(answer) = self.said(&String::from_utf8(head).unwrap()) else {
            return std::future::pending().await;
        };
        drop(stream.write_all(&answer).await);
        drop(stream.shutdown().await);
    }

    fn said(&self, head: &str) -> Option<Vec<u8>> {
        let lower = head.to_ascii_lowercase();
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let range = lower
            .lines()
            .find_map(|line| line.strip_prefix("range: bytes="))
            .unwrap_or("0-")
            .to_owned();
        let mut state = self.state.lock().unwrap();
        state.asked.push(format!("{path} {range}"));
        let mood = state.moods.get_mut(&path).and_then(VecDeque::pop_front);
        let close = "Connection: close\r\n";
        match mood {
            Some(Mood::Stalls) => return None,
            Some(Mood::Status(status)) => {
                return Some(format!("HTTP/1.1 {status} No\r\n{close}Content-Length: 3\r\n\r\nsad").into_bytes());
            }
            _ => {}
        }
        if !lower.contains(
            "authorization: basic cHVsbGVyOnNlY3JldA=="
                .to_ascii_lowercase()
                .as_str(),
        ) {
            let challenge = "WWW-Authenticate: Basic realm=\"it\"";
            return Some(format!("HTTP/1.1 401 No\r\n{close}{challenge}\r\nContent-Length: 0\r\n\r\n").into_bytes());
        }
        let Some((media_type, bytes)) = state.contents.get(&path).cloned() else {
            let head = format!("HTTP/1.1 404 No\r\n{close}Content-Length: 16\r\n\r\n");
            return Some([head.as_bytes(), b"MANIFEST_UNKNOWN"].concat());
        };
        let start: usize = range.trim_end_matches('-').parse().unwrap();
        let status = if start > 0 { "206 Partial" } else { "200 OK" };
        let mut body = bytes.slice(start..).to_vec();
        let head = format!(
            "HTTP/1.1 {status}\r\n{close}Content-Type: {media_type}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        match mood {
            Some(Mood::CutOff(missing)) => body.truncate(body.len() - missing),
            Some(Mood::Lies) => body[0] ^= 1,
            Some(Mood::Status(_) | Mood::Stalls) | None => {}
        }
        Some([head.into_bytes(), body].concat())
    }
}

/// Where a manifest is, by its digest.
pub(super) fn manifest_path(document: &Document) -> String {
    format!("/v2/app/manifests/{}", document.digest())
}
