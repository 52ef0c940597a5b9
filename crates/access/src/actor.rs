//! Who acts: the name that upload sessions are bound to and that logs and events carry. Not what they may do
//! ([`Rights`](crate::Rights)), and not how they proved it.

use std::fmt;

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Nobody in particular: a request without credentials, or with an anonymous token.
    Anonymous,
    /// A registry's admin account.
    Admin {
        /// The registry's name, which is also the account's user name.
        registry: String,
    },
    /// A named token whose rights are a scope map.
    Token {
        /// The token's name, unique in its registry.
        name: String,
    },
    /// A service principal or person of the directory.
    Principal {
        /// The application or object id.
        id: String,
    },
    /// Whoever runs this server: its commands and its own background jobs.
    Operator,
}

impl Actor {
    /// A text that is equal for equal actors and differs for different ones, such as `admin:myregistry`. An upload session
    /// belongs to the actor whose key it holds.
    #[must_use]
    pub fn key(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::Admin { registry } => write!(f, "admin:{registry}"),
            Self::Token { name } => write!(f, "token:{name}"),
            Self::Principal { id } => write!(f, "principal:{id}"),
            Self::Operator => f.write_str("operator"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_between_kinds_with_the_same_name() {
        let name = "operator".to_owned();
        let actors = [
            Actor::Anonymous,
            Actor::Admin { registry: name.clone() },
            Actor::Token { name: name.clone() },
            Actor::Principal { id: name },
            Actor::Operator,
        ];
        let keys: std::collections::HashSet<String> = actors.iter().map(Actor::key).collect();
        assert_eq!(keys.len(), actors.len());
    }
}
