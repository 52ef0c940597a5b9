//! The name of a repository: `library/app`, lower case, slashes between its components.
//!
//! Says nothing of registries (the host is never part of a name) and reserves no name: a first segment that a route
//! needs is the router's business. Components cannot start with `_`, which leaves `_catalog` and its kin free.

use std::str::FromStr;
use std::sync::Arc;

use crate::message::excerpt;

/// Bytes of the longest name (dist-spec "Pulling manifests": many clients stop at 255).
pub const MAX_NAME_BYTES: usize = 255;

/// A repository's name within its registry; cloning shares the text.
///
/// Follows dist-spec's `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*`, so it can hold
/// neither `..`, an empty component, a percent sign nor anything outside ASCII. Sorts by bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(Arc<str>);

/// Why a text is not a repository name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing was written.
    #[error("repository name is empty")]
    Empty,
    /// More than [`MAX_NAME_BYTES`].
    #[error("repository name {} has {length_bytes} bytes, more than {MAX_NAME_BYTES}", excerpt(.input))]
    TooLong {
        /// What was sent.
        input: String,
        /// Its length.
        length_bytes: usize,
    },
    /// A character outside `a-z 0-9 . _ - /`.
    #[error(
        "repository name {} has {character:?} at byte {offset}; use lower-case letters, digits and separators . _ - /",
        excerpt(.input)
    )]
    Character {
        /// What was sent.
        input: String,
        /// The first character that no name has.
        character: char,
        /// Where it stands, in bytes.
        offset: usize,
    },
    /// Allowed characters in a place where the grammar has none.
    #[error(
        "repository name {} breaks off at byte {offset}; separators (. or _ or __ or dashes) stand between letters or digits",
        excerpt(.input)
    )]
    Separator {
        /// What was sent.
        input: String,
        /// The first byte that cannot continue a name; the name's length when it ends too soon.
        offset: usize,
    },
}

impl RepositoryName {
    /// The components between the slashes; at least one, none empty.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl FromStr for RepositoryName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::Empty);
        }
        if text.len() > MAX_NAME_BYTES {
            return Err(Error::TooLong {
                input: text.to_owned(),
                length_bytes: text.len(),
            });
        }
        if let Some((offset, character)) = text
            .char_indices()
            .find(|(_, character)| !is_name_character(*character))
        {
            return Err(Error::Character {
                input: text.to_owned(),
                character,
                offset,
            });
        }
        match first_misfit(text.as_bytes()) {
            None => Ok(Self(Arc::from(text))),
            Some(offset) => Err(Error::Separator {
                input: text.to_owned(),
                offset,
            }),
        }
    }
}

crate::text::shared_text!(RepositoryName);

fn is_name_character(character: char) -> bool {
    matches!(character, 'a'..='z' | '0'..='9' | '.' | '_' | '-' | '/')
}

/// What was read last, as far as the grammar cares.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// The beginning, or a slash.
    Start,
    Alphanumeric,
    Dot,
    Underscore,
    TwoUnderscores,
    Dash,
}

/// The offset where the grammar breaks, reading each byte once.
fn first_misfit(name: &[u8]) -> Option<usize> {
    let mut last = Last::Start;
    for (offset, byte) in name.iter().enumerate() {
        last = match (last, byte) {
            (_, b'a'..=b'z' | b'0'..=b'9') => Last::Alphanumeric,
            (Last::Alphanumeric, b'/') => Last::Start,
            (Last::Alphanumeric, b'.') => Last::Dot,
            (Last::Alphanumeric, b'_') => Last::Underscore,
            (Last::Underscore, b'_') => Last::TwoUnderscores,
            (Last::Alphanumeric | Last::Dash, b'-') => Last::Dash,
            _ => return Some(offset),
        };
    }
    (last != Last::Alphanumeric).then_some(name.len())
}
