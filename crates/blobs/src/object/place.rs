//! Where a bucket is, and the URLs of what lies in it. It refuses to know what may be done there.

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::refusal::Refusal;

/// What is not escaped in a query or a path (RFC 3986 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The URL that all names of a bucket are below, without a slash at its end.
#[derive(Debug, Clone)]
pub(super) struct Place(pub(super) String);

impl Place {
    /// The URL of a name; of the bucket itself where that is empty.
    pub(super) fn url(&self, name: &str, query: &[(&str, &str)]) -> Result<Uri, Refusal> {
        let mut url = self.0.clone();
        for piece in name.split('/').filter(|_| !name.is_empty()) {
            url.push('/');
            url.extend(utf8_percent_encode(piece, ESCAPED));
        }
        for (at, (key, value)) in query.iter().enumerate() {
            url.push(if at == 0 { '?' } else { '&' });
            url.push_str(key);
            url.push('=');
            url.extend(utf8_percent_encode(value, ESCAPED));
        }
        url.parse()
            .map_err(|_| Refusal::Answer("a name makes no URL".to_owned()))
    }
}
