//! `ETag`, `If-Match` and `If-None-Match` (RFC 9110 section 13). An entity tag here is a digest in
//! quotes, as ACR and distribution write it.

use holdfast_content::Expectation;
use holdfast_oci::{Digest, message::excerpt};
use http::{HeaderMap, HeaderName, header};

/// A condition that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Not entity tags.
    #[error("{name}: {found} is not a list of quoted digests or *")]
    Malformed {
        /// The header.
        name: HeaderName,
        /// As sent, printable.
        found: String,
    },
    /// `If-None-Match` on a write only makes sense as `*` here.
    #[error("if-none-match on a push must be *, to push only when nothing is there")]
    OnlyAbsent,
}

enum Tags {
    Any,
    These(Vec<String>),
}

/// Whether a GET may answer 304: the client has this very content.
pub(crate) fn is_not_modified(headers: &HeaderMap, digest: &Digest) -> bool {
    let current = digest.to_string();
    match tags(headers, &header::IF_NONE_MATCH) {
        Ok(Some(Tags::Any)) => true,
        Ok(Some(Tags::These(tags))) => tags.contains(&current),
        // A condition that cannot be read does not hold (RFC 9110 section 13.1.2).
        Ok(None) | Err(_) => false,
    }
}

/// What a push expects of the reference it writes.
pub(crate) fn expectation(headers: &HeaderMap) -> Result<Option<Expectation>, Error> {
    match tags(headers, &header::IF_NONE_MATCH)? {
        Some(Tags::Any) => return Ok(Some(Expectation::Absent)),
        Some(Tags::These(_)) => return Err(Error::OnlyAbsent),
        None => {}
    }
    Ok(match tags(headers, &header::IF_MATCH)? {
        Some(Tags::Any) => Some(Expectation::Present),
        // What is no digest matches nothing.
        Some(Tags::These(tags)) => Some(Expectation::OneOf(
            tags.iter().filter_map(|tag| tag.parse().ok()).collect(),
        )),
        None => None,
    })
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Error> {
    let mut found = Vec::new();
    let mut is_present = false;
    for value in headers.get_all(name) {
        is_present = true;
        let malformed = || Error::Malformed {
            name: name.clone(),
            found: excerpt(&String::from_utf8_lossy(value.as_bytes())),
        };
        let text = value.to_str().map_err(|_| malformed())?.trim();
        if text == "*" {
            return Ok(Some(Tags::Any));
        }
        for tag in text.split(',').map(str::trim) {
            let strong = tag.strip_prefix("W/").unwrap_or(tag);
            let inner = strong.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            found.push(inner.ok_or_else(malformed)?.to_owned());
        }
    }
    Ok(is_present.then_some(Tags::These(found)))
}
