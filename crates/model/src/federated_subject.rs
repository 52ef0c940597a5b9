//! Whose tokens a federated credential trusts: one subject, or all that fit a pattern.

/// The subject of a federated credential.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FederatedSubject {
    /// Equal to this, letter by letter.
    Exact(String),
    /// Like this: `*` stands for any characters, also none, and `?` for one.
    Pattern(String),
}

impl FederatedSubject {
    /// The text, with wildcards where it is a pattern.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Pattern(text) => text,
        }
    }

    /// Whether a token's subject is meant. Case counts.
    #[must_use]
    pub fn matches(&self, subject: &str) -> bool {
        match self {
            Self::Exact(text) => text == subject,
            Self::Pattern(pattern) => fits(pattern, subject),
        }
    }
}

/// Goes back to the last `*` only, so the work is bounded by the product of the lengths.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut seen) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some('*') => {
                retry = Some((at, seen));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == text[seen] => {
                at += 1;
                seen += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    (at, seen) = (star + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_what_its_wildcards_stand_for() {
        for (pattern, subject, expected) in [
            ("repo:a/b:ref:refs/heads/*", "repo:a/b:ref:refs/heads/main", true),
            ("repo:a/b:ref:refs/heads/*", "repo:a/b:ref:refs/tags/v1", false),
            ("repo:a/*:ref:*", "repo:a/b:c:ref:x:ref:y", true),
            ("repo:a/?", "repo:a/é", true),
            ("repo:a/?", "repo:a/", false),
            ("*", "", true),
            ("", "x", false),
            ("a*b*c", "a-b-b", false),
            ("A", "a", false),
        ] {
            let pattern = FederatedSubject::Pattern(pattern.to_owned());
            assert_eq!(pattern.matches(subject), expected, "{pattern:?} {subject}");
        }
        let exact = FederatedSubject::Exact("a*".to_owned());
        assert!(exact.matches("a*") && !exact.matches("ab"));
    }
}
