//! The access log: one line for each request. People get a sentence; programs get the fields that all other lines have,
//! written here by hand, for this is the one line that is written for every request.

use std::{borrow::Cow, fmt::Write as _, io::Write as _, net::IpAddr, sync::OnceLock, time::Duration};

use holdfast_face::moment::rfc3339_micros;
use holdfast_model::{Clock as _, SystemClock};
use http::{Method, StatusCode};
use serde::Serialize;

use super::lines::Lines;
use crate::output;

/// The longest user agent or path that is logged.
const MAX_TEXT_CHARS: usize = 512;
/// The status of a request whose client went away before there was an answer (nginx's).
const CLIENT_GONE: u16 = 499;
/// Room for a usual line.
const LINE_BYTES: usize = 512;

/// Where lines for programs go; empty when people read them.
static JSON: OnceLock<Lines> = OnceLock::new();

/// Says that programs read the lines.
pub(super) fn use_json(lines: Lines) {
    // There is one log in a process; a second start fails before it comes here.
    drop(JSON.set(lines));
}

/// What the access log says of a request.
#[derive(Debug)]
pub(crate) struct Access<'a> {
    pub(crate) method: &'a Method,
    /// Without the query: tokens and scopes travel there.
    pub(crate) path: &'a str,
    /// `None` when the client went away before there was one.
    pub(crate) status: Option<StatusCode>,
    pub(crate) sent_bytes: u64,
    pub(crate) took: Duration,
    pub(crate) peer: IpAddr,
    pub(crate) actor: &'a str,
    pub(crate) repository: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) user_agent: &'a str,
}

/// A line for programs.
#[derive(Serialize)]
struct Line<'a> {
    timestamp: String,
    level: &'static str,
    message: &'static str,
    #[serde(rename = "http.method")]
    method: Cow<'a, str>,
    #[serde(rename = "http.path")]
    path: Cow<'a, str>,
    #[serde(rename = "http.status")]
    status: u16,
    sent_bytes: u64,
    duration_micros: u64,
    peer: IpAddr,
    actor: Cow<'a, str>,
    #[serde(rename = "repository.name")]
    repository: &'a str,
    #[serde(rename = "request.id")]
    request_id: &'a str,
    user_agent: Cow<'a, str>,
    target: &'static str,
}

impl Access<'_> {
    /// Writes the line, if the log's level asks for it.
    pub(crate) fn write(&self) {
        if !tracing::enabled!(target: "access", tracing::Level::INFO) {
            return;
        }
        match JSON.get() {
            Some(lines) => self.write_json(lines.clone()),
            None => self.write_text(),
        }
    }

    fn status(&self) -> u16 {
        self.status.map_or(CLIENT_GONE, |status| status.as_u16())
    }

    fn write_json(&self, mut lines: Lines) {
        let line = Line {
            timestamp: rfc3339_micros(SystemClock.now()),
            level: "INFO",
            message: "request",
            method: clean(self.method.as_str()),
            path: clean(self.path),
            status: self.status(),
            sent_bytes: self.sent_bytes,
            duration_micros: u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX),
            peer: self.peer,
            actor: clean(self.actor),
            repository: self.repository,
            request_id: self.request_id,
            user_agent: clean(self.user_agent),
            target: "access",
        };
        let mut bytes = Vec::with_capacity(LINE_BYTES);
        // Neither can fail: the line is plain data, and what takes it drops what it cannot hold.
        drop(serde_json::to_writer(&mut bytes, &line));
        bytes.push(b'\n');
        drop(lines.write_all(&bytes));
    }

    /// A line for people: what, by whom, how long.
    fn write_text(&self) {
        tracing::info!(
            target: "access",
            "{} {} {} {}, {:.1} ms, {} from {}, {} ({})",
            self.status(),
            clean(self.method.as_str()),
            clean(self.path),
            output::bytes(self.sent_bytes),
            self.took.as_secs_f64() * 1e3,
            clean(self.actor),
            self.peer,
            clean(self.user_agent),
            self.request_id,
        );
    }
}

/// A text from outside as one line of visible characters, of limited length, so that nobody can write log lines.
fn clean(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'\\';
    if text.len() <= MAX_TEXT_CHARS && text.bytes().all(is_plain) {
        return text.into();
    }
    let mut cleaned = String::new();
    for letter in text.chars().take(MAX_TEXT_CHARS) {
        match letter {
            '\\' => cleaned.push_str("\\\\"),
            letter if letter.is_ascii() && is_plain(letter as u8) => cleaned.push(letter),
            letter => drop(write!(cleaned, "{}", letter.escape_unicode())),
        }
    }
    cleaned.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_from_outside_stay_on_one_line() {
        assert_eq!(clean("docker/29.0 (linux)"), "docker/29.0 (linux)");
        assert_eq!(clean("a\r\nfake line"), "a\\u{d}\\u{a}fake line");
        assert_eq!(clean("\u{1b}[31mred \\ \u{202e}"), "\\u{1b}[31mred \\\\ \\u{202e}");
        assert_eq!(clean(&"x".repeat(10_000)).len(), MAX_TEXT_CHARS);
    }
}
