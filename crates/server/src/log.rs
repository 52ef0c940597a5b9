//! Logs go to standard error: text on a terminal, JSON elsewhere, through a thread of their own, so that nothing waits
//! for a slow terminal; when that thread is far behind, lines are dropped. The access log is one line for each request.
//! Neither ever holds a credential, a header but the user agent, a query or a body.

mod lines;

use std::{fmt::Write as _, panic, time::Duration};

use http::{Method, StatusCode};
use tracing_subscriber::{Layer as _, filter::Targets, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::{output, settings::LogFormat};
pub(crate) use lines::Writing;

/// The longest user agent or path that is logged.
const MAX_TEXT_CHARS: usize = 512;

/// Starts logging. The lines are out when what it returns is dropped.
pub(crate) fn start(level: &str, format: LogFormat) -> anyhow::Result<Writing> {
    let (writer, writing) = Writing::start(std::io::stderr())?;
    let is_text = match format {
        LogFormat::Auto => output::is_watched(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let lines = fmt::layer().with_writer(writer);
    let lines = if is_text {
        lines.with_ansi(output::is_watched()).with_target(false).boxed()
    } else {
        lines.json().flatten_event(true).with_current_span(false).boxed()
    };
    let targets: Targets = level.parse()?;
    tracing_subscriber::registry()
        .with(lines.with_filter(targets))
        .try_init()?;
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(
            panic.place = place,
            panic.message = message,
            "a part of the program panicked"
        );
    }));
    Ok(writing)
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
    pub(crate) peer: std::net::IpAddr,
    pub(crate) actor: &'a str,
    pub(crate) repository: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) user_agent: &'a str,
}

impl Access<'_> {
    pub(crate) fn write(&self) {
        let status = self.status.map_or(499, |status| status.as_u16());
        let micros = u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX);
        tracing::info!(
            target: "access",
            { http.method = %clean(self.method.as_str()),
            http.path = %clean(self.path),
            http.status = status,
            sent_bytes = self.sent_bytes,
            duration_micros = micros,
            peer = %self.peer,
            actor = %clean(self.actor),
            repository.name = self.repository,
            request.id = self.request_id,
            user_agent = %clean(self.user_agent) },
            "request"
        );
    }
}

/// A text from outside as one line of visible characters, of limited length, so that nobody can write log lines.
fn clean(text: &str) -> std::borrow::Cow<'_, str> {
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
