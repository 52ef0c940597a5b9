//! Logs go to standard error: text on a terminal, JSON elsewhere, through a thread of their own, so that nothing waits
//! for a slow terminal; when that thread is far behind, lines are dropped. The access log is one line for each request.
//! Neither ever holds a credential, a header but the user agent, a query or a body.

mod access;
mod lines;

use std::panic;

use tracing_subscriber::{Layer as _, filter::Targets, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::{output, settings::LogFormat};
pub(crate) use access::Access;
pub(crate) use lines::Writing;

/// Starts logging. The lines are out when what it returns is dropped.
pub(crate) fn start(level: &str, format: LogFormat) -> anyhow::Result<Writing> {
    let (writer, writing) = Writing::start(std::io::stderr())?;
    let is_text = match format {
        LogFormat::Auto => output::is_watched(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let lines = fmt::layer().with_writer(writer.clone());
    let lines = if is_text {
        lines.with_ansi(output::is_watched()).with_target(false).boxed()
    } else {
        lines.json().flatten_event(true).with_current_span(false).boxed()
    };
    let targets: Targets = level.parse()?;
    tracing_subscriber::registry()
        .with(lines.with_filter(targets))
        .try_init()?;
    if !is_text {
        access::use_json(writer);
    }
    panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(
            panic.location = location,
            panic.message = message,
            "a part of the program panicked"
        );
    }));
    Ok(writing)
}
