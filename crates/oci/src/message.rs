//! How an error speaks of what a client sent: quoted, short, and safe to put in a log line or a response body.
//!
//! Used by the error types of this crate and by the faces when they write an error body. It is not a logger and knows
//! nothing of status codes.

use std::error::Error;
use std::fmt::Write as _;

/// Characters of a client's input that an error message repeats; the rest is replaced by an ellipsis.
pub const MAX_EXCERPT_CHARS: usize = 80;

/// Characters of a whole message made by [`chain`].
pub const MAX_MESSAGE_CHARS: usize = 600;

/// The input in double quotes, cut after [`MAX_EXCERPT_CHARS`], with quotes, backslashes and everything that does not
/// print escaped.
#[must_use]
pub fn excerpt(input: &str) -> String {
    let mut out = String::with_capacity(input.len().min(MAX_EXCERPT_CHARS) + 2);
    out.push('"');
    for (seen, character) in input.chars().enumerate() {
        if seen == MAX_EXCERPT_CHARS {
            out.push('…');
            break;
        }
        out.extend(character.escape_debug());
    }
    out.push('"');
    out
}

/// The message of an error followed by those of its sources, joined by `: `, cut after [`MAX_MESSAGE_CHARS`] and with
/// control characters escaped.
///
/// Errors of this crate say in their own text what was attempted and leave the cause to their source, so a face that
/// answers a client wants the whole chain.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut whole = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        write!(whole, ": {cause}").expect("writing to a string cannot fail");
        source = cause.source();
    }
    let mut out = String::with_capacity(whole.len());
    for (seen, character) in whole.chars().enumerate() {
        if seen == MAX_MESSAGE_CHARS {
            out.push('…');
            break;
        }
        if character.is_control() {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_short_and_prints() {
        assert_eq!(excerpt("a\nb\0\"\u{202e}"), r#""a\nb\0\"\u{202e}""#);
        let long = excerpt(&"é".repeat(81));
        assert_eq!(long.chars().count(), MAX_EXCERPT_CHARS + 3);
        assert!(long.ends_with("é…\""));
    }

    #[test]
    fn a_chain_names_every_cause_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] Inner);
        #[derive(Debug, thiserror::Error)]
        #[error("in\rner")]
        struct Inner;
        assert_eq!(chain(&Outer(Inner)), "outer: in\\rner");
    }

    #[test]
    fn a_chain_is_cut() {
        #[derive(Debug, thiserror::Error)]
        #[error("{0}")]
        struct Long(String);
        assert_eq!(chain(&Long("x".repeat(5_000))).chars().count(), MAX_MESSAGE_CHARS + 1);
    }
}
