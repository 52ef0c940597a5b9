//! A tag: the movable name of a manifest in one repository.
//!
//! Only the word; which manifest it names, and who may move it, are rows and rules elsewhere.

use std::str::FromStr;
use std::sync::Arc;

use crate::message::excerpt;

/// Bytes of the longest tag (dist-spec: one character and up to 127 more).
pub const MAX_TAG_BYTES: usize = 128;

/// A tag, `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`; cloning shares the text. Sorts by bytes ("ASCIIbetical").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Arc<str>);

/// Why a text is not a tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing was written.
    #[error("tag is empty")]
    Empty,
    /// More than [`MAX_TAG_BYTES`].
    #[error("tag {} has {length_bytes} bytes, more than {MAX_TAG_BYTES}", excerpt(.input))]
    TooLong {
        /// What was sent.
        input: String,
        /// Its length.
        length_bytes: usize,
    },
    /// A character that no tag has, or `.` or `-` in front.
    #[error(
        "tag {} has {character:?} at byte {offset}; use letters, digits, . _ - and start with a letter, a digit or _",
        excerpt(.input)
    )]
    Character {
        /// What was sent.
        input: String,
        /// The first character out of place.
        character: char,
        /// Where it stands, in bytes.
        offset: usize,
    },
}

impl FromStr for Tag {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::Empty);
        }
        if text.len() > MAX_TAG_BYTES {
            return Err(Error::TooLong {
                input: text.to_owned(),
                length_bytes: text.len(),
            });
        }
        let misfit = text.char_indices().find(|&(offset, character)| {
            let anywhere = character.is_ascii_alphanumeric() || character == '_';
            !(anywhere || (offset > 0 && matches!(character, '.' | '-')))
        });
        match misfit {
            None => Ok(Self(Arc::from(text))),
            Some((offset, character)) => Err(Error::Character {
                input: text.to_owned(),
                character,
                offset,
            }),
        }
    }
}

crate::text::shared_text!(Tag);
