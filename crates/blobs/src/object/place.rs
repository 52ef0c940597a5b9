//! Where a bucket is, and the URLs of what lies in it. It refuses to know what may be done there.

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

use super::refusal::Refusal;

/// What is not escaped in a query or a path (RFC 3986 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The URL that all names of a bucket are below, without a slash at its end.
#[derive(Debug, Clone)]
pub(super) struct Place {
    base: String,
    /// Whether the slashes of a name are escaped, so that it is one piece of a path.
    is_name_one_piece: bool,
}

impl Place {
    /// A place where names are paths.
    pub(super) fn of_paths(base: String) -> Self {
        let is_name_one_piece = false;
        Self {
            base,
            is_name_one_piece,
        }
    }

    /// A place where each name is one piece of a path.
    pub(super) fn of_pieces(base: String) -> Self {
        let is_name_one_piece = true;
        Self {
            base,
            is_name_one_piece,
        }
    }

    /// The URL of a name; of the bucket itself where that is empty.
    pub(super) fn url(&self, name: &str, query: &[(&str, &str)]) -> Result<Uri, Refusal> {
        let mut url = self.base.clone();
        let is_end = |letter: char| letter == '/' && !self.is_name_one_piece;
        for piece in name.split(is_end).filter(|_| !name.is_empty()) {
            url.push('/');
            url.extend(escaped(piece));
        }
        for (at, (key, value)) in query.iter().enumerate() {
            url.push(if at == 0 { '?' } else { '&' });
            url.push_str(key);
            url.push('=');
            url.extend(escaped(value));
        }
        url.parse()
            .map_err(|_| Refusal::Answer("a name makes no URL".to_owned()))
    }
}

/// A piece of a path, or a value of a query.
pub(super) fn escaped(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, ESCAPED)
}
