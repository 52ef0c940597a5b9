//! What refusals of operations on tokens and scope maps look like in ARM.

use holdfast_arm::{Code, Error as Arm};
use holdfast_resources::TokenError;

pub(super) fn token_error(error: TokenError) -> Arm {
    match error {
        TokenError::MapUnknown { name } | TokenError::Unknown { name } => Arm::child_not_found(&name),
        TokenError::MapOfSystem { name } => Arm::of_provider(
            Code::BadRequest,
            format!("The scope map {name} is defined by the system. It cannot be created, updated or deleted."),
        ),
        TokenError::MapInUse { name, token } => Arm::conflict(&format!(
            "The scope map {name} is in use by the token {token}. Please associate the token with another scope map \
             and try again."
        )),
        TokenError::MapMissing => Arm::invalid_parameter("properties.scopeMapId", "The scope map ID is required."),
        TokenError::MapElsewhere { id } => Arm::invalid_parameter(
            "properties.scopeMapId",
            &format!("The scope map '{id}' could not be found in this registry."),
        ),
        TokenError::Elsewhere { id } => Arm::invalid_parameter(
            "tokenId",
            &format!("The ID '{id}' is not that of a token of this registry."),
        ),
        TokenError::NameReserved { name, whose } => Arm::of_provider(
            Code::ReservedResourceName,
            format!("The token name {name} cannot be used, for it is the user name of {whose}."),
        ),
        TokenError::PasswordUnknown { slot } => Arm::invalid_parameter(
            "properties.credentials.passwords",
            &format!("The token has no password{slot}. Passwords are created by generateCredentials."),
        ),
        TokenError::ExpiryFixed { slot } => Arm::invalid_parameter(
            "properties.credentials.passwords",
            &format!("The expiry of password{slot} cannot be updated. Please generate the password again."),
        ),
        TokenError::ExpiryPast => Arm::invalid_parameter("expiry", "The expiry must be in the future."),
    }
}
