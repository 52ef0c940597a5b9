//! What words that are compared without regard to case share. Grammar lives with each word.

/// The most characters of a caller's text that an error repeats.
const EXCERPT_CHARS: usize = 80;

/// The text in lower case, as keys hold it and as names are compared: letter by letter, so that the result for a part
/// is a part of the result for the whole, whatever stands beside it.
///
/// ```
/// assert_eq!(holdfast_arm::fold_case("/Subscriptions/ABC"), "/subscriptions/abc");
/// ```
#[must_use]
pub fn fold_case(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// A caller's text as an error repeats it: quoted, escaped, and no longer than a line.
pub(crate) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT_CHARS) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Implements `Serialize` as the original text and `Deserialize` through `FromStr`.
macro_rules! serde_as_text {
    ($word:ty) => {
        impl serde::Serialize for $word {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $word {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// Implements comparison by the folded key and printing of the original text, for a word with `as_str` and `key`.
macro_rules! compared_by_key {
    ($word:ty) => {
        impl PartialEq for $word {
            fn eq(&self, other: &Self) -> bool {
                self.key() == other.key()
            }
        }

        impl Eq for $word {}

        impl PartialOrd for $word {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $word {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.key().cmp(other.key())
            }
        }

        impl std::hash::Hash for $word {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.key().hash(state);
            }
        }

        impl std::fmt::Display for $word {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

pub(crate) use {compared_by_key, serde_as_text};
