//! As much of HTTP/1.1 as the load needs: the head of an answer. No chunked bodies and no compression: all servers
//! measured here send a `Content-Length`, and one that stops doing so fails its row.

use std::net::SocketAddr;
use std::ops::Range;

use anyhow::{Context as _, bail};

/// Largest head of an answer, in bytes.
pub(crate) const HEAD_LIMIT: usize = 16 * 1024;

/// What the head of an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Bytes of the head itself, blank line included.
    pub(crate) head_bytes: usize,
    pub(crate) body_bytes: u64,
}

impl Head {
    /// Reads the head at the start of `bytes`; None while it is incomplete.
    ///
    /// # Errors
    /// When it is no answer of HTTP/1.1, or does not say how long its body is.
    pub(crate) fn parse(bytes: &[u8]) -> anyhow::Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            if bytes.len() >= HEAD_LIMIT {
                bail!("the head of an answer is longer than {HEAD_LIMIT} bytes");
            }
            return Ok(None);
        };
        let head = &bytes[..end + 2];
        let status = head.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
        let status = status
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|text| text.parse().ok());
        let status: u16 = status.context("the server does not answer with HTTP/1.1")?;
        let body_bytes = match header(head, "content-length") {
            _ if matches!(status, 100..=199 | 204 | 304) => 0,
            Some(length) => length
                .parse()
                .with_context(|| format!("bad Content-Length {length:?}"))?,
            None => bail!("an answer with status {status} has no Content-Length"),
        };
        Ok(Some(Self {
            status,
            head_bytes: end + 4,
            body_bytes,
        }))
    }

    pub(crate) fn is_success(self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// The value of a header in the bytes of a head.
pub(crate) fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let line = &head[header_line(head, name)?];
    std::str::from_utf8(&line[name.len() + 1..]).ok().map(str::trim)
}

/// Where the line of a header lies in a head, without its end.
pub(crate) fn header_line(head: &[u8], name: &str) -> Option<Range<usize>> {
    let mut start = 0;
    for line in head.split(|byte| *byte == b'\n') {
        let is_it = line
            .split_at_checked(name.len())
            .is_some_and(|(key, rest)| key.eq_ignore_ascii_case(name.as_bytes()) && rest.starts_with(b":"));
        if is_it {
            return Some(start..start + line.len());
        }
        start += line.len() + 1;
    }
    None
}

/// A registry that is running, and how to be let in.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    /// The whole value of the `Authorization` header; empty for none.
    pub(crate) authorization: String,
}

impl Endpoint {
    /// A server that asks for no credential.
    pub(crate) fn open_to_all(address: SocketAddr) -> Self {
        Self {
            address,
            authorization: String::new(),
        }
    }

    /// The head of a request, `headers` being whole lines that end in CRLF, without the body's length.
    pub(crate) fn request(&self, method: &str, target: &str, headers: &str) -> Vec<u8> {
        let authorization = match self.authorization.as_str() {
            "" => String::new(),
            value => format!("Authorization: {value}\r\n"),
        };
        format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\n{authorization}{headers}\r\n",
            self.address
        )
        .into_bytes()
    }

    /// A request with its body, ready to be sent in one write.
    pub(crate) fn request_with_body(&self, method: &str, target: &str, media_type: &str, body: &[u8]) -> Vec<u8> {
        let headers = format!("Content-Type: {media_type}\r\nContent-Length: {}\r\n", body.len());
        let mut request = self.request(method, target, &headers);
        request.extend_from_slice(body);
        request
    }
}

/// The path and query of a `Location`, which registries give with or without their own address.
pub(crate) fn target_of(location: &str) -> &str {
    match location.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => location,
    }
}

/// The target of the PUT that closes the upload at `location`.
pub(crate) fn closing_target(location: &str, digest: &str) -> String {
    let target = target_of(location);
    let joint = if target.contains('?') { '&' } else { '?' };
    format!("{target}{joint}digest={digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_complete() {
        let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 3\r\nLocation: /v2/x\r\n\r\nabc";
        assert_eq!(Head::parse(&answer[..40]).unwrap(), None);
        let head = Head::parse(answer).unwrap().unwrap();
        assert_eq!((head.status, head.body_bytes), (202, 3));
        assert_eq!(&answer[head.head_bytes..], b"abc");
        assert_eq!(header(answer, "location"), Some("/v2/x"));
        assert_eq!(
            &answer[header_line(answer, "Content-Length").unwrap()],
            b"content-length: 3\r"
        );
    }

    #[test]
    fn an_answer_without_a_length_is_refused() {
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
        assert!(Head::parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().is_some());
    }

    #[test]
    fn a_closing_target_keeps_the_state_in_the_location() {
        assert_eq!(
            closing_target("http://h:1/v2/u?_state=x", "d"),
            "/v2/u?_state=x&digest=d"
        );
        assert_eq!(closing_target("/v2/u", "d"), "/v2/u?digest=d");
    }
}
