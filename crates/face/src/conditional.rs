//! Conditional requests (RFC 9110 section 13): `If-Match` and `If-None-Match` as lists of entity tags, and `ETag`. It
//! refuses to know what a tag stands for.

use holdfast_oci::message::excerpt;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// The entity tags of one header, without their quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntityTags {
    /// `*`: any state, as long as the resource is there.
    Any,
    /// These. A weak tag is taken as the strong one: there is one form of each resource here.
    OneOf(Vec<String>),
}

/// How entity tags are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// Each in quotes; what is between them is not looked at.
    Quoted,
    /// As Azure's clients send them, which leave the quotes out at times; an empty header is none.
    Azure,
}

/// A header that is no list of entity tags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {found} is not * or a list of entity tags")]
pub struct Malformed {
    /// The header.
    pub name: HeaderName,
    /// As sent, printable.
    pub found: String,
}

impl EntityTags {
    /// Those of a header; `None` where it is absent.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read(headers: &HeaderMap, name: &HeaderName, spelling: Spelling) -> Result<Option<Self>, Malformed> {
        let mut tags = Vec::new();
        for value in headers.get_all(name) {
            let malformed = || Malformed {
                name: name.clone(),
                found: excerpt(&String::from_utf8_lossy(value.as_bytes())),
            };
            let text = value.to_str().map_err(|_| malformed())?;
            // Empty elements of a list are ignored (RFC 9110 section 5.6.1.2), but a list has one at least.
            let mut elements = text
                .split(',')
                .map(str::trim)
                .filter(|element| !element.is_empty())
                .peekable();
            if elements.peek().is_none() && spelling == Spelling::Quoted {
                return Err(malformed());
            }
            for element in elements {
                if element == "*" {
                    return Ok(Some(Self::Any));
                }
                tags.push(spelling.read(element).ok_or_else(malformed)?);
            }
        }
        Ok((!tags.is_empty()).then_some(Self::OneOf(tags)))
    }

    /// Whether a state with this tag, which comes without quotes, is among them.
    #[must_use]
    pub fn cover(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.iter().any(|one| one == tag),
        }
    }
}

impl Spelling {
    fn read(self, element: &str) -> Option<String> {
        let strong = element.strip_prefix("W/").unwrap_or(element);
        let quoted = strong.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
        let is_opaque = |tag: &&str| tag.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
        let tag = match self {
            Self::Quoted => quoted,
            Self::Azure => Some(quoted.unwrap_or(strong)).filter(is_opaque),
        };
        tag.map(str::to_owned)
    }
}

/// Whether a GET is answered with 304: the client has the content of this tag, which comes without quotes. A condition
/// that cannot be read does not hold (RFC 9110 section 13.1.2).
#[must_use]
pub fn is_not_modified(headers: &HeaderMap, tag: &str) -> bool {
    let tags = EntityTags::read(headers, &header::IF_NONE_MATCH, Spelling::Quoted);
    tags.ok().flatten().is_some_and(|tags| tags.cover(tag))
}

/// Sets `ETag` to a tag, which comes with its quotes.
pub fn set_entity_tag(headers: &mut HeaderMap, tag: &str) {
    if let Ok(value) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&'static str], spelling: Spelling) -> Result<Option<EntityTags>, Malformed> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, HeaderValue::from_static(value));
        }
        EntityTags::read(&headers, &header::IF_MATCH, spelling)
    }

    #[test]
    fn lists_of_tags_and_the_star_are_read() {
        let both = || Some(EntityTags::OneOf(vec!["a".to_owned(), "b".to_owned()]));
        for spelling in [Spelling::Quoted, Spelling::Azure] {
            assert_eq!(read(&["\"a\", W/\"b\""], spelling), Ok(both()));
            assert_eq!(read(&[",\"a\",, \"b\" ,"], spelling), Ok(both()));
            assert_eq!(read(&["\"a\"", "\"b\""], spelling), Ok(both()));
            assert_eq!(read(&["*"], spelling), Ok(Some(EntityTags::Any)));
            assert_eq!(read(&[], spelling), Ok(None));
        }
        assert_eq!(read(&["a", "\"b\""], Spelling::Azure), Ok(both()));
        assert_eq!(read(&[""], Spelling::Azure), Ok(None));
        assert!(read(&["\"a\"b\""], Spelling::Azure).is_err() && read(&["\"a b\""], Spelling::Azure).is_err());
        assert!(read(&["a"], Spelling::Quoted).is_err() && read(&[""], Spelling::Quoted).is_err());
    }

    #[test]
    fn what_cannot_be_read_is_not_unmodified() {
        let mut headers = HeaderMap::new();
        assert!(!is_not_modified(&headers, "a"));
        for (value, expected) in [
            ("\"a\"", true),
            ("\"b\", W/\"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("\"a", false),
        ] {
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(value));
            assert_eq!(is_not_modified(&headers, "a"), expected, "{value}");
        }
    }
}
