//! Why the token service says no, in OAuth's codes with the numbers of Entra ID's table of errors: `az` and the SDKs show
//! the text, and people search the web for the number.

use holdfast_identity::throttle::TooMany;

use crate::error::Error;

fn refuse(code: &'static str, number: u32, description: impl Into<String>) -> Error {
    Error::OAuth {
        code,
        number,
        description: description.into(),
    }
}

pub(super) fn unknown_tenant(tenant: &str) -> Error {
    let shown: String = tenant.chars().take(64).collect();
    refuse("invalid_request", 90002, format!("Tenant '{shown}' not found."))
}

pub(super) fn unknown_grant_type() -> Error {
    refuse(
        "unsupported_grant_type",
        70003,
        "The app requested an unsupported grant type; this directory knows client_credentials.",
    )
}

pub(super) fn scope_without_resource() -> Error {
    refuse(
        "invalid_scope",
        70011,
        "The provided request must include a 'scope' input parameter that ends in /.default.",
    )
}

/// The scope makes a token that is too long for anybody to use.
pub(super) fn scope_too_long(error: &holdfast_identity::token::Error) -> Error {
    refuse("invalid_scope", 70011, error.to_string())
}

/// Whether the application is unknown or its secret wrong is not told.
pub(super) fn wrong_secret() -> Error {
    refuse(
        "invalid_client",
        7_000_215,
        "Invalid client id or client secret provided, or the secret has expired.",
    )
}

pub(super) fn throttled(wait: TooMany) -> Error {
    Error::Throttled {
        retry_after_secs: u64::try_from(wait.retry_after_secs).unwrap_or(0),
    }
}
