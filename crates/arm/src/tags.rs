//! Tags of resources and groups: names and values that people choose, within ARM's limits.
//!
//! Names compare without regard to case and keep their spelling; values are any text.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::text::{excerpt, fold_case};

/// The most tags on one resource or group.
pub const MAX_TAGS: usize = 50;
/// The most characters in a tag's name.
pub const MAX_NAME_CHARS: usize = 512;
/// The most characters in a tag's value.
pub const MAX_VALUE_CHARS: usize = 256;

/// The tags of one resource, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Tags(BTreeMap<String, String>);

/// Why a map does not do as tags.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More than [`MAX_TAGS`].
    #[error("the resource has {count} tags, more than {MAX_TAGS}")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// A character that ARM reserves, or a control character.
    #[error("the tag name {} has reserved characters '<,>,%,&,\\,?,/' or control characters", excerpt(.name))]
    Name {
        /// The name.
        name: String,
    },
    /// Empty, or more than [`MAX_NAME_CHARS`].
    #[error("the tag name {} does not have between 1 and {MAX_NAME_CHARS} characters", excerpt(.name))]
    NameLength {
        /// The name.
        name: String,
    },
    /// More than [`MAX_VALUE_CHARS`].
    #[error("the value of the tag {} has more than {MAX_VALUE_CHARS} characters", excerpt(.name))]
    ValueLength {
        /// The tag's name.
        name: String,
    },
    /// Two names that differ in case alone.
    #[error("the tag name {} is given twice; names differ in more than case", excerpt(.name))]
    Twice {
        /// The second of them.
        name: String,
    },
}

impl Tags {
    /// Reads tags from what a body holds.
    ///
    /// # Errors
    /// A limit is passed, or a name is malformed or given twice.
    pub fn parse(tags: BTreeMap<String, String>) -> Result<Self, Error> {
        if tags.len() > MAX_TAGS {
            return Err(Error::TooMany { count: tags.len() });
        }
        let mut seen = std::collections::BTreeSet::new();
        for (name, value) in &tags {
            check(name, value)?;
            if !seen.insert(fold_case(name)) {
                return Err(Error::Twice { name: name.clone() });
            }
        }
        Ok(Self(tags))
    }

    /// The value of a tag, by its name in any case.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&str> {
        let wanted = fold_case(name);
        let found = self.0.iter().find(|(own, _)| fold_case(own) == wanted);
        found.map(|(_, value)| value.as_str())
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Tags> for BTreeMap<String, String> {
    fn from(tags: Tags) -> Self {
        tags.0
    }
}

fn check(name: &str, value: &str) -> Result<(), Error> {
    let name_is = |error: fn(String) -> Error| Err(error(name.to_owned()));
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS {
        return name_is(|name| Error::NameLength { name });
    }
    if name.chars().any(|c| c.is_control() || "<>%&\\?/".contains(c)) {
        return name_is(|name| Error::Name { name });
    }
    if value.chars().count() > MAX_VALUE_CHARS {
        return name_is(|name| Error::ValueLength { name });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Result<Tags, Error> {
        Tags::parse(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn tags_keep_their_spelling_and_are_found_in_any() {
        let tags = tags(&[("Env", "Test"), ("größe", "")]).unwrap();
        assert_eq!(
            (tags.find("env"), tags.find("GRÖSSE"), tags.find("x")),
            (Some("Test"), None, None)
        );
        assert_eq!(serde_json::to_string(&tags).unwrap(), r#"{"Env":"Test","größe":""}"#);
        assert_eq!(
            serde_json::to_string(&Tags::default()).unwrap(),
            "{}",
            "absent tags are an empty map"
        );
        assert_eq!(tags.iter().count(), 2);
    }

    #[test]
    fn limits_are_kept() {
        let long_name = "n".repeat(MAX_NAME_CHARS + 1);
        let long_value = "v".repeat(MAX_VALUE_CHARS + 1);
        assert!(matches!(tags(&[("", "x")]), Err(Error::NameLength { .. })));
        assert!(matches!(tags(&[(&long_name, "x")]), Err(Error::NameLength { .. })));
        assert!(matches!(tags(&[("x", &long_value)]), Err(Error::ValueLength { .. })));
        assert!(matches!(tags(&[("a", ""), ("A", "")]), Err(Error::Twice { .. })));
        for name in ["a<b", "a/b", "a\\b", "a%b", "a&b", "a?b", "a\nb"] {
            assert!(matches!(tags(&[(name, "x")]), Err(Error::Name { .. })), "{name:?}");
        }
        let many = |count: usize| Tags::parse((0..count).map(|n| (format!("t{n}"), String::new())).collect());
        assert!(many(MAX_TAGS).is_ok());
        assert_eq!(many(MAX_TAGS + 1), Err(Error::TooMany { count: MAX_TAGS + 1 }));
    }
}
