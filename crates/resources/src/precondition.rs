//! Conditions on the state of a resource: `If-Match` and `If-None-Match` (RFC 9110 §13.1), looked at inside the
//! transaction that changes it, so that of two changes from the same state only one is done.

use crate::Error;

/// The states that a condition names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum States {
    /// `*`: any, as long as the resource is there.
    Any,
    /// These entity tags.
    OneOf(Vec<String>),
}

/// What must hold before a change is done. By default nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Precondition {
    /// The resource is in one of these states.
    pub matches: Option<States>,
    /// The resource is in none of these states.
    pub matches_none: Option<States>,
}

impl Precondition {
    /// Looks whether it holds for a resource with this entity tag; `None` is a resource that is not there.
    pub(crate) fn check(&self, found: Option<&str>) -> Result<(), Error> {
        let fails = |condition: &Option<States>, wanted: bool| {
            condition
                .as_ref()
                .filter(|states| states.cover(found) != wanted)
                .map(States::to_string)
        };
        match fails(&self.matches, true).or_else(|| fails(&self.matches_none, false)) {
            Some(condition) => Err(Error::PreconditionFailed { condition }),
            None => Ok(()),
        }
    }
}

impl States {
    fn cover(&self, found: Option<&str>) -> bool {
        match (self, found) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::OneOf(tags), Some(found)) => tags.iter().any(|tag| tag == found),
        }
    }
}

impl std::fmt::Display for States {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::OneOf(tags) => f.write_str(&tags.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(tag: &str) -> Option<States> {
        Some(States::OneOf(vec![tag.to_owned(), "\"z\"".to_owned()]))
    }

    #[test]
    fn a_condition_holds_only_in_the_states_it_names() {
        let holds = |matches, matches_none, found: Option<&str>| {
            let condition = Precondition { matches, matches_none };
            condition.check(found).is_ok()
        };
        assert!(holds(None, None, None) && holds(None, None, Some("\"a\"")));
        assert!(holds(one("\"a\""), None, Some("\"a\"")) && !holds(one("\"a\""), None, Some("\"b\"")));
        assert!(!holds(one("\"a\""), None, None), "what is not there matches nothing");
        assert!(holds(Some(States::Any), None, Some("\"b\"")) && !holds(Some(States::Any), None, None));
        assert!(holds(None, Some(States::Any), None) && !holds(None, Some(States::Any), Some("\"a\"")));
        assert!(holds(None, one("\"a\""), Some("\"b\"")) && !holds(None, one("\"a\""), Some("\"a\"")));
    }
}
