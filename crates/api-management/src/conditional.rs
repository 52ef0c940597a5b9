//! What the headers of a request to ARM demand of the state of a resource.

use holdfast_arm::Error as Arm;
use holdfast_face::conditional::{EntityTags, Spelling};
use holdfast_resources::{Precondition, States};
use http::{HeaderMap, HeaderName, header};

/// Entity tags in one header.
const MAX_TAGS: usize = 32;

/// What must hold before a change is done.
pub(crate) fn read(headers: &HeaderMap) -> Result<Precondition, Arm> {
    Ok(Precondition {
        matches: states(headers, &header::IF_MATCH)?,
        matches_none: states(headers, &header::IF_NONE_MATCH)?,
    })
}

fn states(headers: &HeaderMap, name: &HeaderName) -> Result<Option<States>, Arm> {
    let malformed = || Arm::invalid_parameter(name.as_str(), "The header is not * or a list of entity tags.");
    Ok(
        match EntityTags::read(headers, name, Spelling::Azure).map_err(|_| malformed())? {
            None => None,
            Some(EntityTags::Any) => Some(States::Any),
            Some(EntityTags::OneOf(tags)) if tags.len() > MAX_TAGS => return Err(malformed()),
            Some(EntityTags::OneOf(tags)) => Some(States::OneOf(tags.iter().map(|tag| format!("\"{tag}\"")).collect())),
        },
    )
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

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
