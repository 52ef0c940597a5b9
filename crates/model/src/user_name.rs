//! The name that a person signs in with: a user principal name, as Entra ID has it.

use std::fmt;
use std::str::FromStr;

use holdfast_arm::fold_case;

/// Entra ID: 113 characters in all.
const MAX_NAME_CHARS: usize = 113;
/// Entra ID: 64 before the `@`.
const MAX_LOCAL_CHARS: usize = 64;

/// `somebody@example.org`. Compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserName(String);

impl UserName {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it is compared and sorted.
    #[must_use]
    pub fn folded(&self) -> String {
        fold_case(&self.0)
    }

    /// What stands before the `@`.
    #[must_use]
    pub fn local(&self) -> &str {
        self.0.split_once('@').map_or(self.0.as_str(), |(local, _)| local)
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for UserName {
    type Err = ParseUserNameError;

    fn from_str(text: &str) -> Result<Self, ParseUserNameError> {
        let is_local = |local: &str| {
            (1..=MAX_LOCAL_CHARS).contains(&local.len())
                && local
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"'.-_!#^~".contains(&b))
                && !local.starts_with('.')
                && !local.ends_with('.')
        };
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let is_name = text.len() <= MAX_NAME_CHARS
            && text
                .split_once('@')
                .is_some_and(|(local, domain)| is_local(local) && domain.split('.').all(is_label));
        if is_name {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseUserNameError)
        }
    }
}

/// The text is no user name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a user name looks like somebody@example.org and has {MAX_NAME_CHARS} characters at most")]
pub struct ParseUserNameError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_entra() {
        for good in ["ann@example.org", "A.n-n_'1@x", "a@sub.example-1.org"] {
            assert!(good.parse::<UserName>().is_ok(), "{good}");
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for bad in [
            "", "ann", "@x", "a@", "a b@x", "a@b@c", ".a@x", "a.@x", "a@-x", "a@x..y", "é@x", "a\n@x", "a\"<b@x", &long,
        ] {
            assert!(bad.parse::<UserName>().is_err(), "{bad}");
        }
        let name: UserName = "Ann@Example.org".parse().unwrap();
        assert_eq!((name.folded().as_str(), name.local()), ("ann@example.org", "Ann"));
    }
}
