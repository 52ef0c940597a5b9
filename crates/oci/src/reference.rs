//! The last segment of a manifest's path: a tag or a digest.
//!
//! Not a whole image reference: there is no host and no repository in it.

use std::fmt;
use std::str::FromStr;

use crate::{Digest, Tag, digest, tag};

/// What names a manifest in a repository (dist-spec: `<tag-or-digest>`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// By its movable name.
    Tag(Tag),
    /// By its content.
    Digest(Digest),
}

/// Why a text is neither a tag nor a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No colon in it, so it was read as a tag.
    #[error(transparent)]
    Tag(#[from] tag::Error),
    /// A colon in it, so it was read as a digest.
    #[error(transparent)]
    Digest(#[from] digest::Error),
}

impl FromStr for Reference {
    type Err = Error;

    /// A tag has no colon and a digest always has one, so the colon decides which error a caller sees.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text.contains(':') {
            Ok(Self::Digest(text.parse()?))
        } else {
            Ok(Self::Tag(text.parse()?))
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

impl From<Tag> for Reference {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<Digest> for Reference {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}
