//! Why the token service says no, in OAuth's codes with the numbers of Entra ID's table of errors: `az` and the SDKs show
//! the text, and people search the web for the number.

use holdfast_identity::throttle::TooMany;

use crate::error::Error;

/// Text of others in a message ends here.
const MAX_PRINTABLE_CHARS: usize = 256;

fn refuse(code: &'static str, number: u32, description: impl Into<String>) -> Error {
    Error::OAuth {
        code,
        number,
        description: description.into(),
    }
}

fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(MAX_PRINTABLE_CHARS)
        .collect()
}

pub(super) fn unknown_tenant(tenant: &str) -> Error {
    refuse(
        "invalid_request",
        90002,
        format!("Tenant '{}' not found.", printable(tenant)),
    )
}

pub(super) fn unknown_grant_type() -> Error {
    refuse(
        "unsupported_grant_type",
        70003,
        "The app requested an unsupported grant type; this directory knows client_credentials, authorization_code, \
         device_code and refresh_token.",
    )
}

/// A program that asks people for their password and passes it on.
pub(super) fn passwords_stay_here() -> Error {
    refuse(
        "unsupported_grant_type",
        70003,
        "This directory takes the passwords of people on its own sign-in page only. Sign in with 'az login' or 'az \
         login --use-device-code', and programs as a service principal.",
    )
}

pub(super) fn scope_without_resource() -> Error {
    refuse(
        "invalid_scope",
        70011,
        "The provided request must include a 'scope' input parameter that ends in /.default.",
    )
}

pub(super) fn unknown_resource(resource: &str, base_url: &str) -> Error {
    refuse(
        "invalid_resource",
        500_011,
        format!(
            "The resource principal named '{}' was not found in this directory. Ask for '{base_url}/', or for \
             'https://management.azure.com', 'https://graph.microsoft.com' or 'https://containerregistry.azure.net'.",
            printable(resource)
        ),
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

pub(super) fn unknown_client(id: &str) -> Error {
    refuse(
        "unauthorized_client",
        700_016,
        format!(
            "Application with identifier '{}' was not found in the directory, or is no program that people sign in with.",
            printable(id)
        ),
    )
}

/// The scope is longer than is kept.
pub(super) fn scope_too_large(limit_bytes: usize) -> Error {
    refuse(
        "invalid_scope",
        70011,
        format!("The provided value for the input parameter 'scope' is longer than {limit_bytes} bytes."),
    )
}

/// A value is longer than is carried from page to page.
pub(super) fn value_too_large(parameter: &str, limit_bytes: usize) -> Error {
    refuse(
        "invalid_request",
        90100,
        format!("The provided value for the input parameter '{parameter}' is longer than {limit_bytes} bytes."),
    )
}

pub(super) fn missing(parameter: &str) -> Error {
    refuse(
        "invalid_request",
        900_144,
        format!("The request body must contain the following parameter: '{parameter}'."),
    )
}

pub(super) fn assertion_malformed(reason: &str) -> Error {
    refuse(
        "invalid_request",
        50027,
        format!("JWT token is invalid or malformed: {reason}."),
    )
}

pub(super) fn assertion_not_signed() -> Error {
    refuse(
        "invalid_client",
        700_027,
        "Client assertion failed signature validation: no certificate of the application, or key of its issuer, signed it.",
    )
}

pub(super) fn assertion_out_of_time(reason: &str) -> Error {
    refuse(
        "invalid_client",
        700_024,
        format!("Client assertion is not within its valid time range: {reason}."),
    )
}

pub(super) fn assertion_audience(wanted: &str) -> Error {
    refuse(
        "invalid_client",
        700_023,
        format!("Client assertion audience claim does not match the realm issuer; it must be '{wanted}'."),
    )
}

pub(super) fn assertion_subject() -> Error {
    refuse(
        "invalid_client",
        700_021,
        "Client assertion application identifier doesn't match 'client_id' parameter.",
    )
}

pub(super) fn assertion_used() -> Error {
    refuse(
        "invalid_client",
        700_027,
        "Client assertion was used before for the same resource; make a new one.",
    )
}

pub(super) fn no_federated_issuer(issuer: &str) -> Error {
    refuse(
        "invalid_client",
        700_211,
        format!(
            "No matching federated identity record found for presented assertion issuer '{}'.",
            printable(issuer)
        ),
    )
}

pub(super) fn no_federated_audience() -> Error {
    refuse(
        "invalid_client",
        700_212,
        "No matching federated identity record found for presented assertion audience.",
    )
}

pub(super) fn no_federated_subject(subject: &str) -> Error {
    refuse(
        "invalid_client",
        700_213,
        format!(
            "No matching federated identity record found for presented assertion subject '{}'.",
            printable(subject)
        ),
    )
}

pub(super) fn issuer_away(issuer: &str) -> Error {
    refuse(
        "temporarily_unavailable",
        90033,
        format!(
            "The signing keys of '{}' could not be had. Please try again.",
            printable(issuer)
        ),
    )
}

pub(super) fn wrong_password() -> Error {
    refuse("invalid_grant", 50126, "Your account or password is incorrect.")
}

pub(super) fn disabled() -> Error {
    refuse("invalid_grant", 50057, "The user account is disabled.")
}

pub(super) fn nobody_answered_yet() -> Error {
    refuse(
        "authorization_pending",
        70016,
        "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
    )
}

pub(super) fn asked_too_soon() -> Error {
    refuse(
        "slow_down",
        1_000_007,
        "The device asks too often; wait for the interval between two requests.",
    )
}

pub(super) fn device_code_expired() -> Error {
    refuse(
        "expired_token",
        70020,
        "The provided value for the input parameter 'device_code' is not valid: the code has expired.",
    )
}

pub(super) fn device_code_unknown() -> Error {
    refuse(
        "bad_verification_code",
        70018,
        "Invalid verification code: it is unknown here, another client's, or was redeemed already.",
    )
}

pub(super) fn declined() -> Error {
    refuse("access_denied", 65004, "User declined to sign in to the program.")
}

pub(super) fn code_not_good() -> Error {
    refuse(
        "invalid_grant",
        70008,
        "The provided authorization code or refresh token has expired, was used, or is revoked. Send a new interactive \
         sign-in request.",
    )
}

pub(super) fn wrong_verifier() -> Error {
    refuse(
        "invalid_grant",
        501_481,
        "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
    )
}

pub(super) fn challenge_wanted() -> Error {
    refuse(
        "invalid_request",
        50_148,
        "Proof Key for Code Exchange is required: send a code_challenge of the method S256.",
    )
}

pub(super) fn other_redirect() -> Error {
    refuse(
        "invalid_request",
        50011,
        "The redirect URI specified in the request must be http://localhost with the port at which the program listens.",
    )
}

pub(super) fn unknown_response(parameter: &str) -> Error {
    refuse(
        "unsupported_response_type",
        70005,
        format!("The value of '{parameter}' is not supported: only codes are issued, by query or form_post."),
    )
}

pub(super) fn form_of_another_site() -> Error {
    refuse(
        "invalid_request",
        900_561,
        "The form was not sent from the sign-in page of this server, or was open for too long. Open the page again.",
    )
}

pub(super) fn throttled(wait: TooMany) -> Error {
    Error::Throttled {
        retry_after_secs: u64::try_from(wait.retry_after_secs).unwrap_or(1),
    }
}

/// Too many at once, whoever they are.
pub(super) fn busy() -> Error {
    Error::Throttled { retry_after_secs: 5 }
}
