//! `If-Match` and `If-None-Match` on the resources of ARM (RFC 9110 §13.1), and the `ETag` of answers.

use bytes::Bytes;
use holdfast_arm::Error as Arm;
use holdfast_registry::{Precondition, States};
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};

/// Entity tags in one header.
const MAX_TAGS: usize = 32;

/// What the headers of a request demand.
pub(crate) fn read(headers: &HeaderMap) -> Result<Precondition, Arm> {
    Ok(Precondition {
        matches: states(headers, &header::IF_MATCH)?,
        matches_none: states(headers, &header::IF_NONE_MATCH)?,
    })
}

/// The answer with the entity tag of what it shows.
pub(crate) fn tagged(mut response: Response<Bytes>, entity_tag: &str) -> Response<Bytes> {
    if let Ok(value) = HeaderValue::from_str(entity_tag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

fn states(headers: &HeaderMap, name: &HeaderName) -> Result<Option<States>, Arm> {
    let malformed = || Arm::invalid_parameter(name.as_str(), "The header is not * or a list of entity tags.");
    let mut tags = Vec::new();
    for value in headers.get_all(name) {
        let text = value.to_str().map_err(|_| malformed())?;
        for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            if tag == "*" {
                return Ok(Some(States::Any));
            }
            tags.push(quoted(tag).ok_or_else(malformed)?);
        }
    }
    if tags.len() > MAX_TAGS {
        return Err(malformed());
    }
    Ok((!tags.is_empty()).then_some(States::OneOf(tags)))
}

/// A tag with its quotes. Azure's clients leave them out at times; a weak tag is taken as the strong one, since there is
/// one form of each resource.
fn quoted(tag: &str) -> Option<String> {
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    let bare = tag
        .strip_prefix('"')
        .and_then(|tag| tag.strip_suffix('"'))
        .unwrap_or(tag);
    let is_opaque = bare.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    is_opaque.then(|| format!("\"{bare}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(values: &[&'static str]) -> Result<Option<States>, Arm> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, HeaderValue::from_static(value));
        }
        Ok(read(&headers)?.matches)
    }

    #[test]
    fn lists_of_tags_and_the_star_are_read() {
        let both = Some(States::OneOf(vec!["\"a\"".to_owned(), "\"b\"".to_owned()]));
        assert_eq!(matches(&["\"a\", W/\"b\""]).unwrap(), both);
        assert_eq!(matches(&["a", "\"b\""]).unwrap(), both);
        assert_eq!(matches(&["*"]).unwrap(), Some(States::Any));
        assert_eq!(matches(&[]).unwrap(), None);
        assert!(matches(&["\"a\"b\""]).is_err() && matches(&["\"a b\""]).is_err());
    }
}
