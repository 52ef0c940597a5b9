//! Why an operation on tokens or scope maps was not done.

/// A refusal of an operation on tokens or scope maps.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No such scope map.
    #[error("scope map {name} is not known to this registry")]
    MapUnknown {
        /// As asked for.
        name: String,
    },
    /// The system's own scope maps stay as they are.
    #[error("scope map {name} is the system's own and cannot be changed; make another one")]
    MapOfSystem {
        /// The scope map.
        name: &'static str,
    },
    /// A token has the scope map.
    #[error("scope map {name} is used by token {token}; give that another one first")]
    MapInUse {
        /// The scope map.
        name: String,
        /// One token that has it.
        token: String,
    },
    /// A token was asked for without one.
    #[error("a token needs a scope map")]
    MapMissing,
    /// The id is not that of a scope map of this registry.
    #[error("{id} is no scope map of this registry")]
    MapElsewhere {
        /// As asked for.
        id: String,
    },
    /// No such token.
    #[error("token {name} is not known to this registry")]
    Unknown {
        /// As asked for.
        name: String,
    },
    /// The id is not that of a token of this registry.
    #[error("{id} is no token of this registry")]
    Elsewhere {
        /// As asked for.
        id: String,
    },
    /// The name is a user name of another kind.
    #[error("a token cannot be named {name}, for that is the user name of {whose}")]
    NameReserved {
        /// As asked for.
        name: String,
        /// Whose it is.
        whose: &'static str,
    },
    /// The token has no such password.
    #[error("the token has no password{slot}; generate it instead")]
    PasswordUnknown {
        /// Which one.
        slot: u8,
    },
    /// The end of a password is set when it is generated.
    #[error("the expiry of password{slot} cannot be changed; generate the password again")]
    ExpiryFixed {
        /// Which one.
        slot: u8,
    },
    /// A password that is to have ended before it begins.
    #[error("the expiry is not in the future")]
    ExpiryPast,
}
