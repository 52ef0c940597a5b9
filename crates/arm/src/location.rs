//! Locations: where a resource is. A plain name such as `westeurope` or `local`; which ones a server has is its own
//! business, not this module's.

use std::fmt;
use std::str::FromStr;

use crate::text::excerpt;

/// The most characters in a location's name: it must do as a replication's name too.
pub const MAX_CHARS: usize = 50;

/// A location by its normalised name: lower case, without spaces. `West Europe` reads as `westeurope`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location(String);

/// Why a text is not a location.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("location {} is not a name of 1 to {MAX_CHARS} letters and digits", excerpt(.input))]
pub struct Error {
    /// What was given.
    pub input: String,
}

impl Location {
    /// The normalised name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Location {
    type Err = Error;

    fn from_str(input: &str) -> Result<Self, Error> {
        let name: String = input
            .chars()
            .filter(|c| *c != ' ')
            .map(|c| c.to_ascii_lowercase())
            .take(MAX_CHARS + 1)
            .collect();
        let is_name = (1..=MAX_CHARS).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric());
        if is_name {
            Ok(Self(name))
        } else {
            Err(Error {
                input: input.to_owned(),
            })
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

crate::text::serde_as_text!(Location);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_location_are_equal() {
        for text in ["westeurope", "West Europe", "WESTEUROPE", " west europe "] {
            assert_eq!(text.parse::<Location>().unwrap().as_str(), "westeurope");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            " ",
            "west-europe",
            "west/europe",
            "küste",
            &"a".repeat(MAX_CHARS + 1),
        ] {
            assert!(text.parse::<Location>().is_err(), "{text:?}");
        }
    }
}
